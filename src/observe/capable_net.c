/* Sockets: net/core/sock.c, net/ipv4/af_inet.c, net/packet, net/core/scm.c. */
#include <observe/capable_rules.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <whittle/file.h>

#define NET_ADMIN  CAP_BIT(CAP_NET_ADMIN)
#define NET_EITHER (CAP_BIT(CAP_NET_RAW) | NET_ADMIN)

/* inet_create(), inet6_create(), packet_create(), pfkey_create(), ...: who may have such a socket.
 */
static const struct {
	int family, type; /* -1: any */
	uint64_t any_of;
	const char *object;
} sockets[] = {
	{ AF_INET, SOCK_RAW, CAP_BIT(CAP_NET_RAW), "raw socket" },
	{ AF_INET, SOCK_PACKET, CAP_BIT(CAP_NET_RAW), "packet socket" }, /* __sock_create() */
	{ AF_INET6, SOCK_RAW, CAP_BIT(CAP_NET_RAW), "raw socket" },
	{ AF_PACKET, -1, CAP_BIT(CAP_NET_RAW), "packet socket" },
	{ AF_XDP, -1, CAP_BIT(CAP_NET_RAW), "link-layer socket" },
	{ AF_LLC, -1, CAP_BIT(CAP_NET_RAW), "link-layer socket" },
	{ AF_KEY, -1, NET_ADMIN, "key management socket" },
};

static bool is_socket(size_t row, int family, int type)
{
	return sockets[row].family == family &&
	       (sockets[row].type < 0 || sockets[row].type == type);
}

bool capable_asks_socket(int family, int type)
{
	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++)
		if (is_socket(i, family, type & 0xf))
			return true;
	return false;
}

void rule_socket(struct needs *needs)
{
	int family = call_int(needs->call, 0), type = call_int(needs->call, 1) & 0xf;

	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++)
		if (is_socket(i, family, type))
			need_add(needs, sockets[i].any_of, sockets[i].object);
}

/* Reads a socket address; false if there is none. *ret_length is at least that of the family. */
static bool read_address(const struct call *call, uint64_t address, uint32_t length,
			 struct sockaddr_storage *ret, size_t *ret_length)
{
	*ret_length = length < sizeof *ret ? length : sizeof *ret;
	memset(ret, 0, sizeof *ret);
	return address && *ret_length >= sizeof ret->ss_family &&
	       tracee_read(call->tid, address, ret, *ret_length) == 0;
}

/* inet_port_requires_bind_service(): the sysctl is of the network namespace. */
static bool is_privileged_port(const struct call *call, uint16_t port)
{
	static const char sysctl[] = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
	AUTO_BUF struct buf its = BUF_INIT;
	AUTO_BUF struct buf own = BUF_INIT;
	long start = 1024;

	if (!port)
		return false;
	if (tracee_read_link(call->tid, "ns/net", &its) == 0 &&
	    tracee_read_link(getpid(), "ns/net", &own) == 0 &&
	    strcmp(buf_text(&its), buf_text(&own)) == 0)
		start = sysctl_number(sysctl, start);
	return port < start;
}

static void need_port(struct needs *needs, int family, const void *address, uint16_t port)
{
	char host[INET6_ADDRSTRLEN], object[INET6_ADDRSTRLEN + 16];

	if (!is_privileged_port(needs->call, port) ||
	    !inet_ntop(family, address, host, sizeof host))
		return;
	snprintf(object, sizeof object, family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, port);
	need_add(needs, CAP_BIT(CAP_NET_BIND_SERVICE), object);
}

static void need_unix(struct needs *needs, const struct sockaddr_storage *storage, size_t length,
		      bool create)
{
	const struct sockaddr_un *address = (const struct sockaddr_un *)storage;
	size_t header = offsetof(struct sockaddr_un, sun_path);

	if (length > header && address->sun_path[0])
		need_unix_address(needs, address->sun_path, length - header, create);
}

int borrow_socket(const struct call *call, int fd)
{
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, call->tgid, 0);

	return pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

void rule_bind(struct needs *needs)
{
	const struct call *call = needs->call;
	struct sockaddr_storage address;
	size_t length;

	if (!read_address(call, call->args[1], call_u32(call, 2), &address, &length))
		return;
	if (address.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&address;

		need_port(needs, AF_INET, &in->sin_addr, ntohs(in->sin_port));
	} else if (address.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;

		need_port(needs, AF_INET6, &in6->sin6_addr, ntohs(in6->sin6_port));
	} else if (address.ss_family == AF_UNIX) {
		need_unix(needs, &address, length, true);
	} else if (address.ss_family == AF_NETLINK) {
		const struct sockaddr_nl *nl = (const struct sockaddr_nl *)&address;

		if (nl->nl_groups)
			need_netlink_group(needs);
	} else if (address.ss_family == AF_VSOCK) {
		const struct sockaddr_vm *vm = (const struct sockaddr_vm *)&address;

		/* __vsock_bind_connectible(): LAST_RESERVED_PORT */
		if (vm->svm_port <= 1023)
			need_add(needs, CAP_BIT(CAP_NET_BIND_SERVICE), "a port of AF_VSOCK");
	}
}

void rule_connect(struct needs *needs)
{
	const struct call *call = needs->call;
	struct sockaddr_storage address;
	size_t length;

	if (read_address(call, call->args[1], call_u32(call, 2), &address, &length) &&
	    address.ss_family == AF_UNIX)
		need_unix(needs, &address, length, false);
}

/*
 * sk_setsockopt(), do_ip_setsockopt(), do_ipv6_setsockopt(), do_tcp_setsockopt(); of GET_TOO also
 * getsockopt(2): do_ipt_get_ctl(), do_arpt_get_ctl(), do_ebt_get_ctl().
 */
struct option_row {
	int level, name;
	enum {
		ANY_VALUE,
		NOT_ZERO,
		NOT_LOW_PRIORITY,
		OVER_8,        /* BUSY_POLL_BUDGET */
		NOT_MONOTONIC, /* a clock */
		BOUND,         /* the socket is bound to a device already */
		GROUP,         /* of netlink: the protocol decides */
		NOT_FREE,      /* an algorithm that not everybody may choose, or have loaded */
		GET_TOO        /* to read it takes the same */
	} when;
	uint64_t any_of;
	const char *object;
};
static const struct option_row options[] = {
	{ SOL_SOCKET, SO_DEBUG, NOT_ZERO, NET_ADMIN, "SO_DEBUG" },
	{ SOL_SOCKET, SO_SNDBUFFORCE, ANY_VALUE, NET_ADMIN, "SO_SNDBUFFORCE" },
	{ SOL_SOCKET, SO_RCVBUFFORCE, ANY_VALUE, NET_ADMIN, "SO_RCVBUFFORCE" },
	{ SOL_SOCKET, SO_PRIORITY, NOT_LOW_PRIORITY, NET_EITHER, "SO_PRIORITY" },
	{ SOL_SOCKET, SO_MARK, ANY_VALUE, NET_EITHER, "SO_MARK" },
	{ SOL_SOCKET, SO_BINDTODEVICE, BOUND, CAP_BIT(CAP_NET_RAW), "SO_BINDTODEVICE" },
	{ SOL_SOCKET, SO_BINDTOIFINDEX, BOUND, CAP_BIT(CAP_NET_RAW), "SO_BINDTOIFINDEX" },
	{ SOL_SOCKET, SO_TXTIME, NOT_MONOTONIC, NET_ADMIN, "SO_TXTIME" },
	{ SOL_SOCKET, 69, NOT_ZERO, NET_ADMIN, "SO_PREFER_BUSY_POLL" },
	{ SOL_SOCKET, 70, OVER_8, NET_ADMIN, "SO_BUSY_POLL_BUDGET" },
	{ SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, GROUP, 0, "netlink groups" },
	{ SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, NOT_ZERO, CAP_BIT(CAP_NET_BROADCAST),
	  "NETLINK_LISTEN_ALL_NSID" },
	{ IPPROTO_IP, IP_TRANSPARENT, NOT_ZERO, NET_EITHER, "IP_TRANSPARENT" },
	{ IPPROTO_IP, 16, ANY_VALUE, NET_ADMIN, "IP_IPSEC_POLICY" },
	{ IPPROTO_IP, 17, ANY_VALUE, NET_ADMIN, "IP_XFRM_POLICY" },
	{ IPPROTO_IP, 64, GET_TOO, NET_ADMIN, "iptables" },
	{ IPPROTO_IP, 65, GET_TOO, NET_ADMIN, "iptables" },
	{ IPPROTO_IP, 66, GET_TOO, NET_ADMIN, "iptables" },
	{ IPPROTO_IP, 67, GET_TOO, NET_ADMIN, "iptables" },
	{ IPPROTO_IP, 96, GET_TOO, NET_ADMIN, "arptables" },
	{ IPPROTO_IP, 97, GET_TOO, NET_ADMIN, "arptables" },
	{ IPPROTO_IP, 98, GET_TOO, NET_ADMIN, "arptables" },
	{ IPPROTO_IP, 99, GET_TOO, NET_ADMIN, "arptables" },
	{ IPPROTO_IP, 128, GET_TOO, NET_ADMIN, "ebtables" },
	{ IPPROTO_IP, 129, GET_TOO, NET_ADMIN, "ebtables" },
	{ IPPROTO_IP, 130, GET_TOO, NET_ADMIN, "ebtables" },
	{ IPPROTO_IP, 131, GET_TOO, NET_ADMIN, "ebtables" },
	{ IPPROTO_IPV6, IPV6_JOIN_ANYCAST, ANY_VALUE, NET_ADMIN, "IPV6_JOIN_ANYCAST" },
	{ IPPROTO_IPV6, IPV6_IPSEC_POLICY, ANY_VALUE, NET_ADMIN, "IPV6_IPSEC_POLICY" },
	{ IPPROTO_IPV6, IPV6_XFRM_POLICY, ANY_VALUE, NET_ADMIN, "IPV6_XFRM_POLICY" },
	{ IPPROTO_IPV6, 64, GET_TOO, NET_ADMIN, "ip6tables" },
	{ IPPROTO_IPV6, 65, GET_TOO, NET_ADMIN, "ip6tables" },
	{ IPPROTO_IPV6, IPV6_TRANSPARENT, NOT_ZERO, NET_EITHER, "IPV6_TRANSPARENT" },
	{ IPPROTO_IPV6, IPV6_HOPOPTS, ANY_VALUE, CAP_BIT(CAP_NET_RAW), "IPV6_HOPOPTS" },
	{ IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, ANY_VALUE, CAP_BIT(CAP_NET_RAW), "IPV6_RTHDRDSTOPTS" },
	{ IPPROTO_IPV6, IPV6_DSTOPTS, ANY_VALUE, CAP_BIT(CAP_NET_RAW), "IPV6_DSTOPTS" },
	{ IPPROTO_TCP, TCP_CONGESTION, NOT_FREE, NET_ADMIN, "TCP_CONGESTION" },
	{ IPPROTO_TCP, TCP_REPAIR, ANY_VALUE, NET_ADMIN, "TCP_REPAIR" },
	{ IPPROTO_TCP, TCP_ULP, NOT_FREE, NET_ADMIN, "TCP_ULP" },
};

/* sock_bindtoindex_locked(): who has bound it may not take that back (before 5.7: not bind it). */
static bool is_bound(const struct call *call)
{
	char device[IFNAMSIZ];
	socklen_t size = sizeof(device);
	AUTO_CLOSE int socket = borrow_socket(call, call_int(call, 0));

	return !kernel_is(5, 7) ||
	       (socket >= 0 &&
		getsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, device, &size) == 0 && size > 0);
}

/* Is the word one of those in the file? */
static bool lists(const char *file, const char *word)
{
	AUTO_FREE char *line = file_read_line(file);
	size_t length = strlen(word);

	for (const char *at = line; at && *at; at += strspn(at, " ")) {
		size_t its = strcspn(at, " ");

		if (its == length && strncmp(at, word, length) == 0)
			return true;
		at += its;
	}
	return false;
}

/*
 * tcp_set_congestion_control() in net/ipv4/tcp_cong.c: what the administrator allows to all, or
 * what the socket has already; tcp_set_ulp() in net/ipv4/tcp_ulp.c: what needs no module to be
 * loaded.
 */
static bool is_free_algorithm(const struct call *call)
{
	char name[16] = "", current[16] = ""; /* TCP_CA_NAME_MAX, TCP_ULP_NAME_MAX */
	socklen_t size = sizeof(current) - 1;
	size_t length = call_u32(call, 4) < sizeof(name) ? call_u32(call, 4) : sizeof(name) - 1;

	if (tracee_read(call->tid, call->args[3], name, length) < 0)
		return true; /* EFAULT */
	if (call_int(call, 2) == TCP_ULP)
		return lists("/proc/sys/net/ipv4/tcp_available_ulp", name);
	if (lists("/proc/sys/net/ipv4/tcp_allowed_congestion_control", name))
		return true;
	AUTO_CLOSE int socket = borrow_socket(call, call_int(call, 0));
	return socket >= 0 &&
	       getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, current, &size) == 0 &&
	       strcmp(current, name) == 0;
}

static bool takes_number(const struct option_row *row)
{
	return row->when == NOT_ZERO || row->when == NOT_LOW_PRIORITY || row->when == OVER_8 ||
	       row->when == NOT_MONOTONIC;
}

static bool applies(const struct call *call, const struct option_row *row, int32_t value)
{
	switch (row->when) {
	case NOT_ZERO:
		return value != 0;
	case NOT_LOW_PRIORITY:
		return value < 0 || value > 6;
	case OVER_8:
		return value > 8;
	case NOT_MONOTONIC:
		return value != CLOCK_MONOTONIC;
	case BOUND:
		return is_bound(call);
	case NOT_FREE:
		return !is_free_algorithm(call);
	default:
		return true;
	}
}

static const struct option_row *find_option(int level, int name)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == name)
			return &options[i];
	return NULL;
}

bool capable_asks_option(int level, int option)
{
	return find_option(level, option) != NULL;
}

void rule_setsockopt(struct needs *needs)
{
	const struct call *call = needs->call;
	const struct option_row *row = find_option(call_int(call, 1), call_int(call, 2));
	int32_t value = 0;

	if (!row)
		return;
	if (row->when == GROUP) {
		need_netlink_group(needs);
		return;
	}
	if (takes_number(row) && tracee_read(call->tid, call->args[3], &value, sizeof value) < 0)
		return;
	if (applies(call, row, value))
		need_add(needs, row->any_of, row->object);
}

void rule_getsockopt(struct needs *needs)
{
	const struct option_row *row =
		find_option(call_int(needs->call, 1), call_int(needs->call, 2));

	if (row && row->when == GET_TOO)
		need_add(needs, row->any_of, row->object);
}

/* A message with an address: to a socket of the file system, or by netlink. */
static void need_peer(struct needs *needs, uint64_t address, uint32_t size)
{
	struct sockaddr_storage peer;
	const struct sockaddr_nl *nl = (const struct sockaddr_nl *)&peer;
	size_t length;

	if (!read_address(needs->call, address, size, &peer, &length))
		return;
	if (peer.ss_family == AF_UNIX)
		need_unix(needs, &peer, length, false);
	else if (peer.ss_family == AF_NETLINK && (nl->nl_pid || nl->nl_groups))
		need_netlink_peer(needs);
}

void rule_sendto(struct needs *needs)
{
	const struct call *call = needs->call;

	if (strcmp(call->name, "sendto") == 0)
		need_peer(needs, call->args[4], call_u32(call, 5));
	judge_netlink(needs, call->args[1], call->args[2]);
}

/* scm_check_creds() in net/core/scm.c. */
static void need_credentials(struct needs *needs, const struct ucred *sent)
{
	const struct creds *own = needs->call->creds;
	pid_t target = call_target(needs->call, sent->pid);

	if (target && target != needs->call->tgid)
		need_add(needs, CAP_BIT(CAP_SYS_ADMIN), "SCM_CREDENTIALS of another process");
	if (sent->uid != own->ruid && sent->uid != own->euid && sent->uid != own->suid)
		need_add(needs, CAP_BIT(CAP_SETUID), "SCM_CREDENTIALS of another user");
	if (sent->gid != own->rgid && sent->gid != own->egid && sent->gid != own->sgid)
		need_add(needs, CAP_BIT(CAP_SETGID), "SCM_CREDENTIALS of another group");
}

/*
 * __sock_cmsg_send() in net/core/sock.c, ip6_datagram_send_ctl() in net/ipv6/datagram.c: options
 * for one message, with what they ask as options of the socket.
 */
static void need_control_option(struct needs *needs, int level, int name)
{
	const struct option_row *row = find_option(level, name);
	bool of_message = (level == SOL_SOCKET && (name == SO_MARK || name == SO_PRIORITY)) ||
			  level == IPPROTO_IPV6;

	if (row && of_message)
		need_add(needs, row->any_of, row->object);
}

/* struct cmsghdr of the tracee's ABI: a word of length, then level and type. */
static void judge_control(struct needs *needs, uint64_t address, uint64_t length)
{
	const struct call *call = needs->call;
	unsigned int word = call->abi->word;
	unsigned char data[1024];

	if (length > sizeof data)
		length = sizeof data;
	if (length < word + 8 || tracee_read(call->tid, address, data, length) < 0)
		return;
	for (uint64_t at = 0, size = 0; at + word + 8 <= length;
	     at += (size + word - 1) / word * word) {
		int32_t kind[2];
		struct ucred sent;

		size = 0;
		memcpy(&size, data + at, word); /* little endian, as all of our ABIs with 4 or 8 */
		memcpy(kind, data + at + word, sizeof kind);
		if (size < word + 8 || size > length - at)
			return;
		if (kind[0] != SOL_SOCKET || kind[1] != SCM_CREDENTIALS ||
		    size < word + 8 + sizeof sent) {
			need_control_option(needs, kind[0], kind[1]);
			continue;
		}
		memcpy(&sent, data + at + word + 8, sizeof sent);
		need_credentials(needs, &sent);
	}
}

/* One struct msghdr: name, namelen, iov, iovlen, control, controllen; a word each in memory. */
static void judge_message(struct needs *needs, uint64_t message)
{
	const struct call *call = needs->call;
	uint64_t words[6], iov[2];

	if (!call_words(call, message, words, ARRAY_SIZE(words)))
		return;
	need_peer(needs, words[0], (uint32_t)words[1]);
	if (words[3] && call_words(call, words[2], iov, 2))
		judge_netlink(needs, iov[0], iov[1]);
	if (words[4])
		judge_control(needs, words[4], words[5]);
}

void rule_sendmsg(struct needs *needs)
{
	const struct call *call = needs->call;
	unsigned int size = call->abi->word == 8 ? 64 : 32; /* of struct mmsghdr */
	uint32_t count = strcmp(call->name, "sendmmsg") == 0 ? call_u32(call, 2) : 1;

	for (uint32_t i = 0; i < count && i < 64; i++)
		judge_message(needs, call->args[1] + (uint64_t)i * size);
}
