/*
 * Private to the room: the process that ends the workload when whittle dies. Under a filter whose
 * listener nobody holds, calls would fail with ENOSYS (seccomp_unotify(2)).
 */
#ifndef TRACE_GUARDIAN_H
#define TRACE_GUARDIAN_H

#include <sys/types.h>
#include <whittle/base.h>

struct wards;

struct guardian {
	pid_t pid;            /* a child of whittle; 0: there is none */
	int lifeline;         /* a pipe that nobody writes to: it ends when whittle does */
	struct wards *wards;  /* shared with it */
	const char *farewell; /* a line for standard error if whittle died, or NULL; borrowed */
	size_t spare;         /* the free slot to take next; in it is the one behind */
};

/* A guardian that guards nothing yet; guardian_end() frees it. */
int guardian_init(struct guardian *guardian, const char *farewell, struct error *err);

/*
 * Starts its process, also anew after it was killed. It has a session of its own, and of whittle's
 * descriptors only the listener: when whittle dies it kills the processes that it was told of and
 * whatever else notifies, until no task is left that uses the filter.
 */
int guardian_start(struct guardian *guardian, int listener, struct error *err);

/* A process to kill; its slot. SIZE_MAX if there is no room: it is killed when it notifies. */
size_t guardian_watch(struct guardian *guardian, pid_t tgid, uint64_t started);
/* It is gone; nothing for SIZE_MAX, or after guardian_end(). */
void guardian_unwatch(struct guardian *guardian, size_t slot);

/* Has it kill what is left of the workload, and waits for that. */
void guardian_end(struct guardian *guardian);

/* Does the same here, where there is no guardian: kills what notifies until nothing is left. */
void guardian_kill(int listener);

#endif
