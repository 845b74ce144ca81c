/* Reading a stopped tracee: its memory and its links in /proc. */
#include <whittle/event.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

enum { PAGE = 4096 };

/* process_vm_readv(2) refuses what ptrace may read (PROT_NONE, execute-only): the file does not. */
static ssize_t read_by_file(pid_t tid, uint64_t address, void *bytes, size_t length)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/mem", tid);
	AUTO_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	return pread(fd, bytes, length, (off_t)address);
}

static ssize_t read_some(pid_t tid, uint64_t address, void *bytes, size_t length)
{
	struct iovec local = { bytes, length };
	struct iovec remote = { (void *)(uintptr_t)address, length };
	ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);

	if (got < 0 && (errno == ENOSYS || errno == EPERM))
		got = read_by_file(tid, address, bytes, length);
	return got;
}

int tracee_read(pid_t tid, uint64_t address, void *bytes, size_t length)
{
	ssize_t got = read_some(tid, address, bytes, length);

	if (got >= 0 && (size_t)got < length)
		errno = EFAULT;
	return got == (ssize_t)length ? 0 : -1;
}

int tracee_read_string(pid_t tid, uint64_t address, size_t max, struct buf *ret_string)
{
	char chunk[PAGE];
	size_t start = ret_string->length;

	while (ret_string->length - start < max) {
		/* Never across a page: the next one may not be mapped. */
		size_t want = PAGE - address % PAGE;
		if (want > 256 && ret_string->length == start)
			want = 256; /* most names are short */
		ssize_t got = read_some(tid, address, chunk, want);
		if (got <= 0) {
			buf_truncate(ret_string, start);
			errno = EFAULT;
			return -1;
		}
		const char *end = memchr(chunk, '\0', (size_t)got);
		buf_add(ret_string, chunk, end ? (size_t)(end - chunk) : (size_t)got);
		if (end && ret_string->length - start < max)
			return 0;
		address += (uint64_t)got;
	}
	buf_truncate(ret_string, start);
	errno = ENAMETOOLONG;
	return -1;
}

int tracee_read_link(pid_t tid, const char *name, struct buf *ret_target)
{
	char path[64 + NAME_MAX];
	char target[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	ssize_t length = readlink(path, target, sizeof(target));
	if (length < 0)
		return -1;
	if ((size_t)length == sizeof(target)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	buf_add(ret_target, target, (size_t)length);
	return 0;
}
