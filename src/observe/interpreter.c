#include <observe/interpreter.h>

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <whittle/escape.h>

enum { HEAD_SIZE = 256 /* BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h */ };

const char *exec_interpreter(const char *head, size_t length, size_t *ret_length)
{
	if (length < 2 || head[0] != '#' || head[1] != '!')
		return NULL;
	/* load_script() in fs/binfmt_script.c: blanks, the name up to a blank, end of line or NUL
	 */
	size_t at = 2;
	while (at < length && (head[at] == ' ' || head[at] == '\t'))
		at++;
	size_t start = at;
	while (at < length && head[at] && !strchr(" \t\n", head[at]))
		at++;
	if (at == start || at == HEAD_SIZE) /* a name that was cut is not run */
		return NULL;
	*ret_length = at - start;
	return head + start;
}

/* Evidence text without placeholders -> the bytes that it stands for. */
static int raw_of_text(const char *text, struct buf *out)
{
	const char *word;
	unsigned char byte;
	size_t length;

	while (escape_next(&text, &byte, &word, &length)) {
		if (word)
			return -1;
		buf_addc(out, (char)byte);
	}
	return 0;
}

/*
 * The name is the kernel's as whittle sees it, and so is that of the tracee's root: what is behind
 * the latter is looked up in there.
 */
int interpreter_open(pid_t tid, const struct path *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				.resolve = RESOLVE_IN_ROOT };
	AUTO_BUF struct buf raw = BUF_INIT;
	AUTO_BUF struct buf root = BUF_INIT;
	char link[32];
	struct stat found;

	if (!path->name || path->error || !S_ISREG(path->object.mode) ||
	    raw_of_text(path->name, &raw) < 0 || tracee_read_link(tid, "root", &root) < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/%d/root", tid);
	AUTO_CLOSE int dirfd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool below = root.length > 1 && strncmp(buf_text(&raw), root.data, root.length) == 0;
	int fd = (int)syscall(SYS_openat2, dirfd, buf_text(&raw) + (below ? root.length : 0), &how,
			      sizeof(how));
	if (fd < 0)
		return -1;
	if (fstat(fd, &found) < 0 || found.st_ino != path->inode) {
		close(fd);
		return -1;
	}
	return fd;
}

int interpreter_of(pid_t tid, pid_t tgid, const struct path *path, struct path *ret_next)
{
	char head[HEAD_SIZE];
	size_t length = 0;
	AUTO_CLOSE int fd = interpreter_open(tid, path);
	ssize_t got = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
	const char *name = got < 0 ? NULL : exec_interpreter(head, (size_t)got, &length);
	AUTO_FREE char *copy = name ? xstrndup(name, length) : NULL;

	if (!copy)
		return -1;
	return path_walk(tid, tgid, AT_FDCWD, copy, length, 0, ret_next);
}
