/* The observer on real calls: paths and sockets. */
#include "observed.h"

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
	must(open("madeXK4Ua2", O_RDWR | O_CREAT | O_EXCL, 0600));
	must(rename("madeXK4Ua2", "kept"));
	must(open("tmp_obj_XK4Ua2", O_RDWR | O_CREAT | O_EXCL, 0444));
	must(open("publicXK4Ua2", O_RDWR | O_CREAT | O_EXCL, 0664));
	must(mkdir("dir.XK4Ua2", 0700));
	must(creat("dir.XK4Ua2/f", 0600));
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
	expect_path(&run, "made\\{random}", "create", "owner", NULL);
	expect_path(&run, "made\\{random}", "rename-from", "owner", "kept");
	expect_path(&run, "kept", "rename-to", "owner", "made\\{random}");
	expect_path(&run, "tmp_obj_\\{random}", "create", "owner", NULL);
	expect_path(&run, "publicXK4Ua2", "create", "owner", NULL);
	expect_path(&run, "dir.\\{random}/", "mkdir", "owner", NULL);
	expect_path(&run, "dir.\\{random}/f", "create", "owner", NULL);
	expect_no_path(&run, "missing");
	expect(&run, 1, FACT_PATH, "/dev/null", "read");
	expect(&run, 0, FACT_PATH, "/memfd:no path");
	expect(&run, 1, FACT_SYSCALL, native(), "openat2", self, "ok");
	expect(&run, 1, FACT_SYSCALL, native(), "openat", self, "ENXIO");
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
	expect_path(&run, "hard/", "rename-to", "owner", "moved/");
	expect_path(&run, "moved/", "exchange", "owner", "hard");
	expect_path(&run, "moved", "rename-to", "owner", "hard");
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

/* Names that the kernel cannot read, or will not. */
static void scenario_bad_strings(void)
{
	char name[PATH_MAX + 8];

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	must(open((char *)16, O_RDONLY) == -1 && errno == EFAULT ? 0 : -1);
	must(open(name, O_RDONLY) == -1 && errno == ENAMETOOLONG ? 0 : -1);
	must(syscall(SYS_unlinkat, AT_FDCWD, 16, 0) == -1 && errno == EFAULT ? 0 : -1);
}

/* What was not read is not judged: as root, who has capabilities, none of these took one. */
static void test_bad_strings(void **state)
{
	struct run run;

	(void)state;
	record(&run, "bad-strings");
	expect(&run, 1, FACT_SYSCALL, native(), "openat", self, "EFAULT");
	expect(&run, 1, FACT_SYSCALL, native(), "openat", self, "ENAMETOOLONG");
	expect(&run, 0, FACT_CAPABILITY);
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
	expect(&run, 2, FACT_ARGUMENT, native(), "socket", "0", "0x2", self);
	assert_true(run.listening);
	done(&run);
}

static const char *const own_profile = "/proc/self/attr/current", *const next =
									  "/proc/self/attr/exec";

static void ask(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);

	must(fd);
	if (write(fd, text, strlen(text)) < 0 && errno == EFAULT)
		_exit(2); /* else it is the module's answer, or there is none */
	close(fd);
}

static void scenario_confine(void)
{
	int fd;

	must(chdir(top));
	must(fd = creat("other", 0600));
	must((int)write(fd, "changeprofile no", 16));
	ask(own_profile, "changeprofile a b//c\n");
	ask(next, "exec d");
	ask(next, "stack e");
}

static void test_confine(void **state)
{
	struct run run;

	(void)state;
	if (access(own_profile, W_OK) != 0)
		skip(); /* the kernel has no security modules */
	record(&run, "confine");
	expect_path(&run, "other", "write", "owner", NULL);
	expect(&run, 1, FACT_PATH, "/proc/\\{pid}/attr/current", "write", "owner", self, "a b//c");
	expect(&run, 1, FACT_PATH, "/proc/\\{pid}/attr/exec", "write", "owner", self, "d");
	expect(&run, 1, FACT_PATH, "/proc/\\{pid}/attr/exec", "write", "owner", self, ANY_PROFILE);
	expect(&run, 0, FACT_PATH, "/proc/\\{pid}/attr/exec", "write", "owner", self, "e");
	done(&run);
}

/* What can be read can be executed, then. */
static void scenario_personality(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int before, behind;
	void *map;

	must(chdir(top));
	must(before = open("before", O_RDWR | O_CREAT, 0600));
	must(behind = open("behind", O_RDWR | O_CREAT, 0600));
	map = mmap(NULL, page, PROT_READ, MAP_PRIVATE, before, 0);
	must(personality(READ_IMPLIES_EXEC));
	if (map == MAP_FAILED ||
	    mmap(NULL, page, PROT_READ, MAP_PRIVATE, behind, 0) == MAP_FAILED ||
	    mmap(NULL, page, PROT_WRITE, MAP_SHARED, before, 0) == MAP_FAILED)
		_exit(2);
}

static void test_personality(void **state)
{
	struct run run;

	(void)state;
	record(&run, "personality");
	expect_path(&run, "behind", "map-exec", "owner", NULL);
	expect_path(&run, "before", "write", "owner", NULL);
	AUTO_FREE char *before = xasprintf("%s/before", top);
	expect(&run, 0, FACT_PATH, before, "map-exec");
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
	memcpy(at, "thirty-two", 11);
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
	memcpy(name->sun_path, "sock32", 7);
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

static const struct scenario scenarios[] = {
	{ "open", scenario_open },
	{ "names", scenario_names },
	{ "metadata", scenario_metadata },
	{ "bad-strings", scenario_bad_strings },
	{ "sockets", scenario_sockets },
	{ "confine", scenario_confine },
	{ "personality", scenario_personality },
#ifdef __x86_64__
	{ "i386", scenario_i386 },
#endif
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		live_test(test_open),        live_test(test_names),   live_test(test_metadata),
		live_test(test_bad_strings), live_test(test_sockets), live_test(test_confine),
		live_test(test_personality),
#ifdef __x86_64__
		live_test(test_i386),
#endif
	};

	(void)argc;
	run_scenario(argv, scenarios);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
