/* A process full of busy threads and forking children is killed from outside: nothing may be left.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void *busy(void *argument)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return argument;
}

int main(void)
{
	int status;

	for (int round = 0; round < 5; round++) {
		pid_t pid = fork();
		pthread_t thread;

		if (pid == 0) {
			for (int i = 0; i < 6; i++)
				pthread_create(&thread, NULL, busy, NULL);
			pause();
		}
		usleep(30000);
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
			return 1;
	}
	puts("killed");
	return 0;
}
