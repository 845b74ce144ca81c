#include <enforce/trial.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

static const double ready_every = 0.1, stop_within = 5, output_within = 1; /* seconds */

/* ---- the run ---- */

struct trial {
	const struct supervisor *supervisor;
	const struct ablate_options *options;
	double limit;
	struct child child;
	struct output output;
	struct outcome outcome;
};

static double until(double seconds)
{
	return seconds > 0 ? monotonic_now() + seconds : 0;
}

static struct ending ending_of(int status)
{
	if (WIFSIGNALED(status))
		return (struct ending){ ENDED_SIGNAL, WTERMSIG(status) };
	return (struct ending){ ENDED_EXIT, WEXITSTATUS(status) };
}

/* Takes a shell command to its end while the output of the trial's command is read. */
static int run_shell(struct trial *trial, const char *command, struct ending *ret,
		     struct error *err)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)command, NULL };
	struct child_plan plan = { .argv = argv,
				   .out = trial->options->show,
				   .err = trial->options->show };
	struct child child;
	int status = 0;

	if (child_start(trial->supervisor, &plan, &child, err) < 0)
		return -1;
	if (child.number)
		return fail(err, ERROR_SYSTEM, child.number, "cannot execute /bin/sh");
	int ended = supervisor_wait(trial->supervisor, &child, &trial->output, until(trial->limit),
				    &status, err);
	if (ended == 0)
		kill(child.pid, SIGKILL);
	child_close(&child);
	if (ended >= 0)
		*ret = ended ? ending_of(status) : (struct ending){ ENDED_LATE, 0 };
	return ended < 0 ? -1 : 0;
}

static int set_up(struct trial *trial, struct error *err)
{
	struct ending ending;

	if (!trial->options->setup)
		return 0;
	if (run_shell(trial, trial->options->setup, &ending, err) < 0)
		return -1;
	if (ending.how == ENDED_EXIT && ending.status == 0)
		return 0;
	return fail(err, ERROR_REFUSED, 0, "the setup failed: %s %d",
		    ending.how == ENDED_EXIT ? "exit status" : "signal", ending.status);
}

static int start(struct trial *trial, bool reduce, uint64_t kept, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot create a pipe");
	struct child_plan plan = { .argv = trial->options->argv,
				   .reduce = reduce,
				   .kept = kept,
				   .out = ends[1],
				   .err = trial->options->show };
	int result = child_start(trial->supervisor, &plan, &trial->child, err);
	close(ends[1]);
	trial->output.fd = ends[0];
	if (result == 0 && trial->child.number)
		trial->outcome.command = (struct ending){ ENDED_NO_EXEC, trial->child.number };
	return result;
}

/* Waits for the command for some seconds at most; 1 if it has ended. */
static int await(struct trial *trial, double seconds, struct error *err)
{
	int status = 0;
	int ended = supervisor_wait(trial->supervisor, &trial->child, &trial->output,
				    until(seconds), &status, err);

	if (ended > 0)
		trial->outcome.command = ending_of(status);
	return ended;
}

static int run_to_end(struct trial *trial, struct error *err)
{
	int ended = await(trial, trial->limit, err);

	if (ended != 0)
		return ended < 0 ? -1 : 0;
	trial->outcome.command = (struct ending){ ENDED_LATE, 0 };
	kill(trial->child.pid, SIGKILL);
	return 0;
}

/* Waits until the server is ready: 1; 0 if it has ended, or its time is over. */
static int become_ready(struct trial *trial, struct error *err)
{
	double end = until(trial->limit);
	struct ending ending;

	for (;;) {
		if (run_shell(trial, trial->options->ready, &ending, err) < 0)
			return -1;
		if (ending.how == ENDED_EXIT && ending.status == 0)
			return 1;
		int ended = await(trial, ready_every, err);
		if (ended != 0)
			return ended < 0 ? -1 : 0;
		if (end != 0 && monotonic_now() >= end)
			break;
	}
	trial->outcome.command = (struct ending){ ENDED_LATE, 0 };
	return 0;
}

static int serve(struct trial *trial, struct error *err)
{
	int ready = become_ready(trial, err);

	if (ready <= 0)
		return ready;
	trial->outcome.ready = true;
	if (run_shell(trial, trial->options->exercise, &trial->outcome.exercise, err) < 0)
		return -1;
	/* A server that ended meanwhile is not reaped yet: the pid is its own. */
	kill(trial->child.pid, SIGTERM);
	int ended = await(trial, stop_within, err);
	trial->outcome.command = (struct ending){ ENDED_STOPPED, 0 };
	return ended < 0 ? -1 : 0;
}

/* What was written until the command ended is in the pipe; what it left running may write on. */
static int finish(struct trial *trial, struct error *err)
{
	if (supervisor_wait(trial->supervisor, NULL, &trial->output,
			    until(trial->options->compare == COMPARE_STATUS ? 0.001
									    : output_within),
			    NULL, err) < 0)
		return -1;
	trial->outcome.length = trial->output.length;
	trial->outcome.hash = trial->output.hash;
	return 0;
}

static int run_steps(struct trial *trial, bool reduce, uint64_t kept, struct error *err)
{
	if (set_up(trial, err) < 0)
		return -1;
	double begun = monotonic_now();
	if (start(trial, reduce, kept, err) < 0)
		return -1;
	if (!trial->child.number &&
	    (trial->options->exercise ? serve(trial, err) : run_to_end(trial, err)) < 0)
		return -1;
	if (finish(trial, err) < 0)
		return -1;
	if (trial->options->check) {
		if (run_shell(trial, trial->options->check, &trial->outcome.check, err) < 0)
			return -1;
		trial->outcome.checked = true;
	}
	trial->outcome.seconds = monotonic_now() - begun;
	return 0;
}

int trial_run(const struct supervisor *supervisor, const struct ablate_options *options,
	      bool reduce, uint64_t kept, double limit, struct outcome *ret, struct error *err)
{
	struct trial trial = {
		.supervisor = supervisor,
		.options = options,
		.limit = limit,
		.child.pidfd = -1,
		.output = { .fd = -1, .show = options->show },
	};
	struct error other;
	int result = run_steps(&trial, reduce, kept, err);

	child_close(&trial.child);
	auto_close(&trial.output.fd);
	if (supervisor_clear(supervisor, result < 0 ? &other : err) < 0)
		return -1;
	if (result == 0)
		*ret = trial.outcome;
	return result;
}

/* ---- the judgement ---- */

/* How it ended, "" if as wanted; what: "" or "the check: ". The caller frees it. */
static char *describe(const char *what, const struct ending *ending, int wanted)
{
	switch (ending->how) {
	case ENDED_EXIT:
		if (ending->status == wanted)
			return NULL;
		return xasprintf("%sexit status %d", what, ending->status);
	case ENDED_SIGNAL:
		return xasprintf("%skilled by signal %d", what, ending->status);
	case ENDED_LATE:
		return xasprintf("%sits time was over", what);
	case ENDED_NO_EXEC:
		return xasprintf("%scannot be executed: %s", what, strerror(ending->status));
	default:
		return NULL;
	}
}

static char *command_failure(const struct ablate_options *options, const struct outcome *outcome)
{
	const struct ending *command = &outcome->command;

	if (!options->exercise || command->how == ENDED_NO_EXEC)
		return describe("", command, options->expect);
	if (!outcome->ready)
		return describe("before it was ready: ", command, -1);
	return describe("the exercise: ", &outcome->exercise, 0);
}

char *trial_failure(const struct ablate_options *options, const struct outcome *outcome,
		    const struct outcome *reference)
{
	char *failure = command_failure(options, outcome);

	if (!failure && outcome->checked)
		failure = describe("the check: ", &outcome->check, 0);
	if (failure || !reference)
		return failure;
	if (outcome->length != reference->length || outcome->hash != reference->hash)
		return xstrdup("its output differs");
	return NULL;
}
