/*
 * N threads at once, then N children at once, each of which calls getsid(2) once: how often that is
 * seen says whether anything was lost.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_barrier_t barrier;

static void *call(void *unused)
{
	pthread_barrier_wait(&barrier);
	getsid(0);
	return unused;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 100, status;
	pthread_t *threads = calloc((size_t)count, sizeof(*threads));
	int gate[2];
	char byte;

	pthread_barrier_init(&barrier, NULL, (unsigned int)count);
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, call, NULL) != 0)
			return 2;
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	if (pipe(gate) < 0)
		return 3;
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 4;
		if (pid == 0) {
			close(gate[1]);
			while (read(gate[0], &byte, 1) > 0)
				continue;
			getsid(0);
			_exit(0);
		}
	}
	close(gate[1]);
	for (int i = 0; i < count; i++)
		if (wait(&status) < 0 || status != 0)
			return 5;
	free(threads);
	return 0;
}
