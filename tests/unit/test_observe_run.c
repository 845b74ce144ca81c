/* The observer on real calls: signals, ptrace, execs, namespaces, arguments, threads. */
#include "observed.h"

/* Until the child sleeps in a call. */
static void wait_asleep(pid_t child)
{
	char name[64], text[256], state = 0;

	snprintf(name, sizeof(name), "/proc/%d/stat", child);
	while (state != 'S') {
		int fd = open(name, O_RDONLY);
		ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		must(got);
		close(fd);
		text[got] = '\0';
		state = strrchr(text, ')')[2];
	}
}

static void scenario_signals(void)
{
	siginfo_t info = { .si_signo = 0, .si_code = SI_QUEUE };

	signal(SIGTERM, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	must(setpgid(0, 0));
	must(kill(getpid(), 0));
	must(kill(getppid(), 0)); /* the test: outside */
	must(kill(0, SIGUSR1));
	must(syscall(SYS_tgkill, getpid(), gettid(), SIGTERM));
	must(syscall(SYS_rt_sigqueueinfo, getpid(), 0, &info));
	must(prctl(PR_SET_PDEATHSIG, SIGHUP));
	pid_t child = fork();
	must(child);
	if (child == 0) {
		pause();
		_exit(0);
	}
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	must(pidfd);
	wait_asleep(child);
	must(syscall(SYS_pidfd_send_signal, pidfd, SIGUSR1, NULL, 0));
	must(kill(child, SIGKILL));
	must(waitpid(child, NULL, 0));
	must(kill(child, 0) == -1 && errno == ESRCH ? 0 : -1);
}

static void test_signals(void **state)
{
	struct run run;

	(void)state;
	record(&run, "signals");
	expect(&run, 2, FACT_SIGNAL, "exists", "self", self); /* kill, rt_sigqueueinfo */
	expect(&run, 1, FACT_SIGNAL, "exists", "outside", self);
	expect(&run, 1, FACT_SIGNAL, "usr1", "group", self);
	expect(&run, 1, FACT_SIGNAL, "term", "self", self);
	expect(&run, 1, FACT_SIGNAL, "hup", "workload", self);
	expect(&run, 1, FACT_SIGNAL, "usr1", "workload", self);
	expect(&run, 1, FACT_SIGNAL, "kill", "workload", self);
	expect(&run, 0, FACT_SIGNAL, "exists", "workload", self); /* ESRCH */
	/* killed in a call: with or without a last stop; USR1 interrupts it, as a tracee's */
	assert_true(count_facts(&run, FACT_SYSCALL, native(), "pause", self, "unknown") +
			    count_facts(&run, FACT_SYSCALL, native(), "pause", self, "restart") >=
		    1);
	expect(&run, 1, FACT_SYSCALL, native(), "exit_group", self, "none");
	done(&run);
}

static void scenario_killed(void)
{
	kill(getpid(), SIGKILL);
}

static void test_killed(void **state)
{
	struct run run;

	(void)state;
	record(&run, "killed");
	assert_true(WIFSIGNALED(run.status) && WTERMSIG(run.status) == SIGKILL);
	expect(&run, 1, FACT_SIGNAL, "kill", "self", self);
	expect(&run, 1, FACT_SYSCALL, native(), "kill", self);
	done(&run);
}

static void scenario_ptrace(void)
{
	char byte, name[64], text[PATH_MAX];
	struct iovec local = { &byte, 1 }, remote = { name, 1 };

	must(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
	pid_t child = fork();
	must(child);
	if (child == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM ? 0 : 1);
	int status;
	must(waitpid(child, &status, 0));
	if (status)
		_exit(2);
	must(child = fork());
	if (child == 0) {
		pause();
		_exit(0);
	}
	snprintf(name, sizeof(name), "/proc/%d/maps", child);
	must(open(name, O_RDONLY));
	snprintf(name, sizeof(name), "/proc/%d/status", child);
	must(open(name, O_RDONLY));
	must(open("/proc/self/maps", O_RDONLY));
	snprintf(name, sizeof(name), "/proc/%d/exe", child);
	must(readlink(name, text, sizeof(text)));
	snprintf(name, sizeof(name), "/proc/%d/root/dev/null", child);
	must(open(name, O_RDONLY));
	must(kill(child, SIGKILL));
}

static void test_ptrace(void **state)
{
	struct run run;

	(void)state;
	record(&run, "ptrace");
	expect(&run, 1, FACT_PTRACE, "vm-read", "self", self, "ok");
	expect(&run, 1, FACT_PTRACE, "traceme", "workload", self, "EPERM");
	expect(&run, 3, FACT_PTRACE, "read", "workload", self, "ok"); /* maps, exe, root */
	expect(&run, 1, FACT_PATH, "/proc/\\{pids}/maps", "read");
	assert_true(count_facts(&run, FACT_PATH, "/proc/\\{pid}/maps", "read") >= 1);
	assert_int_equal(limitations(&run, "ptrace-refused"), 1);
	done(&run);
}

/* Whether the leader sleeps: what /proc/self/stat says is its state, whoever reads it. */
static bool leader_sleeps(void)
{
	char line[256], *end;
	int fd = open("/proc/self/stat", O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);

	must(got);
	close(fd);
	line[got] = '\0';
	end = strrchr(line, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

static void *exec_in_thread(void *unused)
{
	char *argv[] = { self, "nothing", NULL };

	(void)unused;
	while (!leader_sleeps()) /* in pthread_join(), the only place where it can */
		usleep(1000);
	execv(self, argv);
	_exit(3);
}

static void scenario_nothing(void)
{
}

static void scenario_exec(void)
{
	pthread_t thread;
	pid_t child;
	int fd, status;

	must(chdir(top));
	must(fd = open("outer", O_WRONLY | O_CREAT, 0755));
	must(write(fd, "#! inner argument\n", 18));
	close(fd);
	must(fd = open("inner", O_WRONLY | O_CREAT, 0755));
	dprintf(fd, "#!%s nothing\n", self);
	close(fd);
	must(fd = open("bad", O_WRONLY | O_CREAT, 0755));
	must(write(fd, "nothing\n", 8));
	close(fd);
	must(child = fork());
	if (child == 0) {
		execl("bad", "bad", NULL);
		if (errno != ENOEXEC)
			_exit(4);
		execl("missing", "missing", NULL);
		execl("outer", "outer", NULL);
		_exit(5);
	}
	must(waitpid(child, &status, 0));
	if (status)
		_exit(6);
	must(pthread_create(&thread, NULL, exec_in_thread, NULL) ? -1 : 0);
	pthread_join(thread, NULL);
}

static void test_exec(void **state)
{
	struct run run;

	(void)state;
	record(&run, "exec");
	AUTO_FREE char *outer = xasprintf("%s/outer", top);
	AUTO_FREE char *chain = xasprintf("%s/inner; %s", top, self);
	expect(&run, 1, FACT_EXEC, self, "", ""); /* the workload itself */
	expect(&run, 1, FACT_EXEC, outer, self, chain);
	expect(&run, 1, FACT_EXEC, self, self, "");
	expect(&run, 3, FACT_EXEC);
	expect(&run, 3, FACT_SYSCALL, native(), "execve", self, "ok");
	expect(&run, 1, FACT_SYSCALL, native(), "execve", self, "ENOEXEC");
	expect(&run, 1, FACT_SYSCALL, native(), "execve", self, "ENOENT");
	expect_path(&run, "outer", "exec", "owner", NULL);
	expect_path(&run, "bad", "exec", "owner", NULL);
	expect_no_path(&run, "missing");
	expect(&run, 1, FACT_PATH, self, "exec");
	/* the leader sat in pthread_join() when the other thread's image took its place */
	assert_int_equal(count_facts(&run, FACT_SYSCALL, native(), "futex", self, "unknown") +
				 count_facts(&run, FACT_SYSCALL, native(), "futex", self,
					     "restart"),
			 1);
	expect(&run, 2, FACT_SYSCALL, native(), "exit_group", self, "none");
	assert_int_equal(count_facts(&run, FACT_PROGRAM, self, NULL, ""), 3);
	expect(&run, 0, FACT_PROGRAM, self, "", "");
	done(&run);
}

static void test_exec_first_script(void **state)
{
	struct run run;
	char script[] = "first";
	char *argv[] = { script, NULL };
	int fd;

	(void)state;
	assert_int_equal(chdir(top), 0);
	fd = open(script, O_WRONLY | O_CREAT, 0755);
	assert_true(fd >= 0);
	dprintf(fd, "#!%s nothing\n", self);
	close(fd);
	record_command(&run, script, argv);
	AUTO_FREE char *path = xasprintf("%s/%s", top, script);
	expect(&run, 1, FACT_EXEC, path, "", self);
	expect(&run, 1, FACT_EXEC);
	expect(&run, 1, FACT_SYSCALL, native(), "execve", self, "ok");
	expect(&run, 0, FACT_PATH, path, "exec"); /* whittle's launcher did that */
	done(&run);
}

static void scenario_inherit(void)
{
	int pair[2];

	must(chdir(top));
	must(open("made", O_WRONLY | O_CREAT, 0644));
	must(open("both", O_RDWR | O_CREAT, 0644));
	must(open("both", O_RDONLY));
	must(open("closed", O_RDONLY | O_CREAT | O_CLOEXEC, 0644));
	must(open("named", O_RDONLY | O_CREAT, 0644));
	must(open(".", O_RDONLY | O_DIRECTORY));
	must(open("closed", O_PATH));
	must(memfd_create("memory", 0));
	must(pipe(pair));
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	must(rename("named", "renamed"));
	must(execl(self, self, "nothing", NULL));
}

/* What the next program has from this one, but not from outside. */
static void test_inherit(void **state)
{
	struct run run;

	(void)state;
	AUTO_FREE char *outside = xasprintf("%s/outside", top);
	AUTO_FREE char *directory = xasprintf("%s/", top);
	int fd = open(outside, O_RDWR | O_CREAT, 0644);
	assert_true(fd >= 0);
	record(&run, "inherit");
	close(fd);
	expect_path(&run, "made", "inherit-write", "owner", NULL);
	expect_path(&run, "both", "inherit-write", "owner", NULL);
	expect_path(&run, "both", "inherit-read", "owner", NULL);
	expect_path(&run, "renamed", "inherit-read", "owner", NULL);
	expect(&run, 1, FACT_PATH, directory, "inherit-read");
	expect(&run, 4, FACT_PATH, NULL, "inherit-read");
	expect(&run, 2, FACT_PATH, NULL, "inherit-write");
	expect(&run, 2, FACT_SOCKET, "inherit", "unix", "seqpacket");
	expect(&run, 2, FACT_SOCKET, "inherit");
	done(&run);
}

static void scenario_namespaces(void)
{
	char dir[PATH_MAX + 8];

	must(chdir(top));
	must(mkdir("mnt", 0755));
	must(mkdir("root", 0755));
	must(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	/* no device: the text is nobody's path */
	must(mount("/none/../name", "mnt", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k"));
	must(mount("", "mnt", "tmpfs", MS_NOEXEC, NULL));
	must(mount("root", "mnt", NULL, MS_BIND, NULL));
	must(umount2("mnt", MNT_DETACH));
	pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
	must(child);
	if (child == 0)
		_exit(0);
	must(waitpid(child, NULL, 0));
	snprintf(dir, sizeof(dir), "%s/root", top);
	must(chroot(dir));
	must(chdir("/"));
	must(creat("/inside", 0600));
}

static void test_namespaces(void **state)
{
	struct run run;

	(void)state;
	if (geteuid() != 0) {
		print_message("needs root: mounts are not tested\n");
		skip();
	}
	record(&run, "namespaces");
	AUTO_FREE char *mnt = xasprintf("%s/mnt/", top);
	AUTO_FREE char *root = xasprintf("%s/root/", top);
	expect(&run, 1, FACT_NAMESPACE, "unshare", "mnt,user", self);
	expect(&run, 1, FACT_NAMESPACE, "clone", "uts", self);
	expect(&run, 1, FACT_NAMESPACE, "chroot", root, self);
	expect(&run, 1, FACT_MOUNT, "make", "", "rprivate", "", "/", self);
	expect(&run, 1, FACT_MOUNT, "mount", "tmpfs", "rw,nosuid,nodev", "/none/../name", mnt,
	       self);
	expect(&run, 1, FACT_MOUNT, "mount", "tmpfs", "rw,noexec", "", mnt, self);
	expect(&run, 1, FACT_MOUNT, "bind", "", "rw", root, mnt, self);
	expect(&run, 1, FACT_MOUNT, "umount", "", "detach", "", mnt, self);
	expect(&run, 1, FACT_ARGUMENT, native(), "unshare", "0", "0x10020000", self);
	expect_path(&run, "root/inside", "create", "owner", NULL);
	expect(&run, 0, FACT_CAPABILITY); /* those in its own user namespace are not the host's */
	done(&run);
}

static void scenario_arguments(void)
{
	for (int i = 0; i < 70; i++)
		ioctl(0, (unsigned long)(0x9900 + i), 0);
	for (int i = 0; i < 70; i++)
		ioctl(0, 0x9900UL, 0);
	must(personality(0xffffffff));
	must(prctl(PR_GET_DUMPABLE));
	syscall(1000000);
	pid_t child =
		(pid_t)syscall(SYS_clone3,
			       &(struct { uint64_t words[8]; }){ { 0, 0, 0, 0, SIGCHLD } }, 64);
	must(child);
	if (child == 0)
		_exit(0);
	must(waitpid(child, NULL, 0));
}

static void test_arguments(void **state)
{
	struct run run;

	(void)state;
	record(&run, "arguments");
	expect(&run, 71, FACT_ARGUMENT, native(), "ioctl", "1", "0x9900", self);
	expect(&run, 1, FACT_ARGUMENT, native(), "ioctl", "1", "0x993f", self);
	expect(&run, 6, FACT_ARGUMENT, native(), "ioctl", "1", "many", self);
	expect(&run, 1, FACT_ARGUMENT, native(), "personality", "0", "0xffffffff", self);
	expect(&run, 1, FACT_ARGUMENT, native(), "prctl", "0", "0x3", self);
	expect(&run, 1, FACT_ARGUMENT, native(), "clone3", "flags", "0x0", self);
	expect(&run, 1, FACT_SYSCALL, native(), "#1000000", self, "ENOSYS");
	assert_int_equal(limitations(&run, "unknown-syscall"), 1);
	done(&run);
}

static void *call_in_thread(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100; i++)
		syscall(SYS_getpgid, 0);
	return NULL;
}

static void scenario_threads(void)
{
	pthread_t threads[20];

	for (int i = 0; i < 20; i++)
		must(pthread_create(&threads[i], NULL, call_in_thread, NULL) ? -1 : 0);
	for (int i = 0; i < 20; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 50; i++)
		if (fork() == 0)
			_exit(0);
	while (wait(NULL) > 0)
		continue;
}

static void test_threads(void **state)
{
	struct run run;

	(void)state;
	record(&run, "threads");
	expect(&run, 2000, FACT_SYSCALL, native(), "getpgid", self, "ok");
	expect(&run, 51, FACT_SYSCALL, native(), "exit_group", self, "none");
	expect(&run, 20, FACT_SYSCALL, native(), "exit", self, "none");
	done(&run);
}

static const struct scenario scenarios[] = {
	{ "signals", scenario_signals },
	{ "killed", scenario_killed },
	{ "ptrace", scenario_ptrace },
	{ "nothing", scenario_nothing },
	{ "exec", scenario_exec },
	{ "inherit", scenario_inherit },
	{ "namespaces", scenario_namespaces },
	{ "arguments", scenario_arguments },
	{ "threads", scenario_threads },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		live_test(test_signals),
		live_test(test_killed),
		live_test(test_ptrace),
		live_test(test_exec),
		live_test(test_exec_first_script),
		live_test(test_inherit),
		live_test(test_namespaces),
		live_test(test_arguments),
		live_test(test_threads),
	};

	(void)argc;
	run_scenario(argv, scenarios);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
