/*
 * What the rows of corpus.tsv do that no ordinary program does: "helper ACTION [ARG...]" makes one
 * call and prints "ok " or "FAIL ERRNO"; the status says the same.
 *
 * "helper keep CAPABILITIES COMMAND..." runs a command with these ("cap_chown,cap_kill" or "-") and
 * no others: bounding set first, since dropping from it needs CAP_SETPCAP, then the thread's own.
 * A root program then gets back by execve(2) what both sets left (capabilities(7)).
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* The arguments of an action; missing ones are "". */
static const char *word(char **args, int index)
{
	for (int i = 0; i <= index; i++)
		if (!args[i])
			return "";
	return args[index];
}

static int number(char **args, int index)
{
	return atoi(word(args, index));
}

/* ---- files ---- */

static long open_rdwr(char **args)
{
	return open(word(args, 0), O_RDWR);
}

static long open_path(char **args)
{
	return open(word(args, 0), O_PATH);
}

static long open_noatime(char **args)
{
	return open(word(args, 0), O_RDONLY | O_NOATIME);
}

static long lease(char **args)
{
	return fcntl(open(word(args, 0), O_RDONLY), F_SETLEASE, F_RDLCK);
}

static long set_attribute(char **args)
{
	return setxattr(word(args, 0), word(args, 1), "v", 1, 0);
}

static long get_attribute(char **args)
{
	char value[64];

	return getxattr(word(args, 0), word(args, 1), value, sizeof(value));
}

static long list_attributes(char **args)
{
	char names[4096];
	ssize_t length = listxattr(word(args, 0), names, sizeof(names));

	for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1)
		printf("%s ", names + at);
	return length;
}

static long create_file(char **args)
{
	umask(0);
	return open(word(args, 0), O_CREAT | O_WRONLY, strtol(word(args, 1), NULL, 8));
}

/* The argument is a number in a buffer. */
static long control(char **args)
{
	char buffer[4096] = { 0 };
	int value = number(args, 2);

	memcpy(buffer, &value, sizeof(value));
	return ioctl(open(word(args, 0), O_RDONLY | O_NONBLOCK | O_NOCTTY),
		     strtoul(word(args, 1), NULL, 0), buffer);
}

static long type_at_terminal(char **args)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);

	(void)args;
	return grantpt(terminal) < 0 || unlockpt(terminal) < 0
		       ? -1
		       : ioctl(open(ptsname(terminal), O_RDWR | O_NOCTTY), TIOCSTI, "x");
}

static long watch_file_system(char **args)
{
	int fd = (int)syscall(SYS_fanotify_init, 0x200 /* FAN_REPORT_FID */, 0);

	return syscall(SYS_fanotify_mark, fd, 1 | number(args, 0), 2, AT_FDCWD, ".");
}

static long mount_tmpfs(char **args)
{
	return mount("t", word(args, 0), "tmpfs", 0, NULL);
}

/* ---- ids and capabilities ---- */

static long set_uid(char **args)
{
	return setuid((uid_t)number(args, 0));
}

static long set_groups(char **args)
{
	gid_t group = (gid_t)number(args, 0);

	return setgroups(1, &group);
}

static long seteuid_back(char **args)
{
	(void)args;
	return seteuid(0) < 0 ? -1 : setresuid((uid_t)-1, 0, (uid_t)-1);
}

static long swap_ids(char **args)
{
	(void)args;
	return setresuid(1000, 0, 0) < 0 ? -1 : setresuid(0, 1000, 0);
}

static long drop_then_kill(char **args)
{
	return setuid(1000) < 0 ? -1 : kill(number(args, 0), 0);
}

static long drop_bounding(char **args)
{
	(void)args;
	return prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT);
}

static long set_securebits(char **args)
{
	return prctl(PR_SET_SECUREBITS, *args ? number(args, 0) : 2);
}

static long new_key(void)
{
	return syscall(SYS_add_key, "user", "x", "y", 1, KEY_SPEC_SESSION_KEYRING);
}

static long give_key_away(char **args)
{
	return syscall(SYS_keyctl, KEYCTL_CHOWN, new_key(), number(args, 0), -1);
}

static long persistent_keyring(char **args)
{
	return syscall(SYS_keyctl, KEYCTL_GET_PERSISTENT, number(args, 0),
		       KEY_SPEC_SESSION_KEYRING);
}

/* ---- sockets ---- */

static long bind_port(char **args)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)number(args, 0)) };

	return bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address));
}

static long bind_port6(char **args)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_port = htons((uint16_t)number(args, 0)) };

	return bind(socket(AF_INET6, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address));
}

static long packet_socket(char **args)
{
	(void)args;
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long icmp_socket(char **args)
{
	(void)args;
	return socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
}

static long socket_option(char **args)
{
	int value = number(args, 1);

	return setsockopt(socket(AF_INET, SOCK_DGRAM, 0), SOL_SOCKET, number(args, 0), &value,
			  sizeof(value));
}

/* FAMILY TYPE PROTOCOL, then LEVEL NAME VALUE once or more. */
static long any_option(char **args)
{
	int fd = socket(number(args, 0), number(args, 1), number(args, 2));

	for (args += 3; fd >= 0 && *args; args += 3) {
		int value[2] = { number(args, 2), 0 };

		if (setsockopt(fd, number(args, 0), number(args, 1), value, sizeof(value)) < 0)
			return -1;
	}
	return fd;
}

static long join_group(char **args)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK,
				       .nl_groups = (unsigned int)number(args, 1) };

	return bind(socket(AF_NETLINK, SOCK_RAW, number(args, 0)), (struct sockaddr *)&address,
		    sizeof(address));
}

static long tell_group(char **args)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK,
				       .nl_groups = (unsigned int)number(args, 1) };

	return sendto(socket(AF_NETLINK, SOCK_RAW, number(args, 0)), "add@/x", 7, 0,
		      (struct sockaddr *)&address, sizeof(address));
}

static long bind_vsock(char **args)
{
	struct sockaddr_vm address = { .svm_family = AF_VSOCK,
				       .svm_port = (unsigned int)number(args, 0),
				       .svm_cid = VMADDR_CID_ANY };

	return bind(socket(AF_VSOCK, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address));
}

/* An option for one message: LEVEL NAME VALUE. */
static long send_option(char **args)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { "x", 1 };
	struct msghdr message = { .msg_name = &to,
				  .msg_namelen = sizeof(to),
				  .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int value = number(args, 2);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	header->cmsg_level = number(args, 0);
	header->cmsg_type = number(args, 1);
	header->cmsg_len = CMSG_LEN(sizeof(value));
	memcpy(CMSG_DATA(header), &value, sizeof(value));
	return sendmsg(socket(AF_INET, SOCK_DGRAM, 0), &message, 0);
}

static long ethtool(char **args)
{
	struct ifreq request = { .ifr_name = "lo" };
	uint32_t command[64] = { (uint32_t)strtoul(word(args, 0), NULL, 0) };

	request.ifr_data = (char *)command;
	return ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCETHTOOL, &request);
}

static long send_credentials(char **args)
{
	struct ucred sent = { .pid = getpid(), .uid = 1000, .gid = 1000 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(sent))] = { 0 };
	struct iovec data = { "x", 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int pair[2];

	(void)args;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_CREDENTIALS;
	header->cmsg_len = CMSG_LEN(sizeof(sent));
	memcpy(CMSG_DATA(header), &sent, sizeof(sent));
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0 ? -1 : sendmsg(pair[0], &message, 0);
}

/* The refusal comes as a message: it becomes this call's result. */
static long audit_get(char **args)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr request = { sizeof(request), AUDIT_GET, NLM_F_REQUEST | NLM_F_ACK, 1, 0 };
	_Alignas(struct nlmsghdr) char reply[4096];
	struct nlmsghdr *header = (struct nlmsghdr *)reply;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);

	(void)args;
	if (sendto(fd, &request, sizeof(request), 0, (struct sockaddr *)&kernel, sizeof(kernel)) <
	    0)
		return -1;
	do {
		if (recv(fd, reply, sizeof(reply), 0) < 0)
			return -1;
	} while (header->nlmsg_type != NLMSG_ERROR);
	errno = -((struct nlmsgerr *)NLMSG_DATA(header))->error;
	return errno ? -1 : 0;
}

/* ---- memory and System V IPC ---- */

static long lock_memory(char **args)
{
	struct rlimit limit;
	size_t size = 1 << 20;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	limit.rlim_cur = (rlim_t)number(args, 0);
	setrlimit(RLIMIT_MEMLOCK, &limit);
	return mlock(mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
}

static long shm_make(char **args)
{
	return shmget(number(args, 0), 4096, IPC_CREAT | (int)strtol(word(args, 1), NULL, 8));
}

static long shm_attach(char **args)
{
	return shmat(shmget(number(args, 0), 0, 0), NULL, 0) == (void *)-1 ? -1 : 0;
}

static long shm_lock(char **args)
{
	int id = shmget(IPC_PRIVATE, (size_t)number(args, 0), 0600);
	long result = shmctl(id, SHM_LOCK, NULL);
	int error = errno;

	shmctl(id, IPC_RMID, NULL);
	errno = error;
	return result;
}

static long shm_huge(char **args)
{
	(void)args;
	return shmget(IPC_PRIVATE, 2 << 20, 0600 | SHM_HUGETLB);
}

static long shm_remove(char **args)
{
	return shmctl(shmget(number(args, 0), 0, 0), IPC_RMID, NULL);
}

/* ---- processes ---- */

static long attach(char **args)
{
	pid_t pid = number(args, 0);

	if (ptrace(PTRACE_ATTACH, pid, 0, 0) < 0)
		return -1;
	waitpid(pid, NULL, __WALL);
	return ptrace(PTRACE_DETACH, pid, 0, 0);
}

/* Reading what is another's, and advice on it. */
static long advise_child(char **args)
{
	static char page[3 * 4096];
	void *start = (void *)(((uintptr_t)page + 4095) / 4096 * 4096);
	struct iovec range = { start, 4096 };
	pid_t child = fork();

	(void)args;
	if (child == 0)
		for (;;)
			pause();
	long result = syscall(SYS_process_madvise, syscall(SYS_pidfd_open, child, 0), &range, 1,
			      20 /* MADV_COLD */, 0);
	int error = errno;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	errno = error;
	return result;
}

static long signal_group(char **args)
{
	return kill(-number(args, 0), number(args, 1));
}

static long unshare_some(char **args)
{
	const char *kinds = word(args, 0);

	return unshare((strchr(kinds, 'n') ? CLONE_NEWNET : 0) |
		       (strchr(kinds, 'U') ? CLONE_NEWUSER : 0));
}

static long join_namespace(char **args)
{
	int fd = open(word(args, 0), O_RDONLY);

	return fd < 0 ? -1 : setns(fd, 0);
}

static long set_hostname(char **args)
{
	(void)args;
	return unshare(CLONE_NEWUTS) < 0 ? -1 : sethostname("zz", 2);
}

static long realtime_policy(char **args)
{
	struct sched_param param = { .sched_priority = 1 };

	(void)args;
	return sched_setscheduler(0, SCHED_FIFO, &param);
}

static long realtime_io(char **args)
{
	(void)args;
	return syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4);
}

static long lower_limit(char **args)
{
	struct rlimit limit = { (rlim_t)number(args, 0), (rlim_t)number(args, 0) };

	return setrlimit(RLIMIT_CORE, &limit);
}

static long clone_with_tid(char **args)
{
	pid_t tid = number(args, 0);
	struct clone_args clone = { .exit_signal = SIGCHLD,
				    .set_tid = (uintptr_t)&tid,
				    .set_tid_size = 1 };
	long child;

	/* The machine may have a process of that number: the next one below then. */
	while ((child = syscall(SYS_clone3, &clone, sizeof(clone))) < 0 && errno == EEXIST)
		tid--;
	if (child == 0)
		_exit(0);
	if (child > 0)
		waitpid((pid_t)child, NULL, 0);
	return child;
}

/* ---- the rest ---- */

static long read_clock(char **args)
{
	struct timex timex = { 0 };

	(void)args;
	return adjtimex(&timex);
}

static long hang_up(char **args)
{
	(void)args;
	setsid();
	return syscall(SYS_vhangup);
}

static long alarm_clock(char **args)
{
	(void)args;
	return timerfd_create(CLOCK_REALTIME_ALARM, 0);
}

static long alarm_timer(char **args)
{
	timer_t timer;

	(void)args;
	return timer_create(CLOCK_BOOTTIME_ALARM, NULL, &timer);
}

static long set_monotonic(char **args)
{
	struct timespec now = { .tv_sec = 1 };

	(void)args;
	return clock_settime(CLOCK_MONOTONIC, &now);
}

static long missing_mount(char **args)
{
	return number(args, 0) ? umount2("missing", 0) : mount("t", "missing", "tmpfs", 0, NULL);
}

static long old_call(char **args)
{
	(void)args;
	return syscall(SYS_create_module, "x", 1);
}

static long bpf_map(char **args)
{
	union bpf_attr attr = { .map_type = (uint32_t)number(args, 0),
				.key_size = 4,
				.value_size = 4,
				.max_entries = 1 };

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long events_of(char **args)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_TASK_CLOCK,
					.exclude_kernel = 1,
					.exclude_hv = 1 };

	return syscall(SYS_perf_event_open, &attr, number(args, 0), -1, -1, 0);
}

static long kernel_events(char **args)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_CPU_CLOCK };

	(void)args;
	return syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
}

static uint64_t parse_capabilities(const char *text)
{
	uint64_t mask = 0;
	char name[64];

	while (*text && strcmp(text, "-") != 0) {
		size_t length = strcspn(text, ",");
		cap_value_t cap;

		snprintf(name, sizeof(name), "%.*s", (int)length, text);
		if (cap_from_name(name, &cap) < 0)
			errx(125, "%s is no capability", name);
		mask |= UINT64_C(1) << cap;
		text += length + (text[length] == ',');
	}
	return mask;
}

static long keep(char **args)
{
	uint64_t mask = parse_capabilities(word(args, 0));
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(mask >> cap & 1) && prctl(PR_CAPBSET_DROP, cap) < 0)
			err(125, "PR_CAPBSET_DROP");
	if (capget(&header, data) < 0)
		err(125, "capget");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(mask >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (capset(&header, data) < 0)
		err(125, "capset");
	execvp(word(args, 1), args + 1);
	err(125, "%s", word(args, 1));
}

static const struct {
	const char *name;
	long (*run)(char **args);
} actions[] = {
	{ "advise", advise_child },
	{ "alarm", alarm_clock },
	{ "alarmtimer", alarm_timer },
	{ "attach", attach },
	{ "auditget", audit_get },
	{ "bind", bind_port },
	{ "bind6", bind_port6 },
	{ "bpfmap", bpf_map },
	{ "bset", drop_bounding },
	{ "control", control },
	{ "create", create_file },
	{ "drop_then_kill", drop_then_kill },
	{ "ethtool", ethtool },
	{ "fanotify", watch_file_system },
	{ "fifo", realtime_policy },
	{ "hardlim", lower_limit },
	{ "hostname", set_hostname },
	{ "icmp", icmp_socket },
	{ "ioprio", realtime_io },
	{ "keep", keep },
	{ "keychown", give_key_away },
	{ "keyring", persistent_keyring },
	{ "killpg", signal_group },
	{ "lease", lease },
	{ "mlock", lock_memory },
	{ "monotonic", set_monotonic },
	{ "mount", mount_tmpfs },
	{ "msgoption", send_option },
	{ "nljoin", join_group },
	{ "nltell", tell_group },
	{ "noatime", open_noatime },
	{ "nomount", missing_mount },
	{ "oldcall", old_call },
	{ "opath", open_path },
	{ "option", any_option },
	{ "packet", packet_socket },
	{ "perf", kernel_events },
	{ "perfof", events_of },
	{ "rdwr", open_rdwr },
	{ "scmcred", send_credentials },
	{ "secb", set_securebits },
	{ "seteuid_back", seteuid_back },
	{ "setgroups", set_groups },
	{ "setns", join_namespace },
	{ "settid", clone_with_tid },
	{ "setuid", set_uid },
	{ "shmat", shm_attach },
	{ "shmhuge", shm_huge },
	{ "shmlock", shm_lock },
	{ "shmmk", shm_make },
	{ "shmrm", shm_remove },
	{ "sso", socket_option },
	{ "swap", swap_ids },
	{ "timexro", read_clock },
	{ "tiocsti", type_at_terminal },
	{ "unshare", unshare_some },
	{ "vhangup", hang_up },
	{ "vsock", bind_vsock },
	{ "xget", get_attribute },
	{ "xlist", list_attributes },
	{ "xset", set_attribute },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].name, argv[1]) != 0)
			continue;
		errno = 0;
		long result = actions[i].run(argv + 2);
		printf("%s %s\n", result < 0 ? "FAIL" : "ok",
		       result < 0 ? strerrorname_np(errno) : "");
		return result < 0;
	}
	errx(125, "no such action");
}
