/* The path walker against live children: what it says is what the kernel says. */
#include <observe/path.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char top[PATH_MAX];

/* A child that did setup() and waits; its tid is what setup gives, or its pid. */
struct child {
	pid_t pid, tid;
};

static void start(struct child *child, pid_t (*setup)(void))
{
	int ready[2];

	assert_int_equal(pipe(ready), 0);
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (child->pid == 0) {
		pid_t tid = chdir(top) < 0 ? -1 : setup();

		close(ready[0]);
		if (write(ready[1], &tid, sizeof tid) != sizeof tid)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &child->tid, sizeof child->tid), sizeof child->tid);
	close(ready[0]);
	if (child->tid == 0)
		child->tid = child->pid;
}

static void stop(const struct child *child)
{
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
}

/* Walks and returns a one-line verdict: "NAME", "NAME !" (last missing), or "-ERRNO". */
static const char *walk(const struct child *child, int dirfd, const char *name, unsigned int flags)
{
	static char text[2 * PATH_MAX];
	AUTO_PATH struct path path = PATH_INIT;

	if (path_walk(child->tid, child->pid, dirfd, name, strlen(name), flags, &path) < 0)
		snprintf(text, sizeof text, "-%s", strerrorname_np(path.error));
	else
		snprintf(text, sizeof text, "%s%s", path.name ? path.name : "(none)",
			 path.error == ENOENT ? " !" : "");
	return text;
}

static const char *below(const char *name)
{
	static char text[2 * PATH_MAX];

	snprintf(text, sizeof text, "%s/%s", top, name);
	return text;
}

static void touch(const char *name)
{
	close(openat(AT_FDCWD, below(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	assert_int_equal(access(below(name), F_OK), 0);
}

static int make_tree(void **state)
{
	static const char *const links[][2] = {
		{ "d/f", "to_f" },       { "d", "to_d" },      { "loop2", "loop1" },
		{ "loop1", "loop2" },    { "../d/f", "d/up" }, { "d/absent", "dangling" },
		{ "/jf", "d/absolute" },
	};
	(void)state;

	char made[] = "/tmp/whittle-path-XXXXXX";

	if (!mkdtemp(made) || !realpath(made, top))
		return -1;
	mkdir(below("d"), 0755);
	mkdir(below("d/e"), 0700);
	touch("d/f");
	touch("d/jf");
	touch("d/n\xff\\ \n");
	touch("d/x (deleted)");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		assert_int_equal(symlink(links[i][0], below(links[i][1])), 0);
	return 0;
}

static int drop_tree(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		execlp("rm", "rm", "-rf", top, NULL);
		_exit(1);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static pid_t setup_plain(void)
{
	return dup2(open("d", O_RDONLY), 50) == 50 && dup2(open("d/f", O_RDONLY), 51) == 51 ? 0
											    : -1;
}

static void test_names(void **state)
{
	struct child child;

	(void)state;
	start(&child, setup_plain);
	assert_string_equal(walk(&child, AT_FDCWD, "d/f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "to_f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "to_f", PATH_NOFOLLOW), below("to_f"));
	assert_string_equal(walk(&child, AT_FDCWD, "to_d/up", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "to_d/./e/../f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "to_d", 0), below("d/"));
	assert_string_equal(walk(&child, AT_FDCWD, "to_d/", PATH_NOFOLLOW), below("d/"));
	assert_string_equal(walk(&child, AT_FDCWD, "to_d", PATH_NOFOLLOW), below("to_d"));
	assert_string_equal(walk(&child, AT_FDCWD, "d//e///", 0), below("d/e/"));
	assert_string_equal(walk(&child, AT_FDCWD, "/", 0), "/");
	assert_string_equal(walk(&child, AT_FDCWD, "/../../tmp/..", 0), "/");
	assert_string_equal(walk(&child, AT_FDCWD, below("d/f"), 0), below("d/f"));
	assert_string_equal(walk(&child, 50, "f", 0), below("d/f"));
	assert_string_equal(walk(&child, 50, "..", 0), below(""));
	assert_string_equal(walk(&child, 51, "", PATH_EMPTY), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "", PATH_EMPTY), below(""));
	assert_string_equal(walk(&child, AT_FDCWD, "d/x (deleted)", 0), below("d/x (deleted)"));
	assert_string_equal(walk(&child, AT_FDCWD, "d/n\xff\\ \n", 0),
			    below("d/n\\xff\\x5c \\x0a"));
	stop(&child);
}

static void test_missing(void **state)
{
	struct child child;
	char name[PATH_MAX + 2];

	(void)state;
	start(&child, setup_plain);
	assert_string_equal(walk(&child, AT_FDCWD, "d/absent", 0), below("d/absent !"));
	assert_string_equal(walk(&child, AT_FDCWD, "d/absent/", 0), below("d/absent !"));
	assert_string_equal(walk(&child, AT_FDCWD, "dangling", 0), below("d/absent !"));
	assert_string_equal(walk(&child, AT_FDCWD, "dangling", PATH_NOFOLLOW), below("dangling"));
	assert_string_equal(walk(&child, AT_FDCWD, "/absent", 0), "/absent !");
	assert_string_equal(walk(&child, AT_FDCWD, "absent/f", 0), "-ENOENT");
	assert_string_equal(walk(&child, AT_FDCWD, "d/f/", 0), "-ENOTDIR");
	assert_string_equal(walk(&child, AT_FDCWD, "d/f/x", 0), "-ENOTDIR");
	assert_string_equal(walk(&child, 51, "x", 0), "-ENOTDIR");
	assert_string_equal(walk(&child, 99, "x", 0), "-EBADF");
	assert_string_equal(walk(&child, AT_FDCWD, "loop1", 0), "-ELOOP");
	assert_string_equal(walk(&child, AT_FDCWD, "loop1", PATH_NOFOLLOW), below("loop1"));
	assert_string_equal(walk(&child, AT_FDCWD, "", 0), "-ENOENT");
	memset(name, 'n', sizeof name);
	name[PATH_MAX] = '\0';
	assert_string_equal(walk(&child, AT_FDCWD, name, 0), "-ENAMETOOLONG");
	name[256] = '\0';
	assert_string_equal(walk(&child, AT_FDCWD, name, 0), "-ENAMETOOLONG");
	stop(&child);
}

/* More levels than a quick walk keeps, names that leave where they begin, and both with links. */
static void test_long_ways(void **state)
{
	struct child child;
	char deep[1024] = "d";
	char other[1100];

	(void)state;
	for (int i = 0; i < 80; i++) {
		size_t length = strlen(deep);

		snprintf(deep + length, sizeof deep - length, "/k");
		assert_int_equal(mkdir(below(deep), 0755), 0);
	}
	start(&child, setup_plain);
	snprintf(other, sizeof other, "%s/", deep);
	assert_string_equal(walk(&child, AT_FDCWD, deep, 0), below(other));
	snprintf(other, sizeof other, "to_d%s", deep + 1);
	for (int i = 0; i < 80; i++) {
		size_t length = strlen(other);

		snprintf(other + length, sizeof other - length, "/..");
	}
	assert_string_equal(walk(&child, AT_FDCWD, other, 0), below("d/"));
	snprintf(deep + strlen(deep), sizeof deep - strlen(deep), "/absent");
	snprintf(other, sizeof other, "%s !", deep);
	assert_string_equal(walk(&child, AT_FDCWD, deep, 0), below(other));
	snprintf(deep, sizeof deep, "../%.900s/to_d/f", strrchr(top, '/') + 1);
	assert_string_equal(walk(&child, AT_FDCWD, deep, 0), below("d/f"));
	assert_string_equal(walk(&child, 50, "../../../../../../etc/passwd", 0), "/etc/passwd");
	snprintf(deep, sizeof deep, "../../../../..%.900s", below("d/up"));
	assert_string_equal(walk(&child, 50, deep, 0), below("d/f"));
	stop(&child);
}

/* 40 links are followed, 41 are not (MAXSYMLINKS). */
static void test_link_limit(void **state)
{
	struct child child;
	char name[32], target[32] = "d/f";

	(void)state;
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof name, "chain%d", i);
		assert_int_equal(symlink(target, below(name)), 0);
		snprintf(target, sizeof target, "%s", name);
	}
	start(&child, setup_plain);
	assert_string_equal(walk(&child, AT_FDCWD, "chain40", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "chain41", 0), "-ELOOP");
	stop(&child);
}

static void test_searched(void **state)
{
	AUTO_PATH struct path path = PATH_INIT;
	struct child child;

	(void)state;
	start(&child, setup_plain);
	assert_int_equal(path_walk(child.pid, child.pid, AT_FDCWD, "d/e/../e/none/x", 15, 0, &path),
			 -1);
	assert_int_equal(path.error, ENOENT);
	assert_int_equal(path.searched[path.searched_count - 1].mode, S_IFDIR | 0700);
	assert_int_equal(path_walk(child.pid, child.pid, 50, "e/none", 6, 0, &path), 0);
	assert_int_equal(path.error, ENOENT);
	assert_int_equal(path.searched_count, 2);
	assert_int_equal(path.searched[0].mode, S_IFDIR | 0755);
	assert_int_equal(path.parent.mode, S_IFDIR | 0700);
	assert_int_equal(path_walk(child.pid, child.pid, 50, "f", 1, 0, &path), 0);
	assert_int_equal(path.object.mode, S_IFREG | 0644);
	assert_int_equal(path.object.uid, geteuid());
	stop(&child);
}

static void test_proc(void **state)
{
	struct child child;

	(void)state;
	start(&child, setup_plain);
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self/status", 0), "/proc/\\{pid}/status");
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self", PATH_NOFOLLOW), "/proc/self");
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self", 0), "/proc/\\{pid}/");
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/thread-self/stat", 0),
			    "/proc/\\{pid}/task/\\{tid}/stat");
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/1/status", 0), "/proc/\\{pids}/status");
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/mounts", 0), "/proc/\\{pid}/mounts");
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/sys/kernel/ostype", 0),
			    "/proc/sys/kernel/ostype");
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self/fd/51", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "/dev/fd/50/f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self/fd/51", PATH_NOFOLLOW),
			    "/proc/\\{pid}/fd/51");
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self/cwd/d/f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self/root/tmp", 0), "/tmp/");
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self/fd/99", 0), "/proc/\\{pid}/fd/99 !");
	char exe[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
	assert_true(length > 0);
	exe[length] = '\0';
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self/exe", 0), exe);
	stop(&child);
}

static pid_t setup_chroot(void)
{
	return chroot("d") == 0 && chdir("/e") == 0 && dup2(open("..", O_RDONLY), 50) == 50 ? 0
											    : -1;
}

static void test_chroot(void **state)
{
	struct child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	start(&child, setup_chroot);
	assert_int_equal(child.tid, child.pid);
	assert_string_equal(walk(&child, AT_FDCWD, "/f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "/", 0), below("d/"));
	assert_string_equal(walk(&child, AT_FDCWD, "../../../f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "/absolute", 0), below("d/jf"));
	assert_string_equal(walk(&child, AT_FDCWD, "/none", 0), below("d/none !"));
	assert_string_equal(walk(&child, 50, "../absolute", 0), below("d/jf"));
	stop(&child);
}

static pid_t setup_deleted(void)
{
	int fd = open("gone", O_CREAT | O_RDWR, 0600);

	if (dup2(fd, 50) != 50 || unlink("gone") < 0)
		return -1;
	if (mkdir("gonedir", 0700) < 0 || chdir("gonedir") < 0 || rmdir("../gonedir") < 0)
		return -1;
	if (dup2(open("../d/x (deleted)", O_RDONLY), 51) != 51)
		return -1;
	fd = open("..", O_TMPFILE | O_RDWR, 0600);
	return dup2(fd, 52) == 52 ? 0 : -1;
}

static const char *name_of_fd(const struct child *child, int fd)
{
	static char text[2 * PATH_MAX];
	AUTO_PATH struct path path = PATH_INIT;

	if (path_of_fd(child->tid, child->pid, fd, &path) < 0)
		snprintf(text, sizeof text, "-%s", strerrorname_np(path.error));
	else
		snprintf(text, sizeof text, "%s", path.name ? path.name : "(none)");
	return text;
}

static pid_t setup_hard(void)
{
	int fd = open("hard1", O_CREAT | O_RDWR, 0600);

	return dup2(fd, 50) == 50 && link("hard1", "hard2") == 0 && unlink("hard1") == 0 ? 0 : -1;
}

static pid_t setup_pipes(void)
{
	int ends[2];

	if (pipe(ends) < 0 || dup2(ends[0], 50) != 50)
		return -1;
	return dup2(memfd_create("m", 0), 51) == 51 ? 0 : -1;
}

static void test_fds(void **state)
{
	struct child child;

	(void)state;
	start(&child, setup_hard);
	assert_string_equal(name_of_fd(&child, 50), below("hard1"));
	stop(&child);
	start(&child, setup_pipes);
	assert_string_equal(name_of_fd(&child, 50), "(none)");
	assert_string_equal(name_of_fd(&child, 51), "(none)");
	assert_string_equal(name_of_fd(&child, 52), "-EBADF");
	stop(&child);
}

static void test_deleted(void **state)
{
	struct child child;

	(void)state;
	start(&child, setup_deleted);
	assert_int_equal(child.tid, child.pid);
	assert_string_equal(name_of_fd(&child, 50), below("gone"));
	assert_string_equal(name_of_fd(&child, 51), below("d/x (deleted)"));
	assert_string_equal(name_of_fd(&child, 52), below("#\\{inode}"));
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self/fd/50", 0), below("gone"));
	assert_string_equal(walk(&child, AT_FDCWD, ".", 0), below("gonedir/"));
	assert_string_equal(walk(&child, AT_FDCWD, "new", 0), below("gonedir/new !"));
	stop(&child);
}

static pid_t setup_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	if (mount("d", "d/e", NULL, MS_BIND, NULL) < 0)
		return -1;
	return chdir("d/e");
}

/* A bind mount of the root's own directory is not the root: `..` leaves it. */
static void test_mount_namespace(void **state)
{
	struct child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	start(&child, setup_mounts);
	assert_int_equal(child.tid, child.pid);
	assert_string_equal(walk(&child, AT_FDCWD, "f", 0), below("d/e/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "../f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, below("d/e/f"), 0), below("d/e/f"));
	stop(&child);
}

static pid_t setup_bound_root(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	if (mount("d", "d/e", NULL, MS_BIND, NULL) < 0 || chroot("d") < 0)
		return -1;
	return chdir("/e");
}

static void test_bound_root(void **state)
{
	struct child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	start(&child, setup_bound_root);
	assert_int_equal(child.tid, child.pid);
	assert_string_equal(walk(&child, AT_FDCWD, "../f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "../../f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "f", 0), below("d/e/f"));
	stop(&child);
}

/* Child of the child, in a pid namespace with a proc mount of its own. */
static pid_t setup_pids(void)
{
	int report[2];
	pid_t outer = 0;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 || pipe(report) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		int ok = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
			 mount("proc", "/proc", "proc", 0, NULL) == 0;

		if (write(report[1], &ok, sizeof ok) != sizeof ok)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(report[0], &outer, sizeof outer) != sizeof outer || outer != 1)
		return -1;
	return pid;
}

static void test_pid_namespace(void **state)
{
	struct child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	start(&child, setup_pids);
	assert_true(child.tid > 0);
	struct child inner = { child.tid, child.tid };
	assert_string_equal(walk(&inner, AT_FDCWD, "/proc/self/status", 0), "/proc/\\{pid}/status");
	assert_string_equal(walk(&inner, AT_FDCWD, "/proc/1/status", 0), "/proc/\\{pid}/status");
	assert_string_equal(walk(&inner, AT_FDCWD, "/proc/self/cwd/d/f", 0), below("d/f"));
	kill(inner.pid, SIGKILL);
	stop(&child);
}

static void *thread_wait(void *ready)
{
	pid_t tid = (pid_t)syscall(SYS_gettid);

	if (unshare(CLONE_FS) < 0 || chdir("d") < 0)
		tid = -1;
	__atomic_store_n((pid_t *)ready, tid, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return NULL;
}

static pid_t setup_thread(void)
{
	static pid_t tid;
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_wait, &tid) != 0)
		return -1;
	while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST))
		sched_yield();
	return tid;
}

static void test_thread(void **state)
{
	struct child child;

	(void)state;
	start(&child, setup_thread);
	assert_true(child.tid > 0 && child.tid != child.pid);
	assert_string_equal(walk(&child, AT_FDCWD, "f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/thread-self/cwd/f", 0), below("d/f"));
	assert_string_equal(walk(&child, AT_FDCWD, "/proc/self/cwd/d/f", 0), below("d/f"));
	stop(&child);
}

/* What a walk cannot reach is an error, not a name. */
static void test_unreadable(void **state)
{
	struct child child;
	AUTO_PATH struct path path = PATH_INIT;

	(void)state;
	start(&child, setup_plain);
	if (geteuid() == 0) {
		assert_int_equal(chmod(top, 0700), 0);
		assert_int_equal(seteuid(65534), 0);
		assert_int_equal(path_walk(child.pid, child.pid, AT_FDCWD, "d/f", 3, 0, &path), -1);
		assert_int_equal(seteuid(0), 0);
		assert_int_equal(path.error, EACCES);
		assert_null(path.name);
	}
	stop(&child);
	assert_int_equal(path_walk(child.pid, child.pid, AT_FDCWD, "d/f", 3, 0, &path), -1);
	assert_null(path.name);
}

static void test_text(void **state)
{
	static const char *const rows[][2] = {
		{ "/proc/1/fd", "/proc/\\{pids}/fd" },
		{ "/proc/1", "/proc/\\{pids}" },
		{ "/proc/1x/fd", "/proc/1x/fd" },
		{ "/proc/1/task/7/stat", "/proc/\\{pids}/task/\\{tid}/stat" },
		{ "/proc/1/task/", "/proc/\\{pids}/task/" },
		{ "/proc/1/taskx/7", "/proc/\\{pids}/taskx/7" },
		{ "/x/proc/1/fd", "/x/proc/1/fd" },
		{ "/proc/", "/proc/" },
		{ "/tmp/\\{pid}", "/tmp/\\x5c{pid}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = BUF_INIT;

		path_to_text(getpid(), rows[i][0], strlen(rows[i][0]), &out);
		assert_string_equal(buf_text(&out), rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_missing, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_long_ways, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_link_limit, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_searched, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_proc, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_chroot, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_fds, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_deleted, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_mount_namespace, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_bound_root, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_pid_namespace, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_thread, make_tree, drop_tree),
		cmocka_unit_test_setup_teardown(test_unreadable, make_tree, drop_tree),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
