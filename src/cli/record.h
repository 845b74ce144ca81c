/* Private to `whittle record`: its options, its session, its output. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include <whittle/evidence.h>

struct record_options {
	const char *directory;
	const char *run;
	const char *exercise; /* shell command, or NULL */
	const char *ready;    /* shell command, or NULL */
	double timeout;       /* seconds; 0: none */
	int expect;
	bool append, replace, wait_main, stacks, argv;
};

/* How a session ended. */
struct session_end {
	enum outcome outcome;
	int status; /* exit status or signal, as evidence has it */
	bool expected;
	int raw_status; /* of the main process, as waitpid(2) gives it */
	int exit_code;  /* what whittle exits with, unless raw_status says it died of a signal */
	bool reraise;   /* whittle ends by the signal in raw_status */
};

/*
 * Runs argv (the file at path) to the end of its last descendant and adds what it showed to the run
 * of evidence. -1 if it could not be started (as trace_start()) or the engine failed; what was seen
 * until then is in the evidence.
 */
int session_run(const struct record_options *options, const char *path, char **argv,
		struct evidence *evidence, size_t run, struct session_end *ret_end,
		struct error *err);

/*
 * Opens DIR for writing, refusing evidence that is there unless --append or --replace. Done before
 * the workload starts, so that a mistake costs no run.
 */
int output_open(const struct record_options *options, int *ret_fd, struct error *err);

/*
 * Writes evidence and, if it is complete, every profile. With --append the evidence in DIR is
 * merged in first, under a lock. Evidence is consumed.
 */
int output_write(const struct record_options *options, int fd, struct evidence *evidence,
		 struct error *err);

/* Says what the run lost, and its limitations, a line each. */
void notes_say(const struct evidence_run *run);

/* A copy of argv as evidence text with what looks like a secret masked; freed by the caller. */
char **secrets_mask(char *const *argv);

#endif
