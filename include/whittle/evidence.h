/*
 * Evidence: a set of facts, and for each how often each run showed it. Memory grows with distinct
 * facts, never with events.
 */
#ifndef WHITTLE_EVIDENCE_H
#define WHITTLE_EVIDENCE_H

#include <whittle/fact.h>

#define EVIDENCE_SCHEMA "whittle-evidence/5"

/* What a run was to learn. Those that observer_new() takes have its values. */
enum facet {
	FACET_CAPS = OBSERVE_CAPS,
	FACET_PATHS = OBSERVE_PATHS,
	FACET_STAT = OBSERVE_STAT,
	FACET_SECCOMP = 1 << 4, /* calls, their arguments, executions: of every run */
	FACETS_DEFAULT = FACET_SECCOMP | FACET_CAPS | FACET_PATHS
};

/*
 * A list of words with "," between, in any order. What a facet rests on comes with it: calls with
 * all, paths with stat. False if a word is none, or if there is none.
 */
bool facets_parse(const char *list, unsigned int *ret_facets);
/* The list in its one order, "seccomp,caps,paths,stat"; appended. */
void facets_print(unsigned int facets, struct buf *out);

enum outcome { OUTCOME_UNKNOWN, OUTCOME_EXITED, OUTCOME_SIGNALED, OUTCOME_STOPPED };

/* A loss or limitation and how often it happened. */
struct evidence_note {
	char *kind;
	uint64_t count;
};

/*
 * What is known of the container that a run is of: evidence text, "" where it is not known. The
 * names in JSON are evidence_container_names[].
 */
enum container_field {
	CONTAINER_LAYER, /* "container", or "exec": a process that was started in it later */
	CONTAINER_ID,
	CONTAINER_NAME,
	CONTAINER_IMAGE,
	CONTAINER_DIGEST,
	CONTAINER_RUNTIME, /* runc, crun */
	CONTAINER_VERSION, /* of the runtime */
	/* Calls that could not be looked at: names with "," between, sorted; "#" stands for those
	   without a name. */
	CONTAINER_UNSEEN,
	CONTAINER_FIELDS
};
extern const char *const evidence_container_names[CONTAINER_FIELDS];

/* The most that a run had at once; 0: not measured. */
struct evidence_peak {
	uint64_t memory; /* bytes */
	uint64_t tasks;  /* processes and their threads */
	/* By the control group of a container, which counts each page once, and what is in tmpfs
	   too; else what the processes that ran at the same time had resident (VmHWM), each. */
	bool of_cgroup;
};

struct evidence_run {
	char id[33];    /* 128 random bits in hex: what makes it this run */
	char *name;     /* label: given by the user, else "run" */
	char **command; /* evidence text, secrets masked; ended by NULL */
	enum outcome outcome;
	int status;    /* exit status, or the signal that ended or stopped it */
	bool expected; /* the outcome is what the user expects of a good run */
	char *engine;  /* ptrace, notify */
	/* Calls that it had learned, or that were known before, ran unreported: counts and results
	   are "at least". */
	bool filter_learned, filter_known;
	unsigned int facets; /* enum facet */
	char *kernel;        /* uname -r */
	char *machine;       /* uname -m */
	char *libc;          /* whittle's own C library: "glibc 2.36" */
	bool privileged;     /* whittle held CAP_SYS_PTRACE */
	char *user;          /* "0:0": uid and gid that it began with, its own; "": not known */
	char *groups;        /* "27,44": what it is in besides, ascending; of a container's user
				that is not root, else "" */
	struct evidence_peak peak;
	/* enum container_field; all NULL: the run was of a program on the host */
	char *container[CONTAINER_FIELDS];
	struct evidence_note *losses;
	size_t loss_count;
	struct evidence_note *limitations;
	size_t limitation_count;
};

/* The count of a run in which a filter that was known before may have hidden the fact. */
#define COUNT_CARRIED UINT64_MAX

struct evidence_fact {
	struct fact fact;
	uint64_t *counts; /* one a run, in the order of evidence_runs(), or COUNT_CARRIED */
};

struct evidence;

struct evidence *evidence_new(void);
void evidence_free(struct evidence *evidence);

/*
 * Adds an empty run with a random id and FACETS_DEFAULT; all strings are copies, owned by the
 * evidence. Fields are filled in by the caller (allocated with xstrdup). The index stays valid
 * until the next merge or save.
 */
size_t evidence_begin_run(struct evidence *evidence, const char *name);
struct evidence_run *evidence_run(struct evidence *evidence, size_t index);

/* Counts a fact, a loss or a limitation for a run. Strings are copied. */
void evidence_add(struct evidence *evidence, size_t run, const struct fact *fact);
void evidence_add_loss(struct evidence *evidence, size_t run, const char *kind);
void evidence_add_limitation(struct evidence *evidence, size_t run, const char *kind);

/* How many of the facts that were added were new to their run: grows while there is more to learn.
 */
uint64_t evidence_news(const struct evidence *evidence);

/*
 * Marks a fact of an earlier run as carried into this one, unless this one showed it; and the run
 * as one under a filter that was known before.
 */
void evidence_carry(struct evidence *evidence, size_t run, const struct fact *fact);

/* In how many runs was the fact seen, and in how many more only carried? */
void evidence_sightings(const struct evidence *evidence, const struct evidence_fact *fact,
			size_t *ret_seen, size_t *ret_carried);

/* Runs, sorted by id after load, merge or save. */
size_t evidence_run_count(const struct evidence *evidence);
const struct evidence_run *evidence_run_at(const struct evidence *evidence, size_t index);

/*
 * The facts of a kind, sorted bytewise by their fields, as an array that the caller frees (the
 * facts stay the evidence's).
 */
const struct evidence_fact **evidence_facts(const struct evidence *evidence, enum fact_kind kind,
					    size_t *ret_count);

/* Did this run lose nothing and end as the user expects? */
bool evidence_run_complete(const struct evidence_run *run);

/*
 * Adds what other holds: the union by run id: commutative, associative, idempotent. The same id
 * with different content is an error; evidence is then unchanged.
 */
int evidence_merge(struct evidence *evidence, const struct evidence *other, struct error *err);

/* Reads a file. Truncated, hostile, huge or newer input is an ERROR_INPUT that names the place. */
int evidence_load(const char *path, struct evidence **ret_evidence, struct error *err);
/* The same from memory; name is for messages. */
int evidence_parse(const char *name, const char *text, size_t length,
		   struct evidence **ret_evidence, struct error *err);

/* One fact a line, sorted. */
void evidence_print(struct evidence *evidence, struct buf *out);
int evidence_save(struct evidence *evidence, int dirfd, const char *name, struct error *err);

#endif
