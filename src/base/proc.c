#include <whittle/proc.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <whittle/file.h>

char *proc_status(pid_t tid)
{
	char name[32];
	char *status = NULL;
	size_t length;
	struct error err;

	snprintf(name, sizeof(name), "/proc/%d/status", tid);
	if (file_read(AT_FDCWD, name, STATUS_MAX, &status, &length, &err) == 0)
		return status;
	errno = err.number ? err.number : EIO;
	return NULL;
}

size_t proc_head(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
	if (got < 0)
		got = 0;
	text[got] = '\0';
	return (size_t)got;
}

/* A number of /proc/TID/stat (proc_pid_stat(5)); false if it cannot be read. */
static bool stat_number(pid_t tid, int wanted, uint64_t *ret_number)
{
	char text[4096];

	if (!proc_head(tid, "stat", text, sizeof(text)))
		return false;
	const char *at = strrchr(text, ')'); /* the name, field 2, may hold anything */
	for (int field = 2; at && field < wanted; field++)
		at = strchr(at + 1, ' ');
	if (at)
		*ret_number = strtoull(at + 1, NULL, 10);
	return at;
}

uint64_t proc_started(pid_t tid)
{
	uint64_t started = 0;

	stat_number(tid, 22, &started);
	return started;
}

bool proc_is_over(pid_t tid)
{
	uint64_t memory = 1;

	if (kill(tid, 0) < 0 && errno == ESRCH)
		return true;
	return stat_number(tid, 23, &memory) && memory == 0;
}

const char *proc_field(const char *status, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = status; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, "\t ");
	}
	return NULL;
}

int64_t proc_number(pid_t tid, const char *name)
{
	AUTO_FREE char *status = proc_status(tid);
	const char *text = status ? proc_field(status, name) : NULL;

	return text ? strtoll(text, NULL, 10) : -1;
}

/* ---- other pid namespaces ---- */

#define GET_PID_FROM_PIDNS _IOR(0xb7, 0x6, int) /* NS_GET_PID_FROM_PIDNS, Linux 6.11 */

/* Is pid the innermost number of a line "NSpid:\t300\t12\n"? */
static bool is_innermost(const char *ids, pid_t pid)
{
	long id = 0;
	char *end;

	for (;; ids = end + 1) {
		id = strtol(ids, &end, 10);
		if (*end != '\t')
			return end != ids && id == pid;
	}
}

static bool is_in(const char *entry, const struct stat *namespace)
{
	AUTO_FREE char *name = xasprintf("/proc/%s/ns/pid", entry);
	struct stat found;

	return stat(name, &found) == 0 && found.st_dev == namespace->st_dev &&
	       found.st_ino == namespace->st_ino;
}

/* Among all processes, by the numbers that each has in the namespaces that it is in. */
static pid_t search(const struct stat *namespace, pid_t pid)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	pid_t found = 0;

	while (proc && !found && (entry = readdir(proc))) {
		pid_t candidate = (pid_t)strtol(entry->d_name, NULL, 10);
		AUTO_FREE char *status = candidate > 0 ? proc_status(candidate) : NULL;
		const char *ids = status ? proc_field(status, "NSpid") : NULL;

		if (ids && is_innermost(ids, pid) && is_in(entry->d_name, namespace))
			found = candidate;
	}
	if (proc)
		closedir(proc);
	return found;
}

pid_t pid_in_namespace_of(pid_t tid, pid_t pid)
{
	char name[32];
	struct stat namespace;

	snprintf(name, sizeof(name), "/proc/%d/ns/pid", tid);
	AUTO_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &namespace) < 0)
		return 0;
	int found = ioctl(fd, GET_PID_FROM_PIDNS, pid);
	if (found < 0 && errno == ENOTTY)
		found = search(&namespace, pid);
	return found > 0 ? found : 0;
}

/* ---- ends ---- */

/* struct pidfd_info of include/uapi/linux/pidfd.h, its first version; headers are often older. */
struct exit_info {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t ids[11]; /* pid, tgid, ppid and eight of credentials */
	int32_t exit_code;
};
#define EXIT_INFO     (UINT64_C(1) << 3)                /* PIDFD_INFO_EXIT, Linux 6.15 */
#define GET_EXIT_INFO _IOWR(0xff, 11, struct exit_info) /* PIDFD_GET_INFO */

int pidfd_exit_status(int pidfd, int *ret_status)
{
	struct exit_info info = { .mask = EXIT_INFO };

	if (ioctl(pidfd, GET_EXIT_INFO, &info) < 0)
		return -1;
	if (!(info.mask & EXIT_INFO))
		return 0;
	*ret_status = info.exit_code;
	return 1;
}
