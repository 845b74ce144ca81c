/*
 * Private to the room: processes that are started, waited for and ended together with all their
 * descendants, whatever sessions these move to.
 */
#ifndef ENFORCE_SUPERVISE_H
#define ENFORCE_SUPERVISE_H

#include <signal.h>
#include <sys/types.h>
#include <whittle/base.h>

struct supervisor {
	int signals; /* signalfd(2) of those that ask whittle to end */
	sigset_t mask;
	struct sigaction sigchld; /* mask and action that whittle was started with */
	bool subreaper;
	pid_t *others; /* children that whittle had before: none of ours */
	size_t other_count;
};

struct child_plan {
	char *const *argv;
	bool reduce; /* to kept; else all capabilities stay */
	uint64_t kept;
	int out, err; /* descriptors that become 1 and 2; -1: /dev/null, as 0 always is */
};

/* A process that was started; pidfd -1: none. */
struct child {
	pid_t pid;
	int pidfd;
	int number; /* errno if it could not be executed; the process has ended then */
};

/* What the read end of a pipe brought. */
struct output {
	int fd;   /* -1: its end was reached */
	int show; /* where to copy it, or -1 */
	uint64_t length, hash;
};

/*
 * Makes whittle the one that orphans of its descendants are given to, and takes SIGINT, SIGTERM,
 * SIGHUP and SIGQUIT for itself. Ended by supervisor_end().
 */
int supervisor_begin(struct supervisor *supervisor, struct error *err);
void supervisor_end(struct supervisor *supervisor);

/*
 * Starts a process in a process group of its own. -1 if that failed, or if the capabilities could
 * not be reduced. What cannot be executed is no failure: see number. ret_child is closed by
 * child_close().
 */
int child_start(const struct supervisor *supervisor, const struct child_plan *plan,
		struct child *ret_child, struct error *err);
void child_close(struct child *child);

/*
 * Waits until the child has ended, or if child is NULL until the output has, and takes what output
 * brings meanwhile. until: of monotonic_now(), 0: for ever. Returns 1 if it has
 * ended, with the status of waitpid(2) in *ret_status; 0 if the time is over; -1 if whittle was
 * asked to end.
 */
int supervisor_wait(const struct supervisor *supervisor, struct child *child, struct output *output,
		    double until, int *ret_status, struct error *err);

/* Kills and reaps every descendant that is left. -1 if one cannot be killed. */
int supervisor_clear(const struct supervisor *supervisor, struct error *err);

#endif
