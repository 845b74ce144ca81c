/* Private to the room: function names of ELF files, by libelf. */
#ifndef TRACE_SYMBOL_H
#define TRACE_SYMBOL_H

#include <sys/types.h>
#include <whittle/base.h>

struct symbols;

struct symbols *symbols_new(void);
void symbols_free(struct symbols *symbols);

/*
 * The function that holds the byte at offset of the file open as fd (O_RDONLY), or "" if the file
 * names none there: only symbols whose size covers it count, as the nearest one before it may be
 * another function of a stripped file. Files are read once. Borrowed until symbols_free().
 */
const char *symbols_find(struct symbols *symbols, int fd, uint64_t offset);

#endif
