/* Private to the room: the child that becomes the workload. */
#ifndef TRACE_LAUNCH_H
#define TRACE_LAUNCH_H

#include <sys/types.h>
#include <whittle/base.h>

struct launch_plan {
	const char *path; /* the file; no search */
	char *const *argv;
	/*
	 * Called in the child just before execve(2), if not NULL: only async-signal-safe calls. 0,
	 * or -1 with errno, and the image is not executed.
	 */
	int (*prepare)(void *context);
	void *context;
};

struct launch {
	pid_t pid;
	int go[2]; /* the parent writes a byte: the child may exec; at its end the child exits */
	int failed[2]; /* the child writes a launch_report if it cannot */
};

struct launch_report {
	bool prepared;
	int number; /* errno of what failed */
};

/* Forks the child, which waits for launch_go(). Closed by launch_close(), also by a failure. */
int launch_fork(struct launch *launch, const struct launch_plan *plan, struct error *err);
int launch_go(struct launch *launch, struct error *err);
/*
 * The child ended before the image ran: says why in err, and returns -1. A failed execve(2) is an
 * ERROR_INPUT with its errno.
 */
int launch_failure(const struct launch *launch, const struct launch_plan *plan, struct error *err);
/* A child that still waits then exits. */
void launch_close(struct launch *launch);

#endif
