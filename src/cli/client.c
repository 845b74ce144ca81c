#include <cli/client.h>
#include <cli/cli.h>
#include <cli/signals.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const double ready_every = 0.2;
static const double look_every = 0.05; /* seconds between looks whether a server has settled */
static const double settle_max = 5.0;  /* then it counts as settled */

enum {
	QUIET_LOOKS = 5, /* looks, not seconds: whittle may have been kept from running itself */
};

int exit_code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t start_client(const char *command)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	signals_release();
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	int null = open("/dev/null", O_RDONLY); /* standard input is the workload's */
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(EXIT_NOT_FOUND);
}

static void start_exercise(struct client *client)
{
	client->exercise_pid = start_client(client->options->exercise);
	if (client->exercise_pid < 0) {
		client->exercise_pid = 0;
		client->ended = true;
		client->status = EXIT_WHITTLE << 8;
		warn("cannot start the exercise: %s", strerror(errno));
	}
}

bool settled(struct settling *settling, const struct trace *trace, uint64_t news)
{
	double now = monotonic_now();

	if (settling->begun == 0)
		*settling = (struct settling){ .begun = now, .looked = now, .news = news };
	if (now - settling->looked >= look_every) {
		bool quiet = news == settling->news && !trace_busy(trace);

		settling->quiet = quiet ? settling->quiet + 1 : 0;
		settling->news = news;
		settling->looked = now;
	}
	return settling->quiet >= QUIET_LOOKS || now - settling->begun >= settle_max;
}

void client_check(struct client *client, bool listening)
{
	const struct record_options *options = client->options;

	if (!options->exercise || client->exercise_pid || client->ended)
		return;
	if (!options->ready) {
		if (listening)
			start_exercise(client);
		return;
	}
	if (!client->ready_pid && monotonic_now() - client->ready_started >= ready_every) {
		client->ready_started = monotonic_now();
		client->ready_pid = start_client(options->ready);
	}
}

void client_child(struct client *client, pid_t pid, int status)
{
	if (pid == client->ready_pid) {
		client->ready_pid = 0;
		if (status == 0)
			start_exercise(client);
	}
	if (pid == client->exercise_pid) {
		client->ended = true;
		client->status = status;
		if (status)
			say("the exercise failed: exit status %d", exit_code_of(status));
	}
}

void client_stop(const struct client *client)
{
	if (client->ready_pid > 0)
		kill(client->ready_pid, SIGTERM);
	if (client->exercise_pid > 0 && !client->ended)
		kill(client->exercise_pid, SIGTERM);
}

void client_judge(const struct client *client, struct session_end *end)
{
	end->expected = client->ended && client->status == 0;
	end->reraise = false;
	if (client->ended) {
		end->exit_code = exit_code_of(client->status);
		return;
	}
	warn("the exercise did not finish: the workload ended %s",
	     client->exercise_pid ? "during it" : "before it listened");
	end->exit_code = WIFEXITED(end->raw_status) && WEXITSTATUS(end->raw_status)
				 ? WEXITSTATUS(end->raw_status)
				 : 1;
}
