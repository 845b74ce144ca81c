#include <observe/pids.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <whittle/file.h>

#define PIDS_MAX (1 << 22) /* PID_MAX_LIMIT, include/linux/threads.h */

struct pids {
	/* Ticks since the machine was started, of which the highest bits are left out; 0: never.
	   Memory that was not written to takes none. */
	uint32_t met[PIDS_MAX];
};

struct pids *pids_new(void)
{
	return xcalloc(1, sizeof(struct pids));
}

void pids_free(struct pids *pids)
{
	free(pids);
}

/* As /proc/PID/stat counts (do_task_stat() in fs/proc/array.c). */
static uint32_t ticks_now(void)
{
	static const long second = 1000000000;
	long hz = sysconf(_SC_CLK_TCK);
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint32_t)((uint64_t)now.tv_sec * (uint64_t)hz +
			  (uint64_t)(now.tv_nsec / (second / hz)));
}

/* When the process was started, field 22 of proc_pid_stat(5); false if there is none. */
static bool started_at(pid_t pid, uint32_t *ret_ticks)
{
	char name[32];
	AUTO_FREE char *text = NULL;
	size_t length;
	struct error err;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	if (file_read(AT_FDCWD, name, 4096, &text, &length, &err) < 0)
		return false;
	const char *at = strrchr(text, ')'); /* behind the second field, a name */
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return false;
	*ret_ticks = (uint32_t)strtoull(at + 1, NULL, 10);
	return true;
}

void pids_add(struct pids *pids, pid_t pid)
{
	uint32_t now = ticks_now();

	if (pid > 0 && pid < PIDS_MAX)
		pids->met[pid] = now ? now : 1;
}

bool pids_have(const struct pids *pids, pid_t pid)
{
	uint32_t started;

	if (!pids || pid <= 0 || pid >= PIDS_MAX || !pids->met[pid])
		return false;
	return !started_at(pid, &started) || (int32_t)(started - pids->met[pid]) <= 0;
}
