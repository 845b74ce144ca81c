/* What the smoke test of another architecture records: few calls, known ones, a known status. */
#include <unistd.h>
#include <fcntl.h>

int main(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	if (fd < 0 || write(STDOUT_FILENO, "hello\n", 6) != 6)
		return 1;
	close(fd);
	return 7;
}
