/* Ends a child that has become another user: root needs CAP_KILL for it. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int ready[2], status;
	char byte = 0;

	if (pipe(ready) < 0)
		return 2;
	pid_t pid = fork();
	if (pid == 0) {
		if (setuid(65534) < 0 || write(ready[1], &byte, 1) < 0)
			_exit(3);
		for (;;)
			pause();
	}
	if (pid < 0 || read(ready[0], &byte, 1) != 1 || kill(pid, SIGTERM) < 0)
		return 4;
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? 0 : 5;
}
