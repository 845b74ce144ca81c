/* ptrace stops -> events (ptrace(2), "Stopped states"; PTRACE_SEIZE semantics throughout). */
#include <trace/attach.h>
#include <trace/denied.h>
#include <trace/filtered.h>
#include <trace/launch.h>
#include <trace/notified.h>
#include <trace/outer.h>
#include <trace/own.h>
#include <trace/proc.h>
#include <trace/registers.h>

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <whittle/file.h>
#include <whittle/proc.h>

/* What PTRACE_GET_SYSCALL_INFO says of a stop. */
struct stop {
	int kind; /* PTRACE_SYSCALL_INFO_*; NONE also if it was killed between the stop and now */
	bool foreign; /* SECCOMP: by a filter that is not whittle's */
	struct event call;
};

static void read_stop(const struct tracee *tracee, struct stop *ret_stop)
{
	struct __ptrace_syscall_info info;
	struct event call = { .kind = EVENT_ENTRY, .tid = tracee->tid, .tgid = tracee->tgid };

	ret_stop->kind = PTRACE_SYSCALL_INFO_NONE;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->tid, sizeof(info), &info) <= 0)
		return;
	ret_stop->kind = info.op;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		call.result = info.exit.rval;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY || info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
		/* info.seccomp begins as info.entry does */
		call.audit = info.arch;
		call.nr = info.entry.nr;
		call.abi = abi_of_call(info.arch, info.entry.nr);
		call.ip = info.instruction_pointer;
		memcpy(call.args, info.entry.args, sizeof(call.args));
	}
	ret_stop->foreign =
		info.op == PTRACE_SYSCALL_INFO_SECCOMP && info.seccomp.ret_data != FILTER_MAGIC;
	ret_stop->call = call;
}

static int enter_call(struct trace *trace, struct tracee *tracee, const struct event *call,
		      enum result_mode mode, struct event *ret_event)
{
	tracee->call = *call;
	tracee->in_call = tracee->entered = true;
	tracee->stops = tracee->recalled = tracee->restarts = tracee->let_go = false;
	if (denied_enter(trace, tracee, ret_event))
		return 1;
	if (trace->started && own_entry(trace, tracee))
		mode = RESULT_COMES;
	tracee->call.result_mode = mode;
	*ret_event = tracee->call;
	return 1;
}

enum { MAX_ERRNO = 4095 }; /* include/linux/err.h */

/* The oracle is started when the first call fails. */
static enum refuser judge_failure(struct trace *trace, const struct event *call, int64_t result)
{
	if (trace->outer_filters == 0 || result >= 0 || result < -MAX_ERRNO)
		return REFUSER_OTHER;
	if (!trace->outer_asked)
		trace->outer = outer_open();
	trace->outer_asked = true;
	return outer_judge(trace->outer, call, result);
}

static int leave_call(struct trace *trace, struct tracee *tracee, int64_t result,
		      struct event *ret_event)
{
	if (!tracee->in_call) /* a new task's return from its creator's clone */
		return 0;
	if (denied_leave(tracee, result)) {
		tracee->in_call = false;
		filtered_call_ended(tracee);
		return 0;
	}
	enum refuser refusal =
		trace->started ? judge_failure(trace, &tracee->call, result) : REFUSER_OTHER;
	notified_passed(tracee);
	if (trace->started)
		own_result(trace, tracee, &result);
	tracee->in_call = false;
	tracee->restarts = result == -RESTARTSYS;
	filtered_call_ended(tracee);
	*ret_event = tracee->call;
	ret_event->refusal = refusal;
	ret_event->kind = EVENT_RESULT;
	ret_event->tid = tracee->tid;
	ret_event->tgid = tracee->tgid;
	ret_event->result = result;
	return 1;
}

/*
 * A filter of the workload's own that asks for a tracer which is not there: ENOSYS (seccomp(2),
 * SECCOMP_RET_TRACE).
 */
static int answer_foreign(struct trace *trace, struct tracee *tracee, const struct event *call,
			  struct event *ret_event)
{
	bool known = tracee->in_call;

	registers_skip_call(tracee->tid, -ENOSYS);
	return known ? 0 : enter_call(trace, tracee, call, RESULT_COMES, ret_event);
}

/* Is it the call whose notification told of its entry, made anew? */
static bool is_recalled(const struct tracee *tracee, const struct event *call)
{
	return tracee->recalled && tracee->call.audit == call->audit &&
	       tracee->call.nr == call->nr && tracee->call.ip == call->ip &&
	       memcmp(tracee->call.args, call->args, sizeof(call->args)) == 0;
}

static int handle_entry(struct trace *trace, struct tracee *tracee, const struct event *call,
			struct event *ret_event)
{
	int told = 0;

	if (is_recalled(tracee, call)) {
		tracee->recalled = false;
		tracee->entered = true;
	} else {
		told = enter_call(trace, tracee, call, RESULT_COMES, ret_event);
	}
	notified_pass(trace, tracee);
	return told;
}

static int handle_call(struct trace *trace, struct tracee *tracee, struct event *ret_event)
{
	struct stop stop;

	read_stop(tracee, &stop);
	switch (stop.kind) {
	case PTRACE_SYSCALL_INFO_ENTRY:
		return handle_entry(trace, tracee, &stop.call, ret_event);
	case PTRACE_SYSCALL_INFO_SECCOMP:
		if (stop.foreign)
			return answer_foreign(trace, tracee, &stop.call, ret_event);
		filtered_found(tracee);
		if (tracee->in_call) /* its entry was a stop too */
			return 0;
		return enter_call(trace, tracee, &stop.call, RESULT_OPTIONAL, ret_event);
	case PTRACE_SYSCALL_INFO_EXIT:
		return leave_call(trace, tracee, stop.call.result, ret_event);
	default:
		return 0;
	}
}

void trace_skip_result(struct trace *trace)
{
	pid_t tid = trace->notifier ? trace->notifier : trace->current;
	struct tracee *tracee = trace_find(trace, tid);

	if (tracee && tracee->in_call && tracee->call.result_mode == RESULT_OPTIONAL)
		tracee->in_call = false;
}

/* exact: creator is the thread that made the child, not just one of its process. */
static int announce(struct trace *trace, pid_t creator, pid_t creator_tgid, pid_t child, bool exact,
		    struct event *ret_event)
{
	bool thread = creator_tgid > 0 && proc_has_thread(creator_tgid, child);
	struct tracee *tracee = trace_add(trace, child, thread ? creator_tgid : child);

	filtered_inherit(trace, tracee, trace_find(trace, creator), thread, exact);
	*ret_event = (struct event){ .kind = EVENT_FORK,
				     .tid = creator,
				     .tgid = creator_tgid,
				     .child = child,
				     .thread = thread };
	return 1;
}

/*
 * A new tracee may stop before its creator reports it, and the creator may be killed before it
 * could: so whichever comes first announces the child, the kernel's own record telling the rest.
 */
static int handle_new(struct trace *trace, pid_t tid, struct event *ret_event)
{
	pid_t tgid = (pid_t)proc_number(tid, "Tgid");
	pid_t creator = tgid == tid ? (pid_t)proc_number(tid, "PPid") : tgid;

	if (!trace_find(trace, creator))
		creator = 0;
	return announce(trace, creator, creator, tid, false, ret_event);
}

/*
 * A thread that is not the leader and calls execve() comes back under the leader's tid; its own
 * tid vanishes without an exit event (ptrace(2), "execve(2) under ptrace"). PTRACE_GETEVENTMSG has
 * the old tid: without this rename its call would go to the wrong thread.
 */
static int handle_exec(struct trace *trace, struct tracee *tracee, struct event *ret_event)
{
	unsigned long message = 0;

	ptrace(PTRACE_GETEVENTMSG, tracee->tid, 0, &message);
	pid_t old_tid = message ? (pid_t)message : tracee->tid;
	struct tracee *old = old_tid != tracee->tid ? trace_find(trace, old_tid) : NULL;
	if (old) {
		pid_t tid = tracee->tid;
		UT_hash_handle hh = tracee->hh;

		*tracee = *old;
		tracee->tid = tid;
		tracee->hh = hh;
		trace_remove(trace, old);
	}
	trace->started = true;
	filtered_image_begins(tracee);
	trace_keep_watch(trace, tracee);
	if (tracee->filtered) /* no exit stop */
		tracee->in_call = false;
	*ret_event = (struct event){ .kind = EVENT_EXEC,
				     .tid = tracee->tid,
				     .tgid = tracee->tgid,
				     .old_tid = old_tid,
				     .filtered = tracee->filtered && tracee->hides };
	return 1;
}

/*
 * A creator may come so late to its report that the child, which stopped first, was announced then
 * and has ended since. What is still to come of a tracee is in the reports, or with the kernel,
 * which finds no child otherwise (waitid(2), ECHILD).
 */
static bool has_ended(const struct trace *trace, pid_t pid)
{
	siginfo_t info;

	for (size_t i = trace->report_head; i < trace->report_count; i++)
		if (trace->reports[i].tid == pid)
			return false;
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) < 0;
}

static int handle_fork(struct trace *trace, struct tracee *tracee, bool vfork,
		       struct event *ret_event)
{
	unsigned long message = 0;
	int announced = 0;

	tracee->stack = 0;
	if (ptrace(PTRACE_GETEVENTMSG, tracee->tid, 0, &message) < 0 || !message)
		return 0;
	pid_t pid = (pid_t)message;
	struct tracee *child = trace_find(trace, pid);
	if (child) /* it stopped first: what it has of its creator can be told only now */
		filtered_inherit(trace, child, tracee, child->tgid == tracee->tgid, true);
	else if (!has_ended(trace, pid))
		announced = announce(trace, tracee->tid, tracee->tgid, pid, true, ret_event);
	child = trace_find(trace, pid);
	if (child)
		child->vforked = vfork;
	return announced;
}

/* Has it made a fault that ends it? */
static bool is_fatal_fault(const struct tracee *tracee, const siginfo_t *info)
{
	bool fault = info->si_signo == SIGSEGV || info->si_signo == SIGBUS ||
		     info->si_signo == SIGILL || info->si_signo == SIGFPE;

	return fault && info->si_code > 0 && !proc_catches(tracee->tid, info->si_signo);
}

/*
 * The first process of a pid namespace that is traced no fault can end: it would make it for ever
 * (kernel/signal.c, force_sig_info_to_task()). Untraced it makes it once more.
 */
static int let_end(struct trace *trace, struct tracee *tracee, int signal, struct event *ret_event)
{
	trace->current = 0;
	ptrace(PTRACE_DETACH, tracee->tid, 0, 0);
	*ret_event = (struct event){ .kind = EVENT_EXIT,
				     .tid = tracee->tid,
				     .tgid = tracee->tgid,
				     .filtered = tracee->filtered,
				     .status = signal };
	trace_remove(trace, tracee);
	return 1;
}

static int handle_signal(struct trace *trace, struct tracee *tracee, int signal,
			 struct event *ret_event)
{
	siginfo_t info;
	bool known = ptrace(PTRACE_GETSIGINFO, tracee->tid, 0, &info) == 0;
	bool sent = known && info.si_code <= 0;

	if (known && is_fatal_fault(tracee, &info) && proc_is_first(tracee->tgid))
		return let_end(trace, tracee, signal, ret_event);
	trace->current_signal = signal;
	notified_interrupted(trace, tracee, signal);
	*ret_event = (struct event){ .kind = EVENT_SIGNAL,
				     .tid = tracee->tid,
				     .tgid = tracee->tgid,
				     .signal = signal,
				     .sender = sent ? info.si_pid : 0 };
	return 1;
}

/*
 * Either a group-stop, which PTRACE_LISTEN leaves in force until SIGCONT, or the first stop of a
 * new tracee, or the end of a group-stop.
 */
static void handle_event_stop(struct trace *trace, int signal)
{
	if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
		trace->current_request = PTRACE_LISTEN;
}

static int handle_stop(struct trace *trace, struct tracee *tracee, int status,
		       struct event *ret_event)
{
	int signal = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		return handle_fork(trace, tracee, status >> 16 == PTRACE_EVENT_VFORK, ret_event);
	case PTRACE_EVENT_SECCOMP:
		return handle_call(trace, tracee, ret_event);
	case PTRACE_EVENT_EXEC:
		return handle_exec(trace, tracee, ret_event);
	case PTRACE_EVENT_STOP:
		handle_event_stop(trace, signal);
		return 0;
	case 0:
		break;
	default:
		return 0;
	}
	if (signal == (SIGTRAP | 0x80))
		return handle_call(trace, tracee, ret_event);
	return handle_signal(trace, tracee, signal, ret_event);
}

static int handle_end(struct trace *trace, pid_t tid, int status, struct event *ret_event)
{
	struct tracee *tracee = trace_find(trace, tid);

	*ret_event = (struct event){ .kind = tracee ? EVENT_EXIT : EVENT_CHILD,
				     .tid = tid,
				     .tgid = tracee ? tracee->tgid : tid,
				     .filtered = tracee && tracee->filtered,
				     .status = status };
	if (tracee)
		trace_remove(trace, tracee);
	if (tid == trace->main_pid) {
		trace->main_running = false;
		trace->main_status = status;
	}
	return 1;
}

/* Turns one wait status into the event it stands for; 1, or 0 if there is none to tell. */
static int handle(struct trace *trace, pid_t tid, int status, struct event *ret_event)
{
	if (trace->attach && tid == trace->attach->door)
		return attach_take(trace, status, ret_event);
	if (WIFEXITED(status) || WIFSIGNALED(status))
		return handle_end(trace, tid, status, ret_event);
	if (!WIFSTOPPED(status))
		return 0;
	trace->current = tid;
	trace->current_request = PTRACE_SYSCALL;
	trace->current_signal = 0;
	trace->stops++;
	struct tracee *tracee = trace_find(trace, tid);
	if (!tracee && status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80)) {
		trace->current = 0; /* an untraced child of whittle that stopped */
		return 0;
	}
	if (!tracee &&
	    status >> 16 == PTRACE_EVENT_EXEC) /* by a thread whose leader is no tracee */
		tracee = trace_add(trace, tid, tid);
	if (!tracee)
		return handle_new(trace, tid, ret_event);
	return handle_stop(trace, tracee, status, ret_event);
}

/* ---- the wait loop ---- */

/* ESRCH: it was killed while it was stopped; its end is reported by the next wait. */
static void resume(struct trace *trace)
{
	int request = trace->current_request;

	if (!trace->current)
		return;
	if (request == PTRACE_SYSCALL) {
		const struct tracee *tracee = trace_find(trace, trace->current);

		/* Filters of its own may refuse calls before whittle's reports them. */
		if (tracee && tracee->filtered && !tracee->in_call && !tracee->own_filters &&
		    !tracee->stops && !(tracee->notifies && trace->deaf))
			request = PTRACE_CONT;
	}
	ptrace(request, trace->current, 0, trace->current_signal);
	trace->current = 0;
}

/*
 * Waits, then takes whatever else is ready: do_wait() looks for tracees in the order in which they
 * were attached, so that handling one report a wait would starve late ones behind busy early ones.
 * Of several reports one SIGCHLD may tell, so that where that is waited for (notified_wait()), none
 * may be left, also if one tracee alone is known: it may have made another just now.
 * 1, 0 if no child is left (or, with WNOHANG, has anything to tell), -1 with errno.
 */
static int collect(struct trace *trace, int options)
{
	int status;
	pid_t tid = waitpid(-1, &status, __WALL | options);

	trace->report_head = trace->report_count = 0;
	if (tid <= 0)
		return tid == 0 || errno == ECHILD ? 0 : -1;
	trace_report(trace, tid, status);
	bool more = HASH_COUNT(trace->tracees) > 1 || notified_waits(trace);
	while (more && (tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
		trace_report(trace, tid, status);
	return 1;
}

/* Is there anything to wait for? */
static bool has_tracees(const struct trace *trace)
{
	return trace->tracees || (trace->attach && !trace->attach->met && trace->attach->door);
}

enum { REPORTED = 1, NOTIFIED = 2 };

/* Waits for reports, or for the event of a notification; else as collect(). */
static int await(struct trace *trace, struct event *ret_event)
{
	while (notified_waits(trace)) {
		int more = notified_wait(trace, ret_event);
		int number = errno;

		if (more > 0)
			return NOTIFIED;
		if (collect(trace, WNOHANG) == REPORTED)
			return REPORTED;
		errno = number;
		if (more < 0)
			return -1;
	}
	return collect(trace, 0);
}

int ptrace_next(struct trace *trace, struct event *ret_event, struct error *err)
{
	notified_answer(trace);
	for (;;) {
		resume(trace);
		if (trace->report_head == trace->report_count) {
			if (!has_tracees(trace))
				return 0;
			int more = await(trace, ret_event);
			if (more == 0 || more == NOTIFIED)
				return more == NOTIFIED;
			if (more < 0 && errno == EINTR) {
				*ret_event = (struct event){ .kind = EVENT_TICK };
				return 1;
			}
			if (more < 0)
				return fail(err, ERROR_SYSTEM, errno,
					    "cannot wait for the workload");
		}
		struct wait_report *report = &trace->reports[trace->report_head++];
		if (handle(trace, report->tid, report->status, ret_event))
			return 1;
	}
}

/* ---- start and end ---- */

void ptrace_explain(struct error *err)
{
	AUTO_FREE char *yama = file_read_line("/proc/sys/kernel/yama/ptrace_scope");

	if (yama && (yama[0] == '3' || (yama[0] == '2' && geteuid() != 0)))
		fail_hint(err,
			  "Yama forbids ptrace here (kernel.yama.ptrace_scope is %s): run as root, "
			  "or "
			  "set it to 1: sysctl kernel.yama.ptrace_scope=1",
			  yama);
	else if (yama && yama[0] == '2')
		fail_hint(err,
			  "Yama allows ptrace only with CAP_SYS_PTRACE (ptrace_scope is 2): add "
			  "that capability, e.g. --cap-add SYS_PTRACE");
	else
		fail_hint(err,
			  "something forbids ptrace here: another tracer of whittle (strace -f, a "
			  "debugger), or a container's seccomp profile (start it with --cap-add "
			  "SYS_PTRACE)");
}

int ptrace_seize_thread(pid_t tid)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP |
		       PTRACE_O_EXITKILL;

	return ptrace(PTRACE_SEIZE, tid, 0, options) < 0 ? -1 : 0;
}

static int seize(pid_t pid, struct error *err)
{
	int status;

	if (ptrace_seize_thread(pid) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0) {
		fail(err, ERROR_SYSTEM, errno, "cannot trace the workload");
		ptrace_explain(err);
		return -1;
	}
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return fail(err, ERROR_SYSTEM, errno, "cannot wait for the workload");
	if (!WIFSTOPPED(status))
		return fail(err, ERROR_SYSTEM, 0, "the workload was killed before it started");
	struct __ptrace_syscall_info info;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0) {
		fail(err, ERROR_SYSTEM, errno, "cannot read the workload's system calls");
		return fail_hint(err, "whittle needs Linux 5.3 or newer");
	}
	return 0;
}

/* Of filtered_prepare(). */
static bool gave_listener(const struct event *event)
{
	return event->kind == EVENT_RESULT && event->nr == SYS_seccomp && event->result >= 0 &&
	       event->args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER;
}

/*
 * Lets the child go up to its execve(2) and leaves only that call and the new image in the queue:
 * what the launcher did before is not the workload's.
 */
static int run_to_exec(struct trace *trace, const struct launch *launch,
		       const struct launch_plan *plan, struct error *err)
{
	pid_t pid = trace->main_pid;
	struct event event;
	int status;

	trace->current = pid;
	trace->current_request = PTRACE_SYSCALL;
	for (;;) {
		trace_find(trace, pid)->stops = true; /* nobody waits for what notifies */
		resume(trace);
		if (waitpid(pid, &status, __WALL) < 0) {
			if (errno == EINTR)
				continue;
			return fail(err, ERROR_SYSTEM, errno, "cannot wait for the workload");
		}
		if (!handle(trace, pid, status, &event))
			continue;
		if (event.kind == EVENT_EXIT)
			return launch_failure(launch, plan, err);
		if (gave_listener(&event)) {
			struct tracee *tracee = trace_find(trace, pid);

			notified_take(trace, tracee, (int)event.result);
			notified_exempt(trace, tracee, trace->options->known,
					trace->options->known_count);
		}
		if (event.kind != EVENT_EXEC)
			continue;
		trace_queue(trace, &trace_find(trace, pid)->call);
		trace_queue(trace, &event);
		return 0;
	}
}

static int follow(struct trace *trace, struct launch *launch, const struct launch_plan *plan,
		  struct error *err)
{
	trace->main_pid = launch->pid;
	trace->main_running = true;
	trace->current = launch->pid;
	struct tracee *tracee = trace_add(trace, launch->pid, launch->pid);
	tracee->no_new_privs = trace->no_new_privs;
	tracee->hides = trace->options->known_count;
	if (trace->options->measure)
		trace_ask(trace);
	if (trace->options->watch && !trace_watch(trace))
		return fail(err, ERROR_SYSTEM, errno, "cannot watch what the workload is allowed");
	if (seize(launch->pid, err) < 0 || launch_go(launch, err) < 0)
		return -1;
	return run_to_exec(trace, launch, plan, err);
}

static int launch_and_follow(struct trace *trace, const struct launch_plan *plan, struct error *err)
{
	struct launch launch;

	if (launch_fork(&launch, plan, err) < 0)
		return -1;
	int result = follow(trace, &launch, plan, err);
	launch_close(&launch);
	return result;
}

/* The filters of what is known, with and without a listener; the former may be none. */
static int build_known(struct trace *trace, struct filtered_plan *filtered, struct error *err)
{
	const struct trace_options *options = trace->options;
	uint64_t pass;

	if (notified_possible(trace, &pass) &&
	    filter_build_notified(options->known, options->known_count, pass, &filtered->notifying,
				  err) < 0)
		return -1;
	return filter_build(options->known, options->known_count, FILTER_TRACE, &filtered->program,
			    err);
}

static int ptrace_start(struct trace *trace, const char *path, char *const argv[],
			struct error *err)
{
	struct launch_plan plan = { .path = path, .argv = argv };
	struct filtered_plan filtered = { .no_new_privs = !has_capability(CAP_SYS_ADMIN) };

	denied_init(trace, trace->options->deny_uring);
	if (trace->options->known_count == 0 || trace->outer_filters != 0)
		return launch_and_follow(trace, &plan, err);
	int result = build_known(trace, &filtered, err);
	if (result == 0) {
		plan.prepare = filtered_prepare;
		plan.context = &filtered;
		trace->no_new_privs = filtered.no_new_privs;
		trace->filters = 1;
		result = launch_and_follow(trace, &plan, err);
	}
	filter_release(&filtered.program);
	filter_release(&filtered.notifying);
	return result;
}

/*
 * Not tid by tid: a leader is reported only after its threads were (wait_consider_task(),
 * delay_group_leader()).
 */
void ptrace_release(struct trace *trace)
{
	int status;

	while (trace->tracees) {
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0 && errno != EINTR)
			return;
		struct tracee *tracee = tid > 0 ? trace_find(trace, tid) : NULL;
		if (tracee && !WIFSTOPPED(status))
			trace_remove(trace, tracee);
	}
	notified_free(trace);
	denied_free(trace);
	free(trace->reports);
	own_free(trace->own);
}

const struct engine_ops engine_ptrace = {
	.start = ptrace_start,
	.next = ptrace_next,
	.release = ptrace_release,
};
