/* Sockets: net/core/sock.c, net/ipv4/af_inet.c, net/packet, net/netlink, net/core/scm.c. */
#include <observe/capable_rules.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define NET_EITHER (CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_NET_ADMIN))

/* inet_create(), inet6_create(), packet_create(), pfkey_create(), ...: who may have such a socket.
 */
static const struct {
	int family, type; /* -1: any */
	uint64_t any_of;
	const char *object;
} sockets[] = {
	{ AF_INET, SOCK_RAW, CAP_BIT(CAP_NET_RAW), "raw socket" },
	{ AF_INET6, SOCK_RAW, CAP_BIT(CAP_NET_RAW), "raw socket" },
	{ AF_PACKET, -1, CAP_BIT(CAP_NET_RAW), "packet socket" },
	{ AF_XDP, -1, CAP_BIT(CAP_NET_RAW), "link-layer socket" },
	{ AF_LLC, -1, CAP_BIT(CAP_NET_RAW), "link-layer socket" },
	{ AF_KEY, -1, CAP_BIT(CAP_NET_ADMIN), "key management socket" },
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

/* The netlink protocol of the caller's socket; -1 if it is not netlink or cannot be told. */
static int netlink_protocol(const struct call *call, int fd)
{
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, call->tgid, 0);
	int domain = -1, protocol = -1;
	socklen_t size = sizeof domain;

	if (pidfd < 0)
		return -1;
	/* The descriptor is borrowed for two questions; whittle never reads or writes it. */
	AUTO_CLOSE int socket = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (socket < 0 || getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
	    domain != AF_NETLINK)
		return -1;
	size = sizeof protocol;
	if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
		return -1;
	return protocol;
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

		/* audit_multicast_bind() in kernel/audit.c */
		if (nl->nl_groups && netlink_protocol(call, call_int(call, 0)) == NETLINK_AUDIT)
			need_add(needs, CAP_BIT(CAP_AUDIT_READ), "audit multicast");
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

/* sk_setsockopt(), do_ip_setsockopt(), do_ipv6_setsockopt(), do_tcp_setsockopt(). */
struct option_row {
	int level, name;
	enum { ANY_VALUE, NOT_ZERO, NOT_LOW_PRIORITY } when;
	uint64_t any_of;
	const char *object;
};
static const struct option_row options[] = {
	{ SOL_SOCKET, SO_DEBUG, NOT_ZERO, CAP_BIT(CAP_NET_ADMIN), "SO_DEBUG" },
	{ SOL_SOCKET, SO_SNDBUFFORCE, ANY_VALUE, CAP_BIT(CAP_NET_ADMIN), "SO_SNDBUFFORCE" },
	{ SOL_SOCKET, SO_RCVBUFFORCE, ANY_VALUE, CAP_BIT(CAP_NET_ADMIN), "SO_RCVBUFFORCE" },
	{ SOL_SOCKET, SO_PRIORITY, NOT_LOW_PRIORITY, NET_EITHER, "SO_PRIORITY" },
	{ SOL_SOCKET, SO_MARK, ANY_VALUE, NET_EITHER, "SO_MARK" },
	{ SOL_SOCKET, 73, ANY_VALUE, CAP_BIT(CAP_NET_ADMIN), "SO_RESERVE_MEM" },
	{ IPPROTO_IP, IP_TRANSPARENT, NOT_ZERO, NET_EITHER, "IP_TRANSPARENT" },
	{ IPPROTO_IP, 16, ANY_VALUE, CAP_BIT(CAP_NET_ADMIN), "IP_IPSEC_POLICY" },
	{ IPPROTO_IP, 17, ANY_VALUE, CAP_BIT(CAP_NET_ADMIN), "IP_XFRM_POLICY" },
	{ IPPROTO_IP, 64, ANY_VALUE, CAP_BIT(CAP_NET_ADMIN), "IPT_SO_SET_REPLACE" },
	{ IPPROTO_IP, 65, ANY_VALUE, CAP_BIT(CAP_NET_ADMIN), "IPT_SO_SET_ADD_COUNTERS" },
	{ IPPROTO_IPV6, 64, ANY_VALUE, CAP_BIT(CAP_NET_ADMIN), "IP6T_SO_SET_REPLACE" },
	{ IPPROTO_IPV6, IPV6_TRANSPARENT, NOT_ZERO, NET_EITHER, "IPV6_TRANSPARENT" },
	{ IPPROTO_IPV6, IPV6_HOPOPTS, ANY_VALUE, CAP_BIT(CAP_NET_RAW), "IPV6_HOPOPTS" },
	{ IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, ANY_VALUE, CAP_BIT(CAP_NET_RAW), "IPV6_RTHDRDSTOPTS" },
	{ IPPROTO_IPV6, IPV6_DSTOPTS, ANY_VALUE, CAP_BIT(CAP_NET_RAW), "IPV6_DSTOPTS" },
	{ IPPROTO_TCP, TCP_REPAIR, ANY_VALUE, CAP_BIT(CAP_NET_ADMIN), "TCP_REPAIR" },
};

bool capable_asks_option(int level, int option)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == option)
			return true;
	return false;
}

void rule_setsockopt(struct needs *needs)
{
	const struct call *call = needs->call;
	int level = call_int(call, 1), name = call_int(call, 2);
	int32_t value = 0;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option_row *row = &options[i];

		if (row->level != level || row->name != name)
			continue;
		if (row->when != ANY_VALUE &&
		    tracee_read(call->tid, call->args[3], &value, sizeof value) < 0)
			return;
		if (row->when == ANY_VALUE || (row->when == NOT_ZERO && value) ||
		    (row->when == NOT_LOW_PRIORITY && (value < 0 || value > 6)))
			need_add(needs, row->any_of, row->object);
		return;
	}
}

/* audit_netlink_ok() in kernel/audit.c. */
static void need_audit(struct needs *needs, unsigned int type)
{
	bool user = type == AUDIT_USER || (type >= AUDIT_FIRST_USER_MSG && type <= 1199) ||
		    (type >= AUDIT_FIRST_USER_MSG2 && type <= AUDIT_LAST_USER_MSG2);
	char object[32];

	snprintf(object, sizeof object, "audit message %u", type);
	need_add(needs, CAP_BIT(user ? CAP_AUDIT_WRITE : CAP_AUDIT_CONTROL), object);
}

/* What the receiving side asks of the sender; the refusal comes as a message, not as a result. */
static void need_netlink(struct needs *needs, int protocol, unsigned int type)
{
	enum { RTNL_KIND_GET_ = 2, RTNL_KIND_MASK_ = 3 };

	if (type < NLMSG_MIN_TYPE)
		return;
	switch (protocol) {
	case NETLINK_ROUTE: /* rtnetlink_rcv_msg() */
		if ((type & RTNL_KIND_MASK_) != RTNL_KIND_GET_)
			need_add(needs, CAP_BIT(CAP_NET_ADMIN), "a change by rtnetlink");
		return;
	case NETLINK_NETFILTER: /* nfnetlink_rcv() */
	case NETLINK_XFRM:      /* xfrm_user_rcv_msg() */
		need_add(needs, CAP_BIT(CAP_NET_ADMIN),
			 protocol == NETLINK_XFRM ? "IPsec" : "netfilter");
		return;
	case NETLINK_AUDIT:
		need_audit(needs, type);
		return;
	default:
		return;
	}
}

/*
 * Judges a message whose first bytes are at data. Most are no netlink messages: those which do not
 * begin like one cost no more than this look.
 */
static void judge_netlink(struct needs *needs, uint64_t data, uint64_t length)
{
	const struct call *call = needs->call;
	struct nlmsghdr header;

	if (length < sizeof header || tracee_read(call->tid, data, &header, sizeof header) < 0 ||
	    header.nlmsg_len < sizeof header || header.nlmsg_len > length ||
	    !(header.nlmsg_flags & NLM_F_REQUEST))
		return;
	int protocol = netlink_protocol(call, call_int(call, 0));
	if (protocol >= 0)
		need_netlink(needs, protocol, header.nlmsg_type);
}

void rule_sendto(struct needs *needs)
{
	const struct call *call = needs->call;
	struct sockaddr_storage address;
	size_t length;
	bool with_address = strcmp(call->name, "sendto") == 0;

	if (with_address &&
	    read_address(call, call->args[4], call_u32(call, 5), &address, &length) &&
	    address.ss_family == AF_UNIX)
		need_unix(needs, &address, length, false);
	judge_netlink(needs, call->args[1], call->args[2]);
}

/* scm_check_creds() in net/core/scm.c. */
static void need_credentials(struct needs *needs, const struct ucred *sent)
{
	const struct creds *own = needs->call->creds;

	if (sent->pid != needs->call->tgid && call_target(needs->call, sent->pid) == sent->pid)
		need_add(needs, CAP_BIT(CAP_SYS_ADMIN), "SCM_CREDENTIALS of another process");
	if (sent->uid != own->ruid && sent->uid != own->euid && sent->uid != own->suid)
		need_add(needs, CAP_BIT(CAP_SETUID), "SCM_CREDENTIALS of another user");
	if (sent->gid != own->rgid && sent->gid != own->egid && sent->gid != own->sgid)
		need_add(needs, CAP_BIT(CAP_SETGID), "SCM_CREDENTIALS of another group");
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
		    size < word + 8 + sizeof sent)
			continue;
		memcpy(&sent, data + at + word + 8, sizeof sent);
		need_credentials(needs, &sent);
	}
}

/* One struct msghdr: name, namelen, iov, iovlen, control, controllen; a word each in memory. */
static void judge_message(struct needs *needs, uint64_t message)
{
	const struct call *call = needs->call;
	struct sockaddr_storage address;
	uint64_t words[6], iov[2];
	size_t length;

	if (!call_words(call, message, words, ARRAY_SIZE(words)))
		return;
	if (read_address(call, words[0], (uint32_t)words[1], &address, &length) &&
	    address.ss_family == AF_UNIX)
		need_unix(needs, &address, length, false);
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
