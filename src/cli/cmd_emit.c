/* whittle emit: evidence -> the text of one target. */
#include <cli/cli.h>
#include <cli/verified.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <whittle/escape.h>
#include <whittle/file.h>
#include <whittle/target.h>

/* Programs that run other people's code: a profile attached to one confines every user of it. */
static const char *const interpreters[] = {
	"ash",   "awk",  "bash",   "busybox", "csh",  "dash",  "deno", "elvish",   "env",
	"fish",  "gawk", "go",     "guile",   "java", "julia", "ksh",  "ld-linux", "ld-musl",
	"ld.so", "lua",  "luajit", "mawk",    "mksh", "mono",  "node", "nodejs",   "nu",
	"perl",  "php",  "pypy",   "python",  "qemu", "rbash", "ruby", "sash",     "sh",
	"tclsh", "tcsh", "toybox", "wine",    "wish", "yash",  "zsh",
};

struct emit_options {
	const struct target *target;
	const char *output; /* "-": standard output */
	struct policy_options policy;
	bool named_filter;  /* --seccomp: that file is ours to write */
	const char *proven; /* of `whittle verify`, or NULL */
	bool allow_incomplete;
};

/* "python3.11" and "perl5.36.0" are python and perl: what follows may begin with no letter. */
static bool is_interpreter(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++) {
		size_t length = strlen(interpreters[i]);

		if (strncmp(base, interpreters[i], length) == 0 &&
		    (!base[length] || strchr("0123456789.-", base[length])))
			return true;
	}
	return false;
}

/*
 * The kernel attaches by the name that an exec resolves to, so the profile names that. *ret_attach
 * is evidence text, freed by the caller.
 */
static int resolve_attach(const char *path, char **ret_attach, struct error *err)
{
	AUTO_BUF struct buf text = BUF_INIT;

	if (path[0] != '/')
		return fail(err, ERROR_INPUT, 0, "--attach takes an absolute path, not %s", path);
	AUTO_FREE char *real = realpath(path, NULL);
	if (!real && errno != ENOENT)
		return fail(err, ERROR_SYSTEM, errno, "cannot look at %s", path);
	const char *name = real ? real : path;
	if (is_interpreter(path) || is_interpreter(name)) {
		fail(err, ERROR_REFUSED, 0,
		     "%s runs other programs' code: a profile attached to it would confine every "
		     "use of it on this machine",
		     name);
		return fail_hint(err, "load the profile by name instead, without --attach");
	}
	escape_text(&text, name, strlen(name));
	*ret_attach = buf_steal(&text);
	return 0;
}

static int write_output(const struct emit_options *options, const struct buf *out,
			struct error *err)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): -o cannot lack its argument */
	if (strcmp(options->output, "-") != 0)
		return file_replace(AT_FDCWD, options->output, buf_text(out), out->length, err);
	if ((options->target->flags & TARGET_BINARY) && isatty(STDOUT_FILENO)) {
		fail(err, ERROR_REFUSED, 0, "%s is binary and standard output is a terminal",
		     options->target->name);
		return fail_hint(err, "give a file with -o FILE");
	}
	if (fwrite(buf_text(out), 1, out->length, stdout) != out->length || fflush(stdout) != 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot write standard output");
	return 0;
}

static int check_complete(const struct policy *policy, bool allowed, struct error *err)
{
	if (policy->complete)
		return 0;
	if (allowed) {
		warn("the evidence is incomplete: the result may deny what the workload needs");
		return 0;
	}
	fail(err, ERROR_REFUSED, 0, "the evidence is incomplete: a run lost something or failed");
	return fail_hint(err, "record it again, or say --allow-incomplete");
}

static int run(const struct emit_options *options, char *const *paths, size_t count,
	       struct error *err)
{
	struct evidence *evidence;
	struct policy *policy;
	AUTO_BUF struct buf out = BUF_INIT;

	if (cli_load_evidence(paths, count, &evidence, err) < 0)
		return -1;
	int rc = policy_derive(evidence, &options->policy, &policy, err);
	evidence_free(evidence);
	if (rc < 0)
		return -1;
	rc = check_complete(policy, options->allow_incomplete, err);
	if (rc == 0)
		rc = target_render(options->target, policy, &out, err);
	if (rc == 0 && (options->target->flags & TARGET_WORDS))
		rc = filter_write(policy, options->named_filter, err);
	policy_free(policy);
	return rc < 0 ? -1 : write_output(options, &out, err);
}

static void unknown_target(const char *name)
{
	AUTO_BUF struct buf known = BUF_INIT;

	for (const struct target *target = targets; target->name; target++)
		buf_addf(&known, "%s%s", known.length ? ", " : "", target->name);
	if (name)
		usage_error("emit", "unknown target %s; there are: %s", name, buf_text(&known));
	else
		usage_error("emit", "which target? there are: %s", buf_text(&known));
}

enum {
	OPTION_RUNTIME = 256,
	OPTION_NNP,
	OPTION_NAME,
	OPTION_ATTACH,
	OPTION_INCOMPLETE,
	OPTION_SECCOMP,
	OPTION_APPARMOR,
	OPTION_SPO_API,
	OPTION_EXEC,
	OPTION_KEEP_ENVIRONMENT,
	OPTION_COMPLAIN,
	OPTION_FORM,
	OPTION_ABI,
	OPTION_PROVEN
};

static const struct option long_options[] = {
	{ "runtime", required_argument, NULL, OPTION_RUNTIME },
	{ "no-new-privileges", optional_argument, NULL, OPTION_NNP },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "attach", required_argument, NULL, OPTION_ATTACH },
	{ "allow-incomplete", no_argument, NULL, OPTION_INCOMPLETE },
	{ "seccomp", required_argument, NULL, OPTION_SECCOMP },
	{ "apparmor", no_argument, NULL, OPTION_APPARMOR },
	{ "proven", required_argument, NULL, OPTION_PROVEN },
	{ "spo-api", required_argument, NULL, OPTION_SPO_API },
	{ "exec", required_argument, NULL, OPTION_EXEC },
	{ "keep-environment", no_argument, NULL, OPTION_KEEP_ENVIRONMENT },
	{ "complain", no_argument, NULL, OPTION_COMPLAIN },
	{ "form", required_argument, NULL, OPTION_FORM },
	{ "abi", required_argument, NULL, OPTION_ABI },
	COMMON_OPTIONS,
};

/* False if it was a mistake, which is said. */
static bool take_option(int option, struct emit_options *options)
{
	if (option == 'o')
		options->output = optarg;
	else if (option == OPTION_RUNTIME)
		options->policy.runtime = optarg;
	else if (option == OPTION_NNP)
		options->policy.no_new_privileges = optarg ? optarg : "on";
	else if (option == OPTION_NAME)
		options->policy.name = optarg;
	else if (option == OPTION_ATTACH)
		options->policy.attach = optarg;
	else if (option == OPTION_INCOMPLETE)
		options->allow_incomplete = true;
	else if (option == OPTION_SECCOMP)
		options->policy.seccomp = optarg;
	else if (option == OPTION_APPARMOR)
		options->policy.apparmor = true;
	else if (option == OPTION_PROVEN)
		options->proven = optarg;
	else if (option == OPTION_SPO_API && strcmp(optarg, "v1beta1") == 0)
		options->policy.spo_beta = true;
	else if (option == OPTION_SPO_API && strcmp(optarg, "v1") != 0) {
		usage_error("emit", "--spo-api takes v1 or v1beta1, not '%s'", optarg);
		return false;
	}
	return true;
}

static int take_exec(const char *word, enum exec_mode *ret_mode)
{
	for (enum exec_mode mode = 0; mode < EXEC_MODES; mode++)
		if (strcmp(exec_mode_words[mode], word) == 0) {
			*ret_mode = mode;
			return 0;
		}
	return usage_error("emit", "--exec takes ix, px, cx or child-profiles, not %s", word);
}

/* An option that takes one of two words: is it the second? */
static int take_choice(const char *name, const char *no, const char *yes, bool *ret_choice)
{
	if (strcmp(optarg, no) != 0 && strcmp(optarg, yes) != 0)
		return usage_error("emit", "--%s takes %s or %s, not %s", name, no, yes, optarg);
	*ret_choice = strcmp(optarg, yes) == 0;
	return 0;
}

/* Those of the AppArmor profile. Returns 0, or the exit status. */
static int take_apparmor_option(int option, struct policy_options *policy)
{
	if (option == OPTION_EXEC)
		return take_exec(optarg, &policy->exec);
	if (option == OPTION_KEEP_ENVIRONMENT)
		policy->keep_environment = true;
	else if (option == OPTION_COMPLAIN)
		policy->complain = true;
	else if (option == OPTION_FORM)
		return take_choice("form", "container", "host", &policy->host);
	else if (option == OPTION_ABI)
		return take_choice("abi", "3.0", "4.0", &policy->abi4);
	return 0;
}

/*
 * Options may stand anywhere. Returns -1 to go on, else the exit status; what is left at
 * argv[optind] is evidence.
 */
static int parse(int argc, char **argv, struct emit_options *options)
{
	int option;

	while ((option = next_option("emit", argc, argv, COMMON_LETTERS, long_options)) != -1) {
		if (option == 'h' || option == '?')
			return option == 'h' ? 0 : 2;
		if (!take_option(option, options) ||
		    take_apparmor_option(option, &options->policy) != 0)
			return 2;
	}
	const char *target = optind < argc ? argv[optind++] : NULL;
	options->target = target ? target_by_name(target) : NULL;
	if (!options->target) {
		unknown_target(target);
		return 2;
	}
	if (optind >= argc)
		return usage_error("emit", "which evidence?");
	return -1;
}

int cmd_emit(int argc, char **argv)
{
	struct emit_options options = { .output = "-" };
	struct error err = { .kind = ERROR_NONE };
	AUTO_FREE char *attach = NULL, *filter = NULL;
	int status = parse(argc, argv, &options);

	if (status >= 0)
		return status;
	if (options.policy.attach) {
		if (resolve_attach(options.policy.attach, &attach, &err) < 0) {
			report_error(&err);
			return 2;
		}
		options.policy.attach = attach;
	}
	options.policy.has_proven = options.proven != NULL;
	if (options.proven && verified_load(options.proven, &options.policy.proven, &err) < 0) {
		report_error(&err);
		return 2;
	}
	options.named_filter = options.policy.seccomp != NULL;
	if ((options.target->flags & TARGET_WORDS) && !options.named_filter) {
		if (filter_beside(argv + optind, (size_t)(argc - optind), &filter, &err) < 0) {
			report_error(&err);
			return 2;
		}
		options.policy.seccomp = filter;
	}
	if (run(&options, argv + optind, (size_t)(argc - optind), &err) < 0) {
		report_error(&err);
		return 2;
	}
	return 0;
}
