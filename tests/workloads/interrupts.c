/*
 * Calls that a signal interrupts, whose handler lacks SA_RESTART; calls that none does; and calls
 * with a sixth argument. What a kernel alone does is printed, and is the same each time.
 *
 *	interrupts waits   a semaphore, a datagram with its sender, a pipe: EINTR, each time
 *	interrupts never   a wake-up, what is told not to wait: no EINTR, ever
 *	interrupts own     sixth arguments, behind a filter of its own
 *	interrupts child   the same, once a child has asked for a listener of its own
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t left; /* signals until a call that nothing interrupts is given up */

static void tick(int number)
{
	static const char stuck[] = "not interrupted\n";

	(void)number;
	if (--left < 0)
		_exit(write(1, stuck, sizeof stuck - 1) != sizeof stuck - 1 ? 2 : 1);
}

static void every(int microseconds)
{
	struct itimerval often = { { 0, microseconds }, { 0, microseconds } };
	struct sigaction action = { .sa_handler = tick };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* A socket that has sent count bytes to itself. */
static int datagrams(struct sockaddr_in *address, int count)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t length = sizeof *address;

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)address, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &length) < 0)
		err(2, "socket");
	while (count-- > 0)
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)address, length) != 1)
			err(2, "sendto");
	return fd;
}

static ssize_t receive(int fd)
{
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	char byte;

	return recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &length);
}

/* Each was made before with success, so that its result is of no interest any more. */
static int waits(void)
{
	struct sockaddr_in address;
	int ends[2], socket = datagrams(&address, 3), count[3] = { 0 };
	sem_t semaphore;
	char byte;

	sem_init(&semaphore, 0, 0);
	if (pipe(ends) < 0 || write(ends[1], "xxx", 3) != 3)
		err(2, "pipe");
	for (int i = 0; i < 3; i++)
		if (receive(socket) != 1 || read(ends[0], &byte, 1) != 1)
			err(2, "a byte");
	left = 1000;
	every(3000);
	for (int i = 0; i < 20; i++) {
		count[0] += sem_wait(&semaphore) < 0 && errno == EINTR;
		count[1] += receive(socket) < 0 && errno == EINTR;
		count[2] += read(ends[0], &byte, 1) < 0 && errno == EINTR;
	}
	printf("semaphore %d, datagram %d, pipe %d\n", count[0], count[1], count[2]);
	return 0;
}

static int never(void)
{
	static const struct itimerval none;
	int ends[2], pair[2], word = 0, bad[4] = { 0 };
	char byte;
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	if (pipe2(ends, O_NONBLOCK) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		err(2, "pipe");
	left = 1000000;
	every(200);
	for (int i = 0; i < 3000; i++) {
		while (write(ends[1], "x", 1) != 1 || write(pair[1], "x", 1) != 1)
			continue;
		/* each with success, then the same again */
		for (int k = 0; k < 2; k++)
			bad[0] +=
				syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0;
		for (int k = 0; k < 2; k++)
			bad[1] += read(ends[0], &byte, 1) < 0 && errno != EAGAIN;
		for (int k = 0; k < 2; k++)
			bad[2] += recv(pair[0], &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN;
		for (int k = 0; k < 2; k++)
			bad[3] += waitpid(child, NULL, WNOHANG) != 0;
	}
	setitimer(ITIMER_REAL, &none, NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	printf("wake %d, pipe %d, socket %d, child %d wrong\n", bad[0], bad[1], bad[2], bad[3]);
	return 0;
}

/* An offset in the word is 1, the comparison with 0 is true: FUTEX_OP(9). */
static int sixth(void)
{
	const uint32_t add_one = FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0);
	struct sockaddr_in address;
	int socket = datagrams(&address, 20), received = 0, first = 0, second = 7;
	long moved = 0, woken = 0;

	for (int i = 0; i < 20; i++) {
		received += receive(socket) == 1;
		moved +=
			syscall(SYS_futex, &first, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, &second, first);
		woken += syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1, &second, add_one);
	}
	printf("received %d, moved %ld, woken %ld, word %d\n", received, moved, woken, second);
	return 0;
}

static int install(unsigned int flags)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 1, allow };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err(2, "no_new_privs");
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int own(void)
{
	if (install(0) < 0)
		err(2, "seccomp");
	return sixth();
}

static int child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(install(SECCOMP_FILTER_FLAG_NEW_LISTENER) < 0);
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		errx(2, "no listener");
	return sixth();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} kinds[] = { { "waits", waits }, { "never", never }, { "own", own }, { "child", child } };

	for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			return kinds[i].run();
	errx(2, "usage: interrupts waits|never|own|child");
}
