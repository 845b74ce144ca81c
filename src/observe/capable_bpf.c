/* BPF and performance events: kernel/bpf/syscall.c, kernel/events/core.c. */
#include <observe/capable_rules.h>

#include <linux/bpf.h>
#include <linux/perf_event.h>

#define SYS_ADMIN   CAP_BIT(CAP_SYS_ADMIN)

#define BPF_OR_ROOT (CAP_BIT(CAP_BPF) | SYS_ADMIN)
#define NET_OR_ROOT (CAP_BIT(CAP_NET_ADMIN) | SYS_ADMIN)

static bool is_restricted(void)
{
	return sysctl_number("/proc/sys/kernel/unprivileged_bpf_disabled", 2) != 0;
}

/* map_create(): what a kind of map takes; where nothing is said, only what all do. */
static const struct {
	uint32_t type;
	uint64_t any_of;
} maps[] = {
	{ BPF_MAP_TYPE_STACK_TRACE, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_LRU_HASH, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_LRU_PERCPU_HASH, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_LPM_TRIE, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_DEVMAP, NET_OR_ROOT },
	{ BPF_MAP_TYPE_SOCKMAP, NET_OR_ROOT },
	{ BPF_MAP_TYPE_CPUMAP, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_XSKMAP, NET_OR_ROOT },
	{ BPF_MAP_TYPE_SOCKHASH, NET_OR_ROOT },
	{ BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_QUEUE, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_STACK, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_SK_STORAGE, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_DEVMAP_HASH, NET_OR_ROOT },
	{ BPF_MAP_TYPE_STRUCT_OPS, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_INODE_STORAGE, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_TASK_STORAGE, BPF_OR_ROOT },
	{ BPF_MAP_TYPE_BLOOM_FILTER, BPF_OR_ROOT },
};

static void need_map(struct needs *needs)
{
	const struct call *call = needs->call;
	uint32_t type;

	if (is_restricted())
		need_add(needs, BPF_OR_ROOT, "a BPF map");
	if (tracee_read(call->tid, call->args[1], &type, sizeof(type)) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		if (maps[i].type == type)
			need_add(needs, maps[i].any_of, "a BPF map");
}

/* is_net_admin_prog_type(), is_perfmon_prog_type(): what is in neither table is for the network. */
static void need_program(struct needs *needs)
{
	const struct call *call = needs->call;
	static const uint32_t tracing[] = {
		BPF_PROG_TYPE_KPROBE,     BPF_PROG_TYPE_TRACEPOINT,
		BPF_PROG_TYPE_PERF_EVENT, BPF_PROG_TYPE_RAW_TRACEPOINT,
		BPF_PROG_TYPE_TRACING,    BPF_PROG_TYPE_LSM,
		BPF_PROG_TYPE_EXT,        BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE
	};
	static const uint32_t neutral[] = { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_CGROUP_SKB,
					    BPF_PROG_TYPE_SYSCALL };
	uint32_t type = 0;

	if (is_restricted())
		need_add(needs, BPF_OR_ROOT, "a BPF program");
	if (tracee_read(call->tid, call->args[1], &type, sizeof type) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(neutral); i++)
		if (type == neutral[i])
			return;
	for (size_t i = 0; i < ARRAY_SIZE(tracing); i++)
		if (type == tracing[i]) {
			need_add(needs, CAP_BIT(CAP_PERFMON) | SYS_ADMIN, "a tracing program");
			return;
		}
	need_add(needs, NET_OR_ROOT, "a network program");
}

void rule_bpf(struct needs *needs)
{
	switch (call_int(needs->call, 0)) {
	case BPF_PROG_GET_NEXT_ID: /* bpf_obj_get_next_id(), bpf_prog_get_fd_by_id(), ... */
	case BPF_MAP_GET_NEXT_ID:
	case BPF_BTF_GET_NEXT_ID:
	case BPF_LINK_GET_NEXT_ID:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
	case BPF_TASK_FD_QUERY:
		need_add(needs, SYS_ADMIN, "BPF objects by id");
		return;
	case BPF_ENABLE_STATS: /* bpf_enable_stats() */
		need_add(needs, SYS_ADMIN, "BPF statistics");
		return;
	case BPF_PROG_QUERY: /* bpf_prog_query() */
		need_add(needs, NET_OR_ROOT, "attached BPF programs");
		return;
	case BPF_MAP_CREATE:
		need_map(needs);
		return;
	case BPF_BTF_LOAD:
		if (is_restricted())
			need_add(needs, BPF_OR_ROOT, "BPF types");
		return;
	case BPF_PROG_LOAD:
		need_program(needs);
		return;
	default:
		return;
	}
}

/* perf_event_open(2), perf_allow_{kernel,cpu,tracepoint}(); 3 is a patch of Debian's */
void rule_perf_event_open(struct needs *needs)
{
	const struct call *call = needs->call;
	long paranoid = sysctl_number("/proc/sys/kernel/perf_event_paranoid", 2);
	struct perf_event_attr attr = { 0 };

	if (tracee_read(call->tid, call->args[0], &attr, PERF_ATTR_SIZE_VER0) < 0)
		return;
	if (paranoid > 2 || (!attr.exclude_kernel && paranoid > 1) ||
	    (call_int(call, 1) == -1 && paranoid > 0) ||
	    (attr.type == PERF_TYPE_TRACEPOINT && paranoid > -1 &&
	     attr.sample_type & PERF_SAMPLE_RAW))
		need_add(needs, CAP_BIT(CAP_PERFMON) | SYS_ADMIN, "performance events");
	/* perf_check_permission() */
	if (call_int(call, 1) > 0)
		need_ptrace(needs, call_target(call, call_int(call, 1)), false,
			    CAP_BIT(CAP_PERFMON) | SYS_ADMIN);
}
