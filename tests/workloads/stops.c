/*
 * Job control as a shell sees it: the child stops itself, the parent is told (WUNTRACED), continues
 * it and is told again (WCONTINUED), before the child goes on: a continuation that nobody has
 * waited for is forgotten at the next stop. A sleep that a stop interrupts goes on by
 * restart_syscall(2).
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int child(int go)
{
	struct timespec long_sleep = { 0, 900000000 };
	char byte;

	raise(SIGSTOP);
	if (read(go, &byte, 1) != 1)
		return 6;
	raise(SIGTSTP);
	if (read(go, &byte, 1) != 1)
		return 6;
	if (nanosleep(&long_sleep, NULL) != 0)
		return 7;
	return 5;
}

static int wait_for(pid_t pid, const char *what)
{
	int status;

	if (waitpid(pid, &status, WUNTRACED | WCONTINUED) != pid)
		return -1;
	if (WIFSTOPPED(status))
		printf("%s: stopped by %d\n", what, WSTOPSIG(status));
	else if (WIFCONTINUED(status))
		printf("%s: continued\n", what);
	else
		printf("%s: exited %d\n", what, WEXITSTATUS(status));
	return status;
}

int main(void)
{
	struct timespec moment = { 0, 100000000 };
	int go[2];

	if (pipe(go) < 0)
		return 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(child(go[0]));
	wait_for(pid, "first");
	kill(pid, SIGCONT);
	wait_for(pid, "first");
	if (write(go[1], "", 1) != 1)
		return 1;
	wait_for(pid, "second");
	kill(pid, SIGCONT);
	wait_for(pid, "second");
	if (write(go[1], "", 1) != 1)
		return 1;
	nanosleep(&moment, NULL); /* it sleeps by now */
	kill(pid, SIGSTOP);
	wait_for(pid, "asleep");
	kill(pid, SIGCONT);
	wait_for(pid, "asleep");
	wait_for(pid, "end");
	return 0;
}
