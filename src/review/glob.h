/* Private to the room: file names of AppArmor rules, as the parser reads them (apparmor.d(5)). */
#ifndef REVIEW_GLOB_H
#define REVIEW_GLOB_H

#include <whittle/base.h>

struct glob;

/*
 * text as it stands in a profile, quoted or not: bytes, `\NNN`, `\c`, `?`, `*`, `**`, `[...]`,
 * `{a,b}`, and the variables of tunables/proc and tunables/kernelvars that whittle writes.
 * ERROR_INPUT if it is none. *ret_glob is freed by glob_free().
 */
int glob_compile(const char *text, struct glob **ret_glob, struct error *err);
void glob_free(struct glob *glob);

/* Does it match one name only? */
bool glob_is_literal(const struct glob *glob);

/*
 * How far a name was followed: a set of states, so that a tree of names is walked without starting
 * anew for each. Freed with free().
 */
struct glob_state;
struct glob_state *glob_start(const struct glob *glob);
/* The state behind length more bytes; NULL if no name that begins so matches. */
struct glob_state *glob_step(const struct glob *glob, const struct glob_state *state,
			     const char *bytes, size_t length);
/* Does the name that led here match? */
bool glob_accepts(const struct glob *glob, const struct glob_state *state);

#endif
