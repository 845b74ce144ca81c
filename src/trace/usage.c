/* How much the workload has at once: the high-water marks that limits are made of. */
#include <trace/engine.h>

#include <whittle/proc.h>

/* Of more threads than that, not all are looked at each time. */
enum { TASKS_MANY = 64, MEASURE_SELDOM = 16 };

/* 0 where it cannot be read: the process is gone, or has no memory of its own any more. */
static uint64_t most_resident(pid_t tgid)
{
	int64_t kilobytes = proc_number(tgid, "VmHWM");

	return kilobytes > 0 ? (uint64_t)kilobytes * 1024 : 0;
}

void trace_measure(struct trace *trace, pid_t tgid)
{
	uint64_t sum = 0;

	if (HASH_COUNT(trace->tracees) > TASKS_MANY && trace->measures++ % MEASURE_SELDOM)
		return;
	for (struct tracee *tracee = trace->tracees; tracee; tracee = tracee->hh.next) {
		if (tracee->tid != tracee->tgid || tracee->vforked)
			continue;
		if (!tgid || tracee->tgid == tgid || !tracee->resident)
			tracee->resident = most_resident(tracee->tgid);
		sum += tracee->resident;
	}
	if (sum > trace->peak_memory)
		trace->peak_memory = sum;
}

uint64_t trace_peak_memory(const struct trace *trace)
{
	return trace->peak_memory;
}

size_t trace_peak_tasks(const struct trace *trace)
{
	return trace->peak_tasks;
}
