/*
 * What an engine delivers. While an event is being handled its tracee is stopped, so that memory,
 * registers and /proc/TID can be read; the next trace_next() lets it run.
 */
#ifndef WHITTLE_EVENT_H
#define WHITTLE_EVENT_H

#include <sys/types.h>
#include <whittle/arch.h>
#include <whittle/buf.h>

enum event_kind {
	EVENT_ENTRY,  /* syscall entry: abi, nr, args; before seccomp and before any effect */
	EVENT_RESULT, /* its result; nr and args are those of the entry */
	EVENT_FORK,   /* child is a new tracee; tid its creator; thread says CLONE_THREAD */
	EVENT_EXEC,   /* tid (a leader by now) runs a new image; old_tid called execve() */
	EVENT_EXIT,   /* tid is gone; status as of waitpid(2) (0 where it is unknown) */
	EVENT_SIGNAL, /* signal is about to be delivered to tid; sender its si_pid, or 0 */
	EVENT_CHILD,  /* a child of whittle that is no tracee ended: tid, status */
	EVENT_TICK,   /* nothing happened: a signal or the timer interrupted the wait */
	EVENT_ASKED,  /* the kernel was asked for a capability, and granted it if the thread has it:
			 in the call that the thread is in if joined, else in one of abi and nr */
	EVENT_LIMITATION, /* the engine cannot follow it there: what says where (constant) */
	EVENT_LOSS /* something happened that the engine could not see: what says which (constant)
		    */
};

/* Does the result of an ENTRY come? */
enum result_mode {
	RESULT_COMES,    /* an EVENT_RESULT follows, unless the thread dies or execs */
	RESULT_OPTIONAL, /* it follows unless trace_skip_result() says that nobody needs it */
	RESULT_NEVER     /* the engine does not see results (notification) */
};

/* Who refused a call: whittle itself may run under seccomp filters, as in a container. */
enum refuser {
	REFUSER_OTHER, /* the kernel, a filter of the workload's own; or it did not fail */
	REFUSER_OUTER, /* the filters that whittle runs under: the call was not made */
	REFUSER_UNTOLD /* there are such filters, but whose refusal it is could not be told */
};

struct event {
	enum event_kind kind;
	pid_t tid;
	pid_t tgid;
	const struct abi *abi; /* NULL if whittle has no row: audit and nr say what it was */
	uint32_t audit;
	uint64_t nr;
	uint64_t args[6];
	uint64_t ip;
	enum result_mode result_mode; /* ENTRY */
	bool running; /* ENTRY: the thread is in no stop, and has no call stack to look at */
	/* EXEC: the new image runs under a filter that hides what is known; EXIT: so did it */
	bool filtered;
	int64_t result;       /* RESULT: value, or -errno */
	enum refuser refusal; /* RESULT */
	pid_t child;
	pid_t old_tid;
	bool thread;
	int signal;
	pid_t sender;
	int status;
	/* ASKED; unless it is joined, tid may be gone, or in another call by now */
	int capability; /* CAP_* */
	bool joined;    /* its entry was reported, and how it ended will be */
	bool foreign;   /* of another user namespace than whittle's */
	const struct asked_stack *stack;
	const char *what;
};

/* How the kernel came to ask (EVENT_ASKED), by the names of its functions; a stack is borrowed from
 * the event. "*" at the end of a name stands for the rest. The first use reads the kernel's
 * symbols.
 */
struct asked_stack;
bool asked_through(const struct asked_stack *stack, const char *function);
/* The function that asked; "" if it cannot be told. Borrowed. */
const char *asked_by(const struct asked_stack *stack);

/* Reads length bytes of a stopped tracee; 0, or -1 with errno if not all could be read. */
int tracee_read(pid_t tid, uint64_t address, void *bytes, size_t length);

/*
 * Appends the NUL-terminated string at address without its NUL. -1 with errno: EFAULT as the kernel
 * would say, ENAMETOOLONG if no NUL within max bytes.
 */
int tracee_read_string(pid_t tid, uint64_t address, size_t max, struct buf *ret_string);

/* /proc/TID/name as a link; appended, as raw bytes. -1 with errno. */
int tracee_read_link(pid_t tid, const char *name, struct buf *ret_target);

/*
 * Call stacks of stopped tracees, by libunwind. Frames are evidence text, innermost first, joined
 * by
 * ";": "MODULE+0xOFFSET" with "(SYMBOL)" behind it where known.
 */
struct stacks;
struct stacks *stacks_new(void);
void stacks_free(struct stacks *stacks);
/* Appends the frames of tid; nothing but the address's module if it cannot be unwound. */
void stacks_unwind(struct stacks *stacks, pid_t tgid, pid_t tid, const struct abi *abi, uint64_t ip,
		   struct buf *ret_frames);
void stacks_forget(struct stacks *stacks, pid_t tgid); /* a new image, or the process is gone */

/* ---- what need not be reported ---- */

/*
 * A call that has taught all that it can teach, of the native ABI: a filter lets it run unreported
 * if each argument listed, under its mask, is one of the values. No argument: always.
 */
struct free_arg {
	unsigned int index;
	uint64_t mask; /* UINT32_MAX where the kernel takes an int */
	uint64_t *values;
	size_t count;
};

struct free_call {
	uint64_t nr;
	struct free_arg args[6];
	size_t arg_count;
};

/* Frees an array of them with their values. */
void free_calls_release(struct free_call *calls, size_t count);

/* ---- engines ---- */

struct trace;

enum engine {
	ENGINE_PTRACE, /* ptrace stops, and filters that are learned */
	ENGINE_NOTIFY  /* seccomp user notification; no ptrace */
};

struct trace_options {
	enum engine engine;
	/* Calls that are let run unreported from the first instruction on; borrowed. */
	const struct free_call *known;
	size_t known_count;
	bool watch; /* from the start: trace_watch() */
	/* EVENT_ASKED of all that the workload does, also where every call is reported, if it can
	   be had. */
	bool measure;
	/* io_uring_setup(2) answers ENOSYS, so that programs do without: what is done through a
	   ring is not seen. EVENT_LIMITATION io-uring-denied tells of each. */
	bool deny_uring;
};

/*
 * Starts argv, the file at path (no search), under the engine: stopped, then let go up to the
 * execve(2) of the image. *ret_trace is freed by trace_free(), which kills what still runs. Fails
 * with the errno of execve() as err->number and err->kind ERROR_INPUT if only that failed.
 */
int trace_start(const char *path, char *const argv[], const struct trace_options *options,
		struct trace **ret_trace, struct error *err);

/*
 * Follows whatever notifies a listener that came from elsewhere: a container's runtime installed
 * the filter. ENGINE_NOTIFY: it notifies all calls; the processes are met as they make them.
 * ENGINE_PTRACE: it notifies execve(2) and execveat(2) only; whoever calls one is traced from there
 * on, and what it starts.
 *
 * The first EVENT_FORK is that of the runtime's process, the first EVENT_EXEC is the first image of
 * the container's own. Ends when none of its processes is left; there is no main process. The
 * listener is taken over, also by a failure; then, and when it or whittle ends before the processes
 * do, these are killed: without whittle their calls would fail with ENOSYS. If whittle died,
 * farewell (or NULL) is written to standard error behind that.
 */
struct adopt_options {
	enum engine engine;
	bool filtered;        /* ENGINE_NOTIFY: but the filter lets run unreported what is known */
	bool deny_uring;      /* as in trace_options */
	const char *farewell; /* borrowed until trace_free() */
};
int trace_adopt(const struct adopt_options *options, int listener, struct trace **ret_trace,
		struct error *err);

/* Kills what waits for a listener that whittle cannot follow, and closes it; any other is closed.
 */
void trace_refuse(int listener);

/* 1 with the next event, 0 when the last tracee is gone, -1 on an error of the engine. */
int trace_next(struct trace *trace, struct event *ret_event, struct error *err);

/* Nobody needs the result of the ENTRY that trace_next() returned last (RESULT_OPTIONAL). */
void trace_skip_result(struct trace *trace);

enum filter_outcome {
	FILTER_INSTALLED,
	FILTER_LATER, /* not at this stop: ask again at another one */
	FILTER_NEVER  /* not for this process; *ret_why says why (constant, a kind of limitation) */
};

/*
 * Installs a filter in all threads of the process of the RESULT or the ENTRY (RESULT_COMES) that
 * trace_next() returned last: the calls listed run unreported from now on, also those of its
 * children and of what they execute. Nothing else of the process changes. brief: it will end before
 * a listener would be worth its installation.
 */
enum filter_outcome trace_filter(struct trace *trace, const struct free_call *calls, size_t count,
				 bool brief, const char **ret_why);
/*
 * After trace_filter() at an ENTRY: was its call put off for that? Then it is still to come, with
 * an ENTRY of its own.
 */
bool trace_call_anew(const struct trace *trace);

/*
 * EVENT_ASKED, from now on, for the process of the event that trace_next() returned last and for
 * all that it will start. False if it cannot be had: it takes CAP_SYS_ADMIN and a kernel with the
 * tracepoint capability:cap_capable (6.13 and later). trace_can_watch(): is it worth trying?
 */
bool trace_watch(struct trace *trace);
bool trace_can_watch(void);

/* How often the workload was stopped, and how often it notified without a stop. */
size_t trace_stops(const struct trace *trace);
size_t trace_notifications(const struct trace *trace);

/* How many filters were installed, the one of trace_options.known among them. */
size_t trace_filters(const struct trace *trace);

/* Was no_new_privs set in a process of the workload, as an unprivileged filter requires? */
bool trace_set_no_new_privs(const struct trace *trace);

pid_t trace_main_pid(const struct trace *trace);
bool trace_main_running(const struct trace *trace);
int trace_main_status(const struct trace *trace); /* as of waitpid(2), once it is gone */
size_t trace_count(const struct trace *trace);    /* tracees alive */
bool trace_busy(const struct trace *trace);       /* does one compute, or want to? */

/*
 * Looks at what the processes have in memory; worth it at each tick. When one calls exit_group(2),
 * tgid is that one: others count as they were looked at last.
 */
void trace_measure(struct trace *trace, pid_t tgid);
/*
 * The most bytes that processes had resident, added up over those that ran at the same time (what
 * several share counts for each), as far as trace_measure() saw; and the most threads at once.
 */
uint64_t trace_peak_memory(const struct trace *trace);
size_t trace_peak_tasks(const struct trace *trace);

/* Sends a signal to the main process, or to every process of the workload if that is gone. */
void trace_signal(struct trace *trace, int signal);
/* Sends SIGKILL to every process of the workload. */
void trace_kill(struct trace *trace);
void trace_free(struct trace *trace);

#endif
