/* Everything else: namespaces, memory, System V IPC, time, BPF, perf, ioctl(2). */
#include <observe/capable_rules.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/fs.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <whittle/file.h>

#define SYS_ADMIN CAP_BIT(CAP_SYS_ADMIN)

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
static const uint64_t namespaces =
	CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP;

/* copy_namespaces(), unshare_nsproxy_namespaces(): in a new user namespace they are free. */
static void need_namespaces(struct needs *needs, uint64_t flags)
{
	if (flags & namespaces && !(flags & CLONE_NEWUSER))
		need_add(needs, SYS_ADMIN, "new namespaces");
}

/* clone(2) and unshare(2); in clone's flags the lowest byte is a signal, so no CLONE_NEWTIME. */
void rule_clone(struct needs *needs)
{
	const struct call *call = needs->call;
	uint64_t flags = call->args[0];

	if (strcmp(call->name, "unshare") == 0 && flags & CLONE_NEWTIME)
		flags |= CLONE_NEWUTS;
	need_namespaces(needs, flags);
}

/* copy_clone_args_from_user(), alloc_pid(): set_tid */
void rule_clone3(struct needs *needs)
{
	const struct call *call = needs->call;
	struct clone_args args = { 0 };
	uint64_t size = call->args[1] < sizeof args ? call->args[1] : sizeof args;

	if (tracee_read(call->tid, call->args[0], &args, size) < 0)
		return;
	need_namespaces(needs, args.flags);
	if (args.set_tid_size)
		need_add(needs, CAP_BIT(CAP_CHECKPOINT_RESTORE) | SYS_ADMIN, "set_tid");
}

/* mntns_install() and the others' install(); validate_nsset() for a pidfd */
void rule_setns(struct needs *needs)
{
	const struct call *call = needs->call;
	AUTO_BUF struct buf target = BUF_INIT;
	char link[32];

	snprintf(link, sizeof link, "fd/%d", call_int(call, 0));
	if (tracee_read_link(call->tid, link, &target) < 0)
		return;
	const char *text = buf_text(&target);
	need_add(needs, SYS_ADMIN, "a namespace");
	if (strncmp(text, "mnt:", 4) == 0 ||
	    (strchr(text, ':') == NULL && call->args[1] & CLONE_NEWNS))
		need_add(needs, CAP_BIT(CAP_SYS_CHROOT), "a mount namespace");
}

/* open_tree(2): only a clone is a mount (may_mount() in fs/namespace.c) */
void rule_open_tree(struct needs *needs)
{
	if (needs->call->args[2] & 1 /* OPEN_TREE_CLONE */)
		need_add(needs, SYS_ADMIN, "a clone of a mount");
}

/* check_quotactl_permission() in fs/quota/quota.c */
void rule_quotactl(struct needs *needs)
{
	const struct call *call = needs->call;
	bool by_fd = strcmp(call->name, "quotactl_fd") == 0;
	uint32_t command = call_u32(call, by_fd ? 1 : 0), id = call_u32(call, by_fd ? 2 : 2);
	uint32_t type = command & 0xff;

	switch (command >> 8) {
	case Q_GETFMT:
	case Q_SYNC:
	case Q_GETINFO:
	case 0x5805: /* Q_XGETQSTAT */
	case 0x5807: /* Q_XQUOTASYNC */
	case 0x5808: /* Q_XGETQSTATV */
		return;
	case Q_GETQUOTA:
	case 0x5803: /* Q_XGETQUOTA */
		if ((type == USRQUOTA && id == call->creds->euid) ||
		    (type == GRPQUOTA && creds_in_group(call->creds, id)))
			return;
		break;
	default:
		break;
	}
	need_add(needs, SYS_ADMIN, "quotas");
}

/* can_do_mlock(), do_mlock() in mm/mlock.c: beyond the limit. */
static void need_locked(struct needs *needs, uint64_t length)
{
	const struct call *call = needs->call;
	uint64_t limit = call_limit(call, RLIMIT_MEMLOCK);
	int64_t locked = proc_number(call->tid, "VmLck");
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (limit == RLIM_INFINITY || locked < 0)
		return;
	length = (length + page - 1) / page;
	if (length + (uint64_t)locked * 1024 / page > limit / page)
		need_add(needs, CAP_BIT(CAP_IPC_LOCK), "locked memory");
}

void rule_mlock(struct needs *needs)
{
	need_locked(needs, needs->call->args[1]);
}

/* mlockall(2): all there is, unless only for the future */
void rule_mlockall(struct needs *needs)
{
	const struct call *call = needs->call;
	uint64_t limit = call_limit(call, RLIMIT_MEMLOCK);
	int64_t size = proc_number(call->tid, "VmSize");

	if (!limit || (call->args[0] & MCL_CURRENT && size >= 0 && (uint64_t)size * 1024 > limit))
		need_add(needs, CAP_BIT(CAP_IPC_LOCK), "locked memory");
}

/* do_mmap(): MAP_LOCKED */
void rule_mmap(struct needs *needs)
{
	if (needs->call->args[3] & MAP_LOCKED)
		need_locked(needs, needs->call->args[1]);
}

/* ---- System V IPC ---- */

struct ipc_object {
	uint32_t key, id, mode, uid, gid, cuid, cgid;
};

/*
 * The object by id, or by key, of /proc/sysvipc/KIND. The lines differ in what stands between the
 * mode and the ids: sizes and pids, of which there are skip.
 */
static bool find_ipc(const char *file, int skip, bool by_key, uint32_t wanted,
		     struct ipc_object *ret)
{
	AUTO_FREE char *text = NULL;
	size_t length;
	struct error err;

	if (file_read(AT_FDCWD, file, 64 << 20, &text, &length, &err) < 0)
		return false;
	for (char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
		char *at = line + 1;
		struct ipc_object perm;

		perm.key = (uint32_t)strtol(at, &at, 10);
		perm.id = (uint32_t)strtol(at, &at, 10);
		perm.mode = (uint32_t)strtoul(at, &at, 8);
		for (int i = 0; i < skip; i++)
			strtoull(at, &at, 10);
		perm.uid = (uint32_t)strtoul(at, &at, 10);
		perm.gid = (uint32_t)strtoul(at, &at, 10);
		perm.cuid = (uint32_t)strtoul(at, &at, 10);
		perm.cgid = (uint32_t)strtoul(at, &at, 10);
		if ((by_key ? perm.key : perm.id) == wanted) {
			*ret = perm;
			return true;
		}
	}
	return false;
}

/* ipcperms() in ipc/util.c */
static void need_ipc(struct needs *needs, const struct ipc_object *perm, unsigned int flag)
{
	const struct creds *creds = needs->call->creds;
	unsigned int wanted = (flag >> 6 | flag >> 3 | flag) & 7, granted = perm->mode;

	if (creds->euid == perm->uid || creds->euid == perm->cuid)
		granted >>= 6;
	else if (creds_in_group(creds, perm->gid) || creds_in_group(creds, perm->cgid))
		granted >>= 3;
	if (wanted & ~granted)
		need_add(needs, CAP_BIT(CAP_IPC_OWNER), "an IPC object");
}

/* ipcctl_obtain_check() in ipc/util.c */
static void need_ipc_owner(struct needs *needs, const struct ipc_object *perm)
{
	uid_t euid = needs->call->creds->euid;

	if (euid != perm->uid && euid != perm->cuid)
		need_add(needs, SYS_ADMIN, "another user's IPC object");
}

/* What a call wants of its object. */
struct ipc_row {
	const char *name;
	const char *file;
	int skip;
	enum { IPC_GET, IPC_CONTROL, IPC_READ, IPC_WRITE, IPC_ATTACH, IPC_OPERATE } how;
	int flags; /* index of the argument with flags or the command; semop: of the operations */
};
static const struct ipc_row ipc_rows[] = {
	{ "msgctl", "/proc/sysvipc/msg", 4, IPC_CONTROL, 1 },
	{ "msgget", "/proc/sysvipc/msg", 4, IPC_GET, 1 },
	{ "msgrcv", "/proc/sysvipc/msg", 4, IPC_READ, 0 },
	{ "msgsnd", "/proc/sysvipc/msg", 4, IPC_WRITE, 0 },
	{ "semctl", "/proc/sysvipc/sem", 1, IPC_CONTROL, 2 },
	{ "semget", "/proc/sysvipc/sem", 1, IPC_GET, 2 },
	{ "semop", "/proc/sysvipc/sem", 1, IPC_OPERATE, 1 },
	{ "semtimedop", "/proc/sysvipc/sem", 1, IPC_OPERATE, 1 },
	{ "shmat", "/proc/sysvipc/shm", 4, IPC_ATTACH, 2 },
	{ "shmctl", "/proc/sysvipc/shm", 4, IPC_CONTROL, 1 },
	{ "shmget", "/proc/sysvipc/shm", 4, IPC_GET, 2 },
};

/* shmctl(2): SHM_LOCK also by the owner, within the limit (shmctl_do_lock()) */
static void need_control(struct needs *needs, const struct ipc_object *perm, uint32_t command)
{
	command &= ~(uint32_t)0x100; /* IPC_64 */
	switch (command) {
	case IPC_SET:
	case IPC_RMID:
		need_ipc_owner(needs, perm);
		return;
	case SHM_LOCK:
	case SHM_UNLOCK:
		/* the numbers are semctl's GETPID and GETVAL too */
		if (needs->call->name[1] != 'h')
			break;
		if (needs->call->creds->euid != perm->uid && needs->call->creds->euid != perm->cuid)
			need_add(needs, CAP_BIT(CAP_IPC_LOCK), "another user's shared memory");
		return;
	case SETVAL:
	case SETALL:
		need_ipc(needs, perm, 0222);
		return;
	default:
		break;
	}
	need_ipc(needs, perm, 0444);
}

/* do_semtimedop(): operations that alter want write, others read */
static bool alters(const struct call *call)
{
	struct sembuf operations[64];
	size_t count =
		call->args[2] < ARRAY_SIZE(operations) ? call->args[2] : ARRAY_SIZE(operations);

	if (tracee_read(call->tid, call->args[1], operations, count * sizeof *operations) < 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (operations[i].sem_op)
			return true;
	return false;
}

void rule_sysvipc(struct needs *needs)
{
	const struct call *call = needs->call;
	const struct ipc_row *row = ipc_rows;
	struct ipc_object perm;

	/* semtimedop_time64 is semtimedop */
	while (strncmp(row->name, call->name, strlen(row->name)) != 0)
		if (++row == ipc_rows + ARRAY_SIZE(ipc_rows))
			return;
	uint32_t flags = call_u32(call, row->flags);
	if (strcmp(row->name, "shmget") == 0 && flags & SHM_HUGETLB)
		need_add(needs, CAP_BIT(CAP_IPC_LOCK), "SHM_HUGETLB"); /* can_do_hugetlb_shm() */
	if (row->how == IPC_GET && call_u32(call, 0) == IPC_PRIVATE)
		return;
	if (!find_ipc(row->file, row->skip, row->how == IPC_GET, call_u32(call, 0), &perm))
		return;
	if (row->how == IPC_CONTROL)
		need_control(needs, &perm, flags);
	else if (row->how == IPC_GET)
		need_ipc(needs, &perm, flags & 0777);
	else if (row->how == IPC_ATTACH) /* do_shmat() */
		need_ipc(needs, &perm,
			 (flags & SHM_RDONLY ? 0444u : 0666u) | (flags & SHM_EXEC ? 0111u : 0));
	else
		need_ipc(needs, &perm,
			 row->how == IPC_READ || (row->how == IPC_OPERATE && !alters(call)) ? 0444
											    : 0222);
}

/* ---- time, logs, tracing ---- */

/* timekeeping_validate_timex(), process_adjtimex_modes() */
void rule_adjtimex(struct needs *needs)
{
	const struct call *call = needs->call;
	uint32_t modes;

	if (tracee_read(call->tid, call->args[strncmp(call->name, "clock", 5) == 0 ? 1 : 0], &modes,
			sizeof modes) < 0)
		return;
	bool reads = modes & 0x8000 /* ADJ_ADJTIME */ ? (modes & 0x2000) != 0 : modes == 0;
	if (!reads)
		need_add(needs, CAP_BIT(CAP_SYS_TIME), "the clock");
}

/* settimeofday(2): with neither it does nothing */
void rule_settimeofday(struct needs *needs)
{
	if (needs->call->args[0] || needs->call->args[1])
		need_add(needs, CAP_BIT(CAP_SYS_TIME), "the clock");
}

/* alarmtimer_permission: timerfd_create(2), alarm_timer_create(), alarm_timer_nsleep() */
void rule_clock(struct needs *needs)
{
	int clock = call_int(needs->call, 0);

	if (clock == 8 || clock == 9) /* CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM */
		need_add(needs, CAP_BIT(CAP_WAKE_ALARM), "an alarm clock");
}

/* check_syslog_permissions() in kernel/printk/printk.c */
void rule_syslog(struct needs *needs)
{
	int type = call_int(needs->call, 0);
	bool open = type == 3 || type == 10; /* SYSLOG_ACTION_READ_ALL, _SIZE_BUFFER */

	if (!open || sysctl_number("/proc/sys/kernel/dmesg_restrict", 0))
		need_add(needs, CAP_BIT(CAP_SYSLOG), "the kernel log");
}

/* bpf_prog_load(), map_create(), bpf_*_by_id() in kernel/bpf/syscall.c */
void rule_bpf(struct needs *needs)
{
	const struct call *call = needs->call;
	static const uint64_t bpf = CAP_BIT(CAP_BPF) | SYS_ADMIN;
	static const uint32_t tracing[] = {
		BPF_PROG_TYPE_KPROBE,     BPF_PROG_TYPE_TRACEPOINT,
		BPF_PROG_TYPE_PERF_EVENT, BPF_PROG_TYPE_RAW_TRACEPOINT,
		BPF_PROG_TYPE_TRACING,    BPF_PROG_TYPE_LSM,
		BPF_PROG_TYPE_EXT,        BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE
	};
	static const uint32_t neutral[] = { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_CGROUP_SKB,
					    BPF_PROG_TYPE_SYSCALL };
	uint32_t type = 0;

	switch (call_int(call, 0)) {
	case BPF_PROG_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
	case BPF_BTF_GET_NEXT_ID:
	case BPF_LINK_GET_NEXT_ID:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
	case BPF_TASK_FD_QUERY:
		need_add(needs, SYS_ADMIN, "BPF objects by id");
		return;
	case BPF_MAP_CREATE:
	case BPF_BTF_LOAD:
		if (sysctl_number("/proc/sys/kernel/unprivileged_bpf_disabled", 2))
			need_add(needs, bpf, "a BPF map");
		return;
	case BPF_PROG_LOAD:
		break;
	default:
		return;
	}
	if (sysctl_number("/proc/sys/kernel/unprivileged_bpf_disabled", 2))
		need_add(needs, bpf, "a BPF program");
	if (tracee_read(call->tid, call->args[1], &type, sizeof type) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(neutral); i++)
		if (type == neutral[i])
			return;
	for (size_t i = 0; i < ARRAY_SIZE(tracing); i++)
		if (type == tracing[i]) {
			need_add(needs, CAP_BIT(CAP_PERFMON) | SYS_ADMIN, "a tracing program");
			return;
		}
	need_add(needs, CAP_BIT(CAP_NET_ADMIN) | SYS_ADMIN, "a network program");
}

/* perf_event_open(2), perf_allow_{kernel,cpu,tracepoint}(); 3 is a patch of Debian's */
void rule_perf_event_open(struct needs *needs)
{
	const struct call *call = needs->call;
	long paranoid = sysctl_number("/proc/sys/kernel/perf_event_paranoid", 2);
	struct perf_event_attr attr = { 0 };

	if (tracee_read(call->tid, call->args[0], &attr, PERF_ATTR_SIZE_VER0) < 0)
		return;
	if (paranoid > 2 || (!attr.exclude_kernel && paranoid > 1) ||
	    (call_int(call, 1) == -1 && paranoid > 0) ||
	    (attr.type == PERF_TYPE_TRACEPOINT && paranoid > -1 &&
	     attr.sample_type & PERF_SAMPLE_RAW))
		need_add(needs, CAP_BIT(CAP_PERFMON) | SYS_ADMIN, "performance events");
}

/* fanotify_init(2): without it only events with file ids */
void rule_fanotify_init(struct needs *needs)
{
	uint32_t flags = call_u32(needs->call, 0);
	uint32_t admin = FAN_CLASS_CONTENT | FAN_CLASS_PRE_CONTENT | FAN_UNLIMITED_QUEUE |
			 FAN_UNLIMITED_MARKS | FAN_ENABLE_AUDIT | 0x80 | FAN_REPORT_TID;
	uint32_t ids = FAN_REPORT_FID | FAN_REPORT_DIR_FID | FAN_REPORT_NAME | 0x1000;

	if (flags & admin || !(flags & ids))
		need_add(needs, SYS_ADMIN, "fanotify");
}

/* userfaultfd_syscall_allowed() in fs/userfaultfd.c */
void rule_userfaultfd(struct needs *needs)
{
	if (!(needs->call->args[0] & 1 /* UFFD_USER_MODE_ONLY */) &&
	    !sysctl_number("/proc/sys/vm/unprivileged_userfaultfd", 0))
		need_add(needs, CAP_BIT(CAP_SYS_PTRACE), "faults of the kernel");
}

/* ksys_ioperm(), iopl(2) in arch/x86/kernel/ioport.c: giving ports up is free */
void rule_io_port(struct needs *needs)
{
	int index = strcmp(needs->call->name, "ioperm") == 0 ? 2 : 0;

	if (call_int(needs->call, index))
		need_add(needs, CAP_BIT(CAP_SYS_RAWIO), "I/O ports");
}
