/*
 * A small program made up from a seed: what it does, in which order and how often, but not how the
 * scheduler mixes it, so that the set of what it uses is the same in each run.
 *
 *	random_program DIR SEED [DEPTH]
 *
 * It keeps to DIR, which is there and empty. Each actor (a process or a thread) draws from a
 *sequence of its own and has a directory of its own. What depends on timing (restart_syscall(2),
 *waiting for a lock, arenas of malloc) is done by each process at its start, whatever the seed.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct actor {
	uint64_t random;
	char dir[200]; /* absolute */
	int fd;        /* of dir */
	int depth;
	int children; /* named so far */
	int thread;   /* others share its process */
};

static const char *self, *helper;

static uint64_t draw(struct actor *actor)
{
	uint64_t mixed = actor->random += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
	return mixed ^ (mixed >> 31);
}

static unsigned int below(struct actor *actor, unsigned int limit)
{
	return (unsigned int)(draw(actor) % limit);
}

static void enter(struct actor *actor, const char *dir, uint64_t seed, int depth, int thread)
{
	*actor = (struct actor){ .random = seed, .depth = depth, .thread = thread };
	snprintf(actor->dir, sizeof actor->dir, "%s", dir);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		err(1, "mkdir %s", dir);
	actor->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (actor->fd < 0)
		err(1, "open %s", dir);
}

static void name(struct actor *actor, char text[300])
{
	snprintf(text, 300, "%s/n%u", actor->dir, below(actor, 6));
}

/* ---- calls that no policy asks more of than their name ---- */

static void loop_of_calls(struct actor *actor)
{
	static const int limits[] = { 5, 20, 40, 70, 100, 200, 400 };
	int count = limits[below(actor, sizeof limits / sizeof *limits)];
	int kinds = 1 + (int)below(actor, 4), kind[4];
	struct timespec now;
	struct stat st;
	char byte;

	for (int i = 0; i < kinds; i++)
		kind[i] = (int)below(actor, 12);
	for (int i = 0; i < count; i++) {
		switch (kind[i % kinds]) {
		case 0:
			syscall(SYS_getppid);
			break;
		case 1:
			lseek(actor->fd, 0, SEEK_SET);
			break;
		case 2:
			fstat(actor->fd, &st);
			break;
		case 3:
			fcntl(actor->fd, F_GETFL);
			break;
		case 4:
			fcntl(actor->fd, F_GETFD);
			break;
		case 5:
			sched_yield();
			break;
		case 6:
			syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
			break;
		case 7:
			close(dup(actor->fd));
			break;
		case 8:
			syscall(SYS_futex, &now, FUTEX_WAKE, 1, NULL, NULL, 0);
			break;
		case 9:
			syscall(SYS_getuid);
			break;
		case 10:
			read(actor->fd, &byte, 1);
			break; /* EISDIR */
		default:
			ioctl(actor->fd, FIONREAD, &now);
			break;
		}
	}
}

static void one_plain_call(struct actor *actor)
{
	struct rusage usage;
	struct rlimit limit;
	struct itimerval timer;
	cpu_set_t set;
	char text[100];
	int value;

	switch (below(actor, 16)) {
	case 0:
		getrusage(RUSAGE_SELF, &usage);
		break;
	case 1:
		getpriority(PRIO_PROCESS, 0);
		break;
	case 2:
		getpgid(0);
		break;
	case 3:
		syscall(SYS_getsid, 0);
		break;
	case 4:
		getitimer(ITIMER_REAL, &timer);
		break;
	case 5:
		sched_getaffinity(0, sizeof set, &set);
		break;
	case 6:
		sched_getscheduler(0);
		break;
	case 7:
		getrlimit((__rlimit_resource_t)below(actor, RLIM_NLIMITS), &limit);
		break;
	case 8:
		syscall(SYS_getrandom, text, 8, 0);
		break;
	case 9:
		close(epoll_create1(EPOLL_CLOEXEC));
		break;
	case 10:
		close(eventfd(0, EFD_CLOEXEC));
		break;
	case 11:
		syscall(SYS_getcpu, &value, NULL, NULL);
		break;
	case 12:
		syscall(SYS_times, NULL);
		break;
	case 13:
		syscall(SYS_sysinfo, memset(malloc(200), 0, 200));
		break;
	case 14:
		close(memfd_create("random", MFD_CLOEXEC));
		break;
	default:
		syscall(SYS_membarrier, 0, 0, 0);
		break;
	}
}

/* ---- arguments ---- */

static void values(struct actor *actor)
{
	static const int commands[] = { F_GETFD,  F_GETFL,    F_GETOWN,   F_GETPIPE_SZ,
					F_GETSIG, F_GETLEASE, F_GET_SEALS };
	static const unsigned long requests[] = { FIONREAD, TCGETS, TIOCGWINSZ, FIONBIO,
						  FIOCLEX,  0x5450, 0x12345 };
	static const int options[] = { PR_GET_DUMPABLE,
				       PR_GET_KEEPCAPS,
				       PR_GET_TIMERSLACK,
				       PR_GET_PDEATHSIG,
				       PR_GET_NO_NEW_PRIVS,
				       PR_GET_TSC,
				       77777 };
	unsigned int which = below(actor, 7);
	int value = 0, times = below(actor, 4) == 0 ? 80 : 1;

	for (int i = 0; i < times; i++)
		switch (which % 3) {
		case 0:
			fcntl(actor->fd, commands[which]);
			break;
		case 1:
			ioctl(actor->fd, requests[which], &value);
			break;
		default:
			prctl(options[which], &value, 0, 0, 0);
			break;
		}
}

static void memory(struct actor *actor)
{
	static const int protections[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
					   PROT_READ | PROT_EXEC };
	static const int advices[] = { MADV_NORMAL, MADV_RANDOM, MADV_WILLNEED, MADV_DONTNEED,
				       MADV_DONTFORK };
	int times = below(actor, 4) == 0 ? 60 : 1;
	int first = protections[below(actor, 3)], second = protections[below(actor, 4)];
	int advice = advices[below(actor, 5)], fixed = below(actor, 2);
	int fd = below(actor, 3) ? -1 : open(self, O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < times; i++) {
		char *at =
			mmap(NULL, 8192, first, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
		if (at == MAP_FAILED)
			err(1, "mmap");
		mprotect(at, 4096, second);
		madvise(at, 4096, advice);
		if (fixed)
			munmap(at + 4096, 4096);
		munmap(at, 8192);
	}
	if (fd >= 0)
		close(fd);
}

/* ---- paths ---- */

static void one_path(struct actor *actor)
{
	static const int flags[] = { O_RDONLY,
				     O_WRONLY | O_CREAT,
				     O_RDWR | O_CREAT | O_TRUNC,
				     O_WRONLY | O_APPEND | O_CREAT,
				     O_PATH,
				     O_RDWR | O_CREAT | O_EXCL,
				     O_RDONLY | O_NOFOLLOW };
	char first[300], second[300], relative[20];
	struct stat st;
	int fd = -1;

	name(actor, first);
	name(actor, second);
	snprintf(relative, sizeof relative, "n%u", below(actor, 6));
	int flag = flags[below(actor, 7)];
	switch (below(actor, 16)) {
	case 0:
	case 1:
		fd = open(first, flag | O_CLOEXEC, 0644);
		break;
	case 2:
		fd = openat(actor->fd, relative, flag | O_CLOEXEC, 0600);
		break;
	case 3:
		fd = creat(first, 0644);
		break;
	case 4:
		rename(first, second);
		break;
	case 5:
		unlink(first);
		break;
	case 6:
		symlink(relative, second);
		break;
	case 7:
		mkdir(first, 0700);
		break;
	case 8:
		rmdir(first);
		break;
	case 9:
		stat(first, &st);
		break;
	case 10:
		access(first, R_OK | W_OK);
		break;
	case 11:
		link(first, second);
		break;
	case 12:
		chmod(first, 0640);
		break;
	case 13:
		unlinkat(actor->fd, relative, 0);
		break;
	case 14:
		truncate(first, 3);
		break;
	default:
		fd = open(first, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (write(fd, "text", 4) != 4)
			flag = 0;
		if (below(actor, 2))
			flock(fd, LOCK_EX);
		break;
	}
	if (fd >= 0)
		close(fd);
}

/* What root's capabilities are for; others are refused. */
static void privileged(struct actor *actor)
{
	int times = below(actor, 4) == 0 ? 50 : 1, nice = -(int)below(actor, 3), fd;
	uid_t uid = below(actor, 2);
	char path[300];

	name(actor, path);
	switch (below(actor, 3)) {
	case 0:
		while (times-- > 0)
			setpriority(PRIO_PROCESS, 0, nice);
		break;
	case 1:
		while (times-- > 0)
			if (chown(path, uid, uid) < 0)
				return;
		break;
	default:
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0200);
		if (fd >= 0 && fchown(fd, uid, uid) == 0)
			fchmod(fd, 0400);
		close(fd);
	}
}

static void paths(struct actor *actor)
{
	for (int count = 1 + (int)below(actor, 12); count > 0; count--)
		one_path(actor);
}

/* Relative names: the working directory is the whole process's. */
static void relative_paths(struct actor *actor)
{
	char relative[20];
	struct stat st;

	if (actor->thread || chdir(actor->dir) < 0)
		return;
	for (int count = 1 + (int)below(actor, 60); count > 0; count--) {
		snprintf(relative, sizeof relative, "r%u", below(actor, 4));
		if (below(actor, 2) == 0)
			stat(relative, &st);
		else if (below(actor, 6) == 0)
			close(open(relative, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
		else
			access(relative, R_OK);
	}
	if (below(actor, 3) == 0)
		chdir("..");
}

/* ---- sockets ---- */

static void unix_stream(struct actor *actor)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char byte = 1;

	if (snprintf(address.sun_path, sizeof address.sun_path, "%s/s", actor->dir) >=
	    (int)sizeof address.sun_path)
		return;
	unlink(address.sun_path);
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(server, 5) < 0 ||
	    connect(client, (struct sockaddr *)&address, sizeof address) < 0)
		err(1, "socket %s", address.sun_path);
	int end = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	for (int i = (int)below(actor, 120); i >= 0; i--)
		if (write(client, &byte, 1) != 1 || read(end, &byte, 1) != 1)
			err(1, "socket");
	close(server);
	close(client);
	close(end);
}

static void sockets(struct actor *actor)
{
	static const struct {
		int family, type;
	} kinds[] = {
		{ AF_INET, SOCK_STREAM }, { AF_INET, SOCK_DGRAM }, { AF_INET6, SOCK_DGRAM },
		{ AF_NETLINK, SOCK_RAW }, { AF_UNIX, SOCK_DGRAM }, { AF_UNIX, SOCK_SEQPACKET }
	};
	struct sockaddr_in loopback = { .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned int kind = below(actor, 6);
	int one = 1, times = below(actor, 4) == 0 ? 60 : 1, pair[2];

	if (below(actor, 3) == 0) {
		unix_stream(actor);
		return;
	}
	loopback.sin_port = htons((uint16_t)(9000 + below(actor, 3)));
	unsigned int what = below(actor, 5);
	for (int i = 0; i < times; i++) {
		int fd = socket(kinds[kind].family, kinds[kind].type | SOCK_CLOEXEC, 0);
		setsockopt(fd, SOL_SOCKET, what % 2 ? SO_REUSEADDR : SO_KEEPALIVE, &one,
			   sizeof one);
		if (what == 1)
			sendto(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
			       (struct sockaddr *)&loopback, sizeof loopback);
		if (what == 2 && kind == 1)
			connect(fd, (struct sockaddr *)&loopback, sizeof loopback);
		close(fd);
		if (what == 3 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
			close(pair[0]);
			close(pair[1]);
		}
	}
}

/* ---- signals ---- */

static volatile sig_atomic_t handled;

static void count_signal(int number)
{
	(void)number;
	handled++;
}

/* The interrupted call ends by EINTR, or is started again: known, since the pipe is empty before.
 */
static void signals(struct actor *actor)
{
	struct sigaction action = { .sa_handler = count_signal };
	int restart = (int)below(actor, 2), times = below(actor, 3) == 0 ? 50 : 1;
	struct itimerval soon = { { 0, 0 }, { 0, 3000 } };
	int ends[2];
	char byte;

	if (actor->thread) {
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
		return;
	}
	if (restart)
		action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < times; i++)
		kill(getpid(), SIGUSR1);
	if (pipe2(ends, O_CLOEXEC) < 0)
		err(1, "pipe2");
	int before = handled;
	setitimer(ITIMER_REAL, &soon, NULL);
	if (!restart) {
		/* a late start misses the signal: then it comes before, and nothing is read */
		struct pollfd pollfd = { ends[0], POLLIN, 0 };
		poll(&pollfd, 1, 20);
	} else {
		while (before == handled)
			syscall(SYS_getppid);
		if (write(ends[1], "x", 1) != 1 || read(ends[0], &byte, 1) != 1)
			err(1, "pipe");
	}
	close(ends[0]);
	close(ends[1]);
	signal(SIGALRM, SIG_DFL);
}

/* ---- others ---- */

static void act(struct actor *actor, int count);

static void *thread_main(void *arg)
{
	struct actor *actor = arg;

	act(actor, 2 + (int)below(actor, 5));
	return NULL;
}

static void child_of(struct actor *actor, struct actor *child, int thread)
{
	char dir[220];

	snprintf(dir, sizeof dir, "%.180s/%c%d", actor->dir, thread ? 't' : 'p', actor->children++);
	enter(child, dir, draw(actor), actor->depth + 1, thread);
}

static void threads(struct actor *actor)
{
	struct actor child[3];
	pthread_t thread[3];
	int count = 1 + (int)below(actor, 3);

	if (actor->thread || actor->depth > 2)
		return;
	for (int i = 0; i < count; i++)
		child_of(actor, &child[i], 1);
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread[i], NULL, thread_main, &child[i]) != 0)
			errx(1, "pthread_create");
	for (int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < count; i++)
		close(child[i].fd);
}

static void must_end(pid_t pid, const char *what)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "%s", what);
	if (status != 0)
		errx(1, "%s: wait status %#x", what, (unsigned int)status);
}

static void forks(struct actor *actor)
{
	struct actor child;
	pid_t pid[3];
	int count = 1 + (int)below(actor, 3), together = (int)below(actor, 2);

	if (actor->thread || actor->depth > 2)
		return;
	for (int i = 0; i < count; i++) {
		child_of(actor, &child, 0);
		pid[i] = fork();
		if (pid[i] == 0) {
			act(&child, 1 + (int)below(&child, 6));
			_exit(0);
		}
		close(child.fd);
		if (!together)
			must_end(pid[i], "fork");
	}
	for (int i = 0; together && i < count; i++)
		must_end(pid[i], "fork");
}

static void execs(struct actor *actor)
{
	char dir[220], seed[30], depth[20];
	const char *program = helper && below(actor, 4) == 0 ? helper : self;
	int vforked = (int)below(actor, 2);

	if (actor->thread || actor->depth > 2)
		return;
	snprintf(dir, sizeof dir, "%.180s/x%d", actor->dir, actor->children++);
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)(draw(actor) >> 1));
	snprintf(depth, sizeof depth, "%d", actor->depth + 1);
	pid_t pid = vforked ? vfork() : fork();
	if (pid == 0) {
		execl(program, program, dir, seed, depth, NULL);
		_exit(9);
	}
	must_end(pid, "exec");
	/* a name that is no program */
	pid = below(actor, 4) == 0 ? fork() : 1;
	if (pid == 0) {
		execl(dir, dir, NULL);
		_exit(0);
	}
	if (pid != 1)
		must_end(pid, "exec of a directory");
}

static void act(struct actor *actor, int count)
{
	static void (*const actions[])(struct actor *) = {
		loop_of_calls, loop_of_calls, one_plain_call, one_plain_call, values,
		memory,        paths,         paths,          relative_paths, sockets,
		signals,       threads,       forks,          execs,          privileged,
	};

	for (; count > 0; count--)
		actions[below(actor, sizeof actions / sizeof *actions)](actor);
}

/* What may or may not come later, by the scheduler's choice, is made to have come. */
static void settle(void)
{
	struct sigaction action = { .sa_handler = count_signal };
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	struct timespec moment = { 0, 1 };
	int word = 0;

	sigaction(SIGUSR2, &action, NULL);
	raise(SIGUSR2);
	syscall(SYS_restart_syscall);
	syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
	syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0);
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	nanosleep(&moment, NULL);
	poll(NULL, 0, 0); /* under notify a signal may take back that of signals() */
	syscall(SYS_getppid);
	syscall(SYS_sched_yield);
	char *at =
		mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	mprotect(at, 4096, PROT_READ | PROT_WRITE);
	madvise(at, 1 << 20, MADV_DONTNEED);
	munmap(at, 1 << 20);
	syscall(SYS_brk, 0);
}

int main(int argc, char **argv)
{
	struct actor actor;

	if (argc < 3)
		errx(2, "usage: random_program DIR SEED [DEPTH]");
	self = realpath(argv[0], NULL);
	if (!self)
		err(1, "%s", argv[0]);
	helper = getenv("RANDOM_PROGRAM_32");
	settle();
	enter(&actor, argv[1], strtoull(argv[2], NULL, 10), argc > 3 ? atoi(argv[3]) : 0, 0);
	act(&actor, 4 + (int)below(&actor, 12));
	return 0;
}
