/*
 * A growing byte buffer. Invariant: data is NUL-terminated at data[length] and never NULL once
 * something was added; the bytes themselves may hold NUL. Zero-initialise with BUF_INIT.
 */
#ifndef WHITTLE_BUF_H
#define WHITTLE_BUF_H

#include <whittle/base.h>

struct buf {
	char *data;
	size_t length;
	size_t size;
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}
#define AUTO_BUF __attribute__((cleanup(buf_free)))

void buf_add(struct buf *buf, const void *bytes, size_t length);
void buf_adds(struct buf *buf, const char *text);
void buf_addc(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_truncate(struct buf *buf, size_t length); /* length <= buf->length */
char *buf_steal(struct buf *buf);            /* caller frees; never NULL; buf is empty after */
const char *buf_text(const struct buf *buf); /* borrowed; "" for an empty buffer */
void buf_free(struct buf *buf);

#endif
