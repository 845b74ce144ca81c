/*
 * Learned filters: when one is installed, and which tracees carry one. A tracee is let run without
 * stops at each call (PTRACE_CONT) only if it carries the filter for sure, since what it does
 * would be lost otherwise; in doubt it stops more often than it needs to.
 */
#include <trace/filtered.h>
#include <trace/inject.h>
#include <trace/notified.h>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <whittle/proc.h>

long filtered_count(pid_t tid)
{
	AUTO_FREE char *status = proc_status(tid);

	if (!status)
		return -1;
	const char *mode = proc_field(status, "Seccomp");
	const char *count = proc_field(status, "Seccomp_filters"); /* since Linux 5.9 */
	if (!mode || *mode == '0')
		return 0;
	if (*mode == '1')
		return -1;
	return count ? strtol(count, NULL, 10) : 1;
}

/* ---- who carries it ---- */

/* Has any thread of that process filters of its own? */
static bool process_has_own(const struct trace *trace, pid_t tgid)
{
	if (!trace->own_filters)
		return false;
	for (const struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->tgid == tgid && tracee->own_filters)
			return true;
	return false;
}

/*
 * A process inherits the filters of the thread that forked it, as they were in the middle of its
 * call; a thread has those of its process, which TSYNC keeps alike (kernel/seccomp.c,
 * seccomp_sync_threads(); kernel/fork.c, copy_seccomp(): both under the same lock).
 */
void filtered_inherit(const struct trace *trace, struct tracee *child, const struct tracee *creator,
		      bool thread, bool exact)
{
	if (!creator) {
		child->notifies = trace->notified != NULL;
		child->hides = true;
		return;
	}
	child->notifies = creator->notifies;
	memcpy(child->quiet, creator->quiet, sizeof(child->quiet));
	child->hides = creator->hides;
	if (exact) {
		child->filtered |= creator->filtered || (thread && creator->joining);
		/* It was watched before it was filtered: trace_watch(). */
		child->watched |= creator->watched && child->filtered;
		child->own_filters = creator->own_filters;
		child->strict = creator->strict;
		child->no_new_privs = creator->no_new_privs;
		return;
	}
	child->filtered |= thread && (creator->filtered || creator->joining);
	child->own_filters = process_has_own(trace, creator->tgid);
	child->no_new_privs = creator->no_new_privs;
}

void filtered_found(struct tracee *tracee)
{
	tracee->filtered |= !tracee->joining;
}

void filtered_call_ended(struct tracee *tracee)
{
	tracee->filtered |= tracee->joining;
	tracee->joining = false;
}

void filtered_image_begins(struct tracee *tracee)
{
	struct __ptrace_syscall_info info;

	filtered_call_ended(tracee);
	tracee->vforked = false;
	tracee->stack = 0;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->tid, sizeof(info), &info) > 0)
		tracee->stack = info.stack_pointer;
}

/* The filter is in all threads of the process; what is in a call may just be forking without it. */
static void mark_process(struct trace *trace, pid_t tgid, const struct inject_plan *plan)
{
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next) {
		if (tracee->tgid != tgid)
			continue;
		tracee->joining = tracee->in_call;
		tracee->filtered = !tracee->in_call;
		tracee->hides = plan->hides;
		tracee->no_new_privs |= plan->no_new_privs;
	}
}

/* ---- installing one ---- */

/* Has its process filters already, or may it not have one? FILTER_LATER: neither. */
static enum filter_outcome judge(const struct trace *trace, struct tracee *tracee,
				 const char **ret_why)
{
	long count = filtered_count(tracee->tid);

	if (tracee->own_filters || count < 0) {
		*ret_why = "own-filter";
		return FILTER_NEVER;
	}
	/* What an outer filter refuses would not be reported: it outranks SECCOMP_RET_TRACE. */
	if (trace->outer_filters != 0) {
		*ret_why = "outer-filter";
		return FILTER_NEVER;
	}
	if (count == trace->base_filters)
		return FILTER_LATER;
	if (trace->own_filters) { /* whose it is cannot be told */
		*ret_why = "own-filter";
		return FILTER_NEVER;
	}
	filtered_found(tracee);
	return FILTER_INSTALLED;
}

static enum inject_outcome inject(struct trace *trace, struct tracee *tracee,
				  struct inject_plan *plan)
{
	int status = 0;
	enum inject_outcome outcome = inject_filter(trace, tracee->tid, plan, &status);

	if (plan->anew && outcome != INJECT_NOT_HERE)
		tracee->in_call = false;
	/* With that capability set-id programs keep their privilege. */
	if (outcome == INJECT_DENIED && !plan->anew && !has_capability(CAP_SYS_PTRACE)) {
		plan->no_new_privs = true;
		outcome = inject_filter(trace, tracee->tid, plan, &status);
	}
	if (outcome == INJECT_DONE) {
		mark_process(trace, tracee->tgid, plan);
		trace->no_new_privs |= plan->no_new_privs;
		trace->filters++;
	}
	if (outcome == INJECT_ABORTED) {
		trace->current = 0;
		if (status)
			trace_report(trace, tracee->tid, status);
	}
	return outcome;
}

/* With a listener if that is possible; pass as of notified_can(), 0: it is not. */
static enum inject_outcome install(struct trace *trace, struct tracee *tracee,
				   const struct free_call *calls, size_t count, uint64_t pass)
{
	struct inject_plan plan = { .pass = pass, .hides = count, .stack = tracee->stack };
	struct error err;

	if (tracee->in_call)
		plan.anew = &tracee->call;
	if (filter_kept(&trace->built, calls, count, pass, &plan.program, &err) < 0)
		return INJECT_FAILED;
	if (pass)
		notified_exempt(trace, tracee, calls, count);
	return inject(trace, tracee, &plan);
}

/* It may have no room for the descriptor of a listener. */
static enum inject_outcome install_either(struct trace *trace, struct tracee *tracee,
					  const struct free_call *calls, size_t count, bool brief)
{
	enum inject_outcome outcome = INJECT_FAILED;
	bool at_entry = tracee->in_call;
	uint64_t pass;

	if (!brief && !tracee->unlistened && notified_can(trace, tracee, &pass)) {
		outcome = install(trace, tracee, calls, count, pass);
		tracee->unlistened = outcome == INJECT_FAILED;
		if (at_entry && !tracee->in_call && tracee->unlistened)
			return INJECT_ABORTED; /* at the next entry, of the same call */
	}
	if (outcome == INJECT_FAILED)
		outcome = install(trace, tracee, calls, count, 0);
	return outcome;
}

enum filter_outcome trace_filter(struct trace *trace, const struct free_call *calls, size_t count,
				 bool brief, const char **ret_why)
{
	static const struct {
		enum filter_outcome outcome;
		const char *why;
	} rows[] = {
		[INJECT_DONE] = { FILTER_INSTALLED, NULL },
		[INJECT_NOT_HERE] = { FILTER_LATER, NULL },
		[INJECT_ABORTED] = { FILTER_LATER, NULL },
		[INJECT_NO_ROOM] = { FILTER_NEVER, "filter-failed" },
		[INJECT_DENIED] = { FILTER_NEVER, "filter-refused" },
		[INJECT_FAILED] = { FILTER_NEVER, "filter-failed" },
	};
	struct tracee *tracee = trace_find(trace, trace->current);

	if (!tracee || tracee->vforked || tracee->call.abi != trace->native)
		return FILTER_LATER;
	if (tracee->filtered || tracee->joining)
		return FILTER_INSTALLED;
	enum filter_outcome verdict = judge(trace, tracee, ret_why);
	if (verdict != FILTER_LATER)
		return verdict;
	enum inject_outcome outcome = install_either(trace, tracee, calls, count, brief);
	*ret_why = rows[outcome].why;
	return rows[outcome].outcome;
}

bool trace_call_anew(const struct trace *trace)
{
	const struct tracee *tracee = trace_find(trace, trace->current);

	return !tracee || !tracee->in_call;
}

size_t trace_filters(const struct trace *trace)
{
	return trace->filters;
}

size_t trace_stops(const struct trace *trace)
{
	return trace->stops;
}

size_t trace_notifications(const struct trace *trace)
{
	return trace->notifications;
}

bool trace_set_no_new_privs(const struct trace *trace)
{
	return trace->no_new_privs;
}

/* ---- before the image runs ---- */

static int install_own(const struct sock_fprog *program, unsigned int flags)
{
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

int filtered_prepare(void *context)
{
	const struct filtered_plan *plan = context;

	if (plan->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	int listener =
		plan->notifying.filter ? install_own(&plan->notifying, notified_flags()) : -1;
	if (listener >= 0)
		return close(listener);
	return install_own(&plan->program, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
}
