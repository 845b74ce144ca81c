/* Wait statuses that were collected and not yet handled. */
#include <trace/engine.h>

#include <sys/ptrace.h>
#include <sys/wait.h>

/*
 * The thread that executes an image takes over the tid of its leader, which is gone. What was
 * collected of that is told of nobody, and to resume it would be to resume the thread, whose stop
 * is not handled yet (kernel/ptrace.c, looks_like_a_spurious_pid(), refuses that only until the
 * stop has been waited for).
 */
static void forget_reports(struct trace *trace, pid_t tid)
{
	size_t kept = trace->report_head;

	for (size_t i = trace->report_head; i < trace->report_count; i++)
		if (trace->reports[i].tid != tid)
			trace->reports[kept++] = trace->reports[i];
	trace->report_count = kept;
	if (trace->current == tid) /* its stop is being handled */
		trace->current = 0;
}

void trace_report(struct trace *trace, pid_t tid, int status)
{
	if (WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXEC)
		forget_reports(trace, tid);
	if (trace->report_count == trace->report_size) {
		trace->report_size = trace->report_size ? trace->report_size * 2 : 64;
		trace->reports =
			xrealloc(trace->reports, trace->report_size, sizeof(*trace->reports));
	}
	trace->reports[trace->report_count++] = (struct wait_report){ tid, status };
}
