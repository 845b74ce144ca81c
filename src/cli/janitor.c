#include <cli/janitor.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <whittle/container.h>
#include <whittle/file.h>

/* The socket of another whittle that came after this one is not touched. */
static bool somebody_listens(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	       errno != ECONNREFUSED;
}

static void put_back(const struct janitor *janitor)
{
	AUTO_FREE char *text = NULL;
	size_t length;
	struct error err;

	if (janitor->config &&
	    file_read(AT_FDCWD, janitor->config, CONFIG_MAX, &text, &length, &err) == 0 &&
	    strstr(text, janitor->socket))
		file_replace(AT_FDCWD, janitor->config, janitor->text, janitor->length, &err);
	if (access(janitor->socket, F_OK) == 0 && !somebody_listens(janitor->socket))
		unlink(janitor->socket);
	if (janitor->directory)
		rmdir(janitor->directory);
}

/* A session of its own: what is sent to whittle's process group does not reach it. */
static void __attribute__((noreturn)) wait_and_put_back(const struct janitor *janitor, int end)
{
	sigset_t all;
	char byte;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	close(janitor->whittle);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		close(fd);
	while (read(end, &byte, 1) < 0 && errno == EINTR)
		;
	put_back(janitor);
	_exit(0);
}

static int make_directory(struct janitor *janitor, struct error *err)
{
	const char *wanted = getenv("TMPDIR"), *base = wanted && wanted[0] == '/' ? wanted : "/tmp";
	char *name = xasprintf("%s/whittle-XXXXXX", base);

	if (!mkdtemp(name)) {
		fail(err, ERROR_SYSTEM, errno,
		     "cannot make a directory for a socket in %s (TMPDIR may name another one)",
		     base);
		free(name);
		return -1;
	}
	janitor->directory = name;
	janitor->socket = xasprintf("%s/socket", name);
	return 0;
}

static int start(struct janitor *janitor, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot start what cleans up");
	janitor->whittle = ends[1];
	janitor->pid = fork();
	if (janitor->pid == 0)
		wait_and_put_back(janitor, ends[0]);
	close(ends[0]);
	if (janitor->pid < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot start what cleans up");
	return 0;
}

int janitor_start(struct janitor *janitor, const char *socket, const char *config,
		  struct error *err)
{
	*janitor = (struct janitor){ .whittle = -1 };
	if (config &&
	    file_read(AT_FDCWD, config, CONFIG_MAX, &janitor->text, &janitor->length, err) < 0)
		return -1;
	janitor->config = config ? xstrdup(config) : NULL;
	if (socket)
		janitor->socket = xstrdup(socket);
	else if (make_directory(janitor, err) < 0)
		return -1;
	return start(janitor, err);
}

void janitor_end(struct janitor *janitor)
{
	if (janitor->whittle >= 0)
		close(janitor->whittle);
	if (janitor->pid > 0)
		while (waitpid(janitor->pid, NULL, 0) < 0 && errno == EINTR)
			;
	else if (janitor->directory)
		rmdir(janitor->directory);
	free(janitor->directory);
	free(janitor->socket);
	free(janitor->config);
	free(janitor->text);
	*janitor = (struct janitor){ .whittle = -1 };
}
