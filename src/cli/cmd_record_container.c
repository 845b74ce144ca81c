/* whittle record -- ENGINE run ...: the container is recorded, not the engine. */
#include <cli/briefing.h>
#include <cli/cli.h>
#include <cli/containers.h>
#include <cli/janitor.h>

#include <errno.h>
#include <string.h>
#include <whittle/escape.h>

/* Is the engine given rights that whittle has too? Else that is said. */
static bool check_rights(const struct container_command *command)
{
	const char *engine = command->engine->name;

	if (!command->gains || geteuid() == 0)
		return true;
	usage_error("record",
		    "%s gives %s rights that whittle lacks, and so could not record it: run "
		    "whittle by it: %s whittle record -- %s ...",
		    command->gains, engine, command->gains, engine);
	return false;
}

/* What a recording of a container cannot have; 0, or the exit code of the mistake. */
static int check_options(const struct record_options *options)
{
	if (!options->known_path || !briefing_attaches(options))
		return 0;
	usage_error("record", "--known is for --engine notify if containers are recorded: their "
			      "runtime installs the filter");
	return EXIT_WHITTLE;
}

/* ---- what the engine knows ---- */

static void set_field(struct evidence *evidence, enum container_field field, const char *text)
{
	for (size_t i = 0; text && i < evidence_run_count(evidence); i++) {
		struct evidence_run *run = evidence_run(evidence, i);
		AUTO_BUF struct buf escaped = BUF_INIT;

		if (!run->container[field] || run->container[field][0])
			continue;
		escape_text(&escaped, text, strlen(text));
		free(run->container[field]);
		run->container[field] = buf_steal(&escaped);
	}
}

static void describe(const struct container_command *command, char *const *argv, const char *image,
		     struct evidence *evidence)
{
	AUTO_FREE char *digest = NULL;
	struct error err;

	if (command->image)
		image = command->image;
	if (command->engine->place != PLACE_COMMAND)
		set_field(evidence, CONTAINER_NAME, command->container);
	set_field(evidence, CONTAINER_IMAGE, image);
	if (image && command->engine->ask_digest &&
	    containers_ask(command, argv, command->engine->ask_digest, image, &digest, &err) == 0)
		set_field(evidence, CONTAINER_DIGEST, digest);
}

/* ---- the recording ---- */

struct work {
	const struct record_options *options;
	const struct container_command *command;
	const char *path;
	char **argv;
	char *image; /* of a container that was there before */
	struct containers_plan plan;
	struct evidence *evidence;
	struct session_end *end;
};

static int run_engine(struct work *work, const char *socket, struct error *err)
{
	const struct container_words words = { work->plan.link, socket, work->plan.runtime,
					       work->plan.name };
	bool is_runtime = work->command->engine->place == PLACE_COMMAND;
	char **argv = container_argv(work->command, work->argv, &words);
	bool direct = is_runtime && work->command->start == 0;
	int result = containers_session(work->options, direct ? work->plan.link : work->path, argv,
					socket, work->evidence, work->end, err);

	container_argv_free(argv);
	return result;
}

static char *config_path(const struct container_command *command)
{
	if (command->engine->place != PLACE_COMMAND)
		return NULL;
	if (command->config[0] == '/')
		return xstrdup(command->config);
	return xasprintf("%s/%s", command->bundle, command->config);
}

static int record(struct work *work, int directory, struct error *err)
{
	AUTO_FREE char *config = config_path(work->command);
	struct janitor janitor;
	int result = janitor_start(&janitor, work->plan.socket, config, err);

	if (result == 0)
		result = run_engine(work, janitor.socket, err);
	janitor_end(&janitor);
	if (result < 0)
		return -1;
	if (!evidence_run_count(work->evidence)) {
		warn("no container was recorded: %s started none with whittle's runtime",
		     work->command->engine->name);
		return 0;
	}
	describe(work->command, work->argv, work->image, work->evidence);
	for (size_t i = 0; i < evidence_run_count(work->evidence); i++)
		notes_say(evidence_run(work->evidence, i));
	return output_write(work->options, directory, work->evidence, err);
}

/* ---- verbs ---- */

static int __attribute__((noreturn)) become(const char *path, char **argv)
{
	execv(path, argv);
	warn("cannot execute %s: %s", path, strerror(errno));
	exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* "IMAGE RUNTIME" of a container that is there; fails if its runtime is not whittle's. */
static int look_at(struct work *work, struct error *err)
{
	const struct container_command *command = work->command;
	const char *engine = command->engine->name;
	AUTO_FREE char *answer = NULL;

	if (!command->engine->ask_container)
		return 0;
	if (containers_ask(command, work->argv, command->engine->ask_container, command->container,
			   &answer, err) < 0)
		return fail(err, ERROR_INPUT, 0, "%s knows no container %s", engine,
			    command->container);
	char *runtime = strrchr(answer, ' ');
	*runtime++ = '\0';
	bool recorder = work->plan.name ? strcmp(runtime, work->plan.name) == 0
					: containers_is_recorder(runtime);
	if (!recorder) {
		fail(err, ERROR_REFUSED, 0, "container %s was not made to be recorded",
		     command->container);
		return fail_hint(err,
				 "make it by `whittle record -- %s create ...` or `run`; --host "
				 "records %s itself",
				 engine, engine);
	}
	/* It stays with the runtime that it was made with, whatever is the engine's by now. */
	if (!work->plan.name) {
		free(work->plan.link);
		free(work->plan.runtime);
		work->plan.link = xstrdup(runtime);
		work->plan.runtime = NULL;
	}
	work->image = STEAL(answer);
	return 0;
}

/* Exec sessions report to the whittle that records their container: its socket is in the filter. */
static int exec_in_container(struct work *work)
{
	say("whoever records %s records this session too; there is nothing to record here",
	    work->command->container);
	become(work->path, work->argv);
}

static int create(struct work *work)
{
	const struct container_words words = { work->plan.link, NULL, NULL, work->plan.name };
	char **argv = container_argv(work->command, work->argv, &words);

	say("made to be recorded: `whittle record -- %s start` begins",
	    work->command->engine->name);
	become(work->path, argv);
}

static int start_or_run(struct work *work, struct error *err)
{
	const char *engine = work->command->engine->name;
	AUTO_CLOSE int directory = -1;

	if (output_open(work->options, &directory, err) < 0)
		return -1;
	say("recording the container, not %s (--host); a filter that reports its calls takes the "
	    "place of its seccomp profile",
	    engine);
	if (verbosity() > 1)
		say("engine: %s", briefing_attaches(work->options)
					  ? "ptrace, as the options want it: results are seen"
					  : "notify, since the kernel refuses most containers a "
					    "learned filter, without which ptrace is slower");
	return record(work, directory, err);
}

static int dispatch(struct work *work, struct error *err)
{
	const struct container_command *command = work->command;
	bool is_runtime = command->engine->place == PLACE_COMMAND;

	if (is_runtime && (command->verb == VERB_CREATE || command->verb == VERB_START))
		return fail(err, ERROR_REFUSED, 0,
			    "%s %s is not recorded: use run, or whittle-runtime and whittle agent",
			    command->engine->name, command->engine->verbs[command->verb]);
	if (command->verb != VERB_EXEC || !is_runtime)
		if (containers_plan(command, work->argv, work->path, &work->plan, err) < 0)
			return -1;
	if ((command->verb == VERB_EXEC || command->verb == VERB_START) && look_at(work, err) < 0)
		return -1;
	if (command->verb == VERB_EXEC)
		return exec_in_container(work);
	if (command->verb == VERB_CREATE)
		return create(work);
	return start_or_run(work, err);
}

int containers_record(const struct record_options *given, struct container_command *command,
		      const char *path, char **argv, struct session_end *end)
{
	if (!check_rights(command)) /* before the engine is asked anything with them */
		return EXIT_WHITTLE;
	struct record_options options = *given;
	struct evidence *known = NULL;
	struct work work = { .options = &options,
			     .command = command,
			     .path = path,
			     .argv = argv,
			     .evidence = evidence_new(),
			     .end = end };
	struct error err = { .kind = ERROR_NONE };
	containers_unmask(argv, command);
	options.engine_run = command->engine->run;
	options.of_bundle = !command->engine->run;
	int code = check_options(&options);
	bool knows = !briefing_attaches(&options);

	if (code == 0 && ((knows && known_load(&options, &known, &err) < 0) ||
			  (options.known = known, dispatch(&work, &err)) < 0)) {
		report_error(&err);
		code = EXIT_WHITTLE;
	}
	evidence_free(known);
	free(work.image);
	containers_plan_release(&work.plan);
	evidence_free(work.evidence);
	return code;
}
