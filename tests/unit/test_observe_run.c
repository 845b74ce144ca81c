/*
 * The observer on real calls: this program runs itself, with the name of a scenario, under the
 * tracer, and looks at the facts.
 */
#include <whittle/evidence.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static char self[PATH_MAX]; /* this program */
static char top[PATH_MAX];  /* the directory of the test, resolved */

/* ---- the other side: facts of a run ---- */

struct run {
	struct evidence *evidence;
	bool listening;
	int status;
};

static void add_fact(void *context, const struct fact *fact)
{
	evidence_add(context, 0, fact);
}

static void add_loss(void *context, const char *kind)
{
	evidence_add_loss(context, 0, kind);
}

static void add_limitation(void *context, const char *kind)
{
	evidence_add_limitation(context, 0, kind);
}

static void record_command(struct run *run, const char *path, char *const argv[])
{
	struct error err = { .kind = ERROR_NONE };
	struct event event;
	struct trace *trace;

	run->evidence = evidence_new();
	evidence_begin_run(run->evidence, "test");
	struct fact_sink sink = { run->evidence, add_fact, add_loss, add_limitation };
	struct observer *observer = observer_new(&sink, 0);
	if (trace_start(path, argv, &trace, &err) < 0)
		fail_msg("%s", err.text);
	while (trace_next(trace, &event, &err) == 1)
		observe(observer, &event);
	run->status = trace_main_status(trace);
	run->listening = observer_listening(observer);
	trace_free(trace);
	observer_free(observer);
}

static void record(struct run *run, const char *scenario)
{
	char *argv[] = { self, (char *)(uintptr_t)scenario, NULL };

	record_command(run, self, argv);
	if (run->status != 0 && strcmp(scenario, "killed") != 0)
		fail_msg("scenario %s ended with %#x", scenario, run->status);
}

/* How often there is a fact with these fields; NULL: any. */
static uint64_t count_fields(const struct run *run, enum fact_kind kind, const char *const *fields)
{
	size_t count;
	uint64_t found = 0;
	const struct evidence_fact **facts = evidence_facts(run->evidence, kind, &count);

	for (size_t i = 0; i < count; i++) {
		bool same = true;

		for (int k = 0; k < FACT_FIELDS && same; k++)
			same = !fields[k] || strcmp(fields[k], facts[i]->fact.field[k]) == 0;
		found += same ? facts[i]->counts[0] : 0;
	}
	free(facts);
	return found;
}
#define count_facts(run, kind, ...)                                                                \
	count_fields((run), (kind), (const char *const[FACT_FIELDS]){ __VA_ARGS__ })

static void dump(const struct run *run, enum fact_kind kind)
{
	size_t count;
	const struct evidence_fact **facts = evidence_facts(run->evidence, kind, &count);

	for (size_t i = 0; i < count; i++) {
		print_message("  %s:", fact_descs[kind].section);
		for (int k = 0; k < FACT_FIELDS && fact_descs[kind].field[k]; k++)
			print_message(" [%s]", facts[i]->fact.field[k]);
		print_message(" %llu\n", (unsigned long long)facts[i]->counts[0]);
	}
	free(facts);
}

#define expect(run, times, kind, ...)                                                              \
	do {                                                                                       \
		uint64_t found_ = count_facts((run), (kind), __VA_ARGS__);                         \
		if (found_ != (times)) {                                                           \
			dump((run), (kind));                                                       \
			fail_msg("line %d: %llu times, not %llu", __LINE__,                        \
				 (unsigned long long)found_, (unsigned long long)(times));         \
		}                                                                                  \
	} while (0)

static uint64_t count_notes(const struct evidence_note *notes, size_t count, const char *kind)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(notes[i].kind, kind) == 0)
			return notes[i].count;
	return 0;
}

static uint64_t limitations(const struct run *run, const char *kind)
{
	const struct evidence_run *at = evidence_run_at(run->evidence, 0);

	return count_notes(at->limitations, at->limitation_count, kind);
}

/* Ends a run; no test loses anything. */
static void done(struct run *run)
{
	const struct evidence_run *at = evidence_run_at(run->evidence, 0);

	for (size_t i = 0; i < at->loss_count; i++)
		fail_msg("lost: %s", at->losses[i].kind);
	evidence_free(run->evidence);
}

/* A path fact below top. */
static void expect_path(const struct run *run, const char *name, const char *access,
			const char *owner, const char *target)
{
	AUTO_FREE char *path = xasprintf("%s/%s", top, name);
	AUTO_FREE char *other = target ? xasprintf("%s/%s", top, target) : xstrdup("");

	if (count_facts(run, FACT_PATH, path, access, owner, self, other) == 0) {
		dump(run, FACT_PATH);
		fail_msg("no %s of %s (%s) %s", access, path, owner, other);
	}
}

static void expect_no_path(const struct run *run, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", top, name);

	expect(run, 0, FACT_PATH, path);
}

/* ---- scenarios: run in a child, their calls are what is looked for ---- */

#define must(call)                                                                                 \
	do {                                                                                       \
		if ((call) < 0) {                                                                  \
			perror(#call);                                                             \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void scenario_open(void)
{
	struct open_how how = { .flags = O_WRONLY | O_APPEND | O_CREAT, .mode = 0600 };
	int dir, fd;

	must(chdir(top));
	must(creat("plain", 0644));
	must(open("plain", O_RDONLY));
	must(open("plain", O_WRONLY | O_APPEND));
	must(symlink("plain", "link"));
	must(open("link", O_RDWR));
	must(open("link", O_PATH | O_NOFOLLOW));
	must(dir = open(".", O_RDONLY | O_DIRECTORY));
	must(syscall(SYS_openat2, dir, "how", &how, sizeof(how)));
	must(open(top, O_RDWR | O_TMPFILE, 0600));
	must(mkfifo("fifo", 0600));
	fd = open("fifo", O_WRONLY | O_NONBLOCK);
	if (fd >= 0 || errno != ENXIO)
		_exit(2);
	if (open("missing", O_RDONLY) >= 0)
		_exit(2);
	must(fd = open("gone", O_RDWR | O_CREAT, 0600));
	must(unlink("gone"));
	must(fchmod(fd, 0640));
	must(openat(fd, "/dev/null",
		    O_RDONLY)); /* an absolute name: the descriptor is not looked at */
	must(memfd_create("no path", 0));
}

static void test_open(void **state)
{
	struct run run;

	(void)state;
	record(&run, "open");
	expect_path(&run, "plain", "create", "owner", NULL);
	expect_path(&run, "plain", "write", "owner", NULL);
	expect_path(&run, "plain", "truncate", "owner", NULL);
	expect_path(&run, "plain", "append", "owner", NULL);
	expect_path(&run, "plain", "read", "owner", NULL);
	expect_path(&run, "link", "symlink", "owner", NULL);
	expect_path(&run, "link", "stat", "owner", NULL);
	expect_path(&run, "how", "append", "owner", NULL);
	expect_path(&run, "how", "create", "owner", NULL);
	expect_path(&run, "", "list", "owner", NULL);
	expect_path(&run, "", "chdir", "owner", NULL);
	expect_path(&run, "#\\{inode}", "create", "owner", NULL);
	expect_path(&run, "#\\{inode}", "write", "owner", NULL);
	expect_path(&run, "fifo", "mknod", "owner", NULL);
	expect_path(&run, "fifo", "write", "owner", NULL);
	expect_path(&run, "gone", "delete", "owner", NULL);
	expect_path(&run, "gone", "chmod", "owner", NULL);
	expect_no_path(&run, "missing");
	expect(&run, 1, FACT_PATH, "/dev/null", "read");
	expect(&run, 0, FACT_PATH, "/memfd:no path");
	expect(&run, 1, FACT_SYSCALL, "x86_64", "openat2", self, "ok");
	expect(&run, 1, FACT_SYSCALL, "x86_64", "openat", self, "ENXIO");
	done(&run);
}

static void scenario_names(void)
{
	int fd;
	char link_name[64];

	must(chdir(top));
	must(mkdir("dir", 0755));
	must(mkdir("dir/", 0755) == -1 && errno == EEXIST ? 0 : -1);
	must(creat("dir/a", 0644));
	must(rename("dir/a", "dir/b"));
	must(rmdir("dir") == -1 && errno == ENOTEMPTY ? 0 : -1);
	must(rename("dir", "moved"));
	must(link("moved/b", "hard"));
	must(fd = open(".", O_RDWR | O_TMPFILE, 0600));
	snprintf(link_name, sizeof(link_name), "/proc/self/fd/%d", fd);
	must(linkat(AT_FDCWD, link_name, AT_FDCWD, "born", AT_SYMLINK_FOLLOW));
	must(syscall(SYS_renameat2, AT_FDCWD, "hard", AT_FDCWD, "moved", RENAME_EXCHANGE));
	must(syscall(SYS_renameat2, AT_FDCWD, "hard", AT_FDCWD, "moved", RENAME_EXCHANGE));
	must(unlink("moved/b"));
	must(unlinkat(AT_FDCWD, "moved", AT_REMOVEDIR));
	must(mknod("node", S_IFIFO | 0600, 0));
	must(creat("two words\n\xff", 0600));
}

static void test_names(void **state)
{
	struct run run;

	(void)state;
	record(&run, "names");
	expect_path(&run, "dir/", "mkdir", "owner", NULL);
	AUTO_FREE char *dir = xasprintf("%s/dir/", top);
	expect(&run, 1, FACT_PATH, dir, "mkdir"); /* EEXIST comes before the check */
	expect_path(&run, "dir/", "rmdir", "owner", NULL);
	expect_path(&run, "dir/a", "rename-from", "owner", "dir/b");
	expect_path(&run, "dir/b", "rename-to", "owner", "dir/a");
	expect_path(&run, "dir/", "rename-from", "owner", "moved/");
	expect_path(&run, "moved/", "rename-to", "owner", "dir/");
	expect_path(&run, "hard", "link", "owner", "moved/b");
	expect_path(&run, "born", "link", "owner", "#\\{inode}");
	expect_path(&run, "hard", "exchange", "owner", "moved/");
	expect_path(&run, "hard/", "exchange", "owner", "moved/");
	expect_path(&run, "moved/", "exchange", "owner", "hard");
	expect_path(&run, "moved", "exchange", "owner", "hard");
	expect_path(&run, "moved/b", "delete", "owner", NULL);
	expect_path(&run, "moved/", "rmdir", "owner", NULL);
	expect_path(&run, "node", "mknod", "owner", NULL);
	expect_path(&run, "two words\\x0a\\xff", "create", "owner", NULL);
	done(&run);
}

static void scenario_metadata(void)
{
	int fd;
	struct stat stat_;

	must(chdir(top));
	must(fd = open("file", O_RDWR | O_CREAT, 0644));
	must(chmod("file", 0600));
	must(fchmodat(AT_FDCWD, "file", 0644, 0));
	must(fchownat(fd, "", (uid_t)-1, (gid_t)-1, AT_EMPTY_PATH));
	must(fchown(fd, geteuid(), (gid_t)-1));
	must(truncate("file", 8192));
	must(ftruncate(fd, 4096));
	must(fallocate(fd, 0, 0, 4096));
	must(setxattr("file", "user.a", "b", 1, 0) < 0 && errno != ENOTSUP ? -1 : 0);
	must(stat("file", &stat_));
	must(fstatat(fd, "", &stat_, AT_EMPTY_PATH));
	must(utimensat(AT_FDCWD, "file", NULL, 0));
	must(syscall(SYS_utimensat, fd, NULL, NULL, 0));
	must(access("file", R_OK));
	must(flock(fd, LOCK_EX | LOCK_NB));
	must(flock(fd, LOCK_UN));
	struct flock lock = { .l_type = F_RDLCK };
	must(fcntl(fd, F_SETLK, &lock));
	close(creat("leased", 0600)); /* a lease needs that nobody else has it open */
	int leased = open("leased", O_RDONLY);
	must(leased);
	must(fcntl(leased, F_SETLEASE, F_RDLCK));
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	must(at == MAP_FAILED ? -1 : 0);
	must(leased = open("later", O_RDWR | O_CREAT, 0600));
	must(ftruncate(leased, 4096));
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, leased, 0);
	must(at == MAP_FAILED ? -1 : 0);
	must(mprotect(at, 4096, PROT_READ | PROT_EXEC));
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static void test_metadata(void **state)
{
	struct run run;

	(void)state;
	record(&run, "metadata");
	AUTO_FREE char *file = xasprintf("%s/file", top);
	expect(&run, 2, FACT_PATH, file, "chmod", "owner", self);
	expect(&run, 2, FACT_PATH, file, "chown", "owner", self);
	expect(&run, 2, FACT_PATH, file, "truncate", "owner", self);
	expect(&run, 2, FACT_PATH, file, "write", "owner", self); /* open, fallocate */
	expect(&run, 3, FACT_PATH, file, "stat", "owner", self);  /* stat, utimensat, access */
	expect(&run, 1, FACT_PATH, file, "lock-write", "owner", self);
	expect(&run, 2, FACT_PATH, file, "lock", "owner", self); /* unlock; F_RDLCK */
	expect_path(&run, "leased", "lock", "owner", NULL);
	expect(&run, 1, FACT_PATH, file, "map-exec", "owner", self);
	expect_path(&run, "later", "map-exec", "owner", NULL);
	expect(&run, 0, FACT_PATH, "", "map-exec");
	done(&run);
}

static void scenario_sockets(void)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "sock" };
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0whittle-test" };
	struct sockaddr_in inet = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(inet), name_length = offsetof(struct sockaddr_un, sun_path) + 13;
	int server, client, pair[2];

	must(chdir(top));
	must(server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(bind(server, (struct sockaddr *)&path, sizeof(path)));
	must(listen(server, 1));
	must(client = socket(AF_UNIX, SOCK_STREAM, 0));
	must(connect(client, (struct sockaddr *)&path, sizeof(path)));
	must(accept4(server, NULL, NULL, 0));
	close(server);
	must(client = socket(AF_UNIX, SOCK_STREAM, 0));
	must(connect(client, (struct sockaddr *)&path, sizeof(path)) == -1 && errno == ECONNREFUSED
		     ? 0
		     : -1);
	must(server = socket(AF_UNIX, SOCK_DGRAM, 0));
	must(bind(server, (struct sockaddr *)&name, name_length));
	must(client = socket(AF_UNIX, SOCK_DGRAM, 0));
	must(sendto(client, "x", 1, 0, (struct sockaddr *)&name, name_length));
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	must(server = socket(AF_INET, SOCK_DGRAM, 0));
	must(bind(server, (struct sockaddr *)&inet, sizeof(inet)));
	must(getsockname(server, (struct sockaddr *)&inet, &length));
	must(client = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
	inet.sin_port = htons(9);
	struct iovec data = { (char[]){ 'x' }, 1 };
	struct mmsghdr messages[2] = { { .msg_hdr = { &inet, sizeof(inet), &data, 1, NULL, 0, 0 } },
				       { .msg_hdr = { &inet, sizeof(inet), &data, 1, NULL, 0,
						      0 } } };
	must(sendmsg(client, &messages[0].msg_hdr, 0));
	(void)!sendmmsg(client, messages, 2, 0); /* ECONNREFUSED by the first one's ICMP */
	must(socket(AF_NETLINK, SOCK_RAW, 0));
}

static void test_sockets(void **state)
{
	struct run run;

	(void)state;
	record(&run, "sockets");
	AUTO_FREE char *path = xasprintf("%s/sock", top);
	expect(&run, 3, FACT_SOCKET, "socket", "unix", "stream", "0", "", "", self);
	expect(&run, 1, FACT_SOCKET, "bind", "unix", "stream", "0", path, "", self);
	expect(&run, 1, FACT_SOCKET, "listen", "unix", "stream", "0", "sock", "", self);
	expect(&run, 2, FACT_SOCKET, "connect", "unix", "stream", "0", path, "", self);
	expect(&run, 1, FACT_SOCKET, "accept", "unix", "stream", "0", "sock", "", self);
	expect(&run, 1, FACT_PATH, path, "bind", "owner", self);
	expect(&run, 2, FACT_PATH, path, "connect", "owner", self);
	expect(&run, 1, FACT_SOCKET, "bind", "unix", "dgram", "0", "@whittle-test", "", self);
	expect(&run, 1, FACT_SOCKET, "send", "unix", "dgram", "0", "@whittle-test", "", self);
	expect(&run, 1, FACT_SOCKET, "socketpair", "unix", "seqpacket", "0", "", "", self);
	expect(&run, 1, FACT_SOCKET, "bind", "inet", "dgram", "17", "loopback", "0", self);
	assert_true(count_facts(&run, FACT_SOCKET, "send", "inet", "dgram", "17", "loopback", "9",
				self) >= 1);
	expect(&run, 1, FACT_SOCKET, "socket", "netlink", "raw", "0", "", "", self);
	expect(&run, 2, FACT_ARGUMENT, "x86_64", "socket", "0", "0x2", self);
	assert_true(run.listening);
	done(&run);
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
	/* its result was never seen */
	expect(&run, 1, FACT_SYSCALL, "x86_64", "pause", self, "unknown");
	expect(&run, 1, FACT_SYSCALL, "x86_64", "exit_group", self, "none");
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
	expect(&run, 1, FACT_SYSCALL, "x86_64", "kill", self);
	done(&run);
}

static void scenario_ptrace(void)
{
	char byte, name[64];
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
	must(kill(child, SIGKILL));
}

static void test_ptrace(void **state)
{
	struct run run;

	(void)state;
	record(&run, "ptrace");
	expect(&run, 1, FACT_PTRACE, "read", "self", self, "ok");
	expect(&run, 1, FACT_PTRACE, "traceme", "workload", self, "EPERM");
	expect(&run, 1, FACT_PTRACE, "read", "workload", self, "ok");
	expect(&run, 1, FACT_PATH, "/proc/\\{pids}/maps", "read");
	expect(&run, 1, FACT_PATH, "/proc/\\{pid}/maps", "read");
	assert_int_equal(limitations(&run, "ptrace-refused"), 1);
	done(&run);
}

static void *exec_in_thread(void *unused)
{
	char *argv[] = { self, "nothing", NULL };

	(void)unused;
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
	expect(&run, 3, FACT_SYSCALL, "x86_64", "execve", self, "ok");
	expect(&run, 1, FACT_SYSCALL, "x86_64", "execve", self, "ENOEXEC");
	expect(&run, 1, FACT_SYSCALL, "x86_64", "execve", self, "ENOENT");
	expect_path(&run, "outer", "exec", "owner", NULL);
	expect_path(&run, "bad", "exec", "owner", NULL);
	expect_no_path(&run, "missing");
	expect(&run, 1, FACT_PATH, self, "exec");
	/* the leader sat in pthread_join() when the other thread's image took its place */
	expect(&run, 1, FACT_SYSCALL, "x86_64", "futex", self, "unknown");
	expect(&run, 2, FACT_SYSCALL, "x86_64", "exit_group", self, "none");
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
	expect(&run, 1, FACT_SYSCALL, "x86_64", "execve", self, "ok");
	expect(&run, 0, FACT_PATH, path, "exec"); /* whittle's launcher did that */
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
	must(mount("name", "mnt", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k"));
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
	expect(&run, 1, FACT_MOUNT, "mount", "tmpfs", "rw,nosuid,nodev", "name", mnt, self);
	expect(&run, 1, FACT_MOUNT, "bind", "", "rw", root, mnt, self);
	expect(&run, 1, FACT_MOUNT, "umount", "", "detach", "", mnt, self);
	expect(&run, 1, FACT_ARGUMENT, "x86_64", "unshare", "0", "0x10020000", self);
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
	expect(&run, 71, FACT_ARGUMENT, "x86_64", "ioctl", "1", "0x9900", self);
	expect(&run, 1, FACT_ARGUMENT, "x86_64", "ioctl", "1", "0x993f", self);
	expect(&run, 6, FACT_ARGUMENT, "x86_64", "ioctl", "1", "many", self);
	expect(&run, 1, FACT_ARGUMENT, "x86_64", "personality", "0", "0xffffffff", self);
	expect(&run, 1, FACT_ARGUMENT, "x86_64", "prctl", "0", "0x3", self);
	expect(&run, 1, FACT_ARGUMENT, "x86_64", "clone3", "flags", "0x0", self);
	expect(&run, 1, FACT_SYSCALL, "x86_64", "#1000000", self, "ENOSYS");
	assert_int_equal(limitations(&run, "unknown-syscall"), 1);
	done(&run);
}

#ifdef __x86_64__

/* A call by int $0x80: i386, from a 64-bit program. */
static int call32(int nr, unsigned int a, unsigned int b, unsigned int c, unsigned int d)
{
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static unsigned int low(const void *pointer)
{
	return (unsigned int)(uintptr_t)pointer;
}

enum { I386_OPEN = 5, I386_MMAP = 90, I386_SOCKETCALL = 102, I386_CHOWN = 182, I386_FCNTL = 55 };

static void scenario_i386(void)
{
	char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
			-1, 0);
	unsigned int *words = (unsigned int *)(at + 1024);
	struct sockaddr_un *name = (struct sockaddr_un *)(at + 2048);
	int fd;

	must(at == MAP_FAILED ? -1 : 0);
	must(chdir(top));
	strcpy(at, "thirty-two");
	must(fd = call32(I386_OPEN, low(at), O_RDWR | O_CREAT | O_TRUNC, 0600, 0));
	must(ftruncate(fd, 4096));
	must(call32(I386_CHOWN, low(at), 0xffff, 0xffff, 0));
	memcpy(words,
	       (unsigned int[]){ 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, (unsigned int)fd, 0 },
	       24);
	must(call32(I386_MMAP, low(words), 0, 0, 0) == -1 ? -1 : 0);
	memcpy(words, (unsigned int[]){ AF_UNIX, SOCK_STREAM, 0 }, 12);
	must(fd = call32(I386_SOCKETCALL, 1, low(words), 0, 0));
	name->sun_family = AF_UNIX;
	strcpy(name->sun_path, "sock32");
	memcpy(words, (unsigned int[]){ (unsigned int)fd, low(name), 9 }, 12);
	must(call32(I386_SOCKETCALL, 2, low(words), 0, 0));
}

static void test_i386(void **state)
{
	struct run run;

	(void)state;
	record(&run, "i386");
	AUTO_FREE char *path = xasprintf("%s/sock32", top);
	expect(&run, 1, FACT_SYSCALL, "i386", "open", self, "ok");
	expect(&run, 1, FACT_SYSCALL, "i386", "mmap", self, "ok");
	expect(&run, 2, FACT_SYSCALL, "i386", "socketcall", self, "ok");
	expect_path(&run, "thirty-two", "create", "owner", NULL);
	expect_path(&run, "thirty-two", "chown", "owner", NULL);
	expect_path(&run, "thirty-two", "map-exec", "owner", NULL);
	expect(&run, 1, FACT_SOCKET, "socket", "unix", "stream", "0", "", "", self);
	expect(&run, 1, FACT_SOCKET, "bind", "unix", "stream", "0", path, "", self);
	expect_path(&run, "sock32", "bind", "owner", NULL);
	expect(&run, 1, FACT_ARGUMENT, "i386", "socketcall", "0", "0x1", self);
	expect(&run, 0, FACT_ARGUMENT, "i386", "mmap"); /* in memory: no filter can see them */
	done(&run);
}

#endif

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
	expect(&run, 2000, FACT_SYSCALL, "x86_64", "getpgid", self, "ok");
	expect(&run, 51, FACT_SYSCALL, "x86_64", "exit_group", self, "none");
	expect(&run, 20, FACT_SYSCALL, "x86_64", "exit", self, "none");
	done(&run);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "open", scenario_open },           { "names", scenario_names },
	{ "metadata", scenario_metadata },   { "sockets", scenario_sockets },
	{ "signals", scenario_signals },     { "killed", scenario_killed },
	{ "ptrace", scenario_ptrace },       { "nothing", scenario_nothing },
	{ "exec", scenario_exec },           { "namespaces", scenario_namespaces },
	{ "arguments", scenario_arguments }, { "threads", scenario_threads },
#ifdef __x86_64__
	{ "i386", scenario_i386 },
#endif
};

/* A fresh directory for each test; its name is resolved already. */
static int setup(void **state)
{
	char name[] = "/tmp/whittle-observe-XXXXXX";

	(void)state;
	if (!mkdtemp(name) || !realpath(name, top) || setenv("WHITTLE_TEST_TOP", top, 1) < 0)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	char *argv[] = { "rm", "-rf", top, NULL };
	pid_t child = fork();

	(void)state;
	if (chdir("/") < 0)
		return -1;
	if (child == 0) {
		execvp("rm", argv);
		_exit(127);
	}
	return waitpid(child, NULL, 0) == child ? 0 : -1;
}

#define live_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		live_test(test_open),
		live_test(test_names),
		live_test(test_metadata),
		live_test(test_sockets),
		live_test(test_signals),
		live_test(test_killed),
		live_test(test_ptrace),
		live_test(test_exec),
		live_test(test_exec_first_script),
		live_test(test_namespaces),
		live_test(test_arguments),
		live_test(test_threads),
#ifdef __x86_64__
		live_test(test_i386),
#endif
	};
	const char *given = getenv("WHITTLE_TEST_TOP");

	if (!realpath("/proc/self/exe", self))
		return 1;
	snprintf(top, sizeof(top), "%s", given ? given : "");
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(scenarios); i++)
		if (strcmp(scenarios[i].name, argv[1]) == 0) {
			scenarios[i].run();
			return 0;
		}
	if (argc > 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
