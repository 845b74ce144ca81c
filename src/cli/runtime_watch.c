/* A runtime that waits for ever is ended: whoever called it waits with it, and cannot be told. */
#include <cli/runtime.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <whittle/file.h>

/* As long as engines wait for a container that does not stop, six times over. */
enum { PATIENCE_SECONDS = 60 };

/* What runc calls the process that is to become the container's, until then (nsexec.c). */
static const char unborn[] = "runc:[2:INIT]";

static bool is_unborn(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/comm", pid);
	AUTO_FREE char *name = file_read_line(path);

	return name && strcmp(name, unborn) == 0;
}

/* Without it runc fails, and says so. */
static void end_unborn(pid_t runtime)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/task/%d/children", runtime, runtime);
	AUTO_FREE char *children = file_read_line(path);
	char *at = children;

	while (at && *at) {
		pid_t pid = (pid_t)strtol(at, &at, 10);

		at += *at == ' ';
		if (pid > 0 && is_unborn(pid))
			kill(pid, SIGKILL);
	}
}

static void __attribute__((noreturn)) watch(pid_t runtime, int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	sigset_t all;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	/* whoever waits for the end of a stream of the runtime must not wait for this process */
	if (pidfd > 0)
		close_range(0, (unsigned int)pidfd - 1, 0);
	close_range((unsigned int)pidfd + 1, ~0U, 0);
	if (poll(&end, 1, PATIENCE_SECONDS * 1000) == 0)
		end_unborn(runtime);
	_exit(0);
}

int runtime_watch(struct error *err)
{
	pid_t self = getpid();
	AUTO_CLOSE int pidfd = pidfd_open(self, 0);

	if (pidfd < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot watch the runtime");
	pid_t pid = fork();
	if (pid == 0) { /* its child is nobody's that this process becomes */
		if (fork() == 0)
			watch(self, pidfd);
		_exit(0);
	}
	if (pid < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot watch the runtime");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}
