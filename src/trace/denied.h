/* Private to the room: the call that whittle answers in the kernel's place. */
#ifndef TRACE_DENIED_H
#define TRACE_DENIED_H

#include <trace/engine.h>

/*
 * From now on io_uring_setup(2) is answered with ENOSYS, as by a kernel without io_uring
 * (trace_options.deny_uring). Freed by denied_free().
 */
void denied_init(struct trace *trace, bool deny_uring);
void denied_free(struct trace *trace);

/* Is it that call? Then *ret_event, which may be call itself, is what is told in its place. */
bool denied_entry(const struct trace *trace, const struct event *call, struct event *ret_event);

/* Under ptrace: the call that the tracee enters is not made, and told of by *ret_event. */
bool denied_enter(const struct trace *trace, struct tracee *tracee, struct event *ret_event);
/* At its exit, with that result: true if it was denied, and its end is nobody's. */
bool denied_leave(struct tracee *tracee, int64_t result);

#endif
