/*
 * Private to the room: ptrace of processes that a container's runtime started, under a filter that
 * notifies nothing but execve(2) and execveat(2).
 */
#ifndef TRACE_ATTACH_H
#define TRACE_ATTACH_H

#include <trace/engine.h>
#include <trace/guardian.h>
#include <trace/notification.h>

struct attach {
	int listener;
	struct notification notification;
	struct guardian guardian;
	pid_t door;   /* a tracee of whittle's own that stops when there is a notification */
	bool met;     /* the first process has been */
	pid_t held;   /* a thread whose notification waits for its answer, or 0 */
	bool refused; /* err says why the first process, or any more, cannot be traced */
	struct error err;
};

/* A stop, or the end, of the door: takes the notification. As handle() of the ptrace engine. */
int attach_take(struct trace *trace, int status, struct event *ret_event);

extern const struct engine_ops engine_attach;

/* ---- of the ptrace engine ---- */

/* Traces a thread that runs on: 0, or -1 with errno. */
int ptrace_seize_thread(pid_t tid);
/* Says in err what forbids ptrace. */
void ptrace_explain(struct error *err);
/* engine_ptrace's. */
int ptrace_next(struct trace *trace, struct event *ret_event, struct error *err);
void ptrace_release(struct trace *trace);

#endif
