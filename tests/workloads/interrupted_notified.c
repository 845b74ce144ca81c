/*
 * Opens a FIFO that nobody reads, which SIGUSR1, whose handler lacks SA_RESTART, makes fail; then a
 * file, which never fails for that (signal(7), "Interruption of system calls").
 *
 *	interrupted_notified FIFO FILE
 *
 * Before either it waits for a byte, so that whittle can be stopped meanwhile. All other calls
 * between the two were made before, often enough to be known.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static void handle(int number)
{
	(void)number;
}

static int open_after_byte(const char *name, int flags)
{
	char byte;

	if (read(STDIN_FILENO, &byte, 1) < 0)
		return 2;
	return open(name, flags) < 0 ? errno : 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handle };
	char byte;

	if (argc < 3)
		return 2;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	for (int i = 0; i < 300; i++) {
		int fd = open("/dev/null", O_RDONLY); /* openat(2), by the C library */

		if (read(fd, &byte, 1) < 0 || close(fd) < 0)
			return 3;
	}
	printf("ready %d %d %d\n", (int)getpid(), SYS_read, SYS_openat);
	fflush(stdout);
	int first = open_after_byte(argv[1], O_WRONLY);
	int second = open_after_byte(argv[2], O_RDONLY);
	printf("%s, then %s\n", first == EINTR ? "interrupted" : "not interrupted",
	       second == EINTR ? "interrupted" : "not interrupted");
	return 0;
}
