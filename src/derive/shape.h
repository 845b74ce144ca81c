/* Private to vary.c: the shapes that a name could be of. */
#ifndef DERIVE_SHAPE_H
#define DERIVE_SHAPE_H

#include <whittle/base.h>

enum { SHAPE_KINDS = 9 }; /* to be tried in their order: the narrowest first */

struct shapes {
	char **list; /* owned, and each of them */
	size_t count;
};

/* Where the last component of a path (evidence text) begins, and where it ends. */
size_t path_component(const char *path, size_t *ret_end);

/* Has the component no escape but \{random}? Others can have no shape. */
bool component_is_plain(const char *text, size_t length);

/*
 * Adds the shapes of a kind that the last component of the path, which is plain, could be of: the
 * path with placeholders in it.
 */
void shapes_find(size_t kind, const char *path, struct shapes *shapes);

/*
 * Of a file that is called by its hash, below directories that are called by the first digits of
 * hashes ("objects/b8/4e1b49…"): adds the path of each of these with a placeholder for it.
 */
void shapes_find_shards(const char *path, struct shapes *shapes);

/*
 * Is the component at text, which is plain, what the one of the shape, from there to its end,
 * stands for? A \{random} in it counts as the six letters that it has at least.
 */
bool shape_matches(const char *shape, const char *shape_end, const char *text, size_t length);

#endif
