/*
 * The control group of a container: the kernel keeps what it had at most (cgroup-v2.rst,
 * memory.peak, pids.peak; cgroup-v1/memory.rst, memory.max_usage_in_bytes).
 */
#ifndef CLI_CGROUP_H
#define CLI_CGROUP_H

#include <whittle/evidence.h>

struct cgroup {
	int memory, tasks; /* the files, or -1: the kernel, or the engine, has none */
	uint64_t most_memory, most_tasks;
};
#define CGROUP_INIT                                                                                \
	{                                                                                          \
		.memory = -1, .tasks = -1                                                          \
	}

/*
 * Opens what there is for the process, unless others than its container's processes are in the
 * group too. Before whittle enters a namespace of the container.
 */
void cgroup_open(pid_t pid, struct cgroup *cgroup);
void cgroup_close(struct cgroup *cgroup);

/* To be called while the container runs: the group goes with it. */
void cgroup_measure(struct cgroup *cgroup);

/* What the group says, else what was seen otherwise. */
struct evidence_peak cgroup_peak(const struct cgroup *cgroup, struct evidence_peak seen);

#endif
