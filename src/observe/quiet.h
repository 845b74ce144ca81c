/* When a process has shown nothing new for so long that a filter is worth it. */
#ifndef OBSERVE_QUIET_H
#define OBSERVE_QUIET_H

#include <observe/observe.h>

/* Takes in the call that thread is in, behind its end: OBSERVE_QUIET or 0. */
unsigned int quiet_advice(struct observer *observer, struct thread *thread, bool ok);

/* Those of its program and origin. */
struct habits *habits_of(const struct process *process);

/* A process ends, or its image does: what it showed counts for others like it. */
void quiet_note_program(const struct process *process);

#endif
