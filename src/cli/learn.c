/* What an event teaches, and what the engine need not report any more. */
#include <cli/cli.h>
#include <cli/learn.h>

/* A filter for a process that has gone quiet: it holds what its own program was seen to do. */
static void install_filter(const struct learner *learner, pid_t tgid)
{
	size_t count;

	if (observer_searches(learner->observer, tgid))
		observer_watch(learner->observer, tgid, trace_watch(learner->trace));
	struct free_call *calls = observer_free_calls(learner->observer, tgid, &count);
	const char *why = NULL;
	enum filter_outcome outcome =
		trace_filter(learner->trace, calls, count,
			     observer_expects_little(learner->observer, tgid), &why);

	free_calls_release(calls, count);
	if (outcome != FILTER_LATER)
		observer_settle(learner->observer, tgid);
	if (outcome == FILTER_NEVER)
		evidence_add_limitation(learner->to->evidence, learner->to->run, why);
}

void learn(const struct learner *learner, const struct event *event)
{
	unsigned int advice = observe(learner->observer, event);

	if (advice & OBSERVE_SKIP_RESULT)
		trace_skip_result(learner->trace);
	if ((advice & OBSERVE_QUIET) && !learner->exact)
		install_filter(learner, event->tgid);
}
