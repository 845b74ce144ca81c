/* Which file systems judge by mode bits and ACLs alone: generic_permission() in fs/namei.c. */
#include <observe/foretold.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/*
 * Not listed is what asks a server (NFS, FUSE, CIFS, 9p), what has rules of its own (proc, sysfs,
 * cgroup), and what nobody has looked at. Sorted.
 */
static const char *const plain[] = { "btrfs", "erofs",   "ext2", "ext3",    "ext4",
				     "f2fs",  "iso9660", "jfs",  "overlay", "squashfs",
				     "tmpfs", "vfat",    "xfs" };

struct filesystem {
	dev_t device;
	bool plain;
	UT_hash_handle hh;
};

static bool is_listed(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (strcmp(plain[i], type) == 0)
			return true;
	return false;
}

/* A line of proc_pid_mountinfo(5): "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 source ..." */
static bool is_of(const char *line, dev_t device)
{
	unsigned int numbers[2];

	return sscanf(line, "%*u %*u %u:%u", &numbers[0], &numbers[1]) == 2 &&
	       makedev(numbers[0], numbers[1]) == device;
}

/* Names in it hold no blank: it is escaped. Each option but the first (rw, ro) follows a comma. */
static bool line_is_plain(const char *line)
{
	const char *end = strstr(line, " - ");
	char type[32], options[256];

	return end && sscanf(end + 3, "%31s", type) == 1 && is_listed(type) &&
	       sscanf(line, "%*s %*s %*s %*s %*s %255s", options) == 1 &&
	       !strstr(options, ",nosymfollow");
}

/* No look at the file system itself, whose server might not answer. */
static bool look(dev_t device)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	AUTO_FREE char *line = NULL;
	size_t room = 0;
	bool found = false, all_plain = true;

	while (file && all_plain && getline(&line, &room, file) > 0)
		if (is_of(line, device)) {
			found = true;
			all_plain = line_is_plain(line);
		}
	if (file)
		fclose(file);
	return found && all_plain;
}

/*
 * Have mounts changed since it was asked before? They may refuse links now, and a device number may
 * be that of another file system (get_anon_bdev()). proc_pid_mountinfo(5)
 */
static bool mounts_changed(struct observer *observer)
{
	struct pollfd mounts = { .fd = observer->mounts, .events = POLLPRI };

	if (observer->mounts >= 0)
		return poll(&mounts, 1, 0) != 0;
	observer->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return true;
}

static void forget(struct observer *observer)
{
	struct filesystem *filesystem, *next;

	HASH_ITER (hh, observer->filesystems, filesystem, next) {
		HASH_DEL(observer->filesystems, filesystem);
		free(filesystem);
	}
}

bool filesystem_is_plain(struct observer *observer, dev_t device)
{
	struct filesystem *filesystem;

	if (mounts_changed(observer))
		forget(observer);
	HASH_FIND(hh, observer->filesystems, &device, sizeof(device), filesystem);
	if (filesystem)
		return filesystem->plain;
	filesystem = xcalloc(1, sizeof(*filesystem));
	filesystem->device = device;
	filesystem->plain = look(device);
	HASH_ADD(hh, observer->filesystems, device, sizeof(device), filesystem);
	return filesystem->plain;
}

void filesystems_forget(struct observer *observer)
{
	forget(observer);
	auto_close(&observer->mounts);
	observer->mounts = -1;
}
