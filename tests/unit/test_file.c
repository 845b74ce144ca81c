#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <whittle/file.h>

struct place {
	char path[64];
	int fd;
};

static int enter(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));

	snprintf(place->path, sizeof(place->path), "/tmp/whittle-file.XXXXXX");
	if (!mkdtemp(place->path))
		return -1;
	place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = place;
	return place->fd < 0 ? -1 : 0;
}

static size_t entries(const struct place *place, bool remove)
{
	DIR *dir = opendir(place->path);
	size_t count = 0;

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		count++;
		if (remove && unlinkat(place->fd, entry->d_name, 0) < 0)
			unlinkat(place->fd, entry->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
	return count;
}

static int leave(void **state)
{
	struct place *place = *state;

	entries(place, true);
	close(place->fd);
	int result = rmdir(place->path);
	free(place);
	return result;
}

static void assert_content(const struct place *place, const char *name, const char *wanted)
{
	AUTO_FREE char *data = NULL;
	struct error err;
	size_t length;

	assert_int_equal(file_read(place->fd, name, 1000, &data, &length, &err), 0);
	assert_int_equal(length, strlen(wanted));
	assert_string_equal(data, wanted);
}

static void test_replace_and_read(void **state)
{
	const struct place *place = *state;
	struct error err;

	assert_int_equal(file_replace(place->fd, "a", "one", 3, &err), 0);
	assert_content(place, "a", "one");
	assert_int_equal(file_replace(place->fd, "a", "", 0, &err), 0);
	assert_content(place, "a", "");
	assert_int_equal(entries(place, false), 1);
}

/* The same bytes leave the file itself in place; other bytes put another one there. */
static void test_replace_unchanged(void **state)
{
	const struct place *place = *state;
	struct stat first, second, third;
	struct error err;

	assert_int_equal(file_replace(place->fd, "a", "one", 3, &err), 0);
	assert_int_equal(fstatat(place->fd, "a", &first, 0), 0);
	assert_int_equal(file_replace(place->fd, "a", "one", 3, &err), 0);
	assert_int_equal(fstatat(place->fd, "a", &second, 0), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	assert_int_equal(first.st_mtim.tv_nsec, second.st_mtim.tv_nsec);
	assert_int_equal(file_replace(place->fd, "a", "one more", 8, &err), 0);
	assert_int_equal(fstatat(place->fd, "a", &third, 0), 0);
	assert_int_not_equal(first.st_ino, third.st_ino);
}

static void test_read_ceiling(void **state)
{
	const struct place *place = *state;
	AUTO_FREE char *data = NULL;
	size_t length = 77;
	struct error err;

	assert_int_equal(file_replace(place->fd, "a", "12345", 5, &err), 0);
	assert_int_equal(file_read(place->fd, "a", 4, &data, &length, &err), -1);
	assert_int_equal(err.kind, ERROR_INPUT);
	assert_string_equal(err.text, "a is larger than 4 bytes");
	assert_null(data);
	assert_int_equal(length, 77);
	assert_int_equal(file_read(place->fd, "a", 5, &data, &length, &err), 0);
	assert_int_equal(length, 5);
}

static void test_read_bytes(void **state)
{
	const struct place *place = *state;
	AUTO_FREE char *large = xcalloc(200000, 1);
	AUTO_FREE char *data = NULL;
	size_t length;
	struct error err;

	memset(large + 1000, 'z', 150000);
	assert_int_equal(file_replace(place->fd, "a", large, 200000, &err), 0);
	assert_int_equal(file_read(place->fd, "a", 200000, &data, &length, &err), 0);
	assert_int_equal(length, 200000);
	assert_memory_equal(data, large, 200000);
	assert_int_equal(data[200000], '\0');
}

static void test_read_fails(void **state)
{
	const struct place *place = *state;
	char *data;
	size_t length;
	struct error err;

	assert_int_equal(file_read(place->fd, "none", 9, &data, &length, &err), -1);
	assert_true(err.kind == ERROR_SYSTEM && err.number == ENOENT);
	assert_int_equal(file_read(place->fd, ".", 9, &data, &length, &err), -1);
	assert_true(err.kind == ERROR_SYSTEM && err.number == EISDIR);
}

static void test_read_line(void **state)
{
	(void)state;
	AUTO_FREE char *type = file_read_line("/proc/sys/kernel/ostype");
	assert_string_equal(type, "Linux");
	assert_null(file_read_line("/proc/none"));
}

/* A child, since the limit stays: the file must be as it was and nothing may lie beside it. */
static void test_replace_keeps_old_on_failure(void **state)
{
	const struct place *place = *state;
	struct error err;
	int status;

	assert_int_equal(file_replace(place->fd, "a", "old", 3, &err), 0);
	pid_t child = fork();
	if (child == 0) {
		const struct rlimit limit = { 4096, 4096 };
		char *large = xcalloc(10000, 1);

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(file_replace(place->fd, "a", large, 10000, &err) == -1 &&
				      err.kind == ERROR_SYSTEM && err.number == EFBIG
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_content(place, "a", "old");
	assert_int_equal(entries(place, false), 1);
}

static void test_replace_missing_directory(void **state)
{
	const struct place *place = *state;
	struct error err;

	assert_int_equal(file_replace(place->fd, "none/a", "x", 1, &err), -1);
	assert_true(err.kind == ERROR_SYSTEM && err.number == ENOENT);
	assert_int_equal(file_replace(place->fd, ".", "x", 1, &err), -1);
	assert_true(err.kind == ERROR_SYSTEM && err.number == EISDIR);
}

/* As root, rename(2) would succeed and the machine would have lost its /dev/null. */
static void test_replace_writes_to_devices(void **state)
{
	const struct place *place = *state;
	char got[8] = "";
	struct error err;
	struct stat st;

	assert_int_equal(file_replace(AT_FDCWD, "/dev/null", "x", 1, &err), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(file_replace(AT_FDCWD, "/dev/full", "x", 1, &err), -1);
	assert_true(err.kind == ERROR_SYSTEM && err.number == ENOSPC);
	assert_int_equal(mkfifoat(place->fd, "pipe", 0600), 0);
	AUTO_CLOSE int reader = openat(place->fd, "pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(file_replace(place->fd, "pipe", "abc", 3, &err), 0);
	assert_int_equal(read(reader, got, sizeof(got)), 3);
	assert_string_equal(got, "abc");
}

static void test_replace_refuses_links(void **state)
{
	const struct place *place = *state;
	struct error err;

	assert_int_equal(file_replace(place->fd, "a", "old", 3, &err), 0);
	assert_int_equal(symlinkat("a", place->fd, "link"), 0);
	assert_int_equal(file_replace(place->fd, "link", "new", 3, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_string_equal(err.text, "cannot write link: it is a symbolic link");
	assert_content(place, "a", "old");
}

static void test_open_dir(void **state)
{
	const struct place *place = *state;
	AUTO_FREE char *path = xasprintf("%s/d", place->path);
	AUTO_FREE char *file = xasprintf("%s/f", place->path);
	AUTO_FREE char *deep = xasprintf("%s/x/y", place->path);
	struct error err;
	struct stat st;
	int fd = -5;

	assert_int_equal(file_open_dir(path, &fd, &err), 0);
	assert_true(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode));
	close(fd);
	assert_int_equal(file_open_dir(path, &fd, &err), 0);
	close(fd);
	fd = -5;
	assert_int_equal(file_replace(AT_FDCWD, file, "", 0, &err), 0);
	assert_int_equal(file_open_dir(file, &fd, &err), -1);
	assert_true(err.kind == ERROR_SYSTEM && err.number == ENOTDIR);
	assert_int_equal(file_open_dir(deep, &fd, &err), -1);
	assert_true(err.kind == ERROR_SYSTEM && err.number == ENOENT);
	assert_int_equal(fd, -5);
}

static void test_lock(void **state)
{
	const struct place *place = *state;
	AUTO_CLOSE int other = openat(place->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err;

	assert_int_equal(file_lock(place->fd, "d", &err), 0);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	assert_int_equal(flock(place->fd, LOCK_UN), 0);
	assert_int_equal(file_lock(other, "d", &err), 0);
	assert_int_equal(file_lock(-1, "d", &err), -1);
	assert_true(err.kind == ERROR_SYSTEM && err.number == EBADF);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replace_and_read),
		TEST(test_replace_unchanged),
		TEST(test_read_ceiling),
		TEST(test_read_bytes),
		TEST(test_read_fails),
		TEST(test_read_line),
		TEST(test_replace_keeps_old_on_failure),
		TEST(test_replace_missing_directory),
		TEST(test_replace_writes_to_devices),
		TEST(test_replace_refuses_links),
		TEST(test_open_dir),
		TEST(test_lock),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
