/* Calls that end for the observer at their entry: their result teaches nothing, or never comes. */
#ifndef OBSERVE_EARLY_H
#define OBSERVE_EARLY_H

#include <observe/observe.h>

/*
 * The errno that the call will fail with, going by what its names lead to (ENOENT, EEXIST, ...);
 * 0 if it may succeed, or cannot be told. Walks the names.
 */
int early_failure(struct thread *thread);

/*
 * Does nobody need the result of the call that thread enters? Then *ret_outcome is the one to
 * expect, and the facts that follow from it, as well as the call with that result, were given
 * before. A call that the thread might be refused is among them: that it can succeed is known.
 */
bool early_is_known(struct observer *observer, struct thread *thread, struct outcome *ret_outcome);

#endif
