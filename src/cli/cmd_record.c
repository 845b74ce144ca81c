/* whittle record: run a command, learn what it uses, write evidence and profiles. */
#include <cli/cli.h>
#include <cli/containers.h>
#include <cli/record.h>
#include <cli/signals.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum {
	OPTION_RUN = 256,
	OPTION_APPEND,
	OPTION_REPLACE,
	OPTION_EXERCISE,
	OPTION_READY,
	OPTION_TIMEOUT,
	OPTION_WAIT,
	OPTION_EXPECT,
	OPTION_NO_STACKS,
	OPTION_NO_ARGV,
	OPTION_ENGINE,
	OPTION_FACETS,
	OPTION_EXACT,
	OPTION_KNOWN,
	OPTION_RECHECK,
	OPTION_HOST,
	OPTION_DENY_URING
};

static const struct option long_options[] = {
	{ "run", required_argument, NULL, OPTION_RUN },
	{ "append", no_argument, NULL, OPTION_APPEND },
	{ "replace", no_argument, NULL, OPTION_REPLACE },
	{ "exercise", required_argument, NULL, OPTION_EXERCISE },
	{ "ready", required_argument, NULL, OPTION_READY },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "wait", required_argument, NULL, OPTION_WAIT },
	{ "expect", required_argument, NULL, OPTION_EXPECT },
	{ "no-stacks", no_argument, NULL, OPTION_NO_STACKS },
	{ "no-argv", no_argument, NULL, OPTION_NO_ARGV },
	{ "engine", required_argument, NULL, OPTION_ENGINE },
	{ "facets", required_argument, NULL, OPTION_FACETS },
	{ "exact", no_argument, NULL, OPTION_EXACT },
	{ "known", required_argument, NULL, OPTION_KNOWN },
	{ "recheck", required_argument, NULL, OPTION_RECHECK },
	{ "host", no_argument, NULL, OPTION_HOST },
	{ "deny-io-uring", no_argument, NULL, OPTION_DENY_URING },
	COMMON_OPTIONS,
};

/* A bad option is whittle's own failure: 2 might be the workload's status. */
#define bad_usage(...) (usage_error("record", __VA_ARGS__), EXIT_WHITTLE)

/* Options whose argument is kept as it is, and options without one. */
static const struct {
	int option;
	size_t text; /* offset of a const char * in struct record_options */
} texts[] = {
	{ 'o', offsetof(struct record_options, directory) },
	{ OPTION_RUN, offsetof(struct record_options, run) },
	{ OPTION_EXERCISE, offsetof(struct record_options, exercise) },
	{ OPTION_READY, offsetof(struct record_options, ready) },
	{ OPTION_KNOWN, offsetof(struct record_options, known_path) },
	{ OPTION_RECHECK, offsetof(struct record_options, recheck) },
};
static const struct {
	int option;
	size_t flag; /* offset of a bool */
	bool value;
} flags[] = {
	{ OPTION_APPEND, offsetof(struct record_options, append), true },
	{ OPTION_REPLACE, offsetof(struct record_options, replace), true },
	{ OPTION_NO_STACKS, offsetof(struct record_options, stacks), false },
	{ OPTION_NO_ARGV, offsetof(struct record_options, argv), false },
	{ OPTION_EXACT, offsetof(struct record_options, exact), true },
	{ OPTION_HOST, offsetof(struct record_options, host), true },
	{ OPTION_DENY_URING, offsetof(struct record_options, deny_uring), true },
};

/* Was it an option of one of the tables? */
static bool take_plain(int option, struct record_options *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].option == option) {
			*(const char **)((char *)options + texts[i].text) = optarg;
			return true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].option == option) {
			*(bool *)((char *)options + flags[i].flag) = flags[i].value;
			return true;
		}
	return false;
}

/* Takes one option; 0, or the exit code of a mistake. */
static int take_option(int option, struct record_options *options)
{
	if (take_plain(option, options))
		return 0;
	switch (option) {
	case OPTION_TIMEOUT:
		if (parse_seconds(optarg, &options->timeout) < 0)
			return bad_usage("'%s' is no number of seconds", optarg);
		return 0;
	case OPTION_EXPECT:
		if (parse_status(optarg, &options->expect) < 0)
			return bad_usage("'%s' is no exit status (0-255)", optarg);
		return 0;
	case OPTION_WAIT:
		options->wait_main = strcmp(optarg, "main") == 0;
		if (!options->wait_main && strcmp(optarg, "all") != 0)
			return bad_usage("--wait takes main or all, not '%s'", optarg);
		return 0;
	case OPTION_ENGINE:
		if (parse_engine(optarg, &options->engine) < 0)
			return bad_usage("--engine takes auto, ptrace or notify, not '%s'", optarg);
		return 0;
	case OPTION_FACETS:
		if (!facets_parse(optarg, &options->facets))
			return bad_usage("--facets takes seccomp, caps, paths and stat with ',' "
					 "between, not '%s'",
					 optarg);
		return 0;
	default:
		return EXIT_WHITTLE;
	}
}

/* Options that do not go together; 0, or the exit code of the mistake. */
static int check_options(const struct record_options *options)
{
	struct error err;

	if (options->append && options->replace)
		return bad_usage("--append and --replace exclude each other");
	if (options->ready && !options->exercise)
		return bad_usage("--ready says when to run --exercise COMMAND, which is missing");
	if (options->exact && options->known_path)
		return bad_usage("--exact looks at every call: it has no use for --known");
	if (!options->recheck)
		return 0;
	if (options->exact || (!options->known_path && !options->append))
		return bad_usage(
			"--recheck is about calls that --known or --append let run unseen");
	if (known_check_names(options->recheck, &err) < 0)
		return bad_usage("%s", err.text);
	return 0;
}

/* 0 to go on; -1 if help was given; else the exit code of a mistake. */
static int parse_options(int argc, char **argv, struct record_options *options)
{
	int option;

	while ((option = next_option("record", argc, argv, "+" COMMON_LETTERS, long_options)) !=
	       -1) {
		if (option == 'h')
			return -1;
		int code = take_option(option, options);
		if (code)
			return code;
	}
	int code = check_options(options);
	if (code)
		return code;
	if (optind == argc) {
		usage_error("record", "no command to run");
		return EXIT_NOT_FOUND;
	}
	return 0;
}

/* ---- the command ---- */

static bool is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/*
 * The file that execvp(3) would run, or NULL with errno ENOENT or EACCES. Searched here, so that
 * failed attempts along PATH are not taken for the workload's.
 */
static char *find_command(const char *name)
{
	const char *path = getenv("PATH");
	int number = ENOENT;

	if (!*name || strchr(name, '/')) {
		if (access(name, F_OK) < 0) /* also "": ENOENT */
			return NULL;
		return xstrdup(name);
	}
	if (!path)
		path = "/bin:/usr/bin";
	for (;;) {
		size_t length = strcspn(path, ":");
		char *file = xasprintf("%.*s%s%s", (int)length, path, length ? "/" : "./", name);

		if (is_executable(file))
			return file;
		if (access(file, F_OK) == 0)
			number = EACCES;
		free(file);
		if (!path[length])
			break;
		path += length + 1;
	}
	errno = number;
	return NULL;
}

static int say_cannot_execute(const char *name, int number)
{
	bool missing = number == ENOENT || number == ENOTDIR;

	warn("cannot execute %s: %s", name, strerror(number));
	return missing ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* As execvp(3) does: a file that the kernel does not know is a shell's. */
static int run_session(const struct record_options *options, const char *path, char **argv,
		       struct evidence *evidence, size_t run, struct session_end *end,
		       struct error *err)
{
	int result = session_run(options, path, argv, evidence, run, end, err);
	size_t count = 0;

	if (result == 0 || err->kind != ERROR_INPUT || err->number != ENOEXEC)
		return result;
	while (argv[count])
		count++;
	AUTO_FREE char **script = xcalloc(count + 2, sizeof(*script));
	script[0] = (char *)"sh";
	script[1] = (char *)path;
	for (size_t i = 1; i < count; i++)
		script[i + 1] = argv[i];
	return session_run(options, "/bin/sh", script, evidence, run, end, err);
}

/* Ends whittle as the workload ended; no core of whittle's own beside the workload's. */
static int end_as(const struct session_end *end)
{
	if (end->reraise) {
		sigset_t set;

		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		signal(end->raw_status & 0x7f, SIG_DFL);
		sigemptyset(&set);
		sigaddset(&set, end->raw_status & 0x7f);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(end->raw_status & 0x7f);
	}
	return end->exit_code;
}

static int record(const struct record_options *options, const char *path, char **argv,
		  struct evidence *evidence, struct session_end *end)
{
	size_t run = evidence_begin_run(evidence, options->run);
	AUTO_CLOSE int fd = -1;
	struct error err = { .kind = ERROR_NONE };

	if (output_open(options, &fd, &err) < 0) {
		report_error(&err);
		return EXIT_WHITTLE;
	}
	run_describe(options, argv, evidence_run(evidence, run));
	if (run_session(options, path, argv, evidence, run, end, &err) < 0) {
		if (err.kind == ERROR_INPUT)
			return say_cannot_execute(path, err.number);
		report_error(&err);
		if (!end->exit_code) /* it never began */
			return EXIT_WHITTLE;
	}
	struct evidence_run *record = evidence_run(evidence, run);
	record->engine = xstrdup(end->engine == ENGINE_NOTIFY ? "notify" : "ptrace");
	record->filter_learned |= end->filter_learned;
	record->filter_known |= end->filter_known;
	record->outcome = end->outcome;
	record->status = end->status;
	record->peak = end->peak;
	record->expected = end->expected;
	notes_say(record);
	if (output_write(options, fd, evidence, &err) < 0) {
		report_error(&err);
		return EXIT_WHITTLE;
	}
	return 0;
}

int cmd_record(int argc, char **argv)
{
	struct record_options options = {
		.directory = "whittle-out",
		.run = "run",
		.stacks = true,
		.argv = true,
		.facets = FACETS_DEFAULT,
	};
	struct session_end end = { .outcome = OUTCOME_UNKNOWN };
	struct container_command command;
	struct evidence *known = NULL;
	struct error err = { .kind = ERROR_NONE };
	const char *gains;
	int code = parse_options(argc, argv, &options);

	if (code)
		return code < 0 ? 0 : code;
	argv += optind;
	AUTO_FREE char *path = find_command(argv[0]);
	if (!path)
		return say_cannot_execute(argv[0], errno);
	if (!options.host && container_parse(argv, &command)) {
		code = containers_record(&options, &command, path, argv, &end);
		return code ? code : end_as(&end);
	}
	size_t start = container_prefix(argv, &gains);
	if (!options.host && container_engine_of(argv[start]))
		say("recording %s itself: this command starts no container that could be recorded",
		    argv[start]);
	if (known_load(&options, &known, &err) < 0) {
		report_error(&err);
		return EXIT_WHITTLE;
	}
	options.known = known;
	struct evidence *evidence = evidence_new();
	code = record(&options, path, argv, evidence, &end);
	evidence_free(evidence);
	evidence_free(known);
	return code ? code : end_as(&end);
}
