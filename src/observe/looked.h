/* Looks at names that can teach nothing. */
#ifndef OBSERVE_LOOKED_H
#define OBSERVE_LOOKED_H

#include <observe/observe.h>

/* A call begins, its operands being read; the thread is seen again, or gone. */
void looked_begin(struct observer *observer, struct thread *thread);
void looked_end(struct observer *observer, struct thread *thread);
/*
 * Is the call a look at a name that asks for no capability, as one before it in that directory
 * showed? Then neither its name need be walked nor its result be known. Not with OBSERVE_EXACT, nor
 * where names are facts (OBSERVE_STAT).
 */
bool looked_before(struct observer *observer, struct thread *thread);
/* How such a look will fail: an errno, or 0 if it will not or nobody can tell. */
int looked_failure(const struct observer *observer, const struct thread *thread);
/* Does the call ask for an attribute of a file by its name? */
bool looked_asks_attribute(const struct syscall_desc *row);
/*
 * How such a call will fail, mostly for the lack of the attribute: an errno, or 0 if it will not,
 * may have to be granted it, or nobody can tell. Its name is walked; failure is the errno of what
 * that showed, or 0.
 */
int looked_attribute_failure(struct observer *observer, struct thread *thread, int failure);
/*
 * Does the name lead to the same while nothing in the run changes ways? Links of a process lead
 * elsewhere at any time, and reading one is a fact: nothing in proc does, nor what may be a proc
 * file system mounted elsewhere.
 */
bool looked_lasts(struct observer *observer, const struct thread *thread);
/* The call has been judged: does it show that for others? */
void looked_learn(struct observer *observer, struct thread *thread);
void looked_forget(struct process *process); /* frees what was learned of the process */
/* The operands of a call were read: does it look for other processes, in /proc? */
void looked_meet(struct observer *observer, struct thread *thread);

#endif
