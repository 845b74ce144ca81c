/* How a container engine is made to use whittle's runtime. */
#include <cli/ask.h>
#include <cli/containers.h>
#include <cli/runtime.h>

#include <errno.h>
#include <jansson.h>
#include <string.h>

static const double ask_seconds = 30; /* podman's first start makes its store */
static const char socket_option[] = "--whittle-socket";

/* What whittle says to put into docker's configuration. */
static const char usual_name[] = "whittle";
static const char usual_socket[] = "/run/whittle.sock";

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool containers_is_recorder(const char *runtime)
{
	AUTO_FREE char *file = realpath(runtime, NULL);

	return file && runtime_is_name(runtime) && strcmp(base_name(file), "whittle") == 0;
}

int containers_ask(const struct container_command *command, char *const *argv,
		   const char *const *ask, const char *last, char **ret_line, struct error *err)
{
	char **words = container_ask(command, argv, ask, last);
	int result = ask_line(words, ask_seconds, ret_line, err);

	container_argv_free(words);
	return result;
}

/* "podman version 4.3.1", but "Docker version 20.10.24, build ..." */
void containers_unmask(char *const *argv, struct container_command *command)
{
	static const char *const version[] = { "--version", NULL };
	AUTO_FREE char *answer = NULL;
	struct error err;

	if (!command->engine->played ||
	    containers_ask(command, argv, version, NULL, &answer, &err) < 0)
		return;
	answer[strcspn(answer, " ")] = '\0';
	const struct container_engine *player = container_engine_by_name(answer);
	struct container_command played;
	if (!player || player == command->engine ||
	    !container_parse_as(player, command->start, argv, &played))
		return;
	played.gains = command->gains;
	*command = played;
}

/* ---- whittle's runtime ---- */

static char *directory_of(const char *path)
{
	return xstrndup(path, (size_t)(base_name(path) - path) - 1);
}

/*
 * A link that leads to whittle, in the build's folder or where it is installed: one with the name
 * of the real runtime, if there is one, since podman goes by the name of a runtime.
 */
static int find_link(const char *runtime, char **ret_link, struct error *err)
{
	AUTO_FREE char *self = realpath("/proc/self/exe", NULL);

	if (!self)
		return fail(err, ERROR_SYSTEM, errno, "cannot find whittle's own file");
	AUTO_FREE char *beside = directory_of(self);
	AUTO_FREE char *above = directory_of(beside);
	const char *name = runtime ? base_name(runtime) : "none";
	char *places[] = {
		xasprintf("%s/runtimes/%s", beside, name),
		xasprintf("%s/libexec/whittle/%s", above, name),
		xasprintf("%s/whittle-runtime", beside),
	};
	*ret_link = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!*ret_link && access(places[i], X_OK) == 0)
			*ret_link = places[i];
		else
			free(places[i]);
	}
	if (*ret_link)
		return 0;
	fail(err, ERROR_SYSTEM, ENOENT, "there is no whittle-runtime beside %s", self);
	return fail_hint(err, "`make` and `make install` put it there");
}

/* ---- an engine that takes a path ---- */

static int take_runtime(const char *path, struct containers_plan *plan, struct error *err)
{
	plan->runtime = runtime_find(path);
	if (plan->runtime)
		return find_link(plan->runtime, &plan->link, err);
	if (containers_is_recorder(path)) { /* whittle's already: its name says which one */
		plan->link = xstrdup(path);
		return 0;
	}
	return fail(err, ERROR_INPUT, 0, "there is no runtime %s", path);
}

static int plan_path(const struct container_command *command, char *const *argv, const char *path,
		     struct containers_plan *plan, struct error *err)
{
	AUTO_FREE char *answer = NULL;

	if (command->engine->place == PLACE_COMMAND)
		return take_runtime(command->start ? argv[command->start] : path, plan, err);
	if (command->runtime)
		return take_runtime(command->runtime, plan, err);
	if (!command->engine->ask_runtime)
		return find_link(NULL, &plan->link, err);
	if (containers_ask(command, argv, command->engine->ask_runtime, NULL, &answer, err) < 0)
		return -1;
	return take_runtime(answer, plan, err);
}

/* ---- an engine that takes a name of its configuration ---- */

static const char *socket_of(json_t *runtime)
{
	json_t *arguments = json_object_get(runtime, "runtimeArgs");
	size_t length = strlen(socket_option);

	for (size_t i = 0; i < json_array_size(arguments); i++) {
		const char *word = json_string_value(json_array_get(arguments, i));

		if (!word || strncmp(word, socket_option, length) != 0)
			continue;
		if (word[length] == '=')
			return word + length + 1;
		return json_string_value(json_array_get(arguments, i + 1));
	}
	return NULL;
}

static bool take_named(const char *name, json_t *runtime, struct containers_plan *plan)
{
	const char *path = json_string_value(json_object_get(runtime, "path"));
	const char *socket = socket_of(runtime);

	if (!path || !runtime_is_name(path) || !socket || plan->name)
		return false;
	plan->name = xstrdup(name);
	plan->socket = xstrdup(socket);
	return true;
}

/* The first of them that is whittle's and says where it reports to; only `wanted`, if not NULL. */
static bool find_named(const char *text, const char *wanted, struct containers_plan *plan)
{
	json_t *runtimes = json_loads(text, 0, NULL), *runtime;
	const char *name;

	json_object_foreach(runtimes, name, runtime) if (!wanted || strcmp(name, wanted) == 0)
		take_named(name, runtime, plan);
	json_decref(runtimes);
	return plan->name != NULL;
}

static int plan_name(const struct container_command *command, char *const *argv,
		     struct containers_plan *plan, struct error *err)
{
	const char *engine = command->engine->name;
	AUTO_FREE char *answer = NULL;

	if (containers_ask(command, argv, command->engine->ask_runtimes, NULL, &answer, err) < 0)
		return -1;
	if (find_named(answer, command->runtime, plan))
		return 0;
	if (find_link(NULL, &plan->link, err) < 0)
		return -1;
	if (command->runtime)
		fail(err, ERROR_REFUSED, 0, "%s has no runtime %s that is whittle's", engine,
		     command->runtime);
	else
		fail(err, ERROR_REFUSED, 0, "%s's daemon knows no runtime that is whittle's",
		     engine);
	return fail_hint(err,
			 "put this into /etc/docker/daemon.json, and send dockerd SIGHUP: "
			 "{\"runtimes\": {\"%s\": {\"path\": \"%s\", \"runtimeArgs\": "
			 "[\"%s=%s\"]}}}",
			 usual_name, plan->link, socket_option, usual_socket);
}

int containers_plan(const struct container_command *command, char *const *argv, const char *path,
		    struct containers_plan *ret_plan, struct error *err)
{
	struct containers_plan plan = { NULL, NULL, NULL, NULL };
	int result = command->engine->ask_runtimes ? plan_name(command, argv, &plan, err)
						   : plan_path(command, argv, path, &plan, err);

	if (result < 0)
		containers_plan_release(&plan);
	else
		*ret_plan = plan;
	return result;
}

void containers_plan_release(struct containers_plan *plan)
{
	free(plan->link);
	free(plan->runtime);
	free(plan->name);
	free(plan->socket);
	*plan = (struct containers_plan){ NULL, NULL, NULL, NULL };
}
