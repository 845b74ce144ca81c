/*
 * whittle-runtime: an OCI runtime that has a container recorded, then becomes the real one. Its own
 * options stand before the verb, where engines put theirs; podman gives neither these nor PATH to
 * what it starts to clean up: then the name it was called by ("crun") says which runtime it is.
 */
#include <cli/ask.h>
#include <cli/briefing.h>
#include <cli/cli.h>
#include <cli/runtime.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <whittle/container.h>
#include <whittle/file.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const char general_name[] = "whittle-runtime";
static const double version_seconds = 10;

/* Where runtimes are if there is no PATH, or they are not in it. */
static const char usual_places[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool runtime_is_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const struct container_engine *engine = container_engine_of(path);

	return strcmp(name, general_name) == 0 || (engine && engine->place == PLACE_COMMAND);
}

/* ---- the real runtime ---- */

static bool is_whittle(const struct stat *st)
{
	struct stat self;

	return stat("/proc/self/exe", &self) == 0 && self.st_dev == st->st_dev &&
	       self.st_ino == st->st_ino;
}

static char *find_in(const char *places, const char *name)
{
	while (places && *places) {
		size_t length = strcspn(places, ":");
		AUTO_FREE char *file = xasprintf("%.*s/%s", (int)length, places, name);
		struct stat st;

		if (length && stat(file, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(file, X_OK) == 0 && !is_whittle(&st))
			return STEAL(file);
		places += length + (places[length] == ':');
	}
	return NULL;
}

char *runtime_find(const char *name)
{
	struct stat st;
	char *found;

	if (strchr(name, '/'))
		return stat(name, &st) == 0 && !is_whittle(&st) ? xstrdup(name) : NULL;
	found = find_in(getenv("PATH"), name);
	return found ? found : find_in(usual_places, name);
}

/* By option, by environment, by the name whittle was called by, else what there is. */
static char *real_runtime(char *const *argv, size_t globals_end, struct error *err)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = container_global(argv, globals_end, "--whittle-runtime");
	const char *called = slash ? slash + 1 : argv[0];

	if (!name)
		name = getenv("WHITTLE_RUNTIME");
	if (!name && strcmp(called, general_name) != 0)
		name = called;
	if (!name) {
		char *found = runtime_find("crun");

		name = "runc";
		if (found)
			return found;
	}
	char *path = runtime_find(name);
	if (!path) {
		fail(err, ERROR_INPUT, 0, "no runtime %s besides whittle's own is there", name);
		fail_hint(err, "name it by --whittle-runtime PATH or WHITTLE_RUNTIME");
	}
	return path;
}

/* ---- the socket ---- */

/*
 * How the container is to be recorded. runc waits for ever if nobody listens (1.1.5, where all its
 * calls are reported).
 */
static int ask_agent(const char *path, struct briefing *ret_briefing, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path))
		return fail(err, ERROR_INPUT, 0,
			    "the socket %s is no absolute path of less than %zu bytes", path,
			    sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fail(err, ERROR_SYSTEM, 0,
		     "nobody listens at %s, so nothing would be recorded (%s)", path,
		     strerrorname_np(errno));
		return fail_hint(err,
				 "start `whittle agent --socket %s` first, or record by "
				 "`whittle record -- ENGINE run ...`",
				 path);
	}
	fcntl(fd, F_SETFL, 0);
	return briefing_ask(fd, ret_briefing, err);
}

/* ---- the bundle ---- */

/* EFAULT for the missing program, but EINVAL for a flag that the kernel does not know. */
static bool knows_wait_killable(void)
{
	long result =
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			NULL);

	return result < 0 && errno == EFAULT;
}

static int edit(const struct container_command *command, const struct recording *recording,
		struct error *err)
{
	AUTO_FREE char *path = command->config[0] == '/'
				       ? xstrdup(command->config)
				       : xasprintf("%s/%s", command->bundle, command->config);
	AUTO_BUF struct buf edited = BUF_INIT;
	AUTO_FREE char *text = NULL;
	size_t length;

	if (file_read(AT_FDCWD, path, CONFIG_MAX, &text, &length, err) < 0 ||
	    recording_config(path, text, length, recording, &edited, err) < 0)
		return -1;
	return file_replace(AT_FDCWD, path, buf_text(&edited), edited.length, err);
}

static int record(const struct container_command *command, const char *socket_path,
		  const char *runtime, struct error *err)
{
	char *const ask[] = { (char *)(uintptr_t)runtime, (char *)"--version", NULL };
	AUTO_FREE char *version = NULL;
	struct briefing briefing;

	if (!socket_path) {
		fail(err, ERROR_INPUT, 0, "no socket to report to is named");
		return fail_hint(err,
				 "give --whittle-socket PATH or WHITTLE_SOCKET, or use %s itself",
				 runtime);
	}
	if (ask_line(ask, version_seconds, &version, err) < 0 ||
	    ask_agent(socket_path, &briefing, err) < 0)
		return -1;
	struct recording recording = { .socket = socket_path,
				       .version = version,
				       .wait_killable = knows_wait_killable(),
				       .attach = briefing.attach,
				       .known = briefing.known };
	int result = edit(command, &recording, err);
	briefing_release(&briefing);
	return result < 0 ? -1 : runtime_watch(err);
}

/* ---- the program ---- */

/*
 * Engines look for what went wrong in the file that they name by --log, in lines of JSON, and show
 * that to the user; else what stands on standard error.
 */
static void log_error(const char *path, const struct error *err)
{
	AUTO_BUF struct buf line = BUF_INIT;
	AUTO_CLOSE int fd =
		path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600) : -1;
	const char *texts[] = { err->text, err->number ? ": " : "",
				err->number ? strerror(err->number) : "", err->hint[0] ? ": " : "",
				err->hint };

	if (fd < 0)
		return;
	buf_adds(&line, "{\"level\":\"error\",\"msg\":\"whittle: ");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (const char *c = texts[i]; *c; c++) {
			if (*c == '"' || *c == '\\')
				buf_addc(&line, '\\');
			buf_addc(&line, (unsigned char)*c < ' ' ? ' ' : *c);
		}
	buf_adds(&line, "\"}\n");
	if (write(fd, line.data, line.length) < 0)
		report_error(err);
}

static int give_up(char *const *argv, size_t globals_end, const struct error *err)
{
	const char *format = container_global(argv, globals_end, "--log-format");

	report_error(err);
	if (format && strcmp(format, "json") == 0)
		log_error(container_global(argv, globals_end, "--log"), err);
	return EXIT_WHITTLE;
}

/* argv without whittle's own options, for the runtime at path. An array that the caller frees. */
static char **plain_argv(char *const *argv, size_t globals_end, const char *path)
{
	static const char own[] = "--whittle-";
	size_t count = 0, kept = 0;

	while (argv[count])
		count++;
	char **plain = xcalloc(count + 1, sizeof(*plain));
	plain[kept++] = (char *)(uintptr_t)path;
	for (size_t at = 1; at < count; at++) {
		if (at >= globals_end || strncmp(argv[at], own, strlen(own)) != 0)
			plain[kept++] = argv[at];
		else if (!strchr(argv[at], '='))
			at++;
	}
	return plain;
}

int runtime_main(char *const *argv)
{
	/* all runtimes take the words of crun's command line */
	const struct container_engine *engine = container_engine_by_name("crun");
	size_t globals_end = container_globals_end(engine, argv);
	const char *socket_path = container_global(argv, globals_end, "--whittle-socket");
	struct container_command command;
	struct error err = { .kind = ERROR_NONE };
	AUTO_FREE char *runtime = real_runtime(argv, globals_end, &err);

	if (!runtime)
		return give_up(argv, globals_end, &err);
	if (!socket_path)
		socket_path = getenv("WHITTLE_SOCKET");
	AUTO_FREE char **plain = plain_argv(argv, globals_end, runtime);
	if (container_parse_as(engine, 0, plain, &command) &&
	    (command.verb == VERB_RUN || command.verb == VERB_CREATE) &&
	    record(&command, socket_path, runtime, &err) < 0)
		return give_up(argv, globals_end, &err);
	unsetenv("WHITTLE_SOCKET");
	unsetenv("WHITTLE_RUNTIME");
	execv(runtime, plain);
	fail(&err, ERROR_SYSTEM, errno, "cannot execute %s", runtime);
	return give_up(argv, globals_end, &err);
}
