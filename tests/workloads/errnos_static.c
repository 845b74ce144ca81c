/*
 * Makes every call from 0 to 600 (or what is said), each in a child of its own, with arguments that
 * no call can use, and prints what it answers: "435 38" (errno), "39 ok", "15 signal 11". With
 * "nothing" it makes those calls only that it needs for that itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SUCCEEDED = 200 };

static void make_call(long number)
{
	/* A call that waits (pause) ends by this. */
	static const struct itimerval soon = { .it_value = { .tv_usec = 300000 } };

	setitimer(ITIMER_REAL, &soon, NULL);
	if (number < 0)
		_exit(SUCCEEDED);
	errno = 0;
	if (syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) == -1)
		_exit(errno < SUCCEEDED ? errno : SUCCEEDED - 1);
	_exit(SUCCEEDED);
}

static void probe(long number)
{
	char line[64];
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		make_call(number);
	if (child < 0 || waitpid(child, &status, 0) != child)
		exit(1);
	if (WIFSIGNALED(status))
		snprintf(line, sizeof(line), "%ld signal %d\n", number, WTERMSIG(status));
	else if (WEXITSTATUS(status) >= SUCCEEDED)
		snprintf(line, sizeof(line), "%ld ok\n", number);
	else
		snprintf(line, sizeof(line), "%ld %d\n", number, WEXITSTATUS(status));
	if (number >= 0 && write(STDOUT_FILENO, line, strlen(line)) < 0)
		exit(1);
}

int main(int argc, char **argv)
{
	long last = argc > 1 ? atol(argv[1]) : 600;

	if (argc > 1 && strcmp(argv[1], "nothing") == 0) {
		probe(-1);
		return write(STDOUT_FILENO, "", 0) < 0;
	}
	for (long number = 0; number <= last; number++)
		probe(number);
	return 0;
}
