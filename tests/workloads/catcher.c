/* Says each signal that it catches and its sender kind; ends at USR2, or by itself after 10 s. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	sigset_t set;
	struct timespec patience = { 10, 0 };
	siginfo_t info;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %d\n", getpid());
	for (;;) {
		int number = sigtimedwait(&set, &info, &patience);

		if (number < 0)
			return 1;
		if (number == SIGCONT || number == SIGCHLD)
			continue;
		printf("%s\n", sigabbrev_np(number));
		if (number == SIGUSR2)
			return 9;
	}
}
