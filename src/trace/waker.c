#include <trace/waker.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <whittle/base.h>

struct waker {
	pthread_t thread, woken;
	int signal;
	atomic_bool ended;
	struct pollfd *polls; /* the first one tells that */
	size_t count;
};

static void *wake(void *context)
{
	static const struct timespec moment = { .tv_nsec = 5000000 };
	struct waker *waker = context;

	for (;;) {
		/* ENOMEM, or EINVAL: whittle may have fewer descriptors by now than it has */
		if (poll(waker->polls, waker->count, -1) < 0)
			nanosleep(&moment, NULL);
		if (waker->ended)
			return NULL;
		for (size_t i = 1; i < waker->count; i++)
			if (waker->polls[i].revents & ~POLLIN) { /* for ever */
				close(waker->polls[i].fd);
				waker->polls[i] = (struct pollfd){ .fd = -1 };
			}
		pthread_kill(waker->woken, waker->signal);
	}
}

/* Signals are for the other thread. */
static int start_thread(struct waker *waker)
{
	enum { STACK = 64 << 10 };
	pthread_attr_t attributes;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	int failure = pthread_create(&waker->thread, &attributes, wake, waker);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failure;
}

static void release(struct waker *waker)
{
	for (size_t i = 0; i < waker->count; i++)
		if (waker->polls[i].fd >= 0)
			close(waker->polls[i].fd);
	free(waker->polls);
	free(waker);
}

struct waker *waker_start(const int *fds, size_t count, int signal)
{
	struct waker *waker = xcalloc(1, sizeof(*waker));
	int failure = 0;

	waker->woken = pthread_self();
	waker->signal = signal;
	waker->count = count + 1;
	waker->polls = xcalloc(waker->count, sizeof(*waker->polls));
	for (size_t i = 0; i < waker->count; i++) {
		int fd = i ? fcntl(fds[i - 1], F_DUPFD_CLOEXEC, 0) : eventfd(0, EFD_CLOEXEC);

		failure = fd < 0 && !failure ? errno : failure;
		waker->polls[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	if (!failure)
		failure = start_thread(waker);
	if (!failure)
		return waker;
	release(waker);
	errno = failure;
	return NULL;
}

void waker_end(struct waker *waker)
{
	if (!waker)
		return;
	waker->ended = true;
	eventfd_write(waker->polls[0].fd, 1);
	pthread_join(waker->thread, NULL);
	release(waker);
}
