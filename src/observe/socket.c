/* Sockets: what they are, and the addresses that they are given. */
#include <observe/observe.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* ---- names ---- */

const char *socket_family_name(int family, char scratch[16])
{
	/* AppArmor's words: the kernel's AF_ constants in lower case (apparmor.d(5), "Network") */
	static const char *const names[] = {
		"unspec",   "unix",       "inet",    "ax25",      "ipx",     "appletalk", "netrom",
		"bridge",   "atmpvc",     "x25",     "inet6",     "rose",    NULL,        "netbeui",
		"security", "key",        "netlink", "packet",    "ash",     "econet",    "atmsvc",
		"rds",      "sna",        "irda",    "pppox",     "wanpipe", "llc",       "ib",
		"mpls",     "can",        "tipc",    "bluetooth", "iucv",    "rxrpc",     "isdn",
		"phonet",   "ieee802154", "caif",    "alg",       "nfc",     "vsock",     "kcm",
		"qipcrtr",  "smc",        "xdp",     "mctp",
	};

	if (family >= 0 && family < (int)ARRAY_SIZE(names) && names[family])
		return names[family];
	snprintf(scratch, 16, "%d", family);
	return scratch;
}

const char *socket_type_name(int type, char scratch[16])
{
	static const char *const names[] = {
		[SOCK_STREAM] = "stream", [SOCK_DGRAM] = "dgram",         [SOCK_RAW] = "raw",
		[SOCK_RDM] = "rdm",       [SOCK_SEQPACKET] = "seqpacket", [SOCK_DCCP] = "dccp",
		[SOCK_PACKET] = "packet",
	};

	if (type >= 0 && type < (int)ARRAY_SIZE(names) && names[type])
		return names[type];
	snprintf(scratch, 16, "%d", type);
	return scratch;
}

/* ---- addresses ---- */

/* A block of IPv4 addresses and what it is for; the first that matches counts. */
static const struct {
	uint32_t prefix, mask; /* host order */
	const char *class;
} inet_classes[] = {
	{ 0x00000000, 0xffffffff, "any" },
	{ 0x7f000000, 0xff000000, "loopback" },
	{ 0x0a000000, 0xff000000, "private" }, /* RFC 1918 */
	{ 0xac100000, 0xfff00000, "private" },
	{ 0xc0a80000, 0xffff0000, "private" },
	{ 0x64400000, 0xffc00000, "private" },    /* RFC 6598 */
	{ 0xa9fe0000, 0xffff0000, "link-local" }, /* RFC 3927 */
	{ 0xe0000000, 0xf0000000, "multicast" },
	{ 0xffffffff, 0xffffffff, "multicast" }, /* broadcast */
};

static const char *inet_class(uint32_t address)
{
	for (size_t i = 0; i < ARRAY_SIZE(inet_classes); i++)
		if ((address & inet_classes[i].mask) == inet_classes[i].prefix)
			return inet_classes[i].class;
	return "public";
}

static const char *inet6_class(const struct in6_addr *address)
{
	uint32_t last;

	memcpy(&last, &address->s6_addr[12], sizeof(last));
	if (IN6_IS_ADDR_V4MAPPED(address))
		return inet_class(ntohl(last));
	if (IN6_IS_ADDR_UNSPECIFIED(address))
		return "any";
	if (IN6_IS_ADDR_LOOPBACK(address))
		return "loopback";
	if (IN6_IS_ADDR_MULTICAST(address))
		return "multicast";
	if (IN6_IS_ADDR_LINKLOCAL(address))
		return "link-local";
	if ((address->s6_addr[0] & 0xfe) == 0xfc) /* RFC 4193 */
		return "private";
	return "public";
}

static void inet_address(const void *bytes, size_t length, struct address *out)
{
	struct sockaddr_in address;

	if (length < sizeof(address))
		return;
	memcpy(&address, bytes, sizeof(address));
	buf_adds(&out->text, inet_class(ntohl(address.sin_addr.s_addr)));
	buf_addf(&out->port, "%u", ntohs(address.sin_port));
}

static void inet6_address(const void *bytes, size_t length, struct address *out)
{
	struct sockaddr_in6 address = { .sin6_port = 0 };
	size_t least = offsetof(struct sockaddr_in6, sin6_scope_id); /* SIN6_LEN_RFC2133 */

	if (length < least)
		return;
	memcpy(&address, bytes, length < sizeof(address) ? length : sizeof(address));
	buf_adds(&out->text, inet6_class(&address.sin6_addr));
	buf_addf(&out->port, "%u", ntohs(address.sin6_port));
}

/* unix(7): a path ends at its NUL or with the address; an abstract name may hold NULs. */
static void unix_address(const char *bytes, size_t length, struct address *out)
{
	size_t at = offsetof(struct sockaddr_un, sun_path);

	if (length <= at) {
		buf_adds(&out->text, "unnamed");
	} else if (bytes[at]) {
		out->is_path = true;
		escape_text(&out->text, bytes + at, strnlen(bytes + at, length - at));
	} else {
		buf_addc(&out->text, '@');
		escape_text(&out->text, bytes + at + 1, length - at - 1);
	}
}

void socket_address(const void *bytes, size_t length, struct address *out)
{
	sa_family_t family;

	if (length < sizeof(family))
		return;
	memcpy(&family, bytes, sizeof(family));
	out->family = family;
	if (family == AF_INET)
		inet_address(bytes, length, out);
	else if (family == AF_INET6)
		inet6_address(bytes, length, out);
	else if (family == AF_UNIX)
		unix_address(bytes, length, out);
	else if (family == AF_UNSPEC)
		buf_adds(&out->text, "unspec"); /* connect(2): dissolves the association */
}

static void address_free(struct address *address)
{
	buf_free(&address->text);
	buf_free(&address->port);
}
#define AUTO_ADDRESS __attribute__((cleanup(address_free)))

/* ---- the socket behind a descriptor ---- */

struct socket {
	char family[16], type[16], protocol[16];
	int domain, kind; /* -1: unknown */
	struct sockaddr_storage local;
	socklen_t local_length;
};

/* A copy of the tracee's descriptor. A leader that ended has no table any more; a thread has. */
static int copy_fd(const struct thread *thread, int fd)
{
	const pid_t tids[] = { thread->process->tgid, thread->tid };
	const unsigned int flags[] = { 0, O_EXCL /* PIDFD_THREAD, Linux 6.9 */ };

	for (size_t i = 0; i < ARRAY_SIZE(tids); i++) {
		AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, tids[i], flags[i]);
		int copy = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

		if (copy >= 0)
			return copy;
	}
	return -1;
}

static int socket_option(int fd, int option)
{
	int value;
	socklen_t length = sizeof(value);

	return fd < 0 || getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0 ? -1 : value;
}

static void read_socket(const struct thread *thread, int fd, struct socket *socket)
{
	AUTO_CLOSE int copy = copy_fd(thread, fd);
	char scratch[16];
	int protocol = socket_option(copy, SO_PROTOCOL);

	socket->domain = socket_option(copy, SO_DOMAIN);
	socket->kind = socket_option(copy, SO_TYPE);
	snprintf(socket->family, sizeof(socket->family), "%s",
		 socket->domain < 0 ? "unknown" : socket_family_name(socket->domain, scratch));
	snprintf(socket->type, sizeof(socket->type), "%s",
		 socket->kind < 0 ? "unknown" : socket_type_name(socket->kind, scratch));
	if (protocol < 0)
		snprintf(socket->protocol, sizeof(socket->protocol), "unknown");
	else
		snprintf(socket->protocol, sizeof(socket->protocol), "%d", protocol);
	socket->local_length = sizeof(socket->local);
	if (copy < 0 ||
	    getsockname(copy, (struct sockaddr *)&socket->local, &socket->local_length) < 0)
		socket->local_length = 0;
}

/* ---- decoders ---- */

static void emit_socket(struct observer *observer, struct thread *thread, const char *operation,
			const struct socket *socket, const struct address *address)
{
	emit_fact(observer, FACT_SOCKET, operation, socket->family, socket->type, socket->protocol,
		  buf_text(&address->text), buf_text(&address->port), thread_program(thread));
}

/*
 * What is said by sendto(2) to the kernel may need a capability. Processes that have a filter may
 * say it unseen, if they could not when they got it.
 */
static void netlink_made(struct observer *observer, struct thread *thread)
{
	bool watched = !(observer->flags & OBSERVE_CAPS) || observer->capless || observer->netlink;

	if (thread->process->settled && !watched)
		emit_limitation(observer, "netlink-unwatched");
	set_once(observer, &observer->netlink);
}

/*
 * Refusals that come from the family itself: inet_create() and packet_create() want CAP_NET_RAW,
 * ping_init_sock() (net/ipv4/ping.c) a group.
 */
static bool refused_by_family(const struct thread *thread, int64_t value)
{
	int family = (int)thread->args[0], protocol = (int)thread->args[2];
	int type = (int)thread->args[1] & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	bool inet = family == AF_INET || family == AF_INET6;

	if (value == -EPERM)
		return family == AF_PACKET || (inet && type == SOCK_RAW);
	return value == -EACCES && inet && type == SOCK_DGRAM &&
	       protocol == (family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
}

/*
 * The LSM is asked before anything of the family is (__sock_create() in net/socket.c), so that what
 * the family refuses is a request too; not what was refused by the LSM, or by the arguments alone.
 */
void socket_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	struct socket socket;
	char scratch[16];
	const struct address none = { .family = -1 };

	if (outcome->ok && (int)thread->args[0] == AF_NETLINK)
		netlink_made(observer, thread);
	bool refused = outcome->value == -EACCES || outcome->value == -EPERM;
	if (outcome->unknown || (refused && !refused_by_family(thread, outcome->value)) ||
	    outcome->value == -EINVAL || outcome->value == -ENOSYS)
		return;
	int type = (int)thread->args[1] & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	snprintf(socket.family, sizeof(socket.family), "%s",
		 socket_family_name((int)thread->args[0], scratch));
	snprintf(socket.type, sizeof(socket.type), "%s", socket_type_name(type, scratch));
	snprintf(socket.protocol, sizeof(socket.protocol), "%d", (int)thread->args[2]);
	emit_socket(observer, thread, thread->row->name, &socket, &none);
}

static void read_address(struct thread *thread, uint64_t address, uint64_t length)
{
	char bytes[sizeof(struct sockaddr_storage)]; /* more is EINVAL: move_addr_to_kernel() */

	buf_truncate(&thread->text, 0);
	if (!address || length > sizeof(bytes) || !length)
		return;
	if (tracee_read(thread->tid, address, bytes, length) == 0)
		buf_add(&thread->text, bytes, length);
}

/* Keeps the bytes of the address in thread->text. */
void address_enter(struct observer *observer, struct thread *thread)
{
	int at = args_index(thread->row, ARG_SOCKADDR);

	(void)observer;
	read_address(thread, thread->args[at], (uint32_t)thread->args[at + 1]);
}

/*
 * The path of a unix socket, as connect(2) or bind(2) look it up: below the working directory. Its
 * resolved name replaces the text of the address. False if the call will fail for want of it, where
 * its result is not known.
 */
static bool emit_unix_path(struct observer *observer, struct thread *thread, enum access access,
			   struct address *address)
{
	const size_t at = offsetof(struct sockaddr_un, sun_path);
	const char *string = thread->text.data + at;
	size_t length = strnlen(string, thread->text.length - at);
	AUTO_PATH struct path path = PATH_INIT;

	if (thread->guarded) /* counted at the entry */
		return true;
	bool foreseen = thread->result_mode != RESULT_COMES && access == ACCESS_CONNECT;
	if (path_walk(thread->tid, thread->process->tgid, AT_FDCWD, string, length, 0, &path) < 0) {
		if (foreseen && (errno == ENOENT || errno == ENOTDIR))
			return false;
		emit_loss(observer, "unreadable-path");
		return true;
	}
	if (foreseen && path.error)
		return false;
	if (!path.name)
		return true;
	bool new = access == ACCESS_BIND || path.error;
	emit_path(observer, thread, path.name, access,
		  new ? OWNER_SELF : owner_of(thread, path.object.uid), NULL);
	buf_truncate(&address->text, 0);
	buf_adds(&address->text, path.name);
	return true;
}

/* One use of the address in thread->text; access: what a unix path is used for, if it was. */
static void emit_address(struct observer *observer, struct thread *thread, const char *operation,
			 enum access access)
{
	AUTO_ADDRESS struct address address = { .family = -1 };
	struct socket socket;

	read_socket(thread, (int)thread->args[0], &socket);
	socket_address(buf_text(&thread->text), thread->text.length, &address);
	if (address.is_path && access != ACCESS_NONE &&
	    !emit_unix_path(observer, thread, access, &address))
		return;
	emit_socket(observer, thread, operation, &socket, &address);
}

/* Was the LSM asked? Not if it refused, or if the arguments were bad. */
static bool was_asked(const struct outcome *outcome)
{
	static const int early[] = { EACCES, EPERM,  EBADF,    EFAULT,       EINVAL,
				     ENOSYS, ENOENT, ENOTSOCK, EAFNOSUPPORT, EADDRINUSE };

	if (outcome->unknown)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(early); i++)
		if (outcome->value == -early[i])
			return false;
	return true;
}

void bind_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	struct socket socket;

	if (!outcome->ok)
		return;
	if (observer->flags & OBSERVE_PATHS)
		emit_address(observer, thread, "bind", ACCESS_BIND);
	read_socket(thread, (int)thread->args[0], &socket);
	if (socket.kind == SOCK_DGRAM &&
	    (socket.domain == AF_INET || socket.domain == AF_INET6 || socket.domain == AF_UNIX))
		observer->listening = true;
}

void connect_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (was_asked(outcome))
		emit_address(observer, thread, "connect",
			     outcome->checked ? ACCESS_CONNECT : ACCESS_NONE);
}

/* By the address that the socket itself has: a peer's port would be another in each run. */
static void emit_local(struct observer *observer, struct thread *thread, const char *operation)
{
	AUTO_ADDRESS struct address address = { .family = -1 };
	struct socket socket;

	read_socket(thread, (int)thread->args[0], &socket);
	socket_address(&socket.local, socket.local_length, &address);
	emit_socket(observer, thread, operation, &socket, &address);
}

void socket_inherited(struct observer *observer, struct thread *thread, int fd)
{
	const struct address none = { .family = -1 };
	struct socket socket;

	read_socket(thread, fd, &socket);
	emit_socket(observer, thread, "inherit", &socket, &none);
}

void listen_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (!outcome->ok)
		return;
	if (observer->flags & OBSERVE_PATHS)
		emit_local(observer, thread, "listen");
	observer->listening = true;
	thread->process->serves = true;
}

void accept_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (!outcome->ok)
		return;
	emit_local(observer, thread, "accept");
	thread->process->serves = true;
}

/* ---- messages ---- */

/* The first two members of struct msghdr, which are all that is wanted here. */
static bool read_msghdr(struct thread *thread, uint64_t at)
{
	uint32_t words[4];

	if (tracee_read(thread->tid, at, words, sizeof(words)) < 0)
		return false;
	if (thread->abi->word == 4)
		read_address(thread, words[0], words[1]);
	else
		read_address(thread, (uint64_t)words[1] << 32 | words[0], words[2]);
	return true;
}

void sendmsg_enter(struct observer *observer, struct thread *thread)
{
	(void)observer;
	read_msghdr(thread, thread->args[1]);
}

/* Without an address it is the connected peer, of whom connect(2) told. */
void sendmsg_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (was_asked(outcome) && thread->text.length)
		emit_address(observer, thread, "send",
			     outcome->checked ? ACCESS_CONNECT : ACCESS_NONE);
}

void sendmmsg_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	/* struct mmsghdr: a struct msghdr and an unsigned int, padded */
	size_t size = thread->abi->word == 4 ? 32 : 64;
	struct outcome each = { .ok = true, .checked = true };

	/* at most UIO_MAXIOV; those that are yet to be sent are all */
	int64_t count = outcome->assumed ? (int64_t)(thread->args[2] & 1023) : outcome->value;

	for (int64_t i = 0; outcome->ok && i < count; i++) {
		if (!read_msghdr(thread, thread->args[1] + (uint64_t)i * size))
			return;
		sendmsg_leave(observer, thread, &each);
	}
}
