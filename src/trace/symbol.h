/* Private to the room: function names of ELF files, by libelf. */
#ifndef TRACE_SYMBOL_H
#define TRACE_SYMBOL_H

#include <sys/types.h>
#include <whittle/base.h>

struct symbols;

struct symbols *symbols_new(void);
void symbols_free(struct symbols *symbols);

/*
 * The symbols of the file open as fd (O_RDONLY), read once; NULL if it is no regular file. Borrowed
 * until symbols_free().
 */
struct symbol_file;
struct symbol_file *symbols_of(struct symbols *symbols, int fd);

/*
 * The function that holds the byte at offset of the file, or "" if the file names none there: only
 * symbols whose size covers it count, as the nearest one before it may be another function of a
 * stripped file. A file that is asked often gets sorted for it.
 */
const char *symbols_find(struct symbol_file *file, uint64_t offset);

#endif
