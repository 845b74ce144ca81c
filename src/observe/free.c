/* Which calls may be free: what each may teach, and on which arguments that depends. */
#include <observe/known.h>

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* CLOCK_REALTIME_ALARM and CLOCK_BOOTTIME_ALARM, include/uapi/linux/time.h */
enum { CLOCK_ALARM_1 = 8, CLOCK_ALARM_2 = 9 };

static const unsigned int topic_lessons[TOPICS] = {
	[TOPIC_ACCEPT] = LESSON_PATHS,       [TOPIC_BIND] = LESSON_PATHS | LESSON_LISTEN,
	[TOPIC_CHROOT] = LESSON_PATHS,       [TOPIC_CLONE] = LESSON_PATHS | LESSON_ALWAYS,
	[TOPIC_CLONE3] = LESSON_ALWAYS, /* its flags are in memory */
	[TOPIC_CONNECT] = LESSON_PATHS,      [TOPIC_CREATE] = LESSON_PATHS,
	[TOPIC_EXEC] = LESSON_ALWAYS,        [TOPIC_FCNTL] = LESSON_PATHS,
	[TOPIC_FD] = LESSON_PATHS,           [TOPIC_FLOCK] = LESSON_PATHS,
	[TOPIC_FSOPEN] = LESSON_ALWAYS, /* FUSE: observer->serves_files */
	[TOPIC_IOCTL] = LESSON_PATHS,        [TOPIC_KILL] = LESSON_PATHS,
	[TOPIC_KILL_PIDFD] = LESSON_PATHS,   [TOPIC_KILL_THREAD] = LESSON_PATHS,
	[TOPIC_LINK] = LESSON_PATHS,         [TOPIC_LISTEN] = LESSON_PATHS | LESSON_LISTEN,
	[TOPIC_MMAP] = LESSON_PATHS,         [TOPIC_MOUNT] = LESSON_ALWAYS, /* as fsopen */
	[TOPIC_MOUNT_FD] = LESSON_PATHS,     [TOPIC_MOUNT_PATH] = LESSON_PATHS,
	[TOPIC_MOVE_MOUNT] = LESSON_PATHS,   [TOPIC_MPROTECT] = LESSON_PATHS,
	[TOPIC_MQUEUE] = LESSON_PATHS,       [TOPIC_OPEN] = LESSON_PATHS,
	[TOPIC_PERSONALITY] = LESSON_ALWAYS, /* what is mapped afterwards may be executable */
	[TOPIC_PATH] = LESSON_PATHS,         [TOPIC_PIVOT_ROOT] = LESSON_PATHS,
	[TOPIC_PRCTL] = LESSON_ALWAYS, /* its own filters, no_new_privs */
	[TOPIC_PTRACE] = LESSON_ALWAYS,      [TOPIC_PTRACE_PID] = LESSON_PATHS,
	[TOPIC_PTRACE_PIDFD] = LESSON_PATHS, [TOPIC_RENAME] = LESSON_PATHS,
	[TOPIC_SENDMMSG] = LESSON_PATHS,     [TOPIC_SENDMSG] = LESSON_PATHS,
	[TOPIC_SENDTO] = LESSON_PATHS,       [TOPIC_SETNS] = LESSON_ALWAYS,
	[TOPIC_SOCKET] = LESSON_PATHS,       [TOPIC_UMOUNT] = LESSON_PATHS,
	[TOPIC_UNSHARE] = LESSON_ALWAYS,
};

/*
 * Calls that have to be seen, of topics that say nothing about it: by the engine, by the observer,
 * by who measures what a process had at its end.
 */
static const char *const always[] = { "exit_group", "io_uring_setup", "landlock_restrict_self",
				      "seccomp" };

/*
 * Calls that ask for no capability but those of searching the directories on the way, and for what
 * access(2) asks about: EVENT_ASKED tells of them. Sorted.
 */
static const char *const searches[] = {
	"access", "chdir",   "faccessat",  "faccessat2", "fchdir",  "fstatat64",
	"lstat",  "lstat64", "newfstatat", "oldlstat",   "oldstat", "stat",
	"stat64", "statfs",  "statfs64",   "statx",
};

bool free_is_search(const struct syscall_desc *row)
{
	for (size_t i = 0; i < ARRAY_SIZE(searches); i++)
		if (strcmp(row->name, searches[i]) == 0)
			return true;
	return false;
}

static bool names_path(const struct syscall_desc *row)
{
	for (int i = 0; i < ARGS; i++)
		if (row->args[i] >= ARG_PATH && row->args[i] <= ARG_PATH_OR_NULL)
			return true;
	return false;
}

unsigned int known_lessons(const struct syscall_desc *row)
{
	unsigned int lessons = topic_lessons[row->topic];
	bool looks = row->access == ACCESS_STAT || row->access == ACCESS_CHDIR;

	/* readlink(2) stays: of /proc/PID/exe it is a ptrace "read" (proc_accessed()) */
	if ((row->topic == TOPIC_PATH || row->topic == TOPIC_FD) && looks && !reads_link(row))
		lessons = LESSON_STAT | LESSON_MEET;
	if (row->flags & CREDS || row->args[0] == ARG_CALL)
		lessons |= LESSON_ALWAYS;
	if (row->flags & CAPS && (capable_has_rule(row->name) || names_path(row)))
		lessons |= free_is_search(row) ? LESSON_SEARCH : LESSON_CAPS;
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (strcmp(row->name, always[i]) == 0)
			lessons |= LESSON_ALWAYS;
	return lessons;
}

unsigned int known_wanted(const struct observer *observer, const struct process *process)
{
	bool watched = process ? process->watched : observer->watches;
	unsigned int wanted = LESSON_ALWAYS;

	if (observer->flags & OBSERVE_CAPS && !observer->capless)
		wanted |= watched ? LESSON_CAPS : LESSON_CAPS | LESSON_SEARCH;
	if (observer->flags & OBSERVE_PATHS)
		wanted |= LESSON_PATHS;
	if (observer->flags & OBSERVE_STAT)
		wanted |= LESSON_STAT;
	if (observer->flags & OBSERVE_PATHS && (process ? process->meets : observer->taught_meets))
		wanted |= LESSON_MEET;
	if (!observer->listening)
		wanted |= LESSON_LISTEN;
	return wanted;
}

/* ---- predicates on values ---- */

static bool clock_is_plain(unsigned int wanted, const uint64_t *values)
{
	(void)wanted;
	return values[0] != CLOCK_ALARM_1 && values[0] != CLOCK_ALARM_2; /* rule_clock() */
}

static bool clone_is_plain(unsigned int wanted, const uint64_t *values)
{
	(void)wanted;
	return !(values[0] & (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
			      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_UNTRACED));
}

/* fcntl_leave() and rule_fcntl() */
static bool fcntl_is_plain(unsigned int wanted, const uint64_t *values)
{
	static const uint64_t others[] = {
		F_SETLK,     F_SETLKW,     13 /* F_SETLK64 */, 14 /* F_SETLKW64 */,
		F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE,         F_SETPIPE_SZ,
	};

	(void)wanted;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (values[0] == others[i])
			return false;
	return true;
}

static bool ioctl_is_plain(unsigned int wanted, const uint64_t *values)
{
	if (wanted & LESSON_PATHS && (uint32_t)values[0] == TIOCGPTPEER) /* ioctl_leave() */
		return false;
	return !(wanted & LESSON_CAPS) || !capable_asks_ioctl((uint32_t)values[0]);
}

static bool option_is_plain(unsigned int wanted, const uint64_t *values)
{
	(void)wanted;
	return !capable_asks_option((int)values[0], (int)values[1]);
}

/* mmap_leave() and mprotect_leave() want to know which file may be executed. */
static bool prot_is_plain(unsigned int wanted, const uint64_t *values)
{
	return !(values[0] & PROT_EXEC) || !(wanted & LESSON_PATHS);
}

/* A netlink socket: what is then sent may need a capability. */
static bool socket_is_plain(unsigned int wanted, const uint64_t *values)
{
	return !(wanted & LESSON_CAPS) ||
	       (values[0] != AF_NETLINK && !capable_asks_socket((int)values[0], (int)values[1]));
}

#define WORD UINT32_MAX /* the kernel takes an int */
#define LONG UINT64_MAX
#define TYPE (UINT32_MAX & ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))

/*
 * A descriptor that accepted connections in this process does so on. If another listening socket
 * takes its number, listen(2) has told of that.
 */
#define ACCEPT_RULE .answers = LESSON_PATHS, .keys = { { 0, WORD } }, .how = BY_PROCESS
#define MMAP_RULE                                                                                  \
	.answers = LESSON_PATHS | LESSON_CAPS, .keys = { { 2, LONG } }, .plain = prot_is_plain,    \
	.zero = { .index = 3, .mask = MAP_LOCKED | MAP_HUGETLB } /* rule_mmap(), mmap_leave() */
#define OPTION_RULE                                                                                \
	.answers = LESSON_CAPS, .keys = { { 1, WORD }, { 2, WORD } }, .plain = option_is_plain
#define SOCKET_RULE                                                                                \
	.answers = LESSON_PATHS | LESSON_CAPS, .keys = { { 0, WORD }, { 1, TYPE }, { 2, WORD } },  \
	.how = TOGETHER, .plain = socket_is_plain

const struct free_rule free_rules[] = {
	{ .name = "accept", ACCEPT_RULE },
	{ .name = "accept4", ACCEPT_RULE },
	{ .name = "clone",
	  .answers = LESSON_ALWAYS | LESSON_PATHS | LESSON_CAPS,
	  .keys = { { 0, WORD } },
	  .plain = clone_is_plain },
	{ .name = "fcntl",
	  .answers = LESSON_PATHS | LESSON_CAPS,
	  .keys = { { 1, WORD } },
	  .plain = fcntl_is_plain,
	  .zero = { .index = 2, .mask = O_NOATIME, .when = FOR_ONE, .value = F_SETFL } },
	{ .name = "getsockopt", OPTION_RULE },
	{ .name = "ioctl",
	  .answers = LESSON_PATHS | LESSON_CAPS,
	  .keys = { { 1, WORD } },
	  .plain = ioctl_is_plain },
	{ .name = "mmap", MMAP_RULE },
	{ .name = "mmap2", MMAP_RULE },
	{ .name = "mprotect",
	  .answers = LESSON_PATHS,
	  .keys = { { 2, LONG } },
	  .plain = prot_is_plain },
	{ .name = "pkey_mprotect",
	  .answers = LESSON_PATHS,
	  .keys = { { 2, LONG } },
	  .plain = prot_is_plain },
	/* of the caller itself nothing is asked: ptrace_enter() */
	{ .name = "prlimit64", .answers = LESSON_PATHS, .zero = { .index = 0, .mask = WORD } },
	/* without an address nothing is said but to the peer; rule_sendto() looks for netlink */
	{ .name = "sendto",
	  .answers = LESSON_PATHS | LESSON_CAPS,
	  .zero = { .index = 4, .mask = LONG },
	  .sends = true },
	{ .name = "setsockopt", OPTION_RULE },
	{ .name = "socket", SOCKET_RULE },
	{ .name = "socketpair", SOCKET_RULE },
	{ .name = "timer_create",
	  .answers = LESSON_CAPS,
	  .keys = { { 0, WORD } },
	  .plain = clock_is_plain },
	{ .name = "timerfd_create",
	  .answers = LESSON_CAPS,
	  .keys = { { 0, WORD } },
	  .plain = clock_is_plain },
};
const size_t free_rule_count = ARRAY_SIZE(free_rules);
