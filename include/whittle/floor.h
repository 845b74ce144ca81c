/*
 * Floors: what a container runtime calls itself between loading the container's filter and the
 * execve(2) of its program (profiles/floors). A container profile that lacks one does not start.
 */
#ifndef WHITTLE_FLOOR_H
#define WHITTLE_FLOOR_H

#include <whittle/base.h>

/* When a runtime makes the call. An engine (podman, docker, a kubelet) creates, starts and execs.
 */
enum floor_phase {
	FLOOR_RUN = 1 << 0,      /* run: create and start in one */
	FLOOR_CREATE = 1 << 1,   /* create, then start */
	FLOOR_EXEC = 1 << 2,     /* another process in the container */
	FLOOR_LISTENER = 1 << 3, /* any of these, if the profile has a listenerPath */
};

/* What becomes of the container where the call is not allowed. */
enum floor_lack {
	LACK_FAILS,     /* it does not start */
	LACK_ENOSYS,    /* it does not start if the call answers ENOSYS; EPERM is borne */
	LACK_KILLS,     /* it does not start if the filter kills; any errno is borne */
	LACK_SPARED,    /* the same, and it is dangerous: not granted */
	LACK_SOMETIMES, /* irregular: it does not always start */
	LACK_UNSEEN     /* a margin: calls that the runtime may make, though no start was seen to */
};

/* One argument under a mask has one of the values. */
struct floor_condition {
	unsigned int index;
	uint64_t mask;
	uint64_t values[8];
	size_t count; /* 0: the call is needed whatever its arguments */
};

/* A row of profiles/floors, as it is there; see the comments at the top of runc.tsv. */
struct floor_row {
	const char *name;
	const char *arguments;
	const char *no_new_privileges; /* on, off, any: the start in which it is called */
	const char *phases;
	const char *lack;
	const char *versions;
	const char *source;
};

/*
 * The families of runtimes whose floors a choice of --runtime means, by index: crun and runc for
 * "any"; NULL after the last one, and for what is no choice. "none" has none.
 */
const char *floor_family(const char *runtime, size_t index);
/* Is it a choice of --runtime? If not, an ERROR_INPUT that lists the choices. */
int floor_check_runtime(const char *runtime, struct error *err);
/* The same for --no-new-privileges: any, on, off. */
int floor_check_start(const char *no_new_privileges, struct error *err);

/* The rows of a family; NULL if there is none of this name. */
const struct floor_row *floor_rows(const char *family, size_t *ret_count);
/* Does a start with no-new-privileges on, off or any make the call? */
bool floor_applies(const struct floor_row *row, const char *no_new_privileges);

/* What a row's columns say; a row that cannot be read says so by false (a unit test reads all). */
bool floor_phases(const struct floor_row *row, unsigned int *ret_phases);
bool floor_lack(const struct floor_row *row, enum floor_lack *ret_lack);
bool floor_condition(const struct floor_row *row, struct floor_condition *ret_condition);

/* "runc 1.1.5-, no-new-privileges off, exec: measured", freed by the caller. */
char *floor_reason(const char *family, const struct floor_row *row);

#endif
