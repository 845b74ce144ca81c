/* The table of system calls against libseccomp's and our newer names: one row each, no other. */
#include <observe/observe.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define NUMBERS     600      /* no ABI of abis[] has higher ones, but for ARM's private calls */
#define ARM_PRIVATE 0x0f0000 /* __ARM_NR_BASE, arch/arm/include/uapi/asm/unistd.h */

static void sorted_and_unique(void **state)
{
	(void)state;
	assert_true(syscall_desc_count > 400);
	for (size_t i = 1; i < syscall_desc_count; i++)
		if (strcmp(syscall_descs[i - 1].name, syscall_descs[i].name) >= 0)
			fail_msg("%s stands behind %s", syscall_descs[i].name,
				 syscall_descs[i - 1].name);
}

static size_t check_numbers(const struct abi *abi, uint64_t first, uint64_t count)
{
	size_t found = 0;

	for (uint64_t nr = first; nr < first + count; nr++) {
		AUTO_BUF struct buf name = BUF_INIT;

		if (!abi_syscall_name(abi, nr | abi->bit, &name))
			continue;
		found++;
		if (!syscall_desc_find(name.data))
			fail_msg("%s of %s has no row", name.data, abi->name);
	}
	return found;
}

static void every_name_has_a_row(void **state)
{
	(void)state;
	for (const struct abi *abi = abis; abi->name; abi++) {
		size_t found = check_numbers(abi, 0, NUMBERS);

		if (strcmp(abi->name, "arm") == 0)
			found += check_numbers(abi, ARM_PRIVATE, 16);
		assert_true(found > 300);
	}
}

static void every_row_has_a_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < syscall_desc_count; i++) {
		bool known = false;

		for (const struct abi *abi = abis; abi->name && !known; abi++)
			known = abi_syscall_number(abi, syscall_descs[i].name) >= 0;
		if (!known)
			fail_msg("%s is a call of no ABI", syscall_descs[i].name);
	}
}

static size_t count_paths(const struct syscall_desc *row)
{
	size_t count = 0;

	for (int i = 0; i < ARGS; i++)
		count += row->args[i] >= ARG_PATH && row->args[i] <= ARG_PATH_OR_NULL;
	return count;
}

/* Rows that contradict themselves: a path that no decoder looks at, an access without a topic. */
static void rows_are_consistent(void **state)
{
	(void)state;
	for (size_t i = 0; i < syscall_desc_count; i++) {
		const struct syscall_desc *row = &syscall_descs[i];
		size_t paths = count_paths(row);
		bool two = row->topic == TOPIC_RENAME || row->topic == TOPIC_LINK ||
			   row->topic == TOPIC_PIVOT_ROOT || row->topic == TOPIC_MOVE_MOUNT;
		const struct topic_desc *topic = &topic_descs[row->topic];

		if (paths > OPERANDS || (paths == 2) != two)
			fail_msg("%s has %zu paths", row->name, paths);
		if (paths && (row->topic == TOPIC_NONE || !(row->flags & CAPS)))
			fail_msg("nobody looks at the path of %s", row->name);
		if (row->access != ACCESS_NONE && row->topic != TOPIC_PATH &&
		    row->topic != TOPIC_FD && row->topic != TOPIC_CREATE)
			fail_msg("nobody records the access of %s", row->name);
		if (row->topic != TOPIC_NONE && !topic->leave)
			fail_msg("the topic of %s has no decoder", row->name);
		if (row->topic == TOPIC_FD && row->args[0] != ARG_FD)
			fail_msg("%s has no descriptor", row->name);
	}
}

/* abi.def and libseccomp agree on the numbers that are looked at for each call. */
static void test_own_numbers(void **state)
{
	(void)state;
	for (const struct abi *abi = abis; abi->name; abi++) {
		assert_int_equal(abi_syscall_number(abi, "clone"), abi->clone);
		assert_int_equal(abi_syscall_number(abi, "exit_group"), abi->exit_group);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_numbers),     cmocka_unit_test(sorted_and_unique),
		cmocka_unit_test(every_name_has_a_row), cmocka_unit_test(every_row_has_a_name),
		cmocka_unit_test(rows_are_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
