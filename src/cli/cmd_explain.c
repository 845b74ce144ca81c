/* whittle explain --paths: granted against observed. */
#include <cli/cli.h>

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <whittle/escape.h>
#include <whittle/reach.h>

struct explain_options {
	bool paths;
	const char *root;
};

enum { OPTION_PATHS = 256, OPTION_ROOT };

static const struct option long_options[] = {
	{ "paths", no_argument, NULL, OPTION_PATHS },
	{ "root", required_argument, NULL, OPTION_ROOT },
	COMMON_OPTIONS,
};

/* Patterns and letters are whittle's own words; reasons may hold anything. */
static void print_rule(const struct reach_rule *reached)
{
	const struct apparmor_rule *rule = reached->rule;

	printf("%7zu  %s%s%s%s%s\n", reached->matches, rule->owner ? "owner " : "",
	       rule->class == APPARMOR_LINK ? "link " : "", reached->pattern,
	       *rule->perms ? " " : "", rule->perms);
	for (size_t i = 0; verbosity() > 1 && i < rule->why.count; i++) {
		AUTO_BUF struct buf line = BUF_INIT;

		escape_terminal(&line, rule->why.line[i], strlen(rule->why.line[i]));
		printf("           # %s\n", buf_text(&line));
	}
}

static int print_reach(const struct reach *reach, struct error *err)
{
	if (verbosity() > 0 && reach->count)
		puts("MATCHES  PATTERN");
	for (size_t i = 0; verbosity() > 0 && i < reach->count; i++)
		print_rule(&reach->rules[i]);
	printf("over-grant: %zu granted / %zu used = %.2f\n", reach->granted, reach->used,
	       reach->used ? (double)reach->granted / (double)reach->used : 1.0);
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail(err, ERROR_SYSTEM, errno, "cannot write standard output");
	if (reach->unread)
		warn("%zu director%s could not be read: the numbers are at least those",
		     reach->unread, reach->unread == 1 ? "y" : "ies");
	return 0;
}

static int explain(const struct explain_options *options, const struct policy *policy,
		   struct error *err)
{
	struct reach reach;

	if (policy_require(policy, FACET_CAPS | FACET_PATHS, "explain --paths", err) < 0)
		return -1;
	if (!policy->complete)
		warn("the evidence is incomplete: the workload may use more");
	if (reach_measure(policy, options->root, &reach, err) < 0)
		return -1;
	int rc = print_reach(&reach, err);
	reach_free(&reach);
	return rc;
}

static int run(const struct explain_options *options, char *const *paths, size_t count,
	       struct error *err)
{
	const struct policy_options defaults = { .runtime = NULL };
	struct evidence *evidence;
	struct policy *policy;

	if (cli_load_evidence(paths, count, &evidence, err) < 0)
		return -1;
	int rc = policy_derive(evidence, &defaults, &policy, err);
	evidence_free(evidence);
	if (rc < 0)
		return -1;
	rc = explain(options, policy, err);
	policy_free(policy);
	return rc;
}

int cmd_explain(int argc, char **argv)
{
	struct explain_options options = { .root = "/" };
	struct error err = { .kind = ERROR_NONE };
	int option;

	while ((option = next_option("explain", argc, argv, "qvh", long_options)) != -1) {
		if (option == 'h' || option == '?')
			return option == 'h' ? 0 : 2;
		if (option == 'o')
			return usage_error("explain", "there is no output but standard output");
		if (option == OPTION_PATHS)
			options.paths = true;
		else if (option == OPTION_ROOT)
			options.root = optarg;
	}
	if (!options.paths)
		return usage_error("explain", "what? --paths is all that there is");
	if (optind >= argc)
		return usage_error("explain", "which evidence?");
	if (run(&options, argv + optind, (size_t)(argc - optind), &err) < 0) {
		report_error(&err);
		return 2;
	}
	return 0;
}
