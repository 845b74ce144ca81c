#include <whittle/base.h>

#include <stdio.h>
#include <string.h>

void *xchecked(void *memory)
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
	return xchecked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t count, size_t size)
{
	return xchecked(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return xchecked(strdup(text));
}

bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), wanted = strlen(end);

	return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

char *xstrndup(const char *text, size_t length)
{
	return xchecked(strndup(text, length));
}

char *xasprintf(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	return xchecked(length < 0 ? NULL : text);
}

int fail(struct error *err, enum error_kind kind, int number, const char *format, ...)
{
	char text[sizeof(err->text)]; /* the arguments may be err's own text, to wrap a failure */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(err->text, sizeof(err->text), "%s", text);
	err->kind = kind;
	err->number = number;
	err->hint[0] = '\0';
	return -1;
}

int fail_hint(struct error *err, const char *format, ...)
{
	char text[sizeof(err->hint)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(err->hint, sizeof(err->hint), "%s", text);
	return -1;
}
