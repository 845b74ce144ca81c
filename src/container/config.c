/*
 * config.json with another linux.seccomp. The text is cut and joined, not written anew: limits in
 * it (RLIM_INFINITY, 2^64 - 1) fit no integer of jansson's, and whatever else an engine wrote is
 * not whittle's to change.
 */
#include <whittle/container.h>

#include <jansson.h>
#include <string.h>
#include <strings.h>

struct span {
	size_t start, end;
};

/* The text is well-formed JSON by now: every value and every string ends. */
static size_t skip_space(const char *text, size_t at)
{
	return at + strspn(text + at, " \t\r\n");
}

static size_t skip_string(const char *text, size_t at)
{
	for (at++; text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at + 1;
}

static size_t skip_value(const char *text, size_t at)
{
	size_t depth = 0;

	do {
		if (text[at] == '"') {
			at = skip_string(text, at);
			continue;
		}
		if (text[at] == '{' || text[at] == '[')
			depth++;
		else if (text[at] == '}' || text[at] == ']')
			depth--;
		at++;
		/* a number or a word ends before what cannot be part of it */
	} while (depth > 0 || !strchr(",]} \t\r\n", text[at]));
	return at;
}

/*
 * The value of a member of the object that begins at `at`; ret_value->end is 0 if it has none. Go's
 * reader takes names in any case, and the last of those that are equal then: which of them counts
 * depends on the runtime.
 */
static int find_member(const char *name, const char *text, size_t at, const char *member,
		       struct span *ret_value, struct error *err)
{
	*ret_value = (struct span){ 0, 0 };
	for (at = skip_space(text, at + 1); text[at] != '}';) {
		const char *key = text + at + 1;
		size_t length = skip_string(text, at) - at - 2;

		at = skip_space(text, at + length + 2) + 1; /* the colon */
		size_t start = skip_space(text, at);
		size_t end = skip_value(text, start);
		bool same = length == strlen(member) && strncasecmp(key, member, length) == 0;

		if (memchr(key, '\\', length) || (same && memcmp(key, member, length) != 0))
			return fail(err, ERROR_INPUT, 0,
				    "%s: runtimes may differ in what \"%.*s\" means", name,
				    (int)(length < 64 ? length : 64), key);
		if (same)
			*ret_value = (struct span){ start, end };
		at = skip_space(text, end);
		if (text[at] == ',')
			at = skip_space(text, at + 1);
	}
	return 0;
}

/* Appends the object between start and end with this member as its only or its first one. */
static void add_with_member(const char *text, size_t start, size_t end, const char *member,
			    const char *value, struct buf *out)
{
	bool empty = text[skip_space(text, start + 1)] == '}';

	buf_addf(out, "{\"%s\":", member);
	buf_adds(out, value);
	if (!empty)
		buf_addc(out, ',');
	buf_add(out, text + start + 1, end - start - 1);
}

/*
 * Is it well-formed, an object, and without a second member of the same name anywhere? jansson
 * passes over a NUL between tokens.
 */
static int check(const char *name, const char *text, size_t length, struct error *err)
{
	json_error_t where;
	size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
	json_t *config = json_loadb(text, length, flags, &where);
	bool object = json_is_object(config);
	json_t *linux_part = json_object_get(config, "linux");
	bool has_object = !linux_part || json_is_null(linux_part) || json_is_object(linux_part);

	json_decref(config);
	if (!config)
		return fail(err, ERROR_INPUT, 0, "%s: line %d: %s", name, where.line, where.text);
	if (!object || !has_object || memchr(text, '\0', length))
		return fail(err, ERROR_INPUT, 0, "%s is no configuration of a container", name);
	return 0;
}

int recording_config(const char *name, const char *text, size_t length,
		     const struct recording *recording, struct buf *ret_text, struct error *err)
{
	AUTO_BUF struct buf filter = BUF_INIT, linux_part = BUF_INIT;
	AUTO_FREE char *copy = NULL;
	struct span outer, inner = { 0, 0 };

	if (check(name, text, length, err) < 0)
		return -1;
	copy = xstrndup(text, length);
	size_t top = skip_space(copy, 0);
	if (find_member(name, copy, top, "linux", &outer, err) < 0)
		return -1;
	bool object = outer.end && copy[outer.start] == '{';
	if (object && find_member(name, copy, outer.start, "seccomp", &inner, err) < 0)
		return -1;
	recording_filter(recording, &filter);
	if (inner.end) {
		buf_add(ret_text, copy, inner.start);
		buf_adds(ret_text, buf_text(&filter));
		buf_add(ret_text, copy + inner.end, length - inner.end);
		return 0;
	}
	add_with_member(object ? copy : "{}", object ? outer.start : 0, object ? outer.end : 2,
			"seccomp", buf_text(&filter), &linux_part);
	buf_add(ret_text, copy, outer.end ? outer.start : top);
	if (outer.end) {
		buf_adds(ret_text, buf_text(&linux_part));
		buf_add(ret_text, copy + outer.end, length - outer.end);
	} else {
		add_with_member(copy, top, length, "linux", buf_text(&linux_part), ret_text);
	}
	return 0;
}
