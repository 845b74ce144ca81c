#include <enforce/supervise.h>

#include <dirent.h>
#include <enforce/reduce.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <whittle/proc.h>

static const double clear_for = 10; /* seconds until a process counts as one that cannot be ended */

/* ---- whose children ---- */

/* The children of this process, ended or not; the caller frees them. -1 if /proc cannot be read. */
static int list_children(pid_t **ret_pids, size_t *ret_count, struct error *err)
{
	DIR *proc = opendir("/proc");
	AUTO_FREE pid_t *pids = NULL;
	size_t count = 0;

	if (!proc)
		return fail(err, ERROR_SYSTEM, errno, "cannot read /proc");
	for (struct dirent *entry; (entry = readdir(proc));) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (*end || pid <= 0 || proc_number((pid_t)pid, "PPid") != getpid())
			continue;
		pids = xrealloc(pids, count + 1, sizeof(*pids));
		pids[count++] = (pid_t)pid;
	}
	closedir(proc);
	*ret_pids = STEAL(pids);
	*ret_count = count;
	return 0;
}

static bool is_other(const struct supervisor *supervisor, pid_t pid)
{
	for (size_t i = 0; i < supervisor->other_count; i++)
		if (supervisor->others[i] == pid)
			return true;
	return false;
}

/* Kills our children; theirs become ours. *ret_left: how many there were. */
static int kill_children(const struct supervisor *supervisor, size_t *ret_left, struct error *err)
{
	AUTO_FREE pid_t *pids = NULL;
	size_t count, left = 0;

	if (list_children(&pids, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (is_other(supervisor, pids[i]))
			continue;
		left++;
		kill(pids[i], SIGKILL); /* nobody else reaps it: the pid is still its own */
		waitpid(pids[i], NULL, WNOHANG | __WALL);
	}
	*ret_left = left;
	return 0;
}

int supervisor_clear(const struct supervisor *supervisor, struct error *err)
{
	static const struct timespec nap = { .tv_nsec = 2000000 };
	double until = monotonic_now() + clear_for;
	size_t left = 0;

	/* The usual case, without a look at each process of the machine. */
	if (!supervisor->other_count && waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD)
		return 0;
	for (;;) {
		if (kill_children(supervisor, &left, err) < 0)
			return -1;
		if (left == 0)
			return 0;
		if (monotonic_now() > until)
			return fail(err, ERROR_REFUSED, 0,
				    "%zu process(es) of the command cannot be ended", left);
		nanosleep(&nap, NULL);
	}
}

/* ---- begin and end ---- */

static void termination_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

/* So that no pipe gets a number which a child's standard stream will have. */
static void fill_standard_streams(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		continue;
	if (fd >= 0)
		close(fd);
}

int supervisor_begin(struct supervisor *supervisor, struct error *err)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	int subreaper = 0;
	sigset_t set;

	*supervisor = (struct supervisor){ .signals = -1 };
	if (list_children(&supervisor->others, &supervisor->other_count, err) < 0)
		return -1;
	fill_standard_streams();
	termination_signals(&set);
	/* An ignored SIGCHLD would have the kernel reap the children and drop their status. */
	sigaction(SIGCHLD, &plain, &supervisor->sigchld);
	sigprocmask(SIG_BLOCK, &set, &supervisor->mask);
	prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
	supervisor->subreaper = subreaper;
	supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (supervisor->signals >= 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
		return 0;
	fail(err, ERROR_SYSTEM, errno, "cannot supervise the command");
	supervisor_end(supervisor);
	return -1;
}

void supervisor_end(struct supervisor *supervisor)
{
	prctl(PR_SET_CHILD_SUBREAPER, (unsigned long)supervisor->subreaper, 0, 0, 0);
	sigprocmask(SIG_SETMASK, &supervisor->mask, NULL);
	sigaction(SIGCHLD, &supervisor->sigchld, NULL);
	auto_close(&supervisor->signals);
	supervisor->signals = -1;
	free(STEAL(supervisor->others));
	supervisor->other_count = 0;
}

/* ---- a child ---- */

/* What a child that did not get to its command tells whittle. */
struct report {
	int number;
	bool reduced;
};

/*
 * Neither the terminal's signals nor those to whittle's group are for it, nor its own for whittle.
 * It stays in the session: SIGCONT to others there takes no CAP_KILL (kill_ok_by_cred()). A look at
 * the terminal must not stop it, though: nobody would bring it to the foreground.
 */
static void leave_group(void)
{
	AUTO_CLOSE int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);

	setpgid(0, 0);
	if (terminal < 0)
		return;
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
}

static void __attribute__((noreturn))
run_child(const struct supervisor *supervisor, const struct child_plan *plan, int failed,
	  pid_t parent)
{
	struct report report = { .reduced = true };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	leave_group();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null < 0 || getppid() != parent)
		_exit(EXIT_WHITTLE);
	dup2(null, STDIN_FILENO);
	dup2(plan->out >= 0 ? plan->out : null, STDOUT_FILENO);
	dup2(plan->err >= 0 ? plan->err : null, STDERR_FILENO);
	sigaction(SIGCHLD, &supervisor->sigchld, NULL);
	sigprocmask(SIG_SETMASK, &supervisor->mask, NULL);
	report.reduced = !plan->reduce || capabilities_keep(plan->kept) == 0;
	if (report.reduced)
		execvp(plan->argv[0], plan->argv);
	report.number = errno;
	ssize_t ignored = write(failed, &report, sizeof(report));
	(void)ignored;
	_exit(EXIT_WHITTLE);
}

static int child_fork(const struct supervisor *supervisor, const struct child_plan *plan,
		      const int failed[2], struct child *child, struct error *err)
{
	pid_t parent = getpid();

	child->pid = fork();
	if (child->pid < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot start a process");
	if (child->pid == 0)
		run_child(supervisor, plan, failed[1], parent);
	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd >= 0)
		return 0;
	return fail(err, ERROR_SYSTEM, errno, "cannot wait for a process");
}

int child_start(const struct supervisor *supervisor, const struct child_plan *plan,
		struct child *ret_child, struct error *err)
{
	struct child child = { .pidfd = -1 };
	struct report report;
	int failed[2];
	ssize_t got = 0;

	if (pipe2(failed, O_CLOEXEC) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot create a pipe");
	int result = child_fork(supervisor, plan, failed, &child, err);
	close(failed[1]);
	/* Its end means that the program was loaded. */
	while (result == 0 && (got = read(failed[0], &report, sizeof(report))) < 0 &&
	       errno == EINTR)
		continue;
	close(failed[0]);
	if (result == 0 && got == sizeof(report)) {
		child.number = report.number;
		if (!report.reduced)
			result = fail(err, ERROR_SYSTEM, report.number,
				      "cannot take capabilities away");
	}
	if (result < 0) {
		child_close(&child);
		return -1;
	}
	*ret_child = child;
	return 0;
}

void child_close(struct child *child)
{
	auto_close(&child->pidfd);
	child->pidfd = -1;
}

/* ---- waiting ---- */

/* FNV-1a: tells outputs apart that nobody tries to make alike. */
static void take_bytes(struct output *output, const unsigned char *bytes, size_t length)
{
	if (!output->length)
		output->hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < length; i++)
		output->hash = (output->hash ^ bytes[i]) * 0x100000001b3;
	output->length += length;
}

static void read_output(struct output *output)
{
	unsigned char chunk[16384];
	ssize_t got = read(output->fd, chunk, sizeof(chunk));

	if (got < 0 && errno == EINTR)
		return;
	if (got > 0) {
		take_bytes(output, chunk, (size_t)got);
		ssize_t ignored = output->show >= 0 ? write(output->show, chunk, (size_t)got) : 0;
		(void)ignored;
		return;
	}
	close(STEAL_FD(output->fd));
}

static int milliseconds_until(double until)
{
	double left = (until - monotonic_now()) * 1000;

	if (until == 0)
		return -1;
	return left <= 0 ? 0 : left > 1e6 ? 1000000 : (int)left + 1;
}

static int asked_to_end(const struct supervisor *supervisor, struct error *err)
{
	struct signalfd_siginfo info = { .ssi_signo = 0 };
	ssize_t ignored = read(supervisor->signals, &info, sizeof(info));

	(void)ignored;
	return fail(err, ERROR_REFUSED, 0, "stopped by signal %u", info.ssi_signo);
}

int supervisor_wait(const struct supervisor *supervisor, struct child *child, struct output *output,
		    double until, int *ret_status, struct error *err)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = supervisor->signals, .events = POLLIN },
			{ .fd = child ? child->pidfd : -1, .events = POLLIN },
			{ .fd = output->fd, .events = POLLIN },
		};

		if (!child && output->fd < 0)
			return 1;
		int ready = poll(fds, ARRAY_SIZE(fds), milliseconds_until(until));
		if (ready < 0 && errno != EINTR)
			return fail(err, ERROR_SYSTEM, errno, "cannot wait for a process");
		if (ready > 0 && fds[0].revents)
			return asked_to_end(supervisor, err);
		if (ready > 0 && child && fds[1].revents &&
		    waitpid(child->pid, ret_status, 0) == child->pid)
			return 1;
		if (ready > 0 && fds[2].revents)
			read_output(output);
		if (until != 0 && monotonic_now() >= until)
			return 0;
	}
}
