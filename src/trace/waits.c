#include <trace/waits.h>

#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <whittle/proc.h>

/*
 * A regular file has what there is of it; one that seems empty may be made as it is read
 * (/proc/kmsg). AT_STATX_DONT_SYNC: its file system may be served by the workload.
 */
static bool has_contents(pid_t tid, int fd)
{
	char name[48];
	struct statx found;

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", tid, fd);
	return statx(AT_FDCWD, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, &found) == 0 &&
	       S_ISREG(found.stx_mode) && found.stx_size > 0;
}

/* proc_pid_fdinfo(5): octal */
static bool gives_up(pid_t tid, int fd)
{
	char name[32], text[512];

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	if (!proc_head(tid, name, text, sizeof(text)))
		return false;
	const char *flags = proc_field(text, "flags");
	return flags && strtoul(flags, NULL, 8) & O_NONBLOCK;
}

static bool waits_for(pid_t tid, int fd)
{
	return !gives_up(tid, fd) && !has_contents(tid, fd);
}

bool waits_for_file(pid_t tid, const uint64_t args[6])
{
	return waits_for(tid, (int)args[0]);
}

bool waits_for_message(pid_t tid, const uint64_t args[6])
{
	return !(args[2] & MSG_DONTWAIT) && waits_for(tid, (int)args[0]);
}

bool waits_for_bytes(pid_t tid, const uint64_t args[6])
{
	return !(args[3] & MSG_DONTWAIT) && waits_for(tid, (int)args[0]);
}

bool waits_for_child(pid_t tid, const uint64_t args[6])
{
	(void)tid;
	return !(args[2] & WNOHANG);
}

bool waits_for_wake(pid_t tid, const uint64_t args[6])
{
	(void)tid;
	return (args[1] & FUTEX_CMD_MASK) == FUTEX_WAIT;
}
