#include <observe/capable.h>
#include <observe/place.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <whittle/escape.h>
#include <whittle/file.h>

#define SECOND INT64_C(1000000000)

int place_look(int dirfd, const char *name, int flags, struct statx *ret_stat)
{
	return statx(dirfd, name, flags | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		     STATX_BASIC_STATS | STATX_MNT_ID, ret_stat);
}

int place_take(int fd, struct place *place)
{
	struct statx stat;

	if (fd < 0)
		return -1;
	if (place_look(fd, "", AT_EMPTY_PATH, &stat) < 0) {
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

/* The mount tells a directory from a bind mount of it: `..` stops at the root only. */
bool place_same(const struct place *a, const struct place *b)
{
	return a->stat.stx_ino == b->stat.stx_ino && a->stat.stx_mnt_id == b->stat.stx_mnt_id &&
	       a->stat.stx_dev_major == b->stat.stx_dev_major &&
	       a->stat.stx_dev_minor == b->stat.stx_dev_minor;
}

struct path_node place_node(const struct place *place)
{
	const struct statx *stat = &place->stat;

	return (struct path_node){
		.uid = stat->stx_uid,
		.gid = stat->stx_gid,
		.mode = stat->stx_mode,
		.device = makedev(stat->stx_dev_major, stat->stx_dev_minor),
		.inode = stat->stx_ino,
		.changed = stat->stx_ctime.tv_sec * SECOND + stat->stx_ctime.tv_nsec,
	};
}

/* Following the kernel's own link is right here: it leads to the object itself, not to a name. */
int place_of_link(pid_t tid, const char *link, struct place *place)
{
	char name[64];

	snprintf(name, sizeof name, "/proc/%d/%s", tid, link);
	return place_take(open(name, O_PATH | O_CLOEXEC), place);
}

int place_of_fd(pid_t tid, int fd, struct place *place)
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

bool place_in_proc(const struct place *place)
{
	struct statfs fs;

	return fstatfs(place->fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Digits at text, at most length bytes of it. */
size_t count_digits(const char *text, size_t length)
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
		size_t count = count_digits(id, 16);

		if (count == length && memcmp(id, number, length) == 0)
			return true;
		id += count + (id[count] == '\t');
	}
	return false;
}

void path_to_text(pid_t tgid, const char *bytes, size_t length, struct buf *out)
{
	static const char proc[] = "/proc/", task[] = "/task/", pts[] = "/dev/pts/";
	size_t at = sizeof proc - 1, count;

	/* The kernel numbers terminals as it numbers processes (NR_UNIX98_PTY_MAX: 7 digits). */
	if (length > sizeof pts - 1 && memcmp(bytes, pts, sizeof pts - 1) == 0 &&
	    count_digits(bytes + sizeof pts - 1, length - (sizeof pts - 1)) ==
		    length - (sizeof pts - 1)) {
		buf_addf(out, "%s\\{digits:7}", pts);
		return;
	}
	if (length <= at || memcmp(bytes, proc, at) != 0 ||
	    !(count = count_digits(bytes + at, length - at)) ||
	    (at + count < length && bytes[at + count] != '/')) {
		escape_text(out, bytes, length);
		return;
	}
	buf_adds(out, proc);
	buf_adds(out, is_own_pid(tgid, bytes + at, count) ? "\\{pid}" : "\\{pids}");
	at += count;
	if (length - at > sizeof task - 1 && memcmp(bytes + at, task, sizeof task - 1) == 0) {
		count = count_digits(bytes + at + sizeof task - 1, length - at - (sizeof task - 1));
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
void place_strip_deleted(pid_t tid, const struct place *place, struct buf *raw)
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
int place_name(int fd, struct buf *ret_raw)
{
	char link[32], target[PATH_MAX];

	snprintf(link, sizeof link, "/proc/%d/fd/%d", getpid(), fd);
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
pid_t process_of_name(const struct buf *raw)
{
	static const char proc[] = "/proc/";
	size_t count;

	if (raw->length < sizeof proc || memcmp(raw->data, proc, sizeof proc - 1) != 0)
		return 0;
	count = count_digits(raw->data + sizeof proc - 1, raw->length - (sizeof proc - 1));
	return count && count < 10 ? (pid_t)strtol(raw->data + sizeof proc - 1, NULL, 10) : 0;
}

/* The name of the object at place; it stays NULL if it has none. */
static int name_object(pid_t tid, pid_t tgid, const struct place *place, struct path *path)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	AUTO_BUF struct buf text = BUF_INIT;
	size_t keep;

	if (place_name(place->fd, &raw) < 0)
		return -1;
	if (is_nameless(place, raw.data))
		return 0;
	place_strip_deleted(tid, place, &raw);
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

int place_fill(pid_t tid, pid_t tgid, const struct place *place, struct path *path)
{
	path->object = place_node(place);
	path->device = makedev(place->stat.stx_dev_major, place->stat.stx_dev_minor);
	path->inode = place->stat.stx_ino;
	path->special = makedev(place->stat.stx_rdev_major, place->stat.stx_rdev_minor);
	path->error = 0;
	return name_object(tid, tgid, place, path);
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
		result = place_fill(tid, tgid, &place, ret_path);
	if (result < 0)
		ret_path->error = errno;
	auto_close(&place.fd);
	ret_path->origin = (struct path_origin){ .dirfd = fd, .known = true };
	return result;
}

void path_release(struct path *path)
{
	free(path->origin.string);
	free(path->name);
	free(path->searched);
	*path = (struct path)PATH_INIT;
}
