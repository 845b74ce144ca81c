/* What earlier runs teach a later one: which evidence, which calls, and what is carried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <cli/record.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

static void test_names(void **state)
{
	static const struct {
		const char *names;
		bool good;
	} rows[] = {
		{ "all", true },        { "read", true },      { "read,write", true },
		{ "socketcall", true }, /* of i386 only */
		{ "", false },          { "read,", false },    { ",read", false },
		{ "red", false },       { "all,read", false }, { "read,red,write", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { 0 };

		assert_int_equal(known_check_names(rows[i].names, &err) == 0, rows[i].good);
		assert_int_equal(err.kind, rows[i].good ? ERROR_NONE : ERROR_INPUT);
	}
}

/* ---- loading ---- */

static char place[] = "/tmp/whittle-known.XXXXXX";

static const char *machine(void)
{
	static struct utsname here;

	uname(&here);
	return here.machine;
}

static struct evidence *new_evidence(const char *on)
{
	struct evidence *evidence = evidence_new();
	struct evidence_run *run = evidence_run(evidence, evidence_begin_run(evidence, "run"));

	run->machine = xstrdup(on);
	run->outcome = OUTCOME_EXITED;
	run->expected = true;
	return evidence;
}

/* Saves it as place/name/evidence.json and frees it; returns place/name, which the caller frees. */
static char *save(const char *name, struct evidence *evidence)
{
	char *path = xasprintf("%s/%s", place, name);
	struct error err;

	assert_int_equal(mkdir(path, 0700), 0);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(evidence_save(evidence, fd, "evidence.json", &err), 0);
	evidence_free(evidence);
	return path;
}

/* How many runs known_load() gave; -1 if it refused, -2 if it gave none. */
static int load(const struct record_options *options, struct error *err)
{
	struct evidence *known = NULL;

	if (known_load(options, &known, err) < 0) {
		assert_null(known);
		return -1;
	}
	int count = known ? (int)evidence_run_count(known) : -2;
	evidence_free(known);
	return count;
}

static void test_load(void **state)
{
	AUTO_FREE char *here = save("here", new_evidence(machine()));
	AUTO_FREE char *other = save("other", new_evidence("pdp11"));
	AUTO_FREE char *empty = save("empty", evidence_new());
	AUTO_FREE char *none = xasprintf("%s/none", place);
	const struct {
		struct record_options options;
		int wanted;
		const char *says;
	} rows[] = {
		{ { .directory = here }, -2, NULL },
		{ { .directory = none, .known_path = here }, 1, NULL },
		{ { .directory = none, .known_path = here, .append = true }, 1, NULL },
		{ { .directory = other, .known_path = here, .append = true }, 2, NULL },
		{ { .directory = here, .append = true }, 1, NULL },
		{ { .directory = here, .append = true, .exact = true }, -2, NULL },
		{ { .directory = here, .append = true, .recheck = "all" }, -2, NULL },
		{ { .directory = here, .append = true, .recheck = "read" }, 1, NULL },
		{ { .directory = none, .append = true }, -2, NULL },
		{ { .directory = none, .known_path = none }, -1, "cannot open" },
		{ { .directory = none, .known_path = other }, -1, "was recorded on pdp11" },
		{ { .directory = none, .known_path = empty }, -1, "holds no run" },
		{ { .known_path = other, .recheck = "all" }, -1, "was recorded on pdp11" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { 0 };

		assert_int_equal(load(&rows[i].options, &err), rows[i].wanted);
		if (rows[i].says)
			assert_non_null(strstr(err.text, rows[i].says));
	}
}

static int make_place(void **state)
{
	(void)state;
	return mkdtemp(place) ? 0 : -1;
}

static int remove_place(void **state)
{
	static const char *const names[] = { "here", "other", "empty" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FREE char *file = xasprintf("%s/%s/evidence.json", place, names[i]);
		AUTO_FREE char *folder = xasprintf("%s/%s", place, names[i]);

		unlink(file);
		rmdir(folder);
	}
	return rmdir(place);
}

/* ---- teaching and carrying ---- */

static void ignore_fact(void *context, const struct fact *fact)
{
	(void)context;
	(void)fact;
}
static void ignore_kind(void *context, const char *kind)
{
	(void)context;
	(void)kind;
}

static const struct fact_sink sink = { NULL, ignore_fact, ignore_kind, ignore_kind };

static bool is_free(const struct observer *observer, const char *name)
{
	size_t count;
	struct free_call *calls = observer_free_calls(observer, 0, &count);
	int64_t nr = abi_syscall_number(abi_of_machine(NULL), name);
	bool found = false;

	for (size_t i = 0; i < count; i++)
		found |= calls[i].nr == (uint64_t)nr;
	free_calls_release(calls, count);
	return found;
}

static struct fact call_fact(const char *name)
{
	return (struct fact){ FACT_SYSCALL, { abi_of_machine(NULL)->name, name, "/p", "ok" } };
}

/* A run more, in which the call of that name was seen, or only carried. */
static void add_run(struct evidence *evidence, const char *on, const char *name, bool seen)
{
	size_t run = evidence_begin_run(evidence, "run");
	struct fact fact = call_fact(name);

	evidence_run(evidence, run)->machine = xstrdup(on);
	if (seen)
		evidence_add(evidence, run, &fact);
	else
		evidence_carry(evidence, run, &fact);
}

static struct observer *teach(const struct evidence *known, const char *recheck)
{
	const struct record_options options = { .known = known, .recheck = recheck };
	struct observer *observer = observer_new(&sink, OBSERVE_CAPS | OBSERVE_PATHS);

	known_teach(&options, observer);
	return observer;
}

static void test_teach(void **state)
{
	struct evidence *known = evidence_new();

	(void)state;
	add_run(known, machine(), "getppid", true);
	add_run(known, machine(), "read", true);
	add_run(known, "pdp11", "write", true);
	struct observer *observer = teach(known, NULL);
	assert_true(is_free(observer, "getppid"));
	assert_true(is_free(observer, "read"));
	assert_false(is_free(observer, "write"));
	assert_false(is_free(observer, "getpid"));
	observer_free(observer);
	observer = teach(known, "write,getppid");
	assert_false(is_free(observer, "getppid"));
	assert_true(is_free(observer, "read"));
	observer_free(observer);
	observer = teach(NULL, NULL);
	assert_false(is_free(observer, "read"));
	observer_free(observer);
	evidence_free(known);
}

/* After ten runs that carried it for each that saw it, a call is looked at again. */
static void test_due(void **state)
{
	static const struct {
		int seen, carried;
		bool due;
	} rows[] = {
		{ 1, 0, false },  { 1, 10, false }, { 1, 11, true },
		{ 2, 20, false }, { 2, 21, true },  { 0, 1, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *known = evidence_new();

		add_run(known, machine(), "read", true);
		for (int k = 0; k < rows[i].seen + rows[i].carried; k++)
			add_run(known, machine(), "getppid", k < rows[i].seen);
		struct observer *observer = teach(known, NULL);
		assert_int_equal(is_free(observer, "getppid"), !rows[i].due);
		assert_true(is_free(observer, "read"));
		observer_free(observer);
		evidence_free(known);
	}
}

static uint64_t count_of(const struct evidence *evidence, const char *name)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_SYSCALL, &count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(facts[i]->fact.field[SYSCALL_NAME], name) == 0)
			return facts[i]->counts[0];
	return 0;
}

static void test_carry(void **state)
{
	static const char *const names[] = { "getppid", "read", "execve", "write" };
	struct evidence *known = evidence_new(), *evidence = new_evidence(machine());
	const struct fact seen = call_fact("read");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		add_run(known, machine(), names[i], true);
	add_run(known, "pdp11", "getpid", true);
	const struct record_options options = { .known = known, .recheck = "write" };
	struct observer *observer = observer_new(&sink, OBSERVE_CAPS | OBSERVE_PATHS);
	known_teach(&options, observer);
	evidence_add(evidence, 0, &seen);
	known_carry(&options, observer, evidence, 0);
	assert_true(count_of(evidence, "getppid") == COUNT_CARRIED);
	assert_int_equal(count_of(evidence, "read"), 1);
	assert_int_equal(count_of(evidence, "execve"), 0); /* it reports each time */
	assert_int_equal(count_of(evidence, "write"), 0);
	assert_int_equal(count_of(evidence, "getpid"), 0);
	assert_true(evidence_run_at(evidence, 0)->filter_known);
	observer_free(observer);
	evidence_free(evidence);
	evidence_free(known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_load, make_place, remove_place),
		cmocka_unit_test(test_teach),
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_carry),
	};

	return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
