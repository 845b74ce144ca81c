/* Which capabilities are proven: the reference, the search, and every verdict tried once more. */
#include <whittle/ablate.h>

#include <enforce/reduce.h>
#include <enforce/search.h>
#include <enforce/trial.h>
#include <string.h>
#include <sys/capability.h>

/* Of alternatives those that grant less, as src/derive/caps.c chooses; CAP_SYS_ADMIN is last. */
static const int weaker[] = {
	CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_BPF, CAP_PERFMON, CAP_CHECKPOINT_RESTORE, CAP_NET_RAW,
};

/* What is known of one set. */
struct attempt {
	uint64_t kept;
	bool passed;
};

struct ablater {
	const struct ablate_options *options;
	struct supervisor supervisor;
	struct outcome reference;
	double limit;
	struct ablation *found;
	struct attempt *attempts;
	size_t attempt_count;
};

static uint64_t bit(int cap)
{
	return (uint64_t)1 << cap;
}

static int undecided(struct error *err)
{
	return fail_hint(err, "--setup COMMAND can make anew, before each run, what the command "
			      "starts from");
}

/* ---- runs ---- */

static int run_unreduced(struct ablater *ablater, double limit, struct outcome *ret,
			 struct error *err)
{
	ablater->found->runs++;
	return trial_run(&ablater->supervisor, ablater->options, false, 0, limit, ret, err);
}

/* One run with these alone; *ret_why is freed by the caller, NULL if it passed. */
static int run_reduced(struct ablater *ablater, uint64_t kept, char **ret_why, struct error *err)
{
	const struct ablate_options *options = ablater->options;
	struct outcome outcome;

	ablater->found->runs++;
	if (trial_run(&ablater->supervisor, options, true, kept, ablater->limit, &outcome, err) < 0)
		return -1;
	*ret_why = trial_failure(options, &outcome,
				 ablater->found->output_compared ? &ablater->reference : NULL);
	if (options->progress)
		options->progress(options->context, kept, *ret_why);
	return 0;
}

static void remember(struct ablater *ablater, uint64_t kept, bool passed)
{
	ablater->attempts =
		xrealloc(ablater->attempts, ablater->attempt_count + 1, sizeof(*ablater->attempts));
	ablater->attempts[ablater->attempt_count++] = (struct attempt){ kept, passed };
}

/* For the search: no set is tried twice. */
static int attempt(void *context, uint64_t kept, bool *ret_passed, struct error *err)
{
	struct ablater *ablater = context;
	AUTO_FREE char *why = NULL;

	for (size_t i = 0; i < ablater->attempt_count; i++)
		if (ablater->attempts[i].kept == kept) {
			*ret_passed = ablater->attempts[i].passed;
			return 0;
		}
	if (run_reduced(ablater, kept, &why, err) < 0)
		return -1;
	remember(ablater, kept, !why);
	*ret_passed = !why;
	return 0;
}

/* ---- the steps ---- */

static int check_rights(const struct ablate_options *options, uint64_t all, struct error *err)
{
	if (!has_capability(CAP_SETPCAP)) {
		fail(err, ERROR_REFUSED, 0, "taking capabilities away needs CAP_SETPCAP");
		return fail_hint(err, "run whittle as root");
	}
	if (!options->has_recorded || !(options->recorded & ~all))
		return 0;
	AUTO_FREE char *name = capability_name(__builtin_ctzll(options->recorded & ~all));
	return fail(err, ERROR_REFUSED, 0, "%s is recorded, but cannot be had here", name);
}

static int check_reference(struct ablater *ablater, const struct outcome *outcome,
			   const char *which, struct error *err)
{
	const struct ablate_options *options = ablater->options;
	AUTO_FREE char *why = trial_failure(options, outcome, NULL);

	if (options->progress)
		options->progress(options->context, ablater->found->all, why);
	return why ? fail(err, ERROR_REFUSED, 0, "the %s run, with all capabilities, fails: %s",
			  which, why)
		   : 0;
}

/* Two runs as they are: what both have alike is what all others must have. */
static int make_reference(struct ablater *ablater, struct error *err)
{
	const struct ablate_options *options = ablater->options;
	struct outcome *first = &ablater->reference, second;

	if (run_unreduced(ablater, options->timeout, first, err) < 0)
		return -1;
	if (check_reference(ablater, first, "first", err) < 0)
		return fail_hint(err, options->expect || options->exercise
					      ? "-v shows what it says"
					      : "-v shows what it says; --expect STATUS is for "
						"commands that end with another status than 0");
	ablater->limit = options->timeout > 0 ? options->timeout : 10 * first->seconds + 3;
	if (run_unreduced(ablater, ablater->limit, &second, err) < 0)
		return -1;
	if (check_reference(ablater, &second, "second", err) < 0)
		return undecided(err);
	bool same = first->length == second.length && first->hash == second.hash;
	if (!same && options->compare == COMPARE_OUTPUT) {
		fail(err, ERROR_REFUSED, 0,
		     "two runs with all capabilities differ in their output");
		return undecided(err);
	}
	/* A server's output is a log. */
	ablater->found->output_compared =
		same && (options->compare == COMPARE_OUTPUT ||
			 (options->compare == COMPARE_AUTO && !options->exercise));
	remember(ablater, ablater->found->all, true);
	return 0;
}

static int try_recorded(struct ablater *ablater, struct error *err)
{
	struct ablation *found = ablater->found;

	if (run_reduced(ablater, ablater->options->recorded, &found->recorded_why, err) < 0)
		return -1;
	found->recorded_passes = !found->recorded_why;
	remember(ablater, ablater->options->recorded, found->recorded_passes);
	return 0;
}

/* Best first: what is recorded, and the weaker of these and of the others. */
static size_t prefer(uint64_t recorded, uint64_t all, int list[static 64])
{
	uint64_t parts[] = { recorded, all & ~recorded };
	size_t count = 0;

	for (size_t part = 0; part < ARRAY_SIZE(parts); part++) {
		uint64_t rest = parts[part];

		for (size_t i = 0; i < ARRAY_SIZE(weaker); i++) {
			if (rest & bit(weaker[i]))
				list[count++] = weaker[i];
			rest &= ~bit(weaker[i]);
		}
		for (int cap = 0; cap < 64; cap++)
			if ((rest & bit(cap)) && cap != CAP_SYS_ADMIN)
				list[count++] = cap;
		if (rest & bit(CAP_SYS_ADMIN))
			list[count++] = CAP_SYS_ADMIN;
	}
	return count;
}

/* Many together that do once may do by chance: where the refusal is borne now and then. */
static int confirm_together(struct ablater *ablater, uint64_t kept, struct ablate_proof *proof,
			    struct error *err)
{
	AUTO_FREE char *why = NULL;

	if (run_reduced(ablater, kept | proof->together, &why, err) < 0)
		return -1;
	if (why)
		proof->together = 0;
	return 0;
}

/* What could take the place of one of the minimal set? */
static int find_others(const struct search *search, struct ablation *found, int cap,
		       const int *first, size_t count, struct error *err)
{
	struct ablate_proof *proof = &found->proof[cap];
	uint64_t kept = found->minimal & ~bit(cap), rest = found->all & ~found->minimal;
	bool replaceable = false;

	if (search->attempt(search->context, kept | rest, &replaceable, err) < 0)
		return -1;
	if (!replaceable)
		return 0;
	if (search_singles(search, kept, rest, &proof->others, err) < 0)
		return -1;
	if (proof->others)
		return 0;
	if (search_minimal(search, kept, rest, first, count, &proof->together, err) < 0)
		return -1;
	return confirm_together(search->context, kept, proof, err);
}

static int search_all(struct ablater *ablater, struct error *err)
{
	struct ablation *found = ablater->found;
	struct search search = { attempt, ablater };
	uint64_t recorded = ablater->options->has_recorded ? ablater->options->recorded : 0;
	uint64_t from = found->recorded_passes ? recorded : found->all;
	int first[64];
	size_t count = prefer(recorded, found->all, first);

	if (search_minimal(&search, 0, from, first, count, &found->minimal, err) < 0)
		return -1;
	for (int cap = 0; cap < 64; cap++)
		if ((found->minimal & bit(cap)) &&
		    find_others(&search, found, cap, first, count, err) < 0)
			return -1;
	return 0;
}

/* Does the minimal set still do? */
static int confirm_minimal(struct ablater *ablater, struct error *err)
{
	AUTO_FREE char *why = NULL;

	if (run_reduced(ablater, ablater->found->minimal, &why, err) < 0)
		return -1;
	if (!why)
		return 0;
	fail(err, ERROR_REFUSED, 0,
	     "the outcome changes from run to run: %s, with the capabilities "
	     "that it passed with before",
	     why);
	return undecided(err);
}

/* A member without which the minimal set does as well; it was found to be needed before. */
static int explain_member(struct ablater *ablater, int cap, struct error *err)
{
	AUTO_FREE char *name = capability_name(cap), *why = NULL;

	if (run_reduced(ablater, ablater->found->all & ~bit(cap), &why, err) < 0)
		return -1;
	if (!why) {
		fail(err, ERROR_REFUSED, 0,
		     "the outcome changes from run to run: without %s it failed, then passed",
		     name);
		return undecided(err);
	}
	fail(err, ERROR_REFUSED, 0,
	     "whether %s is needed depends on others: without it alone: %s; without it and others "
	     "that can be spared it passes",
	     name, why);
	return fail_hint(err,
			 "keep the recorded list; a --check could tell whether privileges were "
			 "given up");
}

/*
 * Once more without one of the minimal set, which passes then each time. A refusal may matter only
 * if something else is slow enough (a server whose worker dies of it has answered before): it is
 * needed if it fails again. What never does failed by chance.
 */
static int confirm_member(struct ablater *ablater, int cap, struct error *err)
{
	enum { TRIES = 5 };
	struct ablation *found = ablater->found;
	char **why = &found->proof[cap].without;

	for (int i = 0; i < TRIES && !*why; i++) {
		if (run_reduced(ablater, found->minimal & ~bit(cap), why, err) < 0 ||
		    confirm_minimal(ablater, err) < 0)
			return -1;
	}
	return *why ? 0 : explain_member(ablater, cap, err);
}

/*
 * Each member is left out once more, and what passed before must pass again: a run that spoils what
 * the next one starts from, or a race, proves nothing.
 */
static int confirm(struct ablater *ablater, struct error *err)
{
	if (confirm_minimal(ablater, err) < 0)
		return -1;
	for (int cap = 0; cap < 64; cap++)
		if ((ablater->found->minimal & bit(cap)) && confirm_member(ablater, cap, err) < 0)
			return -1;
	return 0;
}

static int ablate(struct ablater *ablater, struct error *err)
{
	if (make_reference(ablater, err) < 0 ||
	    (ablater->options->has_recorded && try_recorded(ablater, err) < 0) ||
	    search_all(ablater, err) < 0)
		return -1;
	return confirm(ablater, err);
}

int ablate_capabilities(const struct ablate_options *options, struct ablation *ret,
			struct error *err)
{
	struct ablation found = { .all = capabilities_reachable() };
	struct ablater ablater = { .options = options, .found = &found };

	if (check_rights(options, found.all, err) < 0 ||
	    supervisor_begin(&ablater.supervisor, err) < 0)
		return -1;
	int result = ablate(&ablater, err);
	supervisor_end(&ablater.supervisor);
	free(ablater.attempts);
	if (result < 0)
		ablation_free(&found);
	else
		*ret = found;
	return result;
}

void ablation_free(struct ablation *ablation)
{
	free(ablation->recorded_why);
	for (size_t cap = 0; cap < ARRAY_SIZE(ablation->proof); cap++)
		free(ablation->proof[cap].without);
}
