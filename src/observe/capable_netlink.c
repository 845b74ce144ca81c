/* Netlink: net/netlink, and what the kernel's side of each protocol asks of the sender. */
#include <observe/capable_rules.h>

#include <linux/audit.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define NET_ADMIN CAP_BIT(CAP_NET_ADMIN)

/* The netlink protocol of the caller's socket; -1 if it is not netlink or cannot be told. */
static int netlink_protocol(const struct call *call, int fd)
{
	int domain = -1, protocol = -1;
	socklen_t size = sizeof domain;
	AUTO_CLOSE int socket = borrow_socket(call, fd);

	if (socket < 0 || getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
	    domain != AF_NETLINK)
		return -1;
	size = sizeof protocol;
	if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
		return -1;
	return protocol;
}

/* ---- groups, and other users' sockets ---- */

/* NL_CFG_F_NONROOT_RECV: who listens to these needs nothing. */
static bool has_open_groups(int protocol)
{
	static const int open[] = { NETLINK_ROUTE,     NETLINK_USERSOCK, NETLINK_SOCK_DIAG,
				    NETLINK_SELINUX,   NETLINK_AUDIT,    NETLINK_KOBJECT_UEVENT,
				    NETLINK_CONNECTOR, NETLINK_GENERIC };

	for (size_t i = 0; i < ARRAY_SIZE(open); i++)
		if (open[i] == protocol)
			return true;
	return false;
}

/* netlink_bind(), netlink_setsockopt(); audit_multicast_bind() in kernel/audit.c */
void need_netlink_group(struct needs *needs)
{
	int protocol = netlink_protocol(needs->call, call_int(needs->call, 0));

	if (protocol == NETLINK_AUDIT)
		need_add(needs, CAP_BIT(CAP_AUDIT_READ), "audit multicast");
	else if (protocol >= 0 && !has_open_groups(protocol))
		need_add(needs, NET_ADMIN, "netlink groups");
}

/* netlink_sendmsg(): NL_CFG_F_NONROOT_SEND */
void need_netlink_peer(struct needs *needs)
{
	int protocol = netlink_protocol(needs->call, call_int(needs->call, 0));

	if (protocol >= 0 && protocol != NETLINK_USERSOCK)
		need_add(needs, NET_ADMIN, "a netlink message to others than the kernel");
}

/* ---- generic netlink: the kernel tells which of a family's commands are privileged ---- */

static const struct nlattr *attribute(const char *data, size_t length, unsigned int type)
{
	for (size_t at = 0; at + NLA_HDRLEN <= length;) {
		const struct nlattr *found = (const struct nlattr *)(data + at);

		if (found->nla_len < NLA_HDRLEN || found->nla_len > length - at)
			return NULL;
		if ((found->nla_type & NLA_TYPE_MASK) == type)
			return found;
		at += NLA_ALIGN(found->nla_len);
	}
	return NULL;
}

static uint32_t attribute_u32(const char *data, size_t length, unsigned int type)
{
	const struct nlattr *found = attribute(data, length, type);
	uint32_t value = 0;

	if (found && found->nla_len >= NLA_HDRLEN + sizeof(value))
		memcpy(&value, (const char *)found + NLA_HDRLEN, sizeof(value));
	return value;
}

/* In CTRL_ATTR_OPS: CTRL_ATTR_OP_ID and CTRL_ATTR_OP_FLAGS of each. */
static bool is_privileged(const struct nlattr *operations, unsigned int command)
{
	const char *data = (const char *)operations + NLA_HDRLEN;
	size_t length = operations->nla_len - NLA_HDRLEN;

	for (size_t at = 0; at + NLA_HDRLEN <= length;) {
		const struct nlattr *one = (const struct nlattr *)(data + at);

		if (one->nla_len < NLA_HDRLEN || one->nla_len > length - at)
			return false;
		const char *inner = data + at + NLA_HDRLEN;
		size_t size = one->nla_len - NLA_HDRLEN;
		if (attribute_u32(inner, size, CTRL_ATTR_OP_ID) == command)
			return attribute_u32(inner, size, CTRL_ATTR_OP_FLAGS) &
			       (GENL_ADMIN_PERM | GENL_UNS_ADMIN_PERM);
		at += NLA_ALIGN(one->nla_len);
	}
	return false;
}

/* CTRL_CMD_GETFAMILY by number; the length of the answer, or -1. */
static ssize_t ask_family(uint16_t family, void *answer, size_t room)
{
	AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct {
		struct nlmsghdr head;
		struct genlmsghdr generic;
		struct nlattr attribute;
		uint16_t family, padding;
	} question = { .head = { .nlmsg_len = sizeof(question),
				 .nlmsg_type = GENL_ID_CTRL,
				 .nlmsg_flags = NLM_F_REQUEST },
		       .generic = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 },
		       .attribute = { .nla_len = NLA_HDRLEN + sizeof(family),
				      .nla_type = CTRL_ATTR_FAMILY_ID },
		       .family = family };

	if (fd < 0 || send(fd, &question, sizeof(question), 0) != (ssize_t)sizeof(question))
		return -1;
	return recv(fd, answer, room, MSG_DONTWAIT); /* it is there when send(2) returns */
}

/* genl_family_rcv_msg() in net/netlink/genetlink.c */
static void need_generic(struct needs *needs, uint16_t family, unsigned int command)
{
	_Alignas(struct nlmsghdr) char answer[32768];
	size_t head = NLMSG_HDRLEN + GENL_HDRLEN;
	ssize_t length = ask_family(family, answer, sizeof(answer));
	const struct nlmsghdr *header = (const struct nlmsghdr *)answer;

	if (length < (ssize_t)head || header->nlmsg_type != GENL_ID_CTRL ||
	    header->nlmsg_len > (size_t)length)
		return;
	const struct nlattr *operations =
		attribute(answer + head, header->nlmsg_len - head, CTRL_ATTR_OPS);
	if (operations && is_privileged(operations, command))
		need_add(needs, NET_ADMIN, "generic netlink");
}

/* ---- messages to the kernel ---- */

/* audit_netlink_ok() in kernel/audit.c; types that it does not know are no question of it. */
static void need_audit(struct needs *needs, unsigned int type)
{
	bool user = type == AUDIT_USER || (type >= AUDIT_FIRST_USER_MSG && type <= 1199) ||
		    (type >= AUDIT_FIRST_USER_MSG2 && type <= AUDIT_LAST_USER_MSG2);
	bool control =
		type <= AUDIT_SET || (type >= AUDIT_SIGNAL_INFO && type <= AUDIT_GET_FEATURE);
	char object[32];

	snprintf(object, sizeof object, "audit message %u", type);
	if (user || control)
		need_add(needs, CAP_BIT(user ? CAP_AUDIT_WRITE : CAP_AUDIT_CONTROL), object);
}

/*
 * rtnetlink_rcv_msg(). A new link of which nothing is said but the family is nothing that could be
 * made or changed: it asks whether the kernel knows such messages.
 */
static void need_route(struct needs *needs, uint64_t data, const struct nlmsghdr *header)
{
	enum { RTNL_KIND_GET_ = 2, RTNL_KIND_MASK_ = 3 };
	struct ifinfomsg link = { .ifi_index = 0 };

	if ((header->nlmsg_type & RTNL_KIND_MASK_) == RTNL_KIND_GET_)
		return;
	if (header->nlmsg_type == RTM_NEWLINK && header->nlmsg_len == NLMSG_LENGTH(sizeof(link)) &&
	    tracee_read(needs->call->tid, data + NLMSG_HDRLEN, &link, sizeof(link)) == 0 &&
	    !link.ifi_index)
		return;
	need_add(needs, NET_ADMIN, "a change by rtnetlink");
}

/* What the receiving side asks of the sender; the refusal comes as a message, not as a result. */
static void need_netlink(struct needs *needs, int protocol, uint64_t data,
			 const struct nlmsghdr *header)
{
	struct genlmsghdr generic;

	if (header->nlmsg_type < NLMSG_MIN_TYPE)
		return;
	switch (protocol) {
	case NETLINK_ROUTE:
		need_route(needs, data, header);
		return;
	case NETLINK_NETFILTER: /* nfnetlink_rcv() */
		need_add(needs, NET_ADMIN, "netfilter");
		return;
	case NETLINK_XFRM: /* xfrm_user_rcv_msg() */
		need_add(needs, NET_ADMIN, "IPsec");
		return;
	case NETLINK_SOCK_DIAG: /* sock_diag_destroy() in net/core/sock_diag.c */
		if (header->nlmsg_type == SOCK_DESTROY)
			need_add(needs, NET_ADMIN, "another's connection");
		return;
	case NETLINK_GENERIC:
		if (tracee_read(needs->call->tid, data + NLMSG_HDRLEN, &generic, sizeof(generic)) ==
		    0)
			need_generic(needs, header->nlmsg_type, generic.cmd);
		return;
	case NETLINK_AUDIT:
		need_audit(needs, header->nlmsg_type);
		return;
	default:
		return;
	}
}

/*
 * Most messages are no netlink messages: those which do not begin like one cost no more than this
 * look.
 */
void judge_netlink(struct needs *needs, uint64_t data, uint64_t length)
{
	const struct call *call = needs->call;
	struct nlmsghdr header;

	if (length < sizeof header || tracee_read(call->tid, data, &header, sizeof header) < 0 ||
	    header.nlmsg_len < sizeof header || header.nlmsg_len > length ||
	    !(header.nlmsg_flags & NLM_F_REQUEST))
		return;
	int protocol = netlink_protocol(call, call_int(call, 0));
	if (protocol >= 0)
		need_netlink(needs, protocol, data, &header);
}
