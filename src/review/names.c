/* Names: those that libseccomp does not know, and rules for one name that get in each other's way.
 */
#include <review/lint.h>

#include <seccomp.h>
#include <string.h>

enum {
	TOKENS_MAX = 64,
	RULES_MAX = 128, /* KEP-6061: entries of one call */
	/* <seccomp.h>: absent calls have pseudo numbers below this, those of socketcall(2) and
	 * ipc(2), which libseccomp translates, numbers above it. */
	PSEUDO_ABSENT = -10000
};

static bool is_number(int nr)
{
	return nr >= 0 || (nr != __NR_SCMP_ERROR && nr > PSEUDO_ABSENT);
}

/* Known to whittle, by its table of newer calls, though not to libseccomp? */
static bool is_newer(const char *name)
{
	if (!syscall_is_named(name))
		return false;
	for (const struct abi *abi = abis; abi->name; abi++)
		if (abi_syscall_number(abi, name) >= 0)
			return true;
	return false;
}

static void check_unknown(struct lint *lint, const struct entry *entry)
{
	const struct rule *rule = entry->rule;
	bool newer = is_newer(entry->name);
	if (newer && rule->skipped)
		return; /* dropped or not, the default is what it says */
	bool allowed = action_denies(rule->action) && action_allows(lint->profile->default_action);
	AUTO_FREE char *name = shown(entry->name);

	report(lint, newer && !allowed ? LINT_NEWER_NAME : LINT_UNKNOWN_NAME,
	       AT_NAME(rule->index, entry->position),
	       newer ? "%s is newer than the libseccomp here: runtimes drop it and the default "
		       "holds%s"
		     : "libseccomp knows no call %s: runtimes drop it and the default holds%s",
	       name, allowed ? ", so that it is not denied" : "");
}

static bool is_foreign(const char *name, const uint32_t *token, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_number(seccomp_syscall_resolve_name_arch(token[i], name)))
			return false;
	return count > 0;
}

void check_names(struct lint *lint)
{
	const struct profile *profile = lint->profile;
	uint32_t token[TOKENS_MAX];
	size_t tokens = profile_tokens(profile, token, TOKENS_MAX);

	for (size_t i = 0; i < profile->entry_count; i++) {
		const struct entry *entry = &profile->entries[i];

		if (seccomp_syscall_resolve_name(entry->name) == __NR_SCMP_ERROR)
			check_unknown(lint, entry);
		else if (!json_object_get(entry->rule->includes, "arches") &&
			 is_foreign(entry->name, token, tokens))
			report(lint, LINT_FOREIGN_NAME,
			       AT_NAME(entry->rule->index, entry->position),
			       "no architecture that is listed has the call %s", entry->name);
	}
}

static bool counts(const struct rule *rule)
{
	return !rule->skipped && rule->action != ACTION_NONE;
}

static bool is_unlimited(const struct rule *rule)
{
	return !rule->includes && !rule->excludes;
}

/* Whenever b holds, a does too. */
static bool covers(const struct rule *a, const struct rule *b)
{
	return is_unlimited(a) || rule_same_conditions(a, b);
}

static bool does_same(const struct rule *a, const struct rule *b)
{
	bool answers = a->action == ACTION_ERRNO || a->action == ACTION_TRACE;

	return a->action == b->action && (!answers || a->number == b->number);
}

/* One unconditional, one not: libseccomp's db_rule_add() keeps the first only, in either order. */
static void check_swallowed(struct lint *lint, const struct entry *whole, const struct entry *part)
{
	const struct rule *rule = part->rule;
	bool same = does_same(whole->rule, rule);

	if (!covers(whole->rule, rule))
		return;
	report(lint, same ? LINT_SHADOWED : LINT_VOID_CONDITION,
	       AT_NAME(rule->index, part->position),
	       same ? "syscalls[%zu] has %s without a condition: the conditions of this rule are "
		      "void"
		    : "syscalls[%zu] has %s without a condition, which swallows this rule and its "
		      "other action",
	       whole->rule->index, part->name);
}

static bool same_args(const struct rule *a, const struct rule *b)
{
	return json_equal(json_object_get(a->json, "args"), json_object_get(b->json, "args"));
}

/*
 * Both unconditional: the first stays. The same conditions: another action is refused (EEXIST). A
 * first rule for some machines or capabilities only leaves the rest to the second.
 */
static void check_twins(struct lint *lint, const struct entry *first, const struct entry *second)
{
	bool conditional = second->rule->arg_count > 0;
	struct place place = AT_NAME(second->rule->index, second->position);

	if (!covers(first->rule, second->rule) ||
	    (conditional && !same_args(first->rule, second->rule)))
		return;
	if (does_same(first->rule, second->rule))
		report(lint, LINT_DUPLICATE_NAME, place, "%s is in syscalls[%zu] already",
		       second->name, first->rule->index);
	else
		report(lint, LINT_CONFLICT, place,
		       conditional ? "syscalls[%zu] has another action for %s under the same "
				     "conditions: libseccomp refuses it, the container does not "
				     "start"
				   : "syscalls[%zu] has another action for %s: the first wins, and "
				     "this rule is void",
		       first->rule->index, second->name);
}

/* One report for each entry: against the first that is in its way. */
static void check_group(struct lint *lint, const struct entry *entry, size_t count)
{
	for (size_t j = 0; j < count; j++) {
		size_t before = lint->findings.count + lint->dropped;

		for (size_t i = 0; i < count; i++) {
			const struct rule *one = entry[i].rule, *two = entry[j].rule;

			if (i == j || !counts(one) || !counts(two) ||
			    before != lint->findings.count + lint->dropped)
				continue;
			if (!one->arg_count && two->arg_count)
				check_swallowed(lint, &entry[i], &entry[j]);
			else if (i < j && !one->arg_count == !two->arg_count)
				check_twins(lint, &entry[i], &entry[j]);
		}
	}
}

void check_overlap(struct lint *lint)
{
	const struct profile *profile = lint->profile;
	size_t count;

	for (size_t i = 0; i < profile->entry_count; i += count) {
		const struct entry *entry = &profile->entries[i];

		for (count = 1; i + count < profile->entry_count; count++)
			if (strcmp(entry[count].name, entry->name) != 0)
				break;
		if (seccomp_syscall_resolve_name(entry->name) == __NR_SCMP_ERROR)
			continue;
		if (count > RULES_MAX)
			report(lint, LINT_TOO_MANY_RULES,
			       AT_NAME(entry->rule->index, entry->position),
			       "%s is named %zu times: only the first %d were looked at, "
			       "Kubernetes "
			       "(KEP-6061) takes no more",
			       entry->name, count, RULES_MAX);
		check_group(lint, entry, count < RULES_MAX ? count : RULES_MAX);
	}
}
