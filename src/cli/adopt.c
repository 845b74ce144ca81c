/*
 * The process that records one container. It looks at the container from within its user namespace:
 * ids and capabilities are then those that the container itself has, and its rights no more than
 * the container's root has over it.
 */
#include <cli/adopt.h>
#include <cli/briefing.h>
#include <cli/cgroup.h>
#include <cli/cli.h>
#include <cli/client.h>
#include <cli/handover.h>
#include <cli/learn.h>
#include <cli/signals.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <whittle/file.h>
#include <whittle/proc.h>

enum {
	ARGUMENTS_MAX = 1 << 20, /* bytes of a command that are read */
	REAP_TRIES = 100,        /* for the runtime to wait for the process, 20 ms each */
	SIGNALED = 128           /* and a signal: the exit status that tells of it */
};

struct adopted {
	const struct record_options *options;
	struct run_target to;
	struct container_state state;
	struct trace *trace;
	struct observer *observer;
	int channel; /* to the agent */
	pid_t pid;   /* of the process of the first image; 0: there is none yet */
	int pidfd;   /* of it, or -1 */
	struct cgroup cgroup;
	pid_t agent;
	bool begun, told_listening, told_end;
	struct settling settling;
	bool leaving; /* the process called exit_group(2), with: */
	int status;
	int stop_signal; /* the last that the engine saw go to it from outside of the container */
	bool gone;       /* the engine saw its end: end_status, as of waitpid(2) */
	int end_status;
	bool foreign_told; /* a call of another ABI was, under a filter that holds names */
};

/* ---- where it looks from ---- */

/* No capability that was held outside is left then, and no file of the host's is opened later. */
static int enter_user_namespace(pid_t pid, struct error *err)
{
	struct stat own, its;
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/ns/user", pid);
	AUTO_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (stat("/proc/self/ns/user", &own) < 0)
		return 0; /* a kernel without user namespaces */
	if (fd < 0 || fstat(fd, &its) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot look at process %d of a container",
			    pid);
	if (own.st_dev == its.st_dev && own.st_ino == its.st_ino)
		return 0;
	/* What runs in there must not take hold of whittle, which may have the host's ids. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (setns(fd, CLONE_NEWUSER) < 0)
		return fail(err, ERROR_SYSTEM, errno,
			    "cannot enter the user namespace of a container");
	return 0;
}

/* ---- the run ---- */

static void tell(const struct adopted *adopted, enum adopt_word word)
{
	struct adopt_message message = { .word = word };

	if (word == ADOPT_NOBODY) {
		send(adopted->channel, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT);
		return;
	}
	message.exec = strcmp(adopted->state.field[CONTAINER_LAYER], "exec") == 0;
	snprintf(message.label, sizeof(message.label), "%s", adopted->state.label);
	send(adopted->channel, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What a group is called where its user namespace has no number for it: user_namespaces(7). */
enum { OVERFLOW_GROUP = 65534 };

static int compare_groups(const void *a, const void *b)
{
	long long one = *(const long long *)a, other = *(const long long *)b;

	return (one > other) - (one < other);
}

/* The groups that it is in besides gid, "27,44", appended; -1 if some have no number here. */
static int read_groups(pid_t tgid, int64_t gid, struct buf *ret_groups)
{
	AUTO_FREE char *status = proc_status(tgid);
	const char *text = status ? proc_field(status, "Groups") : NULL;
	AUTO_FREE long long *groups = NULL;
	size_t count = 0;
	char *end;

	for (; text; text = end) {
		long long group = strtoll(text, &end, 10);

		if (end == text)
			break;
		if (group == gid)
			continue;
		if (group == OVERFLOW_GROUP)
			return -1;
		groups = xrealloc(groups, count + 1, sizeof(*groups));
		groups[count++] = group;
	}
	if (count)
		qsort(groups, count, sizeof(*groups), compare_groups);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || groups[i] != groups[i - 1])
			buf_addf(ret_groups, "%s%lld", i ? "," : "", groups[i]);
	return 0;
}

/* In the numbers of the container, whose user namespace whittle is in. Root needs no group. */
static void note_user(struct evidence_run *run, pid_t tgid)
{
	int64_t uid = proc_number(tgid, "Uid"), gid = proc_number(tgid, "Gid");
	AUTO_BUF struct buf groups = BUF_INIT;

	free(STEAL(run->user));
	free(STEAL(run->groups));
	if (uid < 0 || gid < 0 || (uid && read_groups(tgid, gid, &groups) < 0))
		return;
	run->user = xasprintf("%lld:%lld", (long long)uid, (long long)gid);
	run->groups = xstrdup(buf_text(&groups));
}

/* The first image: its process, and its arguments as execve(2) left them. */
static void note_image(struct adopted *adopted, pid_t tgid)
{
	struct evidence_run *run = evidence_run(adopted->to.evidence, adopted->to.run);
	char name[32], *text = NULL;
	AUTO_FREE char **argv = NULL;
	size_t length, count = 0;
	struct error err;

	adopted->pid = tgid;
	adopted->pidfd = pidfd_open(tgid, 0);
	note_user(run, tgid);
	snprintf(name, sizeof(name), "/proc/%d/cmdline", tgid);
	if (file_read(AT_FDCWD, name, ARGUMENTS_MAX, &text, &length, &err) < 0)
		return;
	argv = xcalloc(length + 2, sizeof(*argv));
	for (size_t at = 0; at < length; at += strlen(text + at) + 1)
		argv[count++] = text + at;
	for (size_t i = 0; run->command && run->command[i]; i++)
		free(run->command[i]);
	free(run->command);
	if (!adopted->options->argv && count > 1)
		argv[1] = NULL;
	run->command = secrets_mask(argv);
	free(text);
}

/* tgid as of trace_measure() */
static void measure(struct adopted *adopted, pid_t tgid)
{
	trace_measure(adopted->trace, tgid);
	cgroup_measure(&adopted->cgroup);
}

static void note_entry(struct adopted *adopted, const struct event *event)
{
	/* A runtime takes names, not numbers: what is known of one ABI is let run in all. */
	if (adopted->state.known && event->abi != abi_of_machine(NULL) && !adopted->foreign_told) {
		adopted->foreign_told = true;
		evidence_add_loss(adopted->to.evidence, adopted->to.run, "known-foreign");
	}
	if (!run_is_exit(event))
		return;
	measure(adopted, event->tgid);
	if (event->tgid != adopted->pid)
		return;
	adopted->leaving = true;
	adopted->status = (int)(event->args[0] & 0xff);
}

/* What the agent wants, and what it wants to know. */
static void check_channel(struct adopted *adopted)
{
	char byte;

	if (!adopted->told_listening && observer_listening(adopted->observer) &&
	    settled(&adopted->settling, adopted->trace, evidence_news(adopted->to.evidence))) {
		adopted->told_listening = true;
		tell(adopted, ADOPT_LISTENING);
	}
	if (adopted->told_end)
		return;
	ssize_t got = recv(adopted->channel, &byte, 1, MSG_DONTWAIT);
	if (got == 0 || (got > 0 && byte == SIGKILL)) {
		adopted->told_end = true;
		trace_kill(adopted->trace);
	} else if (got > 0 && strcmp(adopted->state.field[CONTAINER_LAYER], "exec") != 0) {
		pidfd_send_signal(adopted->pidfd, byte, NULL, 0);
	}
}

static void note_end(struct adopted *adopted, const struct event *event)
{
	if (event->tid != adopted->pid || !adopted->state.attach)
		return;
	adopted->gone = true;
	adopted->end_status = event->status;
}

static void handle(struct adopted *adopted, const struct event *event)
{
	struct learner learner = { adopted->trace, adopted->observer, &adopted->to,
				   adopted->options->exact };

	if (event->kind == EVENT_ENTRY)
		note_entry(adopted, event);
	if (event->kind == EVENT_EXIT)
		note_end(adopted, event);
	if (event->kind == EVENT_SIGNAL && event->tgid == adopted->pid && !event->sender)
		adopted->stop_signal = event->signal;
	if (event->kind != EVENT_TICK && event->kind != EVENT_CHILD)
		learn(&learner, event);
	if (event->kind == EVENT_EXEC && !adopted->pid)
		note_image(adopted, event->tgid);
	if (signals_ticked() || event->kind == EVENT_TICK) {
		measure(adopted, 0);
		check_channel(adopted);
	}
}

/* ---- its end ---- */

/* As waitpid(2) gives it to the runtime, if the kernel tells others too; false if it does not. */
static bool wait_status(const struct adopted *adopted, int *ret_status)
{
	static const struct timespec soon = { .tv_nsec = 20000000 };

	if (adopted->gone)
		*ret_status = adopted->end_status;
	if (adopted->gone)
		return true;
	for (int i = 0; i < REAP_TRIES && adopted->pidfd >= 0; i++) {
		int got = pidfd_exit_status(adopted->pidfd, ret_status);

		if (got != 0)
			return got > 0;
		nanosleep(&soon, NULL);
	}
	return false;
}

static bool ends_a_run(int signal)
{
	return signal == SIGINT || signal == SIGTERM || signal == SIGQUIT || signal == SIGKILL;
}

/*
 * A program that handles the signal it is stopped with says so by its status, as shells do. Who is
 * notified of calls does not see the signal; who traces does, and takes no other's word for it.
 */
static bool says_stopped(const struct adopted *adopted, int status)
{
	int signal = WIFEXITED(status) ? WEXITSTATUS(status) - SIGNALED : 0;

	if (signal != SIGINT && signal != SIGTERM && signal != SIGQUIT)
		return false;
	if (WEXITSTATUS(status) == adopted->options->expect ||
	    strcmp(adopted->state.field[CONTAINER_LAYER], "container") != 0)
		return false;
	return !adopted->state.attach || adopted->stop_signal == signal;
}

/* A container that is stopped dies of the runtime's signal: that is how it is to end. */
static void judge(struct adopted *adopted)
{
	struct evidence_run *run = evidence_run(adopted->to.evidence, adopted->to.run);
	int status = adopted->status << 8;
	bool known = wait_status(adopted, &status) || adopted->leaving;

	run->outcome = !known ? OUTCOME_UNKNOWN : OUTCOME_EXITED;
	run->status = known ? WEXITSTATUS(status) : 0;
	run->expected = run->status == adopted->options->expect || !known;
	if (known && says_stopped(adopted, status)) {
		run->outcome = OUTCOME_STOPPED;
		run->status = WEXITSTATUS(status) - SIGNALED;
		run->expected = true;
	}
	if (known && WIFSIGNALED(status)) {
		bool stopped = ends_a_run(WTERMSIG(status));

		run->outcome = stopped ? OUTCOME_STOPPED : OUTCOME_SIGNALED;
		run->status = WTERMSIG(status);
		run->expected = stopped;
	}
	run->expected &= adopted->pid != 0; /* the runtime could not start it */
	if (!known)
		evidence_add_limitation(adopted->to.evidence, adopted->to.run, "unknown-outcome");
}

static int save(const struct evidence *evidence, int out, struct error *err)
{
	AUTO_BUF struct buf text = BUF_INIT;

	evidence_print((struct evidence *)evidence, &text);
	for (size_t at = 0; at < text.length;) {
		ssize_t wrote = write(out, text.data + at, text.length - at);

		if (wrote < 0 && errno != EINTR)
			return fail(err, ERROR_SYSTEM, errno, "cannot keep a container's evidence");
		at += wrote > 0 ? (size_t)wrote : 0;
	}
	return 0;
}

/* ---- its life ---- */

static void begin_run(struct adopted *adopted)
{
	char *no_command[] = { NULL };

	adopted->to.run = evidence_begin_run(adopted->to.evidence, adopted->options->run);
	struct evidence_run *run = evidence_run(adopted->to.evidence, adopted->to.run);
	run_describe(adopted->options, no_command, run);
	run->engine = xstrdup(adopted->state.attach ? "ptrace" : "notify");
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		run->container[i] = xstrdup(adopted->state.field[i]);
}

/* The guardian then ends the container. */
static void die_with_agent(const struct adopted *adopted)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != adopted->agent) /* it died before that */
		kill(getpid(), SIGKILL);
}

/* The filter lets calls run that the agent was told of, if it is the one that was asked. */
static void know(struct adopted *adopted)
{
	evidence_add_limitation(adopted->to.evidence, adopted->to.run, "known-by-name");
	if (adopted->options->known)
		known_teach(adopted->options, adopted->observer);
	else
		evidence_add_loss(adopted->to.evidence, adopted->to.run, "known-elsewhere");
}

/* What filters did to the run. */
static void describe_filters(const struct adopted *adopted)
{
	struct evidence_run *run = evidence_run(adopted->to.evidence, adopted->to.run);
	size_t filters = trace_filters(adopted->trace);

	run->filter_learned = adopted->state.attach && filters > 0;
	run->filter_known = adopted->state.known;
	if (adopted->state.known)
		known_carry(adopted->options, adopted->observer, adopted->to.evidence,
			    adopted->to.run);
	if (trace_set_no_new_privs(adopted->trace))
		evidence_add_limitation(adopted->to.evidence, adopted->to.run, "no-new-privs");
	if (verbosity() > 1)
		say("%s: engine: %s, %zu filter(s) installed", adopted->state.label,
		    adopted->state.attach ? "ptrace" : "notify", filters);
}

static void begin_observing(struct adopted *adopted, const struct fact_sink *sink)
{
	const struct record_options *options = adopted->options;
	bool attach = adopted->state.attach;

	begin_run(adopted);
	adopted->observer = observer_new(sink, options->facets | OBSERVE_ADOPTED |
						       (attach ? 0 : OBSERVE_RESULTLESS) |
						       (options->exact ? OBSERVE_EXACT : 0) |
						       (options->stacks ? OBSERVE_STACKS : 0));
	if (attach) /* it begins with its execve(2) */
		evidence_add_limitation(adopted->to.evidence, adopted->to.run, "runtime-unseen");
	if (adopted->state.known)
		know(adopted);
	die_with_agent(adopted); /* entering a namespace may have cleared it */
	adopted->begun = true;
	tell(adopted, ADOPT_STARTED);
	signals_catch();
}

/*
 * The first that notifies is the runtime's process in the container, in the user namespace that it
 * is to have: the state does not always say which that is (crun exec).
 */
static int follow(struct adopted *adopted, struct error *err)
{
	struct fact_sink sink = run_sink(&adopted->to);
	struct event event;
	int more = trace_next(adopted->trace, &event, err);

	if (more > 0 && event.kind == EVENT_FORK)
		cgroup_open(event.child, &adopted->cgroup);
	if (more > 0 && event.kind == EVENT_FORK)
		more = enter_user_namespace(event.child, err) < 0 ? -1 : more;
	if (more < 0)
		return -1;
	begin_observing(adopted, &sink);
	for (; more > 0; more = trace_next(adopted->trace, &event, err))
		handle(adopted, &event);
	if (more < 0)
		evidence_add_loss(adopted->to.evidence, adopted->to.run, "engine-failed");
	describe_filters(adopted);
	evidence_run(adopted->to.evidence, adopted->to.run)->peak =
		cgroup_peak(&adopted->cgroup, run_peak(adopted->trace));
	observer_free(adopted->observer);
	return more;
}

static int record(struct adopted *adopted, int listener, int out, struct error *err)
{
	AUTO_FREE char *farewell = xasprintf(
		"whittle: the agent is gone: container %s was ended, since its calls would have "
		"failed\n",
		adopted->state.label);

	const struct adopt_options how = { .engine = adopted->state.attach ? ENGINE_PTRACE
									   : ENGINE_NOTIFY,
					   .filtered = adopted->state.known,
					   .deny_uring = adopted->options->deny_uring,
					   .farewell = farewell };
	if (trace_adopt(&how, listener, &adopted->trace, err) < 0)
		return -1;
	die_with_agent(adopted);
	int result = follow(adopted, err);
	trace_free(adopted->trace);
	cgroup_close(&adopted->cgroup);
	if (!adopted->begun)
		return -1;
	judge(adopted);
	struct error unsaved;
	if (save(adopted->to.evidence, out, &unsaved) == 0)
		return result;
	*err = unsaved;
	return -1;
}

int adopt_run(const struct record_options *options, int connection, int channel, int out)
{
	struct adopted adopted = { .options = options,
				   .channel = channel,
				   .pidfd = -1,
				   .cgroup = CGROUP_INIT,
				   .agent = getppid() };
	struct error err = { .kind = ERROR_NONE };
	int listener;

	signal(SIGPIPE, SIG_IGN);
	int result = handover_receive(connection, &adopted.state, &listener, &err);
	if (result == 0 && adopted.state.asks)
		briefing_answer(options, connection);
	close(connection);
	if (result == 0 && adopted.state.asks) {
		tell(&adopted, ADOPT_NOBODY);
		auto_close(&listener);
		container_state_release(&adopted.state);
		return 0;
	}
	if (result < 0 && err.kind == ERROR_NONE) {
		tell(&adopted, ADOPT_NOBODY);
		return 0;
	}
	if (result < 0) {
		report_error(&err);
		if (listener >= 0)
			trace_refuse(listener);
		return EXIT_WHITTLE;
	}
	adopted.to.evidence = evidence_new();
	result = record(&adopted, listener, out, &err);
	if (result < 0)
		report_error(&err);
	evidence_free(adopted.to.evidence);
	auto_close(&adopted.pidfd);
	container_state_release(&adopted.state);
	return result < 0 ? EXIT_WHITTLE : 0;
}
