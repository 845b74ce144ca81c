/* What a seccomp rule says to a reader. */
#include <whittle/policy.h>

const char *rule_needed_by(const struct seccomp_rule *rule)
{
	static const char *const words[] = {
		[GROUP_PROGRAM] = "program",
		[GROUP_IMPLIED] = "implied",
		[GROUP_PROGRAM | GROUP_IMPLIED] = "program",
		[GROUP_FLOOR] = "runtime",
		[GROUP_FLOOR | GROUP_PROGRAM] = "program, runtime",
		[GROUP_FLOOR | GROUP_IMPLIED] = "implied, runtime",
		[GROUP_FLOOR | GROUP_PROGRAM | GROUP_IMPLIED] = "program, runtime",
	};

	return words[rule->groups];
}

bool rule_is_floor_only(const struct seccomp_rule *rule)
{
	return rule->groups == GROUP_FLOOR;
}

void arg_condition_print(const struct arg_condition *condition, struct buf *out)
{
	buf_addf(out, "%u", condition->index);
	if (condition->mask != UINT32_MAX)
		buf_addf(out, "&0x%llx", (unsigned long long)condition->mask);
	buf_addf(out, "=%llu", (unsigned long long)condition->value);
}
