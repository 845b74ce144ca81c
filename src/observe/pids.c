#include <observe/pids.h>

#include <time.h>
#include <unistd.h>
#include <whittle/proc.h>

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

void pids_add(struct pids *pids, pid_t pid)
{
	uint32_t now = ticks_now();

	if (pid > 0 && pid < PIDS_MAX)
		pids->met[pid] = now ? now : 1;
}

bool pids_have(const struct pids *pids, pid_t pid)
{
	if (!pids || pid <= 0 || pid >= PIDS_MAX || !pids->met[pid])
		return false;
	uint64_t started = proc_started(pid);
	return !started || (int32_t)((uint32_t)started - pids->met[pid]) <= 0;
}
