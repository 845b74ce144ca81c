/*
 * Workloads of the oracles: one way of making calls each, named by the first argument. Built for
 * x86_64 and, where the compiler can, for i386.
 */
#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 50

static char *self;

static void wait_all(void)
{
	while (wait(NULL) > 0)
		;
}

static void *thread_calls(void *arg)
{
	long number = (long)arg;
	char text[16];
	int ends[2];

	syscall(SYS_gettid);
	if (number % 10 == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			getpgrp();
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	if (pipe(ends) < 0 || write(ends[1], "whittle", 7) != 7 || read(ends[0], text, 7) != 7)
		err(1, "pipe");
	close(ends[0]);
	close(ends[1]);
	sched_yield();
	return NULL;
}

static void kind_threads(void)
{
	pthread_t thread[THREADS];

	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, thread_calls, (void *)i) != 0)
			errx(1, "pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

/* vfork, exec of itself, and so on: five deep */
static void kind_vfork(void)
{
	const char *depth = getenv("DEPTH");
	char next[2] = { depth ? (char)(depth[0] - 1) : '5', 0 };

	getpgid(0);
	if (next[0] == '0')
		return;
	setenv("DEPTH", next, 1);
	pid_t pid = vfork();
	if (pid == 0) {
		execl(self, self, "vfork", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static void *thread_exec(void *arg)
{
	(void)arg;
	execl(self, self, "end", NULL);
	err(1, "execl");
}

static void kind_thread_exec(void)
{
	pthread_t thread;
	sigset_t none;

	if (pthread_create(&thread, NULL, thread_calls, (void *)1) != 0)
		errx(1, "pthread_create");
	/* had it not ended, exec would kill it, perhaps in the middle of a call */
	pthread_join(thread, NULL);
	if (pthread_create(&thread, NULL, thread_exec, NULL) != 0)
		errx(1, "pthread_create");
	sigemptyset(&none);
	for (;;)
		sigsuspend(&none);
}

static void kind_end(void)
{
	getsid(0);
}

/* Numbers of other ABIs, and such as no kernel has. */
static void kind_mixed(void)
{
#if defined(__x86_64__) || defined(__i386__)
	/* i386: getpid getppid sgetmask time ugetrlimit(EFAULT) fchown32(EBADF) futex_time64, none
	 */
	static const int old[] = { 20, 64, 68, 13, 191, 207, 422, 9998 };
	long result;

	for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
		__asm__ volatile("int $0x80"
				 : "=a"(result)
				 : "0"((long)old[i]), "b"(-1L), "c"(0L), "d"(0L), "S"(0L), "D"(0L)
				 : "memory");
#endif
#ifdef __x86_64__
	syscall(0x40000000 | SYS_getpid);
	syscall(0x40000000 | 513);
#endif
	syscall(9999, 1, 2, 3);
	syscall(-1);
	syscall(SYS_getppid);
}

static void on_signal(int signal)
{
	(void)signal;
}

/* mkdir(2) is refused by a filter of its own, rmdir(2) raises SIGSYS: neither ever runs. */
static void kind_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rmdir, 2, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = { .len = sizeof code / sizeof code[0], .filter = code };

	signal(SIGSYS, on_signal);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &program) < 0)
		err(1, "seccomp");
	if (mkdir("/nonexistent/whittle", 0700) == 0 || errno != EPERM)
		err(1, "mkdir was not refused");
	rmdir("/nonexistent/whittle");
	getpgid(0);
}

/* A sleep that is stopped and continued goes on as restart_syscall(2). */
static void kind_stopped(void)
{
	struct timespec tenth = { .tv_nsec = 100000000 };

	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct timespec sleep = { .tv_nsec = 400000000 };

			nanosleep(&sleep, NULL);
			_exit(0);
		}
		nanosleep(&tenth, NULL);
		kill(pid, SIGSTOP);
		nanosleep(&tenth, NULL);
		kill(pid, SIGCONT);
	}
	wait_all();
}

/* The last descendant outlives its parents. */
static void kind_daemon(void)
{
	struct timespec tenth = { .tv_nsec = 200000000 };

	if (fork() != 0)
		_exit(0);
	setsid();
	if (fork() != 0)
		_exit(0);
	nanosleep(&tenth, NULL);
	umask(022);
}

static void kind_forks(void)
{
	for (int i = 0; i < 500; i++) {
		if (fork() == 0) {
			if (i % 2)
				getppid();
			_exit(0);
		}
		if (i % 20 == 19)
			wait_all();
	}
	wait_all();
}

/* A child that tracers must not follow: what it calls cannot be seen, and has to be called lost. */
static void kind_untraced(void)
{
	struct clone_args args = { .flags = CLONE_UNTRACED, .exit_signal = SIGCHLD };

	if (syscall(SYS_clone3, &args, sizeof args) == 0) {
		umask(022);
		_exit(0);
	}
	wait_all();
}

/* For a set-user-ID copy: what only its owner may do. */
static void kind_setuid(void)
{
	printf("%d %d\n", getuid(), geteuid());
	if (setuid(geteuid()) < 0)
		err(1, "setuid");
}

static const struct kind {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{ "threads", kind_threads },
	{ "vfork", kind_vfork },
	{ "thread-exec", kind_thread_exec },
	{ "end", kind_end },
	{ "mixed", kind_mixed },
	{ "filter", kind_filter },
	{ "stopped", kind_stopped },
	{ "daemon", kind_daemon },
	{ "forks", kind_forks },
	{ "untraced", kind_untraced },
	{ "setuid", kind_setuid },
};

int main(int argc, char **argv)
{
	self = argv[0];
	for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strcmp(argv[1], kinds[i].name) == 0) {
			kinds[i].run();
			return 0;
		}
	}
	errx(2, "usage: kinds KIND");
}
