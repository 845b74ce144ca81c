/*
 * Looks at names below directories that it may search, over and over; then one thing changes, and
 *it looks again where that asks for a capability (as root), or at another process.
 *
 *	looks DIR KIND N [CALLS]	in the new directory DIR, N times, with CALLS (1) other
 *calls in between
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { OTHER = 65534 };

static int times, calls = 1, seen, linked;
static bool attributes; /* asks for them too */

static void look(const char *name)
{
	struct stat st;
	char text[256];

	if (attributes) {
		seen += getxattr(name, "security.whittle", text, sizeof(text)) > 0;
		seen += lgetxattr(name, "system.posix_acl_access", NULL, 0) > 0;
	}
	seen += stat(name, &st) == 0;
	seen += lstat(name, &st) == 0;
	linked += readlink(name, text, sizeof(text)) > 0;
}

static void make(const char *dir, mode_t mode)
{
	char name[64];
	int fd;

	if (mkdir(dir, 0755) < 0)
		err(2, "%s", dir);
	snprintf(name, sizeof(name), "%s/file", dir);
	fd = open(name, O_WRONLY | O_CREAT, 0644);
	if (fd < 0)
		err(2, "%s", name);
	close(fd);
	snprintf(name, sizeof(name), "%s/link", dir);
	if (symlink("file", name) < 0)
		err(2, "%s", name);
	if (chmod(dir, mode) < 0 || (getuid() == 0 && chown(dir, OTHER, OTHER) < 0))
		err(2, "%s", dir);
}

static bool linkless; /* looks at no link, at first */

static void look_around(void)
{
	for (int i = 0; i < times; i++) {
		look("open/file");
		look(linkless ? "empty/none" : "open/link");
		look("open/none");
		look("way/file");
		look(linkless ? "." : "out");
		for (int j = 0; j < calls; j++)
			close(-1);
	}
}

static void look_again(void)
{
	look("open/file");
	look("way/link");
}

static void kind_nothing(void)
{
}

static void kind_chmod(void)
{
	chmod("open", 0);
}

static void kind_fchmod(void)
{
	int fd = open("open", O_RDONLY | O_DIRECTORY);

	fchmod(fd, 0);
	close(fd);
}

static void kind_rename(void)
{
	rename("open", "old");
	rename("shut", "open");
}

static void kind_symlink(void)
{
	unlink("way");
	if (symlink("shut", "way") < 0)
		err(2, "way");
}

static void kind_last(void)
{
	look("out/of/reach");
	unlink("out");
	if (symlink("shut/file", "out") < 0)
		err(2, "out");
	look("out");
}

static void kind_chdir(void)
{
	if (chdir("shut") < 0)
		err(2, "shut");
	look("file");
	if (chdir("..") < 0)
		err(2, "..");
}

static void kind_chroot(void)
{
	if (getuid() == 0 && (mkdir("root", 0755) < 0 || rename("shut", "root/open") < 0 ||
			      chroot("root") < 0 || chdir("/") < 0))
		err(2, "chroot");
}

/* The identity by which directories are searched is another one's: of it, not of the capabilities.
 */
static void kind_setfsuid(void)
{
	setfsuid(OTHER);
	setfsgid(OTHER);
}

static void kind_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(chmod("open", 0) < 0);
	if (waitpid(pid, &status, 0) != pid || status)
		errx(2, "child: %#x", (unsigned int)status);
}

static void *shut(void *arg)
{
	chmod("open", 0);
	return arg;
}

static void kind_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, shut, NULL) != 0)
		errx(2, "pthread_create");
	pthread_join(thread, NULL);
}

/* The link is another process's, and reading it is a fact of ptrace. */
static void kind_process(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/exe", (int)getppid());
	for (int i = 0; i < times; i++)
		look("/proc/self/stat");
	look(name);
}

/* The link is the first that it reads; and on the way to what is missing it needs a capability. */
static void kind_linkless(void)
{
	char name[64];

	look("shut/none");
	if (chdir("/proc") < 0)
		err(2, "/proc");
	snprintf(name, sizeof(name), "%d/exe", (int)getppid());
	look(name);
}

/* Behind a drop it is refused the way, and others than it find nothing there. */
static void kind_drop(void)
{
	char text[8];

	if (mkdir("mine", 0700) < 0)
		err(2, "mine");
	if (getuid() == 0 && setresuid(OTHER, OTHER, OTHER) < 0)
		err(2, "setresuid");
	for (int i = 0; i < times; i++)
		linked += readlink("mine/none", text, sizeof(text)) > 0;
}

/* There is one, all at once; and even in vain some kinds ask for a capability. */
static void kind_attributes(void)
{
	int fd = open("secret", O_WRONLY | O_CREAT, 0600);
	char text[8];

	if (fd < 0 || (getuid() == 0 && fchown(fd, OTHER, OTHER) < 0))
		err(2, "secret");
	close(fd);
	seen += getxattr("secret", "user.none", text, sizeof(text)) > 0;
	seen += lgetxattr("secret", "trusted.none", text, sizeof(text)) > 0;
	seen += lgetxattr("secret", "none.whittle", text, sizeof(text)) > 0;
	if (getuid() == 0 && setxattr("open/file", "security.whittle", "there", 5, 0) < 0)
		err(2, "setxattr");
}

/* Each asks for a capability, as fast as it can. */
static void kind_asks(void)
{
	struct stat st;

	for (int i = 0; i < times * 10000; i++)
		seen += stat("shut/file", &st) == 0;
}

/* The same by looks alone, after it went through /proc: before its looks, and behind them. */
static void find_processes(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		err(2, "/proc");
	close(fd);
}

static void kind_inspect(void)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof(name), "/proc/%d/exe", (int)getppid());
	if (stat(name, &st) < 0)
		err(2, "%s", name);
}

static void kind_late(void)
{
	find_processes();
	kind_inspect();
}

static const struct {
	const char *name;
	void (*change)(void);
} kinds[] = {
	{ "nothing", kind_nothing }, { "chmod", kind_chmod },     { "fchmod", kind_fchmod },
	{ "rename", kind_rename },   { "symlink", kind_symlink }, { "last", kind_last },
	{ "chdir", kind_chdir },     { "chroot", kind_chroot },   { "setfsuid", kind_setfsuid },
	{ "child", kind_child },     { "thread", kind_thread },   { "process", kind_process },
	{ "inspect", kind_inspect }, { "late", kind_late },       { "linkless", kind_linkless },
	{ "drop", kind_drop },       { "asks", kind_asks },       { "attributes", kind_attributes },
};

int main(int argc, char **argv)
{
	if (argc < 4 || argc > 5 || mkdir(argv[1], 0755) < 0 || chdir(argv[1]) < 0)
		errx(2, "usage: looks NEW-DIR KIND N [CALLS]");
	times = atoi(argv[3]);
	if (argc == 5)
		calls = atoi(argv[4]);
	make("open", 0755);
	make("shut", 0700);
	if (mkdir("empty", 0755) < 0)
		err(2, "empty");
	if (symlink("open", "way") < 0 || symlink("open/file", "out") < 0)
		err(2, "symlink");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, argv[2]) != 0)
			continue;
		if (kinds[i].change == kind_inspect)
			find_processes();
		attributes = kinds[i].change == kind_attributes;
		linkless = kinds[i].change == kind_linkless || kinds[i].change == kind_drop;
		look_around();
		kinds[i].change();
		look_again();
		printf("%d seen, %d links\n", seen, linked);
		return 0;
	}
	errx(2, "no kind %s", argv[2]);
}
