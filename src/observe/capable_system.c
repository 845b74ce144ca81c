/* Everything else: quotas, memory, time, logs, keys, ports. */
#include <observe/capable_rules.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <time.h>
#include <whittle/file.h>

#define SYS_ADMIN CAP_BIT(CAP_SYS_ADMIN)

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

/* Loaders map each segment at a fixed address: the file is not read for those of 64 bits. */
static bool is_near_zero(uint64_t address)
{
	return address <= UINT32_MAX &&
	       address < (uint64_t)sysctl_number("/proc/sys/vm/mmap_min_addr", 65536);
}

/* do_mmap(): MAP_LOCKED; cap_mmap_addr() in security/commoncap.c: addresses near 0 */
void rule_mmap(struct needs *needs)
{
	const struct call *call = needs->call;

	if (call->args[3] & MAP_LOCKED)
		need_locked(needs, call->args[1]);
	if (call->args[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE) && is_near_zero(call->args[0]))
		need_add(needs, CAP_BIT(CAP_SYS_RAWIO), "an address near 0");
}

/* ---- time, logs, tracing ---- */

/* posix_clocks[] in kernel/time/posix-timers.c: others cannot be set, or ask by a descriptor. */
static bool is_settable(int clock)
{
	return clock == CLOCK_REALTIME || (clock >= 16 && clock < 24); /* CLOCK_AUX */
}

/* posix_clock_realtime_set(), aux_clock_set() */
void rule_clock_settime(struct needs *needs)
{
	if (is_settable(call_int(needs->call, 0)))
		need_add(needs, CAP_BIT(CAP_SYS_TIME), "the clock");
}

/* timekeeping_validate_timex(), process_adjtimex_modes() */
void rule_adjtimex(struct needs *needs)
{
	const struct call *call = needs->call;
	bool by_clock = strncmp(call->name, "clock", 5) == 0;
	uint32_t modes;

	if ((by_clock && !is_settable(call_int(call, 0))) ||
	    tracee_read(call->tid, call->args[by_clock ? 1 : 0], &modes, sizeof modes) < 0)
		return;
	bool reads = modes & 0x8000 /* ADJ_ADJTIME */ ? (modes & 0x2000) != 0 : modes == 0;
	if (!reads)
		need_add(needs, CAP_BIT(CAP_SYS_TIME), "the clock");
}

/* alarm_timer_create(): without a clock that can wake the machine the call ends before. */
static bool can_wake(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	timer_t timer;

	if (timer_create(CLOCK_BOOTTIME_ALARM, &none, &timer) == 0)
		return timer_delete(timer) == 0;
	return errno != EOPNOTSUPP;
}

/* timerfd_create(2), timer_create(2) */
void rule_clock(struct needs *needs)
{
	int clock = call_int(needs->call, 0);

	if ((clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM) &&
	    (needs->call->name[5] == 'f' || can_wake()))
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

/* ---- keys ---- */

/* The owner of a key, of those that whittle sees (keyrings(7), /proc/keys); false: none of them. */
static bool key_owner(uint32_t serial, uid_t *ret_uid, gid_t *ret_gid)
{
	AUTO_FREE char *text = NULL;
	size_t length;
	struct error err;
	unsigned int number, uid, gid;

	if (file_read(AT_FDCWD, "/proc/keys", 64 << 20, &text, &length, &err) < 0)
		return false;
	for (const char *line = text; line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (sscanf(line, "%x %*s %*s %*s %*s %u %u", &number, &uid, &gid) == 3 &&
		    number == serial) {
			*ret_uid = uid;
			*ret_gid = gid;
			return true;
		}
	return false;
}

/* keyctl_chown_key() in security/keys/keyctl.c: the owner may give it to a group of its own */
static void need_key_chown(struct needs *needs, uint32_t serial, uint32_t uid, uint32_t gid)
{
	const struct creds *creds = needs->call->creds;
	uid_t old_uid = creds->fsuid;
	gid_t old_gid = creds->fsgid;

	key_owner(serial, &old_uid, &old_gid);
	if ((uid != UINT32_MAX && uid != old_uid) ||
	    (gid != UINT32_MAX && gid != old_gid && !creds_in_group(creds, gid)))
		need_add(needs, SYS_ADMIN, "the owner of a key");
}

/* keyctl(2): keyctl_setperm_key(), keyctl_get_persistent() */
void rule_keyctl(struct needs *needs)
{
	const struct call *call = needs->call;
	uint32_t id = call_u32(call, 1);
	uid_t uid = call->creds->fsuid;
	gid_t gid;

	switch (call_int(call, 0)) {
	case KEYCTL_CHOWN:
		need_key_chown(needs, id, call_u32(call, 2), call_u32(call, 3));
		return;
	case KEYCTL_SETPERM:
		if (key_owner(id, &uid, &gid) && uid != call->creds->fsuid)
			need_add(needs, SYS_ADMIN, "another user's key");
		return;
	case KEYCTL_GET_PERSISTENT:
		if (id != UINT32_MAX && id != call->creds->ruid && id != call->creds->euid)
			need_add(needs, CAP_BIT(CAP_SETUID), "another user's keyring");
		return;
	default:
		return;
	}
}
