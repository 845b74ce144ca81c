#include <trace/denied.h>
#include <trace/registers.h>

#include <errno.h>

void denied_init(struct trace *trace, bool deny_uring)
{
	size_t count = 0;

	if (!deny_uring)
		return;
	while (abis[count].name)
		count++;
	trace->denied = xcalloc(count, sizeof(*trace->denied));
	for (size_t i = 0; i < count; i++)
		trace->denied[i] = abi_syscall_number(&abis[i], "io_uring_setup");
}

void denied_free(struct trace *trace)
{
	free(STEAL(trace->denied));
}

bool denied_entry(const struct trace *trace, const struct event *call, struct event *ret_event)
{
	if (!trace->denied || !call->abi)
		return false;
	int64_t number = trace->denied[call->abi - abis];
	if (number < 0 || call->nr != (uint64_t)number)
		return false;
	*ret_event = (struct event){ .kind = EVENT_LIMITATION,
				     .tid = call->tid,
				     .tgid = call->tgid,
				     .what = "io-uring-denied" };
	return true;
}

/*
 * A call that is skipped has the number -1 by the time when filters are asked
 * (kernel/entry/common.c, syscall_trace_enter()), and those of the tracee's own might kill for
 * that. So they are asked for the call as it is, but for a ring without entries, which the kernel
 * does not make (io_uring_fill_params()).
 */
bool denied_enter(const struct trace *trace, struct tracee *tracee, struct event *ret_event)
{
	if (!denied_entry(trace, &tracee->call, ret_event))
		return false;
	if (!tracee->own_filters)
		registers_skip_call(tracee->tid, -ENOSYS);
	else if (registers_set_argument(tracee->tid, 0, &tracee->argument) == 0)
		tracee->argument_changed = true;
	tracee->denied = true;
	return true;
}

/*
 * What its own filters answered stays. The filter of a container that whittle runs in may have had
 * an answer of its own to -1.
 */
bool denied_leave(struct tracee *tracee, int64_t result)
{
	if (!tracee->denied)
		return false;
	if (tracee->argument_changed)
		registers_restore_argument(tracee->tid, tracee->argument);
	if (!tracee->argument_changed || result == -EINVAL)
		registers_set_result(tracee->tid, -ENOSYS);
	tracee->denied = tracee->argument_changed = false;
	return true;
}
