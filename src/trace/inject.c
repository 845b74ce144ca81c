#include <trace/inject.h>
#include <trace/notified.h>
#include <trace/registers.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <whittle/base.h>

/* A tracee at a syscall-exit stop that makes calls for whittle. */
struct injection {
	struct trace *trace;
	pid_t tid;
	struct user_regs_struct saved; /* as at the stop */
	uint64_t mask;                 /* its signal mask */
	bool held;                     /* a group-stop came */
	bool aborted;
	int status; /* as of waitpid(2), of the last stop or the end */
};

/*
 * Waits for its next stop, or its end; false if there is nothing to wait for. What is said of
 * others is kept for later, but not left to wait: the end of a leader is told only when the ends of
 * its threads were (wait_consider_task(), delay_group_leader()).
 */
static bool wait_stop(struct injection *in)
{
	for (;;) {
		pid_t tid = waitpid(-1, &in->status, __WALL);

		if (tid == in->tid)
			return true;
		if (tid > 0)
			trace_report(in->trace, tid, in->status);
		if (tid < 0 && errno != EINTR)
			break;
	}
	in->status = 0;
	return false;
}

/*
 * A group-stop has to wait until the calls are made: it is asked for again at the end. SIGSTOP,
 * which no mask blocks, is delivered, and becomes one.
 */
static bool has_to_wait(struct injection *in, int *ret_signal)
{
	int event = in->status >> 16;
	bool stopped = WIFSTOPPED(in->status) && event == 0 && WSTOPSIG(in->status) == SIGSTOP;

	*ret_signal = stopped ? SIGSTOP : 0;
	in->held |= event == PTRACE_EVENT_STOP;
	return stopped || event == PTRACE_EVENT_STOP;
}

/* Goes on to the next stop of a call: its kind (PTRACE_SYSCALL_INFO_*), or -1 if there is none. */
static int next_stop(struct injection *in)
{
	struct __ptrace_syscall_info info;
	int signal = 0;

	do
		/* ESRCH: it was killed in the stop, which is what the wait will say. */
		ptrace(PTRACE_SYSCALL, in->tid, 0, signal);
	while (wait_stop(in) && has_to_wait(in, &signal));
	int event = in->status >> 16;
	bool ours = WIFSTOPPED(in->status) &&
		    ((event == 0 && WSTOPSIG(in->status) == (SIGTRAP | 0x80)) ||
		     event == PTRACE_EVENT_SECCOMP);
	if (ours && ptrace(PTRACE_GET_SYSCALL_INFO, in->tid, sizeof(info), &info) > 0)
		return info.op;
	in->aborted = true;
	return -1;
}

/* The result of a call; -ECANCELED, and in->aborted, if something else happened. */
static int64_t call(struct injection *in, uint64_t nr, const uint64_t args[6])
{
	struct user_regs_struct regs;
	int kind;

	registers_prepare_call(&regs, &in->saved, nr, args);
	registers_set(in->tid, &regs);
	/* An entry, behind the filter's installation a PTRACE_EVENT_SECCOMP too, the exit. */
	do
		kind = next_stop(in);
	while (kind == PTRACE_SYSCALL_INFO_ENTRY || kind == PTRACE_SYSCALL_INFO_SECCOMP);
	if (kind != PTRACE_SYSCALL_INFO_EXIT || registers_get(in->tid, &regs) < 0) {
		in->aborted = true;
		return -ECANCELED;
	}
	return registers_result(&regs);
}

#define CALL(in, nr, ...) call((in), (nr), (const uint64_t[6]){ __VA_ARGS__ })

static bool is_error(int64_t result)
{
	return result < 0 && result >= -4095;
}

/*
 * SPEC_ALLOW: kernels before 5.16 otherwise change the speculation of a filtered thread, which it
 * can see (prctl(2), PR_GET_SPECULATION_CTRL) and feel.
 */
static int64_t call_seccomp(struct injection *in, uint64_t address)
{
	return CALL(in, SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, address);
}

/* Likewise, with a listener, of which the tracee keeps no descriptor; 0 or an error. */
static int64_t call_seccomp_notified(struct injection *in, uint64_t address, uint64_t pass)
{
	int64_t number = CALL(in, SYS_seccomp, SECCOMP_SET_MODE_FILTER, notified_flags(), address);

	if (in->aborted || is_error(number))
		return number;
	notified_take(in->trace, trace_find(in->trace, in->tid), (int)number);
	CALL(in, SYS_close, (uint64_t)number, 0, 0, 0, 0, pass);
	return 0;
}

static enum inject_outcome install(struct injection *in, uint64_t address,
				   const struct inject_plan *plan)
{
	int64_t result = 0;

	if (plan->no_new_privs)
		result = CALL(in, SYS_prctl, PR_SET_NO_NEW_PRIVS, 1);
	if (!in->aborted && result == 0)
		result = plan->pass ? call_seccomp_notified(in, address, plan->pass)
				    : call_seccomp(in, address);
	if (in->aborted)
		return INJECT_ABORTED;
	if (result == 0)
		return INJECT_DONE;
	return result == -EACCES ? INJECT_DENIED : INJECT_FAILED;
}

/* ---- the program as the tracee sees it ---- */

static size_t size_of(const struct sock_fprog *program)
{
	return sizeof(*program) + program->len * sizeof(*program->filter);
}

static enum inject_outcome install_at(struct injection *in, const struct inject_plan *plan,
				      uint64_t address)
{
	const struct sock_fprog *program = &plan->program;
	struct sock_fprog header;

	memset(&header, 0, sizeof(header));
	header.len = program->len;
	header.filter = (struct sock_filter *)(uintptr_t)(address + sizeof(header));
	struct iovec local[2] = { { &header, sizeof(header) },
				  { program->filter, program->len * sizeof(*program->filter) } };
	struct iovec remote = { (void *)(uintptr_t)address, size_of(program) };
	if (process_vm_writev(in->tid, local, 2, &remote, 1, 0) != (ssize_t)remote.iov_len)
		return INJECT_NO_ROOM;
	return install(in, address, plan);
}

/*
 * execve(2) maps the stack 128 KiB below the strings on it (setup_arg_pages() in fs/exec.c), and as
 * long as the process made no other task nobody else writes there: what was there is put back.
 */
static enum inject_outcome install_on_stack(struct injection *in, const struct inject_plan *plan)
{
	const uint64_t mapped = 64 << 10; /* what points to the strings is on it too */
	size_t size = size_of(&plan->program);
	uint64_t address = (registers_free_stack(&in->saved) - size) & ~UINT64_C(15);
	AUTO_FREE void *saved = xcalloc(1, size);
	struct iovec local = { saved, size }, remote = { (void *)(uintptr_t)address, size };

	if (address >= plan->stack || plan->stack - address > mapped ||
	    tracee_read(in->tid, address, saved, size) < 0)
		return INJECT_NO_ROOM;
	enum inject_outcome outcome = install_at(in, plan, address);
	process_vm_writev(in->tid, &local, 1, &remote, 1, 0);
	return outcome;
}

/* Any other stack may be too small. */
static enum inject_outcome install_in_mapping(struct injection *in, const struct inject_plan *plan)
{
	size_t size = size_of(&plan->program);
	int64_t address = CALL(in, SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX, 0);

	if (in->aborted)
		return INJECT_ABORTED;
	if (is_error(address))
		return INJECT_NO_ROOM;
	enum inject_outcome outcome = install_at(in, plan, (uint64_t)address);
	if (!in->aborted)
		CALL(in, SYS_munmap, (uint64_t)address, size, 0, 0, 0, plan->pass);
	return outcome;
}

/* The call at whose entry it is ends before it is made: from there others can be made. */
static bool leave_entry(struct injection *in)
{
	registers_skip_call(in->tid, 0);
	in->aborted |= next_stop(in) != PTRACE_SYSCALL_INFO_EXIT;
	return !in->aborted;
}

static enum inject_outcome install_program(struct injection *in, const struct inject_plan *plan)
{
	if (plan->anew && !leave_entry(in))
		return INJECT_ABORTED;
	enum inject_outcome outcome = install_on_stack(in, plan);

	return outcome == INJECT_NO_ROOM ? install_in_mapping(in, plan) : outcome;
}

/* Signals but SIGKILL and SIGSTOP would stop each injected call before it is made. */
static int block_signals(struct injection *in)
{
	uint64_t all = UINT64_MAX;

	if (ptrace(PTRACE_GETSIGMASK, in->tid, sizeof(in->mask), &in->mask) < 0)
		return -1;
	return ptrace(PTRACE_SETSIGMASK, in->tid, sizeof(all), &all) < 0 ? -1 : 0;
}

/*
 * Puts back what was changed. Not into a new image, which another thread's execve() made of the
 * process; what was killed does not care.
 */
static void restore(struct injection *in, const struct event *anew)
{
	if (in->aborted && in->status >> 16 == PTRACE_EVENT_EXEC)
		return;
	if (anew)
		registers_prepare_call(&in->saved, &in->saved, anew->nr, anew->args);
	registers_set(in->tid, &in->saved);
	ptrace(PTRACE_SETSIGMASK, in->tid, sizeof(in->mask), &in->mask);
	if (in->held) /* do_jobctl_trap() tells of a group-stop in force */
		ptrace(PTRACE_INTERRUPT, in->tid, 0, 0);
}

enum inject_outcome inject_filter(struct trace *trace, pid_t tid, const struct inject_plan *plan,
				  int *ret_status)
{
	struct injection in = { .trace = trace, .tid = tid };

	if (registers_get(tid, &in.saved) < 0 || !registers_can_call(tid, &in.saved) ||
	    block_signals(&in) < 0)
		return INJECT_NOT_HERE;
	enum inject_outcome outcome = install_program(&in, plan);
	restore(&in, plan->anew);
	*ret_status = in.status;
	return in.aborted ? INJECT_ABORTED : outcome;
}
