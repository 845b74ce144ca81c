/* Actions, what they answer, and who listens. */
#include <review/lint.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

/* libseccomp's MAX_ERRNO is 4095, and it takes what is below: system.h, sys_chk_seccomp_action().
 */
enum { ERRNO_LAST = 4094, ERRNO_ENOSYS = 38 };

static const char *text_of(const json_t *object, const char *field)
{
	const char *text = json_string_value(json_object_get(object, field));

	return text ? text : "";
}

static void check_action(struct lint *lint, struct place place, const json_t *object,
			 enum action action)
{
	const char *name = text_of(object, place.field);
	AUTO_FREE char *quoted = shown(name);

	if (action == ACTION_NONE)
		report(lint, LINT_UNKNOWN_ACTION, place,
		       *name ? "no runtime knows the action %s: the container does not start"
			     : "there is no action: the container does not start%.0s",
		       quoted);
	else if (action == ACTION_KILL_THREAD)
		report(lint, LINT_KILL_THREAD, place,
		       "%s ends one thread, and leaves the others of the process waiting for it",
		       quoted);
}

static bool has_calls(const struct profile *profile)
{
	return json_array_size(json_object_get(profile->seccomp, "syscalls")) > 0;
}

/* Docker before 23 does not read the default's number and says EPERM: there the rule is needed. */
static bool is_superfluous(const struct rule *rule)
{
	return rule->skipped && rule->action != ACTION_NONE &&
	       (rule->action != ACTION_ERRNO || rule->number == EPERM);
}

static void check_rule_action(struct lint *lint, const struct rule *rule)
{
	const json_t *names = json_object_get(rule->json, "names");
	const char *name = text_of(rule->json, "name");

	check_action(lint, AT_RULE(rule->index, "action"), rule->json, rule->action);
	if (is_superfluous(rule))
		report(lint, LINT_SAME_AS_DEFAULT, AT_RULE(rule->index, "action"),
		       "the rule does what the default does: runtimes leave it out");
	if (!(lint->profile->form & (FORM_DOCKER | FORM_COMMON)))
		name = ""; /* dropped */
	if (*name && json_array_size(names) > 0)
		report(lint, LINT_NAME_AND_NAMES, AT_RULE(rule->index, "name"),
		       "name and names are both there: Docker and Podman refuse the profile");
	else if (!*name && !json_array_size(names))
		report(lint, LINT_EMPTY_RULE, AT_RULE(rule->index, NULL),
		       "the rule names no call: it does nothing");
}

static void check_flags(struct lint *lint)
{
	static const char *const flags[] = {
		"SECCOMP_FILTER_FLAG_LOG",
		"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
		"SECCOMP_FILTER_FLAG_TSYNC",
		"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	};
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(lint->profile->seccomp, "flags"), i, item)
	{
		bool known = !json_is_string(item); /* a wrong type is said elsewhere */

		for (size_t k = 0; !known && k < ARRAY_SIZE(flags); k++)
			known = strcmp(flags[k], json_string_value(item)) == 0;
		if (known)
			continue;
		AUTO_FREE char *name = shown(json_string_value(item));
		report(lint, LINT_UNKNOWN_FLAG, AT_ITEM("flags", i),
		       "no runtime knows the flag %s: the container does not start", name);
	}
}

void check_actions(struct lint *lint)
{
	const struct profile *profile = lint->profile;

	if (!json_object_get(profile->seccomp, "defaultAction") && !has_calls(profile))
		report(lint, LINT_NO_FILTER, AT_TOP("defaultAction"),
		       "without a default action and rules runc and Docker set no filter at all");
	else
		check_action(lint, AT_TOP("defaultAction"), profile->seccomp,
			     profile->default_action);
	for (size_t i = 0; i < profile->rule_count; i++)
		check_rule_action(lint, &profile->rules[i]);
	check_flags(lint);
}

/* A number that an action answers: of errnoRet, or of digits in errno. */
static void check_number(struct lint *lint, struct place place, json_int_t number)
{
	if (number < 0 || number > ERRNO_LAST)
		report(lint, LINT_ERRNO_RANGE, place,
		       "%s is %lld: libseccomp takes up to %d, so that the container does not "
		       "start",
		       place.field, (long long)number, ERRNO_LAST);
	else if (number == 0)
		report(lint, LINT_ERRNO_ZERO, place,
		       "%s is 0: the call is not made, and the program is told that it was",
		       place.field);
}

/* containers/common: a name that is set wins over the number. */
static void check_errno_name(struct lint *lint, struct place place, const char *name,
			     const json_t *number)
{
	AUTO_FREE char *quoted = shown(name);
	int known = errno_by_name(name);

	if (name[0] >= '0' && name[0] <= '9')
		check_number(lint, place, strtoll(name, NULL, 10));
	else if (known < 0)
		report(lint, LINT_ERRNO_UNKNOWN, place, "there is no errno %s: Podman refuses it",
		       quoted);
	else if (json_is_integer(number) && json_integer_value(number) != known)
		report(lint, LINT_ERRNO_DIFFERS, place,
		       "%s is %s, but the number beside it is %lld: only Podman and CRI-O take the "
		       "name",
		       place.field, quoted, (long long)json_integer_value(number));
}

/* What errno says where the action can answer it, and where not. */
static void check_answer(struct lint *lint, struct place number, struct place name,
			 const json_t *object, enum action action)
{
	const json_t *value = json_object_get(object, number.field);
	const char *text = text_of(object, name.field);
	bool common = lint->profile->form == FORM_COMMON && *text;

	if (action != ACTION_NONE && action != ACTION_ERRNO && action != ACTION_TRACE) {
		if (json_is_integer(value) || common)
			report(lint, LINT_ERRNO_IGNORED, common ? name : number,
			       "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE answer a number: runc "
			       "ignores %s, crun does not start the container",
			       common ? name.field : number.field);
		return;
	}
	if (json_is_integer(value))
		check_number(lint, number, json_integer_value(value));
	if (common)
		check_errno_name(lint, name, text, value);
}

/*
 * The default's EPERM tells a program that a new call is forbidden, not that it is missing, and it
 * does not take its fallback. runc answers ENOSYS beyond the highest number that the profile names
 * (libcontainer/seccomp/patchbpf), crun does not.
 */
static void check_default(struct lint *lint)
{
	const struct profile *profile = lint->profile;
	size_t count;

	if (profile->default_action != ACTION_ERRNO || profile->default_number == ERRNO_ENOSYS)
		return;
	report(lint, LINT_DEFAULT_EPERM, AT_TOP("defaultErrnoRet"),
	       "calls that are not listed answer %d, not ENOSYS: programs take new calls for "
	       "forbidden instead of missing, and runc and crun differ",
	       profile->default_number);
	profile_find(profile, "clone3", &count);
	if (count == 0)
		report(lint, LINT_CLONE3_EPERM, AT_TOP("syscalls"),
		       "clone3 is not listed: where it answers %d instead of ENOSYS, glibc since "
		       "2.34 starts no threads",
		       profile->default_number);
}

void check_errnos(struct lint *lint)
{
	const struct profile *profile = lint->profile;

	check_answer(lint, AT_TOP("defaultErrnoRet"), AT_TOP("defaultErrno"), profile->seccomp,
		     profile->default_action);
	for (size_t i = 0; i < profile->rule_count; i++) {
		const struct rule *rule = &profile->rules[i];

		check_answer(lint, AT_RULE(rule->index, "errnoRet"), AT_RULE(rule->index, "errno"),
			     rule->json, rule->action);
	}
	check_default(lint);
}

/* runc's InitSeccomp(): it hands the listener over by write(2), after the filter is loaded. */
static void check_write(struct lint *lint)
{
	size_t count;
	const struct entry *entry = profile_find(lint->profile, "write", &count);

	for (size_t i = 0; i < count; i++)
		if (entry[i].rule->action == ACTION_NOTIFY)
			report(lint, LINT_NOTIFY_WRITE,
			       AT_NAME(entry[i].rule->index, entry[i].position),
			       "runc refuses SCMP_ACT_NOTIFY for write");
}

void check_listener(struct lint *lint)
{
	const struct profile *profile = lint->profile;
	const struct rule *first = NULL;

	for (size_t i = profile->rule_count; i-- > 0;)
		if (profile->rules[i].action == ACTION_NOTIFY)
			first = &profile->rules[i];
	bool notifies = first || profile->default_action == ACTION_NOTIFY;
	bool listener = *text_of(profile->seccomp, "listenerPath");
	if (profile->default_action == ACTION_NOTIFY)
		report(lint, LINT_NOTIFY_DEFAULT, AT_TOP("defaultAction"),
		       "runc refuses SCMP_ACT_NOTIFY as the default");
	if (notifies && !listener)
		report(lint, LINT_NOTIFY_NO_LISTENER,
		       first ? AT_RULE(first->index, "action") : AT_TOP("defaultAction"),
		       "SCMP_ACT_NOTIFY without listenerPath: runc does not start the container, "
		       "under crun the calls answer ENOSYS");
	if (listener && !notifies)
		report(lint, LINT_LISTENER_UNUSED, AT_TOP("listenerPath"),
		       "no action is SCMP_ACT_NOTIFY: nothing is sent to the listener");
	check_write(lint);
}
