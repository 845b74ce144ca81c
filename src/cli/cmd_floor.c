/* whittle floor measure: which calls of its own a container runtime needs. */
#include <cli/cli.h>

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <whittle/file.h>
#include <whittle/measure.h>

enum { OPTION_RUNTIME = 256, OPTION_RUNS, OPTION_TIMEOUT, OPTION_NO_BISECT };

static const struct option long_options[] = {
	{ "runtime", required_argument, NULL, OPTION_RUNTIME },
	{ "runs", required_argument, NULL, OPTION_RUNS },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "no-bisect", no_argument, NULL, OPTION_NO_BISECT },
	COMMON_OPTIONS,
};

static int parse_runs(const char *text, size_t *ret_runs)
{
	char *end;
	long runs = strtol(text, &end, 10);

	if (!*text || *end || runs < 1 || runs > 1000)
		return -1;
	*ret_runs = (size_t)runs;
	return 0;
}

static int take_option(int option, struct measure_options *options, const char **ret_output)
{
	if (option == 'o')
		*ret_output = optarg;
	else if (option == OPTION_RUNTIME)
		options->runtime = optarg;
	else if (option == OPTION_RUNS && parse_runs(optarg, &options->runs) < 0)
		return usage_error("floor", "--runs is a number from 1 to 1000, not %s", optarg);
	else if (option == OPTION_TIMEOUT && parse_seconds(optarg, &options->timeout) < 0)
		return usage_error("floor", "--timeout is a number of seconds, not %s", optarg);
	else if (option == OPTION_NO_BISECT)
		options->bisect = false;
	return -1;
}

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct measure_options *options, const char **ret_output)
{
	int option;

	while ((option = next_option("floor", argc, argv, COMMON_LETTERS, long_options)) != -1) {
		if (option == 'h' || option == '?')
			return option == 'h' ? 0 : 2;
		int status = take_option(option, options, ret_output);
		if (status >= 0)
			return status;
	}
	if (optind >= argc || strcmp(argv[optind], "measure") != 0)
		return usage_error("floor", "what? there is: measure");
	if (optind + 1 < argc)
		return usage_error("floor", "measure takes options only, not %s", argv[optind + 1]);
	return options->runtime ? -1 : usage_error("floor", "which runtime? --runtime PATH");
}

static void tell(void *context, const char *what)
{
	(void)context;
	say("%s", what);
}

static int write_text(const char *output, const struct buf *text, struct error *err)
{
	if (strcmp(output, "-") != 0)
		return file_replace(AT_FDCWD, output, buf_text(text), text->length, err);
	if (fwrite(buf_text(text), 1, text->length, stdout) != text->length || fflush(stdout) != 0)
		return fail(err, ERROR_SYSTEM, 0, "cannot write standard output");
	return 0;
}

int cmd_floor(int argc, char **argv)
{
	struct measure_options options = {
		.runs = 5, .bisect = true, .timeout = 30, .progress = tell
	};
	struct error err = { .kind = ERROR_NONE };
	AUTO_BUF struct buf text = BUF_INIT;
	const char *output = "-";
	int status = parse(argc, argv, &options, &output);

	if (status >= 0)
		return status;
	if (measure_floor(&options, &text, &err) < 0 || write_text(output, &text, &err) < 0) {
		report_error(&err);
		return 2;
	}
	return 0;
}
