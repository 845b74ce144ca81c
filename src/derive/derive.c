/* Evidence -> policy: the frame. */
#include <derive/derive.h>

#include <stdio.h>
#include <string.h>

void reasons_add(struct reasons *reasons, char *line)
{
	/* Grown when the count is a power of two. */
	if ((reasons->count & (reasons->count - 1)) == 0)
		reasons->line = xrealloc(reasons->line, reasons->count ? 2 * reasons->count : 1,
					 sizeof(*reasons->line));
	reasons->line[reasons->count++] = line;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void reasons_sort(struct reasons *reasons)
{
	size_t kept = 0;

	if (reasons->count)
		qsort(reasons->line, reasons->count, sizeof(*reasons->line), compare_lines);
	for (size_t i = 0; i < reasons->count; i++) {
		if (kept && strcmp(reasons->line[kept - 1], reasons->line[i]) == 0)
			free(reasons->line[i]);
		else
			reasons->line[kept++] = reasons->line[i];
	}
	/* The next power of two is what reasons_add() takes for the size; keep to it. */
	size_t size = 1;
	while (size < kept)
		size *= 2;
	if (reasons->line)
		reasons->line = xrealloc(reasons->line, size, sizeof(*reasons->line));
	reasons->count = kept;
}

bool reasons_have(const struct reasons *reasons, const char *line)
{
	return reasons->count &&
	       bsearch(&line, reasons->line, reasons->count, sizeof(*reasons->line), compare_lines);
}

void reasons_free(struct reasons *reasons)
{
	for (size_t i = 0; i < reasons->count; i++)
		free(reasons->line[i]);
	free(reasons->line);
	*reasons = (struct reasons){ NULL, 0 };
}

void policy_note(struct policy *policy, const char *format, ...)
{
	char *line = NULL;
	va_list args;

	va_start(args, format);
	int length = vasprintf(&line, format, args);
	va_end(args);
	reasons_add(&policy->notes, xchecked(length < 0 ? NULL : line));
}

static int compare_abis(const void *a, const void *b)
{
	return strcmp((*(const struct abi *const *)a)->name, (*(const struct abi *const *)b)->name);
}

static void add_abi(struct policy *policy, const struct abi *abi)
{
	for (size_t i = 0; i < policy->abi_count; i++)
		if (policy->abis[i] == abi)
			return;
	policy->abis = xrealloc(policy->abis, policy->abi_count + 1, sizeof(*policy->abis));
	policy->abis[policy->abi_count++] = abi;
}

/*
 * The ABIs of the calls seen and the native one of every machine that a run was on: the runtime
 * itself, which starts the program under the filter, makes native calls.
 */
static void derive_abis(const struct evidence *evidence, struct policy *policy)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_SYSCALL, &count);

	for (size_t i = 0; i < count; i++) {
		const char *name = facts[i]->fact.field[SYSCALL_ABI];
		const struct abi *abi = abi_by_name(name);

		if (abi)
			add_abi(policy, abi);
		else
			policy_note(policy, "calls of the unknown ABI %s are left out", name);
	}
	for (size_t i = 0; i < evidence_run_count(evidence); i++) {
		const struct evidence_run *run = evidence_run_at(evidence, i);
		const struct abi *abi = abi_of_machine(run->machine ? run->machine : "");

		if (abi)
			add_abi(policy, abi);
		else
			policy_note(policy, "the native ABI of the machine %s is unknown",
				    run->machine ? run->machine : "");
	}
	if (policy->abi_count)
		qsort(policy->abis, policy->abi_count, sizeof(*policy->abis), compare_abis);
}

/* What the runs say about themselves. No counts and no ids: they differ from run to run. */
static void derive_completeness(const struct evidence *evidence, struct policy *policy)
{
	policy->complete = evidence_run_count(evidence) > 0;
	if (!policy->complete)
		policy_note(policy, "the evidence holds no run");
	for (size_t i = 0; i < evidence_run_count(evidence); i++) {
		const struct evidence_run *run = evidence_run_at(evidence, i);

		if (!evidence_run_complete(run))
			policy->complete = false;
		if (!run->expected)
			policy_note(policy, "a run did not end as expected");
		for (size_t k = 0; k < run->loss_count; k++)
			policy_note(policy, "lost: %s", run->losses[k].kind);
		for (size_t k = 0; k < run->limitation_count; k++)
			policy_note(policy, "limitation: %s", run->limitations[k].kind);
	}
}

static const struct {
	unsigned int facets;
	const char *rules;
} facet_rules[] = {
	{ FACET_CAPS, "capability rules" },
	{ FACET_CAPS | FACET_PATHS, "AppArmor rules and run settings" },
};

/* What every run was to learn, and which rules can be made of that; whether a filter hid some. */
static void derive_facets(const struct evidence *evidence, struct policy *policy)
{
	AUTO_BUF struct buf list = BUF_INIT;
	bool filtered = false;

	policy->facets = FACETS_DEFAULT | FACET_STAT;
	for (size_t i = 0; i < evidence_run_count(evidence); i++) {
		const struct evidence_run *run = evidence_run_at(evidence, i);

		policy->facets &= run->facets;
		filtered |= run->filter_learned || run->filter_known;
	}
	facets_print(policy->facets, &list);
	policy->facet_list = buf_steal(&list);
	for (size_t i = 0; i < ARRAY_SIZE(facet_rules); i++)
		if (facet_rules[i].facets & ~policy->facets)
			policy_note(policy,
				    "no %s: a run was not to learn what they rest on "
				    "(--facets)",
				    facet_rules[i].rules);
	if (filtered)
		policy_note(policy, "a filter let known calls run unseen: counts and results in "
				    "the evidence are at least those");
}

int policy_require(const struct policy *policy, unsigned int facets, const char *what,
		   struct error *err)
{
	AUTO_BUF struct buf lacking = BUF_INIT, needed = BUF_INIT;

	if (!(facets & ~policy->facets))
		return 0;
	facets_print(facets & ~policy->facets, &lacking);
	facets_print(facets | FACET_SECCOMP, &needed);
	fail(err, ERROR_REFUSED, 0, "%s needs the facets %s, which a run was not to learn", what,
	     buf_text(&lacking));
	return fail_hint(err,
			 "record that run again with --facets %s (as without --facets), or leave "
			 "it out",
			 buf_text(&needed));
}

static void derive_programs(const struct evidence *evidence, struct policy *policy)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_PROGRAM, &count);

	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;

		reasons_add(&policy->programs, xstrdup(field[PROGRAM_PATH]));
		if (strcmp(field[PROGRAM_ATTRIBUTION], "incomplete") == 0)
			reasons_add(&policy->unattributed, xstrdup(field[PROGRAM_PATH]));
	}
	reasons_sort(&policy->programs);
	reasons_sort(&policy->unattributed);
	if (policy->unattributed.count)
		policy_note(policy, "programs of incomplete attribution may make calls that are "
				    "only said to be others'");
}

/*
 * A name for the AppArmor profile: profiles of two programs must not replace each other when both
 * are loaded, so it is the base name of the file that the (bytewise first) run began with.
 */
static char *default_name(const struct evidence *evidence)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(evidence, FACT_EXEC, &count);

	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;
		const char *slash = strrchr(field[EXEC_PATH], '/');

		if (*field[EXEC_BY] || !slash || !slash[1])
			continue;
		return profile_name(field[EXEC_PATH]);
	}
	return xstrdup("whittle");
}

/* Capabilities, and all that names files. */
static void derive_privileges(const struct evidence *evidence, struct policy *policy)
{
	if (FACET_CAPS & ~policy->facets)
		return;
	struct variation *variation = variation_new(evidence);

	derive_capabilities(evidence, variation, policy);
	if (!(FACET_PATHS & ~policy->facets)) {
		derive_apparmor(evidence, variation, policy);
		derive_settings(evidence, policy);
	}
	variation_free(variation);
}

int policy_derive(const struct evidence *evidence, const struct policy_options *options,
		  struct policy **ret_policy, struct error *err)
{
	struct policy *policy = xcalloc(1, sizeof(*policy));

	policy->options.runtime = xstrdup(options->runtime ? options->runtime : "any");
	policy->options.no_new_privileges =
		xstrdup(options->no_new_privileges ? options->no_new_privileges : "any");
	policy->options.name = options->name ? xstrdup(options->name) : default_name(evidence);
	policy->options.attach = options->attach ? xstrdup(options->attach) : NULL;
	policy->options.seccomp = options->seccomp ? xstrdup(options->seccomp) : NULL;
	policy->options.apparmor = options->apparmor;
	policy->options.has_proven = options->has_proven;
	policy->options.proven = options->proven;
	policy->options.spo_beta = options->spo_beta;
	policy->options.exec = options->exec;
	policy->options.keep_environment = options->keep_environment;
	policy->options.complain = options->complain;
	policy->options.host = options->host;
	policy->options.abi4 = options->abi4;
	derive_completeness(evidence, policy);
	derive_facets(evidence, policy);
	derive_programs(evidence, policy);
	derive_abis(evidence, policy);
	if (derive_seccomp(evidence, policy, err) < 0) {
		policy_free(policy);
		return -1;
	}
	derive_privileges(evidence, policy);
	reasons_sort(&policy->notes);
	*ret_policy = policy;
	return 0;
}

static void free_options(struct policy_options *options)
{
	free((char *)options->runtime);
	free((char *)options->no_new_privileges);
	free((char *)options->name);
	free((char *)options->attach);
	free((char *)options->seccomp);
}

static void free_cause(struct capability_cause *cause)
{
	free(cause->call);
	free(cause->object);
	free(cause->program);
	free(cause->site);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	free_options(&policy->options);
	free(policy->abis);
	for (size_t i = 0; i < policy->seccomp_count; i++) {
		free(policy->seccomp[i].name);
		free(policy->seccomp[i].abis);
		free(policy->seccomp[i].conditions);
		reasons_free(&policy->seccomp[i].why);
		reasons_free(&policy->seccomp[i].voided);
	}
	free(policy->seccomp);
	for (size_t i = 0; i < policy->capability_count; i++) {
		free(policy->capabilities[i].name);
		free(policy->capabilities[i].others);
		for (size_t k = 0; k < policy->capabilities[i].cause_count; k++)
			free_cause(&policy->capabilities[i].causes[k]);
		free(policy->capabilities[i].causes);
		reasons_free(&policy->capabilities[i].why);
	}
	free(policy->capabilities);
	for (size_t i = 0; i < policy->apparmor_profile_count; i++) {
		free(policy->apparmor_profiles[i].name);
		free(policy->apparmor_profiles[i].image);
		free(policy->apparmor_profiles[i].local);
	}
	free(policy->apparmor_profiles);
	for (size_t i = 0; i < policy->apparmor_count; i++) {
		struct apparmor_rule *rule = &policy->apparmor[i];

		free(rule->perms);
		free(rule->name);
		free(rule->target);
		free(rule->detail);
		reasons_free(&rule->why);
	}
	free(policy->apparmor);
	for (size_t i = 0; i < policy->setting_count; i++) {
		free(policy->settings[i].value);
		reasons_free(&policy->settings[i].why);
	}
	free(policy->settings);
	free(policy->facet_list);
	reasons_free(&policy->programs);
	reasons_free(&policy->unattributed);
	reasons_free(&policy->notes);
	free(policy);
}
