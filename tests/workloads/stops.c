/*
 * Job control as a shell sees it: the child stops itself, the parent is told (WUNTRACED), continues
 * it and is told again (WCONTINUED). A sleep that a stop interrupts goes on by restart_syscall(2).
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int child(void)
{
	struct timespec long_sleep = { 0, 300000000 };

	raise(SIGSTOP);
	raise(SIGTSTP);
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
	pid_t pid = fork();

	if (pid == 0)
		_exit(child());
	wait_for(pid, "first");
	kill(pid, SIGCONT);
	wait_for(pid, "first");
	wait_for(pid, "second");
	kill(pid, SIGCONT);
	wait_for(pid, "second");
	nanosleep(&moment, NULL); /* it sleeps by now */
	kill(pid, SIGSTOP);
	wait_for(pid, "asleep");
	kill(pid, SIGCONT);
	wait_for(pid, "asleep");
	wait_for(pid, "end");
	return 0;
}
