#include <cli/adopt.h>
#include <cli/agent.h>
#include <cli/cli.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <whittle/file.h>

enum {
	BACKLOG = 128,
	SESSIONS_MAX = 512,
	SESSION_FDS = 4, /* descriptors for each */
	STEP_EVENTS = 32
};

struct recording {
	int pidfd, channel, out;
	bool begun, ended;
	bool nobody; /* nothing was to be recorded */
	char *label; /* NULL: not told yet */
	struct recording *next;
};

struct agent {
	const struct record_options *options;
	int socket; /* -1: closed */
	int epoll;
	char *path;
	dev_t device; /* of the socket at path */
	ino_t inode;
	bool full; /* the socket is not polled */
	bool listening;
	size_t begun, active, active_max;
	struct recording *recordings;
};

/* ---- the socket ---- */

/* Nobody listens at a socket that refuses: what is left of an agent that was killed. */
static int remove_stale(const struct sockaddr_un *address, struct error *err)
{
	struct stat found;

	if (lstat(address->sun_path, &found) < 0)
		return 0;
	if (!S_ISSOCK(found.st_mode))
		return fail(err, ERROR_REFUSED, 0, "%s is there, and is no socket",
			    address->sun_path);
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot create a socket");
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno != ECONNREFUSED)
		return fail(err, ERROR_REFUSED, 0, "another agent listens at %s",
			    address->sun_path);
	unlink(address->sun_path);
	return 0;
}

static int fill_address(const char *path, struct sockaddr_un *address, struct error *err)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return fail(err, ERROR_INPUT, 0, "the path of a socket has at most %zu bytes: %s",
			    sizeof(address->sun_path) - 1, path);
	strncpy(address->sun_path, path, sizeof(address->sun_path) - 1);
	return 0;
}

static int bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t mask = umask(0177);
	int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int number = errno;

	umask(mask);
	errno = number;
	return result;
}

static int watch(const struct agent *agent, int fd, void *who)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .ptr = who } };

	return epoll_ctl(agent->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_socket(struct agent *agent, const char *path, struct error *err)
{
	struct sockaddr_un address;
	struct stat made;

	if (fill_address(path, &address, err) < 0 || remove_stale(&address, err) < 0)
		return -1;
	agent->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	agent->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (agent->socket < 0 || agent->epoll < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot create a socket");
	if (bind_private(agent->socket, &address) < 0 || lstat(path, &made) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot listen at %s", path);
	agent->path = xstrdup(path);
	agent->device = made.st_dev;
	agent->inode = made.st_ino;
	if (listen(agent->socket, BACKLOG) < 0 || watch(agent, agent->socket, NULL) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot listen at %s", path);
	return 0;
}

static size_t recordings_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / SESSION_FDS > SESSIONS_MAX)
		return SESSIONS_MAX;
	return limit.rlim_cur / SESSION_FDS / 2 + 1;
}

int agent_new(const struct record_options *options, const char *path, struct agent **ret_agent,
	      struct error *err)
{
	struct agent *agent = xcalloc(1, sizeof(*agent));

	agent->options = options;
	agent->socket = agent->epoll = -1;
	agent->active_max = recordings_max();
	if (open_socket(agent, path, err) < 0) {
		agent_free(agent);
		return -1;
	}
	*ret_agent = agent;
	return 0;
}

void agent_close(struct agent *agent)
{
	struct stat found;

	auto_close(&agent->socket);
	agent->socket = -1;
	if (agent->path && lstat(agent->path, &found) == 0 && found.st_dev == agent->device &&
	    found.st_ino == agent->inode)
		unlink(agent->path);
	free(agent->path);
	agent->path = NULL;
}

/* ---- recordings ---- */

static void recording_close(struct recording *recording)
{
	auto_close(&recording->pidfd);
	auto_close(&recording->channel);
	recording->pidfd = recording->channel = -1;
}

static void recording_free(struct recording *recording)
{
	recording_close(recording);
	auto_close(&recording->out);
	free(recording->label);
	free(recording);
}

/* In the child: what belongs to the agent and to the other recordings is none of its business. */
static void __attribute__((noreturn))
run_recording(struct agent *agent, int connection, int channel, int out)
{
	close(agent->socket);
	close(agent->epoll);
	for (struct recording *other = agent->recordings; other; other = other->next) {
		recording_close(other);
		auto_close(&other->out);
	}
	_exit(adopt_run(agent->options, connection, channel, out));
}

/* Owns the descriptors of a recording that is to begin; 0, or -1 with errno. */
static int start_recording(struct agent *agent, int connection)
{
	int pair[2];
	AUTO_CLOSE int out = memfd_create("whittle-evidence", MFD_CLOEXEC);

	if (out < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	AUTO_CLOSE int channel = pair[0], theirs = pair[1];
	pid_t pid = fork();
	if (pid == 0) {
		close(channel);
		run_recording(agent, connection, theirs, out);
	}
	if (pid < 0)
		return -1;
	struct recording *recording = xcalloc(1, sizeof(*recording));
	recording->pidfd = pidfd_open(pid, 0);
	recording->channel = STEAL_FD(channel);
	recording->out = STEAL_FD(out);
	recording->next = agent->recordings;
	agent->recordings = recording;
	agent->active++;
	watch(agent, recording->pidfd, recording);
	watch(agent, recording->channel, recording);
	return 0;
}

/* At the limit the others wait in the socket's queue. */
static void set_full(struct agent *agent, bool full)
{
	if (agent->full == full || agent->socket < 0)
		return;
	agent->full = full;
	if (full)
		epoll_ctl(agent->epoll, EPOLL_CTL_DEL, agent->socket, NULL);
	else
		watch(agent, agent->socket, NULL);
}

static void accept_all(struct agent *agent)
{
	while (agent->active < agent->active_max) {
		AUTO_CLOSE int fd = accept4(agent->socket, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0 && errno == ECONNABORTED)
			continue;
		if (fd < 0 || start_recording(agent, fd) < 0) {
			warn("cannot record a container: %s", strerror(errno));
			break;
		}
	}
	set_full(agent, true);
}

static void take_message(struct agent *agent, struct recording *recording,
			 struct adopt_message *message)
{
	message->label[sizeof(message->label) - 1] = '\0';
	recording->nobody |= message->word == ADOPT_NOBODY;
	if (message->word == ADOPT_LISTENING)
		agent->listening = true;
	if (message->word != ADOPT_STARTED || recording->begun)
		return;
	recording->begun = true;
	recording->label = xstrdup(message->label);
	agent->begun++;
	if (verbosity() > 1)
		say("recording %s%s", message->label, message->exec ? " (exec)" : "");
}

/*
 * Closing alone does not end the watch: a child that was forked just now has copies (epoll(7)), and
 * the next event would name a recording that is gone.
 */
static void unwatch(struct agent *agent, int *fd)
{
	if (*fd < 0)
		return;
	epoll_ctl(agent->epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

static void take_messages(struct agent *agent, struct recording *recording)
{
	struct adopt_message message;
	ssize_t got = -1;

	while (recording->channel >= 0 &&
	       (got = recv(recording->channel, &message, sizeof(message), MSG_DONTWAIT)) > 0)
		if (got == sizeof(message))
			take_message(agent, recording, &message);
	if (got == 0) /* it says no more, and would be readable for ever */
		unwatch(agent, &recording->channel);
}

static bool has_ended(const struct recording *recording)
{
	struct pollfd end = { .fd = recording->pidfd, .events = POLLIN };

	return poll(&end, 1, 0) > 0;
}

/* Whoever runs the agent may have waited for all children: then this finds none. */
static void reap(struct agent *agent, struct recording *recording)
{
	siginfo_t info;

	take_messages(agent, recording);
	while (waitid(P_PIDFD, (id_t)recording->pidfd, &info, WEXITED) < 0 && errno == EINTR)
		continue;
	unwatch(agent, &recording->pidfd);
	unwatch(agent, &recording->channel);
	recording->ended = true;
	agent->active--;
	set_full(agent, false);
}

void agent_step(struct agent *agent)
{
	struct epoll_event events[STEP_EVENTS];
	int count = epoll_wait(agent->epoll, events, STEP_EVENTS, 0);

	for (int i = 0; i < count; i++) {
		struct recording *recording = events[i].data.ptr;

		if (!recording && agent->socket >= 0)
			accept_all(agent);
		if (!recording || recording->ended)
			continue;
		take_messages(agent, recording);
		if (has_ended(recording))
			reap(agent, recording);
	}
}

int agent_fd(const struct agent *agent)
{
	return agent->epoll;
}

void agent_signal(const struct agent *agent, int signal)
{
	char byte = (char)signal;

	for (struct recording *recording = agent->recordings; recording;
	     recording = recording->next)
		if (recording->channel >= 0)
			send(recording->channel, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void agent_kill(struct agent *agent)
{
	agent_signal(agent, SIGKILL);
}

size_t agent_active(const struct agent *agent)
{
	return agent->active;
}

size_t agent_begun(const struct agent *agent)
{
	return agent->begun;
}

bool agent_listening(const struct agent *agent)
{
	return agent->listening;
}

void agent_names(const struct agent *agent, struct buf *out)
{
	const char *separator = "";

	for (struct recording *recording = agent->recordings; recording;
	     recording = recording->next) {
		if (!recording->label || recording->ended)
			continue;
		buf_addf(out, "%s%s", separator, recording->label);
		separator = " ";
	}
}

/* ---- what they leave ---- */

/* NULL if it left none: it has said why, or was killed. */
static struct evidence *read_evidence(const struct recording *recording)
{
	AUTO_FREE char *name = xasprintf("/proc/self/fd/%d", recording->out);
	AUTO_FREE char *text = NULL;
	struct evidence *evidence = NULL;
	size_t length;
	struct error err;

	if (file_read(AT_FDCWD, name, SIZE_MAX - 1, &text, &length, &err) < 0) {
		report_error(&err);
		return NULL;
	}
	if (length == 0) {
		if (recording->begun)
			warn("the recording of %s ended without evidence", recording->label);
		return NULL;
	}
	if (evidence_parse(recording->label, text, length, &evidence, &err) < 0)
		report_error(&err);
	return evidence;
}

bool agent_take(struct agent *agent, char **ret_label, struct evidence **ret_evidence)
{
	struct recording **at = &agent->recordings;

	while (*at && !(*at)->ended)
		at = &(*at)->next;
	if (!*at)
		return false;
	struct recording *recording = *at;
	*at = recording->next;
	if (recording->nobody) {
		recording_free(recording);
		return agent_take(agent, ret_label, ret_evidence);
	}
	*ret_evidence = read_evidence(recording);
	*ret_label = recording->label ? STEAL(recording->label) : xstrdup("");
	recording_free(recording);
	return true;
}

int agent_collect(struct agent *agent, struct evidence *evidence, size_t *ret_failed,
		  struct error *err)
{
	struct evidence *one = NULL;
	char *label = NULL;
	int result = 0;

	*ret_failed = 0;
	while (result == 0 && agent_take(agent, &label, &one)) {
		free(label);
		if (one)
			result = evidence_merge(evidence, one, err);
		else
			++*ret_failed;
		evidence_free(one);
	}
	return result;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	agent_close(agent);
	agent_kill(agent);
	for (struct recording *next, *at = agent->recordings; at; at = next) {
		next = at->next;
		if (!at->ended)
			reap(agent, at);
		recording_free(at);
	}
	auto_close(&agent->epoll);
	free(agent);
}
