#include <cli/signals.h>

#include <string.h>
#include <time.h>
#include <unistd.h>
#include <whittle/base.h>

static const int caught[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH
};

/* What the handler notes: a count up for each arrival, and the last one's origin. */
static volatile sig_atomic_t arrived[NSIG];
static volatile sig_atomic_t origin[NSIG]; /* sender, or -1: the kernel */
static volatile sig_atomic_t ticked;
static timer_t timer;

static void note(int number, siginfo_t *info, void *context)
{
	(void)context;
	origin[number] = info->si_code == SI_KERNEL ? -1 : info->si_pid;
	arrived[number] = 1;
}

static void tick(int number)
{
	(void)number;
	ticked = 1;
}

static int tick_signal(void)
{
	return SIGRTMAX - 1;
}

static void start_timer(void)
{
	struct sigaction action = { .sa_handler = tick };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL };
	struct itimerspec interval = { .it_interval = { .tv_nsec = 50000000 },
				       .it_value = { .tv_nsec = 50000000 } };
	sigset_t set;

	event.sigev_signo = tick_signal();
	sigaction(tick_signal(), &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, tick_signal());
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
		timer_settime(timer, 0, &interval, NULL);
}

void signals_catch(void)
{
	struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };

	for (size_t i = 0; i < ARRAY_SIZE(caught); i++) {
		struct sigaction old;

		if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(caught[i], &action, NULL);
	}
	signal(SIGPIPE, SIG_IGN); /* a closed standard error must not cost the evidence */
	start_timer();
}

bool signals_next(struct arrival *ret_arrival)
{
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++) {
		int number = caught[i];

		if (!arrived[number])
			continue;
		arrived[number] = 0;
		*ret_arrival = (struct arrival){ .signal = number,
						 .by_kernel = origin[number] == -1,
						 .sender = origin[number] };
		return true;
	}
	return false;
}

bool signals_ticked(void)
{
	bool was = ticked;

	ticked = 0;
	return was;
}

void signals_release(void)
{
	sigset_t set;

	timer_delete(timer);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD); /* which an engine may block */
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++) {
		struct sigaction old;

		if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			signal(caught[i], SIG_DFL);
	}
}
