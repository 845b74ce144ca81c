/* N threads that each make system calls of their own and add up. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int sum;

static void *run(void *argument)
{
	for (int i = 0; i < 20; i++)
		if (syscall(SYS_gettid) > 0)
			sum++;
	return argument;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 200;
	pthread_t *threads = calloc((size_t)count, sizeof(*threads));

	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, run, NULL))
			return 1;
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	printf("%d\n", sum);
	return sum == count * 20 ? 0 : 1;
}
