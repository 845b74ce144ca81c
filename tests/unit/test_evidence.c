/* Facts, counts, and the laws of merging on random evidence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <evidence/table.h>
#include <stdio.h>
#include <string.h>

static const struct fact open_fact = { FACT_PATH,
				       { "/etc/passwd", "read", "other", "/bin/a", "" } };

static void add_path(struct evidence *evidence, size_t run, const char *path)
{
	const struct fact fact = { FACT_PATH, { path, "read", "other", "/bin/a", "" } };

	evidence_add(evidence, run, &fact);
}

static void test_begin_run(void **state)
{
	struct evidence *evidence = evidence_new();
	size_t one = evidence_begin_run(evidence, "name");
	size_t two = evidence_begin_run(evidence, "name");

	(void)state;
	const struct evidence_run *run = evidence_run_at(evidence, one);
	assert_int_equal(evidence_run_count(evidence), 2);
	assert_int_equal(strspn(run->id, "0123456789abcdef"), 32);
	assert_int_equal(strlen(run->id), 32);
	assert_string_not_equal(run->id, evidence_run_at(evidence, two)->id);
	assert_string_equal(run->name, "name");
	assert_true(run->outcome == OUTCOME_UNKNOWN && !run->expected);
	evidence_free(evidence);
	evidence_free(NULL);
}

static void test_run_stays_where_it_is(void **state)
{
	struct evidence *evidence = evidence_new();
	const struct evidence_run *first =
		evidence_run(evidence, evidence_begin_run(evidence, "first"));

	(void)state;
	add_path(evidence, 0, "/a");
	for (int i = 0; i < 100; i++)
		evidence_begin_run(evidence, "more");
	assert_ptr_equal(evidence_run_at(evidence, 0), first);
	evidence_free(evidence);
}

static void test_facts_are_a_set(void **state)
{
	struct evidence *evidence = evidence_new();
	size_t count;

	(void)state;
	evidence_begin_run(evidence, "one");
	evidence_add(evidence, 0, &open_fact);
	evidence_add(evidence, 0, &open_fact);
	evidence_begin_run(evidence, "two");
	evidence_begin_run(evidence, "three");
	evidence_add(evidence, 2, &open_fact);
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(evidence, FACT_PATH, &count);
	assert_int_equal(count, 1);
	assert_int_equal(facts[0]->counts[0], 2);
	assert_int_equal(facts[0]->counts[1], 0);
	assert_int_equal(facts[0]->counts[2], 1);
	assert_string_equal(facts[0]->fact.field[PATH_PATH], "/etc/passwd");
	assert_string_equal(facts[0]->fact.field[PATH_TARGET], "");
	assert_string_equal(facts[0]->fact.field[FACT_FIELDS - 1], "");
	AUTO_FREE const struct evidence_fact **none = evidence_facts(evidence, FACT_EXEC, &count);
	assert_int_equal(count, 0);
	assert_non_null(none);
	evidence_free(evidence);
}

/* The same bytes split differently among the fields are different facts. */
static void test_fields_are_apart(void **state)
{
	static const struct fact facts[] = {
		{ FACT_SIGNAL, { "ab", "c", "" } }, { FACT_SIGNAL, { "a", "bc", "" } },
		{ FACT_SIGNAL, { "abc", "", "" } }, { FACT_SIGNAL, { "", "", "abc" } },
		{ FACT_EXEC, { "ab", "c", "" } },
	};
	struct evidence *evidence = evidence_new();
	size_t count;

	(void)state;
	evidence_begin_run(evidence, "run");
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		evidence_add(evidence, 0, &facts[i]);
	free(evidence_facts(evidence, FACT_SIGNAL, &count));
	assert_int_equal(count, 4);
	free(evidence_facts(evidence, FACT_EXEC, &count));
	assert_int_equal(count, 1);
	evidence_free(evidence);
}

static void test_facts_are_sorted(void **state)
{
	static const char *const paths[] = { "/b", "/a/b", "/a", "/\xc3\xa9", "/A", "/a.b" };
	static const char *const sorted[] = { "/A", "/a", "/a.b", "/a/b", "/b", "/\xc3\xa9" };
	struct evidence *evidence = evidence_new();
	size_t count;

	(void)state;
	evidence_begin_run(evidence, "run");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		add_path(evidence, 0, paths[i]);
		free(evidence_facts(evidence, FACT_PATH, &count)); /* also what comes later */
		assert_int_equal(count, i + 1);
	}
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(evidence, FACT_PATH, &count);
	assert_int_equal(count, ARRAY_SIZE(sorted));
	for (size_t i = 0; i < count; i++)
		assert_string_equal(facts[i]->fact.field[PATH_PATH], sorted[i]);
	evidence_free(evidence);
}

static void test_notes(void **state)
{
	struct evidence *evidence = evidence_new();
	struct evidence_run *run = evidence_run(evidence, evidence_begin_run(evidence, "run"));

	(void)state;
	run->expected = true;
	assert_true(evidence_run_complete(run));
	evidence_add_limitation(evidence, 0, "set-id-ignored");
	assert_true(evidence_run_complete(run));
	evidence_add_loss(evidence, 0, "path-unreadable");
	evidence_add_loss(evidence, 0, "event-lost");
	evidence_add_loss(evidence, 0, "path-unreadable");
	assert_false(evidence_run_complete(run));
	assert_int_equal(run->loss_count, 2);
	assert_string_equal(run->losses[0].kind, "event-lost");
	assert_int_equal(run->losses[0].count, 1);
	assert_string_equal(run->losses[1].kind, "path-unreadable");
	assert_int_equal(run->losses[1].count, 2);
	assert_int_equal(run->limitation_count, 1);
	evidence_free(evidence);
}

static void test_unexpected_is_incomplete(void **state)
{
	struct evidence *evidence = evidence_new();

	(void)state;
	assert_false(
		evidence_run_complete(evidence_run(evidence, evidence_begin_run(evidence, "run"))));
	evidence_free(evidence);
}

static void test_counts_saturate(void **state)
{
	struct evidence *evidence = evidence_new();
	struct evidence_run *run = evidence_run(evidence, evidence_begin_run(evidence, "run"));
	size_t count;

	(void)state;
	evidence_add(evidence, 0, &open_fact);
	evidence_add_loss(evidence, 0, "event-lost");
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(evidence, FACT_PATH, &count);
	facts[0]->counts[0] = COUNT_MAX - 1;
	run->losses[0].count = COUNT_MAX - 1;
	for (int i = 0; i < 3; i++) {
		evidence_add(evidence, 0, &open_fact);
		evidence_add_loss(evidence, 0, "event-lost");
	}
	assert_true(facts[0]->counts[0] == COUNT_MAX);
	assert_true(run->losses[0].count == COUNT_MAX);
	assert_true(count_add(COUNT_MAX, COUNT_MAX) == COUNT_MAX);
	assert_true(count_add(COUNT_MAX, 0) == COUNT_MAX);
	assert_true(count_add(1, COUNT_MAX - 2) == COUNT_MAX - 1);
	evidence_free(evidence);
}

/* A sighting is worth more than a fact that is carried, whichever comes first. */
static void test_carried(void **state)
{
	static const struct fact other = { FACT_PATH, { "/other", "read", "other", "/bin/a", "" } };
	struct evidence *evidence = evidence_new();
	size_t count, seen, carried;

	(void)state;
	assert_true(count_add(COUNT_CARRIED, 0) == COUNT_CARRIED);
	assert_true(count_add(0, COUNT_CARRIED) == COUNT_CARRIED);
	assert_true(count_add(COUNT_CARRIED, COUNT_CARRIED) == COUNT_CARRIED);
	assert_true(count_add(COUNT_CARRIED, 7) == 7);
	assert_true(count_add(COUNT_MAX, COUNT_CARRIED) == COUNT_MAX);
	for (int i = 0; i < 3; i++)
		evidence_begin_run(evidence, "run");
	evidence_carry(evidence, 0, &open_fact);
	evidence_carry(evidence, 0, &open_fact);
	evidence_add(evidence, 1, &open_fact);
	evidence_carry(evidence, 1, &open_fact);
	evidence_add(evidence, 1, &open_fact);
	evidence_carry(evidence, 2, &other);
	evidence_add(evidence, 2, &other);
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(evidence, FACT_PATH, &count);
	assert_int_equal(count, 2);
	assert_true(facts[0]->counts[0] == COUNT_CARRIED);
	assert_int_equal(facts[0]->counts[1], 2);
	assert_int_equal(facts[0]->counts[2], 0);
	assert_int_equal(facts[1]->counts[2], 1);
	evidence_sightings(evidence, facts[0], &seen, &carried);
	assert_true(seen == 1 && carried == 1);
	assert_true(evidence_run_at(evidence, 0)->filter_known);
	evidence_free(evidence);
}

static void test_facets(void **state)
{
	static const struct {
		const char *list, *printed; /* NULL: refused */
	} rows[] = {
		{ "seccomp", "seccomp" },
		{ "caps", "seccomp,caps" },
		{ "stat", "seccomp,paths,stat" },
		{ "stat,paths,caps,seccomp", "seccomp,caps,paths,stat" },
		{ "caps,caps", "seccomp,caps" },
		{ "", NULL },
		{ ",", NULL },
		{ "caps,", NULL },
		{ "cap", NULL },
		{ "capss", NULL },
		{ "caps, paths", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = BUF_INIT;
		unsigned int facets = 0;

		assert_int_equal(facets_parse(rows[i].list, &facets), rows[i].printed != NULL);
		facets_print(facets, &out);
		assert_string_equal(buf_text(&out), rows[i].printed ? rows[i].printed : "");
	}
}

/* What the reader would refuse is a loss, not a fact. */
static void test_unstorable(void **state)
{
	struct evidence *evidence = evidence_new();
	struct evidence_run *run = evidence_run(evidence, evidence_begin_run(evidence, "run"));
	AUTO_FREE char *large = xcalloc(FIELD_MAX + 2, 1);
	size_t count;

	(void)state;
	memset(large, 'x', FIELD_MAX + 1);
	add_path(evidence, 0, "/raw\nnewline");
	add_path(evidence, 0, "/raw\nnewline");
	add_path(evidence, 0, "/\xff");
	add_path(evidence, 0, large);
	free(evidence_facts(evidence, FACT_PATH, &count));
	assert_int_equal(count, 0);
	assert_int_equal(run->loss_count, 1);
	assert_string_equal(run->losses[0].kind, "unstorable-fact");
	assert_int_equal(run->losses[0].count, 4);
	large[FIELD_MAX] = '\0';
	add_path(evidence, 0, large);
	free(evidence_facts(evidence, FACT_PATH, &count));
	assert_int_equal(count, 1);
	evidence_free(evidence);
}

/* Marsaglia's xorshift64; the seed is fixed, so that a failure comes again. */
static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

static struct evidence *random_run(uint64_t *random, unsigned int number)
{
	struct evidence *evidence = evidence_new();
	struct evidence_run *run = evidence_run(evidence, evidence_begin_run(evidence, "run"));
	size_t facts = next_random(random) % 40;

	snprintf(run->id, sizeof(run->id), "%016llx%016x", (unsigned long long)next_random(random),
		 number);
	run->outcome = OUTCOME_EXITED;
	run->status = (int)(next_random(random) % 3);
	run->expected = run->status == 0;
	run->engine = xstrdup("ptrace");
	run->filter_learned = next_random(random) % 2;
	for (size_t i = 0; i < facts; i++) {
		char path[32], access[8];
		uint64_t pick = next_random(random);
		const struct fact fact = { (enum fact_kind)(pick % FACT_KINDS),
					   { path, access, "", "x", "", "", "" } };

		snprintf(path, sizeof(path), "/p%llu", (unsigned long long)(pick >> 8) % 7);
		snprintf(access, sizeof(access), "a%llu", (unsigned long long)(pick >> 16) % 3);
		if (next_random(random) % 3)
			evidence_add(evidence, 0, &fact);
		else
			evidence_carry(evidence, 0, &fact);
	}
	if (next_random(random) % 4 == 0)
		evidence_add_loss(evidence, 0, "event-lost");
	return evidence;
}

static char *print(struct evidence *evidence)
{
	struct buf out = BUF_INIT;

	evidence_print(evidence, &out);
	return buf_steal(&out);
}

static void merge(struct evidence *evidence, const struct evidence *other)
{
	struct error err;

	if (evidence_merge(evidence, other, &err) < 0)
		print_error("%s\n", err.text);
	else
		return;
	assert_true(false);
}

static struct evidence *copy(const struct evidence *of)
{
	struct evidence *evidence = evidence_new();

	merge(evidence, of);
	return evidence;
}

static void assert_same(struct evidence *a, struct evidence *b)
{
	AUTO_FREE char *left = print(a);
	AUTO_FREE char *right = print(b);

	assert_string_equal(left, right);
}

#define POOL 12

/* A union of some runs of the pool, in some order. */
static struct evidence *random_union(uint64_t *random, struct evidence *const *pool)
{
	struct evidence *evidence = evidence_new();
	size_t count = next_random(random) % 6;

	for (size_t i = 0; i < count; i++)
		merge(evidence, pool[next_random(random) % POOL]);
	return evidence;
}

static void check_laws(const struct evidence *a, const struct evidence *b, const struct evidence *c)
{
	struct evidence *ab = copy(a), *ba = copy(b), *ab_c = copy(a), *bc = copy(b),
			*a_bc = copy(a), *twice = copy(a), *plain = copy(a), *none = evidence_new();

	merge(ab, b);
	merge(ba, a);
	assert_same(ab, ba);
	merge(ab_c, b);
	merge(ab_c, c);
	merge(bc, c);
	merge(a_bc, bc);
	assert_same(ab_c, a_bc);
	merge(twice, a);
	merge(twice, twice);
	merge(twice, none);
	assert_same(twice, plain);
	merge(ab, a);
	assert_same(ab, ba);
	struct evidence *all[] = { ab, ba, ab_c, bc, a_bc, twice, plain, none };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		evidence_free(all[i]);
}

static void test_merge_laws(void **state)
{
	uint64_t random = 0x9e3779b97f4a7c15;
	struct evidence *pool[POOL];

	(void)state;
	for (unsigned int i = 0; i < POOL; i++)
		pool[i] = random_run(&random, i);
	for (int round = 0; round < 300; round++) {
		struct evidence *a = random_union(&random, pool);
		struct evidence *b = random_union(&random, pool);
		struct evidence *c = random_union(&random, pool);

		check_laws(a, b, c);
		evidence_free(a);
		evidence_free(b);
		evidence_free(c);
	}
	for (size_t i = 0; i < POOL; i++)
		evidence_free(pool[i]);
}

/* Counts stay with their run, whatever the order of the ids. */
static void test_merge_keeps_counts(void **state)
{
	static const char *const ids[] = { "c", "a", "d", "b" };
	struct evidence *all = evidence_new();
	size_t count;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct evidence *one = evidence_new();
		struct evidence_run *run = evidence_run(one, evidence_begin_run(one, ids[i]));

		memset(run->id, ids[i][0], 32);
		for (int k = 0; k <= ids[i][0] - 'a'; k++)
			evidence_add(one, 0, &open_fact);
		merge(all, one);
		evidence_free(one);
	}
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(all, FACT_PATH, &count);
	assert_int_equal(count, 1);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(evidence_run_at(all, i)->name[0], 'a' + (int)i);
		assert_int_equal(facts[0]->counts[i], i + 1);
	}
	evidence_free(all);
}

static void change_fact_count(struct evidence *evidence)
{
	evidence_add(evidence, 0, &open_fact);
}
static void change_fact_set(struct evidence *evidence)
{
	add_path(evidence, 0, "/more");
}
static void change_status(struct evidence *evidence)
{
	evidence_run(evidence, 0)->status++;
}
static void change_command(struct evidence *evidence)
{
	struct evidence_run *run = evidence_run(evidence, 0);

	free(run->command);
	run->command = xcalloc(2, sizeof(*run->command));
	run->command[0] = xstrdup("other");
}
static void change_loss(struct evidence *evidence)
{
	evidence_add_loss(evidence, 0, "event-lost");
}
static void change_engine(struct evidence *evidence)
{
	free(evidence_run(evidence, 0)->engine);
	evidence_run(evidence, 0)->engine = xstrdup("other");
}

static void change_filter(struct evidence *evidence)
{
	evidence_run(evidence, 0)->filter_learned ^= true;
}
static void change_facets(struct evidence *evidence)
{
	evidence_run(evidence, 0)->facets ^= FACET_CAPS;
}
static void change_carried(struct evidence *evidence)
{
	static const struct fact carried = { FACT_EXEC, { "/carried", "", "" } };

	evidence_carry(evidence, 0, &carried);
}

static void assert_conflict(struct evidence *a, const struct evidence *b, const char *id)
{
	AUTO_FREE char *before = print(a);
	struct error err = { 0 };

	assert_int_equal(evidence_merge(a, b, &err), -1);
	assert_int_equal(err.kind, ERROR_INPUT);
	assert_non_null(strstr(err.text, id));
	AUTO_FREE char *after = print(a);
	assert_string_equal(before, after);
}

static void test_merge_conflicts(void **state)
{
	static void (*const changes[])(struct evidence *) = {
		change_fact_count, change_fact_set, change_status, change_command, change_loss,
		change_engine,     change_filter,   change_facets, change_carried,
	};
	uint64_t random = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct evidence *a = random_run(&random, 1);
		struct evidence *fresh = random_run(&random, 2);

		evidence_add(a, 0, &open_fact);
		struct evidence *b = copy(a);
		changes[i](b);
		merge(b, fresh); /* a run that could be taken must not be taken either */
		struct evidence *first = copy(b);
		const char *id = evidence_run_at(a, 0)->id;
		assert_conflict(a, b, id);
		assert_conflict(first, a, id);
		evidence_free(first);
		evidence_free(a);
		evidence_free(b);
		evidence_free(fresh);
	}
}

/* A workload that makes up names takes no more memory than that, and it is counted. */
static void test_paths_have_a_ceiling(void **state)
{
	struct evidence *evidence = evidence_new();
	size_t run = evidence_begin_run(evidence, "run");
	size_t count;

	(void)state;
	assert_int_equal(evidence->paths_max, 1000000);
	evidence->paths_max = 2;
	add_path(evidence, run, "/1");
	add_path(evidence, run, "/2");
	add_path(evidence, run, "/3");
	add_path(evidence, run, "/3");
	add_path(evidence, run, "/1");
	free(evidence_facts(evidence, FACT_PATH, &count));
	assert_int_equal(count, 2);
	assert_int_equal(evidence_run(evidence, run)->loss_count, 1);
	assert_string_equal(evidence_run(evidence, run)->losses[0].kind, "too-many-paths");
	assert_int_equal(evidence_run(evidence, run)->losses[0].count, 2);
	evidence_free(evidence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begin_run),
		cmocka_unit_test(test_run_stays_where_it_is),
		cmocka_unit_test(test_facts_are_a_set),
		cmocka_unit_test(test_fields_are_apart),
		cmocka_unit_test(test_facts_are_sorted),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_unexpected_is_incomplete),
		cmocka_unit_test(test_counts_saturate),
		cmocka_unit_test(test_unstorable),
		cmocka_unit_test(test_paths_have_a_ceiling),
		cmocka_unit_test(test_carried),
		cmocka_unit_test(test_facets),
		cmocka_unit_test(test_merge_laws),
		cmocka_unit_test(test_merge_keeps_counts),
		cmocka_unit_test(test_merge_conflicts),
	};

	return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
