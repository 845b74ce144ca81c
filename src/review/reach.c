/* Which names of a file system do the patterns of a profile match? */
#include <review/glob.h>
#include <whittle/reach.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>
#include <whittle/escape.h>

enum { DEPTH_MAX = 256 }; /* of directories: a bound for the stack and for open descriptors */

struct name {
	UT_hash_handle hh;
	char text[];
};

struct walk {
	const struct glob *glob;
	struct reach *reach;
	struct name **names; /* all that are granted, each once */
	size_t matches;
	unsigned int depth;
	struct buf path;
};

static void add_name(struct name **names, const char *text, size_t length)
{
	struct name *name;

	HASH_FIND(hh, *names, text, length, name);
	if (name)
		return;
	name = xcalloc(1, sizeof(*name) + length + 1);
	memcpy(name->text, text, length);
	HASH_ADD_KEYPTR(hh, *names, name->text, length, name);
}

static void free_names(struct name **names)
{
	struct name *name, *next;

	HASH_ITER (hh, *names, name, next) {
		HASH_DEL(*names, name);
		free(name);
	}
}

static void walk_directory(struct walk *walk, int fd, const struct glob_state *state);

static void take_name(struct walk *walk, const struct glob_state *state)
{
	AUTO_BUF struct buf text = BUF_INIT;

	if (!glob_accepts(walk->glob, state))
		return;
	walk->matches++;
	/* As evidence writes it, so that it is the same as a rule without a pattern. */
	escape_text(&text, walk->path.data, walk->path.length);
	add_name(walk->names, text.data, text.length);
}

static void enter_directory(struct walk *walk, int parent, const char *name,
			    const struct glob_state *state)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && walk->depth < DEPTH_MAX)
		walk_directory(walk, fd, state);
	else if (fd >= 0)
		close(fd);
	/* What ends while it is looked at (a process) is not there. */
	if ((fd < 0 && errno != ENOENT && errno != ESRCH) || (fd >= 0 && walk->depth >= DEPTH_MAX))
		walk->reach->unread++;
}

static bool is_directory(int parent, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(parent, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* A directory's own name ends with a slash; what it holds is looked at only if that can match. */
static void take_entry(struct walk *walk, int parent, const struct dirent *entry,
		       const struct glob_state *state)
{
	bool directory = is_directory(parent, entry);
	size_t before = walk->path.length;

	buf_adds(&walk->path, entry->d_name);
	if (directory)
		buf_addc(&walk->path, '/');
	AUTO_FREE struct glob_state *next =
		glob_step(walk->glob, state, walk->path.data + before, walk->path.length - before);
	if (next) {
		take_name(walk, next);
		if (directory)
			enter_directory(walk, parent, entry->d_name, next);
	}
	buf_truncate(&walk->path, before);
}

/* Closes fd. */
static void walk_directory(struct walk *walk, int fd, const struct glob_state *state)
{
	const struct dirent *entry;
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		walk->reach->unread++;
		return;
	}
	walk->depth++;
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			take_entry(walk, dirfd(dir), entry, state);
	walk->depth--;
	closedir(dir);
}

static int walk_root(struct walk *walk, const char *root, struct error *err)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot read the directory %s", root);
	AUTO_FREE struct glob_state *start = glob_start(walk->glob);
	AUTO_FREE struct glob_state *state = glob_step(walk->glob, start, "/", 1);
	buf_addc(&walk->path, '/');
	if (state) {
		take_name(walk, state);
		walk_directory(walk, fd, state);
	} else {
		close(fd);
	}
	return 0;
}

static void add_rule(struct reach *reach, const struct apparmor_rule *rule, const char *pattern,
		     size_t matches)
{
	reach->rules = xrealloc(reach->rules, reach->count + 1, sizeof(*reach->rules));
	reach->rules[reach->count++] = (struct reach_rule){ .rule = rule,
							    .pattern = xstrdup(pattern),
							    .matches = matches };
}

/* Counts what the rule matches. What matches nothing stands for itself, as a plain name does. */
static int measure_rule(const struct apparmor_rule *rule, const char *root, struct reach *reach,
			struct name **names, struct error *err)
{
	struct walk walk = { .reach = reach, .names = names, .path = BUF_INIT };
	AUTO_BUF struct buf pattern = BUF_INIT;
	struct glob *glob;
	int rc = 0;

	escape_apparmor(&pattern, rule->name);
	if (glob_compile(buf_text(&pattern), &glob, err) < 0)
		return -1;
	walk.glob = glob;
	if (!glob_is_literal(glob)) {
		rc = walk_root(&walk, root, err);
		add_rule(reach, rule, buf_text(&pattern), walk.matches);
	}
	if (!walk.matches)
		add_name(names, rule->name, strlen(rule->name));
	glob_free(glob);
	buf_free(&walk.path);
	return rc;
}

int reach_measure(const struct policy *policy, const char *root, struct reach *ret_reach,
		  struct error *err)
{
	struct reach reach = { .rules = NULL };
	struct name *used = NULL, *granted = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < policy->apparmor_count; i++) {
		const struct apparmor_rule *rule = &policy->apparmor[i];

		if (rule->class != APPARMOR_FILE && rule->class != APPARMOR_LINK)
			continue;
		add_name(&used, rule->name, strlen(rule->name));
		rc = measure_rule(rule, root, &reach, &granted, err);
	}
	reach.used = HASH_COUNT(used);
	reach.granted = HASH_COUNT(granted);
	free_names(&used);
	free_names(&granted);
	if (rc < 0) {
		reach_free(&reach);
		return -1;
	}
	*ret_reach = reach;
	return 0;
}

void reach_free(struct reach *reach)
{
	for (size_t i = 0; i < reach->count; i++)
		free(reach->rules[i].pattern);
	free(reach->rules);
	*reach = (struct reach){ .rules = NULL };
}
