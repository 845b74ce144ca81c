#include <enforce/watch.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <uthash.h>

/* A thread that loaded the filter, or inherited it from one that did. */
struct thread {
	pid_t tid;
	enum floor_phase phase;
	UT_hash_handle hh;
};

struct watch {
	struct trace *trace;
	const struct container_plan *plan;
	watch_call *call;
	void *context;
	struct thread *threads;
	size_t filters;         /* loaded by processes so far */
	size_t programs;        /* started under them */
	int64_t seccomp, prctl; /* numbers of the native ABI */
};

static void add_thread(struct watch *watch, pid_t tid, enum floor_phase phase)
{
	struct thread *thread;

	HASH_FIND_INT(watch->threads, &tid, thread);
	if (thread)
		return;
	thread = xcalloc(1, sizeof(*thread));
	thread->tid = tid;
	thread->phase = phase;
	HASH_ADD_INT(watch->threads, tid, thread);
}

static const struct thread *find_thread(const struct watch *watch, pid_t tid)
{
	struct thread *thread;

	HASH_FIND_INT(watch->threads, &tid, thread);
	return thread;
}

static void remove_thread(struct watch *watch, pid_t tid)
{
	struct thread *thread;

	HASH_FIND_INT(watch->threads, &tid, thread);
	if (!thread)
		return;
	HASH_DEL(watch->threads, thread);
	free(thread);
}

/* seccomp(2), and prctl(2) as runc makes it without flags. Both only probe it with a bad address.
 */
static bool loads_filter(const struct watch *watch, const struct event *event)
{
	if ((int64_t)event->nr == watch->seccomp)
		return (uint32_t)event->args[0] == SECCOMP_SET_MODE_FILTER;
	return (int64_t)event->nr == watch->prctl && (uint32_t)event->args[0] == PR_SET_SECCOMP &&
	       (uint32_t)event->args[1] == SECCOMP_MODE_FILTER;
}

/* With a listener the result is its descriptor. */
static void take_result(struct watch *watch, const struct event *event)
{
	enum floor_phase phase = watch->plan->phase;

	if (!loads_filter(watch, event) || event->result < 0 || find_thread(watch, event->tid))
		return;
	if (phase == FLOOR_EXEC && watch->filters == 0)
		phase = FLOOR_CREATE;
	watch->filters++;
	add_thread(watch, event->tid, phase);
}

static void take_entry(struct watch *watch, const struct event *event)
{
	const struct thread *thread = find_thread(watch, event->tid);

	if (thread)
		watch->call(watch->context, thread->phase, event);
	if (event->result_mode == RESULT_OPTIONAL && !loads_filter(watch, event))
		trace_skip_result(watch->trace);
}

/* The program, whatever thread of the runtime executed it; what it starts is its own business. */
static void take_exec(struct watch *watch, const struct event *event)
{
	pid_t tid = event->old_tid ? event->old_tid : event->tid;

	if (!find_thread(watch, tid))
		return;
	watch->programs++;
	remove_thread(watch, tid);
	remove_thread(watch, event->tid);
}

static void take(struct watch *watch, const struct event *event)
{
	const struct thread *parent;

	switch (event->kind) {
	case EVENT_ENTRY:
		take_entry(watch, event);
		break;
	case EVENT_RESULT:
		take_result(watch, event);
		break;
	case EVENT_FORK:
		parent = find_thread(watch, event->tid);
		if (parent)
			add_thread(watch, event->child, parent->phase);
		break;
	case EVENT_EXEC:
		take_exec(watch, event);
		break;
	case EVENT_EXIT:
		remove_thread(watch, event->tid);
		break;
	default:
		break;
	}
}

static void tick(int signal)
{
	(void)signal;
}

/* trace_next() waits for ever: the timer interrupts it, so that the time is looked at. */
static void set_timer(bool on)
{
	struct sigaction action = { .sa_handler = on ? tick : SIG_DFL };
	struct itimerval every = { .it_interval = { .tv_usec = on ? 50000 : 0 },
				   .it_value = { .tv_usec = on ? 50000 : 0 } };

	if (on)
		sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	if (!on)
		sigaction(SIGALRM, &action, NULL);
}

static bool asked_to_end(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	       sigismember(&pending, SIGHUP) || sigismember(&pending, SIGQUIT);
}

static bool has_started(const struct trace *trace)
{
	int status = trace_main_status(trace);

	return !trace_main_running(trace) && WIFEXITED(status) && WEXITSTATUS(status) == STARTED;
}

/* The container's own program may come to its execve(2) only after an exec into it has ended. */
static bool is_over(const struct watch *watch)
{
	size_t programs = watch->plan->phase == FLOOR_EXEC ? 2 : 1;

	if (trace_main_running(watch->trace))
		return false;
	return !has_started(watch->trace) || watch->programs >= programs;
}

/* Until the command has ended: what it leaves running (the container) is killed then. */
static int loop(struct watch *watch, double until, struct error *err)
{
	struct event event;
	bool killed = false;
	int more;

	while ((more = trace_next(watch->trace, &event, err)) > 0) {
		take(watch, &event);
		if (event.kind == EVENT_ENTRY || event.kind == EVENT_RESULT)
			continue;
		bool over = is_over(watch) || monotonic_now() > until || asked_to_end();
		if (over && !killed)
			trace_kill(watch->trace);
		killed |= over;
	}
	return more;
}

int watch_start(const struct container *container, const struct supervisor *supervisor,
		const struct container_plan *plan, double timeout, watch_call *call, void *context,
		bool *ret_started, struct error *err)
{
	const struct abi *native = abi_of_machine(NULL);
	struct trace_options options = { .engine = ENGINE_PTRACE };
	struct watch watch = { .plan = plan, .call = call, .context = context };
	char *argv[8];
	sigset_t mine;

	if (container_prepare(container, plan, argv, err) < 0)
		return -1;
	watch.seccomp = abi_syscall_number(native, "seccomp");
	watch.prctl = abi_syscall_number(native, "prctl");
	/* The workload inherits the mask. */
	sigprocmask(SIG_SETMASK, &supervisor->mask, &mine);
	int result = trace_start(argv[0], argv, &options, &watch.trace, err);
	sigprocmask(SIG_SETMASK, &mine, NULL);
	if (result < 0)
		return -1;
	set_timer(true);
	result = loop(&watch, monotonic_now() + timeout, err);
	set_timer(false);
	bool started = has_started(watch.trace);
	trace_free(watch.trace);
	while (watch.threads)
		remove_thread(&watch, watch.threads->tid);
	if (result < 0)
		return -1;
	*ret_started = started && watch.programs == (plan->phase == FLOOR_EXEC ? 2 : 1);
	return 0;
}
