#include <evidence/table.h>

#include <string.h>
#include <sys/random.h>
#include <whittle/escape.h>

uint64_t count_add(uint64_t a, uint64_t b)
{
	if (a == COUNT_CARRIED || b == COUNT_CARRIED) {
		uint64_t seen = a == COUNT_CARRIED ? b : a;

		return seen ? seen : COUNT_CARRIED;
	}
	if (a >= COUNT_MAX || b >= COUNT_MAX - a)
		return COUNT_MAX;
	return a + b;
}

const char *const evidence_container_names[CONTAINER_FIELDS] = {
	[CONTAINER_LAYER] = "layer",     [CONTAINER_ID] = "id",
	[CONTAINER_NAME] = "name",       [CONTAINER_IMAGE] = "image",
	[CONTAINER_DIGEST] = "digest",   [CONTAINER_RUNTIME] = "runtime",
	[CONTAINER_VERSION] = "version", [CONTAINER_UNSEEN] = "unseen",
};

struct evidence *evidence_new(void)
{
	struct evidence *evidence = xcalloc(1, sizeof(*evidence));

	evidence->paths_max = PATHS_MAX;
	evidence->orders = xcalloc(FACT_KINDS, sizeof(*evidence->orders));
	return evidence;
}

static void notes_free(struct evidence_note *notes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(notes[i].kind);
	free(notes);
}

void run_free(struct evidence_run *run)
{
	for (size_t i = 0; run->command && run->command[i]; i++)
		free(run->command[i]);
	free(run->command);
	free(run->name);
	free(run->engine);
	free(run->kernel);
	free(run->machine);
	free(run->libc);
	free(run->user);
	free(run->groups);
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		free(run->container[i]);
	notes_free(run->losses, run->loss_count);
	notes_free(run->limitations, run->limitation_count);
	free(run);
}

void evidence_free(struct evidence *evidence)
{
	struct record *record, *next;

	if (!evidence)
		return;
	for (size_t kind = 0; kind < FACT_KINDS; kind++) {
		HASH_ITER (hh, evidence->facts[kind], record, next) {
			HASH_DEL(evidence->facts[kind], record);
			free(record->fact.counts);
			free(record);
		}
		free(evidence->orders[kind].facts);
	}
	free(evidence->orders);
	for (size_t i = 0; i < evidence->run_count; i++)
		run_free(evidence->runs[i]);
	free(evidence->runs);
	buf_free(&evidence->key);
	free(evidence);
}

size_t table_fields(enum fact_kind kind)
{
	size_t count = 0;

	while (count < FACT_FIELDS && fact_descs[kind].field[count])
		count++;
	return count;
}

bool table_is_field(const char *text)
{
	return strlen(text) <= FIELD_MAX && escape_is_text(text);
}

struct record *table_find(const struct evidence *evidence, enum fact_kind kind, const char *key,
			  size_t length)
{
	struct record *record;

	HASH_FIND(hh, evidence->facts[kind], key, length, record);
	return record;
}

/* Hashing reads the key; the fields are the pieces between its NULs. */
struct record *table_insert(struct evidence *evidence, enum fact_kind kind, const char *key,
			    size_t length)
{
	struct record *record = table_find(evidence, kind, key, length);
	size_t fields = table_fields(kind);

	if (record)
		return record;
	record = xcalloc(1, sizeof(*record) + length);
	memcpy(record->key, key, length);
	record->length = length;
	record->fact.fact.kind = kind;
	const char *at = record->key;
	for (size_t i = 0; i < FACT_FIELDS; i++) {
		record->fact.fact.field[i] = i < fields ? at : "";
		at += i < fields ? strlen(at) + 1 : 0;
	}
	record->fact.counts = xcalloc(evidence->run_size, sizeof(uint64_t));
	HASH_ADD_KEYPTR(hh, evidence->facts[kind], record->key, record->length, record);
	return record;
}

static void build_key(struct buf *key, const struct fact *fact)
{
	size_t fields = table_fields(fact->kind);

	buf_truncate(key, 0);
	for (size_t i = 0; i < fields; i++)
		buf_add(key, fact->field[i], strlen(fact->field[i]) + 1);
}

struct record *table_record(struct evidence *evidence, const struct fact *fact, bool *ret_new)
{
	build_key(&evidence->key, fact);
	size_t before = HASH_COUNT(evidence->facts[fact->kind]);
	struct record *record =
		table_insert(evidence, fact->kind, evidence->key.data, evidence->key.length);

	*ret_new = HASH_COUNT(evidence->facts[fact->kind]) != before;
	return record;
}

/* Doubles the room for runs, in every record too. */
static void grow_runs(struct evidence *evidence)
{
	size_t old = evidence->run_size;
	size_t size = old ? old * 2 : 1;
	struct record *record, *next;

	evidence->runs = xrealloc(evidence->runs, size, sizeof(*evidence->runs));
	for (size_t kind = 0; kind < FACT_KINDS; kind++)
		HASH_ITER (hh, evidence->facts[kind], record, next) {
			uint64_t *counts = xrealloc(record->fact.counts, size, sizeof(*counts));

			memset(counts + old, 0, (size - old) * sizeof(*counts));
			record->fact.counts = counts;
		}
	evidence->run_size = size;
}

size_t table_add_run(struct evidence *evidence, struct evidence_run *run)
{
	if (evidence->run_count == evidence->run_size)
		grow_runs(evidence);
	evidence->runs[evidence->run_count] = run;
	return evidence->run_count++;
}

/* getrandom(2) with a full pool gives up to 256 bytes at once and is not interrupted. */
static void fill_id(char id[33])
{
	unsigned char random[16];

	while (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		;
	for (size_t i = 0; i < sizeof(random); i++) {
		id[2 * i] = "0123456789abcdef"[random[i] >> 4];
		id[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
	}
	id[32] = '\0';
}

size_t evidence_begin_run(struct evidence *evidence, const char *name)
{
	struct evidence_run *run = xcalloc(1, sizeof(*run));

	fill_id(run->id);
	run->name = xstrdup(name);
	run->facets = FACETS_DEFAULT;
	return table_add_run(evidence, run);
}

struct evidence_run *evidence_run(struct evidence *evidence, size_t index)
{
	return evidence->runs[index];
}

size_t evidence_run_count(const struct evidence *evidence)
{
	return evidence->run_count;
}

const struct evidence_run *evidence_run_at(const struct evidence *evidence, size_t index)
{
	return evidence->runs[index];
}

bool evidence_run_complete(const struct evidence_run *run)
{
	return run->expected && run->loss_count == 0;
}

/*
 * What could not be read back must not be stored: a fact with bytes that nobody escaped, or one too
 * long, is a loss that is said, not a file that is refused later.
 */
static bool is_storable(const struct fact *fact)
{
	size_t fields = table_fields(fact->kind);

	for (size_t i = 0; i < fields; i++)
		if (!table_is_field(fact->field[i]))
			return false;
	return true;
}

static void add_count(struct evidence *evidence, size_t run, const struct fact *fact,
		      uint64_t count)
{
	build_key(&evidence->key, fact);
	struct record *record =
		table_find(evidence, fact->kind, evidence->key.data, evidence->key.length);

	if (!record && !is_storable(fact)) {
		evidence_add_loss(evidence, run, "unstorable-fact");
		return;
	}
	if (!record && fact->kind == FACT_PATH &&
	    HASH_COUNT(evidence->facts[FACT_PATH]) >= evidence->paths_max) {
		evidence_add_loss(evidence, run, "too-many-paths");
		return;
	}
	if (!record)
		record = table_insert(evidence, fact->kind, evidence->key.data,
				      evidence->key.length);
	if (record->fact.counts[run] == 0)
		evidence->news++;
	record->fact.counts[run] = count_add(record->fact.counts[run], count);
}

uint64_t evidence_news(const struct evidence *evidence)
{
	return evidence->news;
}

void evidence_add(struct evidence *evidence, size_t run, const struct fact *fact)
{
	add_count(evidence, run, fact, 1);
}

void evidence_carry(struct evidence *evidence, size_t run, const struct fact *fact)
{
	evidence->runs[run]->filter_known = true;
	add_count(evidence, run, fact, COUNT_CARRIED);
}

void evidence_sightings(const struct evidence *evidence, const struct evidence_fact *fact,
			size_t *ret_seen, size_t *ret_carried)
{
	size_t seen = 0, carried = 0;

	for (size_t i = 0; i < evidence->run_count; i++) {
		carried += fact->counts[i] == COUNT_CARRIED;
		seen += fact->counts[i] != 0 && fact->counts[i] != COUNT_CARRIED;
	}
	*ret_seen = seen;
	*ret_carried = carried;
}

void notes_add(struct evidence_note **notes, size_t *note_count, const char *kind, uint64_t count)
{
	size_t at = 0;

	while (at < *note_count && strcmp((*notes)[at].kind, kind) < 0)
		at++;
	if (at == *note_count || strcmp((*notes)[at].kind, kind) != 0) {
		*notes = xrealloc(*notes, *note_count + 1, sizeof(**notes));
		memmove(*notes + at + 1, *notes + at, (*note_count - at) * sizeof(**notes));
		(*notes)[at] = (struct evidence_note){ xstrdup(kind), 0 };
		++*note_count;
	}
	(*notes)[at].count = count_add((*notes)[at].count, count);
}

struct evidence_note *notes_copy(const struct evidence_note *notes, size_t count)
{
	struct evidence_note *copy = xcalloc(count, sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = (struct evidence_note){ xstrdup(notes[i].kind), notes[i].count };
	return copy;
}

void evidence_add_loss(struct evidence *evidence, size_t run, const char *kind)
{
	struct evidence_run *to = evidence->runs[run];

	notes_add(&to->losses, &to->loss_count, kind, 1);
}

void evidence_add_limitation(struct evidence *evidence, size_t run, const char *kind)
{
	struct evidence_run *to = evidence->runs[run];

	notes_add(&to->limitations, &to->limitation_count, kind, 1);
}

static int compare_facts(const void *a, const void *b)
{
	const struct fact *left = &(*(const struct evidence_fact *const *)a)->fact;
	const struct fact *right = &(*(const struct evidence_fact *const *)b)->fact;

	for (size_t i = 0; i < FACT_FIELDS; i++) {
		int order = strcmp(left->field[i], right->field[i]);

		if (order != 0)
			return order;
	}
	return 0;
}

static void put_in_order(const struct evidence *evidence, enum fact_kind kind, size_t count)
{
	struct order *order = &evidence->orders[kind];
	struct record *record, *next;
	size_t i = 0;

	order->facts = xrealloc(order->facts, count, sizeof(*order->facts));
	order->count = count;
	HASH_ITER (hh, evidence->facts[kind], record, next)
		order->facts[i++] = &record->fact;
	qsort(order->facts, count, sizeof(*order->facts), compare_facts);
}

const struct evidence_fact **evidence_facts(const struct evidence *evidence, enum fact_kind kind,
					    size_t *ret_count)
{
	size_t count = HASH_COUNT(evidence->facts[kind]);
	const struct evidence_fact **facts = xcalloc(count, sizeof(*facts));

	/* A derivation asks for the paths some ten times. */
	if (count != evidence->orders[kind].count)
		put_in_order(evidence, kind, count);
	if (count)
		memcpy(facts, evidence->orders[kind].facts, count * sizeof(*facts));
	*ret_count = count;
	return facts;
}
