/* A double-forking daemon: writes FILE after the command itself has long ended. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (fork())
		return 4;
	setsid();
	if (fork())
		_exit(0);
	usleep(300000);
	int fd = open(argv[1], O_WRONLY | O_CREAT, 0644);
	if (fd < 0 || write(fd, "done\n", 5) != 5 || mkdir(argc > 2 ? argv[2] : "/", 0755) > 0)
		_exit(1);
	_exit(0);
}
