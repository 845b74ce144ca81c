/*
 * names FILE: does what FILE says, words that each end in NUL: an operation and its names. Without
 * FILE it does nothing, so that it can stand for what is executed. The status is the number of
 * operations that failed, at most 100; each is named on standard error.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int do_read(char *const *name)
{
	int fd = open(name[0], O_RDONLY);

	return fd < 0 ? -1 : close(fd);
}

static int do_write(char *const *name)
{
	int fd = open(name[0], O_WRONLY | O_APPEND);

	return fd < 0 ? -1 : close(fd);
}

static int do_list(char *const *name)
{
	DIR *dir = opendir(name[0]);

	return dir && readdir(dir) ? closedir(dir) : -1;
}

static int do_link(char *const *name)
{
	return link(name[0], name[1]);
}

static int do_chown(char *const *name)
{
	return chown(name[0], 1, 1);
}

static int do_exec(char *const *name)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(name[0], "x", (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

/* At most what sun_path takes: relative to the working directory. With "@": of no file. */
static int do_bind(char *const *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name[0]);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int abstract = name[0][0] == '@';

	if (fd < 0 || length >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path + abstract, name[0] + abstract, length - (size_t)abstract);
	if (bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		return -1;
	return close(fd);
}

static int do_mount(char *const *name)
{
	if (mount(name[0], name[1], "tmpfs", 0, "size=4k") < 0)
		return -1;
	return umount(name[1]);
}

static int do_bind_mount(char *const *name)
{
	if (mount(name[0], name[1], NULL, MS_BIND, NULL) < 0)
		return -1;
	return umount(name[1]);
}

static const struct {
	const char *word;
	int operands;
	int (*run)(char *const *name);
} operations[] = {
	{ "bind", 1, do_bind },   { "bind-mount", 2, do_bind_mount },
	{ "chown", 1, do_chown }, { "exec", 1, do_exec },
	{ "link", 2, do_link },   { "list", 1, do_list },
	{ "mount", 2, do_mount }, { "read", 1, do_read },
	{ "write", 1, do_write },
};

enum { TEXT_MAX = 16 << 20, COUNT = sizeof(operations) / sizeof(operations[0]) };

/* What the words begin with; returns how many were taken, 0 at the end or where they make no sense.
 */
static int do_next(char **words, size_t left, int *failed)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(operations[i].word, words[0]) != 0 ||
		    (size_t)operations[i].operands >= left)
			continue;
		if (operations[i].run(words + 1) < 0) {
			fprintf(stderr, "%s %s: %m\n", words[0], words[1]);
			++*failed;
		}
		return 1 + operations[i].operands;
	}
	fprintf(stderr, "no operation: %s\n", words[0]);
	++*failed;
	return 0;
}

int main(int argc, char **argv)
{
	static char text[TEXT_MAX];
	size_t length = 0, count = 0;
	int failed = 0, taken = 1;
	ssize_t got = 1;

	if (argc < 2)
		return 0;
	int fd = open(argv[1], O_RDONLY);
	while (fd >= 0 && (got = read(fd, text + length, sizeof(text) - length)) > 0)
		length += (size_t)got;
	if (fd < 0 || got < 0 || !length || length == sizeof(text) || text[length - 1])
		return 101;
	char **words = calloc(length, sizeof(*words));
	for (size_t at = 0; words && at < length; at += strlen(text + at) + 1)
		words[count++] = text + at;
	for (size_t at = 0; words && at < count && taken; at += (size_t)taken)
		taken = do_next(words + at, count - at, &failed);
	return failed > 100 ? 100 : failed;
}
