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

bool denied_enter(const struct trace *trace, struct tracee *tracee, struct event *ret_event)
{
	if (tracee->own_filters || !denied_entry(trace, &tracee->call, ret_event))
		return false;
	registers_skip_call(tracee->tid, -ENOSYS);
	tracee->denied = true;
	return true;
}

/* The filter of a container that whittle runs in may have had another answer to -1. */
bool denied_leave(struct tracee *tracee)
{
	if (!tracee->denied)
		return false;
	registers_set_result(tracee->tid, -ENOSYS);
	tracee->denied = false;
	return true;
}
