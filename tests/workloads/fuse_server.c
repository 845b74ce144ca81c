/*
 * Serves a file system (FUSE) to itself: fuse_server DIR (absolute) mounts one there with a single
 * file in it, whose answers may not be kept, and uses it. Whoever looks at a name in it while the
 * server is stopped waits for ever. Prints "served"; needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){ .ino = node,
				   .mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644,
				   .nlink = 1 };
}

static void answer(int fd, const struct fuse_in_header *in, int error, void *body, size_t size)
{
	struct fuse_out_header out = { .len = (uint32_t)(sizeof(out) + size),
				       .error = -error,
				       .unique = in->unique };
	struct iovec parts[2] = { { &out, sizeof(out) }, { body, size } };

	if (writev(fd, parts, size ? 2 : 1) < 0 && errno != ENOENT)
		_exit(1);
}

static void serve_one(int fd, const struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
				      .minor = 31,
				      .max_write = 4096 };
	struct fuse_attr_out attr = { .attr = attributes(in->nodeid) };
	struct fuse_entry_out entry = { .nodeid = 2, .attr = attributes(2) };
	struct fuse_open_out opened = { .fh = 1 };

	if (in->opcode == FUSE_INIT)
		answer(fd, in, 0, &init, sizeof(init));
	else if (in->opcode == FUSE_GETATTR)
		answer(fd, in, 0, &attr, sizeof(attr));
	else if (in->opcode == FUSE_LOOKUP && !strcmp((const char *)(in + 1), "file"))
		answer(fd, in, 0, &entry, sizeof(entry));
	else if (in->opcode == FUSE_LOOKUP)
		answer(fd, in, ENOENT, NULL, 0);
	else if (in->opcode == FUSE_OPEN)
		answer(fd, in, 0, &opened, sizeof(opened));
	else if (in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET)
		answer(fd, in, ENOSYS, NULL, 0);
}

static void serve(int fd)
{
	static union {
		struct fuse_in_header in;
		char bytes[FUSE_MIN_READ_BUFFER + 4096];
	} request;

	while (read(fd, &request, sizeof(request)) > 0) /* ENODEV once it is unmounted */
		serve_one(fd, &request.in);
	_exit(0);
}

int main(int argc, char **argv)
{
	char options[64];
	struct stat st;
	int fd = open("/dev/fuse", O_RDWR);

	if (argc < 2 || fd < 0)
		return 2;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("test", argv[1], "fuse", 0, options) < 0)
		return 2;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd);
	}
	close(fd);
	int failed = chdir(argv[1]) < 0 || stat("file", &st) < 0 || access("missing", F_OK) == 0 ||
		     mkdir("new", 0700) == 0 || open("file", O_RDONLY) < 0 || chdir("/") < 0;
	umount2(argv[1], MNT_DETACH);
	if (!failed)
		puts("served");
	return failed;
}
