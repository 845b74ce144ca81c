/* The text of a profile -> JSON, form by form. The bytes may come from anywhere. */
#include <review/profile.h>

#include <errno.h>
#include <string.h>
#include <whittle/escape.h>

/* What json_number() knows a widened number by: no file has it, jansson refuses it raw. */
#define WIDE '\x01'

static const struct {
	const char *name;
	enum form form;
} forms[] = {
	{ "oci", FORM_OCI },
	{ "docker", FORM_DOCKER },
	{ "containers-common", FORM_COMMON },
	{ "kubernetes", FORM_KUBERNETES },
};

const char *form_name(enum form form)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].form == form)
			return forms[i].name;
	return "unknown";
}

enum form form_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (strcmp(forms[i].name, name) == 0)
			return forms[i].form;
	return 0;
}

/* An integer that fits in 64 bits without a sign, but not with one? */
static bool is_wide(const char *digits, size_t length)
{
	AUTO_FREE char *copy = xstrndup(digits, length);
	char *end;

	errno = 0;
	unsigned long long value = strtoull(copy, &end, 10);
	return errno == 0 && !*end && value > INT64_MAX;
}

/* A digit that begins a number of 19 or 20 digits and nothing else: *ret_length of them. */
static bool starts_wide(const char *text, size_t length, size_t at, size_t *ret_length)
{
	size_t end = at;

	if (at > 0 && strchr("-+.eE0123456789", text[at - 1]) && text[at - 1])
		return false;
	while (end < length && text[end] >= '0' && text[end] <= '9')
		end++;
	if (end - at < 19 || end - at > 20 || text[at] == '0')
		return false;
	if (end < length && (text[end] == '.' || text[end] == 'e' || text[end] == 'E'))
		return false;
	*ret_length = end - at;
	return is_wide(text + at, end - at);
}

/*
 * jansson's integers are signed, values of arguments are uint64: numbers that only these hold
 * become strings that begin with WIDE. Lines stay, columns behind them do not.
 */
static void widen(const char *text, size_t length, struct buf *out)
{
	bool string = false;

	for (size_t i = 0; i < length; i++) {
		size_t digits;

		if (!string && starts_wide(text, length, i, &digits)) {
			buf_adds(out, "\"\\u0001");
			buf_add(out, text + i, digits);
			buf_addc(out, '"');
			i += digits - 1;
			continue;
		}
		if (string && text[i] == '\\' && i + 1 < length)
			buf_addc(out, text[i++]);
		else if (text[i] == '"')
			string = !string;
		buf_addc(out, text[i]);
	}
}

bool json_number(const json_t *value, uint64_t *ret_number)
{
	const char *text = json_string_value(value);

	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*ret_number = (uint64_t)json_integer_value(value);
		return true;
	}
	if (!text || text[0] != WIDE || !is_wide(text + 1, strlen(text + 1)))
		return false;
	*ret_number = strtoull(text + 1, NULL, 10);
	return true;
}

/* The parser's message has bytes of the file. */
static int refuse(const json_error_t *where, struct error *err)
{
	AUTO_BUF struct buf safe = BUF_INIT;

	escape_terminal(&safe, where->text, strlen(where->text));
	return fail(err, ERROR_INPUT, 0, "line %d, column %d: %s", where->line, where->column,
		    buf_text(&safe));
}

/* A key that is there twice: parsers differ in which they take. Noted, not refused. */
static void find_duplicate(const struct buf *text, struct profile *profile)
{
	static const char before[] = "duplicate object key near '\"";
	json_error_t where;
	json_t *root = json_loadb(text->data, text->length, JSON_REJECT_DUPLICATES, &where);

	json_decref(root);
	if (root)
		return;
	size_t skip = strncmp(where.text, before, sizeof(before) - 1) == 0 ? sizeof(before) - 1 : 0;
	size_t length = strcspn(where.text + skip, "\"");
	profile->duplicate_line = where.line;
	profile->duplicate_key = xstrndup(where.text + skip, length);
}

/* Is one of these fields in an entry of syscalls? */
static bool in_rules(const json_t *seccomp, const char *const *fields, size_t count)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(seccomp, "syscalls"), i,
			   rule) for (size_t k = 0; k < count;
				      k++) if (json_object_get(rule, fields[k])) return true;
	return false;
}

/* What only one form has decides; what all have is OCI's. */
static enum form recognise(const json_t *seccomp)
{
	static const char *const common[] = { "errno" };
	static const char *const docker[] = { "name", "comment", "includes", "excludes" };

	if (json_object_get(seccomp, "defaultErrno") ||
	    in_rules(seccomp, common, ARRAY_SIZE(common)))
		return FORM_COMMON;
	if (json_object_get(seccomp, "archMap") || in_rules(seccomp, docker, ARRAY_SIZE(docker)))
		return FORM_DOCKER;
	return FORM_OCI;
}

/* A whole config.json: linux.seccomp, null where there is none. */
static int take_config(struct profile *profile, struct error *err)
{
	json_t *seccomp = json_object_get(json_object_get(profile->root, "linux"), "seccomp");
	const json_t *privileges =
		json_object_get(json_object_get(profile->root, "process"), "noNewPrivileges");

	if (!json_is_object(seccomp))
		return fail(err, ERROR_INPUT, 0, "a config.json without linux.seccomp: no profile");
	profile->seccomp = seccomp;
	profile->prefix = "linux.seccomp.";
	profile->no_new_privileges = json_is_true(privileges) ? "on" : "off";
	return 0;
}

int profile_load(const char *text, size_t length, enum form form, struct profile *profile,
		 struct error *err)
{
	AUTO_BUF struct buf wide = BUF_INIT;
	json_error_t where;

	widen(text, length, &wide);
	profile->root = json_loadb(buf_text(&wide), wide.length, 0, &where);
	if (!profile->root)
		return length ? refuse(&where, err)
			      : fail(err, ERROR_INPUT, 0, "the file is empty");
	find_duplicate(&wide, profile);
	profile->seccomp = profile->root;
	profile->prefix = "";
	if ((json_object_get(profile->root, "ociVersion") ||
	     json_object_get(profile->root, "linux")) &&
	    take_config(profile, err) < 0)
		return -1;
	if (!json_object_get(profile->seccomp, "defaultAction") &&
	    !json_object_get(profile->seccomp, "syscalls"))
		return fail(err, ERROR_INPUT, 0,
			    "no seccomp profile: neither defaultAction nor syscalls is there");
	profile->form = form ? form : recognise(profile->seccomp);
	return 0;
}
