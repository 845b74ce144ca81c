#include <trace/probe.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>
#include <whittle/arch.h>
#include <whittle/buf.h>

/* A mount of tracefs that nobody else sees. */
static int mount_tracefs(void)
{
	AUTO_CLOSE int context = fsopen("tracefs", FSOPEN_CLOEXEC);

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(context, FSMOUNT_CLOEXEC, 0);
}

/* The number behind a word of a text, or -1. */
static long number_behind(const char *text, const char *word)
{
	const char *at = text ? strstr(text, word) : NULL;

	return at ? strtol(at + strlen(word), NULL, 10) : -1;
}

/* Fields as event's format file has them. */
static int read_format(int tracefs, const char *event, const char *cap, const char *target,
		       struct probe *probe)
{
	AUTO_FREE char *name = xasprintf("events/%s/format", event);
	AUTO_FREE char *format = NULL;
	size_t length;
	struct error err;

	if (file_read(tracefs, name, 65536, &format, &length, &err) < 0)
		return -1;
	long id = number_behind(format, "ID:");
	long cap_offset = number_behind(format, cap), target_offset = number_behind(format, target);
	if (id < 0 || cap_offset < 0 || target_offset < 0)
		return -1;
	probe->id = (uint64_t)id;
	probe->cap_offset = (size_t)cap_offset;
	probe->target_offset = (size_t)target_offset;
	return 0;
}

/* ---- kprobe events (Documentation/trace/kprobetrace.rst) ---- */

static int tell(int tracefs, const char *text)
{
	AUTO_CLOSE int fd = openat(tracefs, "kprobe_events", O_WRONLY | O_APPEND | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

/* An event in use cannot be removed: perf's end of it comes a little later than its descriptor's.
 */
static void remove_event(int tracefs, const char *event)
{
	AUTO_FREE char *text = xasprintf("-:%s\n", event);
	const struct timespec pause = { .tv_nsec = 20000000 };

	for (int tries = 0; tries < 250 && tell(tracefs, text) < 0 && errno == EBUSY; tries++)
		nanosleep(&pause, NULL);
}

/* A child removes the event once the descriptor that this returns has no copy left. */
static int keep_event(int tracefs, const char *event)
{
	int ends[2];
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		setsid(); /* a terminal's signals are not for it */
		dup2(ends[0], STDIN_FILENO);
		dup2(tracefs, STDOUT_FILENO);
		closefrom(STDERR_FILENO); /* nobody is to wait for their end */
		while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
			continue;
		remove_event(STDOUT_FILENO, event);
		_exit(0);
	}
	close(ends[0]);
	if (child < 0)
		close(STEAL_FD(ends[1]));
	return ends[1];
}

static int make_event(int tracefs, struct probe *probe)
{
	AUTO_FREE char *event = xasprintf("whittle_%d/cap_capable", getpid());
	/* int cap_capable(const struct cred *, struct user_namespace *, int cap, unsigned opts) */
	AUTO_FREE char *text = xasprintf("p:%s cap_capable target=$arg2:x64 cap=$arg3:s32 "
					 "opts=$arg4:x32\n",
					 event);

	if (tell(tracefs, text) < 0)
		return -1;
	probe->keeper = keep_event(tracefs, event);
	if (probe->keeper < 0 || read_format(tracefs, event, "field:s32 cap;\toffset:",
					     "field:u64 target;\toffset:", probe) < 0) {
		if (probe->keeper < 0)
			remove_event(tracefs, event);
		auto_close(&probe->keeper);
		return -1;
	}
	return 0;
}

int probe_find(bool any, struct probe *ret_probe)
{
	AUTO_CLOSE int tracefs = mount_tracefs();
	struct probe probe = { .keeper = -1, .tells_result = true };

	if (tracefs < 0)
		return -1;
	if (read_format(tracefs, "capability/cap_capable", "field:int cap;\toffset:",
			"field:struct user_namespace * target_ns;\toffset:", &probe) < 0) {
		probe.tells_result = false;
		if (!any || make_event(tracefs, &probe) < 0)
			return -1;
	}
	*ret_probe = probe;
	return 0;
}

void probe_release(struct probe *probe)
{
	auto_close(&probe->keeper);
	probe->keeper = -1;
}

/*
 * Noisy: CAP_SYS_ADMIN (21) is asked for each piece of memory, CAP_SYS_RESOURCE (24) is no secret
 * either; in their number they would push out the others. CAP_OPT_NOAUDIT is 2
 * (include/linux/security.h): for memory it is set, and is not where a file is looked for.
 */
const char *probe_filter(const struct probe *probe, bool noisy)
{
	if (probe->tells_result)
		return noisy ? "ret == 0 && (cap == 21 || cap == 24)"
			     : "ret == 0 && cap != 21 && cap != 24";
	return noisy ? "cap == 24 || (cap == 21 && !(opts & 2))" : "cap != 21 && cap != 24";
}
