/* JSON -> the model: rules, and their names in order. */
#include <review/profile.h>

#include <ctype.h>
#include <errno.h>
#include <seccomp.h>
#include <string.h>

/* libcontainer/seccomp/config.go, libcrun/seccomp.c */
static const struct {
	const char *name;
	enum action action;
} actions[] = {
	{ "SCMP_ACT_ALLOW", ACTION_ALLOW },
	{ "SCMP_ACT_ERRNO", ACTION_ERRNO },
	{ "SCMP_ACT_KILL", ACTION_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", ACTION_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", ACTION_KILL_THREAD },
	{ "SCMP_ACT_LOG", ACTION_LOG },
	{ "SCMP_ACT_NOTIFY", ACTION_NOTIFY },
	{ "SCMP_ACT_TRACE", ACTION_TRACE },
	{ "SCMP_ACT_TRAP", ACTION_TRAP },
};

enum action action_by_name(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(actions); i++)
		if (strcmp(actions[i].name, name) == 0)
			return actions[i].action;
	return ACTION_NONE;
}

bool action_allows(enum action action)
{
	return action == ACTION_ALLOW || action == ACTION_LOG;
}

bool action_denies(enum action action)
{
	return action >= ACTION_ERRNO;
}

int errno_by_name(const char *name)
{
	for (int number = 1; number < 200; number++) {
		const char *known = strerrorname_np(number);

		if (known && strcmp(known, name) == 0)
			return number;
	}
	return -1;
}

/*
 * The number that ERRNO and TRACE answer: that of the name, if the form has one (containers/common
 * getErrno()), else that of the number, else EPERM.
 */
static int answer(const struct profile *profile, const json_t *object, const char *name,
		  const char *number)
{
	const char *text = json_string_value(json_object_get(object, name));
	const json_t *value = json_object_get(object, number);

	if (profile->form == FORM_COMMON && text && *text)
		return *text >= '0' && *text <= '9' ? (int)strtol(text, NULL, 10)
						    : errno_by_name(text);
	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
	    json_integer_value(value) <= UINT16_MAX)
		return (int)json_integer_value(value);
	return EPERM;
}

static bool is_same_action(const struct profile *profile, const struct rule *rule)
{
	if (rule->action != profile->default_action)
		return false;
	return (rule->action != ACTION_ERRNO && rule->action != ACTION_TRACE) ||
	       rule->number == profile->default_number;
}

/* An object with something in it: {} and {"caps": []} say nothing. */
static const json_t *conditions(const struct profile *profile, const json_t *rule, const char *name)
{
	const json_t *object = json_object_get(rule, name), *value;
	const char *key;

	if (!(profile->form & (FORM_DOCKER | FORM_COMMON)))
		return NULL;
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		bool ignored = profile->form == FORM_COMMON && strcmp(key, "minKernel") == 0;

		if (!ignored && (json_array_size(value) > 0 || json_string_length(value) > 0))
			return object;
	}
	return NULL;
}

static void read_args(const json_t *array, struct rule *rule)
{
	const json_t *arg;
	size_t i;

	rule->args = xcalloc(json_array_size(array) + 1, sizeof(const json_t *));
	json_array_foreach(array, i, arg) if (json_is_object(arg)) rule->args[rule->arg_count++] =
		arg;
}

static void read_rule(const struct profile *profile, const json_t *json, size_t index,
		      struct rule *rule)
{
	const json_t *names = json_object_get(json, "names");

	rule->index = index;
	rule->json = json;
	rule->action = action_by_name(json_string_value(json_object_get(json, "action")));
	rule->number = answer(profile, json, "errno", "errnoRet");
	rule->names = json_is_array(names) ? names : NULL;
	rule->includes = conditions(profile, json, "includes");
	rule->excludes = conditions(profile, json, "excludes");
	rule->skipped = is_same_action(profile, rule);
	read_args(json_object_get(json, "args"), rule);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *one = a, *two = b;
	int order = strcmp(one->name, two->name);

	if (order == 0)
		order = (one->rule->index > two->rule->index) -
			(one->rule->index < two->rule->index);
	return order ? order : (one->position > two->position) - (one->position < two->position);
}

static void add_entry(struct profile *profile, const struct rule *rule, const json_t *name,
		      size_t position)
{
	const char *text = json_string_value(name);

	if (text && *text)
		profile->entries[profile->entry_count++] = (struct entry){ text, rule, position };
}

/* "name" is Docker's old form of "names". */
static void read_entries(struct profile *profile)
{
	size_t count = 1;

	for (size_t i = 0; i < profile->rule_count; i++)
		count += json_array_size(profile->rules[i].names) + 1;
	profile->entries = xcalloc(count, sizeof(*profile->entries));
	for (size_t i = 0; i < profile->rule_count; i++) {
		const struct rule *rule = &profile->rules[i];
		const json_t *name;
		size_t k;

		json_array_foreach(rule->names, k, name) add_entry(profile, rule, name, k);
		if (profile->form & (FORM_DOCKER | FORM_COMMON) && !json_array_size(rule->names))
			add_entry(profile, rule, json_object_get(rule->json, "name"), 0);
	}
	qsort(profile->entries, profile->entry_count, sizeof(*profile->entries), compare_entries);
}

int profile_read(const char *text, size_t length, enum form form, struct profile *ret_profile,
		 struct error *err)
{
	struct profile *profile = ret_profile;
	const json_t *json;
	size_t i;

	*profile = (struct profile){ .prefix = "" };
	if (profile_load(text, length, form, profile, err) < 0)
		return -1;
	const json_t *calls = json_object_get(profile->seccomp, "syscalls");
	profile->default_action = action_by_name(
		json_string_value(json_object_get(profile->seccomp, "defaultAction")));
	profile->default_number =
		answer(profile, profile->seccomp, "defaultErrno", "defaultErrnoRet");
	profile->rules = xcalloc(json_array_size(calls) + 1, sizeof(*profile->rules));
	json_array_foreach(calls, i, json) if (json_is_object(json))
		read_rule(profile, json, i, &profile->rules[profile->rule_count++]);
	read_entries(profile);
	return 0;
}

void profile_free(struct profile *profile)
{
	for (size_t i = 0; i < profile->rule_count; i++)
		free((void *)(uintptr_t)profile->rules[i].args);
	free(profile->rules);
	free(profile->entries);
	free(profile->duplicate_key);
	json_decref(profile->root);
	*profile = (struct profile){ .prefix = "" };
}

static bool same_json(const json_t *a, const json_t *b)
{
	return a == b || (a && b && json_equal(a, b));
}

bool rule_same_conditions(const struct rule *a, const struct rule *b)
{
	return same_json(a->includes, b->includes) && same_json(a->excludes, b->excludes);
}

bool rule_needs_capability(const struct rule *rule)
{
	return json_array_size(json_object_get(rule->includes, "caps")) > 0;
}

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, ((const struct entry *)item)->name);
}

const struct entry *profile_find(const struct profile *profile, const char *name, size_t *ret_count)
{
	const struct entry *end = profile->entries + profile->entry_count;
	const struct entry *first = bsearch(name, profile->entries, profile->entry_count,
					    sizeof(*profile->entries), compare_name);

	*ret_count = 0;
	if (!first)
		return NULL;
	while (first > profile->entries && strcmp(first[-1].name, name) == 0)
		first--;
	while (first + *ret_count < end && strcmp(first[*ret_count].name, name) == 0)
		++*ret_count;
	return first;
}

/* Without an action the container does not start. */
static enum verdict verdict_of(enum action action)
{
	if (action_allows(action))
		return VERDICT_ALLOWED;
	return action_denies(action) || action == ACTION_NONE ? VERDICT_DENIED : VERDICT_DEPENDS;
}

/*
 * libseccomp: an unconditional rule takes the place of all conditional ones, the first of several
 * stays (db_rule_add()).
 */
enum verdict profile_verdict(const struct profile *profile, const char *name)
{
	bool conditional = false;
	size_t count;
	const struct entry *entry = profile_find(profile, name, &count);

	for (size_t i = 0; i < count; i++) {
		const struct rule *rule = entry[i].rule;

		if (rule->skipped || rule->action == ACTION_NONE || rule_needs_capability(rule))
			continue;
		if (!rule->arg_count)
			return verdict_of(rule->action);
		conditional = true;
	}
	return conditional ? VERDICT_DEPENDS : verdict_of(profile->default_action);
}

/* As crun does: the lower case of what follows SCMP_ARCH_. */
uint32_t token_by_name(const char *oci)
{
	char name[32];
	size_t length = 0;

	if (strncmp(oci, "SCMP_ARCH_", 10) != 0 || strlen(oci) - 10 >= sizeof(name))
		return 0;
	for (const char *c = oci + 10; *c; c++)
		name[length++] = (char)tolower((unsigned char)*c);
	name[length] = '\0';
	return seccomp_arch_resolve_name(name);
}

void profile_each_arch(const struct profile *profile,
		       void (*visit)(void *context, json_t *name, const char *array, size_t item),
		       void *context)
{
	json_t *name, *row;
	size_t i, k;

	json_array_foreach(json_object_get(profile->seccomp, "architectures"), i, name)
		visit(context, name, "architectures", i);
	if (!(profile->form & (FORM_DOCKER | FORM_COMMON)))
		return;
	json_array_foreach(json_object_get(profile->seccomp, "archMap"), i, row)
	{
		if (json_object_get(row, "architecture"))
			visit(context, json_object_get(row, "architecture"), "archMap", i);
		json_array_foreach(json_object_get(row, "subArchitectures"), k, name)
			visit(context, name, "archMap", i);
	}
}

struct tokens {
	uint32_t *token;
	size_t count, max;
};

static void collect_token(void *context, json_t *name, const char *array, size_t item)
{
	struct tokens *tokens = context;
	const char *text = json_string_value(name);
	uint32_t token = text ? token_by_name(text) : 0;

	(void)array;
	(void)item;
	for (size_t i = 0; i < tokens->count; i++)
		if (tokens->token[i] == token)
			return;
	if (token && tokens->count < tokens->max)
		tokens->token[tokens->count++] = token;
}

size_t profile_tokens(const struct profile *profile, uint32_t *ret_token, size_t max)
{
	struct tokens tokens = { ret_token, 0, max };

	profile_each_arch(profile, collect_token, &tokens);
	return tokens.count;
}
