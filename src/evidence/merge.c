#include <evidence/table.h>

#include <string.h>

static int compare_run_indexes(const void *a, const void *b, void *evidence)
{
	struct evidence_run **runs = ((const struct evidence *)evidence)->runs;

	return strcmp(runs[*(const size_t *)a]->id, runs[*(const size_t *)b]->id);
}

size_t *table_run_order(const struct evidence *evidence)
{
	size_t *order = xcalloc(evidence->run_count, sizeof(*order));

	for (size_t i = 0; i < evidence->run_count; i++)
		order[i] = i;
	qsort_r(order, evidence->run_count, sizeof(*order), compare_run_indexes, (void *)evidence);
	return order;
}

static bool is_identity(const size_t *order, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (order[i] != i)
			return false;
	return true;
}

void table_sort_runs(struct evidence *evidence)
{
	AUTO_FREE size_t *order = table_run_order(evidence);
	size_t count = evidence->run_count;
	struct record *record, *next;

	if (is_identity(order, count))
		return;
	AUTO_FREE uint64_t *counts = xcalloc(count, sizeof(*counts));
	AUTO_FREE struct evidence_run **runs = xcalloc(count, sizeof(*runs));

	for (size_t i = 0; i < count; i++)
		runs[i] = evidence->runs[order[i]];
	memcpy(evidence->runs, runs, count * sizeof(*runs));
	for (size_t kind = 0; kind < FACT_KINDS; kind++)
		HASH_ITER (hh, evidence->facts[kind], record, next) {
			for (size_t i = 0; i < count; i++)
				counts[i] = record->fact.counts[order[i]];
			memcpy(record->fact.counts, counts, count * sizeof(*counts));
		}
}

/* Where each run of other is in evidence; NEW_RUN if it is not there. */
#define NEW_RUN SIZE_MAX

static size_t *map_runs(const struct evidence *evidence, const struct evidence *other)
{
	AUTO_FREE size_t *mine = table_run_order(evidence);
	AUTO_FREE size_t *theirs = table_run_order(other);
	size_t *map = xcalloc(other->run_count, sizeof(*map));
	size_t k = 0;

	for (size_t i = 0; i < other->run_count; i++) {
		const char *id = other->runs[theirs[i]]->id;

		while (k < evidence->run_count && strcmp(evidence->runs[mine[k]]->id, id) < 0)
			k++;
		bool same = k < evidence->run_count && strcmp(evidence->runs[mine[k]]->id, id) == 0;
		map[theirs[i]] = same ? mine[k] : NEW_RUN;
	}
	return map;
}

/* A text that was never filled in is stored as "", so it is the same as "". */
static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_command(char *const *a, char *const *b)
{
	size_t i = 0;

	if (!a || !b)
		return (!a || !a[0]) && (!b || !b[0]);
	while (a[i] && b[i] && strcmp(a[i], b[i]) == 0)
		i++;
	return !a[i] && !b[i];
}

static bool same_notes(const struct evidence_note *a, size_t a_count, const struct evidence_note *b,
		       size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (strcmp(a[i].kind, b[i].kind) != 0 || a[i].count != b[i].count)
			return false;
	return true;
}

static bool same_container(char *const *a, char *const *b)
{
	if (!a[CONTAINER_LAYER] != !b[CONTAINER_LAYER])
		return false;
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		if (!same_text(a[i], b[i]))
			return false;
	return true;
}

static bool same_peak(const struct evidence_peak *a, const struct evidence_peak *b)
{
	return a->memory == b->memory && a->tasks == b->tasks && a->of_cgroup == b->of_cgroup;
}

static bool same_run(const struct evidence_run *a, const struct evidence_run *b)
{
	return same_text(a->name, b->name) && same_command(a->command, b->command) &&
	       a->outcome == b->outcome && a->status == b->status && a->expected == b->expected &&
	       same_text(a->engine, b->engine) && same_text(a->kernel, b->kernel) &&
	       same_text(a->machine, b->machine) && same_text(a->libc, b->libc) &&
	       same_text(a->user, b->user) && same_text(a->groups, b->groups) &&
	       same_peak(&a->peak, &b->peak) && a->privileged == b->privileged &&
	       a->filter_learned == b->filter_learned && a->filter_known == b->filter_known &&
	       a->facets == b->facets && same_container(a->container, b->container) &&
	       same_notes(a->losses, a->loss_count, b->losses, b->loss_count) &&
	       same_notes(a->limitations, a->limitation_count, b->limitations, b->limitation_count);
}

static int fail_conflict(const struct evidence_run *run, const char *what, struct error *err)
{
	fail(err, ERROR_INPUT, 0, "run %s is there twice with different %s", run->id, what);
	return fail_hint(err, "one of the two was edited or damaged after it was recorded");
}

/* Do all runs of other that map to one of evidence agree with it on the facts of one side? */
static int check_counts(const struct evidence *one, const struct evidence *two, const size_t *map,
			bool swapped, struct error *err)
{
	const struct evidence *other = swapped ? one : two;
	struct record *record, *next;

	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++)
		HASH_ITER (hh, one->facts[kind], record, next) {
			const struct record *twin =
				table_find(two, kind, record->key, record->length);
			for (size_t i = 0; i < other->run_count; i++) {
				if (map[i] == NEW_RUN)
					continue;
				size_t a = swapped ? i : map[i];
				size_t b = swapped ? map[i] : i;
				if (record->fact.counts[a] != (twin ? twin->fact.counts[b] : 0))
					return fail_conflict(other->runs[i],
							     fact_descs[kind].section, err);
			}
		}
	return 0;
}

static int check_conflicts(const struct evidence *evidence, const struct evidence *other,
			   const size_t *map, struct error *err)
{
	size_t known = 0;

	for (size_t i = 0; i < other->run_count; i++) {
		if (map[i] == NEW_RUN)
			continue;
		known++;
		if (!same_run(evidence->runs[map[i]], other->runs[i]))
			return fail_conflict(other->runs[i], "description", err);
	}
	if (known == 0)
		return 0;
	if (check_counts(evidence, other, map, false, err) < 0)
		return -1;
	return check_counts(other, evidence, map, true, err);
}

static char *copy_text(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static struct evidence_run *copy_run(const struct evidence_run *run)
{
	struct evidence_run *copy = xcalloc(1, sizeof(*copy));
	size_t words = 0;

	*copy = *run;
	while (run->command && run->command[words])
		words++;
	copy->command = xcalloc(words + 1, sizeof(*copy->command));
	for (size_t i = 0; i < words; i++)
		copy->command[i] = xstrdup(run->command[i]);
	copy->name = copy_text(run->name);
	copy->engine = copy_text(run->engine);
	copy->kernel = copy_text(run->kernel);
	copy->machine = copy_text(run->machine);
	copy->libc = copy_text(run->libc);
	copy->user = copy_text(run->user);
	copy->groups = copy_text(run->groups);
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		copy->container[i] = copy_text(run->container[i]);
	copy->losses = notes_copy(run->losses, run->loss_count);
	copy->limitations = notes_copy(run->limitations, run->limitation_count);
	return copy;
}

/* Turns map from "where each run was" into "where each new run is now"; the others are left out. */
static void add_runs(struct evidence *evidence, const struct evidence *other, size_t *map)
{
	for (size_t i = 0; i < other->run_count; i++)
		map[i] = map[i] == NEW_RUN ? table_add_run(evidence, copy_run(other->runs[i]))
					   : NEW_RUN;
}

static void add_counts(struct evidence *evidence, const struct record *record, const size_t *map,
		       size_t runs)
{
	struct record *mine = NULL;

	for (size_t i = 0; i < runs; i++) {
		if (map[i] == NEW_RUN || record->fact.counts[i] == 0)
			continue;
		if (!mine)
			mine = table_insert(evidence, record->fact.fact.kind, record->key,
					    record->length);
		mine->fact.counts[map[i]] = record->fact.counts[i];
	}
}

int evidence_merge(struct evidence *evidence, const struct evidence *other, struct error *err)
{
	AUTO_FREE size_t *map = map_runs(evidence, other);
	struct record *record, *next;

	if (check_conflicts(evidence, other, map, err) < 0)
		return -1;
	add_runs(evidence, other, map);
	for (size_t kind = 0; kind < FACT_KINDS; kind++)
		HASH_ITER (hh, other->facts[kind], record, next)
			add_counts(evidence, record, map, other->run_count);
	table_sort_runs(evidence);
	return 0;
}
