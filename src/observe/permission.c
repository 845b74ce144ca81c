#include <observe/permission.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SOCKET = 0,          /* the helper's only descriptor */
	GROUPS_ASKED = 1024, /* who is in more is not asked about: a message has a limit */
	PATIENCE = 2,        /* seconds: a server of files may hang */
	STARTS_MAX = 8,      /* something kills the helper: that is enough */
	KNOWN_MAX = 2048     /* verdicts; a power of 2 */
};

#define BIT(cap) (UINT64_C(1) << (cap))
/* To take on an identity. */
#define TO_BECOME (BIT(CAP_SETUID) | BIT(CAP_SETGID))
/* What it may ever have; the latter two for nothing but the question whether they would do. */
#define TO_KEEP (TO_BECOME | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_DAC_OVERRIDE))

#define SECOND  INT64_C(1000000000) /* in nanoseconds */

struct known_verdict {
	struct path_node node;
	unsigned int mask; /* 0: a free slot */
	struct permission_verdict verdict;
};

struct permission {
	int pidfd;  /* of the helper */
	int socket; /* whittle's end; -1: there is no helper */
	int starts;
	bool hopeless;                    /* it hangs, or cannot be started */
	struct permission_identity whose; /* the verdicts */
	gid_t *groups;                    /* owned: its groups */
	struct known_verdict known[KNOWN_MAX];
};

struct question {
	uid_t uid;
	gid_t gid;
	uint32_t mask;
	uint32_t group_count;
	gid_t groups[GROUPS_ASKED]; /* only so many are sent */
};

struct reply {
	bool told;
	struct permission_answer answer;
};

/* Who asked last: mostly it is the same again. */
struct role {
	bool taken;
	struct question as;
};

/* ---- in the helper: only calls that are safe after fork(2) ---- */

/* capset(2), raw: libcap allocates. */
static uint64_t permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static bool set_capabilities(uint64_t kept, uint64_t effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .permitted = (uint32_t)kept, .effective = (uint32_t)(kept & effective) },
		{ .permitted = (uint32_t)(kept >> 32),
		  .effective = (uint32_t)((kept & effective) >> 32) }
	};

	return syscall(SYS_capset, &header, data) == 0;
}

static bool in_groups(const struct question *as)
{
	gid_t own[GROUPS_ASKED];
	int count = getgroups(GROUPS_ASKED, own);

	return count >= 0 && (uint32_t)count == as->group_count &&
	       memcmp(own, as->groups, (size_t)count * sizeof(*own)) == 0;
}

/*
 * setfsuid(2) tells of no failure, and moves capabilities: away with root's id, back with it
 * (cap_task_fix_setuid()). They are set anew for each question. Whittle's own identity can be had
 * without a capability, unless setgroups(2) is called.
 */
static bool become(const struct question *as)
{
	set_capabilities(permitted(), TO_BECOME);
	if (!in_groups(as) && setgroups(as->group_count, as->groups) < 0)
		return false;
	setfsgid(as->gid);
	setfsuid(as->uid);
	return (gid_t)setfsgid((gid_t)-1) == as->gid && (uid_t)setfsuid((uid_t)-1) == as->uid;
}

static bool take_role(struct role *role, const struct question *as)
{
	size_t groups = as->group_count * sizeof(*as->groups);

	if (role->taken && role->as.uid == as->uid && role->as.gid == as->gid &&
	    role->as.group_count == as->group_count &&
	    memcmp(role->as.groups, as->groups, groups) == 0)
		return true;
	role->taken = become(as);
	role->as = *as;
	return role->taken;
}

/* AT_EACCESS: by the ids for files; else do_faccessat() goes by the real ones. */
static int check(int fd, uint32_t mask, uint64_t effective)
{
	if (!set_capabilities(permitted(), effective))
		return EPERM;
	return syscall(SYS_faccessat2, fd, "", mask, AT_EMPTY_PATH | AT_EACCESS) == 0 ? 0 : errno;
}

static struct reply answer(struct role *role, const struct question *question, int fd)
{
	uint64_t dac = BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_DAC_OVERRIDE);
	struct reply reply = { .told = take_role(role, question) };

	if (!reply.told)
		return reply;
	reply.answer.bare = check(fd, question->mask, 0);
	reply.told = reply.answer.bare != ENOSYS;
	if (!reply.answer.bare || (permitted() & dac) != dac)
		return reply;
	reply.answer.tried = true;
	reply.answer.search = check(fd, question->mask, BIT(CAP_DAC_READ_SEARCH));
	reply.answer.overridden = check(fd, question->mask, BIT(CAP_DAC_OVERRIDE));
	return reply;
}

/* Room for one descriptor. */
union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

/* The size of the message; 0 when whittle is gone. */
static ssize_t receive(struct question *question, int *ret_fd)
{
	union control control;
	struct iovec data = { question, sizeof(*question) };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t size;

	*ret_fd = -1;
	while ((size = recvmsg(SOCKET, &message, 0)) < 0 && errno == EINTR)
		continue;
	struct cmsghdr *header = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
	return size;
}

static void __attribute__((noreturn)) help(int socket)
{
	struct question question;
	struct role role = { .taken = false };
	sigset_t all;
	int fd;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid(); /* neither the terminal's signals nor those to whittle's group are for it */
	prctl(PR_SET_NAME, "whittle-asks");
	dup2(socket, SOCKET);
	fcntl(SOCKET, F_SETFD, 0); /* dup2() of a descriptor to itself leaves its flag */
	closefrom(SOCKET + 1);
	if (chdir("/") < 0 || !set_capabilities(permitted() & TO_KEEP, 0))
		_exit(EXIT_WHITTLE);
	while (receive(&question, &fd) > 0) {
		struct reply reply = answer(&role, &question, fd);

		close(fd);
		if (send(SOCKET, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* ---- in whittle ---- */

struct permission *permission_new(void)
{
	struct permission *permission = xcalloc(1, sizeof(*permission));

	permission->socket = permission->pidfd = -1;
	return permission;
}

/* The loop of the engine may have waited for it: the pidfd knows, a number would be another's. */
static void stop(struct permission *permission)
{
	siginfo_t info;

	if (permission->socket >= 0)
		shutdown(permission->socket, SHUT_RDWR); /* others may hold copies for a moment */
	if (permission->pidfd >= 0 && !permission->hopeless)
		while (waitid(P_PIDFD, (id_t)permission->pidfd, &info, WEXITED) < 0 &&
		       errno == EINTR)
			continue;
	auto_close(&permission->socket);
	auto_close(&permission->pidfd);
	permission->socket = permission->pidfd = -1;
}

void permission_free(struct permission *permission)
{
	if (!permission)
		return;
	stop(permission);
	free(permission->groups);
	free(permission);
}

static bool start(struct permission *permission)
{
	struct timeval patience = { .tv_sec = PATIENCE };
	int pair[2];

	if (permission->starts++ == STARTS_MAX ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	pid_t pid = fork();
	if (pid == 0)
		help(pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return false;
	}
	permission->pidfd = pidfd_open(pid, 0);
	permission->socket = pair[0];
	return true;
}

static bool send_question(const struct permission *permission, const struct question *question,
			  int fd)
{
	union control control;
	struct iovec data = { (void *)question,
			      offsetof(struct question, groups) +
				      question->group_count * sizeof(*question->groups) };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(permission->socket, &message, MSG_NOSIGNAL) == (ssize_t)data.iov_len;
}

/* False if the helper died; one that hangs is killed, and no other is started. */
static bool receive_reply(struct permission *permission, struct reply *ret_reply)
{
	ssize_t size;

	while ((size = recv(permission->socket, ret_reply, sizeof(*ret_reply), 0)) < 0 &&
	       errno == EINTR)
		continue;
	if (size < 0) {
		permission->hopeless = true;
		pidfd_send_signal(permission->pidfd, SIGKILL, NULL, 0);
	}
	return size == sizeof(*ret_reply);
}

/* A helper that something killed meanwhile is replaced. */
static bool converse(struct permission *permission, const struct question *question, int fd,
		     struct reply *ret_reply)
{
	while (!permission->hopeless) {
		if (permission->socket < 0 && !start(permission)) {
			permission->hopeless = true;
			return false;
		}
		if (send_question(permission, question, fd) && receive_reply(permission, ret_reply))
			return true;
		stop(permission);
	}
	return false;
}

bool permission_ask(struct permission *permission, const struct permission_identity *identity,
		    int fd, unsigned int mask, struct permission_answer *ret_answer)
{
	struct question question;
	struct reply reply = { .told = false };

	if (identity->group_count > GROUPS_ASKED)
		return false;
	question.uid = identity->uid;
	question.gid = identity->gid;
	question.mask = mask;
	question.group_count = (uint32_t)identity->group_count;
	if (identity->group_count)
		memcpy(question.groups, identity->groups,
		       identity->group_count * sizeof(*identity->groups));
	if (!converse(permission, &question, fd, &reply) || !reply.told)
		return false;
	*ret_answer = reply.answer;
	return true;
}

/* ---- verdicts ---- */

static bool is_same(const struct permission_identity *a, const struct permission_identity *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->group_count == b->group_count &&
	       (!a->group_count ||
		memcmp(a->groups, b->groups, a->group_count * sizeof(*a->groups)) == 0);
}

static size_t slot_of(const struct path_node *node, unsigned int mask)
{
	return (node->inode * 2 + node->device * 31 + (mask != X_OK)) & (KNOWN_MAX - 1);
}

/* Forgets the verdicts for another. */
static void know(struct permission *permission, const struct permission_identity *identity)
{
	size_t size = identity->group_count * sizeof(*identity->groups);

	if (is_same(&permission->whose, identity))
		return;
	memset(permission->known, 0, sizeof(permission->known));
	permission->groups = xrealloc(permission->groups, identity->group_count + 1,
				      sizeof(*permission->groups));
	if (size)
		memcpy(permission->groups, identity->groups, size);
	permission->whose = *identity;
	permission->whose.groups = permission->groups;
}

void permission_remember(struct permission *permission, const struct permission_identity *identity,
			 const struct path_node *node, unsigned int mask,
			 const struct permission_verdict *verdict)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (mask & W_OK || node->changed / SECOND >= now.tv_sec - 1)
		return;
	know(permission, identity);
	permission->known[slot_of(node, mask)] = (struct known_verdict){ *node, mask, *verdict };
}

bool permission_recall(const struct permission *permission,
		       const struct permission_identity *identity, const struct path_node *node,
		       unsigned int mask, struct permission_verdict *ret_verdict)
{
	const struct known_verdict *known = &permission->known[slot_of(node, mask)];
	const struct path_node *of = &known->node;

	if (!mask || known->mask != mask || of->inode != node->inode ||
	    of->device != node->device || of->changed != node->changed || of->uid != node->uid ||
	    of->gid != node->gid || of->mode != node->mode ||
	    !is_same(&permission->whose, identity))
		return false;
	*ret_verdict = known->verdict;
	return true;
}
