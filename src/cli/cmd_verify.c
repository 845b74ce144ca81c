/* whittle verify: take something away, run the command again, see whether it still works. */
#include <cli/cli.h>
#include <cli/verified.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <whittle/file.h>
#include <whittle/policy.h>

enum {
	OPTION_ABLATE = 256,
	OPTION_SETUP,
	OPTION_CHECK,
	OPTION_EXERCISE,
	OPTION_READY,
	OPTION_EXPECT,
	OPTION_COMPARE,
	OPTION_TIMEOUT,
	OPTION_JSON
};

static const struct option long_options[] = {
	{ "ablate", required_argument, NULL, OPTION_ABLATE },
	{ "setup", required_argument, NULL, OPTION_SETUP },
	{ "check", required_argument, NULL, OPTION_CHECK },
	{ "exercise", required_argument, NULL, OPTION_EXERCISE },
	{ "ready", required_argument, NULL, OPTION_READY },
	{ "expect", required_argument, NULL, OPTION_EXPECT },
	{ "compare", required_argument, NULL, OPTION_COMPARE },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "json", no_argument, NULL, OPTION_JSON },
	COMMON_OPTIONS,
};

struct verify_options {
	struct ablate_options ablate;
	const char *output; /* directory, or NULL */
	bool json;
};

static int parse_compare(const char *text, enum ablate_compare *ret_compare)
{
	static const char *const names[] = {
		[COMPARE_AUTO] = "auto",
		[COMPARE_OUTPUT] = "output",
		[COMPARE_STATUS] = "status",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], text) == 0) {
			*ret_compare = (enum ablate_compare)i;
			return 0;
		}
	return -1;
}

/* Options whose argument is kept as it is. */
static const struct {
	int option;
	size_t text; /* offset of a const char * in struct verify_options */
} texts[] = {
	{ 'o', offsetof(struct verify_options, output) },
	{ OPTION_SETUP, offsetof(struct verify_options, ablate.setup) },
	{ OPTION_CHECK, offsetof(struct verify_options, ablate.check) },
	{ OPTION_EXERCISE, offsetof(struct verify_options, ablate.exercise) },
	{ OPTION_READY, offsetof(struct verify_options, ablate.ready) },
};

/* Takes one option; 0, or the exit code of a mistake. */
static int take_option(int option, struct verify_options *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].option == option) {
			*(const char **)((char *)options + texts[i].text) = optarg;
			return 0;
		}
	switch (option) {
	case OPTION_ABLATE:
		if (strcmp(optarg, "caps") != 0)
			return usage_error("verify", "--ablate takes caps, not '%s'", optarg);
		return 0;
	case OPTION_EXPECT:
		if (parse_status(optarg, &options->ablate.expect) < 0)
			return usage_error("verify", "'%s' is no exit status (0-255)", optarg);
		return 0;
	case OPTION_COMPARE:
		if (parse_compare(optarg, &options->ablate.compare) < 0)
			return usage_error("verify",
					   "--compare takes auto, output or status, not '%s'",
					   optarg);
		return 0;
	case OPTION_TIMEOUT:
		if (parse_seconds(optarg, &options->ablate.timeout) < 0)
			return usage_error("verify", "'%s' is no number of seconds", optarg);
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	default:
		return 2;
	}
}

/*
 * Options and evidence stand before the first "--", the command after it. -1 to go on, with what is
 * evidence from argv[optind] to argv[*ret_end]; else the exit status.
 */
static int parse(int argc, char **argv, struct verify_options *options, int *ret_end)
{
	int end = 1, option, code;

	while (end < argc && strcmp(argv[end], "--") != 0)
		end++;
	while ((option = next_option("verify", end, argv, COMMON_LETTERS, long_options)) != -1) {
		if (option == 'h')
			return 0;
		if ((code = take_option(option, options)))
			return code;
	}
	if (end + 1 >= argc)
		return usage_error("verify", "no command to run: -- COMMAND [ARG...]");
	if (!options->ablate.exercise != !options->ablate.ready)
		return usage_error("verify", "--exercise and --ready go together");
	if (options->ablate.exercise && options->ablate.expect)
		return usage_error("verify", "with --exercise the client's status is the outcome: "
					     "--expect has no use");
	options->ablate.argv = argv + end + 1;
	*ret_end = end;
	return -1;
}

/* ---- what was recorded ---- */

static int take_list(const struct policy *policy, uint64_t *ret_mask, struct error *err)
{
	uint64_t mask = 0;

	if (policy_require(policy, FACET_CAPS, "verify", err) < 0)
		return -1;
	for (size_t i = 0; i < policy->capability_count; i++) {
		cap_value_t cap;

		if (cap_from_name(policy->capabilities[i].name, &cap) < 0 || cap > 63)
			return fail(err, ERROR_INPUT, 0, "%s is no capability known here",
				    policy->capabilities[i].name);
		mask |= (uint64_t)1 << cap;
	}
	if (!policy->complete)
		warn("the evidence is incomplete: a run lost something or failed");
	*ret_mask = mask;
	return 0;
}

/* *ret_policy is NULL if there is no evidence; else it is freed by policy_free(). */
static int load_recorded(char *const *paths, size_t count, struct ablate_options *options,
			 struct policy **ret_policy, struct error *err)
{
	struct policy_options policy_options = { .runtime = "none", .no_new_privileges = "any" };
	struct evidence *evidence;
	struct policy *policy;

	options->has_recorded = count > 0;
	if (!count) {
		*ret_policy = NULL;
		return 0;
	}
	if (cli_load_evidence(paths, count, &evidence, err) < 0)
		return -1;
	int result = policy_derive(evidence, &policy_options, &policy, err);
	evidence_free(evidence);
	if (result < 0)
		return -1;
	if (take_list(policy, &options->recorded, err) < 0) {
		policy_free(policy);
		return -1;
	}
	*ret_policy = policy;
	return 0;
}

/* ---- the result ---- */

static void say_run(void *context, uint64_t kept, const char *why)
{
	(void)context;
	say("with %d capabilities: %s", __builtin_popcountll(kept), why ? why : "passes");
}

static int write_files(const struct verify_options *options, const struct ablation *found,
		       const struct policy *policy, const struct buf *json, int fd,
		       struct error *err)
{
	AUTO_BUF struct buf list = BUF_INIT;

	verified_list(&options->ablate, found, policy, &list);
	if (file_replace(fd, "verified.json", json->data, json->length, err) < 0)
		return -1;
	return file_replace(fd, "capabilities.txt", list.data, list.length, err);
}

static int write_result(const struct verify_options *options, const struct ablation *found,
			const struct policy *policy, int fd, struct error *err)
{
	AUTO_BUF struct buf table = BUF_INIT, json = BUF_INIT;

	verified_table(&options->ablate, found, &table);
	verified_json(&options->ablate, found, &json);
	const struct buf *out = options->json ? &json : &table;
	if (fd >= 0 && write_files(options, found, policy, &json, fd, err) < 0)
		return -1;
	if (fwrite(out->data, 1, out->length, stdout) != out->length || fflush(stdout) != 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot write standard output");
	return 0;
}

static void say_result(const struct ablate_options *options, const struct ablation *found)
{
	int missing = __builtin_popcountll(verified_missing(options, found));
	int needless = __builtin_popcountll(verified_needless(options, found));

	say("%zu runs: %d of %d capabilities needed", found->runs,
	    __builtin_popcountll(found->minimal), __builtin_popcountll(found->all));
	if (!found->output_compared)
		say("standard output was not compared%s",
		    options->compare == COMPARE_AUTO && !options->exercise
			    ? ": two runs with all capabilities differ in it"
			    : "");
	if (found->recorded_why)
		say("with what is recorded alone: %s", found->recorded_why);
	if (missing || needless)
		say("the recorded list is another: %d not in it, %d not needed", missing, needless);
	else if (options->has_recorded)
		say("the recorded list is proven");
}

static int verify_list(const struct verify_options *options, const struct policy *policy, int fd,
		       struct error *err)
{
	const struct ablate_options *ablate = &options->ablate;
	struct ablation found;

	if (ablate_capabilities(ablate, &found, err) < 0)
		return -1;
	int result = write_result(options, &found, policy, fd, err);
	if (result == 0) {
		say_result(ablate, &found);
		result = ablate->has_recorded && found.minimal != ablate->recorded;
	}
	ablation_free(&found);
	return result;
}

/* The exit status; -1 with err for 2. */
static int verify(struct verify_options *options, char *const *paths, size_t count,
		  struct error *err)
{
	AUTO_CLOSE int fd = -1;
	struct policy *policy;

	if (options->output && file_open_dir(options->output, &fd, err) < 0)
		return -1;
	if (load_recorded(paths, count, &options->ablate, &policy, err) < 0)
		return -1;
	int result = verify_list(options, policy, fd, err);
	policy_free(policy);
	return result;
}

int cmd_verify(int argc, char **argv)
{
	struct verify_options options = { .ablate.show = -1 };
	struct error err = { .kind = ERROR_NONE };
	int end = 0;
	int code = parse(argc, argv, &options, &end);

	if (code >= 0)
		return code;
	if (verbosity() > 1) {
		options.ablate.show = STDERR_FILENO;
		options.ablate.progress = say_run;
	}
	int result = verify(&options, argv + optind, (size_t)(end - optind), &err);
	if (result < 0)
		report_error(&err);
	return result < 0 ? 2 : result;
}
