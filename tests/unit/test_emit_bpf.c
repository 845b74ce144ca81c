/*
 * The raw filter, judged by running it: a small interpreter of the instructions that seccomp takes
 * (linux/filter.h), so that libseccomp is not its own witness.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <whittle/target.h>

enum { ENOSYS_ANSWER = SECCOMP_RET_ERRNO | 38 };

static bool holds(unsigned int op, uint32_t a, uint32_t k)
{
	switch (op) {
	case BPF_JA:
		return true;
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	}
	assert_int_equal(op, BPF_JSET);
	return a & k;
}

/* The answer of the filter for a call. */
static uint32_t run_filter(const struct buf *filter, uint32_t arch, int nr)
{
	const struct sock_filter *code = (const void *)filter->data;
	size_t count = filter->length / sizeof(*code);
	struct seccomp_data data = { .arch = arch, .nr = nr };
	uint32_t a = 0;

	for (size_t pc = 0; pc < count; pc++) {
		const struct sock_filter *at = &code[pc];

		switch (BPF_CLASS(at->code)) {
		case BPF_LD:
			assert_int_equal(at->code, BPF_LD | BPF_W | BPF_ABS);
			assert_true(at->k + sizeof(a) <= sizeof(data));
			memcpy(&a, (const char *)&data + at->k, sizeof(a));
			break;
		case BPF_JMP:
			if (BPF_OP(at->code) == BPF_JA)
				pc += at->k;
			else
				pc += holds(BPF_OP(at->code), a, at->k) ? at->jt : at->jf;
			break;
		default:
			assert_int_equal(at->code, BPF_RET | BPF_K);
			return at->k;
		}
	}
	assert_true(false); /* it did not end */
	return 0;
}

struct call {
	const char *abi, *name, *result;
};

static int render(const char *machine, const struct call *calls, size_t count, struct buf *out,
		  struct error *err)
{
	struct evidence *evidence = evidence_new();
	struct evidence_run *run = evidence_run(evidence, evidence_begin_run(evidence, "run"));
	struct policy_options options = { .runtime = "any" };
	struct policy *policy = NULL;

	run->machine = xstrdup(machine);
	for (size_t i = 0; i < count; i++)
		evidence_add(evidence, 0,
			     &(struct fact){
				     FACT_SYSCALL,
				     { calls[i].abi, calls[i].name, "/p", calls[i].result } });
	assert_int_equal(policy_derive(evidence, &options, &policy, err), 0);
	evidence_free(evidence);
	int rc = target_by_name("bpf")->render(policy, out, err);
	policy_free(policy);
	return rc;
}

static void test_two_abis(void **state)
{
	static const struct call calls[] = {
		{ "x86_64", "read", "ok" },        { "x86_64", "execve", "ok" },
		{ "i386", "socket", "ok" },        { "i386", "_llseek", "ok" },
		{ "i386", "openat", "ok" },        { "x86_64", "mseal", "ok" },
		{ "x86_64", "#999999", "ENOSYS" },
	};
	static const struct {
		uint32_t arch;
		int nr;
		uint32_t answer;
	} rows[] = {
		{ AUDIT_ARCH_X86_64, 0, SECCOMP_RET_ALLOW },   /* read */
		{ AUDIT_ARCH_X86_64, 59, SECCOMP_RET_ALLOW },  /* execve */
		{ AUDIT_ARCH_X86_64, 462, SECCOMP_RET_ALLOW }, /* mseal, newer than libseccomp */
		{ AUDIT_ARCH_X86_64, 257, ENOSYS_ANSWER },     /* openat: only i386 called it */
		{ AUDIT_ARCH_X86_64, 126, ENOSYS_ANSWER },     /* capset: floor, not in a filter */
		{ AUDIT_ARCH_X86_64, 500, ENOSYS_ANSWER },
		{ AUDIT_ARCH_I386, 359, SECCOMP_RET_ALLOW }, /* socket */
		{ AUDIT_ARCH_I386, 140, SECCOMP_RET_ALLOW }, /* _llseek, which x86_64 lacks */
		{ AUDIT_ARCH_I386, 295, SECCOMP_RET_ALLOW }, /* openat */
		{ AUDIT_ARCH_I386, 3, ENOSYS_ANSWER },       /* read: only x86_64 called it */
		{ AUDIT_ARCH_I386, 11, ENOSYS_ANSWER },
		{ AUDIT_ARCH_X86_64, 0x40000000, SECCOMP_RET_KILL_PROCESS }, /* x32 */
		{ AUDIT_ARCH_AARCH64, 0, SECCOMP_RET_KILL_PROCESS },
	};
	AUTO_BUF struct buf out = BUF_INIT;
	struct error err;

	(void)state;
	assert_int_equal(render("x86_64", calls, ARRAY_SIZE(calls), &out, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(run_filter(&out, rows[i].arch, rows[i].nr), rows[i].answer);
}

static void test_other_machine(void **state)
{
	static const struct call calls[] = { { "aarch64", "openat", "ok" },
					     { "aarch64", "execve", "ok" } };
	AUTO_BUF struct buf out = BUF_INIT;
	struct error err;

	(void)state;
	assert_int_equal(render("aarch64", calls, ARRAY_SIZE(calls), &out, &err), 0);
	assert_int_equal(run_filter(&out, AUDIT_ARCH_AARCH64, 56), SECCOMP_RET_ALLOW);
	assert_int_equal(run_filter(&out, AUDIT_ARCH_AARCH64, 57), ENOSYS_ANSWER);
	assert_int_equal(run_filter(&out, AUDIT_ARCH_X86_64, 56), SECCOMP_RET_KILL_PROCESS);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *machine;
		struct call call;
		const char *part; /* of the message */
	} rows[] = {
		{ "aarch64", { "x86_64", "read", "ok" }, "two machines" },
		{ "x86_64", { "i386", "newfstatat", "ok" }, "newfstatat of i386" },
		{ "x86_64", { "x86_64", "no_such_call", "ok" }, "no_such_call" },
		{ "riscv64", { "unknown", "#1", "ok" }, "no ABI" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = BUF_INIT;
		struct error err;

		assert_int_equal(render(rows[i].machine, &rows[i].call, 1, &out, &err), -1);
		assert_int_equal(err.kind, ERROR_INPUT);
		assert_non_null(strstr(err.text, rows[i].part));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_abis),
		cmocka_unit_test(test_other_machine),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
