/* What the profile allows: too much? */
#include <review/lint.h>

#include <string.h>

struct risk_row {
	const char *name;
	const char *class;
	const char *reason;
	const char *source;
};
static const struct risk_row risk_rows[] = {
#include "risk.inc"
};

/* Most dangerous calls allowed: the profile keeps nothing away that matters. */
static bool is_most(size_t allowed)
{
	return allowed * 4 >= ARRAY_SIZE(risk_rows) * 3;
}

static size_t count_dangerous(const struct profile *profile, struct buf *first)
{
	size_t allowed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(risk_rows); i++) {
		if (profile_verdict(profile, risk_rows[i].name) != VERDICT_ALLOWED)
			continue;
		if (allowed++ < 5)
			buf_addf(first, "%s%s", first->length ? ", " : "", risk_rows[i].name);
	}
	return allowed;
}

static bool denies_something(const struct profile *profile)
{
	for (size_t i = 0; i < profile->rule_count; i++)
		if (!action_allows(profile->rules[i].action) &&
		    profile->rules[i].action != ACTION_NONE)
			return true;
	return false;
}

/* Each call that is named, at its place, unless it needs a capability besides. */
static void note_dangerous(struct lint *lint)
{
	const struct profile *profile = lint->profile;

	for (size_t i = 0; i < ARRAY_SIZE(risk_rows); i++) {
		const struct risk_row *row = &risk_rows[i];
		size_t count;
		const struct entry *entry = profile_find(profile, row->name, &count);

		if (profile_verdict(profile, row->name) != VERDICT_ALLOWED)
			continue;
		while (count > 0 &&
		       (!action_allows(entry->rule->action) || entry->rule->arg_count ||
			rule_needs_capability(entry->rule))) {
			entry++;
			count--;
		}
		if (count > 0)
			report(lint, LINT_DANGEROUS, AT_NAME(entry->rule->index, entry->position),
			       "%s is allowed (%s): %s", row->name, row->class, row->reason);
	}
}

void check_grants(struct lint *lint)
{
	const struct profile *profile = lint->profile;
	AUTO_BUF struct buf first = BUF_INIT;
	size_t allowed = count_dangerous(profile, &first);

	if (!action_allows(profile->default_action)) {
		if (is_most(allowed))
			report(lint, LINT_ALLOWS_DANGEROUS, AT_TOP("syscalls"),
			       "%zu of %zu dangerous calls are allowed (%s, ...): the filter keeps "
			       "little away",
			       allowed, ARRAY_SIZE(risk_rows), buf_text(&first));
		note_dangerous(lint);
	} else if (!denies_something(profile))
		report(lint, LINT_ALLOW_EVERYTHING, AT_TOP("defaultAction"),
		       "the default allows, and no rule denies: the profile protects nothing");
	else
		report(lint, LINT_DENY_LIST, AT_TOP("defaultAction"),
		       "the default allows what no rule denies: every call that is forgotten or "
		       "new, "
		       "and %zu of %zu dangerous ones%s%s",
		       allowed, ARRAY_SIZE(risk_rows), allowed ? ", as " : "", buf_text(&first));
}
