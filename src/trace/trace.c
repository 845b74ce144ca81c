/* The life of a recorded workload: its engine, its tracees, the end. */
#include <trace/asked.h>
#include <trace/attach.h>
#include <trace/filtered.h>
#include <trace/outer.h>
#include <trace/proc.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <whittle/file.h>
#include <whittle/proc.h>

struct tracee *trace_find(const struct trace *trace, pid_t tid)
{
	struct tracee *tracee;

	HASH_FIND_INT(trace->tracees, &tid, tracee);
	return tracee;
}

struct tracee *trace_add(struct trace *trace, pid_t tid, pid_t tgid)
{
	struct tracee *tracee = xcalloc(1, sizeof(*tracee));

	tracee->tid = tid;
	tracee->tgid = tgid;
	tracee->watched = trace->measured;
	HASH_ADD_INT(trace->tracees, tid, tracee);
	if (HASH_COUNT(trace->tracees) > trace->peak_tasks)
		trace->peak_tasks = HASH_COUNT(trace->tracees);
	return tracee;
}

void trace_remove(struct trace *trace, struct tracee *tracee)
{
	HASH_DEL(trace->tracees, tracee);
	free(tracee);
}

void trace_queue(struct trace *trace, const struct event *event)
{
	if (trace->queue_count < QUEUE_MAX)
		trace->queue[(trace->queue_head + trace->queue_count++) % QUEUE_MAX] = *event;
}

static void queue_first(struct trace *trace, const struct event *event)
{
	if (trace->queue_count == QUEUE_MAX)
		return;
	trace->queue_head = (trace->queue_head + QUEUE_MAX - 1) % QUEUE_MAX;
	trace->queue[trace->queue_head] = *event;
	trace->queue_count++;
}

bool trace_unqueue(struct trace *trace, struct event *ret_event)
{
	if (trace->queue_count == 0)
		return false;
	*ret_event = trace->queue[trace->queue_head];
	trace->queue_head = (trace->queue_head + 1) % QUEUE_MAX;
	trace->queue_count--;
	return true;
}

static const struct engine_ops *const engines[] = {
	[ENGINE_PTRACE] = &engine_ptrace,
	[ENGINE_NOTIFY] = &engine_notify,
};

static struct trace *new_trace(const struct engine_ops *engine)
{
	struct trace *trace = xcalloc(1, sizeof(*trace));

	trace->engine = engine;
	trace->native = abi_of_machine(NULL);
	return trace;
}

int trace_start(const char *path, char *const argv[], const struct trace_options *options,
		struct trace **ret_trace, struct error *err)
{
	struct trace *trace = new_trace(engines[options->engine]);

	trace->options = options;
	trace->outer_filters = filtered_count(getpid());
	if (trace->engine->start(trace, path, argv, err) < 0) {
		trace_free(trace);
		return -1;
	}
	trace->options = NULL;
	if (options->engine == ENGINE_NOTIFY && trace->outer_filters != 0)
		trace_queue(trace, &(struct event){ .kind = EVENT_LIMITATION,
						    .tid = trace->main_pid,
						    .tgid = trace->main_pid,
						    .what = "outer-unseen" });
	*ret_trace = trace;
	return 0;
}

int trace_adopt(const struct adopt_options *options, int listener, struct trace **ret_trace,
		struct error *err)
{
	bool attach = options->engine == ENGINE_PTRACE;
	struct trace *trace = new_trace(attach ? &engine_attach : &engine_notify);
	int result = attach ? attach_adopt(trace, options, listener, err)
			    : notify_adopt(trace, options, listener, err);

	if (result < 0) {
		trace_free(trace);
		return -1;
	}
	*ret_trace = trace;
	return 0;
}

int trace_next(struct trace *trace, struct event *ret_event, struct error *err)
{
	struct event event;

	if (trace->queue_count == 0) {
		watch_settle(trace);
		int more = trace->engine->next(trace, &event, err);
		if (more <= 0)
			return watch_last(trace, ret_event) ? 1 : more;
		queue_first(trace, &event);
	}
	if (!watch_next(trace, ret_event))
		trace_unqueue(trace, ret_event);
	return 1;
}

pid_t trace_main_pid(const struct trace *trace)
{
	return trace->main_pid;
}

bool trace_main_running(const struct trace *trace)
{
	return trace->main_running;
}

int trace_main_status(const struct trace *trace)
{
	return trace->main_status;
}

size_t trace_count(const struct trace *trace)
{
	return HASH_COUNT(trace->tracees);
}

bool trace_busy(const struct trace *trace)
{
	for (const struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		if (proc_runs(tracee->tid))
			return true;
	return false;
}

/* A container's process may be known by a thread alone, the one that executes: attach.c. */
static void signal_all(struct trace *trace, int signal)
{
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->tid == tracee->tgid || !trace_find(trace, tracee->tgid))
			kill(tracee->tgid, signal);
}

void trace_signal(struct trace *trace, int signal)
{
	if (trace->main_running)
		kill(trace->main_pid, signal);
	else
		signal_all(trace, signal);
}

void trace_kill(struct trace *trace)
{
	trace->killed = true;
	signal_all(trace, SIGKILL);
}

void trace_free(struct trace *trace)
{
	struct tracee *tracee, *next;

	if (!trace)
		return;
	trace_kill(trace);
	trace->engine->release(trace);
	asked_close(trace->asked);
	outer_close(trace->outer);
	filters_free(trace->built);
	HASH_ITER (hh, trace->tracees, tracee, next)
		trace_remove(trace, tracee);
	free(trace);
}
