/*
 * Children that make no call once they run: each spins. Says the process ids of all, its own last,
 * and spins too. With an argument, one of them has left the session before.
 */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argv;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0) {
			if (argc > 1 && i == 0)
				setsid();
			for (volatile int spin = 1; spin;)
				continue;
		}
		printf("%d\n", pid);
	}
	printf("%d\nready\n", getpid());
	for (volatile int spin = 1; spin;)
		continue;
}
