/*
 * A filter's verdict depends on nothing but the call's number and arguments, so another process
 * under the same filters is asked for it: the oracle makes the call with the same values. A filter
 * of its own, installed last, notifies whittle of every call that the others let pass, for
 * SECCOMP_RET_ERRNO outranks SECCOMP_RET_USER_NOTIF (seccomp(2), "Return Value"): such a call is
 * answered by whittle and never made.
 */
#include <trace/outer.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <trace/listener.h>

/* In memory that both have: each call of the oracle waits for whittle, or is a question itself. */
struct question {
	uint64_t nr;
	uint64_t args[6];
	long result; /* of the call, or -errno */
};

struct oracle {
	struct listener_plan *plan;
	struct question *question;
};

struct outer {
	pid_t pid;
	int pidfd, listener;
	struct question *question;
	struct seccomp_notif *notice;
	struct seccomp_notif_resp *answer;
	struct seccomp_notif_sizes sizes;
};

/* By this call, which no filter refuses, the oracle waits; it is answered without being made. */
enum { READY = SYS_exit_group, READY_STATUS = 0x5748 };

/* ---- in the oracle ---- */

/* It dies with whittle: the call that would undo PR_SET_PDEATHSIG is answered, not made. */
static int oracle_run(void *context)
{
	const struct oracle *oracle = context;
	struct question *question = oracle->question;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "whittle-oracle");
	if (listener_install(oracle->plan) < 0)
		_exit(EXIT_WHITTLE);
	while (syscall(READY, READY_STATUS) == 0) {
		const uint64_t *args = question->args;
		long result = syscall((long)question->nr, args[0], args[1], args[2], args[3],
				      args[4], args[5]);

		question->result = result == -1 ? -errno : result;
	}
	_exit(EXIT_WHITTLE); /* nobody listens any more: it is being killed */
}

/* ---- in whittle ---- */

static bool is_ready(const struct seccomp_notif *notice)
{
	return notice->data.nr == READY && (uint32_t)notice->data.args[0] == READY_STATUS;
}

/* The oracle's next call; false if it died. */
static bool receive(struct outer *outer)
{
	struct pollfd fd = { .fd = outer->listener, .events = POLLIN };

	for (;;) {
		int count = poll(&fd, 1, -1);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 || (fd.revents & POLLHUP))
			return false;
		if (!(fd.revents & POLLIN)) /* POLLERR: see notified.c */
			continue;
		memset(outer->notice, 0, outer->sizes.seccomp_notif);
		if (ioctl(outer->listener, SECCOMP_IOCTL_NOTIF_RECV, outer->notice) == 0)
			return true;
		if (errno != EINTR && errno != ENOENT)
			return false;
	}
}

static bool answer(struct outer *outer)
{
	memset(outer->answer, 0, outer->sizes.seccomp_notif_resp);
	outer->answer->id = outer->notice->id;
	return ioctl(outer->listener, SECCOMP_IOCTL_NOTIF_SEND, outer->answer) == 0;
}

/* Until it is ready; *ret_passed: the filters let a call of it pass. */
static bool run_to_ready(struct outer *outer, bool *ret_passed)
{
	*ret_passed = false;
	while (receive(outer)) {
		if (is_ready(outer->notice))
			return true;
		*ret_passed = true;
		if (!answer(outer))
			return false;
	}
	return false;
}

/*
 * The oracle's table of descriptors is whittle's, so its listener is there at once: pidfd_getfd(2)
 * is refused by the filters of some engines. Its memory is its own, and so is its stack.
 */
static bool start(struct outer *outer, struct listener_plan *plan)
{
	enum { STACK = 64 * 1024 };
	struct oracle oracle = { plan, outer->question };
	AUTO_FREE char *stack = xcalloc(1, STACK);
	bool passed;

	outer->pid = clone(oracle_run, stack + STACK, CLONE_FILES | SIGCHLD, &oracle);
	if (outer->pid < 0)
		return false;
	outer->pidfd = pidfd_open(outer->pid, 0);
	if (outer->pidfd < 0)
		return false;
	outer->listener = listener_await(plan, outer->pidfd);
	return outer->listener >= 0 && run_to_ready(outer, &passed);
}

static bool allocate(struct outer *outer)
{
	void *shared = mmap(NULL, sizeof(*outer->question), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return false;
	outer->question = shared;
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &outer->sizes) < 0)
		return false;
	outer->notice = xcalloc(1, outer->sizes.seccomp_notif);
	outer->answer = xcalloc(1, outer->sizes.seccomp_notif_resp);
	return true;
}

struct outer *outer_open(void)
{
	static const struct trace_options nothing_known = { .engine = ENGINE_NOTIFY };
	struct outer *outer = xcalloc(1, sizeof(*outer));
	struct listener_plan plan = { .shared = NULL };
	struct error err;

	outer->pidfd = outer->listener = -1;
	bool works = allocate(outer) && listener_plan(&plan, &nothing_known, &err) == 0 &&
		     start(outer, &plan);
	listener_release(&plan);
	if (works)
		return outer;
	outer_close(outer);
	return NULL;
}

void outer_close(struct outer *outer)
{
	if (!outer)
		return;
	if (outer->pidfd >= 0)
		pidfd_send_signal(outer->pidfd, SIGKILL, NULL, 0);
	else if (outer->pid > 0)
		kill(outer->pid, SIGKILL);
	if (outer->pid > 0) /* the engine may have waited for it */
		while (waitpid(outer->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	auto_close(&outer->pidfd);
	auto_close(&outer->listener);
	if (outer->question)
		munmap(outer->question, sizeof(*outer->question));
	free(outer->notice);
	free(outer->answer);
	free(outer);
}

enum refuser outer_judge(struct outer *outer, const struct event *call, int64_t result)
{
	bool passed;

	if (!outer || call->abi != abi_of_machine(NULL))
		return REFUSER_UNTOLD;
	outer->question->nr = call->nr;
	memcpy(outer->question->args, call->args, sizeof(outer->question->args));
	if (!answer(outer) || !run_to_ready(outer, &passed))
		return REFUSER_UNTOLD;
	return !passed && outer->question->result == result ? REFUSER_OUTER : REFUSER_OTHER;
}
