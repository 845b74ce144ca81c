/* What the profile allows: too much, or too little for the runtime itself. */
#include <review/lint.h>

#include <string.h>
#include <whittle/policy.h>

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

/* Names of the floor that the profile does not allow: seen to be called, and only to be expected.
 */
struct missing {
	struct buf seen, margin;
};

static void missing_free(struct missing *missing)
{
	buf_free(&missing->seen);
	buf_free(&missing->margin);
}
#define AUTO_MISSING __attribute__((cleanup(missing_free)))

/* Rows whose source is no measurement are a margin: calls that a runtime may make. */
static bool is_seen(const struct seccomp_rule *rule)
{
	for (size_t i = 0; i < rule->why.count; i++)
		if (strstr(rule->why.line[i], "measured"))
			return true;
	return false;
}

static bool has_rule(const struct policy *policy, const char *name)
{
	for (size_t i = 0; policy && i < policy->seccomp_count; i++)
		if (strcmp(policy->seccomp[i].name, name) == 0)
			return true;
	return false;
}

/* Of the floor, less what is in except (or NULL). */
static void find_missing(const struct profile *profile, const struct policy *floor,
			 const struct policy *except, struct missing *ret)
{
	for (size_t i = 0; i < floor->seccomp_count; i++) {
		const struct seccomp_rule *rule = &floor->seccomp[i];

		if (profile_verdict(profile, rule->name) != VERDICT_DENIED ||
		    has_rule(except, rule->name))
			continue;
		struct buf *list = is_seen(rule) ? &ret->seen : &ret->margin;
		buf_addf(list, "%s%s", list->length ? " " : "", rule->name);
	}
}

/* The floor alone is the policy of no evidence, so that it is the one that emit adds. */
static int derive_floor(const char *runtime, const char *no_new_privileges,
			struct policy **ret_policy, struct error *err)
{
	struct policy_options options = { .runtime = runtime,
					  .no_new_privileges = no_new_privileges };
	struct evidence *nothing = evidence_new();
	int rc = policy_derive(nothing, &options, ret_policy, err);

	evidence_free(nothing);
	return rc;
}

static void report_missing(struct lint *lint, const char *runtime, const char *start,
			   const struct missing *missing)
{
	if (missing->seen.length)
		report(lint, LINT_FLOOR, AT_TOP("syscalls"),
		       "%s itself calls %s%s after it loaded the filter: a container, or an exec "
		       "into "
		       "it, does not start, or not always",
		       runtime, buf_text(&missing->seen), start);
	if (missing->margin.length)
		report(lint, LINT_FLOOR_MARGIN, AT_TOP("syscalls"),
		       "%s itself may call %s%s after it loaded the filter", runtime,
		       buf_text(&missing->margin), start);
}

/* The calls of every start, and those that come without no_new_privs. */
static int check_runtime(struct lint *lint, const char *runtime, struct error *err)
{
	AUTO_MISSING struct missing first = { BUF_INIT, BUF_INIT }, then = { BUF_INIT, BUF_INIT };
	struct policy *always, *without;

	if (derive_floor(runtime, "on", &always, err) < 0)
		return -1;
	if (derive_floor(runtime, "off", &without, err) < 0) {
		policy_free(always);
		return -1;
	}
	find_missing(lint->profile, always, NULL, &first);
	report_missing(lint, runtime, "", &first);
	find_missing(lint->profile, without, always, &then);
	if (strcmp(lint->options->no_new_privileges, "on") != 0)
		report_missing(lint, runtime, " without no-new-privileges", &then);
	policy_free(always);
	policy_free(without);
	return 0;
}

int check_floor(struct lint *lint, struct error *err)
{
	static const char *const runtimes[] = { "crun", "runc" };
	const char *wanted = lint->options->runtime;

	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++)
		if (strcmp(wanted, "any") == 0 || strcmp(wanted, runtimes[i]) == 0)
			if (check_runtime(lint, runtimes[i], err) < 0)
				return -1;
	return 0;
}
