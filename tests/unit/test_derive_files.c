/*
 * Evidence -> rules for files: names that differ from run to run, those that must not become
 * patterns, owners.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <string.h>
#include <whittle/policy.h>

enum { RUNS_MAX = 3, NAMES_MAX = 4 };

/* What each run did with a file of a program: create unless another access is given. */
struct row {
	const char *access;
	const char *names[RUNS_MAX][NAMES_MAX];
	const char
		*rule; /* that there must be, and no other but those of literal names; NULL: none */
};

static void add_run(struct evidence *evidence, const char *command, const char *access,
		    const char *const *names)
{
	size_t index = evidence_begin_run(evidence, "run");
	struct evidence_run *run = evidence_run(evidence, index);

	run->machine = xstrdup("x86_64");
	run->outcome = OUTCOME_EXITED;
	run->expected = true;
	run->command = xcalloc(2, sizeof(*run->command));
	run->command[0] = xstrdup(command);
	for (size_t i = 0; i < NAMES_MAX && names[i]; i++) {
		evidence_add(evidence, index,
			     &(struct fact){ FACT_PATH, { names[i], access, "owner", "/p", "" } });
		evidence_add(evidence, index,
			     &(struct fact){ FACT_PATH, { names[i], "read", "owner", "/p", "" } });
	}
}

static struct policy *derive(struct evidence *evidence)
{
	struct policy_options options = { .runtime = "none" };
	struct policy *policy = NULL;
	struct error err;

	assert_int_equal(policy_derive(evidence, &options, &policy, &err), 0);
	evidence_free(evidence);
	return policy;
}

static const struct apparmor_rule *find_rule(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->apparmor_count; i++)
		if (policy->apparmor[i].class == APPARMOR_FILE &&
		    strcmp(policy->apparmor[i].name, name) == 0)
			return &policy->apparmor[i];
	return NULL;
}

static bool has_rule(const struct policy *policy, const char *name)
{
	return find_rule(policy, name) != NULL;
}

static void check_rule(const struct policy *policy, const char *rule)
{
	for (size_t i = 0; i < policy->apparmor_count; i++)
		if (policy->apparmor[i].class == APPARMOR_FILE && !rule)
			assert_null(strstr(policy->apparmor[i].name, "\\{"));
	if (!rule)
		return;
	if (!has_rule(policy, rule))
		print_message("no rule %s\n", rule);
	assert_true(has_rule(policy, rule));
}

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct evidence *evidence = evidence_new();
		const char *access = rows[i].access ? rows[i].access : "create";

		for (size_t run = 0; run < RUNS_MAX && rows[i].names[run][0]; run++)
			add_run(evidence, "/p", access, rows[i].names[run]);
		struct policy *policy = derive(evidence);
		check_rule(policy, rows[i].rule);
		policy_free(policy);
	}
}

static void test_patterns(void **state)
{
	static const struct row rows[] = {
		/* a number, of any length; several in one run; a third run adds nothing */
		{ NULL, { { "/d/t-92.aof" }, { "/d/t-118.aof" } }, "/d/t-\\{digits:7}.aof" },
		{ NULL, { { "/d/t-1", "/d/t-2" }, { "/d/t-2", "/d/t-3" } }, "/d/t-\\{digits:7}" },
		{ NULL,
		  { { "/d/t-1700000000" }, { "/d/t-1800000000" }, { "/d/u" } },
		  "/d/t-\\{digits:10}" },
		{ "mkdir", { { "/d/12/" }, { "/d/34/" } }, "/d/\\{digits:7}/" },
		{ "bind", { { "/run/a.1.2" }, { "/run/a.1.3" } }, "/run/a.1.\\{digits:7}" },
		{ NULL, { { "/d/1-5.x" }, { "/d/2-6.x" } }, "/d/\\{digits:7}-\\{digits:7}.x" },
		/* words that were made up */
		{ NULL, { { "/d/a-0f1e2d" }, { "/d/a-9a8b7c" } }, "/d/a-\\{hex:6}" },
		{ NULL,
		  { { "/d/a.txt.tmp96dcf" }, { "/d/a.txt.tmp3ac65" } },
		  "/d/a.txt.tmp\\{hex:5}" },
		{ NULL,
		  { { "/d/x.lock9bb2b3a0bda53f70", "/d/x.lock1234567890123456" },
		    { "/d/x.lock5e077e9d0e716b17" } },
		  "/d/x.lock\\{hex:16}" },
		{ NULL,
		  { { "/d/550e8400-e29b-41d4-a716-446655440000.x" },
		    { "/d/6ba7b810-9dad-11d1-80b4-00c04fd430c8.x" } },
		  "/d/\\{hex:8}-\\{hex:4}-\\{hex:4}-\\{hex:4}-\\{hex:12}.x" },
		{ NULL,
		  { { "/d/job-4711-ab12cd34.q" }, { "/d/job-815-0f1e2d3c.q" } },
		  "/d/job-\\{digits:7}-\\{hex:8}.q" },
		/* files that are called by their hashes, below the first digits of these */
		{ NULL,
		  { { "/d/08/0123456789abcdef01" }, { "/d/e9/fedcba9876543210fe" } },
		  "/d/\\{hex:2}/\\{hex:18}" },
		{ NULL,
		  { { "/d/a/b/0123456789abcdef01" }, { "/d/c/0/fedcba9876543210fe" } },
		  "/d/\\{hex:1}/\\{hex:1}/\\{hex:18}" },
		{ NULL, { { "/d/sedAb3dEf" }, { "/d/sedXy9ZqP" } }, "/d/sed\\{word:6}" },
		{ NULL, { { "/d/tmpa7n_2b1d" }, { "/d/tmpx3q_9f0z" } }, "/d/tmp\\{word:8}" },
		/* made up, with a number before; more of it is made up than one run shows */
		{ NULL,
		  { { "/d/x20261126-189-\\{random}" }, { "/d/x20261126-1487-\\{random}" } },
		  "/d/x20261126-\\{digits:7}-\\{random}" },
		{ NULL, { { "/d/tmpab\\{random}" }, { "/d/tmpx3q_9f0z" } }, "/d/tmp\\{word:8}" },
		{ NULL,
		  { { "/d/abcd\\{random}.x" }, { "/d/zzyx\\{random}.x" } },
		  "/d/\\{word:10}.x" },
		/* below a directory that varies, and what varies there too */
		{ NULL, { { "/d/12/", "/d/12/x" }, { "/d/34/", "/d/34/x" } }, "/d/\\{digits:7}/x" },
		{ NULL,
		  { { "/d/12/", "/d/12/y7" }, { "/d/34/", "/d/34/y8" } },
		  "/d/\\{digits:7}/y\\{digits:7}" },
		/* drawn from letters of one kind, beside one that was not */
		{ NULL,
		  { { "/o/11/tmp_\\{random}", "/o/d0/tmp_qtmalw" } },
		  "/o/d0/tmp_\\{random}" },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_no_patterns(void **state)
{
	static const struct row rows[] = {
		/* one run; the same in both; more in one than in the other */
		{ NULL, { { "/d/t-1", "/d/t-2" } }, NULL },
		{ NULL, { { "/d/t-1" }, { "/d/t-1" } }, NULL },
		{ NULL, { { "/d/t-1", "/d/t-2" }, { "/d/t-1" } }, NULL },
		/* not made by it */
		{ "read", { { "/d/t-1" }, { "/d/t-2" } }, NULL },
		{ "write", { { "/d/t-1" }, { "/d/t-2" } }, NULL },
		/* names that people made up: Python's caches and packages */
		{ NULL,
		  { { "/u/__pycache__/decoder.pyc" }, { "/u/__pycache__/encoder.pyc" } },
		  NULL },
		{ NULL,
		  { { "/u/__pycache__/base64.pyc" }, { "/u/__pycache__/sha256.pyc" } },
		  NULL },
		{ NULL, { { "/u/__pycache__/a.pyc" }, { "/u/__pycache__/b.pyc" } }, NULL },
		{ "mkdir", { { "/u/site-packages/jinja2/" }, { "/u/site-packages/yaml/" } }, NULL },
		{ NULL, { { "/d/MyReport" }, { "/d/TheirReport" } }, NULL },
		{ NULL, { { "/d/facade" }, { "/d/decade" } }, NULL },
		/* other lengths, two places, other directories */
		{ NULL, { { "/d/a-0f1e2d" }, { "/d/a-0f1e2d3c" } }, NULL },
		{ NULL, { { "/a/t-1" }, { "/b/t-2" } }, NULL },
		{ NULL, { { "/d/t-1.a" }, { "/d/t-2.b" } }, NULL },
		/* sensitive places, hostile names */
		{ NULL, { { "/etc/t-1" }, { "/etc/t-2" } }, NULL },
		{ NULL, { { "/home/u/t-1" }, { "/home/u/t-2" } }, NULL },
		{ NULL, { { "/srv/.ssh/t-1" }, { "/srv/.ssh/t-2" } }, NULL },
		{ NULL, { { "/d/\\x0a1" }, { "/d/\\x0a2" } }, NULL },
		/* like no name that was made up */
		{ NULL, { { "/d/tmp_qtmalw", "/d/tmq_qtmalw" } }, NULL },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

/* Another use, or another command, is no evidence. */
static void test_what_agrees(void **state)
{
	static const char *const one[] = { "/d/t-1", NULL }, *const two[] = { "/d/t-2", NULL };
	static const struct {
		const char *commands[2], *accesses[2];
		bool pattern;
	} rows[] = {
		{ { "/p", "/p" }, { "create", "create" }, true },
		{ { "/p", "/q" }, { "create", "create" }, false },
		{ { "/p", "/p" }, { "create", "mknod" }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = evidence_new();

		add_run(evidence, rows[i].commands[0], rows[i].accesses[0], one);
		add_run(evidence, rows[i].commands[1], rows[i].accesses[1], two);
		struct policy *policy = derive(evidence);
		assert_int_equal(has_rule(policy, "/d/t-\\{digits:7}"), rows[i].pattern);
		assert_int_equal(has_rule(policy, "/d/t-1"), !rows[i].pattern);
		policy_free(policy);
	}
}

/* A file that is made and then executed: the pattern is for making it, not for executing it. */
static void test_executed(void **state)
{
	static const char *const names[][2] = { { "/d/12/", "/d/12/p1" },
						{ "/d/34/", "/d/34/p2" } };
	struct evidence *evidence = evidence_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *const list[] = { names[i][0], names[i][1], NULL };

		add_run(evidence, "/p", "create", list);
		evidence_add(evidence, i,
			     &(struct fact){ FACT_PATH,
					     { names[i][1], "exec", "owner", "/p", "" } });
		evidence_add(evidence, i, &(struct fact){ FACT_EXEC, { names[i][1], "/p", "" } });
	}
	struct policy *policy = derive(evidence);
	for (size_t i = 0; i < policy->apparmor_count; i++) {
		const struct apparmor_rule *rule = &policy->apparmor[i];

		if (rule->class == APPARMOR_FILE && strstr(rule->name, "/p\\{digits:7}"))
			assert_string_equal(rule->perms, "rw");
	}
	assert_true(has_rule(policy, "/d/\\{digits:7}/p\\{digits:7}"));
	assert_string_equal(find_rule(policy, "/d/12/p1")->perms, "ix");
	assert_string_equal(find_rule(policy, "/d/34/p2")->perms, "ix");
	policy_free(policy);
}

/* abi 4.0 has rules of their own for queues: what varies in the file's name varies there too. */
static void test_queues(void **state)
{
	static const char *const names[][2] = { { "/mqueue:job-4711", NULL },
						{ "/mqueue:job-4822", NULL } };
	const struct policy_options options = { .runtime = "none", .abi4 = true };
	struct evidence *evidence = evidence_new();
	struct policy *policy = NULL;
	struct error err;
	size_t queues = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		add_run(evidence, "/p", "create", names[i]);
		evidence_add(evidence, i,
			     &(struct fact){ FACT_SYSCALL, { "x86_64", "mq_open", "/p", "ok" } });
	}
	assert_int_equal(policy_derive(evidence, &options, &policy, &err), 0);
	evidence_free(evidence);
	assert_true(has_rule(policy, "/job-\\{digits:7}"));
	for (size_t i = 0; i < policy->apparmor_count; i++) {
		if (policy->apparmor[i].class != APPARMOR_MQUEUE)
			continue;
		assert_string_equal(policy->apparmor[i].name, "/job-\\{digits:7}");
		queues++;
	}
	assert_int_equal(queues, 1);
	policy_free(policy);
}

#define ADD(evidence, kind, ...) evidence_add(evidence, 0, &(struct fact){ kind, { __VA_ARGS__ } })

static const char *const none[] = { NULL };

static void test_owner_of_appends(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct evidence *evidence = evidence_new();

		add_run(evidence, "/p", "read", none);
		ADD(evidence, FACT_SYSCALL, "x86_64", "setresuid", "/p", i ? "ok" : "EPERM");
		ADD(evidence, FACT_PATH, "/log", "append", "owner", "/p", "");
		ADD(evidence, FACT_PATH, "/out", "write", "owner", "/p", "");
		struct policy *policy = derive(evidence);
		assert_int_equal(find_rule(policy, "/log")->owner, i == 0);
		assert_true(find_rule(policy, "/out")->owner);
		policy_free(policy);
	}
}

static void test_exchange_of_file_and_directory(void **state)
{
	struct evidence *evidence = evidence_new();

	(void)state;
	add_run(evidence, "/p", "read", none);
	ADD(evidence, FACT_PATH, "/d/", "exchange", "owner", "/p", "/f");
	ADD(evidence, FACT_PATH, "/f", "exchange", "owner", "/p", "/d/");
	struct policy *policy = derive(evidence);
	assert_string_equal(find_rule(policy, "/f")->perms, "rw");
	assert_string_equal(find_rule(policy, "/d/")->perms, "rw");
	assert_string_equal(find_rule(policy, "/f/")->perms, "w");
	assert_string_equal(find_rule(policy, "/d")->perms, "w");
	policy_free(policy);
}

/* Why a capability is needed names the file as the rules do: two runs give one cause. */
static void test_causes(void **state)
{
	static const char *const names[][2] = { { "/d/t-1", NULL }, { "/d/t-2", NULL } };
	struct evidence *evidence = evidence_new();

	(void)state;
	for (size_t run = 0; run < ARRAY_SIZE(names); run++) {
		add_run(evidence, "/p", "create", names[run]);
		evidence_add(evidence, run,
			     &(struct fact){ FACT_CAPABILITY,
					     { "CAP_CHOWN", "required", "chown", names[run][0],
					       "/p", "measured" } });
	}
	struct policy *policy = derive(evidence);
	assert_int_equal(policy->capability_count, 1);
	assert_int_equal(policy->capabilities[0].cause_count, 1);
	assert_string_equal(policy->capabilities[0].causes[0].object, "/d/t-\\{digits:7}");
	assert_int_equal(policy->capabilities[0].why.count, 1);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_no_patterns),
		cmocka_unit_test(test_what_agrees),
		cmocka_unit_test(test_executed),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_owner_of_appends),
		cmocka_unit_test(test_exchange_of_file_and_directory),
		cmocka_unit_test(test_causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
