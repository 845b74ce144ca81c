/*
 * Private to the room: the search for what cannot be left out. It knows nothing of capabilities: an
 * attempt says whether a set will do. A set that holds one that will do is taken to do as well; who
 * doubts it tries the result.
 */
#ifndef ENFORCE_SEARCH_H
#define ENFORCE_SEARCH_H

#include <whittle/base.h>

struct search {
	/* Does this set do? -1 with err if it cannot be said. */
	int (*attempt)(void *context, uint64_t kept, bool *ret_passed, struct error *err);
	void *context;
};

/*
 * A smallest part of rest that does together with kept; all of rest does. first: what to keep
 * rather than others, count of them, best first; members not named there follow from the lowest to
 * the highest. About k * log2(n / k) attempts for k of n.
 */
int search_minimal(const struct search *search, uint64_t kept, uint64_t rest, const int *first,
		   size_t count, uint64_t *ret_minimal, struct error *err);

/* Those members of rest that, each alone, do together with kept; kept alone does not. */
int search_singles(const struct search *search, uint64_t kept, uint64_t rest, uint64_t *ret_singles,
		   struct error *err);

#endif
