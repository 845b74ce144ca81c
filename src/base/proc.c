#include <whittle/proc.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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
