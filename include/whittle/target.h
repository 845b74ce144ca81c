/* Targets: what a policy can be rendered as. */
#ifndef WHITTLE_TARGET_H
#define WHITTLE_TARGET_H

#include <whittle/policy.h>

enum target_flag {
	TARGET_BINARY = 1 << 0, /* not for a terminal */
	/* Words for a command line: no comments in it, and it names the filter's file on this
	   machine (options.seccomp). */
	TARGET_WORDS = 1 << 1
};

struct target {
	const char *name; /* as `whittle emit` takes it */
	const char *file; /* what `whittle record` calls it, or NULL if it does not write it */
	const char *help;
	unsigned int flags;  /* enum target_flag */
	unsigned int facets; /* enum facet: what every run must have learned */
	int (*render)(const struct policy *policy, struct buf *out, struct error *err);
};

/* Ended by a row whose name is NULL. */
extern const struct target targets[];
/* The row of that name, or NULL. */
const struct target *target_by_name(const char *name);

/* Appends the whole file to out. ERROR_REFUSED if a run did not learn what the target needs. */
int target_render(const struct target *target, const struct policy *policy, struct buf *out,
		  struct error *err);

#endif
