/* Which engine a run has, and what its filter lets run from the start. */
#include <cli/cli.h>
#include <cli/record.h>

#include <errno.h>
#include <string.h>

static void say_why(const char *why)
{
	if (verbosity() > 1)
		say("engine: notify, since %s", why);
}

/* Did an earlier run trace processes of its own, which the kernel refuses to a tracee? */
static bool was_refused_ptrace(const struct evidence *known)
{
	for (size_t i = 0; known && i < evidence_run_count(known); i++) {
		const struct evidence_run *run = evidence_run_at(known, i);

		for (size_t j = 0; j < run->limitation_count; j++)
			if (strcmp(run->limitations[j].kind, "ptrace-refused") == 0)
				return true;
	}
	return false;
}

static enum engine choose(const struct record_options *options)
{
	if (options->engine == CHOOSE_NOTIFY)
		return ENGINE_NOTIFY;
	if (options->engine == CHOOSE_PTRACE || !was_refused_ptrace(options->known))
		return ENGINE_PTRACE;
	say_why("an earlier run used ptrace(2) itself");
	return ENGINE_NOTIFY;
}

/*
 * Only ptrace refused to whittle: the workload did not begin, and the other engine needs less.
 */
static bool may_try_notify(const struct record_options *options, const struct trace_options *how,
			   const struct error *err)
{
	return options->engine == CHOOSE_AUTO && how->engine == ENGINE_PTRACE &&
	       err->kind == ERROR_SYSTEM && err->number == EPERM;
}

static int start(const struct record_options *options, struct trace_options *how, const char *path,
		 char **argv, struct trace **ret_trace, struct error *err)
{
	if (trace_start(path, argv, how, ret_trace, err) == 0)
		return 0;
	struct error refused = *err;
	if (!may_try_notify(options, how, err))
		return -1;
	how->engine = ENGINE_NOTIFY;
	if (trace_start(path, argv, how, ret_trace, err) == 0) {
		say_why("ptrace(2) is not permitted here");
		return 0;
	}
	if (err->kind != ERROR_INPUT) /* the first refusal says more */
		*err = refused;
	return -1;
}

int engine_start(const struct record_options *options, struct observer *observer, bool measure,
		 const char *path, char **argv, struct trace **ret_trace, struct session_end *end,
		 struct error *err)
{
	struct trace_options how = { .engine = choose(options) };
	struct free_call *calls = NULL;
	size_t count = 0;

	if (options->known && !options->exact) {
		known_teach(options, observer);
		how.watch = observer_searches(observer, 0);
		observer_watch(observer, 0, how.watch);
		calls = observer_free_calls(observer, 0, &count);
	}
	how.measure = measure;
	how.deny_uring = options->deny_uring;
	how.known = calls;
	how.known_count = count;
	int result = start(options, &how, path, argv, ret_trace, err);
	free_calls_release(calls, count);
	if (result < 0)
		return -1;
	end->engine = how.engine;
	end->filter_known = trace_filters(*ret_trace) > 0;
	return 0;
}
