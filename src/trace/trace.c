/* The life of a recorded workload: its engine, its tracees, the end. */
#include <trace/asked.h>
#include <trace/attach.h>
#include <trace/filtered.h>
#include <trace/outer.h>
#include <trace/proc.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
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
	trace->asked_ready = -1;
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

/* Does the event end the call that the thread was in? */
static bool ends_call(const struct event *event, pid_t tid)
{
	if (event->kind == EVENT_EXEC)
		return event->tid == tid || event->old_tid == tid;
	return event->kind == EVENT_RESULT && event->tid == tid;
}

/*
 * Finds the call in which the kernel was asked. pending is the stop that was waited for, before
 * which it happened. False if it was in none: memory that grows as it is touched (a page fault) is
 * asked for too.
 */
static bool place_asked(struct trace *trace, const struct event *pending, struct event *event)
{
	const struct tracee *tracee = trace_find(trace, event->tid);
	bool own = pending && pending->tid == event->tid;

	event->joined = pending && ends_call(pending, event->tid);
	if (event->joined)
		return true;
	if (tracee && tracee->in_call && !(own && pending->kind == EVENT_ENTRY)) {
		event->joined = true;
		return true;
	}
	if (tracee ? !tracee->filtered : own && pending->kind == EVENT_EXIT && !pending->filtered)
		return false; /* all its calls are reported */
	int64_t nr = asked_call(trace->asked);
	event->nr = (uint64_t)nr;
	return nr >= 0;
}

/* Before the events that are still to be told: its thread may be gone behind them. */
static bool next_asked(struct trace *trace, struct event *ret_event)
{
	const struct event *pending = trace->queue_count ? &trace->queue[trace->queue_head] : NULL;

	while (trace->asked && asked_next(trace->asked, ret_event)) {
		if (ret_event->kind != EVENT_ASKED)
			return true;
		ret_event->what = asked_tells_result(trace->asked) ? "measured" : "measured-kprobe";
		if (place_asked(trace, pending, ret_event))
			return true;
	}
	return false;
}

/* Behind the last stop. */
static bool last_asked(struct trace *trace, struct event *ret_event)
{
	return next_asked(trace, ret_event) ||
	       (trace->asked && asked_ended(trace->asked, ret_event));
}

int trace_next(struct trace *trace, struct event *ret_event, struct error *err)
{
	struct event event;

	if (trace->queue_count == 0) {
		int more = trace->engine->next(trace, &event, err);
		if (more <= 0)
			return last_asked(trace, ret_event) ? 1 : more;
		queue_first(trace, &event);
	}
	if (!next_asked(trace, ret_event))
		trace_unqueue(trace, ret_event);
	return 1;
}

bool trace_can_watch(void)
{
	struct asked *asked = asked_open(false);

	asked_close(asked);
	return asked;
}

bool trace_watch(struct trace *trace)
{
	const struct tracee *current = trace_find(trace, trace->current);

	if (!current)
		return false;
	if (current->watched)
		return true;
	if (!trace->asked)
		trace->asked = asked_open(trace->measuring);
	/* Without the result a look could not be let run. */
	if (!trace->asked || (!trace->measuring && !asked_tells_result(trace->asked)) ||
	    asked_watch(trace->asked, current->tgid) < 0)
		return false;
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		tracee->watched |= tracee->tgid == current->tgid;
	return true;
}

/* From now on some calls are not reported: what they ask for must not be lost in what others do. */
void trace_ask_less(struct trace *trace)
{
	if (trace->asked)
		asked_narrow(trace->asked);
}

void trace_ask(struct trace *trace)
{
	trace->measuring = true;
	trace->measured = trace_watch(trace);
	trace->measuring = false;
	if (trace->filtered_first)
		trace_ask_less(trace);
}

void trace_prepare_watch(struct trace *trace)
{
	if (!trace->asked && trace->asked_ready < 0)
		trace->asked_ready = asked_prepare();
}

/*
 * The kernel takes the events away from what executes an image and is not "dumpable" then, for the
 * sake of set-id programs (fs/exec.c, begin_new_exec()): its ids differ, or it may not read the
 * image, in which case its files in /proc are not its own (proc(5)).
 */
static bool loses_watch(pid_t tid)
{
	unsigned int uids[2], gids[2]; /* real, effective */
	AUTO_FREE char *status = proc_status(tid);
	const char *uid = status ? proc_field(status, "Uid") : NULL;
	const char *gid = status ? proc_field(status, "Gid") : NULL;
	char path[32];
	struct stat own;

	snprintf(path, sizeof(path), "/proc/%d", tid);
	if (!uid || !gid || sscanf(uid, "%u %u", &uids[0], &uids[1]) != 2 ||
	    sscanf(gid, "%u %u", &gids[0], &gids[1]) != 2 || stat(path, &own) < 0)
		return false;
	return uids[0] != uids[1] || gids[0] != gids[1] || own.st_uid != uids[1];
}

void trace_keep_watch(struct trace *trace, const struct tracee *tracee)
{
	struct event loss = { .kind = EVENT_LOSS,
			      .tid = tracee->tid,
			      .tgid = tracee->tgid,
			      .what = "capability-events" };

	if (tracee->watched && loses_watch(tracee->tid) &&
	    asked_watch(trace->asked, tracee->tgid) < 0)
		trace_queue(trace, &loss);
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
	auto_close(&trace->asked_ready);
	HASH_ITER (hh, trace->tracees, tracee, next)
		trace_remove(trace, tracee);
	free(trace);
}
