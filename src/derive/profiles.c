/*
 * Which AppArmor profile a program runs under, and by which rule it gets there.
 *
 * A fact names the image that did it; an exec names a file, which for a script is not the image. So
 * there is a profile for each image, and the rule for a script leads to that of its interpreter.
 * The programs that the runs began with share the first profile.
 *
 * px knows no more of the other programs than their names: each is to have a profile that is called
 * as `whittle emit apparmor` calls what was recorded of it alone, after the file that is executed.
 */
#include <derive/derive.h>

#include <string.h>

const char *const exec_mode_words[EXEC_MODES] = {
	[EXEC_INHERIT] = "ix",
	[EXEC_PROFILE] = "px",
	[EXEC_CHILD] = "cx",
	[EXEC_SEPARATE] = "child-profiles",
};

static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

enum { NAME_MAX_LENGTH = 100, MEMFD_DEPTH = 16 };

/* A name, and the profile that it leads to. */
struct lead {
	char *name;
	size_t profile;
};

struct leads {
	struct lead *list; /* sorted by name, each once, after leads_sort() */
	size_t count;
};

struct confinement {
	struct leads files;  /* that were executed */
	struct leads images; /* that did what facts say */
};

static bool is_memfd(const char *path)
{
	return strncmp(path, "/memfd:", 7) == 0;
}

/* The image that an exec led to: the last of the interpreters, if there are any. */
static char *image_of(const struct fact *fact)
{
	const char *chain = fact->field[EXEC_INTERPRETERS], *last = chain;

	for (const char *at = chain; (at = strstr(at, "; ")); last = at)
		at += 2;
	return *chain ? interpreter_name(last, strlen(last)) : xstrdup(fact->field[EXEC_PATH]);
}

char *profile_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = xasprintf("whittle-%.64s", slash ? slash + 1 : path);

	for (char *c = name; *c; c++)
		if (!strchr(safe, *c))
			*c = '_';
	return name;
}

/* "/usr/bin/cat" -> "usr.bin.cat", as files in /etc/apparmor.d are called. */
static char *local_name(const char *image)
{
	char *name = xasprintf("%.*s", NAME_MAX_LENGTH, image + (image[0] == '/'));

	for (char *c = name; *c; c++)
		*c = *c == '/' ? '.' : strchr(safe, *c) ? *c : '_';
	if (!*name || strchr(".-", *name)) {
		char *other = xasprintf("_%s", name);

		free(name);
		return other;
	}
	return name;
}

/* ---- making ---- */

static size_t add_profile(struct policy *policy, const char *image, char *name, char *local)
{
	policy->apparmor_profiles =
		xrealloc(policy->apparmor_profiles, policy->apparmor_profile_count + 1,
			 sizeof(*policy->apparmor_profiles));
	policy->apparmor_profiles[policy->apparmor_profile_count] = (struct apparmor_profile){
		.name = name,
		.image = xstrdup(image),
		.local = local,
		.elsewhere = policy->options.exec == EXEC_PROFILE && *image,
	};
	return policy->apparmor_profile_count++;
}

static bool has_name(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->apparmor_profile_count; i++)
		if (strcmp(policy->apparmor_profiles[i].name, name) == 0)
			return true;
	return false;
}

/* Of two images whose names become the same, the second in their order gets a number. */
static size_t add_image(struct policy *policy, const char *image)
{
	bool child = policy->options.exec == EXEC_CHILD;
	AUTO_FREE char *plain = local_name(image);
	AUTO_FREE char *local = xstrdup(plain);

	for (unsigned int number = 2;; number++) {
		AUTO_FREE char *name =
			xasprintf("%s%s%s", policy->options.name, child ? "//" : ".", local);

		if (!has_name(policy, name))
			return add_profile(policy, image, STEAL(name),
					   child ? STEAL(local) : xstrdup(""));
		free(local);
		local = xasprintf("%s-%u", plain, number);
	}
}

/* Of px: one for each file that leads to the image. */
static size_t add_elsewhere(struct policy *policy, const char *path, const char *image)
{
	AUTO_FREE char *name = profile_name(path);

	for (size_t i = 1; i < policy->apparmor_profile_count; i++)
		if (strcmp(policy->apparmor_profiles[i].name, name) == 0)
			return i;
	return add_profile(policy, image, STEAL(name), xstrdup(""));
}

/* ---- leads ---- */

static void leads_add(struct leads *leads, const char *name, size_t profile)
{
	leads->list = xrealloc(leads->list, leads->count + 1, sizeof(*leads->list));
	leads->list[leads->count++] = (struct lead){ xstrdup(name), profile };
}

static int compare_leads(const void *a, const void *b)
{
	const struct lead *one = a, *two = b;
	int order = strcmp(one->name, two->name);

	return order ? order : (one->profile > two->profile) - (one->profile < two->profile);
}

/* Of two ways that a name leads the first profile is kept; what is left out is noted. */
static void leads_sort(struct leads *leads, struct policy *policy)
{
	size_t kept = 0;

	if (leads->count)
		qsort(leads->list, leads->count, sizeof(*leads->list), compare_leads);
	for (size_t i = 0; i < leads->count; i++) {
		struct lead *lead = &leads->list[i];
		const struct lead *last = kept ? &leads->list[kept - 1] : NULL;

		if (!last || strcmp(last->name, lead->name) != 0) {
			leads->list[kept++] = *lead;
			continue;
		}
		if (policy && last->profile != lead->profile)
			policy_note(policy,
				    "%s was executed as two programs: it leads to the profile of "
				    "one of them only",
				    lead->name);
		free(lead->name);
	}
	leads->count = kept;
}

static const struct lead *leads_find(const struct leads *leads, const char *name)
{
	const struct lead key = { (char *)name, 0 };
	size_t low = 0, high = leads->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(leads->list[middle].name, key.name);

		if (order == 0)
			return &leads->list[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void leads_free(struct leads *leads)
{
	for (size_t i = 0; i < leads->count; i++)
		free(leads->list[i].name);
	free(leads->list);
}

/* ---- from the evidence ---- */

/* The images that the runs began with. */
static void add_first(struct confinement *confinement, const struct evidence_fact *const *execs,
		      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *image = image_of(&execs[i]->fact);

		if (!*execs[i]->fact.field[EXEC_BY])
			leads_add(&confinement->images, image, 0);
	}
	leads_sort(&confinement->images, NULL);
}

/* The others, in the order of their names: the same evidence gives the same profiles. */
static void add_others(struct confinement *confinement, struct policy *policy,
		       const struct evidence_fact *const *execs, size_t count)
{
	struct reasons images = { NULL, 0 };

	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *image = image_of(&execs[i]->fact);

		if (is_memfd(image) || leads_find(&confinement->images, image))
			continue;
		reasons_add(&images, STEAL(image));
	}
	reasons_sort(&images);
	for (size_t i = 0; policy->options.exec != EXEC_PROFILE && i < images.count; i++)
		leads_add(&confinement->images, images.line[i], add_image(policy, images.line[i]));
	for (size_t i = 0; policy->options.exec == EXEC_PROFILE && i < count; i++) {
		AUTO_FREE char *image = image_of(&execs[i]->fact);

		if (reasons_have(&images, image))
			leads_add(&confinement->images, image,
				  add_elsewhere(policy, execs[i]->fact.field[EXEC_PATH], image));
	}
	reasons_free(&images);
	leads_sort(&confinement->images, NULL);
}

/* What is executed from memory stays in the profile of who does it: `/ ix` is all that can be said.
 */
static void add_memfds(struct confinement *confinement, const struct evidence_fact *const *execs,
		       size_t count)
{
	for (int depth = 0; depth < MEMFD_DEPTH; depth++) {
		for (size_t i = 0; i < count; i++) {
			const char *const *field = execs[i]->fact.field;
			const struct lead *by = leads_find(&confinement->images, field[EXEC_BY]);

			if (is_memfd(field[EXEC_PATH]) && by &&
			    !leads_find(&confinement->images, field[EXEC_PATH]))
				leads_add(&confinement->images, field[EXEC_PATH], by->profile);
		}
		leads_sort(&confinement->images, NULL);
	}
}

static void add_files(struct confinement *confinement, struct policy *policy,
		      const struct evidence_fact *const *execs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *path = execs[i]->fact.field[EXEC_PATH];
		AUTO_FREE char *image = image_of(&execs[i]->fact);
		const struct lead *lead = leads_find(&confinement->images, image);

		if (path[0] != '/' || is_memfd(path) || !lead)
			continue;
		bool other = lead->profile && policy->options.exec == EXEC_PROFILE;
		leads_add(&confinement->files, path,
			  other ? add_elsewhere(policy, path, image) : lead->profile);
	}
	leads_sort(&confinement->files, policy);
}

struct confinement *confinement_new(const struct evidence *evidence, struct policy *policy)
{
	struct confinement *confinement = xcalloc(1, sizeof(*confinement));
	size_t count;
	AUTO_FREE const struct evidence_fact **execs = evidence_facts(evidence, FACT_EXEC, &count);

	add_profile(policy, "", xstrdup(policy->options.name), xstrdup(""));
	if (policy->options.exec == EXEC_INHERIT)
		return confinement;
	add_first(confinement, execs, count);
	add_others(confinement, policy, execs, count);
	add_memfds(confinement, execs, count);
	add_files(confinement, policy, execs, count);
	return confinement;
}

void confinement_free(struct confinement *confinement)
{
	leads_free(&confinement->files);
	leads_free(&confinement->images);
	free(confinement);
}

size_t confinement_of(const struct confinement *confinement, const char *image)
{
	const struct lead *lead = leads_find(&confinement->images, image);

	return lead ? lead->profile : 0;
}

size_t confinement_entered(const struct confinement *confinement, const char *path, size_t from)
{
	const struct lead *lead = leads_find(&confinement->files, path);

	return lead ? lead->profile : from;
}
