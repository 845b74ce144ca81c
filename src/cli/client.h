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

/* The exit status that tells of a wait status: 128 + N for a signal. */
int exit_code_of(int status);

/* Starts what is due; listening says whether the server does. */
void client_check(struct client *client, bool listening);
/* A child ended, whoever's. */
void client_child(struct client *client, pid_t pid, int status);
/* Ends what still runs of it. */
void client_stop(const struct client *client);
/* What the exercise makes of the end of a run whose main process ended so. */
void client_judge(const struct client *client, struct session_end *end);

#endif
