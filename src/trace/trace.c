/* The life of a traced workload: start, the wait loop, the end. */
#include <trace/ptrace.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <whittle/file.h>

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
	HASH_ADD_INT(trace->tracees, tid, tracee);
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

static bool unqueue(struct trace *trace, struct event *ret_event)
{
	if (trace->queue_count == 0)
		return false;
	*ret_event = trace->queue[trace->queue_head];
	trace->queue_head = (trace->queue_head + 1) % QUEUE_MAX;
	trace->queue_count--;
	return true;
}

/* ESRCH: it was killed while it was stopped; its end is reported by the next wait. */
static void resume(struct trace *trace)
{
	if (trace->current)
		ptrace(trace->current_request, trace->current, 0, trace->current_signal);
	trace->current = 0;
}

static void add_report(struct trace *trace, pid_t tid, int status)
{
	if (trace->report_count == trace->report_size) {
		trace->report_size = trace->report_size ? trace->report_size * 2 : 64;
		trace->reports =
			xrealloc(trace->reports, trace->report_size, sizeof(*trace->reports));
	}
	trace->reports[trace->report_count++] = (struct wait_report){ tid, status };
}

/*
 * Waits, then takes whatever else is ready: do_wait() looks for tracees in the order in which they
 * were attached, so that handling one report a wait would starve late ones behind busy early ones.
 * 1, 0 if no child is left, -1 with errno.
 */
static int collect(struct trace *trace)
{
	int status;
	pid_t tid = waitpid(-1, &status, __WALL);

	trace->report_head = trace->report_count = 0;
	if (tid < 0)
		return errno == ECHILD ? 0 : -1;
	add_report(trace, tid, status);
	while (HASH_COUNT(trace->tracees) > 1 && (tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
		add_report(trace, tid, status);
	return 1;
}

int trace_next(struct trace *trace, struct event *ret_event, struct error *err)
{
	for (;;) {
		if (unqueue(trace, ret_event))
			return 1;
		resume(trace);
		if (trace->report_head == trace->report_count) {
			if (!trace->tracees)
				return 0;
			int more = collect(trace);
			if (more == 0)
				return 0;
			if (more < 0 && errno == EINTR) {
				*ret_event = (struct event){ .kind = EVENT_TICK };
				return 1;
			}
			if (more < 0)
				return fail(err, ERROR_SYSTEM, errno,
					    "cannot wait for the workload");
		}
		struct wait_report *report = &trace->reports[trace->report_head++];
		if (trace_handle(trace, report->tid, report->status, ret_event))
			return 1;
	}
}

/* ---- start ---- */

struct launch {
	int go[2];     /* the parent writes a byte: the child may exec */
	int failed[2]; /* the child writes the errno of execve(2) */
};

/* In the child: only async-signal-safe calls. SIGCHLD is put back to what whittle inherited. */
static void __attribute__((noreturn)) run_child(const struct launch *launch, const char *path,
						char *const argv[], const struct sigaction *sigchld)
{
	char byte;

	close(launch->go[1]);
	sigaction(SIGCHLD, sigchld, NULL);
	ssize_t got;
	while ((got = read(launch->go[0], &byte, 1)) < 0 && errno == EINTR)
		continue;
	if (got != 1) /* whittle could not trace it, or is gone: it must not run untraced */
		_exit(EXIT_WHITTLE);
	execve(path, argv, environ);
	int number = errno;
	ssize_t ignored = write(launch->failed[1], &number, sizeof(number));
	(void)ignored;
	_exit(EXIT_WHITTLE);
}

static void hint_about_ptrace(struct error *err)
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

static int seize(pid_t pid, struct error *err)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0) {
		fail(err, ERROR_SYSTEM, errno, "cannot trace the workload");
		hint_about_ptrace(err);
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

static int exec_failure(struct launch *launch, const char *path, struct error *err)
{
	int number = 0;

	if (read(launch->failed[0], &number, sizeof(number)) != sizeof(number))
		return fail(err, ERROR_SYSTEM, 0, "the workload was killed before it started");
	return fail(err, ERROR_INPUT, number, "cannot execute %s", path);
}

/*
 * Lets the child go up to its execve(2) and leaves only that call and the new image in the queue:
 * what the launcher did before is not the workload's.
 */
static int run_to_exec(struct trace *trace, struct launch *launch, const char *path,
		       struct error *err)
{
	pid_t pid = trace->main_pid;
	struct event event;
	int status;

	trace->current = pid;
	trace->current_request = PTRACE_SYSCALL;
	for (;;) {
		resume(trace);
		if (waitpid(pid, &status, __WALL) < 0) {
			if (errno == EINTR)
				continue;
			return fail(err, ERROR_SYSTEM, errno, "cannot wait for the workload");
		}
		if (!trace_handle(trace, pid, status, &event))
			continue;
		if (event.kind == EVENT_EXIT)
			return exec_failure(launch, path, err);
		if (event.kind != EVENT_EXEC)
			continue;
		struct tracee *tracee = trace_find(trace, pid);
		trace_queue(trace, &tracee->call);
		trace_queue(trace, &event);
		return 0;
	}
}

static int start(struct trace *trace, struct launch *launch, const char *path, char *const argv[],
		 struct error *err)
{
	struct sigaction plain = { .sa_handler = SIG_DFL }, inherited;

	/* An ignored SIGCHLD would have the kernel reap the workload and drop its status. */
	sigaction(SIGCHLD, &plain, &inherited);
	pid_t pid = fork();
	if (pid < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot start a process");
	if (pid == 0)
		run_child(launch, path, argv, &inherited);
	trace->main_pid = pid;
	trace->main_running = true;
	trace_add(trace, pid, pid);
	close(STEAL_FD(launch->go[0]));
	close(STEAL_FD(launch->failed[1]));
	if (seize(pid, err) < 0)
		return -1;
	if (write(launch->go[1], "", 1) != 1)
		return fail(err, ERROR_SYSTEM, errno, "cannot start the workload");
	return run_to_exec(trace, launch, path, err);
}

int trace_start(const char *path, char *const argv[], struct trace **ret_trace, struct error *err)
{
	struct launch launch = { { -1, -1 }, { -1, -1 } };
	struct trace *trace = xcalloc(1, sizeof(*trace));
	int result = -1;

	if (pipe2(launch.go, O_CLOEXEC) < 0 || pipe2(launch.failed, O_CLOEXEC) < 0)
		fail(err, ERROR_SYSTEM, errno, "cannot create a pipe");
	else
		result = start(trace, &launch, path, argv, err);
	for (int i = 0; i < 2; i++) {
		auto_close(&launch.go[i]);
		auto_close(&launch.failed[i]);
	}
	if (result < 0) {
		trace_free(trace);
		return -1;
	}
	*ret_trace = trace;
	return 0;
}

/* ---- the rest ---- */

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

static void signal_all(struct trace *trace, int signal)
{
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->tid == tracee->tgid)
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
	signal_all(trace, SIGKILL);
}

/*
 * Not tid by tid: a leader is reported only after its threads were (wait_consider_task(),
 * delay_group_leader()).
 */
static void reap_all(struct trace *trace)
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
}

void trace_free(struct trace *trace)
{
	struct tracee *tracee, *next;

	if (!trace)
		return;
	trace_kill(trace);
	reap_all(trace);
	HASH_ITER (hh, trace->tracees, tracee, next)
		trace_remove(trace, tracee);
	free(trace->reports);
	free(trace);
}
