/*
 * What the kernel was asked for in a call (EVENT_ASKED), beside what rules say of it: it confirms
 * them, and speaks where there is none. Not each question decides something; those that do not are
 * in a table here.
 */
#include <observe/known.h>

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>

/* Is more memory locked than the limit allows? Asked behind a call that succeeded. */
static bool locks_above_limit(const struct thread *thread)
{
	struct rlimit limit;
	AUTO_FREE char *status = proc_status(thread->tid);
	const char *locked = status ? proc_field(status, "VmLck") : NULL;

	if (!locked || prlimit(thread->tid, RLIMIT_MEMLOCK, NULL, &limit) < 0)
		return false;
	return strtoull(locked, NULL, 10) * 1024 > limit.rlim_cur;
}

/*
 * Questions whose answer changes nothing that anybody sees, or of which a rule alone can say
 * whether it does. By the call, or by a function of the kernel that is on the way to the question;
 * NULL: any, "*" at the end of a name stands for the rest.
 */
static const struct noise {
	int capability; /* -1: any */
	const char *call;
	const char *function;
	bool (*matters)(const struct thread *thread); /* then it is none */
} noises[] = {
	/* Memory: it matters only with vm.overcommit_memory 2, near the limit (mm/util.c). The
	   calls that ask often stand for themselves: no function has to be looked for. */
	{ CAP_SYS_ADMIN, "brk", NULL, NULL },
	{ CAP_SYS_ADMIN, "clone", NULL, NULL },
	{ CAP_SYS_ADMIN, "clone3", NULL, NULL },
	{ CAP_SYS_ADMIN, "execve", NULL, NULL },
	{ CAP_SYS_ADMIN, "execveat", NULL, NULL },
	{ CAP_SYS_ADMIN, "fork", NULL, NULL },
	{ CAP_SYS_ADMIN, "mmap", NULL, NULL },
	{ CAP_SYS_ADMIN, "mmap2", NULL, NULL },
	{ CAP_SYS_ADMIN, "mprotect", NULL, NULL },
	{ CAP_SYS_ADMIN, "mremap", NULL, NULL },
	{ CAP_SYS_ADMIN, "vfork", NULL, NULL },
	{ CAP_SYS_ADMIN, NULL, "cap_vm_enough_memory", NULL },
	{ CAP_SYS_ADMIN, NULL, "security_vm_enough_memory_mm", NULL },
	/* mm/mmap.c, mlock_future_ok() asks before it counts */
	{ CAP_IPC_LOCK, "brk", NULL, locks_above_limit },
	{ CAP_IPC_LOCK, "mmap", NULL, locks_above_limit },
	{ CAP_IPC_LOCK, "mmap2", NULL, locks_above_limit },
	{ CAP_IPC_LOCK, "mremap", NULL, locks_above_limit },
	{ CAP_IPC_LOCK, "io_uring_setup", NULL, NULL }, /* whose account: io_uring_create() */
	{ CAP_IPC_LOCK, "shmget", NULL, NULL },         /* can_do_hugetlb_shm(): or a group */
	{ CAP_IPC_LOCK, "shmctl", NULL, NULL },         /* before it counts: user_shm_lock() */
	/* Layers are opened by who mounted them: fs/overlayfs, override_creds() */
	{ -1, NULL, "ovl_*", NULL },
	/* security/commoncap.c: asked before it is known whether anything grows, cap_capset() and
	   cap_task_prctl(); of the tracer, whittle, cap_bprm_creds_from_file() */
	{ CAP_SETPCAP, "capset", NULL, NULL },
	{ CAP_SETPCAP, "prctl", NULL, NULL },
	{ CAP_SYS_PTRACE, "execve", NULL, NULL },
	{ CAP_SYS_PTRACE, "execveat", NULL, NULL },
	/* Is the program to be dumpable? fs/exec.c */
	{ -1, NULL, "would_dump", NULL },
	/* Asked of every file whose group is another, also of those without the bit: fs/attr.c,
	   setattr_prepare(); fs/posix_acl.c */
	{ CAP_FSETID, "chmod", NULL, NULL },
	{ CAP_FSETID, "fchmod", NULL, NULL },
	{ CAP_FSETID, "fchmodat", NULL, NULL },
	{ CAP_FSETID, "fchmodat2", NULL, NULL },
	{ CAP_FSETID, "fsetxattr", NULL, NULL },
	{ CAP_FSETID, "lsetxattr", NULL, NULL },
	{ CAP_FSETID, "setxattr", NULL, NULL },
	/* Who owns a file may link it whatever its mode is: fs/namei.c */
	{ CAP_DAC_OVERRIDE, NULL, "may_linkat", NULL },
	/* Who may write may set the time to now too: fs/attr.c */
	{ CAP_FOWNER, NULL, "may_setattr", NULL },
	/* Names of trusted.* that are not there: fs/ext4/xattr_trusted.c */
	{ CAP_SYS_ADMIN, "flistxattr", NULL, NULL },
	{ CAP_SYS_ADMIN, "listxattr", NULL, NULL },
	{ CAP_SYS_ADMIN, "llistxattr", NULL, NULL },
	/* Groups that need it are told by their flags: fs/notify/fanotify/fanotify_user.c */
	{ CAP_SYS_ADMIN, "fanotify_init", NULL, NULL },
	/* Asked before the ids are compared: kernel/sys.c */
	{ CAP_SETGID, "setfsgid", NULL, NULL },
	{ CAP_SETGID, "setgid", NULL, NULL },
	{ CAP_SETGID, "setregid", NULL, NULL },
	{ CAP_SETGID, "setresgid", NULL, NULL },
	{ CAP_SETUID, "setfsuid", NULL, NULL },
	{ CAP_SETUID, "setresuid", NULL, NULL },
	{ CAP_SETUID, "setreuid", NULL, NULL },
	{ CAP_SETUID, "setuid", NULL, NULL },
	/* Before it is looked whether SIGCONT goes to the own session: kernel/signal.c */
	{ CAP_KILL, NULL, "check_kill_permission", NULL },
	/* For pages that others share; mm/mempolicy.c, kernel_migrate_pages() */
	{ CAP_SYS_NICE, "migrate_pages", NULL, NULL },
	/* Root has the same right by the mode: net/sysctl_net.c, ipc/ipc_sysctl.c, fs/proc */
	{ CAP_NET_ADMIN, NULL, "net_ctl_permissions", NULL },
	{ CAP_SYS_ADMIN, NULL, "pid_table_root_permissions", NULL },
	/* Whoever may trace may read too: kernel/fork.c; of what BPF is spared: kernel/bpf,
	   arch/x86/net/bpf_jit_comp.c; where paranoia already allows it: kernel/events/core.c */
	{ CAP_PERFMON, NULL, "mm_access", NULL },
	{ CAP_PERFMON, "bpf", NULL, NULL },
	{ CAP_SYS_ADMIN, NULL, "do_jit", NULL },
	{ CAP_PERFMON, "perf_event_open", NULL, NULL },
	/* Whether a module may be loaded for a name: drivers/tty/tty_ldisc.c, where everybody may
	   (dev.tty.ldisc_autoload); net/core/dev_ioctl.c */
	{ CAP_SYS_MODULE, NULL, "tty_ldisc_get", NULL },
	{ CAP_NET_ADMIN, NULL, "dev_load", NULL },
	{ CAP_SYS_MODULE, NULL, "dev_load", NULL },
	/* Details of an answer: net/ipv4/inet_diag.c, net/packet/diag.c; net/core/rtnetlink.c */
	{ CAP_NET_ADMIN, NULL, "inet_diag_*", NULL },
	{ CAP_NET_ADMIN, NULL, "tcp_diag_*", NULL },
	{ CAP_NET_ADMIN, NULL, "udp_diag_*", NULL },
	{ CAP_NET_ADMIN, NULL, "raw_diag_*", NULL },
	{ CAP_NET_ADMIN, NULL, "packet_diag_*", NULL },
	{ CAP_NET_ADMIN, NULL, "rtnetlink_rcv_msg", NULL },
	/* An algorithm that everybody may choose: net/ipv4/tcp_cong.c; who is trusted later:
	   net/vmw_vsock/af_vsock.c */
	{ CAP_NET_ADMIN, "setsockopt", "do_tcp_setsockopt", NULL },
	{ CAP_NET_ADMIN, NULL, "__vsock_create", NULL },
};

/* thread is NULL if it is not known in what state the call was made. */
static bool is_noise(const struct thread *thread, const char *call, const struct event *event)
{
	for (size_t i = 0; i < ARRAY_SIZE(noises); i++) {
		const struct noise *noise = &noises[i];

		if ((noise->capability < 0 || noise->capability == event->capability) &&
		    (!noise->call || strcmp(noise->call, call) == 0) &&
		    (!noise->function || asked_through(event->stack, noise->function)))
			return !thread || !noise->matters || !noise->matters(thread);
	}
	return false;
}

/*
 * The broader ones that the kernel takes instead, and asks for only where the first is not held.
 * function: which asked.
 */
static uint64_t alternatives(int capability, const char *function)
{
	switch (capability) {
	case CAP_DAC_READ_SEARCH: /* fs/namei.c; not so in path_init(), of a link by a descriptor */
		if (*function && strcmp(function, "generic_permission") != 0)
			return CAP_BIT(capability);
		return CAP_BIT(capability) | CAP_BIT(CAP_DAC_OVERRIDE);
	case CAP_BPF: /* include/linux/capability.h */
	case CAP_PERFMON:
	case CAP_CHECKPOINT_RESTORE:
		return CAP_BIT(capability) | CAP_BIT(CAP_SYS_ADMIN);
	default:
		return CAP_BIT(capability);
	}
}

static void emit_measured(struct observer *observer, const struct thread *thread, uint64_t any_of,
			  const char *call, const char *object, const char *source)
{
	AUTO_BUF struct buf names = BUF_INIT;
	AUTO_FREE char *shape = temporary_name(observer, object); /* if it is a path */

	capable_names(any_of, &names);
	emit_fact(observer, FACT_CAPABILITY, buf_text(&names), "required", call,
		  shape ? shape : object, thread ? thread_program(thread) : "", source);
}

/* ---- in calls that are reported ---- */

static bool rule_speaks(const struct thread *thread, int capability)
{
	for (size_t i = 0; i < thread->need_count; i++)
		if (thread->needs[i].any_of & CAP_BIT(capability))
			return true;
	return false;
}

static const char *call_name(const struct thread *thread)
{
	return thread->row ? thread->row->name : thread->known->name;
}

static void note_question(struct thread *thread, const struct event *event)
{
	if (event->capability < 0 || event->capability >= CAPABLE_MAX ||
	    thread->asked & CAP_BIT(event->capability))
		return;
	thread->asked |= CAP_BIT(event->capability);
	thread->asked_source = event->what;
	if (!rule_speaks(thread, event->capability) && !is_noise(thread, call_name(thread), event))
		thread->asked_by[event->capability] = asked_by(event->stack);
}

void measured_leave(struct observer *observer, struct thread *thread, int64_t result)
{
	const struct creds *creds = thread->asked ? thread_creds(thread) : NULL;

	if (!creds || result == -EPERM || result == -EACCES)
		return;
	for (size_t i = 0; i < thread->need_count; i++)
		if (thread->needs[i].any_of & thread->asked & creds->effective)
			emit_measured(observer, thread, thread->needs[i].any_of, call_name(thread),
				      thread->needs[i].object, thread->asked_source);
	for (int cap = 0; cap < CAPABLE_MAX; cap++) {
		if (!thread->asked_by[cap] || !(creds->effective & CAP_BIT(cap)))
			continue;
		AUTO_FREE char *object = *thread->asked_by[cap]
						 ? xasprintf("%s()", thread->asked_by[cap])
						 : xstrdup("");

		emit_measured(observer, thread, alternatives(cap, thread->asked_by[cap]),
			      call_name(thread), object, thread->asked_source);
	}
}

void measured_forget(struct thread *thread)
{
	if (thread->asked)
		memset(thread->asked_by, 0, sizeof(thread->asked_by));
	thread->asked = 0;
}

/* ---- in calls that are not ---- */

/* What whittle does in the thread itself: see src/trace/inject.c. */
static bool may_be_whittles(const char *call)
{
	return strcmp(call, "seccomp") == 0 || strcmp(call, "prctl") == 0;
}

static void tell_question(struct observer *observer, struct thread *thread,
			  const struct event *event)
{
	AUTO_BUF struct buf call = BUF_INIT;

	abi_syscall_name(event->abi, event->nr, &call);
	if (may_be_whittles(buf_text(&call)) || is_noise(NULL, buf_text(&call), event))
		return;
	emit_measured(observer, thread, alternatives(event->capability, asked_by(event->stack)),
		      buf_text(&call), "", event->what);
}

void privilege_asked(struct observer *observer, const struct event *event)
{
	struct thread *thread = thread_find(observer, event->tid);

	if (!(observer->flags & OBSERVE_CAPS) || !observer->started || event->foreign)
		return;
	/* Unknown they may be of a process that is gone: the event says what is foreign. */
	const struct creds *creds = thread ? thread_creds(thread) : NULL;
	if (creds && creds->foreign_userns)
		return;
	if (!event->joined)
		tell_question(observer, thread, event);
	else if (thread && thread->in_call)
		note_question(thread, event);
}
