/* execve() from a thread that is not the leader: the image keeps the leader's tid. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Atomic int idler; /* a thread with no call left but pause(2) */

/* Does it sleep? What is asked here comes after its call, also for who is told of all calls. */
static int sleeps(int tid)
{
	char name[64], line[256] = "";
	const char *end;
	int fd;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
	fd = open(name, O_RDONLY);
	if (fd < 0 || read(fd, line, sizeof(line) - 1) < 0)
		_exit(1);
	close(fd);
	end = strrchr(line, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

static void *run(void *argument)
{
	char **argv = argument;

	do
		usleep(1000); /* at least once: the same calls each time */
	while (!idler || !sleeps(idler));
	execv(argv[1], argv + 1);
	perror("execv");
	_exit(1);
}

static void *idle(void *argument)
{
	int tid = gettid();

	idler = tid;
	pause();
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 2)
		return 2;
	for (int i = 0; i < 5; i++)
		pthread_create(&thread, NULL, idle, NULL);
	pthread_create(&thread, NULL, run, argv);
	pthread_join(thread, NULL);
	return 3;
}
