#include <whittle/buf.h>

#include <stdio.h>
#include <string.h>

static void buf_reserve(struct buf *buf, size_t more)
{
	if (more > SIZE_MAX / 4 - buf->length)
		more = SIZE_MAX; /* let the allocation fail: nothing whittle builds is that large */
	if (buf->length + more + 1 <= buf->size && more != SIZE_MAX)
		return;
	size_t size = more == SIZE_MAX ? SIZE_MAX : (buf->length + more + 1) * 2;
	buf->data = xrealloc(buf->data, size < 64 ? 64 : size, 1);
	buf->size = size < 64 ? 64 : size;
}

void buf_add(struct buf *buf, const void *bytes, size_t length)
{
	buf_reserve(buf, length);
	if (length)
		memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void buf_adds(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_addc(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
	char small[256];
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	if (length >= 0 && (size_t)length < sizeof(small)) {
		buf_add(buf, small, (size_t)length);
	} else if (length >= 0) {
		buf_reserve(buf, (size_t)length);
		vsnprintf(buf->data + buf->length, (size_t)length + 1, format, again);
		buf->length += (size_t)length;
	}
	va_end(again);
}

void buf_truncate(struct buf *buf, size_t length)
{
	if (length < buf->length) {
		buf->length = length;
		buf->data[length] = '\0';
	}
}

char *buf_steal(struct buf *buf)
{
	buf_reserve(buf, 0);
	buf->data[buf->length] = '\0';
	char *data = STEAL(buf->data);
	buf->length = buf->size = 0;
	return data;
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf)BUF_INIT;
}
