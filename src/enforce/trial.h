/* Private to the room: one run of the command, and whether it did its work. */
#ifndef ENFORCE_TRIAL_H
#define ENFORCE_TRIAL_H

#include <enforce/supervise.h>
#include <whittle/ablate.h>

/* How a process ended. */
struct ending {
	enum {
		ENDED_EXIT,
		ENDED_SIGNAL,
		ENDED_LATE,    /* it was killed when its time was over */
		ENDED_NO_EXEC, /* it could not be executed */
		ENDED_STOPPED  /* it was told to end, after its client had ended */
	} how;
	int status; /* exit status, signal, or errno */
};

struct outcome {
	struct ending command;
	bool ready;             /* with exercise: the command was, and exercise is filled in */
	struct ending exercise; /* the client */
	bool checked;           /* check is filled in */
	struct ending check;
	uint64_t length, hash; /* of standard output */
	double seconds;        /* all of it, but the setup */
};

/*
 * One run: setup, the command, its client, the check; then what is left of it is killed. reduce:
 * with these capabilities alone. limit: seconds for each step, 0: none. -1 if the run could not be
 * made: the setup failed, whittle was asked to end.
 */
int trial_run(const struct supervisor *supervisor, const struct ablate_options *options,
	      bool reduce, uint64_t kept, double limit, struct outcome *ret, struct error *err);

/*
 * Why a run did not do its work, freed by the caller, or NULL if it did. reference: the run whose
 * output this one's must be; NULL: any. The text is the same for the same reason.
 */
char *trial_failure(const struct ablate_options *options, const struct outcome *outcome,
		    const struct outcome *reference);

#endif
