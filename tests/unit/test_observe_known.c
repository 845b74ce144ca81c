/*
 * Which calls are free, and whose results are needed, on fabricated events: the tracee is this
 * process itself.
 */
#include "fabricated.h"

/* ---- classification ---- */

enum { ONLY_CALLS = 1, WITH_CAPS = 2, WITH_PATHS = 4, WITH_ALL = 8, CAPLESS = 16 };
#define ANYWHERE (ONLY_CALLS | WITH_CAPS | WITH_PATHS | WITH_ALL | CAPLESS)
#define NO_CAPS  (ONLY_CALLS | WITH_PATHS | CAPLESS) /* where capabilities do not matter */
#define NO_PATHS (ONLY_CALLS | WITH_CAPS)

static const struct {
	unsigned int setting, flags;
	bool capless;
} settings[] = {
	{ ONLY_CALLS, 0, false },
	{ WITH_CAPS, OBSERVE_CAPS, false },
	{ WITH_PATHS, OBSERVE_PATHS, false },
	{ WITH_ALL, ALL, false },
	{ CAPLESS, DEFAULT, true },
};

static const char etc[] = "/etc/passwd";
static uint64_t message[8]; /* a struct msghdr without anything */

/* A call, made once with success, is then free in these settings only. */
static const struct {
	const char *name;
	uint64_t args[6];
	unsigned int free;
	const char *why;
} rows[] = {
	{ "read", { 0 }, ANYWHERE, "nothing is recorded of it" },
	{ "exit_group", { 0 }, 0, "what the process has is measured then" },
	{ "mremap", { 0 }, ANYWHERE, "no rule of capabilities speaks of it" },
	{ "madvise", { 0, 0, 4 }, ANYWHERE, "" },
	{ "mmap", { 0, 1, PROT_READ, MAP_PRIVATE }, ANYWHERE, "no file becomes executable" },
	{ "mmap", { 0, 1, PROT_READ, MAP_LOCKED }, ONLY_CALLS, "rule_mmap()" },
	{ "mmap", { 0, 1, PROT_READ, MAP_HUGETLB }, ONLY_CALLS, "a file of its own" },
	{ "mmap", { 0, 1, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS }, NO_PATHS, "AppArmor's m" },
	{ "mprotect", { 0, 0, PROT_READ }, ANYWHERE, "" },
	{ "mprotect", { 0, 0, PROT_READ | PROT_EXEC }, NO_PATHS, "AppArmor's m" },
	{ "ioctl", { 0, 0x5401 /* TCGETS */ }, ANYWHERE, "" },
	{ "ioctl", { 0, 0x8914 /* SIOCSIFFLAGS */ }, NO_CAPS, "CAP_NET_ADMIN" },
	{ "fcntl", { 0, F_GETFL, UINT64_MAX }, ANYWHERE, "its third argument is none" },
	{ "fcntl", { 0, F_SETFL, O_NONBLOCK }, ANYWHERE, "" },
	{ "fcntl", { 0, F_SETFL, O_NOATIME }, ONLY_CALLS, "rule_fcntl()" },
	{ "fcntl", { 0, F_SETLK, 0 }, ONLY_CALLS, "a lock" },
	{ "flock", { 0, LOCK_SH }, NO_PATHS, "a lock" },
	{ "setsockopt", { 0, SOL_SOCKET, SO_REUSEADDR }, ANYWHERE, "" },
	{ "setsockopt", { 0, SOL_SOCKET, SO_MARK }, NO_CAPS, "CAP_NET_ADMIN" },
	{ "socket", { AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0 }, ANYWHERE, "" },
	{ "socket", { AF_INET, SOCK_RAW, 1 }, NO_CAPS, "CAP_NET_RAW" },
	{ "socket", { AF_NETLINK, SOCK_RAW, 0 }, NO_CAPS, "what is sent by it" },
	{ "clone", { CLONE_VM | SIGCHLD }, ANYWHERE, "" },
	{ "clone", { CLONE_NEWPID | SIGCHLD }, 0, "a namespace" },
	{ "clone", { CLONE_UNTRACED | SIGCHLD }, 0, "a child that is lost" },
	{ "clone3", { ADDRESS message, 8 }, 0, "its flags are in memory" },
	{ "sendto", { 0, ADDRESS message, 1, 0, 0, 0 }, ANYWHERE, "no address" },
	{ "sendmsg", { 0, ADDRESS message, 0 }, ONLY_CALLS, "the address is in memory" },
	{ "accept", { 0 }, ANYWHERE, "the same socket again" },
	{ "kill", { 1, 0 }, ONLY_CALLS, "the target" },
	{ "prctl", { PR_GET_NO_NEW_PRIVS }, 0, "what the engine hides" },
	{ "seccomp", { 0 }, 0, "the workload's own filters" },
	{ "ptrace", { PTRACE_PEEKDATA, 1 }, 0, "" },
	{ "setuid", { 0 }, 0, "credentials" },
	{ "capset", { 0 }, 0, "credentials" },
	{ "io_uring_setup", { 0 }, 0, "calls that are not seen" },
	{ "io_uring_enter", { 0 }, ANYWHERE, "the ring is counted already" },
	{ "timerfd_create", { 1 }, ANYWHERE, "" },
	{ "timerfd_create", { 8 }, NO_CAPS, "CAP_WAKE_ALARM" },
	{ "semop", { 0, ADDRESS message, 0 }, NO_CAPS, "ipcperms()" },
	{ "openat", { (uint64_t)AT_FDCWD, ADDRESS etc, O_RDONLY }, ONLY_CALLS, "a path" },
	{ "newfstatat", { 0, ADDRESS etc, ADDRESS message }, NO_CAPS, "only looked at" },
	{ "readlinkat", { 0, ADDRESS etc, ADDRESS message, 1 }, ONLY_CALLS, "/proc/PID/exe" },
	{ "chdir", { ADDRESS etc }, NO_CAPS, "only looked at" },
	{ "fchdir", { 0 }, NO_CAPS, "only looked at" },
	{ "connect", { 0, 0, 0 }, ONLY_CALLS, "" },
	{ "bind", { 0, 0, 0 }, 0, "whether it serves" },
	{ "mount", { 0, ADDRESS etc }, 0, "FUSE" },
};

static void classification(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t k = 0; k < ARRAY_SIZE(settings); k++) {
			struct observer *observer = begin(settings[k].flags, settings[k].capless);
			bool wanted = rows[i].free & settings[k].setting;

			assert_false(is_free_for(observer, getpid(), rows[i].name, rows[i].args));
			make(observer, rows[i].name, rows[i].args, 0);
			if (is_free_for(observer, getpid(), rows[i].name, rows[i].args) != wanted)
				fail_msg("%s (row %zu) is %sfree in setting %zu: %s", rows[i].name,
					 i, wanted ? "not " : "", k, rows[i].why);
			end(observer);
		}
}

static void rules_are_sorted(void **state)
{
	(void)state;
	for (size_t i = 0; i < free_rule_count; i++) {
		assert_non_null(syscall_desc_find(free_rules[i].name));
		if (i && strcmp(free_rules[i - 1].name, free_rules[i].name) >= 0)
			fail_msg("%s is not in order", free_rules[i].name);
	}
}

static void only_what_was_seen(void **state)
{
	struct observer *observer = begin(DEFAULT, false);

	(void)state;
	make(observer, "getrandom", ARGUMENTS(0), -ENOSYS);
	assert_false(is_free(observer, "getrandom", 0));
	make(observer, "getrandom", ARGUMENTS(0), 0);
	assert_true(is_free(observer, "getrandom", 0));
	make(observer, "madvise", ARGUMENTS(0, 0, 4), 0);
	assert_false(is_free(observer, "madvise", 0, 0, 5));
	make(observer, "madvise", ARGUMENTS(0, 0, 5), -EINVAL); /* the value is a fact too */
	assert_true(is_free(observer, "madvise", 0, 0, 5));
	assert_true(is_free(observer, "madvise", 0, 0, 0x100000005)); /* the kernel takes an int */
	/* no terminal: success would teach no more */
	make(observer, "ioctl", ARGUMENTS(3, 0x5401), -ENOTTY);
	assert_true(is_free(observer, "ioctl", 3, 0x5401));
	make(observer, "dup", ARGUMENTS(3), -EBADF);
	assert_false(is_free(observer, "dup", 3));
	end(observer);
}

static void sockets(void **state)
{
	struct observer *observer = begin(DEFAULT, false);

	(void)state; /* a socket is known as a whole */
	make(observer, "socket", ARGUMENTS(AF_INET, SOCK_STREAM, 0), 3);
	make(observer, "socket", ARGUMENTS(AF_UNIX, SOCK_DGRAM, 0), 3);
	assert_true(is_free(observer, "socket", AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_false(is_free(observer, "socket", AF_INET, SOCK_DGRAM, 0));
	/* an option by its level: 1 is TCP_NODELAY, but also SO_DEBUG */
	make(observer, "setsockopt", ARGUMENTS(0, IPPROTO_TCP, 1), 0);
	make(observer, "setsockopt", ARGUMENTS(0, SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_true(is_free(observer, "setsockopt", 0, IPPROTO_TCP, 1));
	assert_true(is_free(observer, "setsockopt", 0, SOL_SOCKET, SO_KEEPALIVE));
	assert_false(is_free(observer, "setsockopt", 0, SOL_SOCKET, 1));
	/* of that descriptor, in that process */
	make(observer, "accept4", ARGUMENTS(5), 6);
	assert_true(is_free(observer, "accept4", 5));
	assert_false(is_free(observer, "accept4", 7));
	assert_false(is_known_free(observer, "accept4", 5));
	make(observer, "sendto", ARGUMENTS(0), 0);
	assert_true(is_free(observer, "sendto", 0));
	assert_false(is_free(observer, "sendto", 0, 0, 0, 0, 8));
	/* by netlink something may be asked of the kernel */
	make(observer, "socket", ARGUMENTS(AF_NETLINK, SOCK_RAW, 0), 3);
	assert_false(is_free(observer, "sendto", 0));
	end(observer);
}

static void a_server_that_is_known(void **state)
{
	struct observer *observer = begin(OBSERVE_CAPS, false);

	(void)state;
	make(observer, "listen", ARGUMENTS(0, 1), 0);
	assert_true(observer_listening(observer));
	assert_true(is_free(observer, "listen", 0));
	end(observer);
	observer = begin(DEFAULT, false);
	make(observer, "listen", ARGUMENTS(0, 1), 0);
	assert_false(is_free(observer, "listen", 0));
	end(observer);
}

static void many_values(void **state)
{
	struct observer *observer = begin(DEFAULT, false);

	(void)state;
	for (uint64_t i = 0; i < VALUES_MAX; i++)
		make(observer, "madvise", ARGUMENTS(0, 0, 100 + i), 0);
	assert_false(is_free(observer, "madvise", 0, 0, 7));
	make(observer, "madvise", ARGUMENTS(0, 0, 99), 0);
	expect(&none, 1, FACT_ARGUMENT, native(), "madvise", "2", "many");
	assert_true(is_free(observer, "madvise", 0, 0, 7));
	end(observer);
}

static void foreign_calls_are_not_known(void **state)
{
	const struct abi *own = abi_of_machine(NULL);
	struct observer *observer = begin(DEFAULT, false);
	size_t count;

	(void)state;
	for (const struct abi *abi = abis; abi->name; abi++) {
		struct event event = make_call("getpid", ARGUMENTS(0));

		if (abi == own)
			continue;
		event.abi = abi;
		event.nr = (uint64_t)abi_syscall_number(abi, "getpid");
		observe(observer, &event);
		event.kind = EVENT_RESULT;
		observe(observer, &event);
		expect(&none, 1, FACT_SYSCALL, abi->name, "getpid", NULL, "ok");
	}
	free_calls_release(observer_free_calls(observer, getpid(), &count), 0);
	assert_int_equal(count, 0);
	end(observer);
}

/* ---- results ---- */

static unsigned int enter(struct observer *observer, const char *name, const uint64_t args[6])
{
	struct event event = make_call(name, args);

	event.result_mode = RESULT_OPTIONAL;
	return observe(observer, &event);
}
static const char gone[] = "/etc/no such file", group[] = "/etc/group";
#define OPEN(name, flags) ARGUMENTS((uint64_t)AT_FDCWD, ADDRESS(name), (flags))

/* Known ones, that is: what can be foretold test_observe_filtered.c looks at. */
static void results_that_nobody_needs(void **state)
{
	struct observer *observer = begin(ALL | OBSERVE_EXACT, false);
	int fd = open(etc, O_RDONLY);

	(void)state;
	/* the first success of a call is needed, then not */
	assert_int_equal(enter(observer, "getppid", ARGUMENTS(0)), 0);
	make(observer, "getppid", ARGUMENTS(0), 1);
	assert_int_equal(enter(observer, "getppid", ARGUMENTS(0)), OBSERVE_SKIP_RESULT);
	assert_int_equal(enter(observer, "exit", ARGUMENTS(0)), OBSERVE_SKIP_RESULT);
	/* a new value of an argument */
	make(observer, "madvise", ARGUMENTS(0, 0, 4), 0);
	assert_int_equal(enter(observer, "madvise", ARGUMENTS(0, 0, 5)), 0);
	/* a path that is known; one that is not; one that may be made */
	assert_int_equal(enter(observer, "openat", OPEN(etc, O_RDONLY)), 0);
	make(observer, "openat", OPEN(etc, O_RDONLY), fd);
	assert_int_equal(enter(observer, "openat", OPEN(etc, O_RDONLY)), OBSERVE_SKIP_RESULT);
	assert_int_equal(enter(observer, "openat", OPEN(group, O_RDONLY)), 0);
	make(observer, "openat", OPEN(etc, O_RDWR | O_CREAT), fd);
	assert_int_equal(enter(observer, "openat", OPEN(etc, O_RDWR | O_CREAT)), 0);
	/* a file that is not there: once that result is known */
	assert_int_equal(enter(observer, "openat", OPEN(gone, O_RDONLY)), 0);
	make(observer, "openat", OPEN(gone, O_RDONLY), -ENOENT);
	assert_int_equal(enter(observer, "openat", OPEN(gone, O_RDONLY)), OBSERVE_SKIP_RESULT);
	/* credentials, filters */
	make(observer, "setuid", ARGUMENTS(0), 0);
	assert_int_equal(enter(observer, "setuid", ARGUMENTS(0)), 0);
	make(observer, "prctl", ARGUMENTS(PR_GET_DUMPABLE), 0);
	assert_int_equal(enter(observer, "prctl", ARGUMENTS(PR_GET_DUMPABLE)), 0);
	/* what is skipped is counted */
	expect(&none, 2, FACT_SYSCALL, native(), "getppid", NULL, "ok");
	expect(&none, 1, FACT_SYSCALL, native(), "exit", NULL, "none");
	expect(&none, 2, FACT_SYSCALL, native(), "openat", NULL, "ENOENT");
	expect(&none, 3, FACT_SYSCALL, native(), "openat", NULL, "ok");
	expect(&none, 3, FACT_PATH, etc, "read");
	expect(&none, 0, FACT_PATH, gone);
	expect(&none, 0, FACT_PATH, group);
	close(fd);
	end(observer);
}

/* The family's own refusals come after the LSM was asked; others may be its own. */
static void refused_sockets(void **state)
{
	struct observer *observer = begin(ALL, true);

	(void)state;
	make(observer, "socket", ARGUMENTS(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6), -EACCES);
	make(observer, "socket", ARGUMENTS(AF_INET, SOCK_RAW, IPPROTO_ICMP), -EPERM);
	make(observer, "socket", ARGUMENTS(AF_INET6, SOCK_STREAM, 0), -EAFNOSUPPORT);
	make(observer, "socket", ARGUMENTS(AF_INET, SOCK_DGRAM, 0), -EACCES);
	make(observer, "socket", ARGUMENTS(AF_VSOCK, SOCK_STREAM, 0), -EPERM);
	expect(&none, 1, FACT_SOCKET, "socket", "inet6", "dgram", "58");
	expect(&none, 1, FACT_SOCKET, "socket", "inet", "raw", "1");
	expect(&none, 1, FACT_SOCKET, "socket", "inet6", "stream", "0");
	expect(&none, 0, FACT_SOCKET, "socket", "inet", "dgram", "0");
	expect(&none, 0, FACT_SOCKET, "socket", "vsock", "stream", "0");
	end(observer);
}

static void huge_pages(void **state)
{
	static const char name[] = "/anon_hugepage (deleted)";
	struct observer *observer = begin(ALL, true);
	uint64_t shared = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB;
	uint64_t private = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;

	(void)state;
	make(observer, "mmap", ARGUMENTS(0, 1, PROT_READ | PROT_WRITE, private), -ENOMEM);
	expect(&none, 1, FACT_PATH, name, "read", "owner");
	expect(&none, 0, FACT_PATH, name, "write");
	make(observer, "mmap", ARGUMENTS(0, 1, PROT_READ | PROT_WRITE, shared), 0);
	expect(&none, 2, FACT_PATH, name, "read", "owner");
	expect(&none, 1, FACT_PATH, name, "write", "owner");
	make(observer, "mmap", ARGUMENTS(0, 1, PROT_READ, shared), -EINVAL);
	expect(&none, 2, FACT_PATH, name, "read", "owner");
	end(observer);
}

static void results_that_never_come(void **state)
{
	struct observer *observer = begin(ALL, false);
	struct event calls[] = {
		make_call("openat", OPEN(etc, O_RDONLY)),
		make_call("openat", OPEN(gone, O_RDONLY)),
		make_call("openat", OPEN(gone, O_RDWR | O_CREAT)),
		make_call("socket", ARGUMENTS(AF_INET, SOCK_STREAM, 0)),
		make_call("execve", ARGUMENTS(ADDRESS gone)),
		make_call("getpid", ARGUMENTS(0)),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i].result_mode = RESULT_NEVER;
		assert_int_equal(observe(observer, &calls[i]), 0);
	}
	expect(&none, 3, FACT_SYSCALL, native(), "openat", NULL, "unknown");
	expect(&none, 1, FACT_SYSCALL, native(), "execve", NULL, "unknown");
	expect(&none, 1, FACT_SYSCALL, native(), "getpid", NULL, "unknown");
	expect(&none, 1, FACT_SOCKET, "socket", "inet", "stream", "0");
	expect(&none, 1, FACT_PATH, etc, "read");
	expect(&none, 1, FACT_PATH, gone, "create");
	expect(&none, 1, FACT_PATH, gone, "read"); /* by O_RDWR */
	expect(&none, 0, FACT_PATH, gone, "exec");
	assert_false(is_free(observer, "getpid", 0)); /* who knows that it succeeded? */
	end(observer);
}

/* ---- what earlier runs knew ---- */

static struct fact make_fact(enum fact_kind kind, const char *const *fields)
{
	struct fact fact = { .kind = kind };

	for (int i = 0; i < FACT_FIELDS; i++)
		fact.field[i] = fields[i] ? fields[i] : "";
	return fact;
}
#define FACT(kind, ...) make_fact(kind, (const char *const[FACT_FIELDS]){ __VA_ARGS__ })

static void knowledge(void **state)
{
	const struct {
		struct fact fact;
		bool hidden;
	} known[] = {
		{ FACT(FACT_SYSCALL, native(), "read", "/bin/a", "ok"), true },
		{ FACT(FACT_SYSCALL, native(), "read", "/bin/a", "EINTR"), true },
		{ FACT(FACT_SITE, native(), "read", "/bin/a", "a+0x1"), true },
		{ FACT(FACT_SYSCALL, native(), "write", "/bin/a", "EPIPE"), false },
		{ FACT(FACT_SYSCALL, "s390x", "close", "/bin/a", "ok"), false },
		{ FACT(FACT_SYSCALL, native(), "exit_group", "/bin/a", "none"), false },
		{ FACT(FACT_SYSCALL, native(), "lseek", "/bin/a", "ok"), false },
		{ FACT(FACT_SYSCALL, native(), "ioctl", "/bin/a", "ok"), true },
		{ FACT(FACT_ARGUMENT, native(), "ioctl", "1", "0x5401", "/bin/a"), true },
		{ FACT(FACT_ARGUMENT, native(), "ioctl", "1", "0x8914", "/bin/a"), false },
		{ FACT(FACT_SYSCALL, native(), "socket", "/bin/a", "ok"), true },
		{ FACT(FACT_ARGUMENT, native(), "socket", "0", "0x2", "/bin/a"), true },
		{ FACT(FACT_SOCKET, "socket", "inet", "stream", "6", "", "", "/bin/a"), true },
		{ FACT(FACT_SYSCALL, native(), "openat", "/bin/a", "ok"), false },
		{ FACT(FACT_PATH, etc, "read", "other", "/bin/a"), false },
	};

	(void)state;
	none.evidence = evidence_new(); /* without a run: knowing gives no fact */
	sink = (struct fact_sink){ none.evidence, add_fact, add_loss, add_limitation };
	struct observer *observer = observer_new(&sink, DEFAULT);
	observer->capless = false;
	observer_recheck(observer, "lseek");
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		observer_know(observer, &known[i].fact, 1);
	assert_true(is_known_free(observer, "read", 0));
	assert_false(is_known_free(observer, "exit_group", 0));
	assert_false(is_known_free(observer, "write", 0));
	assert_false(is_known_free(observer, "close", 0));
	assert_false(is_known_free(observer, "lseek", 0));
	assert_true(is_known_free(observer, "ioctl", 0, 0x5401));
	assert_false(is_known_free(observer, "ioctl", 0, 0x8914));
	assert_true(is_known_free(observer, "socket", AF_INET, SOCK_STREAM, 6));
	assert_false(is_known_free(observer, "socket", AF_INET, SOCK_STREAM, 0));
	assert_false(is_known_free(observer, "openat", 0));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (observer_hides(observer, &known[i].fact) != known[i].hidden)
			fail_msg("fact %zu is %shidden", i, known[i].hidden ? "not " : "");
	end(observer);
}

static void attribution(void **state)
{
	struct event exec = {
		.kind = EVENT_EXEC, .tid = getpid(), .tgid = getpid(), .old_tid = getpid()
	};
	struct fact fact = FACT(FACT_SYSCALL, native(), "read", "/bin/a", "ok");
	struct observer *observer = begin(DEFAULT, false);

	(void)state;
	expect(&none, 1, FACT_PROGRAM, self, NULL, NULL, "complete");
	exec.filtered = true;
	observe(observer, &exec);
	expect(&none, 1, FACT_PROGRAM, self, NULL, NULL, "incomplete");
	exec.filtered = false;
	observer_know(observer, &fact, 1);
	observe(observer, &exec);
	expect(&none, 2, FACT_PROGRAM, self, NULL, NULL, "incomplete");
	end(observer);
}

/* Killed before whittle looks what it is: it makes no call, so that nothing of it is lost. */
static void killed_at_its_first_call(void **state)
{
	struct observer *observer = begin(DEFAULT, false);
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	struct event event = make_call("getppid", ARGUMENTS(0));
	event.tid = event.tgid = pid;
	observe(observer, &event);
	waitpid(pid, NULL, 0);
	assert_int_equal(evidence_run(none.evidence, 0)->loss_count, 0);
	end(observer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_sorted),
		cmocka_unit_test(classification),
		cmocka_unit_test(only_what_was_seen),
		cmocka_unit_test(sockets),
		cmocka_unit_test(a_server_that_is_known),
		cmocka_unit_test(many_values),
		cmocka_unit_test(foreign_calls_are_not_known),
		cmocka_unit_test(results_that_nobody_needs),
		cmocka_unit_test(refused_sockets),
		cmocka_unit_test(huge_pages),
		cmocka_unit_test(results_that_never_come),
		cmocka_unit_test(knowledge),
		cmocka_unit_test(attribution),
		cmocka_unit_test(killed_at_its_first_call),
	};

	if (!realpath("/proc/self/exe", self))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
