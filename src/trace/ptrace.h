/* Private to the room: the state of the ptrace engine. */
#ifndef TRACE_PTRACE_H
#define TRACE_PTRACE_H

#include <uthash.h>
#include <whittle/event.h>

struct tracee {
	pid_t tid;
	pid_t tgid;
	bool in_call;      /* an entry was seen and not yet its result */
	struct event call; /* that entry */
	UT_hash_handle hh;
};

/* A wait status that was collected and not yet handled. */
struct wait_report {
	pid_t tid;
	int status;
};

#define QUEUE_MAX 4

struct trace {
	struct tracee *tracees; /* by tid */
	pid_t main_pid;
	int main_status;
	bool main_running;
	/* The tracee whose stop is being looked at: trace_next() resumes it first. */
	pid_t current;
	int current_request;
	int current_signal;
	/* Events that one stop brought beyond the first. */
	struct event queue[QUEUE_MAX];
	size_t queue_head, queue_count;
	struct wait_report *reports;
	size_t report_head, report_count, report_size;
};

struct tracee *trace_find(const struct trace *trace, pid_t tid);
struct tracee *trace_add(struct trace *trace, pid_t tid, pid_t tgid);
void trace_remove(struct trace *trace, struct tracee *tracee);
void trace_queue(struct trace *trace, const struct event *event);
/* Turns one wait status into the event it stands for; 1, or 0 if there is none to tell. */
int trace_handle(struct trace *trace, pid_t tid, int status, struct event *ret_event);
/* Fills call from PTRACE_GET_SYSCALL_INFO: 'E' at an entry, 'X' at an exit (result set), 0 else. */
int trace_read_call(pid_t tid, struct event *ret_call);

#endif
