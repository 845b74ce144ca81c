/*
 * Private to the room: a thread that interrupts the one that made it, whatever that waits for, when
 * one of some descriptors can be read. Perf events could send a signal by themselves (fcntl(2),
 * O_ASYNC), but do so for each sample, and not only for that at which a ring is full enough
 * (__perf_event_overflow() in kernel/events/core.c).
 */
#ifndef TRACE_WAKER_H
#define TRACE_WAKER_H

#include <stddef.h>

struct waker;

/*
 * Sends signal, which the caller catches, to the calling thread each time. The descriptors are not
 * closed: it has its own of them. NULL with errno if it cannot be had. waker_end() frees it: behind
 * that it sends no signal any more.
 */
struct waker *waker_start(const int *fds, size_t count, int signal);
void waker_end(struct waker *waker);

#endif
