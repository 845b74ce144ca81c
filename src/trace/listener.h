/* Private to the room: a filter with a listener for the workload, and how whittle gets that. */
#ifndef TRACE_LISTENER_H
#define TRACE_LISTENER_H

#include <linux/filter.h>
#include <sys/types.h>
#include <whittle/event.h>

/* Since Linux 6.6, newer than many headers: the caller is woken on the CPU of who answers. */
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#endif

struct handover;

struct listener_plan {
	struct sock_fprog program;
	struct handover *shared; /* with the child */
	pid_t whittle;
};

/*
 * A filter that notifies of all but the known calls. Whatever is known, a process notifies when it
 * exits: so its image and it itself are seen once. Freed by listener_release(), also by a failure.
 */
int listener_plan(struct listener_plan *plan, const struct trace_options *options,
		  struct error *err);
void listener_release(struct listener_plan *plan);

/*
 * In the child (launch_plan.prepare; plan is the context): installs the filter. Until whittle
 * answers its next call, prctl(PR_SET_PDEATHSIG, 0), it dies with whittle.
 */
int listener_install(void *plan);

/* Waits for that: the number of the listener in the child, -1 if the child, of pidfd, ended. */
int listener_await(const struct listener_plan *plan, int pidfd);

/*
 * Waits for that and takes the listener of the child. *ret_no_new_privs: the child needed
 * no_new_privs for it. 1, 0 if the child ended before, -1 on an error.
 */
int listener_take(const struct listener_plan *plan, pid_t child, int *ret_fd,
		  bool *ret_no_new_privs, struct error *err);

#endif
