/*
 * Private to the room: a process in whittle's group that says which signals were sent to the group.
 * No engine without ptrace sees what the workload gets; what the whole group was sent it did get.
 */
#ifndef TRACE_WITNESS_H
#define TRACE_WITNESS_H

#include <sys/types.h>
#include <whittle/base.h>

struct witness {
	pid_t pid;  /* a child of whittle; 0: there is none */
	int socket; /* readable when there is something to tell; closed, the witness ends */
};

/* Closed by witness_end(), also after a failure. */
int witness_start(struct witness *witness, struct error *err);
/* True with a signal that a process sent; false if there is none for now, or none any more. */
bool witness_next(struct witness *witness, int *ret_signal, pid_t *ret_sender);
void witness_end(struct witness *witness);

#endif
