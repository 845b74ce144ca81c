/* When a process is quiet, so that it can have a filter, and when it is worth watching before. */
#include <observe/known.h>
#include <observe/quiet.h>

/*
 * Looks at paths of a process. Watching it costs the kernel what some dozens of them cost whittle,
 * and a filter that comes before can never let them run: so it waits for them (SEARCHES_MANY).
 */
enum { SEARCHES_ENOUGH = 32, SEARCHES_MANY = 40 };

/*
 * Enough calls for a filter to be worth its installation. Where a program is run again and again,
 * fewer are; but the first of them might be no measure of what is to come.
 */
enum { CALLS_MANY = 128, CALLS_SOME = 24, RUNS_SOME = 3 };

struct habits *habits_of(const struct process *process)
{
	return &process->program->habits[process->origin];
}

void quiet_note_program(const struct process *process)
{
	struct habits *habits = habits_of(process);

	habits->searched_much |= process->searches >= SEARCHES_ENOUGH;
	if (process->brief) /* it had a filter: how many calls it made was not seen */
		return;
	habits->met |= process->settled || process->results >= CALLS_MANY;
	habits->brief_runs += process->results >= CALLS_SOME && habits->brief_runs < RUNS_SOME;
}

/*
 * After how many calls that teach nothing a process is quiet: fewer, and a filter would come before
 * the work that it is for; a server first answers its first clients.
 */
enum { QUIET_CALLS = 32, QUIET_CALLS_OF_SERVER = 64 };

/*
 * As long as each few calls show a new fact, a file mostly, it may still be getting ready (an
 * interpreter that loads its modules), though by calls that are known. Whoever goes on so has to be
 * let run all the same.
 */
enum { QUIET_CALLS_WITH_NEWS = 512 };

static bool has_news(const struct observer *observer, struct process *process)
{
	size_t facts = facts_count(observer);

	process->still = facts == process->facts ? process->still + 1 : 0;
	process->facts = facts;
	return process->still < QUIET_CALLS && process->quiet < QUIET_CALLS_WITH_NEWS;
}

bool observer_searches(const struct observer *observer, pid_t tgid)
{
	struct process *process = NULL;

	if (!(observer->flags & OBSERVE_ASKED))
		return false;
	if (!tgid)
		return observer->taught_searches >= SEARCHES_MANY;
	HASH_FIND_INT(observer->processes, &tgid, process);
	return process && (process->searches >= SEARCHES_ENOUGH || process->watched ||
			   habits_of(process)->searched_much);
}

/*
 * Does it seem to go on looking at paths, but not yet at so many that it is worth watching? A
 * sixth of its calls is reason to wait and see, two thirds to wait until it is worth it.
 */
static bool may_search_more(const struct observer *observer, const struct process *process)
{
	unsigned int calls = process->quiet, searches = process->quiet_searches;

	if (!(observer->flags & OBSERVE_ASKED) || process->watched ||
	    process->searches >= SEARCHES_MANY)
		return false;
	return calls < 4 * QUIET_CALLS ? searches >= calls / 6 : searches >= calls / 3 * 2;
}

/* Filters are for the native ABI: a process that makes calls of another one is never quiet. */
static void note_foreign(struct observer *observer, struct thread *thread)
{
	if (thread->abi != observer->native && ++thread->process->foreign == QUIET_CALLS)
		emit_limitation(observer, "foreign-abi");
}

/* A look at a path, which would be free if its process were watched. */
static bool is_unwatched_search(const struct observer *observer, const struct thread *thread)
{
	return observer->flags & OBSERVE_ASKED && !thread->process->watched &&
	       free_is_search(thread->known->row);
}

/*
 * A loader with many libraries to map looks quiet, before the work has begun that a filter is for.
 * Where it is the C library itself (musl), all calls come from there: that ends some time.
 */
enum { LOADER_SIZE = 0x40000, LOADER_CALLS = 512 };

static bool is_loading(struct process *process, const struct thread *thread)
{
	bool inside = thread->ip >= process->loader && thread->ip - process->loader < LOADER_SIZE;

	if (!process->loader)
		return false;
	if (!inside || ++process->loading > LOADER_CALLS)
		process->loader = 0;
	return process->loader;
}

/*
 * A loop over one call may be no work but a preparation: descriptors are tried, or closed, before a
 * server begins to serve. All that it starts would be left with a filter for that. (Looks at paths
 * are not alike: each is at another one.)
 */
enum { CALLS_ALIKE = 1024 };

static bool is_alike(const struct process *process)
{
	return process->alike && process->alike < CALLS_ALIKE;
}

static void note_alike(struct process *process, const struct thread *thread)
{
	bool same = process->last == thread->known && !free_is_search(thread->known->row);

	process->alike = same ? process->alike + 1 : 0;
	process->last = thread->known;
}

/*
 * What an earlier process showed of the same program is a filter for this one, from its first calls
 * on. Not for what starts others (a shell): they would run under a filter of what it does itself.
 */
static bool is_met_again(struct process *process)
{
	const struct habits *habits = habits_of(process);

	if (habits->starts_others)
		return false;
	process->brief = !habits->met && habits->brief_runs == RUNS_SOME;
	return habits->met || process->brief;
}

bool observer_expects_little(const struct observer *observer, pid_t tgid)
{
	const struct process *process;

	HASH_FIND_INT(observer->processes, &tgid, process);
	return process && process->brief;
}

/* Takes the call in; has its process shown nothing new for a while? */
static bool is_quiet(struct observer *observer, struct thread *thread, bool ok)
{
	struct process *process = thread->process;
	bool serves = process->serves || observer->listening;
	unsigned int enough = serves ? QUIET_CALLS_OF_SERVER : QUIET_CALLS;

	process->results++;
	if (!thread->known->keys) {
		note_foreign(observer, thread);
		return false;
	}
	note_alike(process, thread);
	if (free_is_search(thread->known->row)) {
		process->searches++;
		process->quiet_searches++;
	}
	if (!known_free(observer, thread)) {
		known_learn(observer, thread, ok);
		if (known_free(observer, thread)) /* by this call */
			process->quiet = process->quiet_searches = 0;
		if (!is_unwatched_search(observer, thread))
			return false;
	}
	if (thread->result_mode != RESULT_COMES || process->settled)
		return false;
	bool news = has_news(observer, process);
	if (!is_met_again(process) &&
	    (is_loading(process, thread) || is_alike(process) || ++process->quiet < enough ||
	     news || may_search_more(observer, process)))
		return false;
	process->quiet = process->quiet_searches = 0;
	return true;
}

unsigned int quiet_advice(struct observer *observer, struct thread *thread, bool ok)
{
	return is_quiet(observer, thread, ok) ? OBSERVE_QUIET : 0;
}
