/* A workload that wants to trace its own child: "traced" if it could, "refused" if not. */
#include <errno.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 ? errno : 0);
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	printf("%s\n", WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "traced" : "refused");
	return 0;
}
