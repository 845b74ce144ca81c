/* Syscall facts and runtime floors -> seccomp rules. */
#include <derive/derive.h>

#include <string.h>
#include <whittle/floor.h>

struct implied_row {
	const char *name;
	const char *by; /* the call that it comes with */
	const char *source;
};
/* In place of the name of the call that implies one. */
static const char any_call[] = "*";

static const struct implied_row implied_rows[] = {
#include "implied.inc"
};

/* Results by which the kernel or a filter says no: the program went on without. */
static bool is_refusal(const char *result)
{
	static const char *const refusals[] = { "EPERM", "EACCES", "ENOSYS", "filtered" };

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (strcmp(result, refusals[i]) == 0)
			return true;
	return false;
}

static int compare_facts(const void *a, const void *b)
{
	const struct fact *one = &(*(const struct evidence_fact *const *)a)->fact;
	const struct fact *two = &(*(const struct evidence_fact *const *)b)->fact;
	static const int order[] = { SYSCALL_NAME, SYSCALL_ABI, SYSCALL_PROGRAM, SYSCALL_RESULT };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		int diff = strcmp(one->field[order[i]], two->field[order[i]]);

		if (diff)
			return diff;
	}
	return 0;
}

struct seccomp_rule *rule_add(struct policy *policy, const char *name)
{
	policy->seccomp =
		xrealloc(policy->seccomp, policy->seccomp_count + 1, sizeof(*policy->seccomp));
	struct seccomp_rule *rule = &policy->seccomp[policy->seccomp_count++];
	*rule = (struct seccomp_rule){ .name = xstrdup(name) };
	return rule;
}

static int compare_conditions(const struct arg_condition *one, const struct arg_condition *two)
{
	if (one->index != two->index)
		return one->index < two->index ? -1 : 1;
	if (one->mask != two->mask)
		return one->mask < two->mask ? -1 : 1;
	return one->value < two->value ? -1 : one->value > two->value;
}

/* Kept sorted, each once: they are alternatives. */
static void rule_add_condition(struct seccomp_rule *rule, const struct arg_condition *condition)
{
	size_t at = 0;

	while (at < rule->condition_count &&
	       compare_conditions(&rule->conditions[at], condition) < 0)
		at++;
	if (at < rule->condition_count && compare_conditions(&rule->conditions[at], condition) == 0)
		return;
	rule->conditions =
		xrealloc(rule->conditions, rule->condition_count + 1, sizeof(*rule->conditions));
	memmove(&rule->conditions[at + 1], &rule->conditions[at],
		(rule->condition_count - at) * sizeof(*rule->conditions));
	rule->conditions[at] = *condition;
	rule->condition_count++;
}

static void add_rule_abi(struct seccomp_rule *rule, const struct abi *abi)
{
	if (rule->abi_count && rule->abis[rule->abi_count - 1] == abi)
		return;
	rule->abis = xrealloc(rule->abis, rule->abi_count + 1, sizeof(*rule->abis));
	rule->abis[rule->abi_count++] = abi;
}

/* Did a run see one of these, or did each only carry them? */
static bool is_seen(const struct evidence *evidence, const struct evidence_fact **facts,
		    size_t count)
{
	size_t seen = 0, carried;

	for (size_t i = 0; i < count && !seen; i++)
		evidence_sightings(evidence, facts[i], &seen, &carried);
	return seen > 0;
}

/* How a call was refused that always was, as a reason says it. */
static char *refusal_text(const char *result)
{
	if (strcmp(result, "filtered") == 0)
		return xstrdup(": refused by a filter that whittle ran under");
	return xasprintf(": refused with %s", result);
}

/* Facts of one name, ABI and program; what they resulted in is a reason only if refused. */
static void add_reasons(const struct evidence *evidence, struct seccomp_rule *rule,
			const struct evidence_fact **facts, size_t count)
{
	bool seen = is_seen(evidence, facts, count);

	rule->carried &= !seen;
	for (size_t i = 0; i < count && (i == 0 || rule->refused); i++) {
		const char *const *field = facts[i]->fact.field;
		AUTO_FREE char *refusal =
			rule->refused ? refusal_text(field[SYSCALL_RESULT]) : NULL;

		reasons_add(&rule->why, xasprintf("%s by %s%s%s", field[SYSCALL_ABI],
						  field[SYSCALL_PROGRAM], refusal ? refusal : "",
						  seen ? "" : ": carried, not re-observed"));
	}
}

static bool same_source(const struct fact *one, const struct fact *two)
{
	return strcmp(one->field[SYSCALL_ABI], two->field[SYSCALL_ABI]) == 0 &&
	       strcmp(one->field[SYSCALL_PROGRAM], two->field[SYSCALL_PROGRAM]) == 0;
}

/* Facts of one name: refused if each is. */
static void add_program_rule(const struct evidence *evidence, struct policy *policy,
			     const struct evidence_fact **facts, size_t count)
{
	struct seccomp_rule *rule = rule_add(policy, facts[0]->fact.field[SYSCALL_NAME]);

	rule->groups = GROUP_PROGRAM;
	rule->refused = true;
	rule->carried = true;
	for (size_t i = 0; i < count; i++)
		if (!is_refusal(facts[i]->fact.field[SYSCALL_RESULT]))
			rule->refused = false;
	for (size_t from = 0, to; from < count; from = to) {
		for (to = from; to < count; to++)
			if (!same_source(&facts[from]->fact, &facts[to]->fact))
				break;
		add_rule_abi(rule, abi_by_name(facts[from]->fact.field[SYSCALL_ABI]));
		add_reasons(evidence, rule, facts + from, to - from);
	}
	if (!syscall_is_named(rule->name))
		policy_note(policy, "call %s has no name: profiles that go by name leave it out",
			    rule->name);
}

static void add_program_rules(const struct evidence *evidence, struct policy *policy)
{
	size_t count, known = 0;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_SYSCALL, &count);

	for (size_t i = 0; i < count; i++)
		if (abi_by_name(facts[i]->fact.field[SYSCALL_ABI]))
			facts[known++] = facts[i];
	if (known)
		qsort(facts, known, sizeof(struct evidence_fact *), compare_facts);
	for (size_t from = 0, to; from < known; from = to) {
		const char *name = facts[from]->fact.field[SYSCALL_NAME];

		for (to = from; to < known; to++)
			if (strcmp(facts[to]->fact.field[SYSCALL_NAME], name) != 0)
				break;
		add_program_rule(evidence, policy, facts + from, to - from);
	}
}

static void note_carried(struct policy *policy)
{
	size_t carried = 0;

	for (size_t i = 0; i < policy->seccomp_count; i++)
		carried += policy->seccomp[i].carried;
	if (carried)
		policy_note(policy,
			    "granted only because earlier runs made them (carried, not "
			    "re-observed): %zu of the calls",
			    carried);
}

struct seccomp_rule *rule_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->seccomp_count; i++)
		if (strcmp(policy->seccomp[i].name, name) == 0)
			return &policy->seccomp[i];
	return NULL;
}

bool rule_has_abi(const struct seccomp_rule *rule, const struct abi *abi)
{
	for (size_t i = 0; i < rule->abi_count; i++)
		if (rule->abis[i] == abi)
			return true;
	return false;
}

static void add_implied(struct policy *policy, const struct implied_row *row, const struct abi *abi)
{
	struct seccomp_rule *rule = rule_find(policy, row->name);

	if (abi_syscall_number(abi, row->name) < 0 || (rule && rule_has_abi(rule, abi)))
		return;
	if (!rule)
		rule = rule_add(policy, row->name);
	rule->groups |= GROUP_IMPLIED;
	rule->refused = false;
	rule->abis = xrealloc(rule->abis, rule->abi_count + 1, sizeof(*rule->abis));
	rule->abis[rule->abi_count++] = abi;
	reasons_add(&rule->why,
		    strcmp(row->by, any_call) == 0
			    ? xasprintf("%s: %s", abi->name, row->source)
			    : xasprintf("%s, with %s: %s", abi->name, row->by, row->source));
}

/* On the ABIs on which the call that implies it was seen, and that have it. */
static void add_implied_row(struct policy *policy, const struct implied_row *row)
{
	const struct seccomp_rule *cause = rule_find(policy, row->by);
	size_t count = cause && !cause->refused ? cause->abi_count : 0;

	/* The cause is found anew each time: adding a rule moves them. */
	for (size_t i = 0; i < count; i++)
		add_implied(policy, row, rule_find(policy, row->by)->abis[i]);
	if (strcmp(row->by, any_call) == 0 && policy->seccomp_count)
		for (size_t i = 0; i < policy->abi_count; i++)
			add_implied(policy, row, policy->abis[i]);
}

/* The call as such, for the floor; a condition is void where the call is granted without one. */
static void allow_floor(struct seccomp_rule *rule, const struct floor_condition *condition)
{
	bool granted = rule->groups != 0 && !rule->condition_count;

	if (granted || !condition->count) {
		free(STEAL(rule->conditions));
		rule->condition_count = 0;
		return;
	}
	for (size_t i = 0; i < condition->count; i++)
		rule_add_condition(rule, &(struct arg_condition){ condition->index, condition->mask,
								  condition->values[i] });
}

static void add_floor_row(struct policy *policy, const char *family, const struct floor_row *row)
{
	struct seccomp_rule *rule = rule_find(policy, row->name);
	struct floor_condition condition = { .count = 0 };

	if (!rule)
		rule = rule_add(policy, row->name);
	floor_condition(row, &condition);
	allow_floor(rule, &condition);
	rule->groups |= GROUP_FLOOR;
	reasons_add(&rule->why, floor_reason(family, row));
}

/*
 * Not the calls that hand a listener over, since an emitted profile names none; nor the dangerous
 * ones that the runtime does without where the filter answers with an errno, as an emitted one
 * does.
 */
static bool is_granted(const struct policy_options *options, const struct floor_row *row)
{
	unsigned int phases;
	enum floor_lack lack;

	return floor_applies(row, options->no_new_privileges) && floor_phases(row, &phases) &&
	       floor_lack(row, &lack) && phases != FLOOR_LISTENER && lack != LACK_SPARED;
}

/* Whose grant without arguments it is that swallows those of a floor. */
static const char *swallower(const struct seccomp_rule *rule)
{
	if (rule->groups & GROUP_PROGRAM)
		return "the program makes the call";
	return rule->groups & GROUP_IMPLIED ? "the program may make the call"
					    : "another row of the floors grants the call";
}

/* What a floor says of arguments is void where the call is granted with any, whoever needs that. */
static void note_void(struct policy *policy, const char *family, const struct floor_row *row)
{
	struct seccomp_rule *rule = rule_find(policy, row->name);
	struct floor_condition condition;

	if (!rule || rule->condition_count || !floor_condition(row, &condition) || !condition.count)
		return;
	reasons_add(&rule->voided, xasprintf("%s of the floor of %s: %s, with any arguments",
					     row->arguments, family, swallower(rule)));
}

static void each_row(struct policy *policy, void (*take)(struct policy *policy, const char *family,
							 const struct floor_row *row))
{
	const struct policy_options *options = &policy->options;
	const char *family;
	size_t count;

	for (size_t i = 0; (family = floor_family(options->runtime, i)); i++) {
		const struct floor_row *rows = floor_rows(family, &count);

		for (size_t k = 0; k < count; k++)
			if (is_granted(options, &rows[k]))
				take(policy, family, &rows[k]);
	}
}

static int compare_rules(const void *a, const void *b)
{
	return strcmp(((const struct seccomp_rule *)a)->name,
		      ((const struct seccomp_rule *)b)->name);
}

/* A profile by names grants each name on every ABI that it lists: say by how much that is more. */
static void note_union(struct policy *policy)
{
	size_t more = 0;

	for (size_t i = 0; i < policy->seccomp_count; i++) {
		const struct seccomp_rule *rule = &policy->seccomp[i];

		if ((rule->groups & GROUP_PROGRAM) && rule->abi_count < policy->abi_count)
			more++;
	}
	if (policy->abi_count > 1 && more)
		policy_note(policy,
			    "profiles that go by name grant each call on all %zu ABIs; %zu calls "
			    "were not made by each",
			    policy->abi_count, more);
}

int derive_seccomp(const struct evidence *evidence, struct policy *policy, struct error *err)
{
	if (floor_check_runtime(policy->options.runtime, err) < 0 ||
	    floor_check_start(policy->options.no_new_privileges, err) < 0)
		return -1;
	add_program_rules(evidence, policy);
	derive_unseen(evidence, policy);
	for (size_t i = 0; i < ARRAY_SIZE(implied_rows); i++)
		add_implied_row(policy, &implied_rows[i]);
	each_row(policy, add_floor_row);
	derive_runtime(evidence, policy);
	each_row(policy, note_void);
	if (policy->seccomp_count)
		qsort(policy->seccomp, policy->seccomp_count, sizeof(*policy->seccomp),
		      compare_rules);
	for (size_t i = 0; i < policy->seccomp_count; i++) {
		reasons_sort(&policy->seccomp[i].why);
		reasons_sort(&policy->seccomp[i].voided);
	}
	note_union(policy);
	note_carried(policy);
	return 0;
}
