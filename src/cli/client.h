/*
 * Private to `whittle record`: the client of a server that is recorded. --ready runs until it
 * succeeds (or the server listens), then --exercise once.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <cli/record.h>

struct client {
	const struct record_options *options;
	pid_t ready_pid, exercise_pid; /* 0: does not run, or did not yet */
	double ready_started;
	bool ended; /* the exercise has, with: */
	int status; /* as waitpid(2) gives it */
};

/* Has a server that listens settled? All 0 at first. */
struct settling {
	double begun, looked; /* 0: not yet */
	uint64_t news;
	int quiet; /* looks in a row that showed nothing new */
};

/* The exit status that tells of a wait status: 128 + N for a signal. */
int exit_code_of(int status);

/*
 * To be asked again and again from when the workload listens: many servers open a second port, or
 * have more to read, behind the first. True once it has been idle and shown nothing new for a
 * while, by evidence_news(); or after some seconds in any case.
 */
bool settled(struct settling *settling, const struct trace *trace, uint64_t news);

/* Starts what is due; listening says whether the server does, and has settled. */
void client_check(struct client *client, bool listening);
/* A child ended, whoever's. */
void client_child(struct client *client, pid_t pid, int status);
/* Ends what still runs of it. */
void client_stop(const struct client *client);
/* What the exercise makes of the end of a run whose main process ended so. */
void client_judge(const struct client *client, struct session_end *end);

#endif
