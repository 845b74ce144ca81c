/* execve() from a thread that is not the leader: the image keeps the leader's tid. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *run(void *argument)
{
	char **argv = argument;

	execv(argv[1], argv + 1);
	perror("execv");
	_exit(1);
}

static void *idle(void *argument)
{
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
