/* What the tests of rules share: evidence of one run, and the policy derived from it. */
#ifndef TESTS_DERIVED_H
#define TESTS_DERIVED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <string.h>
#include <whittle/policy.h>

static inline struct evidence *new_evidence(void)
{
	struct evidence *evidence = evidence_new();
	struct evidence_run *run = evidence_run(evidence, evidence_begin_run(evidence, "run"));

	run->machine = xstrdup("x86_64");
	run->outcome = OUTCOME_EXITED;
	run->expected = true;
	return evidence;
}

#define ADD(evidence, kind, ...) evidence_add(evidence, 0, &(struct fact){ kind, { __VA_ARGS__ } })

static inline struct policy *derive(struct evidence *evidence, const char *runtime, const char *nnp)
{
	struct policy_options options = { .runtime = runtime, .no_new_privileges = nnp };
	struct policy *policy = NULL;
	struct error err;

	assert_int_equal(policy_derive(evidence, &options, &policy, &err), 0);
	evidence_free(evidence);
	return policy;
}

static inline const struct seccomp_rule *find_call(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->seccomp_count; i++)
		if (strcmp(policy->seccomp[i].name, name) == 0)
			return &policy->seccomp[i];
	return NULL;
}

#endif
