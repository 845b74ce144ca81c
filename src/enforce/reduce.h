/* Private to the room: taking capabilities away. */
#ifndef ENFORCE_REDUCE_H
#define ENFORCE_REDUCE_H

#include <whittle/base.h>

/* What this process and its descendants hold, or could get by execve(2). */
uint64_t capabilities_reachable(void);

/*
 * Leaves only these in this process's bounding, ambient, inheritable, permitted and effective sets.
 * Needs CAP_SETPCAP to leave out any. -1 with errno; some may be gone then.
 */
int capabilities_keep(uint64_t kept);

#endif
