/* Priorities and policies: kernel/sched/syscalls.c, kernel/sys.c, block/ioprio.c. */
#include <observe/capable_rules.h>

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

/* can_nice() in kernel/sched/syscalls.c: may thread tid get this nice value? */
static void need_nice(struct needs *needs, pid_t tid, int nice)
{
	struct rlimit limit;

	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	errno = 0;
	int current = getpriority(PRIO_PROCESS, (id_t)tid);
	if (errno || nice >= current || prlimit(tid, RLIMIT_NICE, NULL, &limit) < 0)
		return;
	if ((rlim_t)(20 - nice) > limit.rlim_cur)
		need_add(needs, CAP_BIT(CAP_SYS_NICE), "a higher priority");
}

void rule_nice(struct needs *needs)
{
	pid_t tid = needs->call->tid;

	errno = 0;
	int current = getpriority(PRIO_PROCESS, (id_t)tid);
	int64_t wanted = (int64_t)current + call_int(needs->call, 0);
	if (!errno)
		need_nice(needs, tid, wanted < -20 ? -20 : wanted > 19 ? 19 : (int)wanted);
}

/* check_same_owner(), set_one_prio_perm(): the caller's euid is one of the target's two. */
static void need_same_owner(struct needs *needs, pid_t target)
{
	uid_t euid = needs->call->creds->euid;
	struct creds its = { .groups = NULL };

	if (target == needs->call->tid || !target_creds(target, &its))
		return;
	if (euid != its.euid && euid != its.ruid)
		need_add(needs, CAP_BIT(CAP_SYS_NICE), "another user's process");
	creds_release(&its);
}

/* What setpriority(2) and ioprio_set(2) are about. */
struct group_change {
	struct needs *needs;
	pid_t group; /* of processes, or -1 */
	uid_t user;  /* if there is no group */
	bool is_nice;
	int nice;
};

static void change_one(void *context, pid_t pid)
{
	const struct group_change *change = context;
	struct creds its = { .groups = NULL };

	if (number_for_caller(change->needs->call, pid) == 0)
		return; /* not in the caller's pid namespace */
	bool meant = change->group >= 0 ? getpgid(pid) == change->group
					: target_creds(pid, &its) && its.ruid == change->user;
	creds_release(&its);
	if (!meant)
		return;
	need_same_owner(change->needs, pid);
	if (change->is_nice)
		need_nice(change->needs, pid, change->nice);
}

/* set_one_prio() in kernel/sys.c and set_task_ioprio() in block/ioprio.c, of each that is meant. */
static void need_group_change(struct group_change *change, bool by_user, uint32_t id)
{
	const struct call *call = change->needs->call;

	change->group = by_user ? -1 : id ? call_target(call, id) : getpgid(call->tgid);
	if (change->group == 0) /* there is none of that number */
		return;
	change->user = id ? id : call->creds->ruid;
	each_process(change_one, change);
}

void rule_setpriority(struct needs *needs)
{
	const struct call *call = needs->call;
	struct group_change change = { .needs = needs, .is_nice = true, .nice = call_int(call, 2) };
	pid_t target = thread_target(call, call_int(call, 1));

	if (call_int(call, 0) != PRIO_PROCESS) {
		need_group_change(&change, call_int(call, 0) == PRIO_USER, call_u32(call, 1));
	} else if (target) {
		need_same_owner(needs, target);
		need_nice(needs, target, change.nice);
	}
}

void rule_sched_setaffinity(struct needs *needs)
{
	need_same_owner(needs, thread_target(needs->call, call_int(needs->call, 0)));
}

/* Does the limit allow the nice value that the thread has? */
static bool may_have_nice(pid_t tid)
{
	struct rlimit limit;

	errno = 0;
	int nice = getpriority(PRIO_PROCESS, (id_t)tid);
	return errno || prlimit(tid, RLIMIT_NICE, NULL, &limit) < 0 ||
	       (rlim_t)(20 - nice) <= limit.rlim_cur;
}

/* user_check_sched_setscheduler() in kernel/sched/syscalls.c. */
static void need_policy(struct needs *needs, pid_t target, int policy, bool resets_on_fork,
			unsigned int priority)
{
	struct sched_param old = { 0 };
	struct rlimit limit = { 0, 0 };
	int current = sched_getscheduler(target);

	if (current < 0 || sched_getparam(target, &old) < 0 ||
	    prlimit(target, RLIMIT_RTPRIO, NULL, &limit) < 0)
		return;
	bool keeps = current & SCHED_RESET_ON_FORK && !resets_on_fork;
	current &= ~SCHED_RESET_ON_FORK;
	/* is_nice_reduction(): out of SCHED_IDLE as to a better nice value */
	bool wakes = current == SCHED_IDLE && policy != SCHED_IDLE && !may_have_nice(target);
	bool deadline = policy == 6 /* SCHED_DEADLINE */;
	bool realtime = policy == SCHED_FIFO || policy == SCHED_RR;
	bool enters = realtime && policy != current && !limit.rlim_cur;
	bool raises = realtime && (int)priority > old.sched_priority && priority > limit.rlim_cur;
	if (deadline || enters || raises)
		need_add(needs, CAP_BIT(CAP_SYS_NICE), "a real-time policy");
	if (keeps || wakes)
		need_add(needs, CAP_BIT(CAP_SYS_NICE), "a better policy");
}

/* The first version of struct sched_attr: linux/sched/types.h clashes with sched.h. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* sched_setscheduler(2), sched_setparam(2) and sched_setattr(2). */
void rule_sched_setattr(struct needs *needs)
{
	const struct call *call = needs->call;
	pid_t target = thread_target(call, call_int(call, 0));
	struct attributes attr = { 0 };
	int32_t priority = 0;

	if (!target)
		return;
	need_same_owner(needs, target);
	if (strcmp(call->name, "sched_setattr") == 0) {
		if (tracee_read(call->tid, call->args[1], &attr, sizeof attr) < 0)
			return;
		need_policy(needs, target, (int)attr.policy, attr.flags & 1, attr.priority);
		if (attr.policy == SCHED_OTHER || attr.policy == SCHED_BATCH)
			need_nice(needs, target, attr.nice);
		return;
	}
	bool with_policy = strcmp(call->name, "sched_setscheduler") == 0;
	int policy = with_policy ? call_int(call, 1) : sched_getscheduler(target);
	if (tracee_read(call->tid, call->args[with_policy ? 2 : 1], &priority, sizeof priority) ==
	    0)
		need_policy(needs, target, policy & ~SCHED_RESET_ON_FORK,
			    policy & SCHED_RESET_ON_FORK, (unsigned int)priority);
}

/* ioprio_check_cap() and set_task_ioprio() in block/. */
void rule_ioprio_set(struct needs *needs)
{
	const struct call *call = needs->call;
	struct group_change change = { .needs = needs };

	if (IOPRIO_PRIO_CLASS(call_u32(call, 2)) == IOPRIO_CLASS_RT)
		need_add(needs, CAP_BIT(CAP_SYS_NICE) | CAP_BIT(CAP_SYS_ADMIN),
			 "real-time I/O priority");
	if (call_int(call, 0) == IOPRIO_WHO_PROCESS)
		need_same_owner(needs, thread_target(call, call_int(call, 1)));
	else
		need_group_change(&change, call_int(call, 0) == IOPRIO_WHO_USER, call_u32(call, 1));
}
