/* N short-lived processes one after another, and N at a time in pairs; all statuses must be right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1000, good = 0;

	for (int i = 0; i < count; i += 2) {
		int status;

		for (int k = 0; k < 2; k++)
			if (fork() == 0)
				_exit((i + k) % 256);
		for (int k = 0; k < 2; k++)
			if (wait(&status) > 0 && WIFEXITED(status) &&
			    WEXITSTATUS(status) / 2 == i % 256 / 2)
				good++;
	}
	printf("%d\n", good);
	return good == count ? 0 : 1;
}
