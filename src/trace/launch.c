/* Starting the workload's first process: a child that waits, then executes the image. */
#include <trace/launch.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <whittle/file.h>

static void __attribute__((noreturn))
run_child(const struct launch *launch, const struct launch_plan *plan,
	  const struct sigaction *sigchld)
{
	char byte;

	close(launch->go[1]);
	sigaction(SIGCHLD, sigchld, NULL);
	ssize_t got;
	while ((got = read(launch->go[0], &byte, 1)) < 0 && errno == EINTR)
		continue;
	if (got != 1) /* whittle could not trace it, or is gone: it must not run untraced */
		_exit(EXIT_WHITTLE);
	struct launch_report report = { .number = 0 };
	report.prepared = !plan->prepare || plan->prepare(plan->context) == 0;
	if (report.prepared)
		execve(plan->path, plan->argv, environ);
	report.number = errno;
	ssize_t ignored = write(launch->failed[1], &report, sizeof(report));
	(void)ignored;
	_exit(EXIT_WHITTLE);
}

static int fork_child(struct launch *launch, const struct launch_plan *plan, struct error *err)
{
	struct sigaction plain = { .sa_handler = SIG_DFL }, inherited;

	if (pipe2(launch->go, O_CLOEXEC) < 0 || pipe2(launch->failed, O_CLOEXEC) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot create a pipe");
	/* An ignored SIGCHLD would have the kernel reap the workload and drop its status. */
	sigaction(SIGCHLD, &plain, &inherited);
	launch->pid = fork();
	if (launch->pid < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot start a process");
	if (launch->pid == 0)
		run_child(launch, plan, &inherited);
	close(STEAL_FD(launch->go[0]));
	close(STEAL_FD(launch->failed[1]));
	return 0;
}

int launch_fork(struct launch *launch, const struct launch_plan *plan, struct error *err)
{
	*launch = (struct launch){ .go = { -1, -1 }, .failed = { -1, -1 } };
	if (fork_child(launch, plan, err) == 0)
		return 0;
	launch_close(launch);
	return -1;
}

int launch_go(struct launch *launch, struct error *err)
{
	if (write(launch->go[1], "", 1) != 1)
		return fail(err, ERROR_SYSTEM, errno, "cannot start the workload");
	return 0;
}

int launch_failure(const struct launch *launch, const struct launch_plan *plan, struct error *err)
{
	struct launch_report report;

	if (read(launch->failed[0], &report, sizeof(report)) != sizeof(report))
		return fail(err, ERROR_SYSTEM, 0, "the workload was killed before it started");
	if (!report.prepared)
		return fail(err, ERROR_SYSTEM, report.number,
			    "cannot install the filter of the workload");
	return fail(err, ERROR_INPUT, report.number, "cannot execute %s", plan->path);
}

void launch_close(struct launch *launch)
{
	for (int i = 0; i < 2; i++) {
		auto_close(&launch->go[i]);
		auto_close(&launch->failed[i]);
		launch->go[i] = launch->failed[i] = -1;
	}
}
