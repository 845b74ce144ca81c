/* Private to the room: the workload's own use of seccomp, and of flags that would hide it. */
#ifndef TRACE_OWN_H
#define TRACE_OWN_H

#include <trace/engine.h>

void own_free(struct own *own);

/*
 * tracee is at the entry of tracee->call. True if its end has to be seen whatever it teaches:
 * own_result() is then to be called.
 */
bool own_entry(struct trace *trace, struct tracee *tracee);

/* Its call returns *result, which may have to be another one than the kernel's. */
void own_result(struct trace *trace, struct tracee *tracee, int64_t *result);

#endif
