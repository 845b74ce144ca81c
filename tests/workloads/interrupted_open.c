/*
 * Opens a FIFO that nobody writes to, until a signal whose handler lacks SA_RESTART comes: EINTR,
 * each time (fifo(7), signal(7)).
 *
 *	interrupted_open FIFO TIMES
 *
 * The timer comes again and again: it may be early.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static void handle(int number)
{
	(void)number;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handle };
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	int interrupted = 0, times = argc > 2 ? atoi(argv[2]) : 1;

	if (argc < 2)
		return 2;
	for (int i = 0; i < 200; i++)
		if (close(open("/", O_RDONLY)) < 0)
			return 3;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < times; i++)
		if (open(argv[1], O_RDONLY) < 0 && errno == EINTR)
			interrupted++;
	printf("%d of %d interrupted\n", interrupted, times);
	return 0;
}
