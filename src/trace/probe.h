/*
 * Private to the room: where the kernel tells that it was asked for a capability. The tracepoint
 * capability:cap_capable (Linux 6.13 and later), else a kprobe event on cap_capable() of whittle's
 * own, which is taken away when whittle ends, however it does.
 */
#ifndef TRACE_PROBE_H
#define TRACE_PROBE_H

#include <whittle/file.h>

struct probe {
	uint64_t id; /* of the event, for perf_event_open(2) */
	size_t cap_offset, target_offset;
	bool tells_result; /* it knows whether the capability was granted */
	int keeper;        /* closing it takes a kprobe event away; or -1 */
};

/* 0, or -1 if there is none; any: a kprobe event will do. */
int probe_find(bool any, struct probe *ret_probe);
/* Behind the last use of the event. */
void probe_release(struct probe *probe);

/* Filters of the event: what calls that nobody looks at may ask for; or the rest that matters. */
const char *probe_filter(const struct probe *probe, bool noisy);

#endif
