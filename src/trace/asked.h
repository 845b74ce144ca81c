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
 * Watches all threads of a process, and all that they will make; -1 with errno if it cannot. The
 * kernel takes some 10 ms to get ready for that: everything that runs is watched in the meantime
 * (asked_of_anyone()). Once it is ready, asked_follow() watches one process after another, and
 * asked_follow_only() ends the rest.
 */
int asked_watch(struct asked *asked, pid_t tgid);
bool asked_is_ready(const struct asked *asked);
int asked_follow(struct asked *asked, pid_t tgid);
void asked_follow_only(struct asked *asked);

/* From now on questions for CAP_SYS_ADMIN and CAP_SYS_RESOURCE are no events: they are too many. */
void asked_narrow(struct asked *asked);

/* Does the event say whether the capability was granted? If not, all questions are events. */
bool asked_tells_result(const struct asked *asked);

/* May the last EVENT_ASKED be of a process that asked_watch() was not called for? */
bool asked_of_anyone(const struct asked *asked);

/*
 * Was the last EVENT_ASKED about another user namespace than the first for which this was called?
 */
bool asked_of_another_namespace(struct asked *asked);

/*
 * Has the last EVENT_ASKED, event, said all that it says before, behind asked_forget()? It is worth
 * a question where no result is awaited: a loop asks faster than it can be told.
 */
bool asked_repeats(struct asked *asked, const struct event *event);
/* Some thread is another program from now on. */
void asked_forget(struct asked *asked);

/* The number of the call of the last EVENT_ASKED, by the kernel's call stack, or -1. */
int64_t asked_call(struct asked *asked);

/*
 * True with the next EVENT_ASKED (without nr and foreign), or, if some were lost, an EVENT_LOSS, or
 * an EVENT_LIMITATION where rules see all calls; false if there is none for now.
 */
bool asked_next(struct asked *asked, struct event *ret_event);

/*
 * The workload has ended: true with what was lost last, if anything was. The kernel says so only
 * with the next record that there is room for.
 */
bool asked_ended(struct asked *asked, struct event *ret_event);

#endif
