#include <whittle/base.h>

#include <stdio.h>
#include <string.h>

static void *checked(void *memory)
{
	if (!memory) {
		static const char text[] = "whittle: out of memory\n";

		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			_exit(EXIT_WHITTLE);
		_exit(EXIT_WHITTLE);
	}
	return memory;
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t count, size_t size)
{
	return checked(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return checked(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
	return checked(strndup(text, length));
}

char *xasprintf(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	return checked(length < 0 ? NULL : text);
}

int fail(struct error *err, enum error_kind kind, int number, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err->kind = kind;
	err->number = number;
	err->hint[0] = '\0';
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -1;
}

int fail_hint(struct error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->hint, sizeof(err->hint), format, args);
	va_end(args);
	return -1;
}
