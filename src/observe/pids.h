/*
 * Private to the room: which process ids the workload had. The kernel gives a number away again
 * once all others were used: so what is kept is when it was the workload's.
 */
#ifndef OBSERVE_PIDS_H
#define OBSERVE_PIDS_H

#include <whittle/base.h>

struct pids;

struct pids *pids_new(void);
void pids_free(struct pids *pids);

/* The process that has this number now is the workload's. */
void pids_add(struct pids *pids, pid_t pid);

/*
 * Was the number the workload's, and is it nobody else's now? Also true if the process is gone.
 * pids may be NULL: nothing is in it.
 */
bool pids_have(const struct pids *pids, pid_t pid);

#endif
