/* Capability rules on fabricated calls, and the tables behind them. */
#include <observe/capable_rules.h>
#include <observe/observe.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* Ids of the caller: of user 10, group 20, in group 30. */
static gid_t groups[] = { 30 };
static const struct creds user = {
	.ruid = 10,
	.euid = 10,
	.suid = 10,
	.fsuid = 10,
	.rgid = 20,
	.egid = 20,
	.sgid = 20,
	.fsgid = 20,
	.groups = groups,
	.group_count = 1,
};
static const struct creds root = { .effective = UINT64_MAX, .permitted = UINT64_MAX };

/* What the call needs: "" or masks by name with "," between. */
static const char *needs_of(struct call *call)
{
	static char text[512];
	AUTO_BUF struct buf out = BUF_INIT;
	struct capable_need needs[CAPABLE_MAX];

	call->tid = call->tgid = getpid();
	if (!call->abi)
		call->abi = abi_by_name("x86_64");
	size_t count = capable_needs(call, needs);
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF struct buf name = BUF_INIT;

		assert_non_null(needs[i].object);
		capable_names(needs[i].any_of, &name);
		buf_addf(&out, "%s%s", i ? "," : "", buf_text(&name));
	}
	capable_release(needs, count);
	snprintf(text, sizeof text, "%s", buf_text(&out));
	return text;
}

#define NODE(owner, group, bits)                                                                   \
	{                                                                                          \
		.uid = (owner), .gid = (group), .mode = (bits)                                     \
	}
#define DIRECTORY(owner, group, bits) NODE(owner, group, S_IFDIR | (bits))
#define EITHER                        "CAP_DAC_READ_SEARCH|CAP_DAC_OVERRIDE"
#define OVERRIDE                      "CAP_DAC_OVERRIDE"

/* A path call of a user on one object in one directory. */
static const char *on_path(const char *name, const struct creds *creds, struct path_node parent,
			   mode_t object, uid_t owner, gid_t group, const uint64_t args[6])
{
	static const uint64_t none[6];
	char text[] = "/d/f";
	struct path_node searched[] = { DIRECTORY(0, 0, 0755), parent };
	struct path path = { .name = text,
			     .error = object ? 0 : ENOENT,
			     .object = NODE(owner, group, object),
			     .parent = parent,
			     .searched = searched,
			     .searched_count = 2 };
	struct call call = { .name = name,
			     .args = args ? args : none,
			     .paths = &path,
			     .path_count = 1,
			     .creds = creds };

	return needs_of(&call);
}

#define ARGS6(...) ((const uint64_t[6]){ __VA_ARGS__ })

static void test_search(void **state)
{
	struct path_node open_dir = DIRECTORY(0, 0, 0755), closed = DIRECTORY(0, 0, 0700);
	struct path_node ours = DIRECTORY(10, 0, 0100), group_only = DIRECTORY(0, 30, 0610);
	struct path_node not_ours = DIRECTORY(10, 20, 0077);

	(void)state;
	assert_string_equal(on_path("stat", &user, open_dir, S_IFREG, 0, 0, NULL), "");
	assert_string_equal(on_path("stat", &user, closed, S_IFREG, 0, 0, NULL), EITHER);
	assert_string_equal(on_path("stat", &user, ours, S_IFREG, 0, 0, NULL), "");
	assert_string_equal(on_path("stat", &user, group_only, S_IFREG, 0, 0, NULL), "");
	/* the owner's bits decide for the owner, however open it is for others */
	assert_string_equal(on_path("stat", &user, not_ours, S_IFREG, 0, 0, NULL), EITHER);
	/* a missing name in a closed directory needed the search too */
	assert_string_equal(on_path("stat", &user, closed, 0, 0, 0, NULL), EITHER);
	assert_string_equal(on_path("stat", &root, closed, S_IFREG, 0, 0, NULL), "");
}

static void test_open(void **state)
{
	struct path_node dir = DIRECTORY(0, 0, 0755), sticky = DIRECTORY(0, 0, 01777);
	static const struct {
		mode_t mode;
		uid_t owner;
		uint64_t flags;
		const char *needs;
	} rows[] = {
		{ S_IFREG | 0600, 10, O_RDWR, "" },
		{ S_IFREG | 0600, 0, O_RDONLY, EITHER },
		{ S_IFREG | 0600, 0, O_PATH, "" },
		{ S_IFREG | 0644, 0, O_RDONLY, "" },
		{ S_IFREG | 0644, 0, O_WRONLY, OVERRIDE },
		{ S_IFREG | 0644, 0, O_RDWR, OVERRIDE },
		{ S_IFREG | 0644, 0, O_RDONLY | O_TRUNC, OVERRIDE },
		{ S_IFREG | 0644, 0, O_RDONLY | O_CREAT, "" },
		{ S_IFREG | 0644, 0, O_WRONLY | O_CREAT | O_EXCL, "" },
		{ S_IFREG | 0644, 0, O_RDONLY | O_NOATIME, "CAP_FOWNER" },
		{ S_IFDIR | 0700, 0, O_RDONLY | O_DIRECTORY, EITHER },
		{ S_IFREG | 04777, 0, O_WRONLY, "CAP_FSETID" },
		{ S_IFREG | 02777, 0, O_WRONLY, "CAP_FSETID" },
		{ S_IFREG | 02767, 0, O_WRONLY, "CAP_FSETID" },
		{ S_IFREG | 0767, 0, O_WRONLY, "" },
		{ 0, 0, O_WRONLY | O_CREAT, OVERRIDE },
		{ 0, 0, O_WRONLY, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(on_path("openat", &user, dir, rows[i].mode, rows[i].owner, 0,
					    ARGS6(0, 0, rows[i].flags)),
				    rows[i].needs);
	assert_string_equal(on_path("openat", &user, dir, S_IFREG | 02767, 0, 30,
				    ARGS6(0, 0, O_WRONLY)),
			    "");
	assert_string_equal(on_path("open", &user, sticky, 0, 0, 0, ARGS6(0, O_CREAT)), "");
	/* a new file that would get a group of others and run with it */
	struct path_node theirs = DIRECTORY(0, 40, 02777), ours = DIRECTORY(0, 30, 02777);
	const uint64_t create[6] = { 0, O_CREAT, 02755 }, plain_mode[6] = { 0, O_CREAT, 02745 };
	assert_string_equal(on_path("open", &user, theirs, 0, 0, 0, create), "CAP_FSETID");
	assert_string_equal(on_path("open", &user, ours, 0, 0, 0, create), "");
	assert_string_equal(on_path("open", &user, theirs, 0, 0, 0, plain_mode), "");
	assert_string_equal(on_path("creat", &user, dir, S_IFREG | 0644, 0, 0, NULL), OVERRIDE);
	assert_string_equal(on_path("execve", &user, dir, S_IFREG | 0700, 0, 0, NULL), OVERRIDE);
	assert_string_equal(on_path("execve", &user, dir, S_IFREG | 0600, 0, 0, NULL), "");
	assert_string_equal(on_path("truncate", &user, dir, S_IFREG | 0644, 0, 0, NULL), OVERRIDE);
}

static void test_access(void **state)
{
	struct path_node dir = DIRECTORY(0, 0, 0755);
	struct creds mixed = user;

	(void)state;
	mixed.ruid = 0;
	assert_string_equal(on_path("access", &user, dir, S_IFREG | 0600, 0, 0, ARGS6(0, R_OK)),
			    EITHER);
	assert_string_equal(on_path("access", &user, dir, S_IFREG | 0600, 0, 0, ARGS6(0, F_OK)),
			    "");
	/* access(2) asks for the real user */
	assert_string_equal(on_path("access", &mixed, dir, S_IFREG | 0600, 0, 0, ARGS6(0, R_OK)),
			    "");
	assert_string_equal(on_path("faccessat2", &mixed, dir, S_IFREG | 0600, 0, 0,
				    ARGS6(0, 0, W_OK, AT_EACCESS)),
			    OVERRIDE);
}

static void test_entries(void **state)
{
	struct path_node dir = DIRECTORY(0, 0, 0755), own = DIRECTORY(10, 0, 01755);
	struct path_node sticky = DIRECTORY(0, 0, 01777);

	(void)state;
	assert_string_equal(on_path("mkdir", &user, dir, 0, 0, 0, NULL), OVERRIDE);
	assert_string_equal(on_path("mkdir", &user, own, 0, 0, 0, NULL), "");
	assert_string_equal(on_path("mkdir", &user, dir, S_IFDIR, 0, 0, NULL), "");
	assert_string_equal(on_path("unlinkat", &user, dir, S_IFREG, 10, 0, NULL), OVERRIDE);
	assert_string_equal(on_path("unlink", &user, sticky, S_IFREG, 0, 0, NULL), "CAP_FOWNER");
	assert_string_equal(on_path("unlink", &user, sticky, S_IFREG, 10, 0, NULL), "");
	assert_string_equal(on_path("unlink", &user, own, S_IFREG, 0, 0, NULL), "");
	assert_string_equal(on_path("unlink", &user, dir, 0, 0, 0, NULL), "");
	assert_string_equal(on_path("mknod", &user, own, 0, 0, 0, ARGS6(0, S_IFIFO)), "");
	assert_string_equal(on_path("mknod", &user, own, 0, 0, 0, ARGS6(0, S_IFCHR, 0)), "");
	assert_string_equal(on_path("mknod", &user, own, 0, 0, 0, ARGS6(0, S_IFCHR, 259)),
			    "CAP_MKNOD");
	assert_string_equal(on_path("mknodat", &user, own, 0, 0, 0, ARGS6(0, 0, S_IFBLK, 0)),
			    "CAP_MKNOD");
}

/* Two paths: from in one directory, to in another. */
static const char *rename_of(struct path_node from_dir, mode_t from, struct path_node to_dir,
			     mode_t to)
{
	char old_name[] = "/a/f/", new_name[] = "/b/f";
	struct path paths[2] = {
		{ .name = old_name, .object = NODE(0, 0, from), .parent = from_dir },
		{ .name = new_name,
		  .object = NODE(0, 0, to),
		  .parent = to_dir,
		  .error = to ? 0 : ENOENT },
	};
	const uint64_t args[6] = { 0 };
	struct call call = {
		.name = "rename", .args = args, .paths = paths, .path_count = 2, .creds = &user
	};

	return needs_of(&call);
}

static void test_rename(void **state)
{
	struct path_node closed = DIRECTORY(0, 0, 0755), own = DIRECTORY(10, 0, 0755);
	struct path_node sticky = DIRECTORY(0, 0, 01777);

	(void)state;
	assert_string_equal(rename_of(own, S_IFREG, own, 0), "");
	assert_string_equal(rename_of(closed, S_IFREG, own, 0), OVERRIDE);
	assert_string_equal(rename_of(own, S_IFREG, closed, 0), OVERRIDE);
	assert_string_equal(rename_of(own, S_IFREG, sticky, S_IFREG), "CAP_FOWNER");
	/* a directory that changes its parent is written to */
	assert_string_equal(rename_of(own, S_IFDIR | 0755, own, 0), OVERRIDE);
	assert_string_equal(rename_of(own, S_IFDIR | 0757, own, 0), "");
}

static void test_attributes(void **state)
{
	struct path_node dir = DIRECTORY(0, 0, 0755);
	static const struct {
		const char *name;
		uid_t owner;
		gid_t group;
		uint64_t first, second;
		const char *needs;
	} rows[] = {
		{ "chmod", 10, 0, 0644, 0, "" },
		{ "chmod", 0, 0, 0644, 0, "CAP_FOWNER" },
		{ "chmod", 10, 0, 02755, 0, "CAP_FSETID" },
		{ "chmod", 10, 30, 02755, 0, "" },
		{ "chown", 10, 20, 10, 20, "" },
		{ "chown", 10, 20, (uint32_t)-1, 30, "" },
		{ "chown", 10, 20, (uint32_t)-1, 40, "CAP_CHOWN" },
		{ "chown", 10, 20, 11, (uint32_t)-1, "CAP_CHOWN" },
		/* what changes nothing still needs it from who is not the owner */
		{ "chown", 0, 0, 0, (uint32_t)-1, "CAP_CHOWN" },
		{ "chown", 0, 0, (uint32_t)-1, (uint32_t)-1, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(on_path(rows[i].name, &user, dir, S_IFREG | 0644, rows[i].owner,
					    rows[i].group, ARGS6(0, rows[i].first, rows[i].second)),
				    rows[i].needs);
}

static void test_times(void **state)
{
	struct path_node dir = DIRECTORY(0, 0, 0755);
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
	struct timespec mixed[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };
	const char *either = "CAP_FOWNER|CAP_DAC_OVERRIDE";

	(void)state;
#define TIMES(mode, owner, times)                                                                  \
	on_path("utimensat", &user, dir, S_IFREG | (mode), owner, 0,                               \
		ARGS6(0, 0, (uintptr_t)(times)))
	assert_string_equal(TIMES(0644, 0, NULL), either);
	assert_string_equal(TIMES(0644, 0, now), either);
	assert_string_equal(TIMES(0666, 0, now), "");
	assert_string_equal(TIMES(0644, 0, omit), "");
	assert_string_equal(TIMES(0666, 0, mixed), "CAP_FOWNER");
	assert_string_equal(TIMES(0444, 10, mixed), "");
	assert_string_equal(on_path("utimes", &user, dir, S_IFREG | 0666, 0, 0, ARGS6(0, 1)),
			    "CAP_FOWNER");
}

static void test_xattr(void **state)
{
	struct path_node dir = DIRECTORY(0, 0, 0755);
	static const struct {
		const char *call, *name, *needs;
	} rows[] = {
		{ "setxattr", "user.x", OVERRIDE },
		{ "getxattr", "user.x", "" },
		{ "setxattr", "trusted.x", "CAP_SYS_ADMIN" },
		{ "getxattr", "trusted.x", "CAP_SYS_ADMIN" },
		{ "setxattr", "security.capability", "CAP_SETFCAP" },
		{ "removexattr", "security.capability", "CAP_SETFCAP" },
		{ "getxattr", "security.capability", "" },
		{ "setxattr", "system.posix_acl_access", "CAP_FOWNER" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(on_path(rows[i].call, &user, dir, S_IFREG | 0644, 0, 0,
					    ARGS6(0, (uintptr_t)rows[i].name)),
				    rows[i].needs);
}

/* A call without paths. */
static const char *plain(const char *name, const struct creds *creds, const uint64_t args[6])
{
	struct call call = { .name = name, .args = args, .creds = creds };

	return needs_of(&call);
}

#define NO_ID ((uint32_t)-1)

static void test_ids(void **state)
{
	struct creds dropped = user, i386_user = user;
	struct call old_call = { .name = "setresuid",
				 .args = ARGS6(0xffff, 0xa, 0x1000a),
				 .abi = abi_by_name("i386"),
				 .creds = &i386_user };

	(void)state;
	dropped.suid = 0;
	dropped.ruid = 0;
	assert_string_equal(plain("setuid", &user, ARGS6(10)), "");
	assert_string_equal(plain("setuid", &user, ARGS6(11)), "CAP_SETUID");
	/* allowed without it, but then the real and saved ids stay */
	assert_string_equal(plain("setuid", &dropped, ARGS6(0)), "");
	assert_string_equal(plain("setuid", &dropped, ARGS6(10)), "CAP_SETUID");
	assert_string_equal(plain("seteuid", &user, ARGS6(11)), "");
	assert_string_equal(plain("setreuid", &dropped, ARGS6(10, 0)), "");
	assert_string_equal(plain("setreuid", &user, ARGS6(NO_ID, 3)), "CAP_SETUID");
	assert_string_equal(plain("setresuid", &dropped, ARGS6(10, 10, 0)), "");
	assert_string_equal(plain("setresuid", &dropped, ARGS6(NO_ID, NO_ID, 1)), "CAP_SETUID");
	assert_string_equal(plain("setresgid", &user, ARGS6(20, 20, 30)), "CAP_SETGID");
	assert_string_equal(plain("setgid", &user, ARGS6(20)), "");
	assert_string_equal(plain("setfsuid", &user, ARGS6(0)), "CAP_SETUID");
	assert_string_equal(plain("setgroups", &root, ARGS6(0)), "CAP_SETGID");
	assert_string_equal(needs_of(&old_call), "");
	old_call.name = "setresuid32";
	assert_string_equal(needs_of(&old_call), "CAP_SETUID");
}

static void test_sockets(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
	int seven = 7, six = 6, zero = 0;
	uint64_t address = (uintptr_t)&in, address6 = (uintptr_t)&in6;

	(void)state;
	assert_string_equal(plain("socket", &user, ARGS6(AF_PACKET, SOCK_DGRAM)), "CAP_NET_RAW");
	assert_string_equal(plain("socket", &user, ARGS6(AF_INET, SOCK_RAW | SOCK_CLOEXEC)),
			    "CAP_NET_RAW");
	assert_string_equal(plain("socket", &user, ARGS6(AF_INET, SOCK_DGRAM)), "");
	assert_string_equal(plain("socket", &user, ARGS6(AF_NETLINK, SOCK_RAW)), "");
	if (sysctl_number("/proc/sys/net/ipv4/ip_unprivileged_port_start", 0) == 1024) {
		assert_string_equal(plain("bind", &user, ARGS6(3, address, sizeof in)),
				    "CAP_NET_BIND_SERVICE");
		assert_string_equal(plain("bind", &user, ARGS6(3, address6, sizeof in6)),
				    "CAP_NET_BIND_SERVICE");
	}
	in.sin_port = htons(8080);
	assert_string_equal(plain("bind", &user, ARGS6(3, address, sizeof in)), "");
	in.sin_port = 0;
	assert_string_equal(plain("bind", &user, ARGS6(3, address, sizeof in)), "");
#define OPTION(name, value)                                                                        \
	plain("setsockopt", &user, ARGS6(3, SOL_SOCKET, name, (uintptr_t)(value)))
	assert_string_equal(OPTION(SO_PRIORITY, &six), "");
	assert_string_equal(OPTION(SO_PRIORITY, &seven), "CAP_NET_RAW|CAP_NET_ADMIN");
	assert_string_equal(OPTION(SO_DEBUG, &zero), "");
	assert_string_equal(OPTION(SO_DEBUG, &seven), "CAP_NET_ADMIN");
	assert_string_equal(OPTION(SO_RCVBUFFORCE, &zero), "CAP_NET_ADMIN");
	assert_string_equal(OPTION(SO_REUSEADDR, &seven), "");
	assert_string_equal(OPTION(69 /* SO_PREFER_BUSY_POLL */, &seven), "CAP_NET_ADMIN");
	assert_string_equal(OPTION(70 /* SO_BUSY_POLL_BUDGET */, &seven), "");
	assert_string_equal(OPTION(SO_TXTIME, &zero), "CAP_NET_ADMIN");
	assert_string_equal(plain("getsockopt", &user, ARGS6(3, IPPROTO_IP, 64)), "CAP_NET_ADMIN");
	assert_string_equal(plain("getsockopt", &user, ARGS6(3, SOL_SOCKET, SO_MARK)), "");
	assert_string_equal(plain("socket", &user, ARGS6(AF_INET, SOCK_PACKET)), "CAP_NET_RAW");
}

/* Options that a descriptor decides. */
static void test_bound(void **state)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	AUTO_CLOSE int netfilter = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	AUTO_CLOSE int route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const char *bind = "SO_BINDTODEVICE";

	(void)state;
	assert_true(fd >= 0);
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0) {
		assert_string_equal(plain("setsockopt", &user,
					  ARGS6((uint64_t)fd, SOL_SOCKET, SO_BINDTODEVICE,
						(uintptr_t)bind, 1)),
				    "CAP_NET_RAW");
	}
	if (netfilter >= 0) {
		assert_string_equal(plain("setsockopt", &user,
					  ARGS6((uint64_t)netfilter, SOL_NETLINK,
						NETLINK_ADD_MEMBERSHIP)),
				    "CAP_NET_ADMIN");
	}
	assert_string_equal(plain("setsockopt", &user,
				  ARGS6((uint64_t)route, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP)),
			    "");
}

static const char *netlink(int protocol, unsigned int type)
{
	struct nlmsghdr header = { .nlmsg_len = sizeof header,
				   .nlmsg_type = (uint16_t)type,
				   .nlmsg_flags = NLM_F_REQUEST };
	AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW, protocol);

	assert_true(fd >= 0);
	return plain("sendto", &user, ARGS6((uint64_t)fd, (uintptr_t)&header, sizeof header));
}

static void test_netlink(void **state)
{
	(void)state;
	assert_string_equal(netlink(NETLINK_ROUTE, RTM_GETLINK), "");
	assert_string_equal(netlink(NETLINK_ROUTE, RTM_NEWLINK), "CAP_NET_ADMIN");
	assert_string_equal(netlink(NETLINK_AUDIT, 1000), "CAP_AUDIT_CONTROL");
	assert_string_equal(netlink(NETLINK_AUDIT, 1100), "CAP_AUDIT_WRITE");
	assert_string_equal(netlink(NETLINK_AUDIT, 1002), ""); /* AUDIT_LIST: no longer known */
	assert_string_equal(netlink(NETLINK_SOCK_DIAG, 20), "");
	assert_string_equal(netlink(NETLINK_SOCK_DIAG, 21), "CAP_NET_ADMIN");
	assert_string_equal(netlink(NETLINK_GENERIC, RTM_NEWLINK), "");
}

static void test_messages(void **state)
{
	char control[CMSG_SPACE(sizeof(struct ucred))] = { 0 };
	struct ucred sent = { .pid = getpid(), .uid = 10, .gid = 20 };
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	(void)state;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_CREDENTIALS;
	header->cmsg_len = CMSG_LEN(sizeof sent);
#define SEND() plain("sendmsg", &user, ARGS6(3, (uintptr_t)&message))
	memcpy(CMSG_DATA(header), &sent, sizeof sent);
	assert_string_equal(SEND(), "");
	sent.uid = 11;
	sent.gid = 21;
	memcpy(CMSG_DATA(header), &sent, sizeof sent);
	assert_string_equal(SEND(), "CAP_SETUID,CAP_SETGID");
	sent = (struct ucred){ .pid = 1, .uid = 10, .gid = 20 };
	memcpy(CMSG_DATA(header), &sent, sizeof sent);
	assert_string_equal(SEND(), "CAP_SYS_ADMIN");
	header->cmsg_len = 3; /* malformed: no endless loop, no need */
	assert_string_equal(SEND(), "");
}

static void test_system(void **state)
{
	static const struct {
		const char *name;
		uint64_t args[6];
		const char *needs;
	} rows[] = {
		{ "unshare", { CLONE_NEWNET }, "CAP_SYS_ADMIN" },
		{ "unshare", { CLONE_NEWNET | CLONE_NEWUSER }, "" },
		{ "unshare", { CLONE_FILES }, "" },
		{ "clone", { CLONE_NEWPID | SIGCHLD }, "CAP_SYS_ADMIN" },
		{ "clone", { CLONE_VM | SIGCHLD }, "" },
		{ "mount", { 0 }, "CAP_SYS_ADMIN" },
		{ "vhangup", { 0 }, "CAP_SYS_TTY_CONFIG" },
		{ "reboot", { 0 }, "CAP_SYS_BOOT" },
		{ "timerfd_create", { 8 }, "CAP_WAKE_ALARM" },
		{ "timerfd_create", { 1 }, "" },
		{ "settimeofday", { 0, 0 }, "CAP_SYS_TIME" },
		{ "settimeofday", { 1, 0 }, "CAP_SYS_TIME" },
		{ "syslog", { 5 }, "CAP_SYSLOG" },
		{ "prctl", { PR_CAPBSET_DROP }, "CAP_SETPCAP" },
		{ "prctl", { PR_SET_NAME }, "" },
		{ "ioctl", { 3, 0x8914 }, "CAP_NET_ADMIN" },
		{ "ioctl", { 3, 0x8913 }, "" },
		{ "ioctl", { 3, 0x5401 }, "" },
		{ "ioprio_set", { 1, 0, 1 << 13 }, "CAP_SYS_NICE|CAP_SYS_ADMIN" },
		{ "ioprio_set", { 1, 0, 2 << 13 }, "" },
		{ "iopl", { 3 }, "CAP_SYS_RAWIO" },
		{ "iopl", { 0 }, "" },
		{ "getpid", { 0 }, "" },
		{ "mmap", { 0, 1 << 20, 3, MAP_PRIVATE }, "" },
		{ "mmap", { 0, 4096, 3, MAP_PRIVATE | MAP_FIXED }, "CAP_SYS_RAWIO" },
		{ "clock_settime", { CLOCK_REALTIME }, "CAP_SYS_TIME" },
		{ "clock_settime", { CLOCK_MONOTONIC }, "" },
		{ "prctl", { PR_SET_SECUREBITS, 0x1 }, "CAP_SETPCAP" },
		{ "prctl", { PR_SET_SECUREBITS, 0 }, "CAP_SETPCAP" },
		{ "keyctl", { 22, 11 }, "CAP_SETUID" },
		{ "keyctl", { 22, 10 }, "" },
		{ "keyctl", { 4, 1, 11, UINT32_MAX }, "CAP_SYS_ADMIN" },
		{ "keyctl", { 4, 1, UINT32_MAX, 30 }, "" },
		{ "fanotify_mark", { 3, 0x101 }, "CAP_SYS_ADMIN" },
		{ "fanotify_mark", { 3, 0x1 }, "" },
		{ "ioctl", { 3, 1 }, "CAP_SYS_RAWIO" },
		{ "ioctl", { 3, 0x5457 }, "CAP_CHECKPOINT_RESTORE|CAP_SYS_ADMIN" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(plain(rows[i].name, &user, rows[i].args), rows[i].needs);
}

/* In another user namespace only mapping the host's root is the host's business. */
static void test_user_namespace(void **state)
{
	char map[] = "/proc/\\{pid}/uid_map";
	struct creds foreign = root;
	struct path path = { .name = map, .object = NODE(0, 0, S_IFREG | 0644) };
	struct call call = { .name = "openat",
			     .args = ARGS6(0, 0, O_WRONLY),
			     .paths = &path,
			     .path_count = 1,
			     .creds = &foreign };

	(void)state;
	assert_string_equal(needs_of(&call), "");
	foreign.foreign_userns = true;
	assert_string_equal(needs_of(&call), "CAP_SETFCAP");
	call.args = ARGS6(0, 0, O_RDONLY);
	assert_string_equal(needs_of(&call), "");
	call.args = ARGS6(0, 0, O_WRONLY);
	foreign.euid = 1000;
	assert_string_equal(needs_of(&call), "");
	assert_string_equal(plain("mount", &foreign, ARGS6(0)), "");
}

static void test_capability_sets(void **state)
{
	uint32_t header[2] = { _LINUX_CAPABILITY_VERSION_3, 0 }, data[6] = { 0 };
	uint64_t args[6] = { (uintptr_t)header, (uintptr_t)data };

	(void)state;
	assert_string_equal(plain("capset", &root, args), "");
	data[2] = CAP_BIT(CAP_CHOWN);
	assert_string_equal(plain("capset", &root, args), "CAP_CHOWN");
	assert_string_equal(plain("capset", &user, args), "CAP_CHOWN,CAP_SETPCAP");
	data[2] = 0;
	data[1] = CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_KILL);
	data[0] = CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_CHOWN);
	assert_string_equal(plain("capset", &root, args), "CAP_CHOWN,CAP_NET_RAW");
	data[0] = data[1] = 0xfffffff0; /* four taken away */
	data[3] = data[4] = 0xffffffff;
	assert_string_equal(plain("capset", &root, args), "");
	assert_string_equal(plain("prctl", &root, ARGS6(PR_CAP_AMBIENT, 2, CAP_CHOWN)),
			    "CAP_CHOWN");
	assert_string_equal(plain("prctl", &root, ARGS6(PR_CAP_AMBIENT, 4)), "");
}

static void test_limits(void **state)
{
	struct rlimit old, low;
	uint64_t limit[2];
	uint64_t address = (uintptr_t)limit;

	(void)state;
	getrlimit(RLIMIT_MEMLOCK, &old);
	low = (struct rlimit){ 65536, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &low), 0);
	assert_string_equal(plain("mlock", &user, ARGS6(0, 1 << 20)), "CAP_IPC_LOCK");
	assert_string_equal(plain("mlock", &user, ARGS6(0, 4096)), "");
	assert_string_equal(plain("mmap", &user, ARGS6(0, 1 << 20, 3, MAP_LOCKED)), "CAP_IPC_LOCK");
	setrlimit(RLIMIT_MEMLOCK, &old);

	getrlimit(RLIMIT_CORE, &old);
	limit[0] = 0;
	limit[1] = 0;
	assert_string_equal(plain("setrlimit", &user, ARGS6(RLIMIT_CORE, address)), "");
	if (old.rlim_max != RLIM_INFINITY) {
		limit[1] = old.rlim_max + 1;
		assert_string_equal(plain("setrlimit", &user, ARGS6(RLIMIT_CORE, address)),
				    "CAP_SYS_RESOURCE");
	}
}

/* A live other process, of this test's own user: what differs is who asks. */
static void test_processes(void **state)
{
	pid_t pid = fork();
	struct creds same = { .groups = NULL }, other = user;

	(void)state;
	if (pid == 0) {
		for (;;)
			pause();
	}
	uint64_t target = (uint64_t)pid;
	assert_int_equal(creds_read(pid, &same), 0);
	assert_int_equal(same.ruid, getuid());
	other.euid = other.ruid = same.ruid + 1;
	assert_string_equal(plain("kill", &same, ARGS6(target, SIGTERM)), "");
	assert_string_equal(plain("kill", &other, ARGS6(target, SIGTERM)), "CAP_KILL");
	assert_string_equal(plain("kill", &other, ARGS6((uint64_t)getpid(), SIGTERM)), "");
	/* this process is in the group too, and another user's */
	assert_string_equal(plain("kill", &other, ARGS6(0, SIGTERM)), "CAP_KILL");
	assert_string_equal(plain("kill", &same, ARGS6(0, SIGTERM)), "");
	assert_string_equal(plain("kill", &other, ARGS6(target, SIGCONT)), "");
	assert_string_equal(plain("tgkill", &other, ARGS6(target, target, 0)), "CAP_KILL");
	assert_string_equal(plain("process_vm_readv", &other, ARGS6(target)), "CAP_SYS_PTRACE");
	assert_string_equal(plain("sched_setaffinity", &other, ARGS6(target)), "CAP_SYS_NICE");
	assert_string_equal(plain("sched_setaffinity", &same, ARGS6(target)), "");
	/* one that keeps its capabilities when the workload loses its own */
	assert_string_equal(plain("process_vm_readv", &same, ARGS6(target)),
			    same.permitted ? "CAP_SYS_PTRACE" : "");
	creds_release(&same);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_names(void **state)
{
	AUTO_BUF struct buf out = BUF_INIT;

	(void)state;
	buf_adds(&out, "x ");
	capable_names(CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_BPF) | CAP_BIT(CAP_DAC_OVERRIDE), &out);
	assert_string_equal(buf_text(&out), "x CAP_BPF|CAP_DAC_OVERRIDE|CAP_SYS_ADMIN");
	assert_int_equal(capable_parse("SYS_ADMIN|CHOWN"), CAP_BIT(CAP_SYS_ADMIN) | 1);
	assert_int_equal(capable_parse("CHOWNS"), 0);
	assert_int_equal(capable_parse("CHOW"), 0);
}

/* A name out of order would never be found; one that the observer does not ask about, neither. */
static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < capable_rule_count; i++) {
		const char *name = capable_rules[i].name;
		const struct syscall_desc *row = syscall_desc_find(name);

		if (i && strcmp(capable_rules[i - 1].name, name) >= 0)
			fail_msg("%s is out of order", name);
		if (!row || !(row->flags & CAPS))
			fail_msg("%s has a rule, but not CAPS in syscalls.def", name);
	}
	for (size_t i = 0; i < capable_always_count; i++) {
		const char *name = capable_always[i].name;
		const struct syscall_desc *row = syscall_desc_find(name);

		if (i && strcmp(capable_always[i - 1].name, name) >= 0)
			fail_msg("%s is out of order", name);
		if (!row || !(row->flags & CAPS))
			fail_msg("%s is in capable.tsv, but has no CAPS in syscalls.def", name);
		if (!capable_parse(capable_always[i].capabilities))
			fail_msg("%s: unknown capability", name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_rename),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_xattr),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_netlink),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_user_namespace),
		cmocka_unit_test(test_capability_sets),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
