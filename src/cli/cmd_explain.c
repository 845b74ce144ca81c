/* whittle explain: whom calls are granted for; paths granted against observed. */
#include <cli/cli.h>

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <whittle/escape.h>
#include <whittle/reach.h>

struct explain_options {
	bool paths, syscalls;
	const char *root;
	struct policy_options policy;
};

enum { OPTION_PATHS = 256, OPTION_SYSCALLS, OPTION_ROOT, OPTION_RUNTIME, OPTION_NNP };

static const struct option long_options[] = {
	{ "paths", no_argument, NULL, OPTION_PATHS },
	{ "syscalls", no_argument, NULL, OPTION_SYSCALLS },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "runtime", required_argument, NULL, OPTION_RUNTIME },
	{ "no-new-privileges", required_argument, NULL, OPTION_NNP },
	COMMON_OPTIONS,
};

static int finish(struct error *err)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail(err, ERROR_SYSTEM, errno, "cannot write standard output");
	return 0;
}

static void print_line(const char *before, const char *text)
{
	AUTO_BUF struct buf line = BUF_INIT;

	escape_terminal(&line, text, strlen(text));
	printf("%s%s\n", before, buf_text(&line));
}

/* ---- system calls ---- */

static void print_call(const struct seccomp_rule *rule)
{
	AUTO_BUF struct buf arguments = BUF_INIT;

	for (size_t i = 0; i < rule->condition_count; i++) {
		buf_adds(&arguments, i ? " or " : "  where ");
		arg_condition_print(&rule->conditions[i], &arguments);
	}
	printf("%-16s  %s%s%s\n", rule_needed_by(rule), rule->name, buf_text(&arguments),
	       rule->refused ? "  (refused each time)" : "");
	for (size_t i = 0; i < rule->voided.count; i++)
		print_line("                    # void: ", rule->voided.line[i]);
	for (size_t i = 0; verbosity() > 1 && i < rule->why.count; i++)
		print_line("                    # ", rule->why.line[i]);
}

static int print_calls(const struct policy *policy, struct error *err)
{
	size_t program = 0, runtime = 0, voided = 0;

	if (verbosity() > 0 && policy->seccomp_count)
		puts("NEEDED BY         SYSCALL");
	for (size_t i = 0; i < policy->seccomp_count; i++) {
		const struct seccomp_rule *rule = &policy->seccomp[i];

		program += (rule->groups & GROUP_PROGRAM) != 0;
		runtime += rule_is_floor_only(rule);
		voided += rule->voided.count;
		if (verbosity() > 0)
			print_call(rule);
	}
	printf("%zu syscalls: %zu by the program, %zu that it may make, %zu for the runtime only; "
	       "%zu void argument rules\n",
	       policy->seccomp_count, program, policy->seccomp_count - program - runtime, runtime,
	       voided);
	return finish(err);
}

/* ---- paths ---- */

/* Patterns and letters are whittle's own words; reasons may hold anything. */
static void print_rule(const struct reach_rule *reached)
{
	const struct apparmor_rule *rule = reached->rule;

	printf("%7zu  %s%s%s%s%s\n", reached->matches, rule->owner ? "owner " : "",
	       rule->class == APPARMOR_LINK ? "link " : "", reached->pattern,
	       *rule->perms ? " " : "", rule->perms);
	for (size_t i = 0; verbosity() > 1 && i < rule->why.count; i++)
		print_line("           # ", rule->why.line[i]);
}

static int print_reach(const struct reach *reach, struct error *err)
{
	if (verbosity() > 0 && reach->count)
		puts("MATCHES  PATTERN");
	for (size_t i = 0; verbosity() > 0 && i < reach->count; i++)
		print_rule(&reach->rules[i]);
	printf("over-grant: %zu granted / %zu used = %.2f\n", reach->granted, reach->used,
	       reach->used ? (double)reach->granted / (double)reach->used : 1.0);
	if (finish(err) < 0)
		return -1;
	if (reach->unread)
		warn("%zu director%s could not be read: the numbers are at least those",
		     reach->unread, reach->unread == 1 ? "y" : "ies");
	return 0;
}

static int explain_paths(const struct explain_options *options, const struct policy *policy,
			 struct error *err)
{
	struct reach reach;

	if (policy_require(policy, FACET_CAPS | FACET_PATHS, "explain --paths", err) < 0)
		return -1;
	if (reach_measure(policy, options->root, &reach, err) < 0)
		return -1;
	int rc = print_reach(&reach, err);
	reach_free(&reach);
	return rc;
}

static int run(const struct explain_options *options, char *const *paths, size_t count,
	       struct error *err)
{
	struct evidence *evidence;
	struct policy *policy;

	if (cli_load_evidence(paths, count, &evidence, err) < 0)
		return -1;
	int rc = policy_derive(evidence, &options->policy, &policy, err);
	evidence_free(evidence);
	if (rc < 0)
		return -1;
	if (!policy->complete)
		warn("the evidence is incomplete: the workload may use more");
	rc = options->paths ? explain_paths(options, policy, err) : print_calls(policy, err);
	policy_free(policy);
	return rc;
}

static void take_option(int option, struct explain_options *options)
{
	if (option == OPTION_PATHS)
		options->paths = true;
	else if (option == OPTION_SYSCALLS)
		options->syscalls = true;
	else if (option == OPTION_ROOT)
		options->root = optarg;
	else if (option == OPTION_RUNTIME)
		options->policy.runtime = optarg;
	else if (option == OPTION_NNP)
		options->policy.no_new_privileges = optarg;
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
		take_option(option, &options);
	}
	if (options.paths == options.syscalls)
		return usage_error("explain", "what? --syscalls or --paths");
	if (optind >= argc)
		return usage_error("explain", "which evidence?");
	if (run(&options, argv + optind, (size_t)(argc - optind), &err) < 0) {
		report_error(&err);
		return 2;
	}
	return 0;
}
