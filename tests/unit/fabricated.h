/*
 * For tests of the observer on fabricated events: the tracee is the test program itself.
 */
#ifndef FABRICATED_H
#define FABRICATED_H

#define outcome call_outcome /* evidence.h has a tag of that name too */
#include <observe/known.h>
#undef outcome

#include "observed.h"

#define DEFAULT (OBSERVE_CAPS | OBSERVE_PATHS)
#define ALL     (DEFAULT | OBSERVE_STAT)

static struct run none; /* for facts of fabricated events */
static struct fact_sink sink;

static inline struct observer *begin(unsigned int flags, bool capless)
{
	struct event exec = {
		.kind = EVENT_EXEC, .tid = getpid(), .tgid = getpid(), .old_tid = getpid()
	};

	none.evidence = evidence_new();
	evidence_begin_run(none.evidence, "test");
	sink = (struct fact_sink){ none.evidence, add_fact, add_loss, add_limitation };
	struct observer *observer = observer_new(&sink, flags);
	observer->capless = capless;
	observe(observer, &exec);
	return observer;
}

static inline void end(struct observer *observer)
{
	observer_free(observer);
	evidence_free(none.evidence);
}

static inline struct event make_call(const char *name, const uint64_t args[6])
{
	const struct abi *abi = abi_of_machine(NULL);
	int64_t nr = abi_syscall_number(abi, name);
	struct event event = { .kind = EVENT_ENTRY,
			       .tid = getpid(),
			       .tgid = getpid(),
			       .abi = abi,
			       .audit = abi->audit,
			       .nr = (uint64_t)nr };

	if (nr < 0)
		fail_msg("no call %s", name);
	memcpy(event.args, args, sizeof(event.args));
	return event;
}

/* The advice at the result. */
static inline unsigned int make_in(struct observer *observer, pid_t tgid, const char *name,
				   const uint64_t args[6], int64_t result)
{
	struct event event = make_call(name, args);

	event.tid = event.tgid = tgid;
	observe(observer, &event);
	event.kind = EVENT_RESULT;
	event.result = result;
	return observe(observer, &event);
}

static inline unsigned int make(struct observer *observer, const char *name, const uint64_t args[6],
				int64_t result)
{
	return make_in(observer, getpid(), name, args, result);
}
#define ARGUMENTS(...) ((const uint64_t[6]){ __VA_ARGS__ })
#define ADDRESS        (uint64_t)(uintptr_t)

static inline bool is_free_for(struct observer *observer, pid_t tgid, const char *name,
			       const uint64_t args[6])
{
	size_t count;
	struct free_call *calls = observer_free_calls(observer, tgid, &count);
	bool found = allows(calls, count, make_call(name, args).nr, args);

	free_calls_release(calls, count);
	return found;
}
#define is_free(observer, name, ...)                                                               \
	is_free_for((observer), getpid(), (name), ARGUMENTS(__VA_ARGS__))
#define is_known_free(observer, name, ...)                                                         \
	is_free_for((observer), 0, (name), ARGUMENTS(__VA_ARGS__))

#endif
