#include <whittle/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <whittle/buf.h>

static int read_all(int fd, const char *name, size_t max, struct buf *out, struct error *err)
{
	char chunk[65536];

	for (;;) {
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(err, ERROR_SYSTEM, errno, "cannot read %s", name);
		if (got == 0)
			return 0;
		if ((size_t)got > max - out->length)
			return fail(err, ERROR_INPUT, 0, "%s is larger than %zu bytes", name, max);
		buf_add(out, chunk, (size_t)got);
	}
}

int file_read(int dirfd, const char *name, size_t max, char **ret_data, size_t *ret_length,
	      struct error *err)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	AUTO_BUF struct buf out = BUF_INIT;

	if (fd < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot open %s", name);
	if (read_all(fd, name, max, &out, err) < 0)
		return -1;
	*ret_length = out.length;
	*ret_data = buf_steal(&out);
	return 0;
}

char *file_read_line(const char *path)
{
	struct error err;
	char *text;
	size_t length;

	if (file_read(AT_FDCWD, path, 65536, &text, &length, &err) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static int write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t put = write(fd, data, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		data += put;
		length -= (size_t)put;
	}
	return 0;
}

/*
 * A device or a pipe is written to, not replaced: rename(2) by root would put a file in the place
 * of /dev/null. A symbolic link is refused: to follow it would write where its owner, who may not
 * be the user, wants; to replace it would destroy the likes of /dev/stdout.
 */
static int check_target(int dirfd, const char *name, bool *ret_special, struct error *err)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return fail(err, ERROR_SYSTEM, errno, "cannot write %s", name);
		st.st_mode = S_IFREG;
	}
	*ret_special = S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode);
	if (S_ISREG(st.st_mode) || *ret_special)
		return 0;
	if (S_ISDIR(st.st_mode))
		return fail(err, ERROR_SYSTEM, EISDIR, "cannot write %s", name);
	fail(err, ERROR_REFUSED, 0, "cannot write %s: it is %s", name,
	     S_ISLNK(st.st_mode) ? "a symbolic link" : "no regular file");
	return fail_hint(err, "name the file itself, or - for standard output");
}

static int write_special(int dirfd, const char *name, const void *data, size_t length,
			 struct error *err)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || write_all(fd, data, length) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot write %s", name);
	return 0;
}

/* A file that holds the bytes already is left alone: nothing that watches it is woken. */
static bool is_unchanged(int dirfd, const char *name, const void *data, size_t length)
{
	AUTO_FREE char *old = NULL;
	size_t old_length;
	struct error err;

	return file_read(dirfd, name, length, &old, &old_length, &err) == 0 &&
	       old_length == length && memcmp(old, data, length) == 0;
}

int file_replace(int dirfd, const char *name, const void *data, size_t length, struct error *err)
{
	uint64_t random = 0;
	bool special = false;

	if (check_target(dirfd, name, &special, err) < 0)
		return -1;
	if (special)
		return write_special(dirfd, name, data, length, err);
	if (is_unchanged(dirfd, name, data, length))
		return 0;
	if (getrandom(&random, sizeof(random), 0) < 0)
		random = (uint64_t)getpid();
	AUTO_FREE char *temporary = xasprintf("%s.%016llx.tmp", name, (unsigned long long)random);
	AUTO_CLOSE int fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot write %s", name);
	if (write_all(fd, data, length) < 0 || fsync(fd) < 0 ||
	    renameat(dirfd, temporary, dirfd, name) < 0) {
		int number = errno;

		unlinkat(dirfd, temporary, 0);
		return fail(err, ERROR_SYSTEM, number, "cannot write %s", name);
	}
	return 0;
}

int file_open_dir(const char *path, int *ret_fd, struct error *err)
{
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return fail(err, ERROR_SYSTEM, errno, "cannot create directory %s", path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot open directory %s", path);
	*ret_fd = fd;
	return 0;
}

int file_lock(int fd, const char *name, struct error *err)
{
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return fail(err, ERROR_SYSTEM, errno, "cannot lock %s", name);
	return 0;
}
