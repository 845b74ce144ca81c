/*
 * A storm of timer signals whose handler is without SA_RESTART, N calls of write(2) under it. Says
 * how many bytes arrived; how many calls that never are interrupted failed with EINTR goes into
 * the file of the second argument.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t ticks;

static void tick(int number)
{
	(void)number;
	ticks++;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = tick };
	struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
	int interrupted = 0, count = argc > 1 ? atoi(argv[1]) : 1000;
	struct stat st;
	FILE *file = tmpfile();

	if (argc < 3 || !file)
		return 2;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < count; i++) {
		while (write(fileno(file), "x", 1) < 0)
			if (errno != EINTR)
				return 3;
		if (syscall(SYS_getppid) < 0)
			interrupted++;
	}
	while (setitimer(ITIMER_REAL, &never, NULL) < 0)
		if (errno != EINTR) /* which a notification makes of the signal */
			return 3;
	if (fstat(fileno(file), &st) < 0)
		return 4;
	printf("%lld bytes, %s\n", (long long)st.st_size, ticks ? "signals" : "no signal");
	file = fopen(argv[2], "w");
	if (!file || fprintf(file, "%d of %d\n", interrupted, count) < 0)
		return 5;
	return fclose(file) == 0 ? 0 : 6;
}
