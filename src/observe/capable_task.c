/* Processes: kernel/sys.c, kernel/ptrace.c, kernel/signal.c, kernel/sched/syscalls.c. */
#include <observe/capable_rules.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf_common.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <whittle/file.h>

/* Three ids of a kind and the one for file systems. */
struct id_set {
	uint32_t real, effective, saved, filesystem;
	int cap;
};

/* Calls named after groups ("setgid", "setresgid32", "setfsgid") judge group ids. */
static struct id_set id_set(const struct call *call)
{
	const struct creds *c = call->creds;

	if (strstr(call->name, "gid"))
		return (struct id_set){ c->rgid, c->egid, c->sgid, c->fsgid, CAP_SETGID };
	return (struct id_set){ c->ruid, c->euid, c->suid, c->fsuid, CAP_SETUID };
}

static bool among(uint32_t id, const struct id_set *set)
{
	return id == set->real || id == set->effective || id == set->saved;
}

static void need_id(struct needs *needs, const struct id_set *set, uint32_t id)
{
	char object[32];

	snprintf(object, sizeof object, "%s %u", set->cap == CAP_SETGID ? "gid" : "uid", id);
	need_add(needs, CAP_BIT(set->cap), object);
}

/*
 * __sys_setuid(): with the capability all three ids change, without it the effective one only; so
 * it was decisive also where the id was allowed but the others would have stayed.
 */
void rule_setid(struct needs *needs)
{
	struct id_set set = id_set(needs->call);
	uint32_t id = call_id(needs->call, 0);

	if (id != UINT32_MAX && (set.real != id || set.saved != id))
		need_id(needs, &set, id);
}

/* __sys_setreuid(): the real id from {r, e}, the effective from {r, e, s}. */
void rule_setreid(struct needs *needs)
{
	struct id_set set = id_set(needs->call);
	uint32_t real = call_id(needs->call, 0), effective = call_id(needs->call, 1);

	if (real != UINT32_MAX && real != set.real && real != set.effective)
		need_id(needs, &set, real);
	if (effective != UINT32_MAX && !among(effective, &set))
		need_id(needs, &set, effective);
}

/* __sys_setresuid() */
void rule_setresid(struct needs *needs)
{
	struct id_set set = id_set(needs->call);

	for (int i = 0; i < 3; i++) {
		uint32_t id = call_id(needs->call, i);

		if (id != UINT32_MAX && !among(id, &set))
			need_id(needs, &set, id);
	}
}

/* __sys_setfsuid() */
void rule_setfsid(struct needs *needs)
{
	struct id_set set = id_set(needs->call);
	uint32_t id = call_id(needs->call, 0);

	if (id != UINT32_MAX && !among(id, &set) && id != set.filesystem)
		need_id(needs, &set, id);
}

bool target_creds(pid_t target, struct creds *creds)
{
	return target > 0 && creds_read(target, creds) == 0;
}

/* kill_ok_by_cred() and check_kill_permission() in kernel/signal.c. */
static void need_kill(struct needs *needs, pid_t target, int signal)
{
	const struct creds *own = needs->call->creds;
	struct creds its = { .groups = NULL };

	if (!target_creds(target, &its))
		return;
	bool allowed = own->euid == its.suid || own->euid == its.ruid || own->ruid == its.suid ||
		       own->ruid == its.ruid;
	bool goes_on = signal == SIGCONT && getsid(target) == getsid(needs->call->tgid);
	if (!allowed && proc_number(target, "Tgid") != needs->call->tgid && !goes_on)
		need_add(needs, CAP_BIT(CAP_KILL), "another user's process");
	creds_release(&its);
}

struct killing {
	struct needs *needs;
	pid_t group; /* 0: all */
	int signal;
};

pid_t number_for_caller(const struct call *call, pid_t pid)
{
	AUTO_FREE char *status = proc_status(pid);
	AUTO_FREE char *own = proc_status(call->tid);
	const char *its = status ? proc_field(status, "NSpid") : NULL;
	const char *ids = own ? proc_field(own, "NSpid") : NULL;
	char *end;

	if (!its || !ids)
		return 0;
	for (; ids[strspn(ids, "0123456789")] == '\t'; ids = strchr(ids, '\t') + 1) {
		if (its[strspn(its, "0123456789")] != '\t')
			return 0;
		its = strchr(its, '\t') + 1;
	}
	pid_t number = (pid_t)strtol(its, &end, 10);
	return call_target(call, number) == pid ? number : 0;
}

static void kill_one(void *context, pid_t pid)
{
	const struct killing *killing = context;

	if (killing->group ? getpgid(pid) == killing->group
			   : pid > 1 && number_for_caller(killing->needs->call, pid) > 1)
		need_kill(killing->needs, pid, killing->signal);
}

/* kill_something_info(): a group (0: the caller's), or all (-1) that the caller's namespace has. */
static void need_kill_many(struct needs *needs, int32_t pid, int signal)
{
	const struct call *call = needs->call;
	struct killing killing = { needs, 0, signal };

	if (pid == INT32_MIN)
		return;
	if (pid != -1)
		killing.group = pid ? call_target(call, -pid) : getpgid(call->tgid);
	if (pid != -1 && killing.group <= 0)
		return;
	each_process(kill_one, &killing);
}

pid_t pid_of_pidfd(const struct call *call, int fd)
{
	char name[64];
	AUTO_FREE char *text = NULL;
	size_t length;
	struct error err;

	snprintf(name, sizeof name, "/proc/%d/fdinfo/%d", call->tid, fd);
	if (file_read(AT_FDCWD, name, 65536, &text, &length, &err) < 0)
		return 0;
	const char *pid = proc_field(text, "Pid");
	long number = pid ? strtol(pid, NULL, 10) : 0;
	return number > 0 ? (pid_t)number : 0;
}

void rule_kill(struct needs *needs)
{
	const struct call *call = needs->call;
	bool group_first =
		strcmp(call->name, "tgkill") == 0 || strcmp(call->name, "rt_tgsigqueueinfo") == 0;
	pid_t target = strcmp(call->name, "pidfd_send_signal") == 0
			       ? pid_of_pidfd(call, call_int(call, 0))
			       : call_target(call, call_int(call, group_first ? 1 : 0));

	int signal = call_int(call, group_first ? 2 : 1);

	if (strcmp(call->name, "kill") == 0 && call_int(call, 0) <= 0)
		need_kill_many(needs, call_int(call, 0), signal);
	else
		need_kill(needs, target, signal);
}

/* The owner of /proc/PID/environ is its euid, or root if it is not dumpable (task_dump_owner()). */
static bool is_dumpable(pid_t target, const struct creds *its)
{
	char name[32];
	struct stat st;

	snprintf(name, sizeof name, "/proc/%d/environ", target);
	return stat(name, &st) < 0 || st.st_uid == its->euid;
}

static bool same_ids(const struct creds *its, uid_t uid, gid_t gid)
{
	return its->ruid == uid && its->euid == uid && its->suid == uid && its->rgid == gid &&
	       its->egid == gid && its->sgid == gid;
}

/*
 * __ptrace_may_access() and cap_ptrace_access_check(). A process outside the workload keeps its
 * capabilities when the workload's are taken away: since it then has more than who looks at it,
 * looking needs CAP_SYS_PTRACE although with all capabilities it does not. A process of the
 * workload will have no more than the others: whittle traces it, or has seen it notify, or it is in
 * a container's pid namespace together with the caller.
 */
static bool is_inside(const struct call *call, pid_t target)
{
	pid_t tgid = (pid_t)proc_number(target, "Tgid");

	if (proc_number(target, "TracerPid") == getpid() || pids_have(call->pids, tgid))
		return true;
	return number_for_caller(call, call->tgid) != call->tgid &&
	       number_for_caller(call, target) > 0;
}

void need_ptrace(struct needs *needs, pid_t target, bool filesystem_ids, uint64_t any_of)
{
	const struct creds *own = needs->call->creds;
	struct creds its = { .groups = NULL };

	if (target <= 0 || proc_number(target, "Tgid") == needs->call->tgid ||
	    !target_creds(target, &its))
		return;
	if (its.foreign_userns && task_is_in_own_namespace(needs->call, target)) {
		creds_release(&its);
		return;
	}
	bool same = same_ids(&its, filesystem_ids ? own->fsuid : own->ruid,
			     filesystem_ids ? own->fsgid : own->rgid);
	bool inside = is_inside(needs->call, target);
	uint64_t held = filesystem_ids ? own->effective : own->permitted;
	bool exceeds = inside ? its.permitted & ~held : its.permitted != 0;
	if (!same || exceeds || !is_dumpable(target, &its))
		need_add(needs, CAP_BIT(CAP_SYS_PTRACE) | any_of, "another process");
	creds_release(&its);
}

void rule_ptrace(struct needs *needs)
{
	uint32_t request = call_u32(needs->call, 0);

	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		need_ptrace(needs, call_target(needs->call, call_int(needs->call, 1)), false, 0);
}

/* process_vm_rw_core(), get_robust_list(2): the pid is the first argument. */
void rule_process_vm(struct needs *needs)
{
	need_ptrace(needs, call_target(needs->call, call_int(needs->call, 0)), false, 0);
}

/* do_mbind(), kernel_move_pages(): MPOL_MF_MOVE_ALL; the latter also of another process */
void rule_move_all(struct needs *needs)
{
	if (needs->call->args[5] & 4)
		need_add(needs, CAP_BIT(CAP_SYS_NICE), "pages shared with others");
	if (strcmp(needs->call->name, "move_pages") == 0 && call_int(needs->call, 0))
		rule_process_vm(needs);
}

void rule_kcmp(struct needs *needs)
{
	for (int i = 0; i < 2; i++)
		need_ptrace(needs, call_target(needs->call, call_int(needs->call, i)), false, 0);
}

/* process_madvise(2): another's memory. The thread group decides, as mm_access() does. */
void rule_process_madvise(struct needs *needs)
{
	pid_t target = pid_of_pidfd(needs->call, call_int(needs->call, 0));

	if (target > 0 && target != needs->call->tgid) {
		need_ptrace(needs, target, false, 0);
		need_add(needs, CAP_BIT(CAP_SYS_NICE), "advice on another's memory");
	}
}

/* pidfd_getfd(): the pidfd is the first argument. */
void rule_pidfd_getfd(struct needs *needs)
{
	need_ptrace(needs, pid_of_pidfd(needs->call, call_int(needs->call, 0)), false, 0);
}

/*
 * What is to stay in the permitted set must be there, or nothing is set: a program that gives up
 * most and names what it goes on with (dnsmasq, chronyd) has to be given that, used or not. One
 * that keeps most takes the set as it finds it, and some away; one that keeps something for later,
 * out of effect, looks before what it has (ping).
 */
static void need_kept(struct needs *needs, uint64_t kept)
{
	uint64_t had = needs->call->creds->permitted;

	if (2 * __builtin_popcountll(kept) > __builtin_popcountll(had))
		return;
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (kept & CAP_BIT(cap))
			need_add(needs, CAP_BIT(cap), "kept in effect");
}

/*
 * cap_capset(): a capability comes into the inheritable set only out of the bounding set, and
 * without CAP_SETPCAP out of the permitted one: the thread must be given it.
 */
void rule_capset(struct needs *needs)
{
	const struct call *call = needs->call;
	uint32_t header[2], data[6] = { 0 };

	if (tracee_read(call->tid, call->args[0], header, sizeof header) < 0)
		return;
	size_t size = header[0] == _LINUX_CAPABILITY_VERSION_1 ? 12 : 24;
	if (tracee_read(call->tid, call->args[1], data, size) < 0)
		return;
	uint64_t raised = (data[2] | (uint64_t)data[5] << 32) & ~call->creds->inheritable;
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (raised & CAP_BIT(cap))
			need_add(needs, CAP_BIT(cap), "inheritable set");
	if (raised & ~call->creds->permitted)
		need_add(needs, CAP_BIT(CAP_SETPCAP), "inheritable set");
	need_kept(needs, data[0] | (uint64_t)data[3] << 32);
}

/* seccomp_prepare_filter(), landlock_restrict_self(2): without no_new_privs. */
static void need_no_new_privs(struct needs *needs)
{
	if (proc_number(needs->call->tid, "NoNewPrivs") == 0)
		need_add(needs, CAP_BIT(CAP_SYS_ADMIN), "without no_new_privs");
}

/*
 * seccomp_prepare_user_filter() reads the program before it asks: libseccomp finds out what the
 * kernel knows by giving none, before it sets no_new_privs.
 */
static void need_filter(struct needs *needs, uint64_t program)
{
	uint64_t words[2]; /* struct sock_fprog */

	if (!call_words(needs->call, program, words, ARRAY_SIZE(words)))
		return;
	if ((uint16_t)words[0] > 0 && (uint16_t)words[0] <= BPF_MAXINSNS)
		need_no_new_privs(needs);
}

void rule_filter(struct needs *needs)
{
	const struct call *call = needs->call;

	if (strcmp(call->name, "seccomp") != 0)
		need_no_new_privs(needs);
	else if (call_u32(call, 0) == 1 /* SET_MODE_FILTER */)
		need_filter(needs, call->args[2]);
}

/*
 * SECURE_ALL_UNPRIVILEGED and their locks (Linux 6.14): the thread may set these alone. Others that
 * it has already are not seen here.
 */
static uint64_t unprivileged_securebits(void)
{
	return kernel_is(6, 14) ? 0xf00 : 0;
}

/* cap_task_prctl() in security/commoncap.c, prctl(2) in kernel/sys.c. */
void rule_prctl(struct needs *needs)
{
	const struct call *call = needs->call;

	switch (call_int(call, 0)) {
	case PR_CAPBSET_DROP:
		need_add(needs, CAP_BIT(CAP_SETPCAP), "PR_CAPBSET_DROP");
		return;
	case PR_SET_SECUREBITS:
		if (!call->args[1] || call->args[1] & ~unprivileged_securebits())
			need_add(needs, CAP_BIT(CAP_SETPCAP), "PR_SET_SECUREBITS");
		return;
	case PR_CAP_AMBIENT: /* out of the permitted and the inheritable set */
		if (call->args[1] == PR_CAP_AMBIENT_RAISE && call->args[2] <= CAP_LAST_CAP)
			need_add(needs, CAP_BIT(call->args[2]), "ambient set");
		return;
	case PR_SET_MM: /* prctl_set_mm(); a map needs nothing */
		if (call->args[1] != PR_SET_MM_MAP && call->args[1] != PR_SET_MM_MAP_SIZE)
			need_add(needs, CAP_BIT(CAP_SYS_RESOURCE), "PR_SET_MM");
		return;
	case PR_SET_IO_FLUSHER:
	case PR_SET_IO_FLUSHER + 1: /* PR_GET_IO_FLUSHER */
		need_add(needs, CAP_BIT(CAP_SYS_RESOURCE), "PR_SET_IO_FLUSHER");
		return;
	case PR_SET_SECCOMP:
		if (call->args[1] == 2) /* SECCOMP_MODE_FILTER */
			need_filter(needs, call->args[2]);
		return;
	default:
		return;
	}
}

pid_t thread_target(const struct call *call, int pid)
{
	return pid == 0 ? call->tid : call_target(call, pid);
}

static bool read_limit(const struct call *call, uint64_t address, bool is_64bit, uint64_t *ret_hard)
{
	uint64_t words[2];

	if (is_64bit ? tracee_read(call->tid, address, words, sizeof words) < 0
		     : !call_words(call, address, words, 2))
		return false;
	*ret_hard = words[1];
	/* COMPAT_RLIM_INFINITY */
	if (!is_64bit && call->abi->word == 4 && *ret_hard == UINT32_MAX)
		*ret_hard = RLIM_INFINITY;
	return true;
}

/* do_prlimit() and check_prlimit_permission() in kernel/sys.c. */
void rule_setrlimit(struct needs *needs)
{
	const struct call *call = needs->call;
	bool with_pid = strcmp(call->name, "prlimit64") == 0;
	int first = with_pid ? 1 : 0;
	pid_t target = with_pid ? thread_target(call, call_int(call, 0)) : call->tid;
	struct creds its = { .groups = NULL };
	struct rlimit old;
	uint64_t hard;

	if (with_pid && target != call->tid && target_creds(target, &its)) {
		if (!same_ids(&its, call->creds->ruid, call->creds->rgid))
			need_add(needs, CAP_BIT(CAP_SYS_RESOURCE), "another user's process");
		creds_release(&its);
	}
	if (!target || !call->args[first + 1] ||
	    !read_limit(call, call->args[first + 1], with_pid, &hard) ||
	    prlimit(target, (enum __rlimit_resource)call_int(call, first), NULL, &old) < 0)
		return;
	if (hard > old.rlim_max)
		need_add(needs, CAP_BIT(CAP_SYS_RESOURCE), "a higher hard limit");
}
