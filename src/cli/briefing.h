/*
 * What whittle-runtime asks the agent at its socket before it edits a bundle: how the container is
 * to be recorded. The question is {"whittle":"how"}, which is no state of a container; the answer
 * is an object, and none (an agent that does not know the question) means: all calls, by
 * notification. "engine"   "ptrace" or "notify" "known"    notify: rules of an OCI filter for the
 * calls that need not be reported
 */
#ifndef CLI_BRIEFING_H
#define CLI_BRIEFING_H

#include <cli/record.h>

struct briefing {
	bool attach; /* the agent traces the container's processes */
	char *known; /* the rules, as text; or NULL */
};

/* Asks at the connected socket, and waits for the answer. Released by briefing_release(). */
int briefing_ask(int socket, struct briefing *ret_briefing, struct error *err);
void briefing_release(struct briefing *briefing);

/* Answers, as the options have it. Who does not wait for the answer gets none. */
void briefing_answer(const struct record_options *options, int socket);

/* Are the containers to be traced? */
bool briefing_attaches(const struct record_options *options);

#endif
