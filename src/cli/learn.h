/* Private to cli: an engine, an observer, and the filters that the one learns from the other. */
#ifndef CLI_LEARN_H
#define CLI_LEARN_H

#include <cli/record.h>

struct learner {
	struct trace *trace;
	struct observer *observer;
	struct run_target *to;
	bool exact; /* no filter is learned */
};

/* Takes an event of the trace: its facts, and a filter for a process that has gone quiet. */
void learn(const struct learner *learner, const struct event *event);

#endif
