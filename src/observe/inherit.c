/*
 * Descriptors that a new image has from the one before. Where its AppArmor label is another too,
 * each is checked anew under that (aa_inherit_files() in security/apparmor/file.c), by the modes
 * that it is open for; what is refused is replaced by a null device.
 */
#include <observe/observe.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum { DESCRIPTORS_MAX = 4096 }; /* a bound; more is a limitation */

static bool same_description(pid_t tid, int fd, int own)
{
	return syscall(SYS_kcmp, getpid(), tid, KCMP_FILE, own, fd) == 0;
}

void handed_read(struct handed *handed)
{
	const struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");

	while (dir && (entry = readdir(dir))) {
		int own = atoi(entry->d_name), flags = fcntl(own, F_GETFD);

		if (entry->d_name[0] == '.' || flags < 0 || flags & FD_CLOEXEC)
			continue;
		handed->fds = xrealloc(handed->fds, handed->count + 1, sizeof(*handed->fds));
		handed->fds[handed->count++] = own;
	}
	if (dir)
		closedir(dir);
}

/*
 * Was it handed to the workload from outside? Then whittle has it too. Such a descriptor was opened
 * without a profile, which AppArmor lets pass for ever.
 */
static bool is_outside(const struct observer *observer, pid_t tid, int fd)
{
	for (size_t i = 0; i < observer->handed.count; i++)
		if (same_description(tid, fd, observer->handed.fds[i]))
			return true;
	return false;
}

static void inherit_file(struct observer *observer, struct thread *thread, int fd, mode_t modes)
{
	if (modes & S_IRUSR)
		emit_fd(observer, thread, fd, ACCESS_INHERIT_READ);
	if (modes & S_IWUSR)
		emit_fd(observer, thread, fd, ACCESS_INHERIT_WRITE);
}

/* What the link of /proc/PID/fd is called, and for what it is open: proc_fd_link() in fs/proc/fd.c.
 */
static void inherit(struct observer *observer, struct thread *thread, int dirfd, const char *name)
{
	char link[PATH_MAX];
	struct stat st;
	ssize_t length = readlinkat(dirfd, name, link, sizeof(link) - 1);
	int fd = atoi(name);

	if (length < 0 || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	link[length] = '\0';
	bool socket = strncmp(link, "socket:", 7) == 0;
	/* Pipes and the like have no name, and no rules. */
	if ((!socket && link[0] != '/') || is_outside(observer, thread->tid, fd))
		return;
	if (socket)
		socket_inherited(observer, thread, fd);
	else
		inherit_file(observer, thread, fd, st.st_mode);
}

void exec_inherit(struct observer *observer, struct thread *thread)
{
	char path[32];
	const struct dirent *entry;
	unsigned int count = 0;

	if (thread->guarded || !(observer->flags & OBSERVE_PATHS))
		return;
	snprintf(path, sizeof(path), "/proc/%d/fd", thread->tid);
	DIR *dir = opendir(path);
	while (dir && (entry = readdir(dir)) && count <= DESCRIPTORS_MAX) {
		if (entry->d_name[0] == '.')
			continue;
		if (++count > DESCRIPTORS_MAX)
			emit_limitation(observer, "many-descriptors");
		else
			inherit(observer, thread, dirfd(dir), entry->d_name);
	}
	if (!dir && errno != ENOENT)
		emit_limitation(observer, "unseen-descriptors");
	if (dir)
		closedir(dir);
}
