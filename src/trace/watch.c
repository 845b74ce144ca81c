/*
 * Which capabilities the kernel was asked for, as events of the calls in which it was. Until it is
 * ready to tell that of chosen processes, it tells it of all that run.
 */
#include <trace/asked.h>
#include <trace/engine.h>

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <whittle/file.h>
#include <whittle/proc.h>

/* ---- questions and their calls ---- */

/* Does the event end the call that the thread was in? */
static bool ends_call(const struct event *event, pid_t tid)
{
	if (event->kind == EVENT_EXEC)
		return event->tid == tid || event->old_tid == tid;
	return event->kind == EVENT_RESULT && event->tid == tid;
}

/*
 * In calls that run unreported some capabilities are asked for with each piece of memory: no names
 * of the kernel's functions are looked up for these, and with too many of them they are no events
 * any more, also where they would be of use.
 */
static void note_noise(struct trace *trace)
{
	enum { NOISE_MAX = 4096 };

	if (trace->asked_noise++ == NOISE_MAX)
		asked_narrow(trace->asked);
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
	if (event->capability == CAP_SYS_ADMIN || event->capability == CAP_SYS_RESOURCE) {
		note_noise(trace);
		return false;
	}
	if (asked_repeats(trace->asked, event))
		return false;
	int64_t nr = asked_call(trace->asked);
	event->nr = (uint64_t)nr;
	return nr >= 0;
}

static bool is_watched(const struct trace *trace, pid_t tid)
{
	const struct tracee *tracee = trace_find(trace, tid);

	return tracee && tracee->watched;
}

/* Before the events that are still to be told: its thread may be gone behind them. */
bool watch_next(struct trace *trace, struct event *ret_event)
{
	const struct event *pending = trace->queue_count ? &trace->queue[trace->queue_head] : NULL;

	while (trace->asked && asked_next(trace->asked, ret_event)) {
		if (ret_event->kind != EVENT_ASKED)
			return true;
		if (asked_of_anyone(trace->asked) && !is_watched(trace, ret_event->tid))
			continue;
		ret_event->foreign = asked_of_another_namespace(trace->asked);
		ret_event->what = asked_tells_result(trace->asked) ? "measured" : "measured-kprobe";
		if (place_asked(trace, pending, ret_event))
			return true;
	}
	if (trace->asked && pending && pending->kind == EVENT_EXEC)
		asked_forget(trace->asked);
	return false;
}

/* Behind the last stop. */
bool watch_last(struct trace *trace, struct event *ret_event)
{
	return watch_next(trace, ret_event) ||
	       (trace->asked && asked_ended(trace->asked, ret_event));
}

/* ---- who is watched ---- */

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

void trace_ask(struct trace *trace)
{
	trace->measuring = true;
	trace->measured = trace_watch(trace);
	trace->measuring = false;
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

/* ---- from all processes to the workload's ---- */

/* Of the calls that a process may be in, whittle hears before: also of those that make others. */
static bool makes_processes(const struct event *call)
{
	static const char *const names[] = { "clone", "clone3", "fork", "vfork" };

	for (size_t i = 0; call->abi && i < ARRAY_SIZE(names); i++)
		if (abi_syscall_number(call->abi, names[i]) == (int64_t)call->nr)
			return true;
	return !call->abi;
}

/*
 * Might the tracee just now be making a process that whittle has not heard of? It would not be
 * watched: the kernel gives a child its parent's events when it makes it (perf_event_init_task()).
 */
static bool may_be_forking(const struct trace *trace, const struct tracee *tracee)
{
	if (tracee->tid == trace->current)
		return false; /* it waits for whittle */
	return tracee->filtered || (tracee->in_call && makes_processes(&tracee->call));
}

static bool watch_each(struct trace *trace)
{
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->watched &&
		    (tracee->tid == tracee->tgid || !trace_find(trace, tracee->tgid)) &&
		    asked_follow(trace->asked, tracee->tgid) < 0)
			return false;
	return true;
}

void watch_settle(struct trace *trace)
{
	if (!trace->asked || !asked_is_ready(trace->asked))
		return;
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		if (may_be_forking(trace, tracee))
			return;
	if (watch_each(trace))
		asked_follow_only(trace->asked);
}
