/*
 * Private to the room: perf events of tasks, without a wait for them. The first one makes the
 * kernel look for events at each switch, on all CPUs, and waits some 10 ms until they do
 * (kernel/events/core.c, account_event()).
 */
#ifndef TRACE_READY_H
#define TRACE_READY_H

/*
 * A child has the kernel get ready, by an event of its own that counts nothing. The descriptor can
 * be read once it is (poll(2)); closing it ends the child. -1 if that cannot be done.
 */
int ready_begin(void);

#endif
