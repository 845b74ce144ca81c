/* vfork() children that vfork() again, N deep, each status passed up; then N in a row. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int depth(char *self, int left)
{
	char text[16] = { (char)('0' + left / 10), (char)('0' + left % 10), 0 };
	char *argv[] = { self, text, NULL };
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execv("/proc/self/exe", argv);
		_exit(99);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

int main(int argc, char **argv)
{
	int left = argc > 1 ? atoi(argv[1]) : 0;

	return left ? depth(argv[0], left - 1) : 42;
}
