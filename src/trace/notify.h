/* Private to the room: the state of the notification engine, and its processes. */
#ifndef TRACE_NOTIFY_H
#define TRACE_NOTIFY_H

#include <trace/engine.h>
#include <trace/guardian.h>
#include <trace/notification.h>
#include <trace/witness.h>

struct process {
	pid_t tgid;
	int pidfd; /* -1: so many are open that it has none, and is swept instead */
	uint64_t started;
	size_t ward;
	pid_t exec_tid; /* the thread that called execve(2), until that is known to have failed */
	uint64_t image; /* of the process at that call */
	UT_hash_handle hh;
};

struct notify {
	int listener;
	struct notification notification;
	uint64_t received_id;  /* of the last request; 0: there was none */
	bool gap;              /* a request was taken back unseen: check_gap() */
	pid_t leaving;         /* the thread of the request, if its call ends it */
	bool pending;          /* the request waits for its answer */
	bool hide;             /* the pending call is not made, and returns 0 */
	bool denied;           /* it is not made, as denied.c says */
	bool own_no_new_privs; /* some thread of the workload set it itself */
	bool filtered;         /* there are calls that the filter lets run unreported */
	bool adopted;          /* the listener came from elsewhere: there is no main process */
	bool hung_up;          /* no task uses the filter any more */
	unsigned int received;
	/* Numbers of an ABI's calls, by its place in abis[]; -1 if it has none. */
	struct notify_calls *calls;
	/* What is alive, and what is to be told to be gone. */
	struct process *processes;
	int deaths; /* epoll(7) of the pidfds */
	size_t pidfds, pidfds_max;
	size_t swept;     /* what there was to sweep at the last time */
	int64_t swept_at; /* seconds */
	pid_t *ended;     /* threads */
	size_t ended_count, ended_size;
	bool main_reaped; /* its status is known */
	bool main_late;   /* it is gone, but its parent may not wait for it yet */
	struct guardian guardian;
	struct witness witness;
};

/* The process of that id, if it is known. */
struct process *process_find(const struct notify *notify, pid_t tgid);
/* A new one and its leader: adds them, watches the process. */
struct process *process_add(struct trace *trace, pid_t tgid);
/* It is gone: so are its threads, the leader last. */
void process_end(struct trace *trace, struct process *process);
/* The thread is gone. */
void thread_end(struct notify *notify, pid_t tid);
/* It runs a new image in one thread: its others are forgotten. */
void process_keep_leader(struct trace *trace, const struct process *process);
/* Is the process the one that had this id when it was added? Asked where no pidfd tells. */
bool process_is_same(const struct process *process);
/* Ends the processes whose pidfds say that they are gone. */
void processes_take_deaths(struct trace *trace);
/* Looks for what no pidfd watches, if it is time for that: may be called often. */
void processes_sweep(struct trace *trace, bool timed);
/* Frees them all. */
void processes_release(struct trace *trace);

#endif
