/* The tables of floors: each row can be read, and says what its columns say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <string.h>
#include <whittle/arch.h>
#include <whittle/floor.h>

#include "derived.h"

/* Each row can be read; sorted, so that a reader finds it. */
static void test_floor_rows(void **state)
{
	const char *family;

	(void)state;
	for (size_t i = 0; (family = floor_family("any", i)); i++) {
		size_t count;
		const struct floor_row *rows = floor_rows(family, &count);

		assert_non_null(rows);
		for (size_t k = 0; k < count; k++) {
			struct floor_condition condition;
			enum floor_lack lack;
			unsigned int phases;
			struct error err;

			assert_true(floor_condition(&rows[k], &condition));
			assert_true(floor_lack(&rows[k], &lack));
			assert_true(floor_phases(&rows[k], &phases));
			assert_int_equal(floor_check_start(rows[k].no_new_privileges, &err), 0);
			assert_true(abi_syscall_number(abi_by_name("x86_64"), rows[k].name) >= 0);
			assert_true(k == 0 || strcmp(rows[k - 1].name, rows[k].name) <= 0);
		}
	}
}

static void test_floor_columns(void **state)
{
	static const struct {
		const char *arguments;
		bool good;
		unsigned int index;
		uint64_t mask;
		size_t count;
	} rows[] = {
		{ "-", true, 0, UINT32_MAX, 0 },
		{ "0=8|24", true, 0, UINT32_MAX, 2 },
		{ "2&0x4=0", true, 2, 4, 1 },
		{ "", false, 0, 0, 0 },
		{ "6=1", false, 0, 0, 0 },
		{ "0=", false, 0, 0, 0 },
		{ "0=1|", false, 0, 0, 0 },
		{ "0=1,1=2", false, 0, 0, 0 },
		{ "1", false, 0, 0, 0 },
		{ "0&=1", false, 0, 0, 0 },
		{ "0=1|2|3|4|5|6|7|8", true, 0, UINT32_MAX, 8 },
		{ "0=1|2|3|4|5|6|7|8|9", false, 0, 0, 0 },
	};
	struct floor_row row = { .phases = "create,exec" };
	unsigned int phases;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct floor_condition condition;

		row.arguments = rows[i].arguments;
		assert_int_equal(floor_condition(&row, &condition), rows[i].good);
		if (!rows[i].good)
			continue;
		assert_int_equal(condition.index, rows[i].index);
		assert_int_equal(condition.mask, rows[i].mask);
		assert_int_equal(condition.count, rows[i].count);
	}
	assert_true(floor_phases(&row, &phases));
	assert_int_equal(phases, FLOOR_CREATE | FLOOR_EXEC);
	row.phases = "create,";
	assert_false(floor_phases(&row, &phases));
	row.phases = "start";
	assert_false(floor_phases(&row, &phases));
}

/* capset: crun and runc, off only; epoll_ctl: runc; setresgid: crun, off; getdents64: runc. */
static void test_floors(void **state)
{
	static const struct {
		const char *runtime, *nnp, *in, *out;
	} rows[] = {
		{ "any", "any", "setresgid", "mount" },
		{ "any", "on", "epoll_ctl", "capset" },
		{ "any", "off", "capset", "mount" },
		{ "runc", "any", "capget", "setresgid" },
		{ "runc", "on", "getdents64", "capget" },
		{ "crun", "any", "setresgid", "epoll_ctl" },
		{ "crun", "on", "close", "setresgid" },
		{ "crun", "off", "setresuid", "getdents64" },
		{ "docker", "any", "getdents64", "setresgid" },
		{ "podman", "any", "getdents64", "mount" },
		{ "kubernetes", "on", "epoll_ctl", "setresgid" },
		{ "kubernetes", "off", "setresgid", "mount" },
		{ "none", "any", "read", "execve" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		ADD(evidence, FACT_SYSCALL, "x86_64", "read", "/p", "ok");
		struct policy *policy = derive(evidence, rows[i].runtime, rows[i].nnp);
		assert_non_null(find_call(policy, rows[i].in));
		assert_null(find_call(policy, rows[i].out));
		assert_true(find_call(policy, "read")->groups & GROUP_PROGRAM);
		policy_free(policy);
	}
}

static void test_floor_groups(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_SYSCALL, "x86_64", "read", "/p", "ok");
	struct policy *policy = derive(evidence, NULL, NULL);
	assert_int_equal(find_call(policy, "read")->groups, GROUP_PROGRAM | GROUP_FLOOR);
	assert_int_equal(find_call(policy, "capset")->groups, GROUP_FLOOR);
	assert_int_equal(find_call(policy, "capset")->abi_count, 0);
	assert_string_equal(policy->options.runtime, "any");
	policy_free(policy);
}

/* What only the floor needs bears its conditions; what the program calls too bears none. */
static void test_floor_conditions(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_SYSCALL, "x86_64", "read", "/p", "ok");
	struct policy *policy = derive(evidence, NULL, NULL);
	const struct seccomp_rule *rule = find_call(policy, "prctl");
	assert_true(rule->condition_count >= 2);
	for (size_t i = 1; i < rule->condition_count; i++)
		assert_true(rule->conditions[i - 1].value < rule->conditions[i].value);
	assert_int_equal(rule->voided.count, 0);
	assert_int_equal(find_call(policy, "read")->condition_count, 0);
	rule = find_call(policy, "mmap");
	assert_int_equal(rule->condition_count, 1);
	assert_int_equal(rule->conditions[0].index, 2);
	assert_int_equal(rule->conditions[0].mask, 4);
	policy_free(policy);
	evidence = new_evidence();
	ADD(evidence, FACT_SYSCALL, "x86_64", "prctl", "/p", "ok");
	policy = derive(evidence, NULL, NULL);
	rule = find_call(policy, "prctl");
	assert_int_equal(rule->groups, GROUP_PROGRAM | GROUP_FLOOR);
	assert_int_equal(rule->condition_count, 0);
	policy_free(policy);
}

/* A condition that a grant without one swallows is void, and said so: whoever grants it. */
static void test_floor_void(void **state)
{
	static const struct {
		const char *runtime, *call, *seen, *voided;
	} rows[] = {
		{ "crun", "prctl", "prctl",
		  "0=8|24|47 of the floor of crun: the program makes the call, with any "
		  "arguments" },
		{ "runc", "fcntl", "fcntl",
		  "1=2|3|4|1030 of the floor of runc: the program makes the call, with any "
		  "arguments" },
		{ "crun", "prctl", "read", NULL },
		{ "none", "prctl", "prctl", NULL },
		{ "any", "fcntl", "read", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		ADD(evidence, FACT_SYSCALL, "x86_64", rows[i].seen, "/p", "ok");
		struct policy *policy = derive(evidence, rows[i].runtime, NULL);
		const struct seccomp_rule *rule = find_call(policy, rows[i].call);
		assert_non_null(rule);
		assert_int_equal(rule->voided.count, rows[i].voided ? 1 : 0);
		if (rows[i].voided)
			assert_string_equal(rule->voided.line[0], rows[i].voided);
		assert_int_equal(rule_is_floor_only(rule), strcmp(rows[i].seen, rows[i].call) != 0);
		policy_free(policy);
	}
}

static void test_families(void **state)
{
	struct error err;

	(void)state;
	assert_string_equal(floor_family("any", 0), "crun");
	assert_string_equal(floor_family("any", 1), "runc");
	assert_null(floor_family("any", 2));
	assert_string_equal(floor_family("docker", 0), "runc");
	assert_null(floor_family("none", 0));
	assert_null(floor_family("lxc", 0));
	assert_int_equal(floor_check_runtime("none", &err), 0);
	assert_int_equal(floor_check_runtime("kubernetes", &err), 0);
	assert_int_equal(floor_check_runtime("lxc", &err), -1);
	assert_int_equal(err.kind, ERROR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floor_rows),   cmocka_unit_test(test_floor_columns),
		cmocka_unit_test(test_families),     cmocka_unit_test(test_floors),
		cmocka_unit_test(test_floor_groups), cmocka_unit_test(test_floor_conditions),
		cmocka_unit_test(test_floor_void),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
