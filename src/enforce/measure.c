/* The floor of a runtime: watched, then proven by taking calls away. */
#include <enforce/calls.h>
#include <enforce/watch.h>
#include <whittle/measure.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <whittle/arch.h>
#include <whittle/file.h>

struct measure {
	const struct measure_options *options;
	struct supervisor supervisor;
	struct container container;
	struct calls calls;
	char *name, *version; /* owned: "runc", "1.1.5" */
	bool go;
	size_t serial; /* of starts that were watched */
	const struct container_plan *plan;
};

static const enum floor_phase phases[PHASES] = { FLOOR_RUN, FLOOR_CREATE, FLOOR_EXEC };
static const char *const phase_words[PHASES] = { "run", "create and start", "exec" };

static unsigned int phase_index(enum floor_phase phase)
{
	unsigned int i = PHASES - 1;

	while (i > 0 && phases[i] != phase)
		i--;
	return i;
}

static void PRINTF_LIKE(2, 3) progress(const struct measure *measure, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!measure->options->progress)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	measure->options->progress(measure->options->context, text);
}

/* ---- what it is ---- */

/* Runs a shell command with the runtime as $1 and the directory as $2, which it works in. */
static int ask(const struct measure *measure, const char *command, const char *file,
	       char **ret_text, struct error *err)
{
	struct child_plan plan = { .out = -1, .err = -1 };
	struct output none = { .fd = -1 };
	AUTO_FREE char *script = xasprintf("cd \"$2\" && %s >%s", command, file);
	AUTO_FREE char *path = xasprintf("%s/%s", measure->container.dir, file);
	char *argv[] = { "/bin/sh",
			 "-c",
			 script,
			 "sh",
			 (char *)measure->options->runtime,
			 measure->container.dir,
			 NULL };
	struct child child;
	size_t length;
	int status = -1;

	plan.argv = argv;
	if (child_start(&measure->supervisor, &plan, &child, err) < 0)
		return -1;
	int ended = supervisor_wait(&measure->supervisor, &child, &none,
				    monotonic_now() + measure->options->timeout, &status, err);
	child_close(&child);
	if (ended < 0 || supervisor_clear(&measure->supervisor, err) < 0)
		return -1;
	if (ended == 0 || status != 0)
		return fail(err, ERROR_REFUSED, 0, "%s is no runtime that runs here",
			    measure->options->runtime);
	return file_read(AT_FDCWD, path, 4096, ret_text, &length, err);
}

/* Go marks its programs by this, for debug/buildinfo. */
static bool is_go(const char *path)
{
	static const char mark[] = "\xff Go buildinf:";
	static const size_t most = 1U << 30;
	AUTO_FREE char *bytes = NULL;
	struct error ignored;
	size_t length;

	return file_read(AT_FDCWD, path, most, &bytes, &length, &ignored) == 0 &&
	       memmem(bytes, length, mark, sizeof(mark) - 1);
}

/* "runc version 1.1.5+ds1": what Debian adds to the version is not the runtime's. */
static int identify(struct measure *measure, struct error *err)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789.-_";
	AUTO_FREE char *version = NULL, *path = NULL;

	if (ask(measure, "command -v \"$1\"", "path", &path, err) < 0 ||
	    ask(measure, "\"$1\" --version", "version", &version, err) < 0)
		return -1;
	path[strcspn(path, "\n")] = '\0';
	measure->go = is_go(path);
	size_t name = strspn(version, safe);
	const char *number = strstr(version, "version ");
	number = number ? number + strlen("version ") : "";
	if (!name || !strspn(number, safe))
		return fail(err, ERROR_REFUSED, 0, "%s --version says no name and version",
			    measure->options->runtime);
	measure->name = xstrndup(version, name);
	measure->version = xstrndup(number, strspn(number, safe));
	return 0;
}

/* ---- watching ---- */

static void take_call(void *context, enum floor_phase phase, const struct event *entry)
{
	struct measure *measure = context;
	AUTO_BUF struct buf name = BUF_INIT;

	if (!entry->abi)
		return;
	abi_syscall_name(entry->abi, entry->nr, &name);
	calls_add(&measure->calls, buf_text(&name), entry->args, measure->plan->no_new_privileges,
		  measure->plan->user, phase_index(phase), measure->serial);
}

static int watch_one(struct measure *measure, const struct container_plan *plan, struct error *err)
{
	bool started = false;

	measure->plan = plan;
	measure->serial++;
	int result = watch_start(&measure->container, &measure->supervisor, plan,
				 measure->options->timeout, take_call, measure, &started, err);
	struct error later = { .kind = ERROR_NONE };
	int cleared = container_clear(&measure->container, &measure->supervisor,
				      result < 0 ? &later : err);
	if (result < 0 || cleared < 0)
		return -1;
	if (started)
		return 0;
	AUTO_FREE char *says = container_says(&measure->container);
	return fail(err, ERROR_REFUSED, 0, "%s starts no container here: %s", measure->name, says);
}

/* A filter that changes nothing: no runtime calls acct(2) for a container. */
static const char harmless[] = "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": "
			       "[\"acct\"], \"action\": \"SCMP_ACT_ERRNO\"}]}";

static int watch_all(struct measure *measure, struct error *err)
{
	for (unsigned int kind = 0; kind < STARTS * USERS; kind++) {
		struct container_plan plan = { .no_new_privileges = kind / USERS,
					       .user = kind % USERS,
					       .seccomp = harmless };

		progress(measure, "watching %zu starts, no-new-privileges %s, %s",
			 2 * measure->calls.runs, plan.no_new_privileges ? "on" : "off",
			 plan.user ? "as a user" : "as root");
		for (size_t i = 0; i < measure->calls.runs; i++) {
			plan.phase = FLOOR_RUN;
			if (watch_one(measure, &plan, err) < 0)
				return -1;
			plan.phase = FLOOR_EXEC; /* and create */
			if (watch_one(measure, &plan, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* ---- bisection ---- */

/* How a filter refuses. */
static const struct refusal {
	const char *action;
	int number;
} enosys = { "SCMP_ACT_ERRNO", 38 }, eperm = { "SCMP_ACT_ERRNO", 1 },
  killing = { "SCMP_ACT_KILL_PROCESS", 0 };

static void add_name(struct buf *out, const char *name)
{
	buf_addf(out, "%s\"%s\"", out->data[out->length - 1] == '[' ? "" : ", ", name);
}

/* A filter of the calls of starts of that kind and of the margin, but for one call (or NULL). */
static char *filter_without(const struct measure *measure, bool on, const char *without,
			    const struct refusal *refusal)
{
	AUTO_BUF struct buf out = BUF_INIT;
	size_t count;
	const struct floor_row *rows = floor_rows("runc", &count);

	buf_addf(&out, "{\"defaultAction\": \"%s\", ", refusal->action);
	if (refusal->number)
		buf_addf(&out, "\"defaultErrnoRet\": %d, ", refusal->number);
	buf_adds(&out, "\"syscalls\": [{\"action\": \"SCMP_ACT_ALLOW\", \"names\": [");
	for (size_t i = 0; i < measure->calls.count; i++) {
		const struct call *call = &measure->calls.list[i];

		for (unsigned int phase = 0; phase < PHASES; phase++)
			if (call_seen(call, on, phase) &&
			    !(without && strcmp(call->name, without) == 0)) {
				add_name(&out, call->name);
				break;
			}
	}
	for (size_t i = 0; measure->go && i < count; i++)
		if (is_go_margin(&rows[i]) && !(without && strcmp(rows[i].name, without) == 0))
			add_name(&out, rows[i].name);
	for (const char *const *name = container_calls; *name; name++)
		add_name(&out, *name);
	buf_adds(&out, "]}]}");
	return buf_steal(&out);
}

static int try_without(struct measure *measure, bool on, unsigned int phase, const char *without,
		       const struct refusal *refusal, bool *ret_started, struct error *err)
{
	AUTO_FREE char *filter = filter_without(measure, on, without, refusal);
	struct container_plan plan = { .no_new_privileges = on,
				       .user = true, /* whose start makes all calls */
				       .phase = phases[phase],
				       .seccomp = filter };

	return container_try(&measure->container, &measure->supervisor, &plan,
			     measure->options->timeout, ret_started, err);
}

/* All of them are enough. */
static int try_all(struct measure *measure, bool on, struct error *err)
{
	for (unsigned int phase = 0; phase < PHASES; phase++)
		for (size_t i = 0; i < measure->calls.runs; i++) {
			bool started;

			if (try_without(measure, on, phase, NULL, &killing, &started, err) < 0)
				return -1;
			if (started)
				continue;
			fail(err, ERROR_REFUSED, 0,
			     "%s, no-new-privileges %s: the calls that were seen are not enough "
			     "for %s",
			     measure->name, on ? "on" : "off", phase_words[phase]);
			return fail_hint(err, "watch more starts: --runs");
		}
	return 0;
}

static int try_call(struct measure *measure, struct call *call, bool on, unsigned int phase,
		    struct error *err)
{
	enum floor_lack *lack = &call->lack[on][phase];
	bool refused, killed = false, borne = false;

	*lack = LACK_SOMETIMES;
	if (!call_regular(&measure->calls, call, on, phase) ||
	    (measure->go && in_go_margin(call->name)))
		return 0;
	/* An exec needs a container: a call without which none starts cannot be looked at. */
	if (phase == PHASES - 1 && call_seen(call, on, PHASES - 2)) {
		*lack = call->lack[on][PHASES - 2];
		return 0;
	}
	if (try_without(measure, on, phase, call->name, &enosys, &refused, err) < 0)
		return -1;
	if (refused ? try_without(measure, on, phase, call->name, &killing, &killed, err) < 0
		    : try_without(measure, on, phase, call->name, &eperm, &borne, err) < 0)
		return -1;
	if (refused)
		*lack = killed ? LACK_SOMETIMES : LACK_KILLS;
	else
		*lack = borne ? LACK_ENOSYS : LACK_FAILS;
	return 0;
}

static int bisect(struct measure *measure, struct error *err)
{
	for (int on = 0; on < STARTS; on++) {
		progress(measure, "taking calls away, no-new-privileges %s", on ? "on" : "off");
		if (try_all(measure, on, err) < 0)
			return -1;
		for (size_t i = 0; i < measure->calls.count; i++)
			for (unsigned int phase = 0; phase < PHASES; phase++) {
				struct call *call = &measure->calls.list[i];

				if (call_seen(call, on, phase) &&
				    try_call(measure, call, on, phase, err) < 0)
					return -1;
			}
	}
	return 0;
}

/* ---- all ---- */

static int measure_all(struct measure *measure, struct buf *ret_text, struct error *err)
{
	if (identify(measure, err) < 0 || watch_all(measure, err) < 0)
		return -1;
	if (measure->options->bisect && bisect(measure, err) < 0)
		return -1;
	calls_print(&measure->calls, measure->name, measure->version, measure->go,
		    measure->options->bisect, ret_text);
	return 0;
}

int measure_floor(const struct measure_options *options, struct buf *ret_text, struct error *err)
{
	struct measure measure = { .options = options, .calls.runs = options->runs };

	if (geteuid() != 0)
		return fail(err, ERROR_REFUSED, 0, "measuring a floor needs root");
	if (supervisor_begin(&measure.supervisor, err) < 0)
		return -1;
	int result = container_make(options->runtime, &measure.container, err);
	if (result == 0) {
		result = measure_all(&measure, ret_text, err);
		container_free(&measure.container);
	}
	supervisor_end(&measure.supervisor);
	calls_free(&measure.calls);
	free(measure.name);
	free(measure.version);
	return result;
}
