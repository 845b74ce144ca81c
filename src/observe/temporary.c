/*
 * Names that mkstemp(3) and its kin make up: they differ in each run, so that a rule for one of
 * them is of no use. Such a file is made exclusively, for its owner alone, and the end of its name
 * is a mixture of letters and digits. What was learned from one holds for all names of that shape
 * in that directory, so that a million of them are one fact.
 */
#include <observe/observe.h>

#include <ctype.h>
#include <string.h>
#include <whittle/sensitive.h>

enum {
	RANDOM_LEAST = 6, /* the X of mkstemp(3)'s templates */
	SHAPES_MAX = 256  /* a bound for programs whose names have no shape */
};

/* DIR PREFIX random SUFFIX */
struct name_shape {
	bool is_file; /* directories are called otherwise */
	char *dir;    /* ends in "/" */
	char *prefix, *suffix;
	struct name_shape *next;
};

/* How many letters, digits and underscores are at text, at most length. */
static size_t run_length(const char *text, size_t length)
{
	size_t count = 0;

	while (count < length && (isalnum((unsigned char)text[count]) || text[count] == '_'))
		count++;
	return count;
}

/* One in ninety names that were drawn at random has letters of one case only. */
static bool looks_random(const char *text, size_t length)
{
	bool lower = false, upper = false, digit = false;

	for (size_t i = 0; i < length; i++) {
		lower |= islower((unsigned char)text[i]) != 0;
		upper |= isupper((unsigned char)text[i]) != 0;
		digit |= isdigit((unsigned char)text[i]) != 0;
	}
	return lower + upper + digit > 1 || (digit && !lower && !upper);
}

/* Does only the first letter of text differ in kind, if any does? */
static bool looks_like_word(const char *text, size_t length)
{
	return length < 2 || (!looks_random(text + 1, length - 1) &&
			      (isupper((unsigned char)text[0]) || !looks_random(text, length)));
}

/*
 * Where in a run of letters and digits, from the start of a component (at 0) or behind a sign, the
 * part begins that was made up: a number that ends it ("go-build123456789"), all of it behind a
 * sign ("tmp.Ab3dEf9HiJ"), else the last six ("sedAb3dEf", as mkstemp(3) has it), unless what is
 * before them is no word: then all of it ("3DhCAb3dEf" is Perl's). In a shared directory all of it:
 * of one name nobody can tell where its prefix ends ("tmp7n_ab2cd" is Python's).
 */
static size_t random_start(const char *component, size_t at, size_t end, bool shared)
{
	size_t start = end;

	while (start > at && isdigit((unsigned char)component[start - 1]))
		start--;
	if (end - start >= RANDOM_LEAST && looks_like_word(component + at, start - at))
		return start;
	bool all = at || shared || !looks_like_word(component, end - RANDOM_LEAST);

	return all ? at : end - RANDOM_LEAST;
}

/* A date or the like is followed by what was made up: "x20261126-1487-do9tx". */
static bool is_followed_by_number(const char *component, size_t start, size_t end, size_t length)
{
	bool number = true;

	for (size_t i = start; i < end; i++)
		number &= isdigit((unsigned char)component[i]) != 0;
	while (number && end < length && !isdigit((unsigned char)component[end]))
		end++;
	return number && end < length;
}

/*
 * The part of a component that was made up: in its last run that is long enough for it. In a
 * directory that everybody shares (/tmp) an exclusive name is made up whatever it looks like.
 */
static bool find_random(const char *component, size_t length, bool shared, size_t *ret_start,
			size_t *ret_end)
{
	bool found = false;

	for (size_t at = 0, run; at < length; at += run ? run : 1) {
		run = run_length(component + at, length - at);
		if (run < RANDOM_LEAST)
			continue;
		size_t end = at + run;
		if (!shared && !looks_random(component + end - RANDOM_LEAST, RANDOM_LEAST))
			continue;
		size_t start = random_start(component, at, end, shared);
		if (is_followed_by_number(component, start, end, length))
			continue;
		*ret_start = start;
		*ret_end = end;
		found = shared || *ret_start > 0;
	}
	return found;
}

/* The middle of a component that has this shape; 0 if it has another. */
static size_t middle_length(const struct name_shape *shape, const char *component, size_t length)
{
	size_t prefix = strlen(shape->prefix), suffix = strlen(shape->suffix);

	if (length < prefix + RANDOM_LEAST + suffix ||
	    strncmp(component, shape->prefix, prefix) != 0 ||
	    strncmp(component + length - suffix, shape->suffix, suffix) != 0)
		return 0;
	size_t middle = length - prefix - suffix;
	return run_length(component + prefix, middle) == middle ? middle : 0;
}

static const struct name_shape *find_shape(const struct observer *observer, const char *dir,
					   size_t dir_length, const char *component, size_t length)
{
	for (const struct name_shape *shape = observer->shapes; shape; shape = shape->next)
		if (!(shape->is_file && component[length] == '/') &&
		    strlen(shape->dir) == dir_length && memcmp(shape->dir, dir, dir_length) == 0 &&
		    middle_length(shape, component, length))
			return shape;
	return NULL;
}

char *temporary_name(const struct observer *observer, const char *name)
{
	AUTO_BUF struct buf out = BUF_INIT;
	bool changed = false;

	if (!observer->shapes || !name || name[0] != '/')
		return NULL;
	while (*name) {
		size_t length = strcspn(name, "/");
		const struct name_shape *shape =
			find_shape(observer, buf_text(&out), out.length, name, length);

		if (shape)
			buf_addf(&out, "%s\\{random}%s", shape->prefix, shape->suffix);
		else
			buf_add(&out, name, length);
		changed |= shape != NULL;
		name += length;
		if (*name)
			buf_addc(&out, *name++);
	}
	return changed ? buf_steal(&out) : NULL;
}

void temporary_learn(struct observer *observer, const char *name, mode_t directory)
{
	bool shared = (directory & S_ISVTX) && (directory & S_IWOTH);

	if (observer->rehearsal)
		return;
	AUTO_FREE char *known = temporary_name(observer, name);
	size_t start, end;

	name = known ? known : name;
	if (!name || name[0] != '/' || path_is_sensitive(name) ||
	    observer->shape_count == SHAPES_MAX)
		return;
	size_t length = strlen(name);
	length -= name[length - 1] == '/';
	const char *slash = memrchr(name, '/', length);
	if (!slash)
		return;
	const char *component = slash + 1;
	length -= (size_t)(component - name);
	if (memchr(component, '\\', length) ||
	    !find_random(component, length, shared, &start, &end))
		return;
	struct name_shape *shape = xcalloc(1, sizeof(*shape));
	shape->is_file = component[length] != '/';
	shape->dir = xstrndup(name, (size_t)(component - name));
	shape->prefix = xstrndup(component, start);
	shape->suffix = xstrndup(component + end, length - end);
	shape->next = observer->shapes;
	observer->shapes = shape;
	observer->shape_count++;
}

void temporary_forget(struct observer *observer)
{
	struct name_shape *next;

	for (struct name_shape *shape = observer->shapes; shape; shape = next) {
		next = shape->next;
		free(shape->dir);
		free(shape->prefix);
		free(shape->suffix);
		free(shape);
	}
	observer->shapes = NULL;
}
