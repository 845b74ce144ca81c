/* Private to `whittle record`: its options, its session, its output. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include <whittle/evidence.h>

enum engine_choice { CHOOSE_AUTO, CHOOSE_PTRACE, CHOOSE_NOTIFY };

struct record_options {
	const char *directory;
	const char *run;
	const char *exercise; /* shell command, or NULL */
	const char *ready;    /* shell command, or NULL */
	double timeout;       /* seconds; 0: none */
	int expect;
	bool append, replace, wait_main, stacks, argv;
	bool deny_uring; /* trace_options.deny_uring */
	enum engine_choice engine;
	unsigned int facets;          /* enum facet */
	bool exact;                   /* no filter: every call is seen */
	bool host;                    /* a container engine is recorded as any program */
	const char *known_path;       /* of evidence, or NULL */
	const char *recheck;          /* "all", or names of calls with "," between; or NULL */
	const struct evidence *known; /* what known_load() gave; borrowed, or NULL */
	const char *engine_run;       /* what started the container: "docker run"; NULL: unknown */
	bool of_bundle;               /* a runtime did, of a bundle */
};

/* "auto", "ptrace" or "notify"; -1 if it is none of them. */
int parse_engine(const char *text, enum engine_choice *ret_engine);

/* Where the facts of a run go. */
struct run_target {
	struct evidence *evidence;
	size_t run;
};
struct fact_sink run_sink(struct run_target *to); /* to is borrowed */

/*
 * Fills in what is known of a run before it begins: the command (argv, its secrets masked), the
 * machine, whittle's rights.
 */
void run_describe(const struct record_options *options, char **argv, struct evidence_run *run);

/* How a session ended. */
struct session_end {
	enum outcome outcome;
	int status; /* exit status or signal, as evidence has it */
	bool expected;
	int raw_status; /* of the main process, as waitpid(2) gives it */
	int exit_code;  /* what whittle exits with, unless raw_status says it died of a signal */
	bool reraise;   /* whittle ends by the signal in raw_status */
	enum engine engine;                /* that it ran under */
	bool filter_learned, filter_known; /* as in struct evidence_run */
	struct evidence_peak peak;
};

/* The same of a trace, whatever its engine, as it is now. */
struct evidence_peak run_peak(const struct trace *trace);
/* Does a process call exit_group(2)? */
bool run_is_exit(const struct event *event);

/*
 * Runs argv (the file at path) to the end of its last descendant and adds what it showed to the run
 * of evidence. -1 if it could not be started (as trace_start()) or the engine failed; what was seen
 * until then is in the evidence.
 */
int session_run(const struct record_options *options, const char *path, char **argv,
		struct evidence *evidence, size_t run, struct session_end *ret_end,
		struct error *err);

/*
 * Starts the workload as trace_start() does, under the engine that suits: what earlier runs showed
 * is taught to the observer, and let run. measure: trace_options.measure. Sets end's engine and
 * filter_known.
 */
int engine_start(const struct record_options *options, struct observer *observer, bool measure,
		 const char *path, char **argv, struct trace **ret_trace, struct session_end *end,
		 struct error *err);

/*
 * Opens DIR for writing, refusing evidence that is there unless --append or --replace, and
 * profiles that this run would not make. Done before
 * the workload starts, so that a mistake costs no run.
 */
int output_open(const struct record_options *options, int *ret_fd, struct error *err);

/*
 * Writes evidence and, if it is complete, every profile. With --append the evidence in DIR is
 * merged in first, under a lock. Evidence is consumed.
 */
int output_write(const struct record_options *options, int fd, struct evidence *evidence,
		 struct error *err);

/* Are these names of system calls of some ABI, with "," between, or "all"? Else an ERROR_INPUT. */
int known_check_names(const char *names, struct error *err);
/*
 * Loads what earlier runs showed: --known, and with --append the evidence in DIR; *ret_known is
 * freed by evidence_free(), and NULL if there is none or if all is to be looked at again. Evidence
 * of --known that has no run of this machine is an ERROR_INPUT. Its facets need not be those that
 * are asked for: a filter hides only calls that have nothing to say to these.
 */
int known_load(const struct record_options *options, struct evidence **ret_known,
	       struct error *err);

/*
 * Before the first event: what is known goes to the observer, and which calls are looked at all the
 * same: those of --recheck, and those that were carried in more than ten times as many runs as they
 * were seen in. Which these are depends on the evidence alone.
 */
void known_teach(const struct record_options *options, struct observer *observer);
/* After the last: what the observer could not see because it was known goes into the run. */
void known_carry(const struct record_options *options, const struct observer *observer,
		 struct evidence *evidence, size_t run);

/* Says what the run lost, and its limitations, a line each. */
void notes_say(const struct evidence_run *run);

/* A copy of argv as evidence text with what looks like a secret masked; freed by the caller. */
char **secrets_mask(char *const *argv);

#endif
