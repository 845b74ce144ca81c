/* Container engines: how their command lines are told, and how each is made to use a runtime. */
#include <whittle/container.h>

#include <string.h>

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* podman-run(1), docker-run(1), and the same for start, exec and create. */
#define RUN_FLAGS                                                                                  \
	"-d --detach -i --interactive -t --tty -P --publish-all -q --quiet --rm --rmi "            \
	"--privileged --init --read-only --read-only-tmpfs --replace --rootfs --no-healthcheck "   \
	"--no-hosts --oom-kill-disable --sig-proxy --tls-verify --env-host --http-proxy --passwd " \
	"--unsetenv-all --disable-content-trust --use-api-socket --help"
#define START_FLAGS "-a --attach -i --interactive -l --latest --all --sig-proxy --help"
#define EXEC_FLAGS  "-d --detach -i --interactive -t --tty -l --latest --privileged --help"
/* runc(8), crun(1) */
#define RUNTIME_OPTIONS                                                                            \
	"--root --log --log-format --log-level --criu --rootless --cgroup-manager "                \
	"--whittle-socket --whittle-runtime"
#define RUNTIME_FLAGS "-d --detach --keep --no-subreaper --no-pivot --no-new-keyring --help"
/* an image that was never in a registry has none */
#define REPOSITORY_DIGEST "{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}"
#define RUNTIME_WORDS     "{link}", "--whittle-socket={socket}", "--whittle-runtime={runtime}"

const struct container_engine container_engines[] = {
	{
		.name = "podman",
		.run = "podman run",
		.verbs = { "run", "start", "exec", "create" },
		.flags = { RUN_FLAGS, START_FLAGS, EXEC_FLAGS, RUN_FLAGS },
		.noun = "container",
		.valued = "-c --cgroup-manager --conmon --connection --events-backend --hooks-dir "
			  "--identity --imagestore --log-level --module --namespace "
			  "--network-cmd-path --network-config-dir --out --pull-option --root "
			  "--runroot --runtime --runtime-flag --ssh --storage-driver --storage-opt "
			  "--tmpdir --url --volumepath",
		.place = PLACE_GLOBAL,
		.words = WORDS("--runtime={link}", "--runtime-flag=whittle-socket={socket}",
			       "--runtime-flag=whittle-runtime={runtime}"),
		.ask_runtime = WORDS("info", "--format", "{{.Host.OCIRuntime.Path}}"),
		.ask_digest = WORDS("image", "inspect", "--format", "{{.Digest}}"),
		.ask_container =
			WORDS("container", "inspect", "--format", "{{.ImageName}} {{.OCIRuntime}}"),
	},
	{
		.name = "docker",
		.run = "docker run",
		.played = true,
		.verbs = { "run", "start", "exec", "create" },
		.flags = { RUN_FLAGS, START_FLAGS, EXEC_FLAGS, RUN_FLAGS },
		.noun = "container",
		.valued = "-c --config --context -H --host -l --log-level --tlscacert --tlscert "
			  "--tlskey",
		.place = PLACE_VERB,
		.words = WORDS("--runtime={name}"),
		.ask_runtimes = WORDS("info", "--format", "{{json .Runtimes}}"),
		.ask_digest = WORDS("image", "inspect", "--format", REPOSITORY_DIGEST),
		.ask_container = WORDS("container", "inspect", "--format",
				       "{{.Config.Image}} {{.HostConfig.Runtime}}"),
	},
	{
		.name = "buildah",
		.run = "podman run",
		.verbs = { "run" },
		.flags = { "-t --terminal --tty --no-pivot --no-hosts --add-history --help" },
		.valued = "--cgroup-manager --log-level --registries-conf --registries-conf-dir "
			  "--root --runroot --short-name-alias-conf --storage-driver --storage-opt "
			  "--userns-gid-map --userns-uid-map",
		.place = PLACE_VERB,
		/* only the isolation "oci" uses a runtime */
		.words = WORDS("--isolation=oci", "--runtime={link}",
			       "--runtime-flag=whittle-socket={socket}",
			       "--runtime-flag=whittle-runtime={runtime}"),
	},
	{
		.name = "runc",
		.verbs = { "run", "start", "exec", "create" },
		.flags = { RUNTIME_FLAGS, "", "-d --detach -t --tty --no-new-privs",
			   RUNTIME_FLAGS },
		.valued = RUNTIME_OPTIONS,
		.place = PLACE_COMMAND,
		.words = WORDS(RUNTIME_WORDS),
	},
	{
		.name = "crun",
		.verbs = { "run", "start", "exec", "create" },
		.flags = { RUNTIME_FLAGS, "", "-d --detach -t --tty --no-new-privs",
			   RUNTIME_FLAGS },
		.valued = RUNTIME_OPTIONS,
		.place = PLACE_COMMAND,
		.words = WORDS(RUNTIME_WORDS),
	},
	{ .name = NULL },
};

const struct container_engine *container_engine_by_name(const char *name)
{
	for (const struct container_engine *row = container_engines; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

const struct container_engine *container_engine_of(const char *command)
{
	const char *slash = strrchr(command, '/');

	return container_engine_by_name(slash ? slash + 1 : command);
}

bool container_in_list(const char *list, const char *word, size_t length)
{
	while (list && *list) {
		size_t n = strcspn(list, " ");

		if (n == length && memcmp(list, word, n) == 0)
			return true;
		list += n + (list[n] == ' ');
	}
	return false;
}

/* ---- options ---- */

/* What of the options behind the verb is kept; the short names are those of runtimes. */
static void keep_option(struct container_command *command, const char *name, size_t length,
			const char *value)
{
	static const struct {
		const char *names;
		size_t text; /* offset of a const char * in struct container_command */
		bool of_runtimes;
	} rows[] = {
		{ "--runtime", offsetof(struct container_command, runtime), false },
		{ "--name", offsetof(struct container_command, container), false },
		{ "-b --bundle", offsetof(struct container_command, bundle), true },
		{ "-f --config", offsetof(struct container_command, config), true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].of_runtimes == (command->engine->place == PLACE_COMMAND) &&
		    container_in_list(rows[i].names, name, length))
			*(const char **)((char *)command + rows[i].text) = value;
}

static void keep_flag(struct container_command *command, const char *name, size_t length,
		      bool *ret_rootfs)
{
	command->detached |= container_in_list("-d --detach", name, length);
	*ret_rootfs |= container_in_list("--rootfs", name, length);
}

/*
 * A word of short options: "-it", "-d", "-eNAME=x", "-e NAME=x"; how many words it is. A letter
 * that takes a value takes the rest of the word, or the next one.
 */
static size_t take_short(struct container_command *command, const char *flags, char *const *argv)
{
	bool rootfs = false; /* it has no short name */

	for (const char *c = *argv + 1; *c; c++) {
		char name[] = { '-', *c, '\0' };

		if (!container_in_list(flags, name, 2)) {
			keep_option(command, name, 2, c[1] ? c + 1 : argv[1]);
			return c[1] || !argv[1] ? 1 : 2;
		}
		keep_flag(command, name, 2, &rootfs);
	}
	return 1;
}

static size_t take_long(struct container_command *command, const char *flags, char *const *argv,
			bool *ret_rootfs)
{
	size_t length = strcspn(*argv, "=");
	const char *value = (*argv)[length] ? *argv + length + 1 : NULL;

	if (container_in_list(flags, *argv, length)) {
		if (!value || strcmp(value, "true") == 0)
			keep_flag(command, *argv, length, ret_rootfs);
		return 1;
	}
	keep_option(command, *argv, length, value ? value : argv[1]);
	return value || !argv[1] ? 1 : 2;
}

/* The options behind the verb; the index of the first word that is none. */
static size_t take_options(struct container_command *command, char *const *argv, size_t at,
			   bool *ret_rootfs)
{
	const char *flags = command->engine->flags[command->verb];

	for (; argv[at] && argv[at][0] == '-' && argv[at][1];) {
		if (strcmp(argv[at], "--") == 0)
			break;
		at += argv[at][1] == '-' ? take_long(command, flags, argv + at, ret_rootfs)
					 : take_short(command, flags, argv + at);
	}
	return at;
}

size_t container_globals_end(const struct container_engine *engine, char *const *argv)
{
	size_t at = 1;

	while (argv[at] && argv[at][0] == '-') {
		bool valued = container_in_list(engine->valued, argv[at], strlen(argv[at]));

		at += valued && argv[at + 1] ? 2 : 1;
	}
	return at;
}

const char *container_global(char *const *argv, size_t end, const char *name)
{
	size_t length = strlen(name);
	const char *value = NULL;

	for (size_t at = 1; at < end; at++) {
		if (strncmp(argv[at], name, length) != 0)
			continue;
		if (argv[at][length] == '=')
			value = argv[at] + length + 1;
		else if (!argv[at][length] && at + 1 < end)
			value = argv[++at];
	}
	return value;
}

static bool take_verb(struct container_command *command, const char *word)
{
	for (size_t i = 0; word && i < VERBS; i++)
		if (command->engine->verbs[i] && strcmp(command->engine->verbs[i], word) == 0) {
			command->verb = (enum container_verb)i;
			return true;
		}
	return false;
}

bool container_parse_as(const struct container_engine *engine, size_t start, char *const *argv,
			struct container_command *ret_command)
{
	struct container_command command = { .engine = engine, .start = start };
	bool rootfs = false;

	argv += start;
	command.globals_end = container_globals_end(engine, argv);
	command.runtime = container_global(argv, command.globals_end, "--runtime");
	size_t at = command.globals_end;
	if (argv[at] && engine->noun && strcmp(argv[at], engine->noun) == 0)
		at++;
	if (!take_verb(&command, argv[at]))
		return false;
	command.options_end = take_options(&command, argv, at + 1, &rootfs);
	at = command.options_end;
	if (argv[at] && strcmp(argv[at], "--") == 0)
		at++;
	if (!argv[at])
		return false;
	bool makes = command.verb == VERB_RUN || command.verb == VERB_CREATE;
	if (engine->place == PLACE_COMMAND || !makes || !engine->ask_digest)
		command.container = argv[at];
	else if (!rootfs)
		command.image = argv[at];
	if (engine->place == PLACE_COMMAND) {
		command.bundle = command.bundle ? command.bundle : ".";
		command.config = command.config ? command.config : "config.json";
	}
	command.globals_end += start;
	command.options_end += start;
	*ret_command = command;
	return true;
}

bool container_parse(char *const *argv, struct container_command *ret_command)
{
	const char *gains = NULL;
	size_t start = container_prefix(argv, &gains);
	const struct container_engine *engine = container_engine_of(argv[start]);

	if (!engine || !container_parse_as(engine, start, argv, ret_command))
		return false;
	ret_command->gains = gains;
	return true;
}
