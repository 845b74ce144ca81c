/*
 * The loads of the bench that no ordinary program is:
 *	load getppid SECONDS     the cheapest call there is
 *	load futex SECONDS       two threads that wake each other in turn
 *	load files FOLDER        stat, open, fstat and close every file of a folder
 *	load allow COMMAND…      COMMAND under a filter that allows all: what any filter costs
 * The first two print how many seconds one turn took (of getppid: 100 calls), of the second half
 * of that time: what is learned at first is a cost of the start, and other loads show that.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time); /* no syscall: vdso(7) */
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int repeat(void (*turn)(void), double seconds)
{
	double begin = now(), half = 0, end;
	long count = 0;

	while ((end = now()) < begin + seconds) {
		if (!half && end >= begin + seconds / 2) {
			half = end;
			count = 0;
		}
		turn();
		count++;
	}
	if (!half || !count)
		return 1;
	return printf("%.9f\n", (end - half) / (double)count) < 0;
}

static void turn_getppid(void)
{
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
}

static int load_getppid(char **args)
{
	return repeat(turn_getppid, atof(args[0]));
}

static atomic_int ball; /* 0: the main thread's; 1: the other's; 2: the end */

static void pass(int to)
{
	atomic_store(&ball, to);
	syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int await(int mine)
{
	int found;

	while ((found = atomic_load(&ball)) != mine && found != 2)
		syscall(SYS_futex, &ball, FUTEX_WAIT_PRIVATE, found, NULL, NULL, 0);
	return found;
}

static void *other(void *unused)
{
	(void)unused;
	while (await(1) != 2)
		pass(0);
	return NULL;
}

static void turn_futex(void)
{
	pass(1);
	await(0);
}

static int load_futex(char **args)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, other, NULL) != 0)
		return 1;
	int status = repeat(turn_futex, atof(args[0]));
	pass(2);
	return pthread_join(thread, NULL) || status;
}

static bool look(const char *name)
{
	struct stat st;
	int fd;

	if (stat(name, &st) < 0 || (fd = open(name, O_RDONLY)) < 0)
		return false;
	bool ok = fstat(fd, &st) == 0;
	close(fd);
	return ok;
}

static int load_files(char **args)
{
	DIR *folder = opendir(args[0]);
	struct dirent *entry;
	long count = 0;

	if (!folder || chdir(args[0]) < 0)
		return 1;
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.') {
			if (!look(entry->d_name))
				return 1;
			count++;
		}
	closedir(folder);
	return count == 0;
}

static int load_allow(char **args)
{
	struct sock_filter all = { .code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW };
	struct sock_fprog program = { .len = 1, .filter = &all };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)) {
		perror("load: seccomp");
		return 1;
	}
	execvp(args[0], args);
	perror("load: exec");
	return 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **args);
	} loads[] = {
		{ "getppid", load_getppid },
		{ "futex", load_futex },
		{ "files", load_files },
		{ "allow", load_allow },
	};

	for (size_t i = 0; argc > 2 && i < sizeof loads / sizeof *loads; i++)
		if (strcmp(argv[1], loads[i].name) == 0)
			return loads[i].run(argv + 2);
	fputs("usage: load getppid|futex|files|allow ARGUMENT...\n", stderr);
	return 2;
}
