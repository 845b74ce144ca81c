/* whittle merge -o FILE EVIDENCE... */
#include <cli/cli.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct option options[] = {
	COMMON_OPTIONS,
};

static int write_evidence(struct evidence *evidence, const char *output, struct error *err)
{
	AUTO_BUF struct buf text = BUF_INIT;

	if (strcmp(output, "-") != 0)
		return evidence_save(evidence, AT_FDCWD, output, err);
	evidence_print(evidence, &text);
	if (fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout) != 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot write to standard output");
	return 0;
}

static size_t count_facts(const struct evidence *evidence)
{
	size_t all = 0;

	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++) {
		size_t count;

		free(evidence_facts(evidence, kind, &count));
		all += count;
	}
	return all;
}

static void report(const struct evidence *evidence, const char *output)
{
	size_t runs = evidence_run_count(evidence);
	size_t incomplete = 0;

	for (size_t i = 0; i < runs; i++)
		incomplete += !evidence_run_complete(evidence_run_at(evidence, i));
	say("%zu run%s with %zu distinct facts in %s", runs, runs == 1 ? "" : "s",
	    count_facts(evidence), strcmp(output, "-") == 0 ? "standard output" : output);
	if (incomplete > 0)
		say("%zu of them failed or lost something: emit needs --allow-incomplete",
		    incomplete);
}

static int merge(const char *output, char *const *paths, size_t count)
{
	struct evidence *evidence;
	struct error err;

	if (cli_load_evidence(paths, count, &evidence, &err) < 0) {
		report_error(&err);
		return 2;
	}
	int result = write_evidence(evidence, output, &err);
	if (result < 0)
		report_error(&err);
	else
		report(evidence, output);
	evidence_free(evidence);
	return result < 0 ? 2 : 0;
}

int cmd_merge(int argc, char **argv)
{
	const char *output = NULL;
	int option;

	while ((option = next_option("merge", argc, argv, COMMON_LETTERS, options)) >= 0) {
		if (option == 'h')
			return 0;
		if (option != 'o')
			return 2;
		output = optarg;
	}
	if (!output)
		return usage_error("merge", "-o FILE says where to write; it is missing");
	if (!*output)
		return usage_error("merge", "-o wants a file name");
	if (optind == argc)
		return usage_error("merge", "no evidence given");
	return merge(output, argv + optind, (size_t)(argc - optind));
}
