/* Which fields there are, for whom, and of what type. What a reader does not know, it drops. */
#include <review/lint.h>

#include <string.h>
#include <strings.h>

#define ALL    (FORM_OCI | FORM_DOCKER | FORM_COMMON | FORM_KUBERNETES)
#define EDITED (FORM_DOCKER | FORM_COMMON)

enum type { TYPE_STRING, TYPE_NUMBER, TYPE_STRINGS, TYPE_OBJECTS, TYPE_OBJECT };

/* null is as good as nothing to all of them. */
struct field {
	const char *name;
	enum type type;
	unsigned int forms; /* enum form: who knows it */
	const char *lost;   /* what follows where it is dropped; NULL: nothing */
};

/*
 * runtime-spec specs-go/config.go LinuxSeccomp; moby profiles/seccomp/seccomp.go; containers/common
 * pkg/seccomp/types.go. containerd's CRI unmarshals a localhost profile into LinuxSeccomp.
 */
static const struct field top_fields[] = {
	{ "archMap", TYPE_OBJECTS, EDITED, "only the native architecture can make calls" },
	{ "architectures", TYPE_STRINGS, ALL, NULL },
	{ "defaultAction", TYPE_STRING, ALL, NULL },
	{ "defaultErrno", TYPE_STRING, FORM_COMMON,
	  "the default answers defaultErrnoRet, or EPERM" },
	{ "defaultErrnoRet", TYPE_NUMBER, ALL, NULL },
	{ "flags", TYPE_STRINGS, ALL, NULL },
	{ "listenerMetadata", TYPE_STRING, ALL, NULL },
	{ "listenerPath", TYPE_STRING, ALL, NULL },
	{ "syscalls", TYPE_OBJECTS, ALL, NULL },
};
static const struct field rule_fields[] = {
	{ "action", TYPE_STRING, ALL, NULL },
	{ "args", TYPE_OBJECTS, ALL, NULL },
	{ "comment", TYPE_STRING, EDITED, NULL },
	{ "errno", TYPE_STRING, FORM_COMMON, "the rule answers errnoRet, or EPERM" },
	{ "errnoRet", TYPE_NUMBER, ALL, NULL },
	{ "excludes", TYPE_OBJECT, EDITED, "the rule holds always" },
	{ "includes", TYPE_OBJECT, EDITED, "the rule holds always" },
	{ "name", TYPE_STRING, EDITED, "the rule names no call" },
	{ "names", TYPE_STRINGS, ALL, NULL },
};
static const struct field arg_fields[] = {
	{ "index", TYPE_NUMBER, ALL, NULL },
	{ "op", TYPE_STRING, ALL, NULL },
	{ "value", TYPE_NUMBER, ALL, NULL },
	{ "valueTwo", TYPE_NUMBER, ALL, NULL },
};
static const struct field condition_fields[] = {
	{ "arches", TYPE_STRINGS, EDITED, NULL },
	{ "caps", TYPE_STRINGS, EDITED, NULL },
	{ "minKernel", TYPE_STRING, FORM_DOCKER, "the rule holds on every kernel" },
};
static const struct field map_fields[] = {
	{ "architecture", TYPE_STRING, EDITED, NULL },
	{ "subArchitectures", TYPE_STRINGS, EDITED, NULL },
};

static bool is_array_of(const json_t *value, json_type type)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(value))
		return false;
	json_array_foreach(value, i, item) if (json_typeof(item) != type) return false;
	return true;
}

static bool has_type(const json_t *value, enum type type)
{
	uint64_t number;

	if (json_is_null(value))
		return true;
	switch (type) {
	case TYPE_STRING:
		return json_is_string(value);
	case TYPE_NUMBER:
		return json_number(value, &number) || json_is_integer(value);
	case TYPE_STRINGS:
		return is_array_of(value, JSON_STRING);
	case TYPE_OBJECTS:
		return is_array_of(value, JSON_OBJECT);
	case TYPE_OBJECT:
		break;
	}
	return json_is_object(value);
}

static const char *type_text(enum type type)
{
	static const char *const texts[] = {
		[TYPE_STRING] = "a string",
		[TYPE_NUMBER] = "a whole number that is not negative and fits in 64 bits",
		[TYPE_STRINGS] = "an array of strings",
		[TYPE_OBJECTS] = "an array of objects",
		[TYPE_OBJECT] = "an object",
	};

	return texts[type];
}

static const char *reader_name(enum form form)
{
	switch (form) {
	case FORM_KUBERNETES:
		return "containerd, which reads the profiles of Kubernetes,";
	case FORM_COMMON:
		return "containers/common (Podman, CRI-O)";
	case FORM_DOCKER:
		return "Docker";
	case FORM_OCI:
		break;
	}
	return "an OCI runtime";
}

/* Go takes a field by any case of its letters, crun only as it is written. */
static void unknown_field(struct lint *lint, struct place place, const char *key,
			  const struct field *fields, size_t count)
{
	AUTO_FREE char *name = shown(key);

	for (size_t i = 0; i < count; i++)
		if (strcasecmp(fields[i].name, key) == 0) {
			report(lint, LINT_UNKNOWN_FIELD, place,
			       "the field %s is %s to runc and Docker, but unknown to crun", name,
			       fields[i].name);
			return;
		}
	report(lint, LINT_UNKNOWN_FIELD, place, "no runtime knows the field %s: it is dropped",
	       name);
}

/* null, "", {} and {"caps": []} say nothing. */
static bool is_empty(const json_t *value)
{
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)(uintptr_t)value, key,
			    member) if (json_array_size(member) > 0 ||
					json_string_length(member) > 0) return false;
	return json_is_null(value) || json_is_object(value) ||
	       (json_is_string(value) && json_string_length(value) == 0);
}

/* Does its reader lose what the profile does not say elsewhere too? */
static bool is_lost(const json_t *object, const char *key, const json_t *value)
{
	bool rule = strcmp(key, "errno") == 0;
	const char *text = json_string_value(value);

	if (is_empty(value))
		return false;
	if (strcmp(key, "name") == 0)
		return json_array_size(json_object_get(object, "names")) == 0;
	if (!text || (!rule && strcmp(key, "defaultErrno") != 0))
		return true;
	const json_t *number = json_object_get(object, rule ? "errnoRet" : "defaultErrnoRet");
	return !json_is_integer(number) || json_integer_value(number) != errno_by_name(text);
}

static void check_known(struct lint *lint, struct place place, const struct field *field,
			const json_t *object, const json_t *value)
{
	enum form form = lint->profile->form;

	if (!has_type(value, field->type))
		report(lint, LINT_WRONG_TYPE, place, "%s must be %s", field->name,
		       type_text(field->type));
	if (!(field->forms & form) && field->lost && is_lost(object, field->name, value))
		report(lint, LINT_DROPPED_FIELD, place, "%s drops %s: %s", reader_name(form),
		       field->name, field->lost);
}

static void check_object(struct lint *lint, struct place place, const json_t *object,
			 const struct field *fields, size_t count)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		const struct field *field = NULL;
		struct place at = place;

		for (size_t i = 0; i < count; i++)
			if (strcmp(fields[i].name, key) == 0)
				field = &fields[i];
		if (!field) {
			unknown_field(lint, place, key, fields, count);
			continue;
		}
		*(place.field ? &at.sub : &at.field) = field->name;
		check_known(lint, at, field, object, value);
	}
}

#define CHECK(lint, place, object, fields)                                                         \
	check_object(lint, place, object, fields, ARRAY_SIZE(fields))

static void check_rule_fields(struct lint *lint, const json_t *rule, size_t index)
{
	const json_t *arg;
	size_t i;

	CHECK(lint, AT_RULE(index, NULL), rule, rule_fields);
	json_array_foreach(json_object_get(rule, "args"), i, arg)
		CHECK(lint, AT_ARG(index, i, NULL), arg, arg_fields);
	if (!(lint->profile->form & EDITED))
		return;
	CHECK(lint, AT_RULE(index, "includes"), json_object_get(rule, "includes"),
	      condition_fields);
	CHECK(lint, AT_RULE(index, "excludes"), json_object_get(rule, "excludes"),
	      condition_fields);
}

void check_fields(struct lint *lint)
{
	const struct profile *profile = lint->profile;
	const json_t *item;
	size_t i;

	if (profile->duplicate_line) {
		AUTO_FREE char *key = shown(profile->duplicate_key);

		report_line(lint, LINT_DUPLICATE_KEY, profile->duplicate_line,
			    "the field %s is there twice: readers differ in which they take", key);
	}
	CHECK(lint, AT_TOP(NULL), profile->seccomp, top_fields);
	json_array_foreach(json_object_get(profile->seccomp, "syscalls"), i, item)
		check_rule_fields(lint, item, i);
	if (profile->form & EDITED)
		json_array_foreach(json_object_get(profile->seccomp, "archMap"), i, item)
			CHECK(lint, AT_ITEM("archMap", i), item, map_fields);
	if (profile->form & EDITED && !lint->options->target)
		report(lint, LINT_NOT_PORTABLE, AT_TOP("syscalls"),
		       "this is the form of %s: Kubernetes drops its archMap, includes and "
		       "excludes",
		       profile->form == FORM_COMMON ? "containers/common" : "Docker");
}
