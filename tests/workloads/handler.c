/* Counts the signals it handles, says each, ends with their number at USR2. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t count;

static void handle(int number)
{
	const char *name = sigabbrev_np(number);

	count++;
	if (write(1, name, strlen(name)) < 0 || write(1, "\n", 1) < 0)
		_exit(99);
	if (number == SIGUSR2)
		_exit(count);
}

int main(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], handle);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %d\n", getpid());
	for (;;)
		pause();
}
