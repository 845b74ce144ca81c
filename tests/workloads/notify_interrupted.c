/*
 * Says "ready", its process id and the number of read(2), reads a byte, then waits in poll(2) until
 * SIGUSR1, whose handler has no SA_RESTART, makes that fail. Status 0 if it failed with EINTR.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static void nothing(int number)
{
	(void)number;
}

int main(void)
{
	struct sigaction action = { .sa_handler = nothing };

	sigaction(SIGUSR1, &action, NULL);
	printf("ready %d %d\n", getpid(), SYS_read);
	fflush(stdout);
	char byte; /* comes when whittle is stopped */
	if (read(STDIN_FILENO, &byte, 1) < 0)
		return 2;
	return poll(NULL, 0, -1) < 0 && errno == EINTR ? 0 : 1;
}
