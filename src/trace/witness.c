#include <trace/witness.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { SOCKET = 0 }; /* the witness's descriptor */

struct report {
	int signal;
	pid_t sender;
};

static void report(int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info) || info.ssi_code > 0)
		return; /* the kernel's: who is in the terminal's group is known */
	struct report report = { (int)info.ssi_signo, (pid_t)info.ssi_pid };
	send(SOCKET, &report, sizeof(report), MSG_DONTWAIT);
}

/* Only calls that are safe after fork(2). */
static void __attribute__((noreturn)) witness_run(int socket)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "whittle-witness");
	dup2(socket, SOCKET);
	fcntl(SOCKET, F_SETFD, 0); /* dup2() of a descriptor to itself leaves its flag */
	closefrom(SOCKET + 1);
	struct pollfd fds[] = { { .fd = SOCKET, .events = POLLIN },
				{ .fd = signalfd(-1, &all, 0), .events = POLLIN } };
	if (chdir("/") < 0 || fds[1].fd < 0)
		_exit(EXIT_WHITTLE);
	while (poll(fds, ARRAY_SIZE(fds), -1) > 0 && !fds[0].revents)
		report(fds[1].fd);
	_exit(0);
}

int witness_start(struct witness *witness, struct error *err)
{
	int pair[2];

	*witness = (struct witness){ .socket = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot create a pair of sockets");
	witness->socket = pair[0];
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		witness_run(pair[1]);
	}
	close(pair[1]);
	if (pid < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot start a process");
	witness->pid = pid;
	return 0;
}

bool witness_next(struct witness *witness, int *ret_signal, pid_t *ret_sender)
{
	struct report report;
	ssize_t got = recv(witness->socket, &report, sizeof(report), MSG_DONTWAIT);

	if (got == 0) { /* it was killed */
		close(witness->socket);
		witness->socket = -1;
	}
	if (got != sizeof(report))
		return false;
	*ret_signal = report.signal;
	*ret_sender = report.sender;
	return true;
}

void witness_end(struct witness *witness)
{
	auto_close(&witness->socket);
	witness->socket = -1;
	if (witness->pid)
		while (waitpid(witness->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	witness->pid = 0;
}
