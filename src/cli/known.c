/*
 * What earlier runs showed and this one need not see again. A filter hides only calls that have
 * nothing to say to the facets of this run beyond facts of calls and arguments, which every run
 * has: so the facets of the earlier runs do not matter, but their machine does.
 */
#include <cli/cli.h>
#include <cli/record.h>

#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

/* ---- names of calls ---- */

static bool is_call(const char *name)
{
	for (const struct abi *abi = abis; abi->name; abi++)
		if (abi_syscall_number(abi, name) >= 0)
			return true;
	return false;
}

/* The first of the names, which the caller frees; *list moves behind it, or is NULL at the end. */
static char *next_name(const char **list)
{
	size_t length = strcspn(*list, ",");
	char *name = xstrndup(*list, length);

	*list = (*list)[length] ? *list + length + 1 : NULL;
	return name;
}

static bool is_all(const char *names)
{
	return names && strcmp(names, "all") == 0;
}

int known_check_names(const char *names, struct error *err)
{
	if (is_all(names))
		return 0;
	while (names) {
		AUTO_FREE char *name = next_name(&names);

		if (!is_call(name))
			return fail(err, ERROR_INPUT, 0,
				    "'%s' is no system call that whittle knows", name);
	}
	return 0;
}

/* ---- loading ---- */

static bool is_here(const struct evidence_run *run, const struct utsname *here)
{
	return run->machine && strcmp(run->machine, here->machine) == 0;
}

static int check_machine(const struct evidence *known, const char *path, struct error *err)
{
	struct utsname here;
	const char *there = NULL;

	uname(&here);
	for (size_t i = 0; i < evidence_run_count(known); i++) {
		if (is_here(evidence_run_at(known, i), &here))
			return 0;
		there = evidence_run_at(known, i)->machine;
	}
	if (!there)
		return fail(err, ERROR_INPUT, 0, "%s holds no run: nothing is known by it", path);
	fail(err, ERROR_INPUT, 0, "%s was recorded on %s, and this is %s", path, there,
	     here.machine);
	return fail_hint(err, "calls have other numbers and arguments there: record it anew here");
}

static int load_given(const char *path, struct evidence **ret_known, struct error *err)
{
	char *const paths[] = { (char *)path };

	return cli_load_evidence(paths, 1, ret_known, err) < 0
		       ? -1
		       : check_machine(*ret_known, path, err);
}

/* The evidence that --append adds to, if it is there yet. */
static int load_appended(const char *directory, struct evidence *known, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/evidence.json", directory);
	struct evidence *old = NULL;

	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (evidence_load(path, &old, err) < 0)
		return -1;
	int result = evidence_merge(known, old, err);
	evidence_free(old);
	return result;
}

int known_load(const struct record_options *options, struct evidence **ret_known, struct error *err)
{
	struct evidence *known = NULL;
	int result = 0;

	if (options->known_path)
		result = load_given(options->known_path, &known, err);
	if (!known)
		known = evidence_new();
	if (result == 0 && options->append && !options->exact)
		result = load_appended(options->directory, known, err);
	if (result < 0 || is_all(options->recheck) || evidence_run_count(known) == 0) {
		evidence_free(known);
		known = NULL;
	}
	if (result == 0)
		*ret_known = known;
	return result;
}

/* ---- a run with it ---- */

/* Which runs of what is known were on this machine; one an index, freed by the caller. */
static bool *runs_here(const struct evidence *known)
{
	size_t count = evidence_run_count(known);
	bool *here = xcalloc(count, sizeof(*here));
	struct utsname machine;

	uname(&machine);
	for (size_t i = 0; i < count; i++)
		here[i] = is_here(evidence_run_at(known, i), &machine);
	return here;
}

static bool holds_here(const struct evidence *known, const struct evidence_fact *fact,
		       const bool *here)
{
	for (size_t i = 0; i < evidence_run_count(known); i++)
		if (here[i] && fact->counts[i])
			return true;
	return false;
}

/* The largest count of a run; COUNT_CARRIED counts as such: it was often enough to be let run. */
static uint64_t largest_count(const struct evidence *known, const struct evidence_fact *fact)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < evidence_run_count(known); i++)
		if (fact->counts[i] > largest)
			largest = fact->counts[i];
	return largest;
}

/* Calls take with each fact of a kind that a run of this machine holds, and its largest count. */
static void each_fact(const struct evidence *known, enum fact_kind kind,
		      void (*take)(void *context, const struct fact *fact, uint64_t count),
		      void *context)
{
	size_t count;
	AUTO_FREE bool *here = runs_here(known);
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(known, kind, &count);

	for (size_t i = 0; i < count; i++)
		if (holds_here(known, facts[i], here))
			take(context, &facts[i]->fact, largest_count(known, facts[i]));
}

/* Is it time to look at a call again: was it carried in many times more runs than it was seen in?
 */
static bool is_due(const struct evidence *known, const struct evidence_fact **facts, size_t count)
{
	enum { CARRIED_MAX = 10 }; /* runs for each in which it was seen */
	size_t seen = 0, carried = 0;

	for (size_t run = 0; run < evidence_run_count(known); run++) {
		bool here = false, any = false;

		for (size_t i = 0; i < count; i++) {
			here |= facts[i]->counts[run] && facts[i]->counts[run] != COUNT_CARRIED;
			any |= facts[i]->counts[run] != 0;
		}
		seen += here;
		carried += any && !here;
	}
	return carried > CARRIED_MAX * seen;
}

static bool same_call(const struct fact *one, const struct fact *two)
{
	return strcmp(one->field[SYSCALL_ABI], two->field[SYSCALL_ABI]) == 0 &&
	       strcmp(one->field[SYSCALL_NAME], two->field[SYSCALL_NAME]) == 0;
}

/* Facts are sorted by ABI and name first. */
static void recheck_due(const struct evidence *known, struct observer *observer)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(known, FACT_SYSCALL, &count);

	for (size_t from = 0, to; from < count; from = to) {
		for (to = from; to < count; to++)
			if (!same_call(&facts[from]->fact, &facts[to]->fact))
				break;
		if (is_due(known, facts + from, to - from))
			observer_recheck(observer, facts[from]->fact.field[SYSCALL_NAME]);
	}
}

static void know(void *observer, const struct fact *fact, uint64_t count)
{
	observer_know(observer, fact, count);
}

void known_teach(const struct record_options *options, struct observer *observer)
{
	const char *names = options->recheck;

	if (!options->known)
		return;
	while (names) {
		AUTO_FREE char *name = next_name(&names);

		observer_recheck(observer, name);
	}
	recheck_due(options->known, observer);
	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++)
		each_fact(options->known, kind, know, observer);
}

struct carrying {
	const struct observer *observer;
	struct evidence *evidence;
	size_t run;
};

static void carry(void *context, const struct fact *fact, uint64_t count)
{
	const struct carrying *carrying = context;

	(void)count;
	if (observer_hides(carrying->observer, fact))
		evidence_carry(carrying->evidence, carrying->run, fact);
}

void known_carry(const struct record_options *options, const struct observer *observer,
		 struct evidence *evidence, size_t run)
{
	struct carrying carrying = { observer, evidence, run };

	if (!options->known)
		return;
	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++)
		each_fact(options->known, kind, carry, &carrying);
}
