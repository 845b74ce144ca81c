/* Operations of the rows' helper on processes and sockets; see helper.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"

extern char **environ;

/* ---- programs ---- */

CALL(execat, syscall(SYS_execveat, state->fd, args[0], args, environ, 0))
CALL(execnofollow, syscall(SYS_execveat, AT_FDCWD, args[0], args, environ, AT_SYMLINK_NOFOLLOW))

/* Without close-on-exec, so that an interpreter can open /dev/fd/N. */
OP(fexecpass)
{
	char *arguments[] = { "x", "true", NULL };

	return fexecve(state->fd, arguments, environ);
}

OP(spawn)
{
	int status;
	pid_t child;

	errno = posix_spawn(&child, args[0], NULL, NULL, args, environ);
	if (errno || waitpid(child, &status, 0) < 0)
		return -1;
	errno = ECHILD;
	return status ? -1 : 0;
}

/* The rest is done by a child, whose status becomes this process's. */
OP(fork)
{
	int status;

	pid_t child = fork();
	if (child <= 0)
		return child;
	waitpid(child, &status, 0);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* ---- signals ---- */

static pid_t target(const struct state *state)
{
	return state->child ? state->child : getpid();
}

static int pidfd_of(const struct state *state)
{
	return (int)syscall(SYS_pidfd_open, target(state), 0);
}

CALL(ignore, signal(atoi(args[0]), SIG_IGN) == SIG_ERR ? -1 : 0)
CALL(tgkill, syscall(SYS_tgkill, target(state), target(state), atoi(args[0])))
CALL(tkill, syscall(SYS_tkill, target(state), atoi(args[0])))
CALL(pidfdkill, syscall(SYS_pidfd_send_signal, pidfd_of(state), atoi(args[0]), NULL, 0))
CALL(sigqueue, sigqueue(target(state), atoi(args[0]), (union sigval){ 0 }))
CALL(killgroup, kill(0, atoi(args[0])))
CALL(setpgid, setpgid(0, 0))
CALL(killparent, kill(getppid(), atoi(args[0])))
CALL(pdeathsig, prctl(PR_SET_PDEATHSIG, atoi(args[0])))
CALL(raise, raise(atoi(args[0])))
CALL(ualarm, (int)ualarm(1000, 0))
CALL(pause, pause())

OP(waitkid)
{
	int status;

	return waitpid(state->child, &status, WUNTRACED);
}

/* A child that has ended, and is not waited for. */
OP(zombie)
{
	siginfo_t info;

	state->child = fork();
	if (state->child == 0)
		_exit(0);
	return waitid(P_PID, (id_t)state->child, &info, WEXITED | WNOWAIT);
}

/* The kernel sends it. */
OP(timersignal)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec soon = { .it_value.tv_nsec = 1000 };
	timer_t timer;

	signal(SIGUSR1, SIG_IGN);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		return -1;
	return timer_settime(timer, 0, &soon, NULL);
}

OP(sigpipe)
{
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	if (pipe(ends) < 0 || close(ends[0]) < 0)
		return -1;
	return write(ends[1], "x", 1) < 0 && errno == EPIPE ? 0 : -1;
}

/* ---- looking into other processes ---- */

CALL(ptseize, ptrace(PTRACE_SEIZE, state->child, NULL, NULL))
CALL(kcmp, syscall(SYS_kcmp, getpid(), state->child, KCMP_VM, 0, 0))
CALL(pidfdgetfd, state->fd = (int)syscall(SYS_pidfd_getfd, pidfd_of(state), atoi(args[0]), 0))
CALL(prlimit, prlimit(state->child, RLIMIT_CORE, NULL, &(struct rlimit){ 0 }))
CALL(prlimitset, prlimit(state->child, RLIMIT_CORE, &(struct rlimit){ 0 }, NULL))
CALL(setprio, setpriority(PRIO_PROCESS, (id_t)state->child, 5))
CALL(getpgid, getpgid(state->child))

OP(robust)
{
	void *head;
	size_t length;

	return (int)syscall(SYS_get_robust_list, state->child, &head, &length);
}

OP(vmwrite)
{
	static char bytes[8];
	struct iovec local = { bytes, sizeof(bytes) };

	return (int)process_vm_writev(state->child, &local, 1, &local, 1, 0);
}

OP(procopen)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/%s", target(state), args[1]);
	return state->fd = open(name, open_flags(args[0]));
}

/* ---- sockets ---- */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* The loopback address of a family, any port. */
static socklen_t loopback(int family, union address *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->any.sa_family = (sa_family_t)family;
	if (family == AF_INET6) {
		ret_address->in6.sin6_addr = in6addr_loopback;
		return sizeof(ret_address->in6);
	}
	ret_address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(ret_address->in);
}

/* Listens, connects to itself, accepts, and sends a byte. */
OP(tcploop)
{
	union address address;
	int family = atoi(args[0]);
	socklen_t length = loopback(family, &address);

	int server = socket(family, SOCK_STREAM, 0);
	if (server < 0 || bind(server, &address.any, length) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, &address.any, &length) < 0)
		return -1;
	int client = socket(family, SOCK_STREAM, 0);
	if (client < 0 || connect(client, &address.any, length) < 0)
		return -1;
	state->fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	return (int)send(client, "x", 1, 0);
}

OP(udploop)
{
	union address address;
	int family = atoi(args[0]);
	socklen_t length = loopback(family, &address);

	state->fd = socket(family, SOCK_DGRAM, 0);
	if (state->fd < 0 || bind(state->fd, &address.any, length) < 0 ||
	    getsockname(state->fd, &address.any, &length) < 0)
		return -1;
	return (int)sendto(state->fd, "x", 1, 0, &address.any, length);
}

OP(autobind)
{
	sa_family_t family = AF_UNIX;

	return bind(state->fd, (struct sockaddr *)&family, sizeof(family));
}

OP(pair)
{
	int pair[2];

	if (socketpair(AF_UNIX, socket_type(args[0]), 0, pair) < 0)
		return -1;
	return state->fd = pair[0];
}

/* A descriptor goes to a child over a socket pair, which writes to it. */
OP(scmchild)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	char byte = 'x';
	struct iovec bytes = { &byte, 1 };
	struct msghdr message = { .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int pair[2], status, fd;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		if (recvmsg(pair[1], &message, 0) != 1)
			_exit(1);
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
		_exit(write(fd, "x", 1) != 1);
	}
	memcpy(CMSG_DATA(&control.header), &state->fd, sizeof(int));
	if (sendmsg(pair[0], &message, 0) < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	errno = EACCES;
	return status ? -1 : 0;
}

CALL(reuseport, setsockopt(state->fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)))
CALL(shutdown, shutdown(state->fd, SHUT_RDWR))

const struct op process_ops[] = {
	{ "autobind", 0, do_autobind },
	{ "execat", TAKES_REST | 1, do_execat },
	{ "execnofollow", TAKES_REST | 1, do_execnofollow },
	{ "fexecpass", 0, do_fexecpass },
	{ "fork", 0, do_fork },
	{ "getpgid", 0, do_getpgid },
	{ "ignore", 1, do_ignore },
	{ "kcmp", 0, do_kcmp },
	{ "killgroup", 1, do_killgroup },
	{ "killparent", 1, do_killparent },
	{ "pair", 1, do_pair },
	{ "pause", 0, do_pause },
	{ "pdeathsig", 1, do_pdeathsig },
	{ "pidfdgetfd", 1, do_pidfdgetfd },
	{ "pidfdkill", 1, do_pidfdkill },
	{ "prlimit", 0, do_prlimit },
	{ "prlimitset", 0, do_prlimitset },
	{ "procopen", 2, do_procopen },
	{ "ptseize", 0, do_ptseize },
	{ "raise", 1, do_raise },
	{ "reuseport", 0, do_reuseport },
	{ "robust", 0, do_robust },
	{ "scmchild", 0, do_scmchild },
	{ "setpgid", 0, do_setpgid },
	{ "setprio", 0, do_setprio },
	{ "shutdown", 0, do_shutdown },
	{ "sigpipe", 0, do_sigpipe },
	{ "sigqueue", 1, do_sigqueue },
	{ "spawn", TAKES_REST | 1, do_spawn },
	{ "tcploop", 1, do_tcploop },
	{ "tgkill", 1, do_tgkill },
	{ "timersignal", 0, do_timersignal },
	{ "tkill", 1, do_tkill },
	{ "ualarm", 0, do_ualarm },
	{ "udploop", 1, do_udploop },
	{ "vmwrite", 0, do_vmwrite },
	{ "waitkid", 0, do_waitkid },
	{ "zombie", 0, do_zombie },
	{ NULL, 0, NULL },
};
