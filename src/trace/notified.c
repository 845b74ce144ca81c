#include <trace/listener.h>
#include <trace/notified.h>
#include <trace/registers.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <trace/filter.h>
#include <trace/filtered.h>
#include <trace/notification.h>
#include <trace/proc.h>
#include <trace/waits.h>
#include <whittle/file.h>
#include <whittle/proc.h>

enum {
	LISTENERS_MAX = 64, /* poll(2) looks at each; what needs more is stopped */
	REPORTS_EVERY = 16, /* notifications: stops are not to wait behind them */
	NO_DESCRIPTOR = 1 << 30,
	KEEPER_STACK = 16384
};

/* What opens to write or to make something has a result to wait for. */
#define NOT_TO_READ (O_ACCMODE | O_CREAT | O_TRUNC)

/* All but FUTEX_WAIT and FUTEX_WAKE (0, 1; with FUTEX_PRIVATE_FLAG or without) have a sixth. */
#define OTHER_FUTEX (~UINT64_C(0x81))
#define ANY_BIT     UINT64_MAX /* NULL: then the length behind it is not looked at */

/* What most programs make most, and none that has to be stopped: own.c. */
const struct notified_call notified_calls[] = {
	{ .name = "accept", .waits = waits_for_file },
	{ .name = "accept4", .waits = waits_for_file },
	{ .name = "access" },
	{ .name = "brk" },
	{ .name = "chdir" },
	{ .name = "clock_gettime" },
	{ .name = "clock_nanosleep" },
	{ .name = "close" },
	{ .name = "epoll_ctl" },
	{ .name = "epoll_pwait", .index = 4, .bits = ANY_BIT },
	{ .name = "epoll_wait" },
	{ .name = "faccessat" },
	{ .name = "faccessat2" },
	{ .name = "fdatasync" },
	{ .name = "fstat" },
	{ .name = "fsync" },
	{ .name = "futex", .index = 1, .bits = OTHER_FUTEX, .waits = waits_for_wake },
	{ .name = "getdents64" },
	{ .name = "getpeername" },
	{ .name = "getpid" },
	{ .name = "getppid" },
	{ .name = "getrandom" },
	{ .name = "getsockname" },
	{ .name = "getsockopt" },
	{ .name = "gettid" },
	{ .name = "getxattr" },
	{ .name = "kill" },
	{ .name = "lgetxattr" },
	{ .name = "lseek" },
	{ .name = "lstat" },
	{ .name = "madvise" },
	{ .name = "mprotect" },
	{ .name = "munmap" },
	{ .name = "nanosleep" },
	{ .name = "newfstatat" },
	{ .name = "open", .index = 1, .bits = NOT_TO_READ },
	{ .name = "openat", .index = 2, .bits = NOT_TO_READ },
	{ .name = "pipe2" },
	{ .name = "poll" },
	{ .name = "ppoll" },
	{ .name = "pread64", .waits = waits_for_file },
	{ .name = "preadv", .waits = waits_for_file },
	{ .name = "pwrite64", .waits = waits_for_file },
	{ .name = "pwritev", .waits = waits_for_file },
	{ .name = "read", .waits = waits_for_file },
	{ .name = "readlink" },
	{ .name = "readlinkat" },
	{ .name = "readv", .waits = waits_for_file },
	{ .name = "recvfrom", .index = 4, .bits = ANY_BIT, .waits = waits_for_bytes },
	{ .name = "recvmsg", .waits = waits_for_message },
	{ .name = "rt_sigaction" },
	{ .name = "rt_sigprocmask" },
	{ .name = "sched_yield" },
	{ .name = "select" },
	{ .name = "sendfile", .waits = waits_for_file },
	{ .name = "sendmsg", .waits = waits_for_message },
	{ .name = "sendto", .index = 4, .bits = ANY_BIT, .waits = waits_for_bytes },
	{ .name = "setitimer" },
	{ .name = "setsockopt" },
	{ .name = "shutdown" },
	{ .name = "stat" },
	{ .name = "statfs" },
	{ .name = "statx" },
	{ .name = "tgkill" },
	{ .name = "timerfd_settime" },
	{ .name = "wait4", .waits = waits_for_child },
	{ .name = "write", .waits = waits_for_file },
	{ .name = "writev", .waits = waits_for_file },
};
_Static_assert(ARRAY_SIZE(notified_calls) <= 8 * sizeof((struct tracee){ 0 }.quiet),
	       "struct tracee has a bit for each");
const size_t notified_call_count = ARRAY_SIZE(notified_calls);

struct notified {
	bool possible; /* here, and so far */
	uint64_t pass;
	int64_t numbers[ARRAY_SIZE(notified_calls)];
	struct pollfd listeners[LISTENERS_MAX];
	size_t count;
	size_t next; /* of them, to be looked at first */
	/* For the next one, or -1: the pidfd of its process, and a descriptor to be free by then.
	 */
	int process, reserve;
	int whittle, keeper; /* pidfds */
	_Alignas(16) char stack[KEEPER_STACK];
	unsigned int received; /* since waitpid() was asked */
	bool catches;          /* SIGCHLD */
	bool was_blocked;      /* before */
	sigset_t while_waiting;
	struct sigaction old_action;
	/* The one of trace->notifier, which waits for its answer. */
	struct notification notification;
	int pending; /* its listener */
};

/* ---- is it possible? ---- */

unsigned int notified_flags(void)
{
	return SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW |
	       SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
}

/* The kernel looks at the flags first, then at the program. */
static bool kernel_can(void)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, notified_flags(), NULL) < 0 &&
	       errno == EFAULT;
}

static void wake(int number)
{
	(void)number; /* the wait is interrupted, and waitpid() asked */
}

/* It comes only while whittle waits: ppoll(2). */
static void catch_reports(struct notified *notified)
{
	struct sigaction action = { .sa_handler = wake };
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	notified->was_blocked = sigismember(&old, SIGCHLD);
	sigdelset(&old, SIGCHLD);
	notified->while_waiting = old;
	sigaction(SIGCHLD, &action, &notified->old_action);
	notified->catches = true;
	notified->received = REPORTS_EVERY; /* what has come before told nobody */
}

/*
 * When whittle is killed its descriptors are closed before its tracees are (do_exit()): what waits
 * for a listener would see ENOSYS. A process that shares the descriptors keeps them open until the
 * kernel has killed the tracees, behind which it tells of whittle's end.
 *
 * It shares the memory too, which is cheaper than a copy: so it makes calls that cannot fail, and
 * nothing else. No signal is for it.
 */
static int keep(void *context)
{
	const struct notified *notified = context;
	struct pollfd end = { .fd = notified->whittle, .events = POLLIN };

	setsid();
	prctl(PR_SET_NAME, "whittle-keep");
	while (poll(&end, 1, -1) < 0)
		continue;
	_exit(0);
}

/*
 * The keeper's descriptors are whittle's: that of whittle stays open as long as it waits. It runs
 * on memory that is freed: so there is no keeper without the descriptor that ends it.
 */
static bool start_keeper(struct notified *notified)
{
	sigset_t all, old;

	notified->whittle = pidfd_open(getpid(), 0);
	if (notified->whittle < 0)
		return false;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid_t pid =
		clone(keep, notified->stack + sizeof(notified->stack),
		      CLONE_FILES | CLONE_VM | CLONE_PIDFD | SIGCHLD, notified, &notified->keeper);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0) /* copy_process() may have written a number that it took back */
		notified->keeper = -1;
	return pid > 0;
}

/* The loop of the engine may have waited for it: the pidfd knows, a number would be another's. */
static void end_keeper(struct notified *notified)
{
	siginfo_t info;

	if (notified->keeper >= 0) {
		pidfd_send_signal(notified->keeper, SIGKILL, NULL, 0);
		while (waitid(P_PIDFD, (id_t)notified->keeper, &info, WEXITED | __WALL) < 0 &&
		       errno == EINTR)
			continue;
	}
	auto_close(&notified->keeper);
	auto_close(&notified->whittle);
}

static struct notified *prepare(void)
{
	struct notified *notified = xcalloc(1, sizeof(*notified));
	struct error err;

	notified->process = notified->reserve = -1;
	notified->keeper = notified->whittle = -1;
	for (size_t i = 0; i < notified_call_count; i++)
		notified->numbers[i] =
			abi_syscall_number(abi_of_machine(NULL), notified_calls[i].name);
	notified->possible = registers_can_restart() && kernel_can() &&
			     notification_init(&notified->notification, &err) == 0 &&
			     getrandom(&notified->pass, sizeof(notified->pass), 0) ==
				     (ssize_t)sizeof(notified->pass) &&
			     start_keeper(notified);
	return notified;
}

static void forget_reserve(struct notified *notified)
{
	auto_close(&notified->process);
	auto_close(&notified->reserve);
	notified->process = notified->reserve = -1;
}

static bool is_alone(pid_t tgid)
{
	return proc_number(tgid, "Threads") == 1;
}

/*
 * Is there a place for one more, and may whittle take descriptors of the process? What it will take
 * of its own is reserved: behind the filter's installation nothing may fail.
 */
static bool can_take(struct notified *notified, pid_t tgid)
{
	forget_reserve(notified);
	notified->process = pidfd_open(tgid, 0);
	if (notified->process < 0 || notified->count == LISTENERS_MAX)
		return false;
	notified->reserve = dup(notified->process);
	return notified->reserve >= 0 && pidfd_getfd(notified->process, NO_DESCRIPTOR, 0) < 0 &&
	       errno == EBADF;
}

bool notified_possible(struct trace *trace, uint64_t *ret_pass)
{
	if (!trace->notified)
		trace->notified = prepare();
	*ret_pass = trace->notified->pass;
	/* The filter of a container's runtime has a listener already. */
	return trace->notified->possible && !trace->deaf && !trace->attach;
}

bool notified_can(struct trace *trace, const struct tracee *tracee, uint64_t *ret_pass)
{
	return notified_possible(trace, ret_pass) && !trace->files_shared &&
	       is_alone(tracee->tgid) && can_take(trace->notified, tracee->tgid);
}

void notified_take(struct trace *trace, struct tracee *tracee, int number)
{
	struct notified *notified = trace->notified;

	if (!notified->catches) /* not before the workload was started: it would inherit that */
		catch_reports(notified);
	if (notified->process < 0)
		can_take(notified, tracee->tgid);
	tracee->notifies = true;
	auto_close(&notified->reserve);
	notified->reserve = -1;
	int fd = pidfd_getfd(notified->process, number, 0);
	if (fd < 0) { /* ESRCH: it was killed */
		trace->deaf |= errno != ESRCH;
	} else {
		ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
		notified->listeners[notified->count++] =
			(struct pollfd){ .fd = fd, .events = POLLIN };
	}
	forget_reserve(notified);
}

/* The number of the call among notified_calls, or -1. */
static int index_of(const struct notified *notified, int64_t nr)
{
	for (size_t i = 0; i < notified_call_count; i++)
		if (nr >= 0 && notified->numbers[i] == nr)
			return (int)i;
	return -1;
}

void notified_exempt(const struct trace *trace, struct tracee *tracee,
		     const struct free_call *calls, size_t count)
{
	memset(tracee->quiet, 0, sizeof(tracee->quiet));
	for (size_t i = 0; i < count; i++) {
		int index = index_of(trace->notified, (int64_t)calls[i].nr);

		if (index >= 0)
			tracee->quiet[index / 64] |= UINT64_C(1) << index % 64;
	}
}

static bool is_exempt(const struct tracee *tracee, int index)
{
	return tracee->quiet[index / 64] & UINT64_C(1) << index % 64;
}

/* ---- what comes by it ---- */

bool notified_waits(const struct trace *trace)
{
	return trace->notified && trace->notified->count;
}

/* The row of the call if the filter of tracee, which is stopped, has it notify; else NULL. */
static const struct notified_call *notified_row(const struct trace *trace,
						const struct tracee *tracee, const struct abi *abi,
						int64_t nr, const uint64_t args[6])
{
	int index = tracee->notifies ? index_of(trace->notified, nr) : -1;

	if (index < 0 || abi != trace->native || is_exempt(tracee, index))
		return NULL;
	const struct notified_call *row = &notified_calls[index];
	return args[row->index] & row->bits ? NULL : row;
}

void notified_answer(struct trace *trace)
{
	struct notified *notified = trace->notified;

	if (!trace->notifier)
		return;
	struct tracee *tracee = trace_find(trace, trace->notifier);
	bool wanted = tracee && tracee->in_call && !tracee->entered;
	trace->notifier = 0;
	/* It stops on its way back to the program, and makes the call anew from there: that is
	 * stopped at its entry and its end. */
	if (wanted && ptrace(PTRACE_INTERRUPT, tracee->tid, 0, 0) == 0) {
		tracee->recalled = true;
		notification_refuse(&notified->notification, notified->pending, -RESTARTNOINTR);
	} else {
		if (tracee)
			tracee->let_go = true;
		notification_continue(&notified->notification, notified->pending);
	}
}

/* The EVENT_ENTRY of a notification; false if a stop has told of the call. */
static bool enter(struct trace *trace, struct event *ret_event)
{
	struct tracee *tracee = trace_find(trace, trace->notifier);

	if (!tracee) {
		*ret_event = (struct event){ .kind = EVENT_LOSS, .what = "unseen-process" };
		return true;
	}
	tracee->notifies = true;
	filtered_found(tracee);
	tracee->restarts = tracee->let_go = false;
	if (tracee->in_call && tracee->entered)
		return false;
	notification_entry(&trace->notified->notification, tracee->tgid, &tracee->call);
	tracee->call.result_mode = RESULT_OPTIONAL;
	tracee->in_call = true;
	tracee->entered = false;
	*ret_event = tracee->call;
	ret_event->running = true;
	return true;
}

/* 1 with an event, 0: there is none; -1 with errno. */
static int receive(struct trace *trace, int listener, struct event *ret_event)
{
	struct notified *notified = trace->notified;
	int got = notification_receive(&notified->notification, listener);

	if (got <= 0)
		return got; /* 0: a signal interrupted it meanwhile */
	notified->pending = listener;
	trace->notifier = (pid_t)notified->notification.request->pid;
	trace->notifications++;
	if (enter(trace, ret_event))
		return 1;
	notified_answer(trace);
	return 0;
}

static void drop_listener(struct notified *notified, size_t index)
{
	close(notified->listeners[index].fd);
	notified->listeners[index] = notified->listeners[--notified->count];
}

/* Of those that are ready the next one, in turn. */
static int take_next(struct trace *trace, struct event *ret_event)
{
	struct notified *notified = trace->notified;
	size_t count = notified->count;

	for (size_t i = 0; i < count; i++) {
		size_t at = (notified->next + i) % count;
		struct pollfd *listener = &notified->listeners[at];

		if (listener->revents & POLLIN) {
			notified->next = at + 1;
			notified->received++;
			return receive(trace, listener->fd, ret_event);
		}
		/* Nobody has the filter any more. (POLLERR: a signal came to whittle while the
		 * kernel waited for the listener's lock, seccomp_notify_poll().) */
		if (listener->revents & POLLHUP) {
			drop_listener(notified, at);
			return 0;
		}
	}
	return 0;
}

int notified_wait(struct trace *trace, struct event *ret_event)
{
	struct notified *notified = trace->notified;

	if (notified->received >= REPORTS_EVERY) {
		notified->received = 0;
		return 0;
	}
	int ready = ppoll(notified->listeners, notified->count, NULL, &notified->while_waiting);

	return ready < 0 ? -1 : take_next(trace, ret_event);
}

/* ---- stops ---- */

void notified_pass(struct trace *trace, struct tracee *tracee)
{
	const struct event *call = &tracee->call;

	if (!notified_row(trace, tracee, call->abi, (int64_t)call->nr, call->args))
		return;
	tracee->passed = registers_set_last_argument(tracee->tid, trace->notified->pass,
						     &tracee->last_argument) == 0;
}

void notified_passed(struct tracee *tracee)
{
	uint64_t ignored;

	if (tracee->passed)
		registers_set_last_argument(tracee->tid, tracee->last_argument, &ignored);
	tracee->passed = false;
}

/*
 * tracee was interrupted in a call that notifies: may it have been in the call, and not waiting for
 * whittle before it? What it was let make last must have been the same.
 */
static bool may_be_in_it(const struct tracee *tracee, const struct notified_call *row, int64_t nr,
			 const uint64_t args[6])
{
	const struct event *last = &tracee->call;

	return row->waits && tracee->let_go && last->nr == (uint64_t)nr &&
	       memcmp(last->args, args, sizeof(last->args)) == 0 && row->waits(tracee->tid, args);
}

void notified_interrupted(struct trace *trace, struct tracee *tracee, int signal)
{
	struct user_regs_struct regs;
	struct __ptrace_syscall_info info;
	bool in_it = tracee->restarts;
	uint64_t args[6];

	if (!tracee->notifies)
		return;
	/* Behind a handler comes another call, of which maybe no stop and no notification tells. */
	if (in_it && proc_catches(tracee->tid, signal))
		tracee->restarts = false;
	if (in_it || registers_get(tracee->tid, &regs) < 0 ||
	    registers_result(&regs) != -RESTARTSYS ||
	    ptrace(PTRACE_GET_SYSCALL_INFO, tracee->tid, sizeof(info), &info) <= 0)
		return;
	int64_t nr = registers_call(&regs);
	registers_arguments(&regs, args);
	const struct abi *abi = abi_of_call(info.arch, (uint64_t)nr);
	const struct notified_call *row = notified_row(trace, tracee, abi, nr, args);
	if (!row || may_be_in_it(tracee, row, nr, args))
		return;
	registers_set_result(tracee->tid, -RESTARTNOINTR);
}

/* ---- the end of it ---- */

/*
 * May it make another call before it stops? Not what sleeps uninterruptibly, maybe for what another
 * that has stopped is to do: its child in a vfork(2), or the server of its file system. It stops on
 * its way back. Nor a zombie, which a leader is while its threads live on, and becomes at any time.
 */
static bool may_call(pid_t tid)
{
	AUTO_FREE char *status = proc_status(tid);
	const char *state = status ? proc_field(status, "State") : NULL;

	return state && !strchr("DXZ", *state);
}

/* Who has stopped is held until its report is handled. */
static bool any_runs(const struct trace *trace)
{
	for (const struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->halting && may_call(tracee->tid))
			return true;
	return false;
}

/* The thread of that report runs no more; nor do the others if it executes an image. */
static void note_halt(struct trace *trace, const struct wait_report *report)
{
	struct tracee *tracee = trace_find(trace, report->tid);
	pid_t tgid = tracee ? tracee->tgid : 0;

	if (tracee)
		tracee->halting = false;
	if (!WIFSTOPPED(report->status) || report->status >> 16 != PTRACE_EVENT_EXEC)
		return;
	for (tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		tracee->halting &= tracee->tgid != tgid;
}

static void halt(struct trace *trace, const struct tracee *caller)
{
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		tracee->halting = tracee != caller && tracee->notifies &&
				  ptrace(PTRACE_INTERRUPT, tracee->tid, 0, 0) == 0;
	for (size_t i = trace->report_head; i < trace->report_count; i++)
		note_halt(trace, &trace->reports[i]);
}

/* All that has stopped by now. */
static void collect_halts(struct trace *trace)
{
	struct wait_report report;

	while ((report.tid = waitpid(-1, &report.status, __WALL | WNOHANG)) > 0) {
		note_halt(trace, &report);
		trace_report(trace, report.tid, report.status);
	}
}

void notified_give_up(struct trace *trace, const struct tracee *caller)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };
	struct notified *notified = trace->notified;

	if (!notified || trace->deaf)
		return;
	trace->deaf = true;
	halt(trace, caller);
	/*
	 * Some just wait uninterruptibly for the lock of a listener, and are about to notify: who
	 * has it runs, or did at the look before.
	 */
	for (int looks = 0; looks < 2; looks++) {
		collect_halts(trace);
		if (any_runs(trace))
			looks = -1;
		nanosleep(&moment, NULL);
	}
	while (notified->count)
		drop_listener(notified, 0);
}

void notified_free(struct trace *trace)
{
	struct notified *notified = trace->notified;
	sigset_t set;

	if (!notified)
		return;
	if (notified->catches) {
		sigaction(SIGCHLD, &notified->old_action, NULL);
		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		if (!notified->was_blocked)
			sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	end_keeper(notified);
	while (notified->count)
		drop_listener(notified, 0);
	forget_reserve(notified);
	notification_release(&notified->notification);
	free(notified);
	trace->notified = NULL;
}
