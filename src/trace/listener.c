#include <trace/listener.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <trace/filter.h>

/* The child cannot tell whittle by a call: each would wait for whittle. */
struct handover {
	_Atomic int listener; /* its descriptor in the child and 1; 0: not yet */
	_Atomic bool no_new_privs;
};

/* ---- the filter ---- */

static bool ends_thread(uint64_t nr)
{
	return nr == SYS_exit || nr == SYS_exit_group;
}

static int build(struct listener_plan *plan, const struct trace_options *options, struct error *err)
{
	AUTO_FREE struct free_call *calls = xcalloc(options->known_count + 1, sizeof(*calls));
	size_t count = 0;

	for (size_t i = 0; i < options->known_count; i++)
		if (!ends_thread(options->known[i].nr))
			calls[count++] = options->known[i]; /* its values stay the caller's */
	return filter_build(calls, count, SECCOMP_RET_USER_NOTIF, &plan->program, err);
}

int listener_plan(struct listener_plan *plan, const struct trace_options *options,
		  struct error *err)
{
	*plan = (struct listener_plan){ .whittle = getpid() };
	void *shared = mmap(NULL, sizeof(*plan->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return fail(err, ERROR_SYSTEM, errno, "cannot share memory with the workload");
	plan->shared = shared;
	if (build(plan, options, err) == 0)
		return 0;
	listener_release(plan);
	return -1;
}

void listener_release(struct listener_plan *plan)
{
	if (plan->shared)
		munmap(plan->shared, sizeof(*plan->shared));
	plan->shared = NULL;
	filter_release(&plan->program);
}

/* ---- in the child ---- */

/* The listener, -1 with errno. SPEC_ALLOW: kernels before 5.16 mitigate filtered tasks else. */
static int install(const struct sock_fprog *program)
{
	unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			  flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, program);

	if (fd < 0 && errno == EINVAL) /* before 5.19 */
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
	return (int)fd;
}

int listener_install(void *context)
{
	struct listener_plan *plan = context;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -1;
	if (getppid() != plan->whittle) {
		errno = ESRCH;
		return -1;
	}
	int fd = install(&plan->program);
	if (fd < 0 && errno == EACCES) { /* no CAP_SYS_ADMIN */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			return -1;
		atomic_store(&plan->shared->no_new_privs, true);
		fd = install(&plan->program);
	}
	if (fd < 0)
		return -1;
	atomic_store(&plan->shared->listener, fd + 1);
	return prctl(PR_SET_PDEATHSIG, 0);
}

/* ---- in whittle ---- */

static int hint_about_listener(struct error *err)
{
	if (err->number == ENOSYS)
		return fail_hint(err, "the notify engine needs Linux 5.9 or newer");
	return fail_hint(err, "the notify engine needs ptrace's permission, as gdb does: it is not "
			      "given here (Yama, a container's seccomp profile)");
}

int listener_await(const struct listener_plan *plan, int pidfd)
{
	static const struct timespec soon = { .tv_nsec = 100000 };
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int number;

	while ((number = atomic_load(&plan->shared->listener)) == 0)
		if (ppoll(&end, 1, &soon, NULL) > 0)
			return -1;
	return number - 1;
}

int listener_take(const struct listener_plan *plan, pid_t child, int *ret_fd,
		  bool *ret_no_new_privs, struct error *err)
{
	AUTO_CLOSE int pidfd = pidfd_open(child, 0);

	if (pidfd < 0) {
		fail(err, ERROR_SYSTEM, errno, "cannot watch the workload");
		return hint_about_listener(err);
	}
	int number = listener_await(plan, pidfd);
	if (number < 0)
		return 0;
	int fd = pidfd_getfd(pidfd, number, 0);
	if (fd < 0 && (errno == ESRCH || errno == EBADF))
		return 0; /* it was killed since */
	if (fd < 0) {
		fail(err, ERROR_SYSTEM, errno, "cannot take the listener of the workload");
		return hint_about_listener(err);
	}
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	*ret_fd = fd;
	*ret_no_new_privs = atomic_load(&plan->shared->no_new_privs);
	return 1;
}
