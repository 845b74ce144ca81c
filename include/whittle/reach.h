/*
 * Granted against observed: what the patterns of AppArmor rules reach on a file system, beyond what
 * the runs used.
 */
#ifndef WHITTLE_REACH_H
#define WHITTLE_REACH_H

#include <whittle/policy.h>

/* A rule whose name is a pattern. */
struct reach_rule {
	const struct apparmor_rule *rule; /* the policy's */
	char *pattern;                    /* the name as it stands in a profile */
	size_t matches;                   /* names that are there and that it matches */
};

struct reach {
	struct reach_rule *rules; /* in the order of the policy */
	size_t count;
	/* Different names of file rules: a pattern is one, since evidence says no more of it. */
	size_t used;
	/*
	 * Names that the profile grants: those without a pattern, whether they are there or not,
	 * and those that are there and that a pattern matches, each once. A pattern that matches
	 * none grants one: what the run used and is gone.
	 */
	size_t granted;
	size_t unread; /* directories that could not be read: the numbers are at least those */
};

/*
 * Looks at root ("/", or what stands for it: an unpacked image) for what the file rules of the
 * policy match. Links are not followed, as AppArmor has names without them. Owner conditions are
 * not looked at: a rule counts whoever owns the file. *ret_reach is freed by reach_free(), and is
 * to be used while the policy is there.
 */
int reach_measure(const struct policy *policy, const char *root, struct reach *ret_reach,
		  struct error *err);
void reach_free(struct reach *reach);

#endif
