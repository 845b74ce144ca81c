/* ioctl(2): requests that ask for a capability whatever their argument is, and a few that look. */
#include <observe/capable_rules.h>

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define NET_ADMIN CAP_BIT(CAP_NET_ADMIN)
#define SYS_ADMIN CAP_BIT(CAP_SYS_ADMIN)

struct ioctl_row {
	uint32_t request;
	uint64_t any_of;
	const char *name;
};

/* Sorted by request. */
static const struct ioctl_row requests[] = {
	/* fs/ioctl.c: ioctl_fibmap() */
	{ 0x0001, CAP_BIT(CAP_SYS_RAWIO), "FIBMAP" },
	/* block/ioctl.c: blkdev_common_ioctl() */
	{ 0x125d, SYS_ADMIN, "BLKROSET" },
	{ 0x125f, SYS_ADMIN, "BLKRRPART" },
	{ 0x1261, SYS_ADMIN, "BLKFLSBUF" },
	{ 0x1262, SYS_ADMIN, "BLKRASET" },
	{ 0x1264, SYS_ADMIN, "BLKFRASET" },
	{ 0x1269, SYS_ADMIN, "BLKPG" },
	/* drivers/char/random.c: random_ioctl() */
	{ 0x5204, SYS_ADMIN, "RNDZAPENTCNT" },
	{ 0x5206, SYS_ADMIN, "RNDCLEARPOOL" },
	{ 0x5207, SYS_ADMIN, "RNDRESEEDCRNG" },
	/* drivers/tty/tty_io.c: tioccons(), tty_ioctl() */
	{ 0x541d, SYS_ADMIN, "TIOCCONS" },
	{ 0x5437, SYS_ADMIN, "TIOCVHANGUP" },
	/* drivers/tty/tty_ioctl.c: tty_mode_ioctl() */
	{ 0x5457, CAP_BIT(CAP_CHECKPOINT_RESTORE) | SYS_ADMIN, "TIOCSLCKTRMIOS" },
	/* net/ipv4/fib_frontend.c: ip_rt_ioctl() */
	{ 0x890b, NET_ADMIN, "SIOCADDRT" },
	{ 0x890c, NET_ADMIN, "SIOCDELRT" },
	/* net/core/dev_ioctl.c: dev_ioctl(); net/ipv4/devinet.c: devinet_ioctl() */
	{ 0x8911, NET_ADMIN, "SIOCSIFLINK" },
	{ 0x8914, NET_ADMIN, "SIOCSIFFLAGS" },
	{ 0x8916, NET_ADMIN, "SIOCSIFADDR" },
	{ 0x8918, NET_ADMIN, "SIOCSIFDSTADDR" },
	{ 0x891a, NET_ADMIN, "SIOCSIFBRDADDR" },
	{ 0x891c, NET_ADMIN, "SIOCSIFNETMASK" },
	{ 0x891e, NET_ADMIN, "SIOCSIFMETRIC" },
	{ 0x8922, NET_ADMIN, "SIOCSIFMTU" },
	{ 0x8923, NET_ADMIN, "SIOCSIFNAME" },
	{ 0x8924, NET_ADMIN, "SIOCSIFHWADDR" },
	{ 0x8930, NET_ADMIN, "SIOCSIFSLAVE" },
	{ 0x8931, NET_ADMIN, "SIOCADDMULTI" },
	{ 0x8932, NET_ADMIN, "SIOCDELMULTI" },
	{ 0x8934, NET_ADMIN, "SIOCSIFPFLAGS" },
	{ 0x8936, NET_ADMIN, "SIOCDIFADDR" },
	{ 0x8937, NET_ADMIN, "SIOCSIFHWBROADCAST" },
	{ 0x8943, NET_ADMIN, "SIOCSIFTXQLEN" },
	{ 0x8947, NET_ADMIN, "SIOCGMIIPHY" },
	{ 0x8948, NET_ADMIN, "SIOCGMIIREG" },
	{ 0x8949, NET_ADMIN, "SIOCSMIIREG" },
	/* net/socket.c: sock_ioctl() */
	{ 0x894c, NET_ADMIN, "SIOCGSKNS" },
	/* net/ipv4/arp.c: arp_ioctl() */
	{ 0x8953, NET_ADMIN, "SIOCDARP" },
	{ 0x8955, NET_ADMIN, "SIOCSARP" },
	{ 0x8971, NET_ADMIN, "SIOCSIFMAP" },
	/* net/core/dev_ioctl.c: dev_ifsioc(), bonds */
	{ 0x8990, NET_ADMIN, "SIOCBONDENSLAVE" },
	{ 0x8991, NET_ADMIN, "SIOCBONDRELEASE" },
	{ 0x8992, NET_ADMIN, "SIOCBONDSETHWADDR" },
	{ 0x8995, NET_ADMIN, "SIOCBONDCHANGEACTIVE" },
	/* net/bridge/br_ioctl.c */
	{ 0x89a0, NET_ADMIN, "SIOCBRADDBR" },
	{ 0x89a1, NET_ADMIN, "SIOCBRDELBR" },
	{ 0x89a2, NET_ADMIN, "SIOCBRADDIF" },
	{ 0x89a3, NET_ADMIN, "SIOCBRDELIF" },
	{ 0x89b0, NET_ADMIN, "SIOCSHWTSTAMP" },
	/* net/ipv4/ip_tunnel.c: ip_tunnel_ctl() */
	{ 0x89f1, NET_ADMIN, "SIOCADDTUNNEL" },
	{ 0x89f2, NET_ADMIN, "SIOCDELTUNNEL" },
	{ 0x89f3, NET_ADMIN, "SIOCCHGTUNNEL" },
	/* drivers/char/random.c */
	{ 0x40045201, SYS_ADMIN, "RNDADDTOENTCNT" },
	/* drivers/net/tun.c: tun_set_iff() */
	{ 0x400454ca, NET_ADMIN, "TUNSETIFF" },
	{ 0x40085203, SYS_ADMIN, "RNDADDENTROPY" },
	/* block/ioctl.c: blkdev_bszset() */
	{ 0x40081271, SYS_ADMIN, "BLKBSZSET" },
	/* drivers/rtc/dev.c: rtc_dev_ioctl() */
	{ 0x4024700a, CAP_BIT(CAP_SYS_TIME), "RTC_SET_TIME" },
	/* of each file system: ext4_ioctl_setlabel() */
	{ 0x41009432, SYS_ADMIN, "FS_IOC_SETFSLABEL" },
	/* fs/ioctl.c: ioctl_fsfreeze(), ioctl_fsthaw(); FITRIM of each file system */
	{ 0xc0045877, SYS_ADMIN, "FIFREEZE" },
	{ 0xc0045878, SYS_ADMIN, "FITHAW" },
	{ 0xc0185879, SYS_ADMIN, "FITRIM" },
};

/* drivers/tty/vt/vt_ioctl.c: those that a process not on that terminal needs it for */
static const uint32_t terminals[] = { 0x4b2f, 0x4b30, 0x4b32, 0x4b3a, 0x4b45, 0x4b48,
				      0x4b66, 0x4b67, 0x4b69, 0x4b72, 0x5602, 0x5605,
				      0x5606, 0x5608, 0x5609, 0x560a };

static int compare_request(const void *key, const void *element)
{
	uint32_t request = *(const uint32_t *)key;
	const struct ioctl_row *row = element;

	return request < row->request ? -1 : request > row->request;
}

/* vt_ioctl(): perm. The controlling terminal is the seventh field of /proc/PID/stat. */
static void need_terminal(struct needs *needs, uint32_t request)
{
	const struct call *call = needs->call;
	AUTO_PATH struct path path = PATH_INIT;

	if (path_of_fd(call->tid, call->tgid, call_int(call, 0), &path) < 0 ||
	    !S_ISCHR(path.object.mode) || major(path.special) != 4 || minor(path.special) > 63)
		return;
	if (task_terminal(call->tid) != path.special)
		need_add(needs, CAP_BIT(CAP_SYS_TTY_CONFIG),
			 request < 0x5600 ? "the keyboard" : "a virtual terminal");
}

/* The flags that the file has now; those of no file if whittle may not open it. */
static uint32_t current_flags(const struct call *call)
{
	char name[64];
	long flags = 0;

	snprintf(name, sizeof name, "/proc/%d/fd/%d", call->tid, call_int(call, 0));
	AUTO_CLOSE int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return 0;
	return (uint32_t)flags;
}

/* fileattr_set_prepare() and vfs_fileattr_set() in fs/file_attr.c. */
static void need_file_flags(struct needs *needs, bool extended)
{
	const struct call *call = needs->call;
	AUTO_PATH struct path path = PATH_INIT;
	uint32_t flags, guarded = FS_IMMUTABLE_FL | FS_APPEND_FL, current = current_flags(call);

	if (path_of_fd(call->tid, call->tgid, call_int(call, 0), &path) < 0 ||
	    !(S_ISREG(path.object.mode) || S_ISDIR(path.object.mode)) ||
	    tracee_read(call->tid, call->args[2], &flags, sizeof flags) < 0)
		return;
	if (extended)
		flags = (flags & FS_XFLAG_IMMUTABLE ? FS_IMMUTABLE_FL : 0u) |
			(flags & FS_XFLAG_APPEND ? FS_APPEND_FL : 0u);
	if (path.object.uid != call->creds->fsuid)
		need_add(needs, CAP_BIT(CAP_FOWNER), path.name);
	if ((flags ^ current) & guarded)
		need_add(needs, CAP_BIT(CAP_LINUX_IMMUTABLE), path.name);
}

/* The terminal behind the descriptor, or 0. */
static dev_t terminal_of(const struct call *call)
{
	AUTO_PATH struct path path = PATH_INIT;

	if (path_of_fd(call->tid, call->tgid, call_int(call, 0), &path) < 0 ||
	    !S_ISCHR(path.object.mode))
		return 0;
	return path.special;
}

/* tiocsti() in drivers/tty/tty_io.c: to type at another terminal, or where that is not allowed. */
static void need_typing(struct needs *needs)
{
	if (!sysctl_number("/proc/sys/dev/tty/legacy_tiocsti", 1) ||
	    task_terminal(needs->call->tid) != terminal_of(needs->call))
		need_add(needs, SYS_ADMIN, "TIOCSTI");
}

struct terminal_use {
	dev_t terminal;
	bool used;
};

static void note_use(void *context, pid_t pid)
{
	struct terminal_use *use = context;

	use->used |= task_terminal(pid) == use->terminal;
}

/* tiocsctty() in drivers/tty/tty_jobctrl.c: to take a terminal from another session */
static void need_stolen(struct needs *needs)
{
	struct terminal_use use = { .terminal = terminal_of(needs->call) };

	if (needs->call->args[2] != 1 || !use.terminal)
		return;
	each_process(note_use, &use);
	if (use.used && task_terminal(needs->call->tid) != use.terminal)
		need_add(needs, SYS_ADMIN, "a terminal of another session");
}

/* btrfs_control_ioctl() in fs/btrfs/super.c */
static void need_btrfs(struct needs *needs)
{
	if (terminal_of(needs->call) == makedev(10, 234))
		need_add(needs, SYS_ADMIN, "/dev/btrfs-control");
}

/* dev_ethtool() in net/ethtool/ioctl.c: commands that only look (tried on 6.18). */
static void need_ethtool(struct needs *needs)
{
	static const uint8_t looks[] = { 0x01, 0x03, 0x07, 0x0a, 0x0e, 0x10, 0x12, 0x14, 0x16,
					 0x18, 0x1b, 0x1d, 0x1e, 0x20, 0x21, 0x23, 0x25, 0x27,
					 0x29, 0x2b, 0x2d, 0x2e, 0x2f, 0x30, 0x37, 0x38, 0x3a,
					 0x3c, 0x41, 0x44, 0x46, 0x48, 0x4a, 0x4c, 0x4e, 0x50 };
	const struct call *call = needs->call;
	unsigned int word = call->abi->word;
	uint64_t data = 0; /* of struct ifreq, behind the name of 16 bytes */
	uint32_t command;

	if (tracee_read(call->tid, call->args[2] + 16, &data, word) < 0 ||
	    tracee_read(call->tid, data, &command, sizeof(command)) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
		if (looks[i] == command)
			return;
	need_add(needs, NET_ADMIN, "ethtool");
}

/* Requests whose argument, or whose descriptor, decides. */
static void need_setflags(struct needs *needs)
{
	need_file_flags(needs, false);
}

static void need_setxattr(struct needs *needs)
{
	need_file_flags(needs, true);
}

/* FS_IOC_SETVERSION: ext4_ioctl_setversion() and the like */
static void need_version(struct needs *needs)
{
	AUTO_PATH struct path own = PATH_INIT;
	const struct path *path = path_or_fd(needs, call_int(needs->call, 0), &own);

	if (path)
		need_owner(needs, path, 0);
}

static const struct {
	uint32_t request;
	void (*rule)(struct needs *needs);
} looked_at[] = {
	{ 0x540e, need_stolen }, /* TIOCSCTTY */
	{ 0x5412, need_typing }, /* TIOCSTI */
	{ 0x8946, need_ethtool },
	{ FS_IOC_SETFLAGS, need_setflags },
	{ FS_IOC32_SETFLAGS, need_setflags },
	{ FS_IOC_FSSETXATTR, need_setxattr },
	{ FS_IOC_SETVERSION, need_version },
	{ FS_IOC32_SETVERSION, need_version },
};

static bool is_btrfs(uint32_t request)
{
	return (request >> 8 & 0xff) == 0x94;
}

static const struct ioctl_row *find_request(uint32_t request)
{
	return bsearch(&request, requests, ARRAY_SIZE(requests), sizeof *requests, compare_request);
}

static bool is_device_mapper(uint32_t request)
{
	return request >> 8 == 0xc138fd || (request >> 8 & 0xff) == 0xfd;
}

static bool is_terminal(uint32_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(terminals); i++)
		if (request == terminals[i])
			return true;
	return false;
}

bool capable_asks_ioctl(uint32_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(looked_at); i++)
		if (looked_at[i].request == request)
			return true;
	return find_request(request) || is_device_mapper(request) || is_terminal(request) ||
	       is_btrfs(request);
}

void rule_ioctl(struct needs *needs)
{
	uint32_t request = call_u32(needs->call, 1);
	const struct ioctl_row *row = find_request(request);

	if (row) {
		need_add(needs, row->any_of, row->name);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(looked_at); i++)
		if (looked_at[i].request == request)
			looked_at[i].rule(needs);
	if (is_device_mapper(request))
		need_add(needs, SYS_ADMIN, "device mapper"); /* ctl_ioctl() in drivers/md */
	if (is_terminal(request))
		need_terminal(needs, request);
	if (is_btrfs(request))
		need_btrfs(needs);
}
