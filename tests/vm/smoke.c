/*
 * What the smoke test of another architecture records: few calls, known ones, a known status, and a
 * child that its tracer follows only by changing the flags of clone(2).
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int fd = open("/etc/passwd", O_RDONLY), status;

	if (fd < 0 || write(STDOUT_FILENO, "hello\n", 6) != 6)
		return 1;
	close(fd);
	long pid = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(getppid() > 0 ? 5 : 6);
	if (waitpid(-1, &status, 0) != pid || status != 5 << 8)
		return 2;
	return 7;
}
