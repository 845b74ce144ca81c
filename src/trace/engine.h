/* Private to the room: a trace, its tracees, and what an engine is. */
#ifndef TRACE_ENGINE_H
#define TRACE_ENGINE_H

#include <uthash.h>
#include <whittle/event.h>

struct tracee {
	pid_t tid;
	pid_t tgid;
	bool in_call;      /* an entry was seen, and its result is to come */
	struct event call; /* that entry */
	uint64_t stack;    /* where that of its image began; 0: it made other tasks since */
	/* See filtered.c. */
	bool filtered;   /* it carries whittle's filter for sure: only what that reports stops it */
	bool hides;      /* which lets calls run unreported */
	bool joining;    /* it does from the end of the call that it is in */
	bool watched;    /* EVENT_ASKED tells of it and of its children */
	bool vforked;    /* it runs in its creator's memory until it executes an image */
	bool unlistened; /* it could not have a listener */
	bool stops;      /* its next call stops all the same */
	/* See notified.c. */
	bool notifies;     /* some calls reach whittle by a listener, or would if that were open */
	uint64_t quiet[2]; /* which of notified_calls, as bits, never do: known for other reasons */
	bool let_go;       /* its last call that reported was notified, and was told to continue */
	bool entered;  /* a stop told of the entry of the call that it is in, not a notification */
	bool recalled; /* of the latter the result is wanted: it is to make the call anew */
	bool restarts; /* its last call was interrupted, to be made anew, as a stop has told */
	bool passed;   /* the call that it is in was made not to notify */
	bool halting;  /* it has to stop before listeners are closed */
	uint64_t last_argument; /* of the call that passed: to be put back */
	/* See own.c. */
	bool own_filters;      /* it has seccomp filters of its own */
	bool strict;           /* it asked for seccomp's strict mode, under whittle's filter */
	bool no_new_privs;     /* set by whittle, not by it */
	bool argument_changed; /* of the call that it is in: to be put back */
	uint64_t argument;
	bool denied;       /* the call that it is in is not made: denied.c */
	uint64_t resident; /* the most memory that its process was seen to have: usage.c */
	UT_hash_handle hh;
};

/* A wait status that was collected and not yet handled. */
struct wait_report {
	pid_t tid;
	int status;
};

/* An engine starts the workload and delivers its events. */
struct engine_ops {
	/* As trace_start(). What it began is ended by release(), also if it fails. */
	int (*start)(struct trace *trace, const char *path, char *const argv[], struct error *err);
	/* As trace_next(), the queue being empty. */
	int (*next)(struct trace *trace, struct event *ret_event, struct error *err);
	/* All processes were sent SIGKILL: waits for their ends and frees what the engine holds. */
	void (*release)(struct trace *trace);
};
extern const struct engine_ops engine_ptrace, engine_notify;

/* trace_adopt() of the engines; release() as after their start(). */
int notify_adopt(struct trace *trace, const struct adopt_options *options, int listener,
		 struct error *err);
int attach_adopt(struct trace *trace, const struct adopt_options *options, int listener,
		 struct error *err);

#define QUEUE_MAX 8

struct trace {
	const struct engine_ops *engine;
	const struct trace_options *options; /* borrowed until trace_start() returns */
	const struct abi *native;
	struct tracee *tracees; /* by tid */
	/* See usage.c. */
	size_t peak_tasks;
	uint64_t peak_memory;
	unsigned int measures;
	pid_t main_pid;
	int main_status;
	bool main_running;
	bool killed; /* by trace_kill() */
	/* Events that one stop brought beyond the first. */
	struct event queue[QUEUE_MAX];
	size_t queue_head, queue_count;
	/* ptrace: the tracee whose stop is being looked at; it is resumed before the next one. */
	pid_t current;
	int current_request;
	int current_signal;
	struct wait_report *reports;
	size_t report_head, report_count, report_size;
	/* ptrace: filters. */
	bool started;        /* the workload's own image runs */
	bool files_shared;   /* some processes may share descriptors */
	bool own_filters;    /* some process of the workload has seccomp filters of its own */
	bool no_new_privs;   /* whittle set it in some process of the workload */
	long outer_filters;  /* of whittle itself, which the workload inherits */
	long base_filters;   /* of a container's runtime: none of them refuses a call */
	struct outer *outer; /* asked what these refuse */
	bool outer_asked;
	size_t filters; /* installed */
	size_t stops, notifications;
	struct notified *notified; /* NULL: no filter has had a listener yet */
	pid_t notifier;            /* whose notification waits for its answer, or 0 */
	bool deaf;                 /* no listener is open: calls that would notify have to pass */
	struct own *own;
	struct built *built;   /* filter_kept() */
	int64_t *denied;       /* number of the call by place in abis[]; NULL: none is */
	struct asked *asked;   /* NULL: EVENT_ASKED is not delivered */
	bool measured;         /* all tracees are watched from their beginning */
	bool measuring;        /* that is being tried */
	size_t asked_noise;    /* questions that nobody needs: watch.c */
	struct notify *notify; /* the notification engine's */
	struct attach *attach; /* of containers that are traced; or NULL */
};

struct tracee *trace_find(const struct trace *trace, pid_t tid);
struct tracee *trace_add(struct trace *trace, pid_t tid, pid_t tgid);
void trace_remove(struct trace *trace, struct tracee *tracee);
void trace_queue(struct trace *trace, const struct event *event);
/* The next EVENT_ASKED, if there is one; watch_last() behind the last stop. */
bool watch_next(struct trace *trace, struct event *ret_event);
bool watch_last(struct trace *trace, struct event *ret_event);
/* Before the next stop is waited for. */
void watch_settle(struct trace *trace);
/* trace_options.measure, for the tracee that is looked at; before it makes a call of its own. */
void trace_ask(struct trace *trace);
/* tracee has executed an image: it is watched as before. */
void trace_keep_watch(struct trace *trace, const struct tracee *tracee);
/* A wait status of tid is to be handled: as if waitpid(2) had said it. */
void trace_report(struct trace *trace, pid_t tid, int status);
bool trace_unqueue(struct trace *trace, struct event *ret_event);
#endif
