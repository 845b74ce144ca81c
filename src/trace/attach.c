/*
 * The processes of a container, traced from their first execve(2) on. The runtime installed a
 * filter that notifies execve(2) and nothing else: the runtime's process waits in that call until
 * it is traced, then makes it anew, so that nothing behind it is missed. Descendants are traced as
 * the ptrace engine traces all, and need no notification; but the filter stays, and what it
 * notifies outranks a learned filter's SECCOMP_RET_TRACE (seccomp(2), "Return Value"): a thread
 * that runs without stops has its call made anew too, with stops.
 *
 * A call is made anew by interrupting its thread and answering with the kernel's own ERESTARTNOINTR
 * (get_signal() and arch_do_signal_or_restart(): behind the stop the program counter goes back to
 * the system call instruction, and the program sees nothing of it).
 *
 * Notifications and stops come by two ways, and whittle can wait for one: a process of its own, the
 * door, is a tracee too and sends itself a signal when there is a notification.
 */
#include <trace/attach.h>
#include <trace/denied.h>
#include <trace/filtered.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <trace/proc.h>
#include <trace/registers.h>

enum {
	LISTENER = 0,
	GO = 1 /* descriptors of the door */
};

/* ---- the door ---- */

static void __attribute__((noreturn)) keep_door(int listener, int go)
{
	struct pollfd ready = { .fd = LISTENER, .events = POLLIN };
	sigset_t all;
	char byte;

	/* Descriptors 0 and 1 may be either of these. */
	int high_listener = fcntl(listener, F_DUPFD, 3), high_go = fcntl(go, F_DUPFD, 3);
	dup2(high_listener, LISTENER);
	dup2(high_go, GO);
	sigfillset(&all);
	sigdelset(&all, SIGUSR1);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid(); /* neither the terminal's signals nor those to whittle's group are for it */
	prctl(PR_SET_NAME, "whittle-door");
	closefrom(GO + 1);
	while (read(GO, &byte, 1) < 0 && errno == EINTR)
		continue;
	/* Whittle sees the signal, and gives none: it is never delivered. */
	for (;;) {
		if (poll(&ready, 1, -1) > 0 && (ready.revents & POLLHUP))
			_exit(0); /* no process uses the filter any more */
		raise(SIGUSR1);
	}
}

static int open_door(struct attach *attach, struct error *err)
{
	int go[2];

	if (pipe2(go, O_CLOEXEC) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot create a pipe");
	AUTO_CLOSE int from = go[0], to = go[1];
	attach->door = fork();
	if (attach->door == 0)
		keep_door(attach->listener, from);
	if (attach->door < 0) {
		attach->door = 0;
		return fail(err, ERROR_SYSTEM, errno, "cannot wait for a container's processes");
	}
	if (ptrace(PTRACE_SEIZE, attach->door, 0, PTRACE_O_EXITKILL) < 0) {
		fail(err, ERROR_SYSTEM, errno, "cannot trace");
		ptrace_explain(err);
		return -1;
	}
	return write(to, "", 1) == 1 ? 0 : fail(err, ERROR_SYSTEM, errno, "cannot begin to wait");
}

static void close_door(struct attach *attach)
{
	int status;

	if (!attach->door)
		return;
	kill(attach->door, SIGKILL);
	while (waitpid(attach->door, &status, __WALL) >= 0 || errno == EINTR)
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
	attach->door = 0;
}

/* ---- notifications ---- */

/* The thread stops, then makes its call again, which is traced: from its entry on. */
static void make_anew(struct trace *trace, pid_t tid)
{
	struct attach *attach = trace->attach;
	struct tracee *tracee = trace_find(trace, tid);

	if (tracee)
		tracee->stops = true;
	/* in this order: the answer alone would let it run into the program with that result */
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	notification_refuse(&attach->notification, attach->listener, -RESTARTNOINTR);
}

static void queue_process(struct trace *trace, pid_t tgid, pid_t tid)
{
	struct event leader = { .kind = EVENT_FORK, .child = tgid };
	struct event thread = { .kind = EVENT_FORK, .tgid = tgid, .child = tid, .thread = true };

	trace_queue(trace, &leader);
	if (tid != tgid)
		trace_queue(trace, &thread);
}

/*
 * Does the caller still wait? If not it may have been killed, and its id be another's by now: what
 * was found under that id before counts only if it does (seccomp_unotify(2)).
 */
static bool waits(const struct attach *attach)
{
	return notification_is_valid(&attach->notification, attach->listener);
}

static void kill_caller(const struct attach *attach)
{
	pid_t tgid = proc_tgid((pid_t)attach->notification.request->pid);
	AUTO_CLOSE int pidfd = tgid > 0 ? pidfd_open(tgid, 0) : -1;

	if (pidfd >= 0 && waits(attach))
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

/* A thread that was seized, and is not the one that was meant. */
static void let_go(pid_t tid)
{
	int status;
	pid_t got;

	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	while ((got = waitpid(tid, &status, __WALL)) < 0 && errno == EINTR)
		continue;
	if (got == tid && WIFSTOPPED(status)) /* a signal that came first is still its own */
		ptrace(PTRACE_DETACH, tid, 0, status >> 16 ? 0 : WSTOPSIG(status));
}

/* The first one must not run on unseen; any other is a loss. */
static void refuse(struct attach *attach, int number)
{
	if (!attach->met)
		kill_caller(attach);
	notification_continue(&attach->notification, attach->listener);
	if (attach->met)
		return;
	attach->refused = true;
	fail(&attach->err, ERROR_SYSTEM, number, "cannot trace the process of a container");
	ptrace_explain(&attach->err);
}

/*
 * A process that is not traced. It is now, and its notification is held until the caller has looked
 * at it. The first one is the runtime's; any other escaped from its creator's tracer.
 */
static void meet(struct trace *trace, pid_t tid)
{
	struct attach *attach = trace->attach;
	struct event loss = { .kind = EVENT_LOSS, .what = "unseen-process" };
	pid_t tgid = tid > 0 ? proc_tgid(tid) : 0;

	if (attach->met)
		trace_queue(trace, &loss);
	if (!waits(attach))
		return;
	if (tgid <= 0 || ptrace_seize_thread(tid) < 0) {
		refuse(attach, tgid > 0 ? errno : 0);
		return;
	}
	if (!waits(attach)) {
		let_go(tid);
		return;
	}
	trace_add(trace, tid, tgid);
	if (!attach->met)
		trace->base_filters = filtered_count(tid);
	attach->met = true;
	attach->held = tid;
	queue_process(trace, tgid, tid);
}

static bool has_notification(const struct attach *attach)
{
	struct pollfd ready = { .fd = attach->listener, .events = POLLIN };

	return poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN);
}

static void take(struct trace *trace)
{
	struct attach *attach = trace->attach;

	if (!has_notification(attach) ||
	    notification_receive(&attach->notification, attach->listener) <= 0)
		return;
	pid_t tid = (pid_t)attach->notification.request->pid;
	struct tracee *tracee = trace_find(trace, tid);
	if (trace->killed) {
		kill_caller(attach);
	} else if (!tracee) {
		meet(trace, tid);
	} else if (tracee->in_call) {
		notification_continue(&attach->notification, attach->listener);
	} else {
		make_anew(trace, tid);
	}
}

int attach_take(struct trace *trace, int status, struct event *ret_event)
{
	struct attach *attach = trace->attach;

	if (!WIFSTOPPED(status)) {
		attach->door = 0;
		trace->current = 0;
		/* It ends by itself when there is no more to wait for: not if it was killed. */
		if (WIFSIGNALED(status) && !trace->killed && open_door(attach, &attach->err) < 0)
			attach->refused = true;
		return 0;
	}
	trace->current = attach->door;
	trace->current_request = PTRACE_CONT;
	trace->current_signal = 0;
	take(trace);
	return trace_unqueue(trace, ret_event);
}

/* ---- the engine ---- */

static int attach_next(struct trace *trace, struct event *ret_event, struct error *err)
{
	struct attach *attach = trace->attach;

	if (attach->held)
		make_anew(trace, attach->held);
	attach->held = 0;
	if (attach->met && !trace->tracees)
		return 0;
	int more = ptrace_next(trace, ret_event, err);
	if (attach->refused) {
		*err = attach->err;
		return -1;
	}
	return more;
}

static void attach_release(struct trace *trace)
{
	struct attach *attach = trace->attach;

	if (!attach)
		return;
	ptrace_release(trace);
	close_door(attach);
	guardian_end(&attach->guardian);
	auto_close(&attach->listener);
	notification_release(&attach->notification);
	free(attach);
	trace->attach = NULL;
}

const struct engine_ops engine_attach = {
	.next = attach_next,
	.release = attach_release,
};

int attach_adopt(struct trace *trace, const struct adopt_options *options, int listener,
		 struct error *err)
{
	AUTO_CLOSE int fd = listener;
	struct attach *attach = xcalloc(1, sizeof(*attach));

	trace->attach = attach;
	denied_init(trace, options->deny_uring);
	attach->listener = attach->guardian.lifeline = -1;
	if (notification_check_listener(fd, err) < 0)
		return -1;
	if (notification_init(&attach->notification, err) < 0 ||
	    guardian_init(&attach->guardian, options->farewell, err) < 0 ||
	    guardian_start(&attach->guardian, fd, err) < 0) {
		guardian_kill(fd);
		return -1;
	}
	attach->listener = STEAL_FD(fd);
	return open_door(attach, err);
}
