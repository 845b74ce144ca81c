/* Does the profile allow what the runtime itself calls, once the filter is loaded? */
#include <review/lint.h>

#include <string.h>
#include <whittle/floor.h>

/* What a call that is not allowed stops, the first that applies. */
static const struct {
	unsigned int phases;
	bool listener; /* only for profiles that have one */
	bool sometimes;
	const char *what;
} stops[] = {
	{ FLOOR_RUN, false, false, "no container starts" },
	{ FLOOR_RUN, false, true, "a container does not always start" },
	{ FLOOR_CREATE, false, false,
	  "no container starts that is created first, as engines do it" },
	{ FLOOR_CREATE, false, true,
	  "a container that is created first, as engines do it, does not always start" },
	{ FLOOR_EXEC, false, false, "no exec into the container works" },
	{ FLOOR_EXEC, false, true, "an exec into the container does not always work" },
	{ FLOOR_LISTENER, true, false, "no container starts with its listener" },
	{ FLOOR_LISTENER, true, true, "a container does not always start with its listener" },
};
enum { STOPS = ARRAY_SIZE(stops) };

/* Names that are missing: by what that stops, and last those that are only to be expected. */
struct missing {
	struct buf list[STOPS + 1];
};

static void missing_free(struct missing *missing)
{
	for (size_t i = 0; i <= STOPS; i++)
		buf_free(&missing->list[i]);
}
#define AUTO_MISSING __attribute__((cleanup(missing_free)))

/* Does it do without, given how the profile refuses it? */
static bool bears(enum floor_lack lack, enum action action, int number)
{
	static const int enosys = 38;

	if (lack == LACK_ENOSYS)
		return action == ACTION_ERRNO && number != enosys;
	if (lack == LACK_KILLS || lack == LACK_SPARED)
		return action == ACTION_ERRNO;
	return lack == LACK_UNSEEN;
}

/* How the profile refuses a call that it refuses (VERDICT_DENIED). */
static enum action denial(const struct profile *profile, const char *name, int *ret_number)
{
	size_t count;
	const struct entry *entry = profile_find(profile, name, &count);

	for (size_t i = 0; i < count; i++) {
		const struct rule *rule = entry[i].rule;

		if (rule->skipped || rule->arg_count || rule_needs_capability(rule) ||
		    rule->action == ACTION_NONE)
			continue;
		*ret_number = rule->number;
		return rule->action;
	}
	*ret_number = profile->default_number;
	return profile->default_action;
}

/* Is there a rule that lets the call through with that argument, or may? */
static bool may_allow(const struct profile *profile, const struct floor_row *row,
		      unsigned int index, uint64_t value)
{
	size_t count;
	const struct entry *entry = profile_find(profile, row->name, &count);

	for (size_t i = 0; i < count; i++)
		if (!action_denies(entry[i].rule->action) &&
		    rule_may_match(entry[i].rule, index, value))
			return true;
	return false;
}

/*
 * Refused whatever the arguments, or with one that the runtime passes. Of flags under a mask, and
 * of arguments that the floor leaves open, nothing is said.
 */
static bool is_denied(const struct profile *profile, const struct floor_row *row)
{
	enum verdict verdict = profile_verdict(profile, row->name);
	struct floor_condition condition;

	if (verdict != VERDICT_DEPENDS || action_allows(profile->default_action) ||
	    !floor_condition(row, &condition) || condition.mask != UINT32_MAX)
		return verdict == VERDICT_DENIED;
	for (size_t i = 0; i < condition.count; i++)
		if (!may_allow(profile, row, condition.index, condition.values[i]))
			return true;
	return false;
}

/* every_version: what a row of all known versions says. */
static void add_missing(const struct profile *profile, const struct floor_row *row,
			const char *every_version, struct missing *missing)
{
	unsigned int phases;
	enum floor_lack lack;
	int number;
	enum action action = denial(profile, row->name, &number);
	bool listener = json_object_get(profile->seccomp, "listenerPath") != NULL;
	size_t at = 0;

	if (!floor_phases(row, &phases) || !floor_lack(row, &lack))
		return;
	if (phases == FLOOR_LISTENER && !listener)
		return;
	if (lack == LACK_SPARED && action == ACTION_ERRNO)
		return;
	if (bears(lack, action, number))
		at = STOPS;
	while (at < STOPS && (!(stops[at].phases & phases) || (stops[at].listener && !listener) ||
			      stops[at].sometimes != (lack == LACK_SOMETIMES)))
		at++;
	struct buf *list = &missing->list[at];
	buf_addf(list, "%s%s", list->length ? " " : "", row->name);
	if (profile_verdict(profile, row->name) == VERDICT_DEPENDS)
		buf_addf(list, " (argument %s)", row->arguments);
	if (strcmp(row->versions, "any") != 0 && strcmp(row->versions, every_version) != 0)
		buf_addf(list, " (%s)", row->versions);
}

/* As the row of the call that no start goes without says it. */
static const char *find_every_version(const struct floor_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].name, "execve") == 0)
			return rows[i].versions;
	return "any";
}

static void report_missing(struct lint *lint, const char *family, const char *start,
			   const struct missing *missing)
{
	for (size_t i = 0; i < STOPS; i++)
		if (missing->list[i].length)
			report(lint, LINT_FLOOR, AT_TOP("syscalls"),
			       "%s itself calls %s%s after it loaded the filter: %s", family,
			       buf_text(&missing->list[i]), start, stops[i].what);
	if (missing->list[STOPS].length)
		report(lint, LINT_FLOOR_MARGIN, AT_TOP("syscalls"),
		       "%s itself may call %s%s after it loaded the filter", family,
		       buf_text(&missing->list[STOPS]), start);
}

/* The calls of every start, and those that come without no_new_privs. */
static void check_family(struct lint *lint, const char *family)
{
	AUTO_MISSING struct missing first = { { BUF_INIT } }, then = { { BUF_INIT } };
	size_t count;
	const struct floor_row *rows = floor_rows(family, &count);
	const char *versions = find_every_version(rows, count);

	for (size_t i = 0; i < count; i++) {
		if (!is_denied(lint->profile, &rows[i]))
			continue;
		if (floor_applies(&rows[i], "on"))
			add_missing(lint->profile, &rows[i], versions, &first);
		else
			add_missing(lint->profile, &rows[i], versions, &then);
	}
	report_missing(lint, family, "", &first);
	if (strcmp(lint->options->no_new_privileges, "on") != 0)
		report_missing(lint, family, " without no-new-privileges", &then);
}

void check_floor(struct lint *lint)
{
	const char *family;

	for (size_t i = 0; (family = floor_family(lint->options->runtime, i)); i++)
		check_family(lint, family);
}
