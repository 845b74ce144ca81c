#include <observe/capable_rules.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <whittle/file.h>

/* Sorted by name. Names with 32, 64 and the old 16-bit ids share a rule. */
const struct rule_row capable_rules[] = {
	{ "access", rule_access },
	{ "adjtimex", rule_adjtimex },
	{ "bind", rule_bind },
	{ "bpf", rule_bpf },
	{ "capset", rule_capset },
	{ "chdir", rule_chdir },
	{ "chmod", rule_chmod },
	{ "chown", rule_chown },
	{ "chown32", rule_chown },
	{ "chroot", rule_chroot },
	{ "clock_adjtime", rule_adjtimex },
	{ "clock_adjtime64", rule_adjtimex },
	{ "clock_settime", rule_clock_settime },
	{ "clock_settime64", rule_clock_settime },
	{ "clone", rule_clone },
	{ "clone3", rule_clone3 },
	{ "connect", rule_connect },
	{ "creat", rule_open },
	{ "execve", rule_exec },
	{ "execveat", rule_exec },
	{ "faccessat", rule_access },
	{ "faccessat2", rule_access },
	{ "fallocate", rule_truncate },
	{ "fanotify_init", rule_fanotify_init },
	{ "fanotify_mark", rule_fanotify_mark },
	{ "fchdir", rule_chdir },
	{ "fchmod", rule_chmod },
	{ "fchmodat", rule_chmod },
	{ "fchmodat2", rule_chmod },
	{ "fchown", rule_chown },
	{ "fchown32", rule_chown },
	{ "fchownat", rule_chown },
	{ "fcntl", rule_fcntl },
	{ "fcntl64", rule_fcntl },
	{ "fgetxattr", rule_xattr },
	{ "flistxattr", rule_listxattr },
	{ "fremovexattr", rule_xattr },
	{ "fsconfig", rule_fsconfig },
	{ "fsetxattr", rule_xattr },
	{ "ftruncate", rule_truncate },
	{ "ftruncate64", rule_truncate },
	{ "futimesat", rule_utimes },
	{ "get_robust_list", rule_process_vm },
	{ "getsockopt", rule_getsockopt },
	{ "getxattr", rule_xattr },
	{ "getxattrat", rule_xattr },
	{ "inotify_add_watch", rule_inotify_add_watch },
	{ "ioctl", rule_ioctl },
	{ "ioperm", rule_io_port },
	{ "iopl", rule_io_port },
	{ "ioprio_set", rule_ioprio_set },
	{ "kcmp", rule_kcmp },
	{ "keyctl", rule_keyctl },
	{ "kill", rule_kill },
	{ "landlock_restrict_self", rule_filter },
	{ "lchown", rule_chown },
	{ "lchown32", rule_chown },
	{ "lgetxattr", rule_xattr },
	{ "link", rule_link },
	{ "linkat", rule_link },
	{ "listxattr", rule_listxattr },
	{ "listxattrat", rule_listxattr },
	{ "llistxattr", rule_listxattr },
	{ "lremovexattr", rule_xattr },
	{ "lsetxattr", rule_xattr },
	{ "mbind", rule_move_all },
	{ "migrate_pages", rule_process_vm },
	{ "mkdir", rule_create },
	{ "mkdirat", rule_create },
	{ "mknod", rule_mknod },
	{ "mknodat", rule_mknod },
	{ "mlock", rule_mlock },
	{ "mlock2", rule_mlock },
	{ "mlockall", rule_mlockall },
	{ "mmap", rule_mmap },
	{ "mmap2", rule_mmap },
	{ "mount", rule_mount },
	{ "move_pages", rule_move_all },
	{ "mq_open", rule_mq_open },
	{ "msgctl", rule_sysvipc },
	{ "msgget", rule_sysvipc },
	{ "msgrcv", rule_sysvipc },
	{ "msgsnd", rule_sysvipc },
	{ "nice", rule_nice },
	{ "open", rule_open },
	{ "open_tree", rule_open_tree },
	{ "open_tree_attr", rule_open_tree },
	{ "openat", rule_open },
	{ "openat2", rule_open },
	{ "perf_event_open", rule_perf_event_open },
	{ "pidfd_getfd", rule_pidfd_getfd },
	{ "pidfd_send_signal", rule_kill },
	{ "prctl", rule_prctl },
	{ "prlimit64", rule_setrlimit },
	{ "process_madvise", rule_process_madvise },
	{ "process_vm_readv", rule_process_vm },
	{ "process_vm_writev", rule_process_vm },
	{ "ptrace", rule_ptrace },
	{ "quotactl", rule_quotactl },
	{ "quotactl_fd", rule_quotactl },
	{ "readlink", rule_readlink },
	{ "readlinkat", rule_readlink },
	{ "removexattr", rule_xattr },
	{ "removexattrat", rule_xattr },
	{ "rename", rule_rename },
	{ "renameat", rule_rename },
	{ "renameat2", rule_rename },
	{ "rmdir", rule_delete },
	{ "rt_sigqueueinfo", rule_kill },
	{ "rt_tgsigqueueinfo", rule_kill },
	{ "sched_setaffinity", rule_sched_setaffinity },
	{ "sched_setattr", rule_sched_setattr },
	{ "sched_setparam", rule_sched_setattr },
	{ "sched_setscheduler", rule_sched_setattr },
	{ "seccomp", rule_filter },
	{ "semctl", rule_sysvipc },
	{ "semget", rule_sysvipc },
	{ "semop", rule_sysvipc },
	{ "semtimedop", rule_sysvipc },
	{ "semtimedop_time64", rule_sysvipc },
	{ "send", rule_sendto },
	{ "sendmmsg", rule_sendmsg },
	{ "sendmsg", rule_sendmsg },
	{ "sendto", rule_sendto },
	{ "setfsgid", rule_setfsid },
	{ "setfsgid32", rule_setfsid },
	{ "setfsuid", rule_setfsid },
	{ "setfsuid32", rule_setfsid },
	{ "setgid", rule_setid },
	{ "setgid32", rule_setid },
	{ "setns", rule_setns },
	{ "setpriority", rule_setpriority },
	{ "setregid", rule_setreid },
	{ "setregid32", rule_setreid },
	{ "setresgid", rule_setresid },
	{ "setresgid32", rule_setresid },
	{ "setresuid", rule_setresid },
	{ "setresuid32", rule_setresid },
	{ "setreuid", rule_setreid },
	{ "setreuid32", rule_setreid },
	{ "setrlimit", rule_setrlimit },
	{ "setsockopt", rule_setsockopt },
	{ "setuid", rule_setid },
	{ "setuid32", rule_setid },
	{ "setxattr", rule_xattr },
	{ "setxattrat", rule_xattr },
	{ "shmat", rule_sysvipc },
	{ "shmctl", rule_sysvipc },
	{ "shmget", rule_sysvipc },
	{ "socket", rule_socket },
	{ "symlink", rule_create },
	{ "symlinkat", rule_create },
	{ "syslog", rule_syslog },
	{ "tgkill", rule_kill },
	{ "timer_create", rule_clock },
	{ "timerfd_create", rule_clock },
	{ "tkill", rule_kill },
	{ "truncate", rule_truncate },
	{ "truncate64", rule_truncate },
	{ "umount", rule_umount },
	{ "umount2", rule_umount },
	{ "unlink", rule_delete },
	{ "unlinkat", rule_delete },
	{ "unshare", rule_clone },
	{ "uselib", rule_exec },
	{ "userfaultfd", rule_userfaultfd },
	{ "utime", rule_utimes },
	{ "utimensat", rule_utimes },
	{ "utimensat_time64", rule_utimes },
	{ "utimes", rule_utimes },
};

const size_t capable_rule_count = ARRAY_SIZE(capable_rules);

const struct always_row capable_always[] = {
#include "capable.inc"
};
const size_t capable_always_count = ARRAY_SIZE(capable_always);

/* By number (linux/capability.h), without the prefix. */
static const char *const names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

/* Of alternatives the broad ones come last: who takes the first takes the least. */
static const uint64_t broad =
	CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_SYS_ADMIN);

static void add_names(uint64_t mask, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (mask & CAP_BIT(i))
			buf_addf(out, "%sCAP_%s", out->length ? "|" : "", names[i]);
}

void capable_names(uint64_t any_of, struct buf *out)
{
	AUTO_BUF struct buf text = BUF_INIT;

	add_names(any_of & ~broad, &text);
	add_names(any_of & broad, &text);
	buf_adds(out, buf_text(&text));
}

uint64_t capable_parse(const char *text)
{
	uint64_t mask = 0;

	while (*text) {
		size_t length = strcspn(text, "|"), i = 0;

		while (i < ARRAY_SIZE(names) &&
		       (strlen(names[i]) != length || strncmp(names[i], text, length) != 0))
			i++;
		if (i == ARRAY_SIZE(names))
			return 0;
		mask |= CAP_BIT(i);
		text += length + (text[length] == '|');
	}
	return mask;
}

static void add(struct needs *needs, uint64_t any_of, bool bounding, const char *object)
{
	for (size_t i = 0; i < needs->count; i++)
		if (needs->rows[i].any_of == any_of && needs->rows[i].bounding == bounding)
			return;
	if (needs->count == CAPABLE_MAX)
		return;
	needs->rows[needs->count++] =
		(struct capable_need){ any_of, bounding, xstrdup(object ? object : "") };
}

void need_add(struct needs *needs, uint64_t any_of, const char *object)
{
	add(needs, any_of, false, object);
}

void need_bounding(struct needs *needs, int cap, const char *object)
{
	add(needs, CAP_BIT(cap), true, object);
}

int call_int(const struct call *call, int index)
{
	return (int)call->args[index];
}

uint32_t call_u32(const struct call *call, int index)
{
	return (uint32_t)call->args[index];
}

/* low2highuid() of include/linux/highuid.h; calls with a directory took 32 bits from the start. */
uint32_t call_id(const struct call *call, int index)
{
	uint32_t id = call_u32(call, index);
	size_t length = strlen(call->name);

	if (!(call->abi->quirks & ABI_UID16) || strcmp(call->name, "fchownat") == 0 ||
	    (length > 2 && strcmp(call->name + length - 2, "32") == 0))
		return id;
	return (uint16_t)id == UINT16_MAX ? UINT32_MAX : (uint16_t)id;
}

const struct path *call_path(const struct call *call, size_t index)
{
	return index < call->path_count ? &call->paths[index] : NULL;
}

bool call_words(const struct call *call, uint64_t address, uint64_t *ret_words, size_t count)
{
	uint32_t narrow[16];

	if (call->abi->word == sizeof *ret_words)
		return tracee_read(call->tid, address, ret_words, count * sizeof *ret_words) == 0;
	if (count > ARRAY_SIZE(narrow) ||
	    tracee_read(call->tid, address, narrow, count * sizeof *narrow) < 0)
		return false;
	for (size_t i = 0; i < count; i++)
		ret_words[i] = narrow[i];
	return true;
}

long sysctl_number(const char *path, long otherwise)
{
	AUTO_FREE char *text = file_read_line(path);
	char *end;

	if (!text)
		return otherwise;
	long number = strtol(text, &end, 10);
	return end == text ? otherwise : number;
}

uint64_t call_limit(const struct call *call, int resource)
{
	struct rlimit limit;

	if (prlimit(call->tid, (enum __rlimit_resource)resource, NULL, &limit) < 0)
		return RLIM_INFINITY;
	return limit.rlim_cur;
}

pid_t call_target(const struct call *call, int64_t pid)
{
	AUTO_FREE char *status = proc_status(call->tid);
	const char *ids = status ? proc_field(status, "NSpid") : NULL;

	if (pid <= 0 || pid > INT32_MAX || !ids)
		return 0;
	bool inner = ids[strspn(ids, "0123456789")] == '\t';
	return inner ? pid_in_namespace_of(call->tid, (pid_t)pid) : (pid_t)pid;
}

void each_process(void (*visit)(void *context, pid_t pid), void *context)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0)
			visit(context, (pid_t)pid);
	}
	if (proc)
		closedir(proc);
}

bool kernel_is(unsigned int version, unsigned int patch)
{
	struct utsname kernel;
	unsigned int its = 0, its_patch = 0;

	if (uname(&kernel) < 0 || sscanf(kernel.release, "%u.%u", &its, &its_patch) != 2)
		return false;
	return its > version || (its == version && its_patch >= patch);
}

dev_t task_terminal(pid_t tid)
{
	char name[32];
	unsigned int device = 0;

	snprintf(name, sizeof name, "/proc/%d/stat", tid);
	AUTO_FREE char *stat = file_read_line(name);
	const char *behind = stat ? strrchr(stat, ')') : NULL;
	if (!behind || sscanf(behind, ") %*c %*d %*d %*d %u", &device) != 1)
		return 0;
	/* new_encode_dev() */
	return makedev(device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00));
}

static int compare_rule(const void *key, const void *element)
{
	return strcmp(key, ((const struct rule_row *)element)->name);
}

static int compare_always(const void *key, const void *element)
{
	return strcmp(key, ((const struct always_row *)element)->name);
}

static const struct rule_row *find_rule(const char *name)
{
	return bsearch(name, capable_rules, capable_rule_count, sizeof *capable_rules,
		       compare_rule);
}

static const struct always_row *find_always(const char *name)
{
	return bsearch(name, capable_always, capable_always_count, sizeof *capable_always,
		       compare_always);
}

bool capable_has_rule(const char *name)
{
	return find_rule(name) || find_always(name);
}

size_t capable_needs(const struct call *call, struct capable_need needs[CAPABLE_MAX])
{
	struct needs found = { call, needs, 0 };
	const struct rule_row *rule;
	const struct always_row *row;

	if (call->creds->foreign_userns) { /* what it holds there is not the host's */
		need_root_map(&found);
		return found.count;
	}
	need_searches(&found);
	rule = find_rule(call->name);
	if (rule)
		rule->rule(&found);
	row = find_always(call->name);
	if (row)
		need_add(&found, capable_parse(row->capabilities),
			 call->path_count ? call->paths[call->path_count - 1].name : NULL);
	return found.count;
}

void capable_release(struct capable_need *needs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(needs[i].object);
}
