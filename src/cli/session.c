/* One recorded run: events into evidence, signals passed on, a server exercised and stopped. */
#include <cli/cli.h>
#include <cli/client.h>
#include <cli/learn.h>
#include <cli/record.h>
#include <cli/signals.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

static const double kill_after = 5.0;  /* seconds between TERM and KILL */
static const double say_after = 1.0;   /* before background processes are spoken of */
static const double group_wait = 0.04; /* a signal sent to the group reaches the workload too */

struct session {
	const struct record_options *options;
	struct run_target to;
	struct trace *trace;
	struct observer *observer;
	double begun;
	double main_ended; /* 0: it runs */
	double stop_asked; /* when the workload was told to end; 0: not yet */
	int stop_signal;   /* what it was told with */
	bool killed, told_background;
	/* A signal sent to whittle that waits for whether the workload got it too. */
	struct arrival arrival;
	double arrived;
	pid_t seen_sender; /* of the last signal that the main process got from outside */
	int seen_signal;
	double seen;
	struct client client;
	struct settling settling;
};

/* ---- ending the workload ---- */

static void ask_to_stop(struct session *session, int signal)
{
	if (session->stop_asked)
		return;
	session->stop_asked = monotonic_now();
	session->stop_signal = signal;
	trace_signal(session->trace, signal);
	trace_signal(session->trace, SIGCONT); /* a stopped process would not see it */
}

static void check_timers(struct session *session)
{
	const struct record_options *options = session->options;
	double time = monotonic_now();

	if (options->timeout > 0 && !session->stop_asked &&
	    time - session->begun >= options->timeout) {
		say("%g seconds are over: stopping the workload", options->timeout);
		ask_to_stop(session, SIGTERM);
	}
	if (session->stop_asked && !session->killed && time - session->stop_asked >= kill_after) {
		session->killed = true;
		trace_kill(session->trace);
	}
	if (!session->main_ended)
		return;
	if (options->wait_main)
		ask_to_stop(session, SIGTERM);
	if (!session->told_background && time - session->main_ended >= say_after) {
		session->told_background = true;
		say("the command has ended; waiting for %zu background thread(s) of it "
		    "(--wait=main stops them)",
		    trace_count(session->trace));
	}
}

/* ---- signals to whittle ---- */

static bool ends_a_run(int signal)
{
	return signal == SIGINT || signal == SIGTERM || signal == SIGQUIT;
}

static void mark_stopped(struct session *session, int signal)
{
	if (!ends_a_run(signal) || session->stop_asked)
		return;
	session->stop_signal = signal;
}

/* The terminal's signals reach its foreground group: the workload, unless it left the group. */
static bool workload_got_it(const struct session *session, const struct arrival *arrival)
{
	if (arrival->by_kernel)
		return getpgid(trace_main_pid(session->trace)) == getpgrp();
	return session->seen_signal == arrival->signal && session->seen_sender == arrival->sender &&
	       session->arrived - session->seen < 0.2;
}

static void check_signals(struct session *session)
{
	if (session->arrival.signal && monotonic_now() - session->arrived >= group_wait) {
		if (!workload_got_it(session, &session->arrival))
			trace_signal(session->trace, session->arrival.signal);
		mark_stopped(session, session->arrival.signal);
		session->arrival.signal = 0;
	}
	if (!session->arrival.signal && signals_next(&session->arrival))
		session->arrived = monotonic_now();
}

static void note_signal(struct session *session, const struct event *event)
{
	if (event->tgid != trace_main_pid(session->trace) || !event->sender)
		return;
	session->seen_signal = event->signal;
	session->seen_sender = event->sender;
	session->seen = monotonic_now();
}

/* ---- the client ---- */

static void check_client(struct session *session)
{
	bool listening =
		observer_listening(session->observer) &&
		settled(&session->settling, session->trace, evidence_news(session->to.evidence));

	client_check(&session->client, listening);
	if (session->client.ended)
		ask_to_stop(session, SIGTERM);
}

/* ---- the loop ---- */

static void take(struct session *session, const struct event *event)
{
	struct learner learner = { session->trace, session->observer, &session->to,
				   session->options->exact };

	learn(&learner, event);
}

static void handle(struct session *session, const struct event *event)
{
	switch (event->kind) {
	case EVENT_TICK:
		trace_measure(session->trace, 0);
		break;
	case EVENT_CHILD:
		client_child(&session->client, event->tid, event->status);
		break;
	case EVENT_LOSS:
		evidence_add_loss(session->to.evidence, session->to.run, event->what);
		break;
	case EVENT_SIGNAL:
		note_signal(session, event);
		take(session, event);
		break;
	case EVENT_EXIT:
		take(session, event);
		if (!trace_main_running(session->trace) && !session->main_ended)
			session->main_ended = monotonic_now();
		break;
	default:
		if (run_is_exit(event))
			trace_measure(session->trace, event->tgid);
		take(session, event);
		if (!signals_ticked()) /* calls come by the million: no clock is read for each */
			return;
		trace_measure(session->trace, 0);
	}
	check_signals(session);
	check_client(session);
	check_timers(session);
}

static int loop(struct session *session, struct error *err)
{
	struct event event;
	int more;

	while ((more = trace_next(session->trace, &event, err)) > 0)
		handle(session, &event);
	return more;
}

/* What the run was: see "Servers are first-class" in the README. */
static void judge(const struct session *session, struct session_end *end)
{
	int status = trace_main_status(session->trace);
	bool signaled = WIFSIGNALED(status);

	end->raw_status = status;
	end->outcome = signaled ? OUTCOME_SIGNALED : OUTCOME_EXITED;
	end->status = signaled ? WTERMSIG(status) : WEXITSTATUS(status);
	end->expected = !signaled && end->status == session->options->expect;
	end->exit_code = exit_code_of(status);
	end->reraise = signaled;
	bool stopped_main = session->stop_signal && (!session->main_ended || !session->stop_asked ||
						     session->stop_asked < session->main_ended);
	if (stopped_main) {
		end->outcome = OUTCOME_STOPPED;
		end->status = session->stop_signal;
		end->expected = true;
	}
	if (session->options->exercise)
		client_judge(&session->client, end);
}

/* The engine failed before the run ended: what it would have been nobody knows. */
static void judge_failure(const struct session *session, struct session_end *end)
{
	end->exit_code = EXIT_WHITTLE;
	end->reraise = end->expected = false;
	if (!trace_main_running(session->trace))
		return;
	end->outcome = OUTCOME_UNKNOWN;
	end->status = 0;
}

/* What filters did to the run. */
static void describe_filters(struct session *session, struct session_end *end)
{
	size_t filters = trace_filters(session->trace);

	end->filter_learned = filters > (end->filter_known ? 1 : 0);
	if (end->filter_known)
		known_carry(session->options, session->observer, session->to.evidence,
			    session->to.run);
	if (trace_set_no_new_privs(session->trace))
		evidence_add_limitation(session->to.evidence, session->to.run, "no-new-privs");
	if (verbosity() > 1)
		say("engine: %s, %zu filter(s) installed, %zu stops, %zu notifications",
		    end->engine == ENGINE_NOTIFY ? "notify" : "ptrace", filters,
		    trace_stops(session->trace), trace_notifications(session->trace));
}

int session_run(const struct record_options *options, const char *path, char **argv,
		struct evidence *evidence, size_t run, struct session_end *ret_end,
		struct error *err)
{
	struct session session = { .options = options,
				   .client = { .options = options },
				   .to = { evidence, run } };
	struct fact_sink sink = run_sink(&session.to);

	bool measure = options->engine != CHOOSE_NOTIFY && (options->facets & FACET_CAPS);
	bool asks = measure && !options->exact && trace_can_watch();
	session.observer = observer_new(&sink, options->facets | (asks ? OBSERVE_ASKED : 0) |
						       (options->exact ? OBSERVE_EXACT : 0) |
						       (options->stacks ? OBSERVE_STACKS : 0));
	if (engine_start(options, session.observer, measure, path, argv, &session.trace, ret_end,
			 err) < 0) {
		observer_free(session.observer);
		return -1;
	}
	session.begun = monotonic_now();
	signals_catch();
	int result = loop(&session, err);
	if (result < 0)
		evidence_add_loss(evidence, run, "engine-failed");
	client_stop(&session.client);
	judge(&session, ret_end);
	if (result < 0)
		judge_failure(&session, ret_end);
	describe_filters(&session, ret_end);
	ret_end->peak = run_peak(session.trace);
	observer_free(session.observer);
	trace_free(session.trace);
	return result;
}
