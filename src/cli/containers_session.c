/* One run of a container engine: its signals, its client, the recordings of the agent. */
#include <cli/agent.h>
#include <cli/cli.h>
#include <cli/client.h>
#include <cli/containers.h>
#include <cli/signals.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

static const double kill_after = 5.0; /* seconds between TERM and KILL */
static const double say_after = 1.0;  /* before a container in the background is spoken of */
static const int wait_ms = 50;

struct job {
	const struct record_options *options;
	struct agent *agent;
	struct client client;
	pid_t engine;
	bool engine_ended, told_detached;
	int engine_status;
	double begun, ended; /* when the engine did */
	double stop_asked;   /* when the containers were told to end; 0: not yet */
	int stop_signal;
	bool killed;
};

static pid_t start_engine(const char *path, char **argv)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	signals_release();
	signal(SIGPIPE, SIG_DFL);
	execv(path, argv);
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* ---- ending ---- */

/* The containers; what of the engine has not made one yet ends as it would by itself. */
static void ask_to_stop(struct job *job, int signal)
{
	if (job->stop_asked > 0)
		return;
	job->stop_asked = monotonic_now();
	job->stop_signal = signal;
	if (agent_active(job->agent))
		agent_signal(job->agent, signal);
	else if (!job->engine_ended)
		kill(job->engine, signal);
}

/*
 * The engine has ended, the container has not: it runs in the background, or the engine failed or
 * was killed between making it and starting it, and nobody ever will.
 */
static void check_background(struct job *job, double since)
{
	if (job->engine_status != 0 && since >= kill_after)
		ask_to_stop(job, SIGKILL);
	if (job->engine_status != 0 || job->told_detached || since < say_after)
		return;
	job->told_detached = true;
	say("the container runs in the background: waiting for its end");
}

static void check_timers(struct job *job)
{
	double time = monotonic_now();

	if (job->options->timeout > 0 && time - job->begun >= job->options->timeout &&
	    job->stop_asked <= 0) {
		say("%g seconds are over: stopping the container", job->options->timeout);
		ask_to_stop(job, SIGTERM);
	}
	if (job->stop_asked > 0 && !job->killed && time - job->stop_asked >= kill_after) {
		job->killed = true;
		agent_kill(job->agent);
		job->stop_asked = time;
	} else if (job->killed && !job->engine_ended && time - job->stop_asked >= kill_after) {
		kill(job->engine, SIGKILL);
	}
	if (job->engine_ended && agent_active(job->agent))
		check_background(job, time - job->ended);
}

/* ---- signals to whittle ---- */

static bool ends_a_run(int signal)
{
	return signal == SIGINT || signal == SIGTERM || signal == SIGQUIT || signal == SIGHUP;
}

/*
 * The engine passes signals on to the container. A terminal's reach it without whittle; there is
 * nobody to pass them on if it has left the container in the background.
 */
static void check_signals(struct job *job)
{
	struct arrival arrival;

	while (signals_next(&arrival)) {
		if (ends_a_run(arrival.signal) && job->engine_ended)
			ask_to_stop(job, SIGTERM);
		if (job->engine_ended)
			continue;
		if (!arrival.by_kernel || getpgid(job->engine) != getpgrp())
			kill(job->engine, arrival.signal);
		if (ends_a_run(arrival.signal) && !job->stop_signal)
			job->stop_signal = arrival.signal;
	}
}

/* ---- the loop ---- */

static void reap(struct job *job)
{
	const pid_t pids[] = { job->engine_ended ? 0 : job->engine, job->client.ready_pid,
			       job->client.ended ? 0 : job->client.exercise_pid };

	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;

		if (pids[i] <= 0 || waitpid(pids[i], &status, WNOHANG) != pids[i])
			continue;
		if (pids[i] == job->engine) {
			job->engine_ended = true;
			job->ended = monotonic_now();
			job->engine_status = status;
		} else {
			client_child(&job->client, pids[i], status);
		}
	}
}

static void loop(struct job *job)
{
	struct pollfd ready = { .fd = agent_fd(job->agent), .events = POLLIN };

	while (!job->engine_ended || agent_active(job->agent)) {
		poll(&ready, 1, wait_ms);
		reap(job);
		agent_step(job->agent); /* behind the engine's end: what it connected is taken */
		check_signals(job);
		client_check(&job->client, agent_listening(job->agent));
		if (job->client.ended)
			ask_to_stop(job, SIGTERM);
		check_timers(job);
	}
}

/* ---- what it was ---- */

static void judge_run(const struct job *job, const struct session_end *end,
		      struct evidence_run *run)
{
	if (strcmp(run->container[CONTAINER_LAYER], "exec") == 0)
		return;
	if (job->stop_signal) {
		run->outcome = OUTCOME_STOPPED;
		run->status = job->stop_signal;
		run->expected = true;
	}
	if (job->options->exercise)
		run->expected = end->expected;
}

static void judge(const struct job *job, struct evidence *evidence, struct session_end *end)
{
	int status = job->engine_status;

	end->raw_status = status;
	end->exit_code = exit_code_of(status);
	end->reraise = WIFSIGNALED(status);
	end->engine = ENGINE_NOTIFY;
	if (job->options->exercise)
		client_judge(&job->client, end);
	for (size_t i = 0; i < evidence_run_count(evidence); i++)
		judge_run(job, end, evidence_run(evidence, i));
}

/* What a recording that failed had seen is seen by none. */
static int collect(const struct job *job, struct evidence *evidence, struct error *err)
{
	size_t failed = 0;

	if (agent_collect(job->agent, evidence, &failed, err) < 0)
		return -1;
	if (failed && evidence_run_count(evidence))
		evidence_add_loss(evidence, 0, "recording-failed");
	return 0;
}

int containers_session(const struct record_options *options, const char *path, char **argv,
		       const char *socket, struct evidence *evidence, struct session_end *ret_end,
		       struct error *err)
{
	struct job job = { .options = options, .client = { .options = options } };

	if (agent_new(options, socket, &job.agent, err) < 0)
		return -1;
	signals_catch();
	job.begun = monotonic_now();
	job.engine = start_engine(path, argv);
	if (job.engine < 0) {
		agent_free(job.agent);
		return fail(err, ERROR_SYSTEM, errno, "cannot start %s", path);
	}
	loop(&job);
	client_stop(&job.client);
	int result = collect(&job, evidence, err);
	if (result == 0)
		judge(&job, evidence, ret_end);
	agent_free(job.agent);
	return result;
}
