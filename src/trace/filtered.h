/* Private to the room: which tracees carry whittle's filter. */
#ifndef TRACE_FILTERED_H
#define TRACE_FILTERED_H

#include <trace/engine.h>
#include <trace/filter.h>

/* How many seccomp filters tid has (/proc/TID/status); -1 if it is in strict mode, or is gone. */
long filtered_count(pid_t tid);

/* child is new: what it has of its creator, or of creator's process if it is not known exactly. */
void filtered_inherit(const struct trace *trace, struct tracee *child, const struct tracee *creator,
		      bool thread, bool exact);

/* What it was stopped or notified for shows that it carries a filter of whittle's. */
void filtered_found(struct tracee *tracee);

/* The call of tracee ended. */
void filtered_call_ended(struct tracee *tracee);
/* It became a new image, of which tracee is the only task: at that stop. */
void filtered_image_begins(struct tracee *tracee);

/*
 * For launch_plan.prepare: installs a program in the calling process, with no_new_privs if it is
 * not allowed to otherwise: the one that notifies if it can, and closes its listener again, which
 * is the result of its call of seccomp(2). Async-signal-safe.
 */
struct filtered_plan {
	struct sock_fprog program;
	struct sock_fprog notifying; /* none: no filter */
	bool no_new_privs;
};
int filtered_prepare(void *plan);

#endif
