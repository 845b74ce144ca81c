/* Private to the room: calls that a stopped tracee makes for whittle, unnoticed by its program. */
#ifndef TRACE_INJECT_H
#define TRACE_INJECT_H

#include <linux/filter.h>
#include <trace/engine.h>

enum inject_outcome {
	INJECT_DONE,
	INJECT_NOT_HERE, /* another call cannot be made at this stop */
	INJECT_ABORTED,  /* it was killed, or another thread of it executed an image */
	INJECT_NO_ROOM,  /* no memory for the filter in its address space */
	INJECT_DENIED,   /* EACCES: neither CAP_SYS_ADMIN nor no_new_privs */
	INJECT_FAILED    /* the filter cannot be installed in all its threads */
};

/* What to install. */
struct inject_plan {
	struct sock_fprog program;
	bool no_new_privs; /* is to be set before */
	/* 0, or it gets a listener, which notified_take() takes: in one thread only. With this word
	 * as its sixth argument a call does not notify. */
	uint64_t pass;
	bool hides; /* the program allows something */
	/* NULL, or the call at whose entry it is: that is not made, but anew when it is resumed. */
	const struct event *anew;
	uint64_t stack; /* struct tracee's */
};

/*
 * Installs plan->program in all threads of tid's process (SECCOMP_FILTER_FLAG_TSYNC). tid is at a
 * syscall-exit stop (or at an entry: plan->anew), and is there again afterwards, all its registers,
 * its signal mask and its memory as before; but with INJECT_ABORTED *ret_status says what came
 * instead, as of waitpid(2), which is still to be handled, or is 0 if tid is gone. What is said of
 * other tracees meanwhile goes to trace_report().
 */
enum inject_outcome inject_filter(struct trace *trace, pid_t tid, const struct inject_plan *plan,
				  int *ret_status);

#endif
