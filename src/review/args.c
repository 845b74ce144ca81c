/* Conditions on arguments: those that do not mean what they seem to. */
#include <review/lint.h>

#include <string.h>

enum { ARGS = 6 };

enum op { OP_NONE, OP_NE, OP_LT, OP_LE, OP_EQ, OP_GE, OP_GT, OP_MASKED_EQ };

static const struct {
	const char *name;
	enum op op;
} ops[] = {
	{ "SCMP_CMP_EQ", OP_EQ }, { "SCMP_CMP_GE", OP_GE }, { "SCMP_CMP_GT", OP_GT },
	{ "SCMP_CMP_LE", OP_LE }, { "SCMP_CMP_LT", OP_LT }, { "SCMP_CMP_MASKED_EQ", OP_MASKED_EQ },
	{ "SCMP_CMP_NE", OP_NE },
};

struct int_row {
	const char *name;
	const char *indexes; /* "0,1" */
	const char *source;
};
static const struct int_row int_rows[] = {
#include "int_args.inc"
};

struct condition {
	uint64_t index, value, value_two;
	enum op op;
};

/* What is missing is 0, as Go and crun read it. */
static void read_condition(const json_t *arg, struct condition *ret)
{
	const char *op = json_string_value(json_object_get(arg, "op"));

	*ret = (struct condition){ .op = OP_NONE };
	json_number(json_object_get(arg, "index"), &ret->index);
	json_number(json_object_get(arg, "value"), &ret->value);
	json_number(json_object_get(arg, "valueTwo"), &ret->value_two);
	for (size_t i = 0; op && i < ARRAY_SIZE(ops); i++)
		if (strcmp(ops[i].name, op) == 0)
			ret->op = ops[i].op;
}

/* libseccomp's _db_node_mask_fixup() drops the bits outside the mask. */
static void check_mask(struct lint *lint, struct place place, const struct condition *condition)
{
	uint64_t outside = condition->value_two & ~condition->value;

	place.field = "valueTwo";
	if (condition->value == 0)
		report(lint, LINT_ARG_ALWAYS, place, "the mask is 0: the condition is always true");
	else if (outside)
		report(lint, LINT_MASK_VALUE, place,
		       "0x%llx has bits outside the mask 0x%llx: libseccomp drops them, and the "
		       "rule matches 0x%llx",
		       (unsigned long long)condition->value_two,
		       (unsigned long long)condition->value,
		       (unsigned long long)(condition->value_two & condition->value));
}

static void check_truth(struct lint *lint, struct place place, const struct condition *condition)
{
	enum op op = condition->op;
	bool least = condition->value == 0, most = condition->value == UINT64_MAX;

	place.field = "value";
	if ((op == OP_LT && least) || (op == OP_GT && most))
		report(lint, LINT_ARG_NEVER, place,
		       "no number is %s %llu: the condition is never true",
		       op == OP_LT ? "below" : "above", (unsigned long long)condition->value);
	else if ((op == OP_GE && least) || (op == OP_LE && most))
		report(lint, LINT_ARG_ALWAYS, place,
		       "every number is %s %llu: the condition is always true",
		       op == OP_GE ? "at least" : "at most", (unsigned long long)condition->value);
}

static void check_operator(struct lint *lint, struct place place, const json_t *arg,
			   const struct condition *condition)
{
	const char *op = json_string_value(json_object_get(arg, "op"));
	AUTO_FREE char *name = shown(op ? op : "");

	if (condition->op == OP_MASKED_EQ) {
		check_mask(lint, place, condition);
		return;
	}
	if (condition->op != OP_NONE)
		check_truth(lint, place, condition);
	if (condition->op != OP_NONE && condition->value_two) {
		place.field = "valueTwo";
		report(lint, LINT_ARG_VALUE_TWO, place, "%s looks at value only", name);
	}
	place.field = "op";
	if (condition->op == OP_NONE)
		report(lint, LINT_UNKNOWN_OPERATOR, place,
		       op ? "no runtime knows the operator %s: the container does not start"
			  : "there is no operator: the container does not start%.0s",
		       name);
}

static bool is_int(const char *name, uint64_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(int_rows); i++)
		if (strcmp(int_rows[i].name, name) == 0)
			return strchr(int_rows[i].indexes, (int)('0' + index)) != NULL;
	return false;
}

/* Could the call be made if this rule did not match? */
static bool else_allowed(const struct profile *profile, const char *name)
{
	size_t count;
	const struct entry *entry = profile_find(profile, name, &count);

	for (size_t i = 0; i < count; i++)
		if (action_allows(entry[i].rule->action))
			return true;
	return action_allows(profile->default_action);
}

/* Does a number with its upper half set get where the same without does not? */
static bool is_bypassed(const struct profile *profile, const struct rule *rule,
			const struct condition *condition, const char *name)
{
	if (action_allows(rule->action))
		return condition->op == OP_NE || condition->op == OP_GT || condition->op == OP_GE;
	if (!action_denies(rule->action) || !else_allowed(profile, name))
		return false;
	return condition->op == OP_EQ || condition->op == OP_LT || condition->op == OP_LE ||
	       (condition->op == OP_MASKED_EQ && condition->value > UINT32_MAX);
}

/* snapd's CVE-2019-7303 (TIOCSTI), and data rows: profiles/int_args.tsv. */
static void check_width(struct lint *lint, const struct rule *rule, size_t arg,
			const struct condition *condition)
{
	const json_t *name;
	size_t i;

	json_array_foreach(rule->names, i, name)
	{
		const char *text = json_string_value(name);

		if (!text || !is_int(text, condition->index) ||
		    !is_bypassed(lint->profile, rule, condition, text))
			continue;
		report(lint, LINT_ARG_WIDTH, AT_ARG(rule->index, arg, "op"),
		       "the filter compares 64 bits, but %s takes 32 of argument %llu: who sets an "
		       "upper bit gets around the rule",
		       text, (unsigned long long)condition->index);
	}
}

/* Two conditions on one argument: runc, crun and containers/common make each a rule of its own. */
static void check_repeat(struct lint *lint, const struct rule *rule, const size_t count[ARGS])
{
	for (size_t i = 0; i < ARGS; i++)
		if (count[i] > 1) {
			report(lint, LINT_ARG_REPEAT, AT_RULE(rule->index, "args"),
			       "argument %zu is there %zu times: runtimes then take every "
			       "condition of this entry for a rule of its own (or instead of and)",
			       i, count[i]);
			return;
		}
}

static void check_rule_args(struct lint *lint, const struct rule *rule)
{
	size_t count[ARGS] = { 0 };

	for (size_t i = 0; i < rule->arg_count; i++) {
		struct condition condition;

		read_condition(rule->args[i], &condition);
		check_operator(lint, AT_ARG(rule->index, i, NULL), rule->args[i], &condition);
		if (condition.index < ARGS) {
			count[condition.index]++;
			check_width(lint, rule, i, &condition);
			continue;
		}
		report(lint, LINT_ARG_INDEX, AT_ARG(rule->index, i, "index"),
		       "there is no argument %llu: the container does not start",
		       (unsigned long long)condition.index);
	}
	check_repeat(lint, rule, count);
}

void check_args(struct lint *lint)
{
	for (size_t i = 0; i < lint->profile->rule_count; i++)
		if (!lint->profile->rules[i].skipped)
			check_rule_args(lint, &lint->profile->rules[i]);
}

static bool holds(const struct condition *condition, uint64_t value)
{
	switch (condition->op) {
	case OP_NE:
		return value != condition->value;
	case OP_LT:
		return value < condition->value;
	case OP_LE:
		return value <= condition->value;
	case OP_EQ:
		return value == condition->value;
	case OP_GE:
		return value >= condition->value;
	case OP_GT:
		return value > condition->value;
	case OP_MASKED_EQ:
		return (value & condition->value) == (condition->value_two & condition->value);
	default:
		return false;
	}
}

bool rule_may_match(const struct rule *rule, unsigned int index, uint64_t value)
{
	size_t count[ARGS] = { 0 };
	bool any = false, all = true, repeated = false;

	for (size_t i = 0; i < rule->arg_count; i++) {
		struct condition condition;

		read_condition(rule->args[i], &condition);
		bool may = condition.index != index || holds(&condition, value);
		any |= may;
		all &= may;
		repeated |= condition.index < ARGS && count[condition.index]++ > 0;
	}
	/* runc and crun make a rule of each condition if an argument is there twice. */
	return repeated ? any : all;
}
