#include <cli/ask.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <whittle/buf.h>

/* Nobody's version or digest is longer. */
enum { LINE_MAX_BYTES = 65536 };

static void become(char *const *argv, int out)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* Reads to the end; false if the time is over first. */
static bool read_until(int fd, double end, struct buf *out)
{
	char chunk[4096];

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		double left = end - monotonic_now();
		int count = left > 0 ? poll(&ready, 1, (int)(left * 1000) + 1) : 0;

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return false;
		ssize_t got = read(fd, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0;
		if (out->length < LINE_MAX_BYTES)
			buf_add(out, chunk, (size_t)got);
	}
}

static int wait_for(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int ask_line(char *const *argv, double seconds, char **ret_line, struct error *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot ask %s", argv[0]);
	pid_t pid = fork();
	if (pid == 0)
		become(argv, pipe_fds[1]);
	close(pipe_fds[1]);
	AUTO_CLOSE int fd = pipe_fds[0];
	if (pid < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot ask %s", argv[0]);
	bool ended = read_until(fd, monotonic_now() + seconds, &text);
	if (!ended)
		kill(pid, SIGKILL);
	int status = wait_for(pid);
	size_t length = strcspn(buf_text(&text), "\n");
	if (!ended)
		return fail(err, ERROR_SYSTEM, ETIMEDOUT, "%s does not answer", argv[0]);
	if (status != 0 || length == 0)
		return fail(err, ERROR_SYSTEM, 0, "%s %s has no answer", argv[0],
			    argv[1] ? argv[1] : "");
	*ret_line = xstrndup(buf_text(&text), length);
	return 0;
}
