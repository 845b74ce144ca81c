/*
 * Private to the room: a filter of which most calls that report do so by a notification
 * (seccomp_unotify(2)) instead of a stop: that takes a fraction of the time wherever the scheduler
 * puts the two. The thread is traced all the same, so that whatever a notification cannot do is
 * done by stops: the result of a call above all.
 */
#ifndef TRACE_NOTIFIED_H
#define TRACE_NOTIFIED_H

#include <trace/engine.h>

/* ---- the filter ---- */

/*
 * A call that notifies, if none of the bits is set in the argument of that index. What waits may be
 * interrupted by a signal (waits.h); NULL: it never waits.
 */
struct notified_call {
	const char *name;
	unsigned int index;
	uint64_t bits;
	bool (*waits)(pid_t tid, const uint64_t args[6]);
};
extern const struct notified_call notified_calls[];
extern const size_t notified_call_count;

/* Then none looks at a sixth argument: with this word in its register one runs unnoticed. */
enum { NOTIFIED_PASS_INDEX = 5 };

/* Flags of seccomp(2) for a filter with a listener. */
unsigned int notified_flags(void);

/* Can a filter have a listener here? *ret_pass is the word that lets calls pass. */
bool notified_possible(struct trace *trace, uint64_t *ret_pass);

/*
 * Can the filter of tracee, which is stopped, have a listener? Not if its process has several
 * threads, or may share its descriptors with another: they would see that of the listener.
 */
bool notified_can(struct trace *trace, const struct tracee *tracee, uint64_t *ret_pass);

/*
 * Takes over the listener which tracee has just got as descriptor number, which it is to close. If
 * that fails, the calls of all such filters are looked at by stops.
 */
void notified_take(struct trace *trace, struct tracee *tracee, int number);

/* These calls are free in that filter of tracee's: it never notifies them. */
void notified_exempt(const struct trace *trace, struct tracee *tracee,
		     const struct free_call *calls, size_t count);

/* ---- what comes by it ---- */

/* Is there a listener to wait for? */
bool notified_waits(const struct trace *trace);

/*
 * Waits for a notification or a report of waitpid(2): 1 with the EVENT_ENTRY of the former, else
 * waitpid() is to be asked: 0, or -1 with errno (EINTR: a signal came, SIGCHLD or another).
 */
int notified_wait(struct trace *trace, struct event *ret_event);

/*
 * Answers the notification that notified_wait() told of: the call is made; or, if its result is
 * wanted (tracee->in_call), the thread is stopped before it makes it.
 */
void notified_answer(struct trace *trace);

/* ---- stops of what carries such a filter ---- */

/* tracee, at its entry stop, makes a call that is not to notify. notified_passed(): it has. */
void notified_pass(struct trace *trace, struct tracee *tracee);
void notified_passed(struct tracee *tracee);

/*
 * tracee is about to take that signal. If that interrupted it while it waited for whittle the call
 * is made again, whatever the handler's SA_RESTART says: it was not in it yet. What does not notify
 * was in it. Which of both cannot be told of a call that waits and was let go before, the same: the
 * handler decides.
 */
void notified_interrupted(struct trace *trace, struct tracee *tracee, int signal);

/*
 * tracee, in a stop, is about to ask for a listener of its own, which a process can have only if
 * none of its other filters has one (kernel/seccomp.c, has_duplicate_listener()): the listeners are
 * closed, and the calls of their filters looked at by stops from now on.
 */
void notified_give_up(struct trace *trace, const struct tracee *tracee);

void notified_free(struct trace *trace);

#endif
