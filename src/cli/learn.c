/* What an event teaches, and what the engine need not report any more. */
#include <cli/cli.h>
#include <cli/learn.h>

/* A filter that lets nothing run hides nothing: its process is looked at as one that has none. */
static void install(const struct learner *learner, pid_t tgid, const struct free_call *calls,
		    size_t count)
{
	const char *why = NULL;
	enum filter_outcome outcome =
		trace_filter(learner->trace, calls, count,
			     observer_expects_little(learner->observer, tgid), &why);

	if (outcome == FILTER_NEVER)
		evidence_add_limitation(learner->to->evidence, learner->to->run, why);
	if (outcome == FILTER_NEVER || (outcome == FILTER_INSTALLED && count))
		observer_settle(learner->observer, tgid);
}

/* A filter for a process that has gone quiet: it holds what its own program was seen to do. */
static void install_known(const struct learner *learner, pid_t tgid)
{
	size_t count;

	if (observer_searches(learner->observer, tgid))
		observer_watch(learner->observer, tgid, trace_watch(learner->trace));
	struct free_call *calls = observer_free_calls(learner->observer, tgid, &count);
	install(learner, tgid, calls, count);
	free_calls_release(calls, count);
}

/*
 * What drops its privileges often executes another program, whose calls are not known: unless it is
 * a server, its filter lets none run, so that each reports once, not twice.
 */
static void install_last(const struct learner *learner, pid_t tgid)
{
	if (observer_serves(learner->observer, tgid))
		install_known(learner, tgid);
	else
		install(learner, tgid, NULL, 0);
}

void learn(const struct learner *learner, const struct event *event)
{
	if (!learner->exact && observer_drops(learner->observer, event)) {
		install_last(learner, event->tgid);
		if (trace_call_anew(learner->trace))
			return;
	}
	unsigned int advice = observe(learner->observer, event);

	if (advice & OBSERVE_SKIP_RESULT)
		trace_skip_result(learner->trace);
	if ((advice & OBSERVE_QUIET) && !learner->exact)
		install_known(learner, event->tgid);
}
