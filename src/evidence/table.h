/*
 * The inside of struct evidence, for the files of this room: a table of records a kind, and an
 * array of runs.
 */
#ifndef EVIDENCE_TABLE_H
#define EVIDENCE_TABLE_H

#include <whittle/buf.h>
#include <whittle/evidence.h>

/* Out of memory ends the process in xcalloc(), so uthash never sees it. */
#define uthash_malloc(size) xcalloc(1, (size))
#include <uthash.h>

/*
 * What a count, and a reader of JSON that has only doubles, can hold exactly (RFC 7493, 2.2).
 * Counts stop there.
 */
#define COUNT_MAX ((UINT64_C(1) << 53) - 1)

/* Bytes of one field of a fact. A path has at most PATH_MAX bytes, four times that if escaped. */
#define FIELD_MAX ((size_t)65536)

/* Distinct facts of paths: a workload that makes up names must not take all memory. */
#define PATHS_MAX 1000000

/* A fact with its key: all fields, each with its NUL. fact.fact.field[] point into the key. */
struct record {
	struct evidence_fact fact;
	UT_hash_handle hh;
	size_t length; /* of key */
	char key[];
};

/* Facts are added, never taken away: as many as there are, and the order holds. */
struct order {
	const struct evidence_fact **facts;
	size_t count;
};

/* Invariant: each record's counts has room for run_size runs, those behind run_count being 0. */
struct evidence {
	struct evidence_run **runs;
	size_t run_count;
	size_t run_size;
	struct record *facts[FACT_KINDS];
	struct order *orders; /* of each kind, made when it is asked for: see evidence_facts() */
	size_t paths_max;     /* distinct facts of paths that are kept */
	uint64_t news;        /* see evidence_news() */
	struct buf key;       /* of the fact at hand */
};

/* How many fields facts of that kind have. */
size_t table_fields(enum fact_kind kind);

/* May this text be a field of a fact? */
bool table_is_field(const char *text);

/* The record with that key, or NULL; borrowed. */
struct record *table_find(const struct evidence *evidence, enum fact_kind kind, const char *key,
			  size_t length);

/* The record of a fact, made if there is none yet (all counts 0, *ret_new set); borrowed. */
struct record *table_record(struct evidence *evidence, const struct fact *fact, bool *ret_new);

/* As table_find(), but makes the record if there is none. */
struct record *table_insert(struct evidence *evidence, enum fact_kind kind, const char *key,
			    size_t length);

/* Appends a run, which the evidence owns from now on, and returns its index. */
size_t table_add_run(struct evidence *evidence, struct evidence_run *run);

/* Sorts the runs by id, and all counts with them. */
void table_sort_runs(struct evidence *evidence);

/* Indexes of the runs in order of their ids; run_count of them, freed by the caller. */
size_t *table_run_order(const struct evidence *evidence);

/* a + b, but at most COUNT_MAX. COUNT_CARRIED gives way to any sighting. */
uint64_t count_add(uint64_t a, uint64_t b);

/* Copies a note list; freed with the run. */
struct evidence_note *notes_copy(const struct evidence_note *notes, size_t count);

/* Adds count to the note of that kind, keeping the list sorted. */
void notes_add(struct evidence_note **notes, size_t *note_count, const char *kind, uint64_t count);

/* Frees a run that no evidence owns. */
void run_free(struct evidence_run *run);

#endif
