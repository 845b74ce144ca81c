/*
 * What is known of the calls of the native ABI, and which of them are free: they can teach nothing
 * that the observer is asked for, so that a filter may let them run unreported.
 *
 * A call is free for a program once it was seen there with success (so that "only ever refused"
 * stays exact), if each argument that is a fact has a value seen, and nothing else of it can be a
 * fact. Arguments are judged one by one, as facts have them; only what a socket is (family, type,
 * protocol) is known as a whole. An argument with more than VALUES_MAX values is "many" in
 * evidence: nothing new can be said of it, so it is no condition any more.
 *
 * What is lost by a free call: counts, results that come later, what it would have been refused
 * ("wanted" capabilities of who has none).
 */
#ifndef OBSERVE_KNOWN_H
#define OBSERVE_KNOWN_H

#include <observe/observe.h>

/* What a call may teach beyond itself and its arguments. */
enum lesson {
	LESSON_ALWAYS = 1 << 0, /* the observer or the engine has to see it */
	LESSON_CAPS = 1 << 1,   /* capabilities */
	LESSON_SEARCH = 1 << 5, /* those of searching directories only */
	LESSON_PATHS = 1 << 2,  /* what OBSERVE_PATHS asks for */
	LESSON_STAT = 1 << 3,   /* what OBSERVE_STAT asks for */
	LESSON_LISTEN = 1 << 4, /* whether the workload serves */
	LESSON_MEET = 1 << 6    /* other processes, to whose files a look may lead through /proc */
};

/* What the row's call may teach, whatever its arguments are. */
unsigned int known_lessons(const struct syscall_desc *row);
/* Does it ask for no capability but those that EVENT_ASKED tells of? */
bool free_is_search(const struct syscall_desc *row);
/* Those that the observer is asked for now. */
unsigned int known_wanted(const struct observer *observer, const struct process *process);

/* When a call that may teach something does not: a predicate on its arguments. */
struct free_rule {
	const char *name;
	unsigned int answers; /* the lessons that it rules out */
	struct free_key {
		unsigned int index;
		uint64_t mask; /* 0: no more keys */
	} keys[3];             /* their values have to be seen, as those that are facts */
	enum {
		EACH_ALONE,
		TOGETHER,  /* the three as a whole */
		BY_PROCESS /* only in the process itself: a descriptor */
	} how;
	/* Do these values (in the order of keys, under their masks) teach nothing? NULL: all. */
	bool (*plain)(unsigned int wanted, const uint64_t *values);
	/* And argument index is zero under mask, for this value of the first key (or for all). */
	struct {
		unsigned int index;
		uint64_t mask;
		enum { FOR_ALL, FOR_ONE } when;
		uint64_t value;
	} zero;
	bool sends; /* what it says to netlink may need a capability: only without such sockets */
};
/* Sorted by name. */
extern const struct free_rule free_rules[];
extern const size_t free_rule_count;

/* The arguments whose values are kept of a call, built once. */
#define KEYS_MAX 4
struct call_keys {
	unsigned int lessons;
	const struct free_rule *rule; /* or NULL */
	size_t count;
	struct free_key key[KEYS_MAX]; /* those of the rule first */
	bool is_fact[KEYS_MAX];
	bool recheck; /* never free */
};
/* Freed by the caller. */
struct call_keys *call_keys_new(const struct observer *observer, const struct syscall_desc *row);

/* Takes in the values of the call that thread is in, and that it succeeded, if so. */
void known_learn(struct observer *observer, struct thread *thread, bool ok);
/*
 * Does the failure teach as much as success would? C libraries ask of each file that they open
 * whether it is a terminal (ENOTTY).
 */
bool known_fails_plainly(const struct thread *thread, int64_t result);
/* Is that call free, as its program (or process) knows it? */
bool known_free(const struct observer *observer, const struct thread *thread);
void known_forget(struct observer *observer); /* frees what was learned */
void value_set_release(struct value_set *set);
void value_set_copy(struct value_set *to, const struct value_set *from);

#endif
