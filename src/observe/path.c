#include <observe/capable.h>
#include <observe/path.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <whittle/escape.h>
#include <whittle/file.h>

#define LINKS_MAX     40 /* MAXSYMLINKS, include/linux/namei.h */
#define PROC_ROOT_INO 1  /* fs/proc/root.c: the root of every proc mount */

/* An object held open by O_PATH, and what statx(2) said of it. */
struct place {
	int fd;
	struct statx stat;
};

struct walk {
	pid_t tid, tgid;
	unsigned int flags;
	struct place root; /* the tracee's; fd is -1 until it is needed */
	struct place here;
	struct buf rest; /* what is left to walk, from offset on */
	size_t offset;
	unsigned int links;
	bool done; /* a missing last component ended the walk */
	struct path *path;
};

/* The next component of the rest. */
struct component {
	char name[PATH_MAX];
	bool last;  /* nothing but slashes behind it */
	bool slash; /* and at least one of these */
};

static int place_take(int fd, struct place *place)
{
	struct statx stat;

	if (fd < 0)
		return -1;
	/* The mount tells a directory from a bind mount of it: `..` stops at the root only. */
	if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_BASIC_STATS | STATX_MNT_ID, &stat) < 0) {
		int number = errno;

		close(fd);
		errno = number;
		return -1;
	}
	if (place->fd >= 0)
		close(place->fd);
	place->fd = fd;
	place->stat = stat;
	return 0;
}

static bool place_same(const struct place *a, const struct place *b)
{
	return a->stat.stx_ino == b->stat.stx_ino && a->stat.stx_mnt_id == b->stat.stx_mnt_id &&
	       a->stat.stx_dev_major == b->stat.stx_dev_major &&
	       a->stat.stx_dev_minor == b->stat.stx_dev_minor;
}

static struct path_node place_node(const struct place *place)
{
	return (struct path_node){ place->stat.stx_uid, place->stat.stx_gid, place->stat.stx_mode };
}

/* Following the kernel's own link is right here: it leads to the object itself, not to a name. */
static int place_of_link(pid_t tid, const char *link, struct place *place)
{
	char name[64];

	snprintf(name, sizeof name, "/proc/%d/%s", tid, link);
	return place_take(open(name, O_PATH | O_CLOEXEC), place);
}

static int place_of_fd(pid_t tid, int fd, struct place *place)
{
	char link[32];

	if (fd == AT_FDCWD)
		return place_of_link(tid, "cwd", place);
	snprintf(link, sizeof link, "fd/%d", fd);
	if (place_of_link(tid, link, place) == 0)
		return 0;
	if (errno == ENOENT)
		errno = EBADF;
	return -1;
}

static bool place_in_proc(const struct place *place)
{
	struct statfs fs;

	return fstatfs(place->fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Digits at text, at most length bytes of it. */
static size_t digits(const char *text, size_t length)
{
	size_t count = 0;

	while (count < length && text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

/* Is this the tracee's own number? In its proc mount it is that of the mount's pid namespace. */
static bool is_own_pid(pid_t tgid, const char *number, size_t length)
{
	char name[32], own[16];
	AUTO_FREE char *status = NULL;
	size_t size;
	struct error err;

	snprintf(own, sizeof own, "%d", tgid);
	if (strlen(own) == length && memcmp(own, number, length) == 0)
		return true;
	snprintf(name, sizeof name, "/proc/%d/status", tgid);
	if (file_read(AT_FDCWD, name, STATUS_MAX, &status, &size, &err) < 0)
		return false;
	for (const char *id = proc_field(status, "NStgid"); id && *id >= '0' && *id <= '9';) {
		size_t count = digits(id, 16);

		if (count == length && memcmp(id, number, length) == 0)
			return true;
		id += count + (id[count] == '\t');
	}
	return false;
}

void path_to_text(pid_t tgid, const char *bytes, size_t length, struct buf *out)
{
	static const char proc[] = "/proc/", task[] = "/task/";
	size_t at = sizeof proc - 1, count;

	if (length <= at || memcmp(bytes, proc, at) != 0 ||
	    !(count = digits(bytes + at, length - at)) ||
	    (at + count < length && bytes[at + count] != '/')) {
		escape_text(out, bytes, length);
		return;
	}
	buf_adds(out, proc);
	buf_adds(out, is_own_pid(tgid, bytes + at, count) ? "\\{pid}" : "\\{pids}");
	at += count;
	if (length - at > sizeof task - 1 && memcmp(bytes + at, task, sizeof task - 1) == 0) {
		count = digits(bytes + at + sizeof task - 1, length - at - (sizeof task - 1));
		if (count && (at + sizeof task - 1 + count == length ||
			      bytes[at + sizeof task - 1 + count] == '/')) {
			buf_adds(out, task);
			buf_adds(out, "\\{tid}");
			at += sizeof task - 1 + count;
		}
	}
	escape_text(out, bytes + at, length - at);
}

/*
 * d_path() appends this to the name of an unlinked dentry; a file may also be called so. One with
 * links left is told from an unlinked name of a hard link by looking.
 */
static void strip_deleted(pid_t tid, const struct place *place, struct buf *raw)
{
	static const char mark[] = " (deleted)";
	size_t length = sizeof mark - 1;
	AUTO_BUF struct buf name = BUF_INIT;
	struct stat found;

	if (raw->length <= length || memcmp(raw->data + raw->length - length, mark, length) != 0)
		return;
	buf_addf(&name, "/proc/%d/root%s", tid, raw->data);
	if (place->stat.stx_nlink &&
	    fstatat(AT_FDCWD, name.data, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
	    found.st_ino == place->stat.stx_ino)
		return;
	buf_truncate(raw, raw->length - length);
}

/* Kernel-internal files whose d_dname() looks like a path: mm/shmem.c, ipc/shm.c, fs/aio.c. */
static bool is_nameless(const struct place *place, const char *raw)
{
	static const char *const prefixes[] = { "/memfd:", "/SYSV", "/dev/zero (deleted)", "/[aio]",
						"/anon_hugepage" };

	if (raw[0] != '/')
		return true;
	for (size_t i = 0; place->stat.stx_nlink == 0 && i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(raw, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* The kernel's own name (d_path) of what fd holds; appended. */
static int read_name(int fd, struct buf *ret_raw)
{
	char link[32], target[PATH_MAX];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, target, sizeof target);
	if (length < 0)
		return -1;
	if ((size_t)length == sizeof target) {
		errno = ENAMETOOLONG;
		return -1;
	}
	buf_add(ret_raw, target, (size_t)length);
	return 0;
}

/* An O_TMPFILE has the name DIR/#INODE (d_tmpfile()): the number differs from run to run. */
static bool is_tmpfile(const struct place *place, const struct buf *raw, size_t *ret_keep)
{
	char tail[32];
	int length = snprintf(tail, sizeof tail, "/#%llu", (unsigned long long)place->stat.stx_ino);

	if (raw->length < (size_t)length ||
	    strcmp(raw->data + raw->length - (size_t)length, tail) != 0)
		return false;
	*ret_keep = raw->length - (size_t)length + 2;
	return true;
}

/* The process of a name below /proc/, or 0. */
static pid_t process_of_name(const struct buf *raw)
{
	static const char proc[] = "/proc/";
	size_t count;

	if (raw->length < sizeof proc || memcmp(raw->data, proc, sizeof proc - 1) != 0)
		return 0;
	count = digits(raw->data + sizeof proc - 1, raw->length - (sizeof proc - 1));
	return count && count < 10 ? (pid_t)strtol(raw->data + sizeof proc - 1, NULL, 10) : 0;
}

/* The name of the object at place; it stays NULL if it has none. */
static int name_object(pid_t tid, pid_t tgid, const struct place *place, struct path *path)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	AUTO_BUF struct buf text = BUF_INIT;
	size_t keep;

	if (read_name(place->fd, &raw) < 0)
		return -1;
	if (is_nameless(place, raw.data))
		return 0;
	strip_deleted(tid, place, &raw);
	if (S_ISDIR(place->stat.stx_mode) && raw.data[raw.length - 1] != '/')
		buf_addc(&raw, '/');
	if (is_tmpfile(place, &raw, &keep)) {
		path_to_text(tgid, raw.data, keep, &text);
		buf_adds(&text, "\\{inode}");
	} else {
		path_to_text(tgid, raw.data, raw.length, &text);
	}
	path->name = buf_steal(&text);
	path->process = process_of_name(&raw);
	return 0;
}

static int fill_object(pid_t tid, pid_t tgid, const struct place *place, struct path *path)
{
	path->object = place_node(place);
	path->device = makedev(place->stat.stx_dev_major, place->stat.stx_dev_minor);
	path->inode = place->stat.stx_ino;
	path->special = makedev(place->stat.stx_rdev_major, place->stat.stx_rdev_minor);
	path->error = 0;
	return name_object(tid, tgid, place, path);
}

static void add_search(struct path *path, struct path_node node)
{
	if (path->searched_count) {
		const struct path_node *last = &path->searched[path->searched_count - 1];

		if (last->uid == node.uid && last->gid == node.gid && last->mode == node.mode)
			return;
	}
	path->searched = xrealloc(path->searched, path->searched_count + 1, sizeof node);
	path->searched[path->searched_count++] = node;
}

/* Every lookup in a directory asks for x on it (may_lookup() in fs/namei.c), also of "..". */
static void note_search(struct walk *walk)
{
	add_search(walk->path, place_node(&walk->here));
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

/* Puts target in front of what is left to walk. */
static int go_text(struct walk *walk, const char *target, size_t length,
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
	for (size_t count; ids && (count = digits(ids, 16)); ids += count + (ids[count] == '\t')) {
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
	if (read_name(dirfd, &raw) < 0)
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

/* The last component is missing: its name is where it would be. */
static int end_missing(struct walk *walk, const struct component *part)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	AUTO_BUF struct buf text = BUF_INIT;

	if (read_name(walk->here.fd, &raw) < 0)
		return -1;
	strip_deleted(walk->tid, &walk->here, &raw);
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

static int step(struct walk *walk, const struct component *part)
{
	if (!S_ISDIR(walk->here.stat.stx_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	note_search(walk);
	if (part->last)
		walk->path->parent = place_node(&walk->here);
	if (strcmp(part->name, ".") == 0)
		return 0;
	if (strcmp(part->name, "..") == 0)
		return go_up(walk);

	struct place next = { .fd = -1 };
	int fd = openat(walk->here.fd, part->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && part->last)
		return end_missing(walk, part);
	if (place_take(fd, &next) < 0)
		return -1;
	bool follow = !part->last || part->slash || !(walk->flags & PATH_NOFOLLOW);
	if (!S_ISLNK(next.stat.stx_mode) || !follow) {
		close(walk->here.fd);
		walk->here = next;
		return 0;
	}
	int result = follow_link(walk, &next, part);
	auto_close(&next.fd);
	return result;
}

static int walk_all(struct walk *walk)
{
	struct component part = { .slash = false };

	while (!walk->done && next_component(walk, &part))
		if (step(walk, &part) < 0)
			return -1;
	if (walk->done)
		return 0;
	if (part.slash && !S_ISDIR(walk->here.stat.stx_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	return fill_object(walk->tid, walk->tgid, &walk->here, walk->path);
}

/* The directories that lead from base to its directory name: all but the last, which step() notes.
 */
static int note_prefixes(struct walk *walk, const char *name)
{
	char prefix[PATH_MAX];
	struct place place = { .fd = -1 };

	note_search(walk);
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(prefix, sizeof prefix, "%.*s", (int)(slash - name), name);
		if (statx(walk->here.fd, prefix, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
			  STATX_BASIC_STATS, &place.stat) < 0)
			return -1;
		add_search(walk->path, place_node(&place));
	}
	return 0;
}

/* Does the name never leave the directory that it begins in? */
static bool stays_below(const char *name)
{
	int depth = 0;

	while (*name && depth >= 0) {
		size_t length = strcspn(name, "/");

		if (length == 2 && strncmp(name, "..", 2) == 0)
			depth--;
		else if (length != 1 || *name != '.')
			depth++;
		name += length + (name[length] == '/');
	}
	return depth >= 0;
}

/*
 * Goes to the directory of the last component at once where no symlink is on the way: most names
 * are such, and a walk by components costs three calls for each. If anything is in the way the walk
 * goes on from where it stands, as if this had not been tried.
 */
static void jump(struct walk *walk)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH };
	char *rest = walk->rest.data + walk->offset;
	char *name = rest + strspn(rest, "/");
	char *last = strrchr(name, '/');

	if (!last || !last[1] || last == name || strcmp(last, "/..") == 0 || strstr(name, "//"))
		return;
	*last = '\0';
	int fd = -1;
	if (stays_below(name))
		fd = (int)syscall(SYS_openat2, walk->here.fd, name, &how, sizeof how);
	if (fd >= 0 && note_prefixes(walk, name) == 0 && place_take(fd, &walk->here) == 0)
		walk->offset = (size_t)(last + 1 - walk->rest.data);
	else if (fd >= 0)
		close(fd);
	*last = '/';
}

static int walk_start(struct walk *walk, int dirfd, const char *string, size_t length)
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
	return string[0] == '/' && length ? go_root(walk)
					  : place_of_fd(walk->tid, dirfd, &walk->here);
}

int path_walk(pid_t tid, pid_t tgid, int dirfd, const char *string, size_t length,
	      unsigned int flags, struct path *ret_path)
{
	struct walk walk = { .tid = tid, .tgid = tgid, .flags = flags, .path = ret_path };
	int result;

	path_release(ret_path);
	walk.root.fd = walk.here.fd = -1;
	result = walk_start(&walk, dirfd, string, length);
	if (result == 0) {
		jump(&walk);
		result = walk_all(&walk);
	}
	if (result < 0)
		ret_path->error = errno;
	auto_close(&walk.root.fd);
	auto_close(&walk.here.fd);
	buf_free(&walk.rest);
	return result;
}

int path_stat(const char *name, struct stat *ret_stat)
{
	struct statx found;

	if (statx(AT_FDCWD, name, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &found) <
	    0)
		return -1;
	*ret_stat = (struct stat){
		.st_dev = makedev(found.stx_dev_major, found.stx_dev_minor),
		.st_ino = found.stx_ino,
		.st_mode = found.stx_mode,
		.st_nlink = found.stx_nlink,
		.st_uid = found.stx_uid,
		.st_gid = found.stx_gid,
		.st_ctim = { .tv_sec = found.stx_ctime.tv_sec, .tv_nsec = found.stx_ctime.tv_nsec },
	};
	return 0;
}

bool path_is_fd(pid_t tid, int fd, const struct path *path)
{
	char link[48];
	struct stat st;

	snprintf(link, sizeof link, "/proc/%d/fd/%d", tid, fd);
	return path->error == 0 && path->name && path_stat(link, &st) == 0 &&
	       st.st_ino == path->inode && st.st_dev == path->device;
}

int path_of_fd(pid_t tid, pid_t tgid, int fd, struct path *ret_path)
{
	struct place place = { .fd = -1 };
	int result;

	path_release(ret_path);
	result = place_of_fd(tid, fd, &place);
	if (result == 0)
		result = fill_object(tid, tgid, &place, ret_path);
	if (result < 0)
		ret_path->error = errno;
	auto_close(&place.fd);
	return result;
}

void path_release(struct path *path)
{
	free(path->name);
	free(path->searched);
	*path = (struct path)PATH_INIT;
}
