/*
 * A workload that uses seccomp itself behaves as without whittle, whose filter it must not see:
 * - its filters may refuse calls before whittle's reports them: then every call stops (filtered.c);
 * - a listener of its own it may have only beside none of whittle's: those are closed (notified.c);
 * - the strict mode cannot follow a filter (kernel/seccomp.c, seccomp_may_assign_mode()): whittle
 *   does what the kernel would, at each call's entry;
 * - prctl(2) tells of filters and of no_new_privs: what whittle added is taken out of the answer.
 * And a child that clone(2) was told to keep from tracers would run into the filter alone: the flag
 * is taken away from the call.
 */
#include <trace/notified.h>
#include <trace/own.h>
#include <trace/registers.h>

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <whittle/proc.h>

/* The calls that matter, for each ABI. */
enum number { PRCTL, SECCOMP, CLONE, CLONE3, READ, WRITE, EXIT, SIGRETURN, RT_SIGRETURN, NUMBERS };

static const char *const names[NUMBERS] = { "prctl", "seccomp", "clone",     "clone3",      "read",
					    "write", "exit",    "sigreturn", "rt_sigreturn" };

/* Numbers of the ABIs, looked up when first met. */
struct own {
	struct own *next;
	const struct abi *abi;
	int64_t numbers[NUMBERS]; /* -1: none */
};

void own_free(struct own *own)
{
	while (own) {
		struct own *next = own->next;

		free(own);
		own = next;
	}
}

static const int64_t *numbers_of(struct trace *trace, const struct abi *abi)
{
	struct own *own = trace->own;

	while (own && own->abi != abi)
		own = own->next;
	if (own)
		return own->numbers;
	own = xcalloc(1, sizeof(*own));
	own->abi = abi;
	for (size_t i = 0; i < NUMBERS; i++)
		own->numbers[i] = abi_syscall_number(abi, names[i]);
	own->next = trace->own;
	trace->own = own;
	return own->numbers;
}

static bool is_call(const int64_t *numbers, const struct event *call, enum number number)
{
	return numbers[number] >= 0 && call->nr == (uint64_t)numbers[number];
}

/* ---- strict mode ---- */

/* prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) or seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL) */
static bool asks_for_strict(const int64_t *numbers, const struct event *call)
{
	if (is_call(numbers, call, PRCTL))
		return (int)call->args[0] == PR_SET_SECCOMP && call->args[1] == SECCOMP_MODE_STRICT;
	return is_call(numbers, call, SECCOMP) &&
	       (unsigned int)call->args[0] == SECCOMP_SET_MODE_STRICT &&
	       (unsigned int)call->args[1] == 0 && call->args[2] == 0;
}

/* kernel/seccomp.c, mode1_syscalls[]: anything else kills the thread. */
static void enforce_strict(const int64_t *numbers, const struct tracee *tracee)
{
	static const enum number allowed[] = { READ, WRITE, EXIT, SIGRETURN, RT_SIGRETURN };

	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (is_call(numbers, &tracee->call, allowed[i]))
			return;
	syscall(SYS_tgkill, tracee->tgid, tracee->tid, SIGKILL);
}

/* ---- children kept from tracers ---- */

/* The flags of clone3 are the first field of a struct in memory. */
static bool read_clone_flags(const int64_t *numbers, const struct event *call, uint64_t *ret_flags)
{
	*ret_flags = call->args[0];
	if (is_call(numbers, call, CLONE))
		return true;
	/* What cannot be read makes no child: EFAULT. */
	return is_call(numbers, call, CLONE3) &&
	       tracee_read(call->tid, call->args[0], ret_flags, sizeof(*ret_flags)) == 0;
}

static bool write_word(pid_t tid, uint64_t address, uint64_t word)
{
	struct iovec local = { &word, sizeof(word) };
	struct iovec remote = { (void *)(uintptr_t)address, sizeof(word) };

	return process_vm_writev(tid, &local, 1, &remote, 1, 0) == (ssize_t)sizeof(word);
}

/* kernel/fork.c, kernel_clone(): CLONE_UNTRACED */
static bool follow_clone(struct trace *trace, const int64_t *numbers, struct tracee *tracee)
{
	struct event *call = &tracee->call;
	uint64_t flags, old;

	if (!read_clone_flags(numbers, call, &flags))
		return false;
	trace->files_shared |= flags & CLONE_FILES && !(flags & CLONE_THREAD);
	if (!(flags & CLONE_UNTRACED))
		return false;
	uint64_t tamed = flags & ~(uint64_t)CLONE_UNTRACED;
	bool done = is_call(numbers, call, CLONE)
			    ? registers_set_argument(tracee->tid, tamed, &old) == 0
			    : write_word(tracee->tid, call->args[0], tamed);
	if (!done) {
		struct event loss = { .kind = EVENT_LOSS,
				      .tid = tracee->tid,
				      .tgid = tracee->tgid,
				      .what = "untraced-child" };
		trace_queue(trace, &loss);
		return false;
	}
	tracee->argument_changed = true;
	tracee->argument = is_call(numbers, call, CLONE) ? old : flags;
	return true;
}

static void restore_argument(const int64_t *numbers, struct tracee *tracee)
{
	tracee->argument_changed = false;
	if (is_call(numbers, &tracee->call, CLONE))
		registers_restore_argument(tracee->tid, tracee->argument);
	else
		write_word(tracee->tid, tracee->call.args[0], tracee->argument);
}

/* ---- filters of its own ---- */

/*
 * Without a program the kernel answers EFAULT before it makes anything: so libseccomp asks which
 * flags there are (seccomp_init(3)), of a listener among them.
 */
static bool installs_filter(const int64_t *numbers, const struct event *call)
{
	if (call->args[2] == 0)
		return false;
	if (is_call(numbers, call, PRCTL))
		return (int)call->args[0] == PR_SET_SECCOMP && call->args[1] == SECCOMP_MODE_FILTER;
	return is_call(numbers, call, SECCOMP) &&
	       (unsigned int)call->args[0] == SECCOMP_SET_MODE_FILTER;
}

static bool asks_for_listener(const int64_t *numbers, const struct event *call)
{
	return is_call(numbers, call, SECCOMP) && installs_filter(numbers, call) &&
	       call->args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER;
}

/* Would seccomp_prepare_filter() refuse it, had whittle not set no_new_privs? */
static bool lacks_no_new_privs(const struct tracee *tracee)
{
	AUTO_FREE char *status = tracee->no_new_privs ? proc_status(tracee->tid) : NULL;
	const char *effective = status ? proc_field(status, "CapEff") : NULL;

	return effective && !(strtoull(effective, NULL, 16) & (UINT64_C(1) << CAP_SYS_ADMIN));
}

/* ---- entry and result ---- */

bool own_entry(struct trace *trace, struct tracee *tracee)
{
	const struct event *call = &tracee->call;

	if (!call->abi)
		return false;
	const int64_t *numbers = numbers_of(trace, call->abi);
	if (tracee->strict)
		enforce_strict(numbers, tracee);
	if (asks_for_strict(numbers, call)) {
		/* A filter is in the way only if it is whittle's: see own_result(). */
		if (!tracee->own_filters && !trace->base_filters &&
		    (tracee->filtered || tracee->joining)) {
			registers_skip_call(tracee->tid, 0);
			tracee->strict = tracee->own_filters = trace->own_filters = true;
		}
		return true;
	}
	if (installs_filter(numbers, call) && lacks_no_new_privs(tracee))
		registers_skip_call(tracee->tid, -EACCES);
	if (trace->base_filters && asks_for_listener(numbers, call))
		trace_queue(trace, &(struct event){ .kind = EVENT_LIMITATION,
						    .tid = tracee->tid,
						    .tgid = tracee->tgid,
						    .what = "own-listener" });
	if (asks_for_listener(numbers, call) && tracee->notifies)
		notified_give_up(trace, tracee);
	return follow_clone(trace, numbers, tracee) || is_call(numbers, call, PRCTL) ||
	       is_call(numbers, call, SECCOMP);
}

/*
 * With SECCOMP_FILTER_FLAG_TSYNC its other threads have the filter too, and some may just run
 * without stops: what it refuses them is not seen until whittle's filter reports something.
 */
static void mark_own_filters(struct trace *trace, struct tracee *caller, bool whole_process)
{
	struct event unseen = { .kind = EVENT_LIMITATION,
				.tid = caller->tid,
				.tgid = caller->tgid,
				.what = "own-refusals" };
	bool running = false;

	trace->own_filters = true;
	caller->own_filters = true;
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next) {
		if (tracee == caller || !whole_process || tracee->tgid != caller->tgid)
			continue;
		running |= tracee->filtered && !tracee->in_call && !tracee->own_filters;
		tracee->own_filters = true;
	}
	if (running)
		trace_queue(trace, &unseen);
}

static void replace_result(const struct tracee *tracee, int64_t *result, int64_t seen)
{
	registers_set_result(tracee->tid, seen);
	*result = seen;
}

static void prctl_result(struct trace *trace, struct tracee *tracee, int64_t *result)
{
	const struct event *call = &tracee->call;

	switch ((int)call->args[0]) {
	case PR_GET_SECCOMP:
		if (*result == SECCOMP_MODE_FILTER && tracee->filtered && !tracee->own_filters &&
		    !trace->base_filters)
			replace_result(tracee, result, SECCOMP_MODE_DISABLED);
		break;
	case PR_GET_NO_NEW_PRIVS:
		if (*result == 1 && tracee->no_new_privs)
			replace_result(tracee, result, 0);
		break;
	case PR_SET_NO_NEW_PRIVS:
		if (*result == 0)
			tracee->no_new_privs = false;
		break;
	case PR_SET_SECCOMP:
		if (*result == 0)
			mark_own_filters(trace, tracee, false);
		break;
	default:
		break;
	}
}

void own_result(struct trace *trace, struct tracee *tracee, int64_t *result)
{
	const struct event *call = &tracee->call;

	if (!call->abi)
		return;
	const int64_t *numbers = numbers_of(trace, call->abi);
	if (tracee->argument_changed)
		restore_argument(numbers, tracee);
	if (is_call(numbers, call, PRCTL))
		prctl_result(trace, tracee, result);
	/* With SECCOMP_FILTER_FLAG_NEW_LISTENER the result is a descriptor. */
	if (is_call(numbers, call, SECCOMP) && installs_filter(numbers, call) && *result >= 0)
		mark_own_filters(trace, tracee, call->args[1] & SECCOMP_FILTER_FLAG_TSYNC);
}
