/*
 * Private to the room: the filters that whittle itself runs under, as in a container, and which the
 * workload inherits. Which refusals are theirs, and which are the kernel's?
 */
#ifndef TRACE_OUTER_H
#define TRACE_OUTER_H

#include <whittle/event.h>

struct outer;

/*
 * A process under the same filters, which can be asked what they answer. NULL if there can be none:
 * no seccomp(2) here, or somebody listens already. Freed by outer_close() (NULL does nothing).
 */
struct outer *outer_open(void);
void outer_close(struct outer *outer);

/* Is result (-errno) what the filters answer to that call of the native ABI, and not the kernel? */
enum refuser outer_judge(struct outer *outer, const struct event *call, int64_t result);

#endif
