/*
 * Ablation: which capabilities does a command need? Proven by running it again and again, each time
 * with some of them taken away. Sets of capabilities are masks: bit N is capability N.
 */
#ifndef WHITTLE_ABLATE_H
#define WHITTLE_ABLATE_H

#include <whittle/base.h>

/* What of a run must be as in the reference run, besides its exit status. */
enum ablate_compare {
	COMPARE_AUTO,   /* standard output, if two reference runs have it alike */
	COMPARE_OUTPUT, /* standard output; if these differ, nothing can be decided */
	COMPARE_STATUS  /* nothing */
};

/* All strings are borrowed; those that are shell commands run by /bin/sh, with all capabilities. */
struct ablate_options {
	char *const *argv; /* the command, found as by execvp(3) */
	const char *setup; /* before each run; or NULL */
	const char *check; /* after each run: its status 0 says that the work was done; or NULL */
	const char *exercise; /* the command is a server, this its client; or NULL */
	const char *ready;    /* with exercise: repeated until its status is 0 */
	int expect;           /* exit status of a good run; with exercise that is 0 of the client */
	enum ablate_compare compare;
	double timeout;    /* seconds a run may take; 0: ten times the reference run and 3 s */
	int show;          /* descriptor for what the runs print, or -1 */
	uint64_t recorded; /* the list to be proven */
	bool has_recorded; /* without it: all that there is */
	void (*progress)(void *context, uint64_t kept,
			 const char *why); /* or NULL; why: as below */
	void *context;
};

/* What was found of one capability of the smallest set. */
struct ablate_proof {
	uint64_t others;   /* each of these alone would do in its place */
	uint64_t together; /* where none alone does: these together would */
	char *without;     /* how the run fails without it: "exit status 1" */
};

struct ablation {
	uint64_t all;         /* what could be taken away */
	uint64_t minimal;     /* no one of these can be left out; with them alone the run passes */
	bool recorded_passes; /* so does the recorded list */
	char *recorded_why;   /* how it fails, or NULL */
	bool output_compared;
	size_t runs;
	struct ablate_proof proof[64]; /* by capability, for those in minimal */
};

/*
 * Runs the command: twice as it is, then with what is recorded, then with less. Capabilities are
 * taken out of all five sets (capabilities(7)): out of the bounding set, so that neither root nor a
 * set-user-id or capable file gives them back by execve(2). What a run leaves running is killed.
 *
 * Of alternatives the recorded ones are preferred, then those that grant less. *ret is freed by
 * ablation_free(). ERROR_REFUSED if it cannot be decided: no CAP_SETPCAP, a reference run that
 * fails, outcomes that change from run to run, a signal that asks whittle to end.
 */
int ablate_capabilities(const struct ablate_options *options, struct ablation *ret,
			struct error *err);
void ablation_free(struct ablation *ablation);

#endif
