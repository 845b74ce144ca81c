/*
 * The processes of a workload that is not traced: nobody says when one begins or ends. One begins
 * with its first notification; that it ended its pidfd says, before its id can be given anew.
 */
#include <trace/notify.h>

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <trace/proc.h>
#include <whittle/proc.h>

enum { DEATHS_AT_ONCE = 32, SWEEP_MIN = 256 };

struct process *process_find(const struct notify *notify, pid_t tgid)
{
	struct process *process;

	HASH_FIND_INT(notify->processes, &tgid, process);
	return process;
}

static void watch_end(struct notify *notify, struct process *process)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .fd = process->tgid } };

	if (notify->pidfds >= notify->pidfds_max)
		return;
	int fd = pidfd_open(process->tgid, 0);
	if (fd >= 0 && epoll_ctl(notify->deaths, EPOLL_CTL_ADD, fd, &event) < 0) {
		close(fd);
		return;
	}
	process->pidfd = fd;
	notify->pidfds += fd >= 0;
}

struct process *process_add(struct trace *trace, pid_t tgid)
{
	struct notify *notify = trace->notify;
	struct process *process = xcalloc(1, sizeof(*process));

	process->tgid = tgid;
	process->pidfd = -1;
	process->started = proc_started(tgid);
	process->ward = guardian_watch(&notify->guardian, tgid, process->started);
	watch_end(notify, process);
	HASH_ADD_INT(notify->processes, tgid, process);
	if (!trace_find(trace, tgid))
		trace_add(trace, tgid, tgid);
	return process;
}

void thread_end(struct notify *notify, pid_t tid)
{
	if (notify->ended_count == notify->ended_size) {
		notify->ended_size = notify->ended_size ? notify->ended_size * 2 : 64;
		notify->ended = xrealloc(notify->ended, notify->ended_size, sizeof(*notify->ended));
	}
	notify->ended[notify->ended_count++] = tid;
}

static void process_free(struct notify *notify, struct process *process)
{
	if (process->pidfd >= 0) {
		close(process->pidfd); /* which takes it out of the epoll */
		notify->pidfds--;
	}
	guardian_unwatch(&notify->guardian, process->ward);
	HASH_DEL(notify->processes, process);
	free(process);
}

void process_end(struct trace *trace, struct process *process)
{
	struct notify *notify = trace->notify;

	/* They are told from the end of the list on. */
	thread_end(notify, process->tgid);
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->tgid == process->tgid && tracee->tid != process->tgid)
			thread_end(notify, tracee->tid);
	process_free(notify, process);
}

void process_keep_leader(struct trace *trace, const struct process *process)
{
	struct tracee *tracee, *next;

	HASH_ITER (hh, trace->tracees, tracee, next)
		if (tracee->tgid == process->tgid && tracee->tid != process->tgid)
			trace_remove(trace, tracee);
}

bool process_is_same(const struct process *process)
{
	return process->pidfd >= 0 || proc_started(process->tgid) == process->started;
}

/* Whittle's own child is gone once its status is known: a tracer in the workload gets it first. */
static void main_gone(struct trace *trace, struct process *process)
{
	struct notify *notify = trace->notify;

	if (!notify->main_reaped)
		notify->main_reaped =
			waitpid(trace->main_pid, &trace->main_status, WNOHANG | __WALL) != 0;
	notify->main_late = !notify->main_reaped;
	if (notify->main_reaped)
		process_end(trace, process);
}

static void process_gone(struct trace *trace, struct process *process)
{
	struct notify *notify = trace->notify;

	if (process->tgid != trace->main_pid) {
		process_end(trace, process);
		return;
	}
	if (process->pidfd >= 0) /* it would say so for ever */
		epoll_ctl(notify->deaths, EPOLL_CTL_DEL, process->pidfd, NULL);
	main_gone(trace, process);
}

void processes_take_deaths(struct trace *trace)
{
	struct notify *notify = trace->notify;
	struct epoll_event events[DEATHS_AT_ONCE];
	struct process *late = process_find(notify, trace->main_pid);

	if (notify->main_late && late)
		main_gone(trace, late);
	int count = epoll_wait(notify->deaths, events, DEATHS_AT_ONCE, 0);

	for (int i = 0; i < count; i++) {
		struct process *process = process_find(notify, events[i].data.fd);

		if (process)
			process_gone(trace, process);
	}
}

/* Is the process gone that no pidfd watches? A zombie is, whose parent does not care. */
static bool is_gone(const struct process *process)
{
	AUTO_CLOSE int fd = pidfd_open(process->tgid, 0);
	struct pollfd end = { .fd = fd, .events = POLLIN };

	return fd < 0 ? errno == ESRCH : poll(&end, 1, 0) > 0 || !process_is_same(process);
}

static size_t count_unwatched(const struct trace *trace)
{
	return HASH_COUNT(trace->tracees) - trace->notify->pidfds;
}

static bool is_time_to_sweep(struct trace *trace, bool timed)
{
	struct notify *notify = trace->notify;
	struct timespec now;

	if (count_unwatched(trace) > 2 * notify->swept + SWEEP_MIN)
		return true;
	if (!timed || count_unwatched(trace) == 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	bool due = now.tv_sec != notify->swept_at;
	notify->swept_at = now.tv_sec;
	return due;
}

void processes_sweep(struct trace *trace, bool timed)
{
	struct notify *notify = trace->notify;
	struct process *process, *next;

	if (!is_time_to_sweep(trace, timed))
		return;
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->tid != tracee->tgid && !proc_has_thread(tracee->tgid, tracee->tid))
			thread_end(notify, tracee->tid);
	HASH_ITER (hh, notify->processes, process, next)
		if (process->pidfd < 0 && is_gone(process))
			process_end(trace, process);
	size_t unwatched = count_unwatched(trace);
	notify->swept =
		unwatched - (notify->ended_count < unwatched ? notify->ended_count : unwatched);
}

void processes_release(struct trace *trace)
{
	struct notify *notify = trace->notify;
	struct process *process, *next;

	HASH_ITER (hh, notify->processes, process, next)
		process_free(notify, process);
	free(notify->ended);
}
