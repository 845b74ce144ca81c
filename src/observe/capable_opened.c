/*
 * Files that ask for more than permissions when they are opened, or when something is read from or
 * written to them: devices, /proc, /sys. Where the handler asks at read(2) or write(2), whoever
 * opens one for it is taken to do it.
 */
#include <observe/capable_rules.h>

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <whittle/file.h>

#define SYS_ADMIN       CAP_BIT(CAP_SYS_ADMIN)
#define RESTORE_OR_ROOT (CAP_BIT(CAP_CHECKPOINT_RESTORE) | SYS_ADMIN)

/* ---- devices ---- */

static bool dmesg_is_restricted(void)
{
	return sysctl_number("/proc/sys/kernel/dmesg_restrict", 0) != 0;
}

static const struct {
	unsigned int major, minor;
	bool all; /* of the major */
	unsigned int mask;
	bool (*when)(void); /* NULL: always */
	uint64_t any_of;
} devices[] = {
	/* open_port() in drivers/char/mem.c: /dev/mem and /dev/port */
	{ 1, 1, false, MAY_READ | MAY_WRITE, NULL, CAP_BIT(CAP_SYS_RAWIO) },
	{ 1, 4, false, MAY_READ | MAY_WRITE, NULL, CAP_BIT(CAP_SYS_RAWIO) },
	/* devkmsg_open() in kernel/printk/printk.c */
	{ 1, 11, false, MAY_READ, dmesg_is_restricted, CAP_BIT(CAP_SYSLOG) },
	/* ppp_open() in drivers/net/ppp/ppp_generic.c */
	{ 108, 0, false, MAY_READ | MAY_WRITE, NULL, CAP_BIT(CAP_NET_ADMIN) },
	/* msr_open() in arch/x86/kernel/msr.c */
	{ 202, 0, true, MAY_READ | MAY_WRITE, NULL, CAP_BIT(CAP_SYS_RAWIO) },
};

static void need_device(struct needs *needs, const struct path *path, unsigned int mask)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (major(path->special) == devices[i].major &&
		    (devices[i].all || minor(path->special) == devices[i].minor) &&
		    mask & devices[i].mask && (!devices[i].when || devices[i].when()))
			need_add(needs, devices[i].any_of, path->name);
}

/* ---- files of the kernel's in /proc ---- */

/* kallsyms_show_value() in kernel/ksyms_common.c: addresses read as 0 without it. */
static bool addresses_are_hidden(void)
{
	long hidden = sysctl_number("/proc/sys/kernel/kptr_restrict", 2);

	return hidden == 1 ||
	       (!hidden && sysctl_number("/proc/sys/kernel/perf_event_paranoid", 2) > 1);
}

static const struct file_row {
	const char *name;
	unsigned int mask;
	bool (*when)(void);
	uint64_t any_of;
} files[] = {
	/* r_show() in kernel/resource.c: addresses read as 0 without it */
	{ "/proc/iomem", MAY_READ, NULL, SYS_ADMIN },
	{ "/proc/ioports", MAY_READ, NULL, SYS_ADMIN },
	{ "/proc/kallsyms", MAY_READ, addresses_are_hidden, CAP_BIT(CAP_SYSLOG) },
	/* open_kcore() in fs/proc/kcore.c */
	{ "/proc/kcore", MAY_READ, NULL, CAP_BIT(CAP_SYS_RAWIO) },
	/* kmsg_open(), do_syslog(SYSLOG_ACTION_OPEN) */
	{ "/proc/kmsg", MAY_READ, NULL, CAP_BIT(CAP_SYSLOG) },
	/* bpf_stats_handler(), bpf_unpriv_handler() in kernel/bpf/syscall.c */
	{ "/proc/sys/kernel/bpf_stats_enabled", MAY_WRITE, NULL, SYS_ADMIN },
	{ "/proc/sys/kernel/unprivileged_bpf_disabled", MAY_WRITE, NULL, SYS_ADMIN },
	/* proc_dointvec_minmax_sysadmin() in kernel/printk/sysctl.c */
	{ "/proc/sys/kernel/dmesg_restrict", MAY_WRITE, NULL, SYS_ADMIN },
	{ "/proc/sys/kernel/kptr_restrict", MAY_WRITE, NULL, SYS_ADMIN },
	/* checkpoint_restore_ns_capable() in kernel/pid_namespace.c and ipc/ipc_sysctl.c */
	{ "/proc/sys/kernel/msg_next_id", MAY_WRITE, NULL, RESTORE_OR_ROOT },
	{ "/proc/sys/kernel/ns_last_pid", MAY_WRITE, NULL, RESTORE_OR_ROOT },
	{ "/proc/sys/kernel/sem_next_id", MAY_WRITE, NULL, RESTORE_OR_ROOT },
	{ "/proc/sys/kernel/shm_next_id", MAY_WRITE, NULL, RESTORE_OR_ROOT },
	/* sysctl_numa_balancing(), sysctl_schedstats() in kernel/sched/core.c */
	{ "/proc/sys/kernel/numa_balancing", MAY_WRITE, NULL, SYS_ADMIN },
	{ "/proc/sys/kernel/sched_schedstats", MAY_WRITE, NULL, SYS_ADMIN },
	/* seccomp_actions_logged_handler() in kernel/seccomp.c */
	{ "/proc/sys/kernel/seccomp/actions_logged", MAY_WRITE, NULL, SYS_ADMIN },
	/* proc_taint() in kernel/panic.c, sysctl_delayacct() in kernel/delayacct.c */
	{ "/proc/sys/kernel/tainted", MAY_WRITE, NULL, SYS_ADMIN },
	{ "/proc/sys/kernel/task_delayacct", MAY_WRITE, NULL, SYS_ADMIN },
	/* proc_cap_handler() in kernel/umh.c: both */
	{ "/proc/sys/kernel/usermodehelper/bset", MAY_WRITE, NULL, CAP_BIT(CAP_SETPCAP) },
	{ "/proc/sys/kernel/usermodehelper/bset", MAY_WRITE, NULL, CAP_BIT(CAP_SYS_MODULE) },
	{ "/proc/sys/kernel/usermodehelper/inheritable", MAY_WRITE, NULL, CAP_BIT(CAP_SETPCAP) },
	{ "/proc/sys/kernel/usermodehelper/inheritable", MAY_WRITE, NULL, CAP_BIT(CAP_SYS_MODULE) },
	/* yama_dointvec_minmax() in security/yama/yama_lsm.c */
	{ "/proc/sys/kernel/yama/ptrace_scope", MAY_WRITE, NULL, CAP_BIT(CAP_SYS_PTRACE) },
	/* devinet_sysctl_forward() in net/ipv4/devinet.c */
	{ "/proc/sys/net/ipv4/ip_forward", MAY_WRITE, NULL, CAP_BIT(CAP_NET_ADMIN) },
	/* pid_mfd_noexec_dointvec_minmax() in kernel/pid_sysctl.h */
	{ "/proc/sys/vm/memfd_noexec", MAY_WRITE, NULL, SYS_ADMIN },
	/* mmap_min_addr_handler() in security/min_addr.c */
	{ "/proc/sys/vm/mmap_min_addr", MAY_WRITE, NULL, CAP_BIT(CAP_SYS_RAWIO) },
};

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/*
 * net_ctl_permissions() in net/sysctl_net.c: as to settings of the network its administrator is as
 * good as root. test_perm() in fs/proc/proc_sysctl.c asks for no other capability.
 */
static void need_network_setting(struct needs *needs, const struct path *path, unsigned int mask)
{
	const struct creds *creds = needs->call->creds;
	unsigned int mode = path->object.mode;
	bool in_group = creds->egid == 0;

	for (size_t i = 0; i < creds->group_count; i++)
		in_group |= creds->groups[i] == 0;
	if (creds->euid != 0 && mask & ~(in_group ? mode >> 3 : mode) && !(mask & ~(mode >> 6)))
		need_add(needs, CAP_BIT(CAP_NET_ADMIN), path->name);
}

/* The file itself: what is below /proc/PID is not in the table. */
static void need_kernel_file(struct needs *needs, const struct path *path, unsigned int mask)
{
	const char *last = strrchr(path->name, '/');

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i].name, path->name) == 0 && mask & files[i].mask &&
		    (!files[i].when || files[i].when()))
			need_add(needs, files[i].any_of, path->name);
	/* devinet_sysctl_forward(), of one interface */
	if (mask & MAY_WRITE && starts(path->name, "/proc/sys/net/ipv4/conf/") &&
	    strcmp(last, "/forwarding") == 0)
		need_add(needs, CAP_BIT(CAP_NET_ADMIN), path->name);
	if (starts(path->name, "/proc/sys/net/"))
		need_network_setting(needs, path, mask);
	/* set_permissions() in kernel/ucount.c: others may read */
	if (mask & MAY_WRITE && starts(path->name, "/proc/sys/user/"))
		need_add(needs, CAP_BIT(CAP_SYS_RESOURCE), path->name);
}

/* ---- files of a process ---- */

/*
 * What else opens another process's memory map: may_access_mm() in kernel/fork.c. Seen on 6.18,
 * not on 6.12; a kernel between is taken for the older one, on which the policy works too.
 */
static uint64_t mm_alternatives(void)
{
	return kernel_is(6, 18) ? CAP_BIT(CAP_PERFMON) | SYS_ADMIN : 0;
}

/* audit_set_loginuid_perm() in kernel/auditsc.c: free as long as it is not set. */
static bool login_is_set(pid_t tid)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/loginuid", tid);
	return sysctl_number(name, UINT32_MAX) != UINT32_MAX;
}

/* What a file of /proc/PID asks for; fs/proc/base.c where nothing else is said. */
static const struct process_row {
	const char *name;
	unsigned int mask;
	enum {
		OF_MEMORY, /* the right to look at another's memory map: proc_mem_open() */
		OF_LOOK,   /* the right to look at another: ptrace_may_access() */
		OF_OTHERS, /* any_of, for another's */
		OF_ALL,    /* any_of, for one's own too */
		OF_LOGIN   /* any_of, if the login is known */
	} how;
	uint64_t any_of;
} process_files[] = {
	{ "auxv", MAY_READ, OF_MEMORY, 0 },
	{ "environ", MAY_READ, OF_MEMORY, 0 },
	/* map_ids(), new_idmap_permitted() in kernel/user_namespace.c; one's own map takes nothing,
	   nor does it to map only oneself into another's */
	{ "gid_map", MAY_WRITE, OF_OTHERS, CAP_BIT(CAP_SETGID) },
	{ "io", MAY_READ, OF_LOOK, 0 },
	{ "loginuid", MAY_WRITE, OF_LOGIN, CAP_BIT(CAP_AUDIT_CONTROL) },
	{ "map_files", MAY_READ, OF_MEMORY, 0 },
	{ "maps", MAY_READ, OF_MEMORY, 0 },
	{ "mem", MAY_READ | MAY_WRITE, OF_LOOK, 0 },
	{ "numa_maps", MAY_READ, OF_MEMORY, 0 },
	{ "pagemap", MAY_READ, OF_MEMORY, 0 },
	/* pagemap_read() in fs/proc/task_mmu.c: page frames read as 0 without it */
	{ "pagemap", MAY_READ, OF_ALL, SYS_ADMIN },
	/* lock_trace() */
	{ "personality", MAY_READ, OF_LOOK, 0 },
	{ "seccomp_cache", MAY_READ, OF_ALL, SYS_ADMIN },
	{ "smaps", MAY_READ, OF_MEMORY, 0 },
	{ "smaps_rollup", MAY_READ, OF_MEMORY, 0 },
	{ "stack", MAY_READ, OF_LOOK, 0 },
	{ "stack", MAY_READ, OF_ALL, SYS_ADMIN },
	{ "syscall", MAY_READ, OF_LOOK, 0 },
	/* proc_timens_set_offset() in kernel/time/namespace.c */
	{ "timens_offsets", MAY_WRITE, OF_ALL, CAP_BIT(CAP_SYS_TIME) },
	{ "timerslack_ns", MAY_READ | MAY_WRITE, OF_OTHERS, CAP_BIT(CAP_SYS_NICE) },
	{ "uid_map", MAY_WRITE, OF_OTHERS, CAP_BIT(CAP_SETUID) },
	/* proc_pid_wchan(): reads as 0 without it */
	{ "wchan", MAY_READ, OF_LOOK, 0 },
};

static void need_process_row(struct needs *needs, const struct path *path,
			     const struct process_row *row)
{
	bool other = starts(path->name, "/proc/\\{pids}/");

	if (row->how == OF_MEMORY)
		need_ptrace(needs, call_target(needs->call, path->process), true,
			    mm_alternatives());
	else if (row->how == OF_LOOK)
		need_ptrace(needs, call_target(needs->call, path->process), true, 0);
	else if (row->how == OF_ALL || (row->how == OF_OTHERS && other) ||
		 (row->how == OF_LOGIN && login_is_set(needs->call->tid)))
		need_add(needs, row->any_of, path->name);
}

static void need_process_file(struct needs *needs, const struct path *path, unsigned int mask)
{
	AUTO_FREE char *name = xstrdup(path->name);
	size_t length = strlen(name);

	if (name[length - 1] == '/') /* a directory */
		name[length - 1] = '\0';
	const char *last = strrchr(name, '/') + 1;
	for (size_t i = 0; i < ARRAY_SIZE(process_files); i++)
		if (strcmp(process_files[i].name, last) == 0 && mask & process_files[i].mask)
			need_process_row(needs, path, &process_files[i]);
	/* proc_fdinfo_permission() in fs/proc/fd.c */
	if (strstr(name, "/fdinfo"))
		need_ptrace(needs, call_target(needs->call, path->process), true, 0);
}

/*
 * Attributes of an interface: netdev_store() and store_rps_map() in net/core/net-sysfs.c,
 * store_bridge_parm(). The driver core's own ask for nothing.
 */
static void need_interface_file(struct needs *needs, const struct path *path, unsigned int mask)
{
	const char *net = strstr(path->name, "/net/");
	const char *file = net ? strchr(net + strlen("/net/"), '/') : NULL;

	if (mask & MAY_WRITE && file && starts(path->name, "/sys/devices/") &&
	    strcmp(file, "/uevent") != 0 && !starts(file, "/power/"))
		need_add(needs, CAP_BIT(CAP_NET_ADMIN), path->name);
}

void need_opened(struct needs *needs, const struct path *path, unsigned int mask)
{
	if (S_ISCHR(path->object.mode))
		need_device(needs, path, mask);
	if (!path->name)
		return;
	need_interface_file(needs, path, mask);
	if (!starts(path->name, "/proc/"))
		return;
	if (path->process)
		need_process_file(needs, path, mask);
	else
		need_kernel_file(needs, path, mask);
}

/* proc_map_files_get_link(): to follow what one maps oneself takes it too. */
void need_mapped_file(struct needs *needs, const struct path *path)
{
	const char *name = path->origin.known ? path->origin.string : NULL;

	if (path->linked && name && strstr(name, "/map_files/"))
		need_add(needs, RESTORE_OR_ROOT, "a file by its mapping");
}
