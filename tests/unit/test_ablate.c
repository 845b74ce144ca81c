/* The search for what cannot be left out, against every subset; and what counts as a failed run. */
#include <enforce/search.h>
#include <enforce/trial.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#undef fail /* whittle's, not cmocka's */

enum { NEEDS_MAX = 6 };

/* A command that needs, of each set, one member at least. */
struct needs {
	uint64_t any_of[NEEDS_MAX];
	size_t count;
	size_t attempts;
	size_t fail_at; /* the attempt that cannot be made; 0: none */
};

static bool will_do(const struct needs *needs, uint64_t kept)
{
	for (size_t i = 0; i < needs->count; i++)
		if (!(needs->any_of[i] & kept))
			return false;
	return true;
}

static int attempt(void *context, uint64_t kept, bool *ret_passed, struct error *err)
{
	struct needs *needs = context;

	if (++needs->attempts == needs->fail_at)
		return fail(err, ERROR_REFUSED, 0, "no attempt");
	*ret_passed = will_do(needs, kept);
	return 0;
}

static uint64_t minimal_of(struct needs *needs, uint64_t all, const int *first, size_t count)
{
	struct search search = { attempt, needs };
	uint64_t minimal = UINT64_MAX;
	struct error err;

	assert_int_equal(search_minimal(&search, 0, all, first, count, &minimal, &err), 0);
	return minimal;
}

static const uint64_t all41 = ((uint64_t)1 << 41) - 1;

static void nothing_is_one_attempt(void **state)
{
	struct needs needs = { .count = 0 };

	(void)state;
	assert_int_equal(minimal_of(&needs, all41, NULL, 0), 0);
	assert_int_equal(needs.attempts, 1);
	needs.attempts = 0;
	assert_int_equal(minimal_of(&needs, 0, NULL, 0), 0);
	assert_int_equal(needs.attempts, 0);
}

static void one_of_many_is_cheap(void **state)
{
	(void)state;
	for (int member = 0; member < 41; member++) {
		struct needs needs = { .any_of = { (uint64_t)1 << member }, .count = 1 };

		assert_int_equal(minimal_of(&needs, all41, NULL, 0), (uint64_t)1 << member);
		assert_in_range(needs.attempts, 1, 13); /* 2 * log2(41) + 1 */
	}
}

static void the_preferred_is_kept(void **state)
{
	struct needs needs = { .any_of = { 1 << 1 | 1 << 2, 1 << 21 | 1 << 19 }, .count = 2 };
	int read_search_first[] = { 2, 19 }, override_first[] = { 21, 1 };

	(void)state;
	assert_int_equal(minimal_of(&needs, all41, read_search_first, 2), 1 << 2 | 1 << 19);
	assert_int_equal(minimal_of(&needs, all41, override_first, 2), 1 << 1 | 1 << 21);
	/* One that meets both needs is not preferred to the first of the list. */
	needs.any_of[1] |= 1 << 1;
	assert_int_equal(minimal_of(&needs, all41, override_first, 2), 1 << 1);
}

/* xorshift: the same needs in every run of the test. */
static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void every_subset_agrees(void **state)
{
	uint64_t seed = 20260101, all = (1 << 10) - 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct needs needs = { .count = next_random(&seed) % (NEEDS_MAX + 1) };
		struct search search = { attempt, &needs };
		uint64_t singles;
		struct error err;

		for (size_t i = 0; i < needs.count; i++)
			needs.any_of[i] =
				(next_random(&seed) & next_random(&seed) & all) | 1 << round % 10;
		uint64_t minimal = minimal_of(&needs, all, NULL, 0);
		assert_true(will_do(&needs, minimal));
		for (int member = 0; member < 10; member++) {
			uint64_t without = minimal & ~((uint64_t)1 << member), expected = 0;

			if (without == minimal)
				continue;
			assert_false(will_do(&needs, without));
			for (int other = 0; other < 10; other++)
				if (!(minimal >> other & 1) &&
				    will_do(&needs, without | (uint64_t)1 << other))
					expected |= (uint64_t)1 << other;
			assert_int_equal(search_singles(&search, without, all & ~minimal, &singles,
							&err),
					 0);
			assert_int_equal(singles, expected);
		}
	}
}

static void a_failure_ends_the_search(void **state)
{
	struct needs whole = { .any_of = { 1 << 3, 1 << 30 }, .count = 2 };

	(void)state;
	minimal_of(&whole, all41, NULL, 0);
	for (size_t at = 1; at <= whole.attempts; at++) {
		struct needs needs = { .any_of = { 1 << 3, 1 << 30 }, .count = 2, .fail_at = at };
		struct search search = { attempt, &needs };
		uint64_t minimal = 77;
		struct error err;

		assert_int_equal(search_minimal(&search, 0, all41, NULL, 0, &minimal, &err), -1);
		assert_int_equal(minimal, 77);
		assert_int_equal(needs.attempts, at);
	}
}

/* ---- what counts as a failed run ---- */

static void failures(void **state)
{
	static const struct outcome reference = { .length = 3, .hash = 7 };
	static const struct {
		struct ablate_options options;
		struct outcome outcome;
		const char *failure;
	} rows[] = {
		{ { .expect = 0 }, { .length = 3, .hash = 7 }, NULL },
		{ { .expect = 0 }, { .length = 3, .hash = 8 }, "its output differs" },
		{ { .expect = 0 }, { .length = 4, .hash = 7 }, "its output differs" },
		{ { .expect = 0 }, { .command = { ENDED_EXIT, 1 } }, "exit status 1" },
		{ { .expect = 1 }, { .command = { ENDED_EXIT, 1 }, .length = 3, .hash = 7 }, NULL },
		{ { .expect = 1 }, { .length = 3, .hash = 7 }, "exit status 0" },
		{ { .expect = 9 }, { .command = { ENDED_SIGNAL, 9 } }, "killed by signal 9" },
		{ { .expect = 0 }, { .command = { ENDED_LATE, 0 } }, "its time was over" },
		{ { .expect = 0 },
		  { .command = { ENDED_NO_EXEC, 13 } },
		  "cannot be executed: Permission denied" },
		{ { .check = "c" },
		  { .checked = true, .check = { ENDED_EXIT, 2 } },
		  "the check: exit status 2" },
		{ { .exercise = "e" },
		  { .command = { ENDED_STOPPED, 0 }, .ready = true, .length = 3, .hash = 7 },
		  NULL },
		{ { .exercise = "e" },
		  { .command = { ENDED_STOPPED, 0 },
		    .ready = true,
		    .exercise = { ENDED_EXIT, 22 } },
		  "the exercise: exit status 22" },
		/* A server that ends before it is ready failed, whatever its status. */
		{ { .exercise = "e" },
		  { .command = { ENDED_EXIT, 0 } },
		  "before it was ready: exit status 0" },
		{ { .exercise = "e" },
		  { .command = { ENDED_LATE, 0 } },
		  "before it was ready: its time was over" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *failure =
			trial_failure(&rows[i].options, &rows[i].outcome, &reference);

		if (rows[i].failure)
			assert_string_equal(failure, rows[i].failure);
		else
			assert_null(failure);
	}
	assert_null(trial_failure(&rows[1].options, &rows[1].outcome, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_one_attempt),    cmocka_unit_test(one_of_many_is_cheap),
		cmocka_unit_test(the_preferred_is_kept),     cmocka_unit_test(every_subset_agrees),
		cmocka_unit_test(a_failure_ends_the_search), cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
