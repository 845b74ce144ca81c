/* Walks along names: path_walk(). */
#include <observe/capable.h>
#include <observe/place.h>

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <whittle/escape.h>
#include <whittle/file.h>

#define LINKS_MAX     40 /* MAXSYMLINKS, include/linux/namei.h */
#define PROC_ROOT_INO 1  /* fs/proc/root.c: the root of every proc mount */

struct walk {
	pid_t tid, tgid;
	unsigned int flags;
	struct place root; /* the tracee's; fd is -1 until it is needed */
	struct place here;
	struct buf rest; /* what is left to walk, from offset on */
	size_t offset;
	unsigned int links;
	bool done;                          /* a missing last component ended the walk */
	bool by_steps;                      /* the quick walk could not tell */
	const struct path_visitor *visitor; /* or NULL */
	struct path *path;
};

/* The next component of the rest. */
struct component {
	char name[PATH_MAX];
	bool last;  /* nothing but slashes behind it */
	bool slash; /* and at least one of these */
};

/* Two directories with the same ids and mode may have different ACLs. */
static bool same_node(const struct path_node *a, const struct path_node *b)
{
	return a->inode == b->inode && a->device == b->device && a->uid == b->uid &&
	       a->gid == b->gid && a->mode == b->mode;
}

/* Room for 8, 16, ... */
static void add_search(struct path *path, struct path_node node)
{
	size_t count = path->searched_count;

	if (count && same_node(&path->searched[count - 1], &node))
		return;
	if (!count || (count >= 8 && !(count & (count - 1))))
		path->searched =
			xrealloc(path->searched, count ? count * 2 : 8, sizeof(*path->searched));
	path->searched[path->searched_count++] = node;
}

/* Shows what stands here; in a walk by steps that is held open. */
static void show(const struct walk *walk, enum path_part part)
{
	struct path_node node = place_node(&walk->here);

	if (walk->visitor)
		walk->visitor->visit(walk->visitor->context, part, &node, walk->here.fd);
}

/* Every lookup in a directory asks for x on it (may_lookup() in fs/namei.c), also of "..". */
static void note_search(struct walk *walk)
{
	add_search(walk->path, place_node(&walk->here));
	show(walk, PATH_SEARCHED);
}

static int go_root(struct walk *walk)
{
	return place_of_link(walk->tid, "root", &walk->here);
}

static int go_up(struct walk *walk)
{
	if (walk->root.fd < 0 && place_of_link(walk->tid, "root", &walk->root) < 0)
		return -1;
	if (place_same(&walk->root, &walk->here))
		return 0;
	return place_take(openat(walk->here.fd, "..", O_PATH | O_CLOEXEC), &walk->here);
}

/* Puts target in front of what is left to walk; it is not gone to yet. */
static int put_text(struct walk *walk, const char *target, size_t length,
		    const struct component *part)
{
	struct buf rest = BUF_INIT;

	if (!length) {
		errno = ENOENT;
		return -1;
	}
	buf_add(&rest, target, length);
	if (!part->last || part->slash)
		buf_addc(&rest, '/');
	if (!part->last)
		buf_adds(&rest, walk->rest.data + walk->offset);
	buf_free(&walk->rest);
	walk->rest = rest;
	walk->offset = 0;
	return 0;
}

static int go_text(struct walk *walk, const char *target, size_t length,
		   const struct component *part)
{
	if (put_text(walk, target, length, part) < 0)
		return -1;
	return target[0] == '/' ? go_root(walk) : 0;
}

/*
 * Which of its ids (one a pid namespace, outermost first) has the tracee in the proc mount at
 * dirfd? The one under which the mount shows the same ids from there on.
 */
static int ids_in_mount(pid_t tid, int dirfd, const char *field, char *ret_id, size_t size)
{
	char name[32];
	AUTO_FREE char *own = NULL;
	size_t length;
	struct error err;

	snprintf(name, sizeof name, "/proc/%d/status", tid);
	if (file_read(AT_FDCWD, name, STATUS_MAX, &own, &length, &err) < 0) {
		errno = err.number;
		return -1;
	}
	const char *ids = proc_field(own, field);
	for (size_t count; ids && (count = count_digits(ids, 16));
	     ids += count + (ids[count] == '\t')) {
		AUTO_FREE char *there = NULL;

		snprintf(name, sizeof name, "%.*s/status", (int)count, ids);
		if (file_read(dirfd, name, STATUS_MAX, &there, &length, &err) < 0)
			continue;
		const char *same = proc_field(there, field);
		size_t line = strcspn(ids, "\n") + 1;
		if (same && strncmp(same, ids, line) == 0) {
			snprintf(ret_id, size, "%.*s", (int)count, ids);
			return 0;
		}
	}
	errno = ENOENT; /* as proc_self_get_link(): the mount does not see the process */
	return -1;
}

/* /proc/self and /proc/thread-self are whittle's own when whittle reads them. */
static int go_self(struct walk *walk, const struct component *part)
{
	char tgid[16], tid[16], target[48];

	if (ids_in_mount(walk->tid, walk->here.fd, "NStgid", tgid, sizeof tgid) < 0)
		return -1;
	if (strcmp(part->name, "self") == 0)
		return go_text(walk, tgid, strlen(tgid), part);
	if (ids_in_mount(walk->tid, walk->here.fd, "NSpid", tid, sizeof tid) < 0)
		return -1;
	snprintf(target, sizeof target, "%s/task/%s", tgid, tid);
	return go_text(walk, target, strlen(target), part);
}

/*
 * Magic links (/proc/PID/{exe,cwd,root}, fd/N, ns/..., map_files/...) lead to an object, whatever
 * their text says. openat2(2) tells them: it refuses them, and them only, with ELOOP.
 */
static int go_proc_link(struct walk *walk, const struct component *part, bool *ret_magic)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	int dirfd = walk->here.fd;
	AUTO_CLOSE int fd = (int)syscall(SYS_openat2, dirfd, part->name, &how, sizeof how);

	*ret_magic = fd < 0 && errno == ELOOP;
	if (fd >= 0 || errno == ENOENT)
		return 0;
	if (!*ret_magic)
		return -1;
	AUTO_BUF struct buf raw = BUF_INIT;
	if (place_name(dirfd, &raw) < 0)
		return -1;
	walk->path->linked = process_of_name(&raw);
	return place_take(openat(dirfd, part->name, O_PATH | O_CLOEXEC), &walk->here);
}

static int follow_link(struct walk *walk, const struct place *link, const struct component *part)
{
	char target[PATH_MAX];

	if (++walk->links > LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	walk->path->by_link = true;
	if (place_in_proc(link)) {
		bool magic = false;

		if (walk->here.stat.stx_ino == PROC_ROOT_INO &&
		    (!strcmp(part->name, "self") || !strcmp(part->name, "thread-self")))
			return go_self(walk, part);
		if (go_proc_link(walk, part, &magic) < 0)
			return -1;
		if (magic)
			return 0;
	}
	ssize_t length = readlinkat(link->fd, "", target, sizeof target);
	if (length < 0)
		return -1;
	return go_text(walk, target, (size_t)length, part);
}

/* The last component is missing in the directory fd, which is here: its name is where it would be.
 */
static int end_missing(struct walk *walk, int fd, const struct component *part)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	AUTO_BUF struct buf text = BUF_INIT;

	if (place_name(fd, &raw) < 0)
		return -1;
	place_strip_deleted(walk->tid, &walk->here, &raw);
	if (raw.data[raw.length - 1] != '/')
		buf_addc(&raw, '/');
	buf_adds(&raw, part->name);
	path_to_text(walk->tgid, raw.data, raw.length, &text);
	walk->path->name = buf_steal(&text);
	walk->path->error = ENOENT;
	walk->done = true;
	return 0;
}

static bool next_component(struct walk *walk, struct component *part)
{
	const char *rest = walk->rest.data + walk->offset;
	size_t skip = strspn(rest, "/");
	size_t length = strcspn(rest + skip, "/");

	if (!length)
		return false;
	if (length >= sizeof part->name)
		length = sizeof part->name - 1; /* too long for any file system all the same */
	memcpy(part->name, rest + skip, length);
	part->name[length] = '\0';
	const char *behind = rest + skip + length;
	size_t slashes = strspn(behind, "/");
	part->slash = slashes > 0;
	part->last = behind[slashes] == '\0';
	walk->offset += skip + length;
	return true;
}

static int enter_directory(struct walk *walk, const struct component *part)
{
	if (!S_ISDIR(walk->here.stat.stx_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	note_search(walk);
	if (!part->last)
		return 0;
	walk->path->parent = place_node(&walk->here);
	show(walk, PATH_PARENT);
	return 0;
}

static bool is_followed(const struct walk *walk, const struct component *part)
{
	return !part->last || part->slash || !(walk->flags & PATH_NOFOLLOW);
}

static int step(struct walk *walk, const struct component *part)
{
	if (enter_directory(walk, part) < 0)
		return -1;
	if (strcmp(part->name, ".") == 0)
		return 0;
	if (strcmp(part->name, "..") == 0)
		return go_up(walk);

	struct place next = { .fd = -1 };
	int fd = openat(walk->here.fd, part->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && part->last)
		return end_missing(walk, walk->here.fd, part);
	if (place_take(fd, &next) < 0)
		return -1;
	if (!S_ISLNK(next.stat.stx_mode) || !is_followed(walk, part)) {
		close(walk->here.fd);
		walk->here = next;
		return 0;
	}
	int result = follow_link(walk, &next, part);
	auto_close(&next.fd);
	return result;
}

static int finish(struct walk *walk, const struct component *part)
{
	if (walk->done)
		return 0;
	if (part->slash && !S_ISDIR(walk->here.stat.stx_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	show(walk, PATH_OBJECT);
	return place_fill(walk->tid, walk->tgid, &walk->here, walk->path);
}

static int walk_by_steps(struct walk *walk)
{
	struct component part = { .slash = false };

	while (!walk->done && next_component(walk, &part))
		if (step(walk, &part) < 0)
			return -1;
	return finish(walk, &part);
}

/*
 * ---- the quick walk ----
 *
 * Of the directories on the way only owner and mode are wanted: one statx(2) of ever longer names
 * tells them, without a descriptor for each. What has a meaning of its own for the tracee (links of
 * /proc), or cannot be told so, is left to the walk by steps.
 */

enum { BY_STEPS = 1, LEVELS_MAX = 64 };

/* What is resolved: no symlink, no "." or ".." is in the text. walk->here.stat is of it. */
struct trail {
	int fd;       /* where text begins; AT_FDCWD: "/" is the tracee's root too */
	bool rooted;  /* it begins at the tracee's root */
	size_t start; /* length of the text of that beginning */
	size_t length;
	bool open;                       /* walk->here is held open: the object */
	size_t level;                    /* components in text */
	struct statx levels[LEVELS_MAX]; /* of text up to each; 0 is where it begins */
	char text[PATH_MAX];
};

static void trail_cut(struct trail *trail, size_t length)
{
	trail->length = length;
	trail->text[length] = '\0';
}

static void trail_go(struct walk *walk, struct trail *trail, size_t level)
{
	trail->level = level;
	walk->here.stat = trail->levels[level];
}

/* Mostly the tracee's root is whittle's: then names need no descriptor to begin at. */
static int trail_root(struct walk *walk, struct trail *trail)
{
	struct place own = { .fd = -1 }, its = { .fd = -1 };
	char name[32];

	snprintf(name, sizeof name, "/proc/%d/root", walk->tid);
	if (place_look(AT_FDCWD, "/", 0, &own.stat) < 0)
		return -1;
	bool same = walk->flags & PATH_OWN_ROOT;
	if (same)
		its.stat = own.stat;
	else if (place_look(AT_FDCWD, name, 0, &its.stat) < 0)
		return -1;
	same = same || place_same(&own, &its);
	if (!same && walk->root.fd < 0 && place_of_link(walk->tid, "root", &walk->root) < 0)
		return -1;
	trail->fd = same ? AT_FDCWD : walk->root.fd;
	trail->rooted = true;
	trail->start = same;
	trail->text[0] = '/';
	trail->levels[0] = its.stat;
	return 0;
}

static int trail_begin(struct walk *walk, struct trail *trail, bool absolute)
{
	if (absolute && !trail->rooted && trail_root(walk, trail) < 0)
		return -1;
	if (!absolute)
		trail->levels[0] = walk->here.stat;
	trail_cut(trail, trail->start);
	trail_go(walk, trail, 0);
	return 0;
}

/* BY_STEPS if the text would be too long for a name. */
static int trail_add(struct trail *trail, const char *name)
{
	size_t length = strlen(name);
	bool slash = trail->length > trail->start;

	if (trail->length + slash + length >= sizeof trail->text)
		return BY_STEPS;
	if (slash)
		trail->text[trail->length++] = '/';
	memcpy(trail->text + trail->length, name, length + 1);
	trail->length += length;
	return 0;
}

static int trail_up(struct walk *walk, struct trail *trail)
{
	if (!trail->level)
		return trail->rooted ? 0 : BY_STEPS;
	const char *slash = memrchr(trail->text + trail->start, '/', trail->length - trail->start);
	trail_cut(trail, slash ? (size_t)(slash - trail->text) : trail->start);
	trail_go(walk, trail, trail->level - 1);
	return 0;
}

/* A descriptor of what the text names, if that has become no symlink meanwhile. */
static int trail_open(const struct trail *trail)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS };

	if (!trail->length) /* the tracee's root, where that is not whittle's */
		return fcntl(trail->fd, F_DUPFD_CLOEXEC, 0);
	return (int)syscall(SYS_openat2, trail->fd, trail->text, &how, sizeof how);
}

/* Where the symlink that the text names leads: -1 if that is for the walk by steps to say. */
static ssize_t trail_target(const struct trail *trail, const struct statx *link,
			    char target[PATH_MAX])
{
	struct place place = { .fd = -1 };

	if (link->stx_dev_major) /* no file system of the kernel's own, such as proc */
		return readlinkat(trail->fd, trail->text, target, PATH_MAX);
	place.fd = trail_open(trail);
	ssize_t length = -1;
	if (place.fd >= 0 && !place_in_proc(&place))
		length = readlinkat(place.fd, "", target, PATH_MAX);
	auto_close(&place.fd);
	return length;
}

/* Follows the symlink that the text names; the first keep bytes are its directory. */
static int trail_follow(struct walk *walk, struct trail *trail, size_t keep,
			const struct statx *link, const struct component *part)
{
	char target[PATH_MAX];

	if (++walk->links > LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	walk->path->by_link = true;
	ssize_t length = trail_target(trail, link, target);
	if (length < 0)
		return BY_STEPS;
	trail_cut(trail, keep);
	if (put_text(walk, target, (size_t)length, part) < 0)
		return -1;
	return target[0] == '/' ? trail_begin(walk, trail, true) : 0;
}

static int trail_missing(struct walk *walk, struct trail *trail, size_t keep,
			 const struct component *part)
{
	trail_cut(trail, keep);
	if (!trail->length)
		return end_missing(walk, trail->fd, part);
	AUTO_CLOSE int fd = trail_open(trail);
	return fd < 0 ? BY_STEPS : end_missing(walk, fd, part);
}

/* The last component is held open: the object, unless it is a symlink to follow. */
static int trail_last(struct walk *walk, struct trail *trail, size_t keep,
		      const struct component *part)
{
	struct place next = { .fd = -1 };
	int fd = trail_open(trail);

	if (fd < 0 && errno == ENOENT)
		return trail_missing(walk, trail, keep, part);
	if (place_take(fd, &next) < 0)
		return BY_STEPS;
	if (S_ISLNK(next.stat.stx_mode) && is_followed(walk, part)) {
		close(next.fd);
		return trail_follow(walk, trail, keep, &next.stat, part);
	}
	auto_close(&walk->here.fd);
	walk->here = next;
	trail->open = true;
	return 0;
}

static int trail_step(struct walk *walk, struct trail *trail, const struct component *part)
{
	size_t keep = trail->length;
	struct statx next;

	if (enter_directory(walk, part) < 0)
		return -1;
	if (strcmp(part->name, ".") == 0)
		return 0;
	if (strcmp(part->name, "..") == 0)
		return trail_up(walk, trail);
	if (trail_add(trail, part->name) == BY_STEPS)
		return BY_STEPS;
	if (part->last)
		return trail_last(walk, trail, keep, part);
	if (place_look(trail->fd, trail->text, AT_SYMLINK_NOFOLLOW, &next) < 0)
		return -1;
	if (S_ISLNK(next.stx_mode))
		return trail_follow(walk, trail, keep, &next, part);
	if (trail->level + 1 == LEVELS_MAX)
		return BY_STEPS;
	trail->levels[trail->level + 1] = next;
	trail_go(walk, trail, trail->level + 1);
	return 0;
}

static int walk_quickly(struct walk *walk)
{
	struct component part = { .slash = false };
	struct trail trail;
	int result;

	trail.fd = walk->here.fd; /* its 20 KB are not cleared */
	trail.rooted = trail.open = false;
	trail.start = 0;
	result = trail_begin(walk, &trail, trail.fd < 0);

	while (result == 0 && !walk->done && next_component(walk, &part))
		result = trail_step(walk, &trail, &part);
	if (result != 0)
		return result;
	trail.open |= walk->done || (!trail.length && trail.fd == walk->here.fd);
	if (!trail.open && place_take(trail_open(&trail), &walk->here) < 0)
		return BY_STEPS;
	return finish(walk, &part);
}

/* An absolute name has no beginning yet. */
static int walk_begin(struct walk *walk, int dirfd, const char *string, size_t length)
{
	if (length >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (!length && !(walk->flags & PATH_EMPTY)) {
		errno = ENOENT;
		return -1;
	}
	buf_add(&walk->rest, string, length);
	return string[0] == '/' && length ? 0 : place_of_fd(walk->tid, dirfd, &walk->here);
}

static int walk_all(struct walk *walk, int dirfd, const char *string, size_t length)
{
	int result = walk_begin(walk, dirfd, string, length);

	if (result == 0 && !walk->by_steps)
		return walk_quickly(walk);
	if (result == 0 && walk->here.fd < 0)
		result = go_root(walk);
	return result < 0 ? -1 : walk_by_steps(walk);
}

static int try_walk(struct walk *walk, int dirfd, const char *string, size_t length)
{
	int result;

	path_release(walk->path);
	walk->root.fd = walk->here.fd = -1;
	result = walk_all(walk, dirfd, string, length);
	if (result < 0)
		walk->path->error = errno;
	auto_close(&walk->root.fd);
	auto_close(&walk->here.fd);
	buf_free(&walk->rest);
	return result;
}

static int walk_twice(const struct walk *begin, int dirfd, const char *string, size_t length)
{
	struct walk quick = *begin, steps = *begin;
	int result = try_walk(&quick, dirfd, string, length);

	if (result != BY_STEPS)
		return result;
	steps.by_steps = true;
	return try_walk(&steps, dirfd, string, length);
}

int path_walk(pid_t tid, pid_t tgid, int dirfd, const char *string, size_t length,
	      unsigned int flags, struct path *ret_path)
{
	struct walk walk = { .tid = tid, .tgid = tgid, .flags = flags, .path = ret_path };
	int result = walk_twice(&walk, dirfd, string, length);

	ret_path->origin =
		(struct path_origin){ dirfd, flags, xstrndup(string, length), length, true };
	return result;
}

void path_visit(pid_t tid, pid_t tgid, const struct path *path, const struct path_visitor *visitor)
{
	const struct path_origin *origin = &path->origin;
	AUTO_PATH struct path again = PATH_INIT;
	struct walk walk = { .tid = tid,
			     .tgid = tgid,
			     .flags = origin->flags,
			     .by_steps = true,
			     .visitor = visitor,
			     .path = &again };

	if (!origin->known)
		return;
	if (origin->string) {
		try_walk(&walk, origin->dirfd, origin->string, origin->length);
		return;
	}
	walk.here.fd = -1;
	if (place_of_fd(tid, origin->dirfd, &walk.here) == 0)
		show(&walk, PATH_OBJECT);
	auto_close(&walk.here.fd);
}
