/*
 * What the kernel itself says about the calls of a workload, with their architecture: a seccomp
 * filter that answers SECCOMP_RET_LOG to everything makes an audit record of type 1326 of each
 * call; they are read from netlink's audit multicast group. Nothing here is whittle's.
 *
 *	audit_calls OUT COMMAND [ARG...]      listens, runs the command, writes lines
 *	                                      "ARCH NR COUNT ACTION" (hex as in AUDIT_ARCH_*,
 *decimal) audit_calls --join COMMAND [ARG...]   inside of that: this process and its descendants
 *are the workload
 *
 * The joining process takes a login session of its own (/proc/self/loginuid), by which records of
 * other workloads on the machine are told apart, then installs the filter and only calls execve(2):
 * the kernel's set begins with that execve. ACTION is log for a call that ran, else what a filter
 *of the workload's own answered (such actions as are logged, see actions_logged in seccomp(2)).
 * Exits with the command's status, or with 125 if anything was lost: then OUT is not written.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS         4096
#define RECEIVE_BYTES (256 << 20)

struct count {
	unsigned int arch, action;
	unsigned long nr, records;
};

struct calls {
	struct count count[CALLS];
	size_t used;
	unsigned long session; /* of the workload; 0 until it has joined */
};

/* The marker file that the joining process writes its session into is handed on by this name. */
#define SESSION_FILE "AUDIT_CALLS_SESSION"

static const char *action_name(unsigned int action)
{
	switch (action) {
	case SECCOMP_RET_LOG:
		return "log";
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
		return "kill";
	case SECCOMP_RET_TRAP:
		return "trap";
	case SECCOMP_RET_ERRNO:
		return "errno";
	}
	return "other";
}

static bool number_after(const char *record, const char *key, int base, unsigned long *ret_number)
{
	const char *at = strstr(record, key);

	if (!at)
		return false;
	*ret_number = strtoul(at + strlen(key), NULL, base);
	return true;
}

static void count_record(struct calls *calls, const char *record)
{
	unsigned long session, arch, nr, action;
	size_t i = 0;

	if (!number_after(record, " ses=", 10, &session) || session != calls->session)
		return;
	if (!number_after(record, " arch=", 16, &arch) ||
	    !number_after(record, " syscall=", 10, &nr) ||
	    !number_after(record, " code=", 16, &action))
		errx(125, "a record without arch, syscall or code: %s", record);
	while (i < calls->used && (calls->count[i].arch != arch || calls->count[i].nr != nr ||
				   calls->count[i].action != action))
		i++;
	if (i == CALLS)
		errx(125, "more than %d distinct calls", CALLS);
	calls->count[i].arch = arch;
	calls->count[i].nr = nr;
	calls->count[i].action = action;
	calls->count[i].records++;
	if (i == calls->used)
		calls->used++;
}

/* The joining process writes it before its filter exists, so before the first record. */
static void read_session(struct calls *calls)
{
	FILE *file = fopen(getenv(SESSION_FILE), "re");

	if (file) {
		if (fscanf(file, "%lu", &calls->session) != 1)
			calls->session = 0;
		fclose(file);
	}
}

/* Reads what there is; true if there was anything. ENOBUFS is the kernel's word for a loss. */
static bool drain(struct calls *calls, int fd)
{
	static union {
		char bytes[16384];
		struct nlmsghdr head;
	} message;
	bool any = false;
	ssize_t size;

	while ((size = recv(fd, message.bytes, sizeof message.bytes - 1, MSG_DONTWAIT)) > 0) {
		any = true;
		message.bytes[size] = 0;
		if (message.head.nlmsg_type != AUDIT_SECCOMP)
			continue;
		if (!calls->session)
			read_session(calls);
		count_record(calls, message.bytes + NLMSG_HDRLEN);
	}
	if (size < 0 && errno == ENOBUFS)
		errx(125, "lost: the kernel dropped audit records");
	if (size < 0 && errno != EAGAIN && errno != EINTR)
		err(125, "cannot read audit records");
	return any;
}

static int listen_audit(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int bytes = RECEIVE_BYTES;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		err(125, "cannot listen to audit records");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
		err(125, "cannot enlarge the receive buffer");
	return fd;
}

/* AUDIT_GET: how many records the kernel failed to make since boot, and its rate limit. */
static struct audit_status audit_get(void)
{
	struct {
		struct nlmsghdr head;
		char data[8192];
	} message = { .head = { .nlmsg_len = NLMSG_HDRLEN,
				.nlmsg_type = AUDIT_GET,
				.nlmsg_flags = NLM_F_REQUEST } };
	struct audit_status status = { 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);

	if (fd < 0 || send(fd, &message, NLMSG_HDRLEN, 0) < 0)
		err(125, "cannot ask for the state of audit");
	ssize_t size = recv(fd, &message, sizeof message, 0);
	if (size < NLMSG_HDRLEN + (ssize_t)sizeof status - 8 ||
	    message.head.nlmsg_type != AUDIT_GET)
		errx(125, "no answer about the state of audit");
	memcpy(&status, message.data, sizeof status);
	close(fd);
	return status;
}

static void write_counts(const struct calls *calls, const char *out)
{
	FILE *file = fopen(out, "we");

	if (!file)
		err(125, "cannot write %s", out);
	for (size_t i = 0; i < calls->used; i++)
		fprintf(file, "%x %lu %lu %s\n", calls->count[i].arch, calls->count[i].nr,
			calls->count[i].records, action_name(calls->count[i].action));
	if (fclose(file) != 0)
		err(125, "cannot write %s", out);
}

static int run(const char *out, char **argv)
{
	static struct calls calls;
	char session[4096];
	int status, fd = listen_audit();
	struct audit_status before = audit_get();

	if (before.rate_limit)
		errx(125, "audit has a rate limit of %u records a second", before.rate_limit);
	snprintf(session, sizeof session, "%s.session", out);
	if (setenv(SESSION_FILE, session, 1) < 0)
		err(125, "setenv");
	pid_t pid = fork();
	if (pid < 0)
		err(125, "fork");
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	while (waitpid(pid, &status, WNOHANG) == 0) {
		drain(&calls, fd);
		poll(&wait, 1, 20);
	}
	/* kauditd sends from a queue: what is still in it comes within its next turns */
	for (int quiet = 0; quiet < 10; quiet++) {
		if (drain(&calls, fd) || audit_get().backlog > 0)
			quiet = 0;
		poll(&wait, 1, 20);
	}
	unlink(session);
	struct audit_status after = audit_get();
	if (after.lost != before.lost)
		errx(125, "lost: %u audit records", after.lost - before.lost);
	if (!calls.session)
		errx(125, "the command did not join");
	write_counts(&calls, out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void write_text(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(125, "cannot write %s to %s", text, path);
	close(fd);
}

static int join(char **argv)
{
	struct sock_filter log_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG);
	struct sock_fprog program = { .len = 1, .filter = &log_all };
	const char *where = getenv(SESSION_FILE);
	char session[32] = "", uid[32];

	if (!where)
		errx(125, "--join outside of audit_calls");
	/* any number will do: setting it begins a new session (kernel/auditsc.c,
	 * audit_set_loginuid()) */
	snprintf(uid, sizeof uid, "%d", getuid());
	write_text("/proc/self/loginuid", 0, uid);
	int fd = open("/proc/self/sessionid", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, session, sizeof session - 1) <= 0)
		err(125, "cannot read the session");
	close(fd);
	write_text(where, O_CREAT | O_TRUNC, session);
	unsetenv(SESSION_FILE);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		err(125, "cannot install the filter");
	execve(argv[0], argv, environ);
	_exit(127);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--join") == 0)
		return join(argv + 2);
	if (argc < 3)
		errx(125, "usage: audit_calls OUT COMMAND...");
	return run(argv[1], argv + 2);
}
