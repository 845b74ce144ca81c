/*
 * Private to the room: which capabilities the kernel was asked for, in which call, and granted: the
 * tracepoint capability:cap_capable of the workload's threads, by perf_event_open(2), which needs
 * CAP_SYS_ADMIN, a kernel with that event (6.13 and later) and its symbols. Nothing of it outlives
 * whittle.
 */
#ifndef TRACE_ASKED_H
#define TRACE_ASKED_H

#include <whittle/event.h>

struct asked;

/* NULL if that cannot be had here. Nothing is watched yet: that costs the machine a little. */
struct asked *asked_open(void);
void asked_close(struct asked *asked);

/*
 * Has the kernel make ready, behind whittle's back, what asked_watch() would wait for: until the
 * descriptor is closed. -1 if that cannot be done.
 */
int asked_prepare(void);

/* Watches all threads of a process, and all that they will make; -1 with errno if it cannot. */
int asked_watch(struct asked *asked, pid_t tgid);

/*
 * True with the next EVENT_ASKED, or an EVENT_LOSS if some were lost; false if there is none for
 * now.
 */
bool asked_next(struct asked *asked, struct event *ret_event);

#endif
