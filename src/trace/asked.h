/*
 * Private to the room: which capabilities the kernel was asked for, in which call, and granted: the
 * event of probe.h, of the workload's threads, by perf_event_open(2), which needs CAP_SYS_ADMIN,
 * and the kernel's symbols. Nothing of it outlives whittle.
 */
#ifndef TRACE_ASKED_H
#define TRACE_ASKED_H

#include <whittle/event.h>

struct asked;

/*
 * NULL if that cannot be had here. Nothing is watched yet: that costs the machine a little. any:
 * also by an event that does not say whether the capability was granted.
 */
struct asked *asked_open(bool any);
void asked_close(struct asked *asked);

/*
 * Has the kernel make ready, behind whittle's back, what asked_watch() would wait for: until the
 * descriptor is closed. -1 if that cannot be done.
 */
int asked_prepare(void);

/* Watches all threads of a process, and all that they will make; -1 with errno if it cannot. */
int asked_watch(struct asked *asked, pid_t tgid);

/* From now on only what calls that run unreported may ask for: the others are too many then. */
void asked_narrow(struct asked *asked);

/* Does the event say whether the capability was granted? If not, all questions are events. */
bool asked_tells_result(const struct asked *asked);

/* The number of the call of the last EVENT_ASKED, by the kernel's call stack, or -1. */
int64_t asked_call(struct asked *asked);

/*
 * True with the next EVENT_ASKED (without nr), or, if some were lost, an EVENT_LOSS, or an
 * EVENT_LIMITATION where rules see all calls; false if there is none for now.
 */
bool asked_next(struct asked *asked, struct event *ret_event);

/*
 * The workload has ended: true with what was lost last, if anything was. The kernel says so only
 * with the next record that there is room for.
 */
bool asked_ended(struct asked *asked, struct event *ret_event);

#endif
