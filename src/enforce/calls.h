/* Private to the room: the calls that were seen of a runtime, and the rows that they make. */
#ifndef ENFORCE_CALLS_H
#define ENFORCE_CALLS_H

#include <whittle/buf.h>
#include <whittle/floor.h>

enum { PHASES = 3, STARTS = 2, USERS = 2 }; /* run, create, exec; off, on; root, another */

struct call {
	char *name; /* owned */
	/* Of the argument that matters (prctl's option), under its mask. */
	uint64_t values[8];
	size_t value_count;
	bool any_value;                     /* more than that, or no argument matters */
	size_t seen[STARTS][USERS][PHASES]; /* starts in which it was made */
	size_t last[PHASES];                /* the start that was counted last */
	enum floor_lack lack[STARTS][PHASES];
};

struct calls {
	struct call *list; /* sorted by name */
	size_t count;
	size_t runs; /* starts of each kind */
};

void calls_free(struct calls *calls);
/* Counts a call of the native ABI; serial numbers the starts, from 1. */
void calls_add(struct calls *calls, const char *name, const uint64_t args[6], bool on, bool user,
	       unsigned int phase, size_t serial);
/* Was it made in that kind of start; and in each one, at least as one of the users? */
bool call_seen(const struct call *call, bool on, unsigned int phase);
bool call_regular(const struct calls *calls, const struct call *call, bool on, unsigned int phase);

/*
 * The calls that the Go runtime makes when it pleases (locks, timers, preemption): a margin that is
 * known of runc, which is a Go program too, and is in the floor of each such runtime, seen or not.
 */
bool is_go_margin(const struct floor_row *row);
bool in_go_margin(const char *name);

/*
 * Appends the rows; measured: "runc 1.1.5", go: with
 * that margin in place of what was seen of it. tried: lack was
 * found out.
 */
void calls_print(const struct calls *calls, const char *name, const char *version, bool go,
		 bool tried, struct buf *out);

#endif
