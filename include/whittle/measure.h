/*
 * Measuring a floor (floor.h): which calls a container runtime makes itself, between loading the
 * filter of a container and the execve(2) of its program.
 */
#ifndef WHITTLE_MEASURE_H
#define WHITTLE_MEASURE_H

#include <whittle/buf.h>

struct measure_options {
	const char *runtime; /* runc, crun or another with their command line; as by execvp(3) */
	size_t runs;         /* how often each kind of start is watched; at least 1 */
	bool bisect;         /* take the calls away one by one */
	double timeout;      /* seconds that a start may take */
	void (*progress)(void *context, const char *what); /* or NULL: what is done now */
	void *context;
};

/*
 * Starts containers, as root and as another user, with no-new-privileges on and off: by run, by
 * create and start, and with an exec into them; watches by ptrace what the thread that loaded the
 * filter calls. With bisect it then proves that these calls are enough (a filter of nothing else
 * that kills), and what becomes of the start without each.
 *
 * Appends a data file in the form of profiles/floors. ERROR_REFUSED if no container starts, if the
 * calls found are not enough, or whittle was asked to end. Needs root. Nothing is left behind.
 */
int measure_floor(const struct measure_options *options, struct buf *ret_text, struct error *err);

#endif
