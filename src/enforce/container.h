/* Private to the room: a container of the least kind, to be started by the runtime to be measured.
 */
#ifndef ENFORCE_CONTAINER_H
#define ENFORCE_CONTAINER_H

#include <enforce/supervise.h>
#include <whittle/buf.h>
#include <whittle/floor.h>

enum { STARTED = 42 }; /* exit status of a start that came to its program */

struct container {
	const char *runtime; /* borrowed */
	char *dir;           /* owned: the bundle, the runtime's state, what it prints */
};

struct container_plan {
	bool no_new_privileges;
	bool user;              /* not root: with groups, an umask, ambient capabilities */
	enum floor_phase phase; /* FLOOR_RUN, FLOOR_CREATE, FLOOR_EXEC (which creates it, too) */
	const char *seccomp;    /* linux.seccomp as JSON */
};

/* A temporary directory with the program. ERROR_REFUSED on a machine that has none here. */
int container_make(const char *runtime, struct container *ret, struct error *err);
/* Removes it. */
void container_free(struct container *container);

/*
 * Writes the bundle, and gives the command that starts it: its exit status is STARTED if the
 * program was. argv has room for 8; valid as long as the container.
 */
int container_prepare(const struct container *container, const struct container_plan *plan,
		      char *argv[8], struct error *err);
/* Kills what is left of the start, and deletes the container. */
int container_clear(const struct container *container, const struct supervisor *supervisor,
		    struct error *err);
/* Starts it without looking. *ret_started: did the program start within the time? */
int container_try(const struct container *container, const struct supervisor *supervisor,
		  const struct container_plan *plan, double timeout, bool *ret_started,
		  struct error *err);
/* The last line that the runtime printed, freed by the caller; "" if there is none. */
char *container_says(const struct container *container);

/* The calls that the program itself makes, one after the other, ended by NULL. */
extern const char *const container_calls[];

#endif
