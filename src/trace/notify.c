/*
 * Seccomp user notification -> events (seccomp_unotify(2)): no ptrace, so that the workload may
 * trace itself. The workload's first process installs the filter just before execve(2), and all
 * that comes of it inherits it; whittle takes the listener by pidfd_getfd(2).
 *
 * What the listener does not say is found out: a process begins with its first notification and
 * ends with its pidfd (process.c); an image is new if what the kernel draws for each has changed
 * (proc_image()). Results and signals are not seen at all.
 *
 * A notification waits interruptibly until whittle has received it, for microseconds mostly, and
 * from then on only for SIGKILL (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV). A signal in between is
 * handled at once; then the call is made anew, or if the handler lacks SA_RESTART it fails with
 * EINTR, also a call that never would (seccomp_do_user_notification() in kernel/seccomp.c). That it
 * may have been one that was then never seen is a limitation: check_gap().
 */
#include <trace/denied.h>
#include <trace/filtered.h>
#include <trace/notify.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <trace/launch.h>
#include <trace/listener.h>
#include <trace/proc.h>

enum {
	CHILDREN_EVERY = 64, /* notifications: a busy workload leaves no time for ticks */
	LATE = 20            /* milliseconds until the main process is waited for again */
};

struct notify_calls {
	int64_t execve, execveat, exit, seccomp, prctl, sigreturn, rt_sigreturn;
};

/* ---- one notification ---- */

static void answer(struct notify *notify)
{
	if (!notify->pending)
		return;
	notify->pending = false;
	/* What whittle added is taken out of the answer: then 0 is what the call returns. */
	if (notify->denied)
		notification_refuse(&notify->notification, notify->listener, -ENOSYS);
	else if (notify->hide)
		notification_refuse(&notify->notification, notify->listener, 0);
	else
		notification_continue(&notify->notification, notify->listener);
	if (notify->leaving)
		thread_end(notify, notify->leaving);
	notify->leaving = 0;
	notify->denied = false;
}

static bool is_valid(const struct notify *notify)
{
	return notification_is_valid(&notify->notification, notify->listener);
}

/* 1, 0 if it is gone already, -1 with errno. */
static int receive(struct trace *trace)
{
	struct notify *notify = trace->notify;
	int got = notification_receive(&notify->notification, notify->listener);

	if (got <= 0)
		return got;
	/* They are numbered as they are made (seccomp_next_notify_id()), and come in that order. */
	uint64_t id = notify->notification.request->id;
	notify->gap |= notify->received_id && id != notify->received_id + 1;
	notify->received_id = id;
	notify->pending = true;
	trace->notifications++;
	return 1;
}

static pid_t caller_of(const struct notify *notify)
{
	return (pid_t)notify->notification.request->pid;
}

/* ---- who it is ---- */

static void queue_fork(struct trace *trace, pid_t tgid, pid_t tid)
{
	bool thread = tid != tgid;
	/* Its creator may run another image by now: the observer is to look at the child itself. */
	struct event event = {
		.kind = EVENT_FORK, .tgid = thread ? tgid : 0, .child = tid, .thread = thread
	};

	trace_queue(trace, &event);
}

/*
 * Did the call of execve(2) that a thread of the process made succeed? tid notifies by now; false
 * if it does no more: what was read of it is worth nothing, for instance if another thread's
 * execve(2) has just killed it.
 */
static bool check_exec(struct trace *trace, struct process *process, pid_t tid)
{
	uint64_t image = proc_image(tid);

	if (!is_valid(trace->notify))
		return false;
	if (image == process->image) {
		if (tid == process->exec_tid)
			process->exec_tid = 0;
		return true;
	}
	struct event event = { .kind = EVENT_EXEC,
			       .tid = process->tgid,
			       .tgid = process->tgid,
			       .old_tid = process->exec_tid,
			       .filtered = trace->notify->filtered };
	trace_queue(trace, &event);
	process->exec_tid = 0;
	process_keep_leader(trace, process);
	return true;
}

/* The process of a thread that notifies; NULL if it is gone. Queues what is new of it. */
static struct process *meet(struct trace *trace, pid_t tid)
{
	struct notify *notify = trace->notify;
	struct tracee *tracee = trace_find(trace, tid);
	pid_t tgid = tracee ? tracee->tgid : proc_tgid(tid);

	if (tgid <= 0 || !is_valid(notify))
		return NULL;
	struct process *process = process_find(notify, tgid);
	if (process && process->exec_tid && !check_exec(trace, process, tid))
		return NULL;
	if (!process) {
		process = process_add(trace, tgid);
		queue_fork(trace, tgid, tgid);
	}
	if (!trace_find(trace, tid)) {
		trace_add(trace, tid, tgid);
		queue_fork(trace, tgid, tid);
	}
	return process;
}

/* Does a prctl(2) ask for what only whittle did to the thread? */
static bool asks_for_ours(struct trace *trace, const struct event *entry)
{
	switch ((int)entry->args[0]) {
	case PR_GET_SECCOMP:
		return filtered_count(entry->tid) == trace->outer_filters + 1;
	case PR_GET_NO_NEW_PRIVS:
		return trace->no_new_privs && !trace->notify->own_no_new_privs;
	case PR_SET_NO_NEW_PRIVS:
		trace->notify->own_no_new_privs = true;
		return false;
	default:
		return false;
	}
}

/* The strict mode cannot follow a filter (kernel/seccomp.c, seccomp_may_assign_mode()). */
static bool asks_for_strict(const struct notify_calls *calls, const struct event *entry)
{
	if ((int64_t)entry->nr == calls->seccomp)
		return (uint32_t)entry->args[0] == SECCOMP_SET_MODE_STRICT;
	return (int64_t)entry->nr == calls->prctl && (int)entry->args[0] == PR_SET_SECCOMP &&
	       entry->args[1] == SECCOMP_MODE_STRICT;
}

/*
 * What its own filters refuse or trap outranks a notification (seccomp(2), "Return Value"): such
 * calls are not seen. A listener of its own it cannot have beside whittle's. Without a program the
 * kernel makes neither: so libseccomp asks which flags there are (seccomp_init(3)).
 */
static void foresee_filter(struct trace *trace, const struct notify_calls *calls,
			   const struct event *entry)
{
	struct event event = { .kind = EVENT_LIMITATION, .tid = entry->tid, .tgid = entry->tgid };
	int64_t nr = (int64_t)entry->nr;
	bool program = entry->args[2] != 0;

	if (nr == calls->seccomp && (uint32_t)entry->args[0] == SECCOMP_SET_MODE_FILTER && program)
		event.what = entry->args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER ? "own-listener"
									       : "own-refusals";
	if (nr == calls->prctl && (uint32_t)entry->args[0] == PR_SET_SECCOMP &&
	    entry->args[1] == SECCOMP_MODE_FILTER && program)
		event.what = "own-refusals";
	if (asks_for_strict(calls, entry))
		event.what = "strict-mode-refused";
	if (event.what)
		trace_queue(trace, &event);
}

/*
 * A signal took back a notification that was not received yet. The call was made anew, and notified
 * then, or its handler returned to an EINTR, and it was never seen: which of both cannot be told.
 * Where nothing handled a signal it was made anew.
 */
static void check_gap(struct trace *trace, const struct notify_calls *calls,
		      const struct event *entry)
{
	struct event event = { .kind = EVENT_LIMITATION,
			       .tid = entry->tid,
			       .tgid = entry->tgid,
			       .what = "interrupted-calls" };
	int64_t nr = (int64_t)entry->nr;
	bool handled = nr == calls->rt_sigreturn || nr == calls->sigreturn;

	/* What is known may return unseen. */
	if (!trace->notify->gap || (!handled && !trace->notify->filtered))
		return;
	trace->notify->gap = false;
	trace_queue(trace, &event);
}

/* Notes what the call will do to the thread or its process. */
static void foresee(struct trace *trace, struct process *process, const struct event *entry)
{
	struct notify *notify = trace->notify;

	notify->hide = false;
	if (!entry->abi)
		return;
	const struct notify_calls *calls = &notify->calls[entry->abi - abis];
	int64_t nr = (int64_t)entry->nr;
	if (nr == calls->execve || nr == calls->execveat) {
		process->exec_tid = entry->tid;
		process->image = proc_image(entry->tid);
	}
	if (nr == calls->exit && entry->tid != entry->tgid)
		notify->leaving = entry->tid;
	notify->hide = !notify->adopted && nr == calls->prctl && asks_for_ours(trace, entry);
	foresee_filter(trace, calls, entry);
	check_gap(trace, calls, entry);
}

/* It waits for its answer, but there is no such process here: in another pid namespace, maybe. */
static void note_unmet(struct trace *trace)
{
	struct event event = { .kind = EVENT_LOSS, .what = "unseen-process" };

	if (is_valid(trace->notify))
		trace_queue(trace, &event);
}

/* Queues the events of the notification that was received. */
static void handle(struct trace *trace)
{
	struct notify *notify = trace->notify;
	pid_t tid = caller_of(notify);
	struct event entry;

	if (trace->killed) { /* it was not known when the others were */
		if (tid > 0)
			kill(tid, SIGKILL);
		notify->pending = false; /* the call is not made any more */
		return;
	}
	struct process *process = meet(trace, tid);
	if (!process) {
		note_unmet(trace);
		return;
	}
	notification_entry(&notify->notification, process->tgid, &entry);
	notify->denied = denied_entry(trace, &entry, &entry);
	if (!notify->denied)
		foresee(trace, process, &entry);
	trace_queue(trace, &entry);
}

/* ---- children of whittle ---- */

/* 1 with EVENT_CHILD if one ended that is not of the engine, else 0. */
static int reap(struct trace *trace, struct event *ret_event, struct error *err)
{
	struct notify *notify = trace->notify;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		if (pid == trace->main_pid) {
			trace->main_status = status;
			notify->main_reaped = true;
		} else if (pid == notify->guardian.pid) {
			if (guardian_start(&notify->guardian, notify->listener, err) < 0)
				return -1;
		} else if (pid == notify->witness.pid) {
			notify->witness.pid = 0;
		} else {
			*ret_event = (struct event){
				.kind = EVENT_CHILD, .tid = pid, .tgid = pid, .status = status
			};
			return 1;
		}
	}
	return 0;
}

static int tick(struct trace *trace, struct event *ret_event, struct error *err)
{
	int found = reap(trace, ret_event, err);

	if (found != 0)
		return found;
	processes_sweep(trace, true);
	*ret_event = (struct event){ .kind = EVENT_TICK };
	return 1;
}

/* The workload's main process got what the group got: 1 with EVENT_SIGNAL, else 0. */
static int tell_signal(struct trace *trace, struct event *ret_event)
{
	int signal;
	pid_t sender;

	while (witness_next(&trace->notify->witness, &signal, &sender)) {
		if (!trace->main_running || getpgid(trace->main_pid) != getpgrp())
			continue;
		*ret_event = (struct event){ .kind = EVENT_SIGNAL,
					     .tid = trace->main_pid,
					     .tgid = trace->main_pid,
					     .signal = signal,
					     .sender = sender };
		return 1;
	}
	return 0;
}

/* ---- the loop ---- */

/* Takes one thread off the list of those that ended: 1 with its EVENT_EXIT, else 0. */
static int tell_end(struct trace *trace, struct event *ret_event)
{
	struct notify *notify = trace->notify;

	while (notify->ended_count > 0) {
		struct tracee *tracee = trace_find(trace, notify->ended[--notify->ended_count]);

		if (!tracee)
			continue;
		bool is_main = tracee->tid == trace->main_pid;
		*ret_event = (struct event){ .kind = EVENT_EXIT,
					     .tid = tracee->tid,
					     .tgid = tracee->tgid,
					     .status = is_main ? trace->main_status : 0 };
		if (is_main)
			trace->main_running = false;
		trace_remove(trace, tracee);
		return 1;
	}
	return 0;
}

/* No task uses the filter: what is known is gone, but that whittle must wait for the main one. */
static void hang_up(struct trace *trace)
{
	struct notify *notify = trace->notify;
	struct process *process, *next;

	notify->hung_up = true;
	HASH_ITER (hh, notify->processes, process, next)
		if (process->tgid != trace->main_pid)
			process_end(trace, process);
}

/* Waits for whatever comes next; 1 with an event, 0 if it is in the queue or there is none. */
static int wait_for_more(struct trace *trace, struct event *ret_event, struct error *err)
{
	struct notify *notify = trace->notify;
	struct pollfd fds[] = {
		{ .fd = notify->hung_up ? -1 : notify->listener, .events = POLLIN },
		{ .fd = notify->deaths, .events = POLLIN },
		{ .fd = notify->witness.socket, .events = POLLIN },
	};
	int ready = poll(fds, ARRAY_SIZE(fds), notify->main_late ? LATE : -1);

	if (ready < 0 && errno == EINTR)
		return tick(trace, ret_event, err);
	if (ready < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot wait for the workload");
	if (fds[2].revents && tell_signal(trace, ret_event))
		return 1;
	/* An id that was given anew: its last owner is told to be gone first. */
	if (fds[1].revents || notify->main_late)
		processes_take_deaths(trace);
	if (notify->ended_count)
		return 0;
	if (!(fds[0].revents & POLLIN)) {
		if (fds[0].revents & POLLHUP) /* POLLERR: a signal came, seccomp_notify_poll() */
			hang_up(trace);
		return 0;
	}
	int got = receive(trace);
	if (got < 0 && errno == EINTR)
		return tick(trace, ret_event, err);
	if (got < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot receive from the workload");
	if (got > 0)
		handle(trace);
	processes_sweep(trace, false);
	return ++notify->received % CHILDREN_EVERY == 0 ? reap(trace, ret_event, err) : 0;
}

static int notify_next(struct trace *trace, struct event *ret_event, struct error *err)
{
	struct notify *notify = trace->notify;

	answer(notify);
	for (;;) {
		if (tell_end(trace, ret_event) || trace_unqueue(trace, ret_event))
			return 1;
		if (notify->hung_up && !notify->processes)
			return 0;
		answer(notify); /* of one that was gone, so that nothing was queued */
		int more = wait_for_more(trace, ret_event, err);
		if (more != 0)
			return more;
	}
}

/* ---- start and end ---- */

static int allocate(struct notify *notify, const char *farewell, struct error *err)
{
	if (notification_init(&notify->notification, err) < 0)
		return -1;
	notify->deaths = epoll_create1(EPOLL_CLOEXEC);
	if (notify->deaths < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot watch processes");
	return guardian_init(&notify->guardian, farewell, err);
}

static void note_numbers(struct notify *notify)
{
	size_t count = 0;

	while (abis[count].name)
		count++;
	notify->calls = xcalloc(count, sizeof(*notify->calls));
	for (size_t i = 0; i < count; i++)
		notify->calls[i] = (struct notify_calls){
			.execve = abi_syscall_number(&abis[i], "execve"),
			.execveat = abi_syscall_number(&abis[i], "execveat"),
			.exit = abi_syscall_number(&abis[i], "exit"),
			.seccomp = abi_syscall_number(&abis[i], "seccomp"),
			.prctl = abi_syscall_number(&abis[i], "prctl"),
			.sigreturn = abi_syscall_number(&abis[i], "sigreturn"),
			.rt_sigreturn = abi_syscall_number(&abis[i], "rt_sigreturn")
		};
}

/* Half of the descriptors that whittle may have are for its other work. */
static size_t pidfds_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < 16)
		return 8;
	return limit.rlim_cur / 2;
}

/* The launcher ended without an image of the workload. */
static int launcher_failed(struct trace *trace, const struct launch *launch,
			   const struct launch_plan *plan, struct error *err)
{
	struct notify *notify = trace->notify;

	while (waitpid(trace->main_pid, &trace->main_status, __WALL) < 0 && errno == EINTR)
		continue;
	notify->main_reaped = true;
	launch_failure(launch, plan, err);
	if (err->number == EBUSY)
		fail_hint(err, "whittle runs under a listener itself, and there can be only one: "
			       "--engine ptrace");
	return -1;
}

/* Waits for a call of the launcher: 1, 0 if it is gone, -1 on an error. */
static int receive_first(struct trace *trace, struct error *err)
{
	struct notify *notify = trace->notify;
	struct pollfd fds[] = {
		{ .fd = notify->listener, .events = POLLIN },
		{ .fd = notify->deaths, .events = POLLIN },
	};
	int got = 0;

	while (got == 0) {
		got = poll(fds, ARRAY_SIZE(fds), -1);
		if (got > 0 && fds[1].revents)
			return 0;
		if (got > 0)
			got = receive(trace);
		if (got < 0 && errno == EINTR)
			got = 0;
	}
	return got > 0 ? 1 : fail(err, ERROR_SYSTEM, errno, "cannot receive from the workload");
}

/*
 * Lets the launcher go up to the first call of the new image: what it did before is not the
 * workload's, but for its execve(2), which comes before the new image in the queue.
 */
static int run_to_image(struct trace *trace, const struct launch *launch,
			const struct launch_plan *plan, struct error *err)
{
	struct notify *notify = trace->notify;
	struct process *process = process_find(notify, trace->main_pid);
	struct event entry, call;

	for (;;) {
		int got = receive_first(trace, err);
		if (got < 0)
			return -1;
		if (got == 0)
			return launcher_failed(trace, launch, plan, err);
		notification_entry(&notify->notification, trace->main_pid, &entry);
		if (process->exec_tid && proc_image(trace->main_pid) != process->image)
			break;
		process->exec_tid = 0;
		foresee(trace, process, &entry);
		call = entry;
		answer(notify);
	}
	trace_queue(trace, &call);
	check_exec(trace, process, trace->main_pid);
	handle(trace); /* it may be another's: where all that the first one did is known */
	return 0;
}

static int follow(struct trace *trace, const struct listener_plan *listener,
		  const struct launch *launch, const struct launch_plan *plan, struct error *err)
{
	struct notify *notify = trace->notify;

	trace->main_pid = launch->pid;
	trace->main_running = true;
	if (launch_go((struct launch *)launch, err) < 0)
		return -1;
	int got =
		listener_take(listener, launch->pid, &notify->listener, &trace->no_new_privs, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return launcher_failed(trace, launch, plan, err);
	if (guardian_start(&notify->guardian, notify->listener, err) < 0 ||
	    witness_start(&notify->witness, err) < 0)
		return -1;
	struct process *process = process_add(trace, launch->pid);
	if (process->pidfd < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot watch the workload");
	return run_to_image(trace, launch, plan, err);
}

static struct notify *notify_new(struct trace *trace)
{
	struct notify *notify = xcalloc(1, sizeof(*notify));

	trace->notify = notify;
	notify->listener = notify->deaths = notify->guardian.lifeline = notify->witness.socket = -1;
	notify->pidfds_max = pidfds_max();
	note_numbers(notify);
	return notify;
}

static int notify_start(struct trace *trace, const char *path, char *const argv[],
			struct error *err)
{
	struct notify *notify = notify_new(trace);
	struct listener_plan listener;
	struct launch_plan plan = {
		.path = path, .argv = argv, .prepare = listener_install, .context = &listener
	};
	struct launch launch;

	denied_init(trace, trace->options->deny_uring);
	notify->filtered = trace->options->known_count > 0;
	trace->filters = notify->filtered;
	if (allocate(notify, NULL, err) < 0 || listener_plan(&listener, trace->options, err) < 0)
		return -1;
	int result = launch_fork(&launch, &plan, err);
	if (result == 0) {
		result = follow(trace, &listener, &launch, &plan, err);
		launch_close(&launch);
	}
	listener_release(&listener);
	return result;
}

void trace_refuse(int listener)
{
	AUTO_CLOSE int fd = listener;
	struct error err;

	if (notification_check_listener(fd, &err) == 0)
		guardian_kill(fd);
}

int notify_adopt(struct trace *trace, const struct adopt_options *options, int listener,
		 struct error *err)
{
	AUTO_CLOSE int fd = listener;
	struct notify *notify = notify_new(trace);

	denied_init(trace, options->deny_uring);
	notify->adopted = true;
	notify->filtered = options->filtered;
	trace->filters = options->filtered;
	if (notification_check_listener(fd, err) < 0)
		return -1;
	if (allocate(notify, options->farewell, err) < 0 ||
	    guardian_start(&notify->guardian, fd, err) < 0) {
		guardian_kill(fd);
		return -1;
	}
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	notify->listener = STEAL_FD(fd);
	return 0;
}

/* The guardian ends what is left; a zombie that nobody waits for may keep it waiting. */
static void notify_release(struct trace *trace)
{
	struct notify *notify = trace->notify;

	if (!notify)
		return;
	if (trace->main_pid && !notify->main_reaped) {
		kill(trace->main_pid, SIGKILL);
		while (waitpid(trace->main_pid, NULL, __WALL) < 0 && errno == EINTR)
			continue;
	}
	guardian_end(&notify->guardian);
	witness_end(&notify->witness);
	processes_release(trace);
	denied_free(trace);
	auto_close(&notify->listener);
	auto_close(&notify->deaths);
	notification_release(&notify->notification);
	free(notify->calls);
	free(notify);
	trace->notify = NULL;
}

const struct engine_ops engine_notify = {
	.start = notify_start,
	.next = notify_next,
	.release = notify_release,
};
