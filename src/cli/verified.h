/* Private to `whittle verify`: what it found, as text. */
#ifndef CLI_VERIFIED_H
#define CLI_VERIFIED_H

#include <whittle/ablate.h>
#include <whittle/buf.h>
#include <whittle/policy.h>

/* Of a list that was recorded: what is proven, but not in it; and what is in it, but not needed. */
uint64_t verified_missing(const struct ablate_options *options, const struct ablation *found);
uint64_t verified_needless(const struct ablate_options *options, const struct ablation *found);

/* A line for each capability that is proven or was recorded, sorted by name. Appended. */
void verified_table(const struct ablate_options *options, const struct ablation *found,
		    struct buf *out);
/*
 * The proven list in the form of capabilities.txt, with the cause that policy has of each; NULL:
 * nothing was recorded. What was recorded and is not needed is a comment. Appended.
 */
void verified_list(const struct ablate_options *options, const struct ablation *found,
		   const struct policy *policy, struct buf *out);
/* All of it as JSON, a capability a line. Appended. */
void verified_json(const struct ablate_options *options, const struct ablation *found,
		   struct buf *out);

/*
 * Reads a verified.json: the capabilities that it proves to be needed. A file of something else, or
 * a capability that is not known here, is an ERROR_INPUT.
 */
int verified_load(const char *path, uint64_t *ret_minimal, struct error *err);

#endif
