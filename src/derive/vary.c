/*
 * Names that differ from run to run (shape.c has the shapes). Two runs are better evidence than a
 * guess: where each of two runs of the same command made a name that the other did not, did the
 * same with it, and the names differ in one place only, that place becomes a placeholder. What it
 * is taken for is the narrowest that holds both:
 * - a whole number, as a process id: of any length up to the longest, and up to 7 digits
 *   (PID_MAX_LIMIT);
 * - a word of that many 0-9 and a-f, with both among them, or the end of one;
 * - that many letters, digits and underscores at the end of a word, where they are mixed as chance
 *   mixes them: names that people make up ("decoder.pyc" here, "encoder.pyc" there) are left alone;
 * - numbers in all places of the name where there are some, a UUID, or every word of the name that
 * is a number or mixed so. Where files are called by their hash below directories of its first
 * digits, as git's objects are, it is the directory first: "objects/b8/", whatever is in it.
 *
 * Only names that the workload itself made become patterns: what is merely read is not its choice.
 * None is made below sensitive directories, and none for what is executed or mapped to be: rules
 * for these name what was seen.
 *
 * One more needs no second run: a name that is like one made up at random (\{random}) beside it, or
 * in a directory beside its own, but happened to be drawn from letters of one kind.
 */
#include <derive/derive.h>
#include <derive/shape.h>

#include <string.h>
#include <whittle/escape.h>
#include <whittle/sensitive.h>

enum {
	PATTERNS_MAX = 256, /* a bound for programs whose names have no shape */
	PASSES_MAX = 12,    /* each may find names below directories that the one before found */
	SHARDS = 0          /* tried before the kinds of shape.c: shapes_find_shards() */
};

struct name {
	char *path; /* evidence text; patterns are applied */
	char *use;  /* what was done with it: its facts but their names */
	bool made;
	bool *runs; /* in which it was made, else seen, or carried into */
};

struct pattern {
	char *text;    /* evidence text of the whole path */
	size_t dir;    /* how much of it is the directory */
	size_t length; /* up to the end of the last component */
	size_t names;  /* how many it was learned from */
};

struct variation {
	struct name *names; /* sorted by path and use */
	size_t name_count;
	size_t *group; /* of each run: the first run of the same command */
	size_t run_count;
	struct pattern *patterns;
	size_t pattern_count;
};

/* ---- names, and in which runs they were ---- */

static bool makes_name(const char *access)
{
	static const char *const rows[] = { "bind",  "create",    "link",   "mkdir",
					    "mknod", "rename-to", "symlink" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i], access) == 0)
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	const struct name *one = a, *two = b;
	int diff = strcmp(one->path, two->path);

	return diff ? diff : strcmp(one->use, two->use);
}

static void free_name(struct name *name)
{
	free(name->path);
	free(name->use);
	free(name->runs);
}

/* What patterns made one is one, seen in the runs of all. */
static void unite_names(struct variation *variation)
{
	size_t kept = 0;

	qsort(variation->names, variation->name_count, sizeof(*variation->names), compare_names);
	for (size_t i = 0; i < variation->name_count; i++) {
		struct name *name = &variation->names[i];
		struct name *last = kept ? &variation->names[kept - 1] : NULL;

		if (!last || strcmp(last->path, name->path) != 0) {
			variation->names[kept++] = *name;
			continue;
		}
		last->made |= name->made;
		for (size_t run = 0; run < variation->run_count; run++)
			last->runs[run] |= name->runs[run];
		free_name(name);
	}
	variation->name_count = kept;
}

static bool same_command(const struct evidence_run *one, const struct evidence_run *two)
{
	char *const none[] = { NULL };
	char *const *a = one->command ? one->command : none;
	char *const *b = two->command ? two->command : none;

	while (*a && *b && strcmp(*a, *b) == 0)
		a++, b++;
	return !*a && !*b;
}

static void find_groups(struct variation *variation, const struct evidence *evidence)
{
	variation->run_count = evidence_run_count(evidence);
	variation->group = xcalloc(variation->run_count, sizeof(*variation->group));
	for (size_t run = 0; run < variation->run_count; run++)
		while (!same_command(evidence_run_at(evidence, variation->group[run]),
				     evidence_run_at(evidence, run)))
			variation->group[run]++;
}

static bool in_run(const struct name *name, const struct evidence_fact *fact, size_t runs)
{
	for (size_t run = 0; run < runs; run++)
		if (name->runs[run] && fact->counts[run])
			return true;
	return false;
}

/*
 * One name, of the facts of its path. If the workload made it, what counts is the runs that did and
 * what these did with it: others may have found it there.
 */
static struct name read_name(const struct evidence_fact *const *facts, size_t count, size_t runs)
{
	struct name name = { .path = xstrdup(facts[0]->fact.field[PATH_PATH]) };
	AUTO_BUF struct buf use = BUF_INIT;

	name.runs = xcalloc(runs, sizeof(*name.runs));
	for (size_t i = 0; i < count; i++)
		name.made |= makes_name(facts[i]->fact.field[PATH_ACCESS]);
	for (size_t i = 0; i < count; i++)
		for (size_t run = 0; run < runs; run++)
			if (!name.made || makes_name(facts[i]->fact.field[PATH_ACCESS]))
				name.runs[run] |= facts[i]->counts[run] != 0;
	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;

		if (in_run(&name, facts[i], runs))
			buf_addf(&use, "%s %s %s\n", field[PATH_ACCESS], field[PATH_OWNER],
				 field[PATH_PROGRAM]);
	}
	name.use = buf_steal(&use);
	return name;
}

/* The facts of a path follow each other. */
static void find_names(struct variation *variation, const struct evidence *evidence)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(evidence, FACT_PATH, &count);

	variation->names = xcalloc(count, sizeof(*variation->names));
	for (size_t i = 0, next; i < count; i = next) {
		for (next = i + 1; next < count; next++)
			if (strcmp(facts[next]->fact.field[PATH_PATH],
				   facts[i]->fact.field[PATH_PATH]) != 0)
				break;
		variation->names[variation->name_count++] =
			read_name(facts + i, next - i, variation->run_count);
	}
}

/* Did two runs of the same command make one of them each, and not the other? */
static bool alternate(const struct variation *variation, const struct name *one,
		      const struct name *two)
{
	for (size_t i = 0; i < variation->run_count; i++)
		for (size_t k = 0; one->runs[i] && !two->runs[i] && k < variation->run_count; k++)
			if (variation->group[i] == variation->group[k] && two->runs[k] &&
			    !one->runs[k])
				return true;
	return false;
}

/* ---- patterns ---- */

static const struct pattern *find_pattern(const struct variation *variation, const char *dir,
					  size_t dir_length, const char *component, size_t length)
{
	for (size_t i = 0; i < variation->pattern_count; i++) {
		const struct pattern *pattern = &variation->patterns[i];

		if (pattern->dir == dir_length && memcmp(pattern->text, dir, dir_length) == 0 &&
		    component_is_plain(component, length) &&
		    shape_matches(pattern->text + dir_length, pattern->text + pattern->length,
				  component, length))
			return pattern;
	}
	return NULL;
}

char *variation_name(const struct variation *variation, const char *path, bool whole)
{
	size_t end, last = path_component(path, &end);
	const char *at = path;
	AUTO_BUF struct buf out = BUF_INIT;

	while (*at) {
		size_t length = strcspn(at, "/");
		bool may = length && (whole || (size_t)(at - path) < last);
		const struct pattern *pattern =
			may ? find_pattern(variation, buf_text(&out), out.length, at, length)
			    : NULL;

		if (pattern)
			buf_add(&out, pattern->text + pattern->dir, pattern->length - pattern->dir);
		else
			buf_add(&out, at, length);
		at += length;
		if (*at)
			buf_addc(&out, *at++);
	}
	return buf_steal(&out);
}

static void add_pattern(struct variation *variation, const char *text, size_t names)
{
	struct pattern *pattern;

	if (variation->pattern_count == PATTERNS_MAX)
		return;
	variation->patterns = xrealloc(variation->patterns, variation->pattern_count + 1,
				       sizeof(*variation->patterns));
	pattern = &variation->patterns[variation->pattern_count++];
	*pattern = (struct pattern){ .text = xstrdup(text), .names = names };
	pattern->dir = path_component(text, &pattern->length);
}

static void apply_patterns(struct variation *variation)
{
	for (size_t i = 0; i < variation->name_count; i++) {
		char *path = variation_name(variation, variation->names[i].path, true);

		free(variation->names[i].path);
		variation->names[i].path = path;
	}
	unite_names(variation);
}

/* ---- learning ---- */

struct candidate {
	char *shape;
	const struct name *name;
};

struct candidates {
	struct candidate *list;
	size_t count;
};

static void add_candidates(struct candidates *candidates, size_t kind, const struct name *name)
{
	struct shapes shapes = { NULL, 0 };

	if (kind == SHARDS)
		shapes_find_shards(name->path, &shapes);
	else
		shapes_find(kind - 1, name->path, &shapes);
	candidates->list = xrealloc(candidates->list, candidates->count + shapes.count + 1,
				    sizeof(*candidates->list));
	for (size_t i = 0; i < shapes.count; i++)
		candidates->list[candidates->count++] =
			(struct candidate){ .shape = shapes.list[i], .name = name };
	free(shapes.list);
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *one = a, *two = b;
	int diff = strcmp(one->shape, two->shape);

	return diff ? diff : compare_names(one->name, two->name);
}

/* Does what the shape has a placeholder for differ? It may be a directory far above the names. */
static bool differ_there(const char *shape, const struct name *one, const struct name *two)
{
	size_t end, start = path_component(shape, &end);
	size_t length = strcspn(one->path + start, "/");

	return length != strcspn(two->path + start, "/") ||
	       memcmp(one->path + start, two->path + start, length) != 0;
}

/* Candidates of one shape: did runs make one or the other, and use it alike? */
static bool confirmed(const struct variation *variation, const struct candidate *list, size_t count)
{
	enum { DIFFERENT_MAX = 64 };
	const struct name *different[DIFFERENT_MAX]; /* by their use, or by their runs */
	size_t known = 0;

	for (size_t i = 0; i < count; i++) {
		const struct name *name = list[i].name;
		bool is_new = true;

		for (size_t k = 0; k < known; k++) {
			if (strcmp(different[k]->use, name->use) != 0 ||
			    !differ_there(list->shape, different[k], name))
				continue;
			if (memcmp(different[k]->runs, name->runs,
				   variation->run_count * sizeof(*name->runs)) == 0)
				is_new = false;
			else if (alternate(variation, different[k], name))
				return true;
		}
		if (is_new && known < DIFFERENT_MAX)
			different[known++] = name;
	}
	return false;
}

static bool may_vary(const struct variation *variation, const struct name *name)
{
	size_t missing = 0, end, start = path_component(name->path, &end);

	for (size_t run = 0; run < variation->run_count; run++)
		missing += !name->runs[run];
	return missing && name->made && name->path[0] == '/' && !path_is_sensitive(name->path) &&
	       component_is_plain(name->path + start, end - start);
}

/* Patterns of one kind; says whether there are new ones. */
static bool learn_kind(struct variation *variation, size_t kind)
{
	size_t before = variation->pattern_count;
	struct candidates candidates = { NULL, 0 };

	for (size_t i = 0; i < variation->name_count; i++)
		if (may_vary(variation, &variation->names[i]))
			add_candidates(&candidates, kind, &variation->names[i]);
	if (!candidates.list)
		return false;
	qsort(candidates.list, candidates.count, sizeof(*candidates.list), compare_candidates);
	for (size_t from = 0, to; from < candidates.count; from = to) {
		for (to = from + 1; to < candidates.count; to++)
			if (strcmp(candidates.list[from].shape, candidates.list[to].shape) != 0)
				break;
		if (confirmed(variation, &candidates.list[from], to - from))
			add_pattern(variation, candidates.list[from].shape, to - from);
	}
	for (size_t i = 0; i < candidates.count; i++)
		free(candidates.list[i].shape);
	free(candidates.list);
	return variation->pattern_count > before;
}

/* How much of two directories' names is the directory above both; 0 if they are no neighbours. */
static size_t common_parent(const char *one, size_t one_length, const char *two, size_t two_length)
{
	size_t common = 0;

	while (common < one_length && common < two_length && one[common] == two[common])
		common++;
	while (common && one[common - 1] != '/')
		common--;
	bool near = !memchr(one + common, '/', one_length - common - (one_length > common)) &&
		    !memchr(two + common, '/', two_length - common - (two_length > common));
	return near ? common : 0;
}

/* Would name be of the pattern that made_up is, in its own directory? Then that is added. */
static bool learn_random(struct variation *variation, const struct name *name,
			 const struct name *made_up)
{
	size_t end, start = path_component(name->path, &end);
	size_t made_end, made_start = path_component(made_up->path, &made_end);
	const char *random = strstr(made_up->path + made_start, "\\{random}");

	if (!random || random == made_up->path + made_start ||
	    strcmp(name->use, made_up->use) != 0 ||
	    !common_parent(name->path, start, made_up->path, made_start) ||
	    !shape_matches(made_up->path + made_start, made_up->path + made_end, name->path + start,
			   end - start))
		return false;
	AUTO_FREE char *text =
		xasprintf("%.*s%s", (int)start, name->path, made_up->path + made_start);
	add_pattern(variation, text, 1);
	return true;
}

static void learn_randoms(struct variation *variation)
{
	enum { MADE_UP_MAX = 256 };
	const struct name *made_up[MADE_UP_MAX];
	size_t count = 0, start, end;

	for (size_t i = 0; i < variation->name_count && count < MADE_UP_MAX; i++)
		if (strstr(variation->names[i].path, "\\{random}") && variation->names[i].made)
			made_up[count++] = &variation->names[i];
	for (size_t i = 0; i < variation->name_count; i++) {
		const struct name *name = &variation->names[i];

		start = path_component(name->path, &end);
		if (!name->made || path_is_sensitive(name->path) ||
		    memchr(name->path + start, '\\', end - start))
			continue;
		for (size_t k = 0; k < count; k++)
			if (learn_random(variation, name, made_up[k]))
				break;
	}
}

struct variation *variation_new(const struct evidence *evidence)
{
	struct variation *variation = xcalloc(1, sizeof(*variation));

	find_groups(variation, evidence);
	find_names(variation, evidence);
	learn_randoms(variation);
	apply_patterns(variation);
	if (variation->run_count < 2)
		return variation;
	for (size_t pass = 0, kind = SHARDS; pass < PASSES_MAX && kind <= SHAPE_KINDS;) {
		if (!learn_kind(variation, kind)) {
			kind++;
			continue;
		}
		apply_patterns(variation);
		pass++;
		kind = SHARDS;
	}
	return variation;
}

void variation_note(const struct variation *variation, struct policy *policy)
{
	for (size_t i = 0; i < variation->pattern_count; i++)
		if (!strstr(variation->patterns[i].text, "\\{random}"))
			policy_note(
				policy,
				"%s: names that differ from run to run, %zu so far, are one rule",
				variation->patterns[i].text, variation->patterns[i].names);
}

void variation_free(struct variation *variation)
{
	for (size_t i = 0; i < variation->name_count; i++)
		free_name(&variation->names[i]);
	for (size_t i = 0; i < variation->pattern_count; i++)
		free(variation->patterns[i].text);
	free(variation->names);
	free(variation->group);
	free(variation->patterns);
	free(variation);
}
