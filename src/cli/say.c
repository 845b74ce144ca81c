/* Messages: standard error, one line each, whatever bytes a name in them has. */
#include <cli/cli.h>

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <whittle/escape.h>

static int level = 1;

void set_verbosity(int wanted)
{
	level = wanted;
}

int verbosity(void)
{
	return level;
}

/* Prints "whittle: TEXT", or "whittle COMMAND: TEXT". */
static void PRINTF_LIKE(2, 0) print_line(const char *command, const char *format, va_list args)
{
	AUTO_FREE char *text = NULL;
	AUTO_BUF struct buf line = BUF_INIT;
	int length = vasprintf(&text, format, args);

	if (length < 0)
		return;
	escape_terminal(&line, text, (size_t)length);
	fprintf(stderr, "whittle%s%s: %s\n", command ? " " : "", command ? command : "",
		buf_text(&line));
}

void say(const char *format, ...)
{
	va_list args;

	if (level < 1)
		return;
	va_start(args, format);
	print_line(NULL, format, args);
	va_end(args);
}

void warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(NULL, format, args);
	va_end(args);
}

void report_error(const struct error *err)
{
	if (err->number)
		warn("%s: %s", err->text, strerror(err->number));
	else
		warn("%s", err->text);
	if (err->hint[0])
		warn("%s", err->hint);
}

int usage_error(const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(command, format, args);
	va_end(args);
	fprintf(stderr, "Try 'whittle %s --help'.\n", command);
	return 2;
}

int next_option(const char *command, int argc, char **argv, const char *letters,
		const struct option *options)
{
	AUTO_FREE char *self = xasprintf("whittle %s", command);

	for (;;) {
		argv[0] = self; /* what getopt_long(3) begins its own messages with */
		int option = getopt_long(argc, argv, letters, options, NULL);
		argv[0] = (char *)(uintptr_t)command;

		if (option == 'q' || option == 'v') {
			set_verbosity(option == 'q' ? 0 : 2);
			continue;
		}
		if (option == 'h')
			print_help(command_by_name(command));
		if (option == '?')
			fprintf(stderr, "Try 'whittle %s --help'.\n", command);
		return option;
	}
}
