/*
 * Capability facts -> the list to grant. A check that any one of several capabilities satisfies is
 * met by one that is needed anyway; only what is left makes a choice necessary.
 */
#include <derive/derive.h>

#include <string.h>
#include <sys/capability.h>

struct need {
	uint64_t any_of; /* mask of 1 << CAP_*; 0: a name that this libcap does not know */
	const struct fact *fact;
};

/* Of alternatives the one that grants less, the weakest first. */
static const cap_value_t weaker[] = {
	CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_BPF, CAP_PERFMON, CAP_CHECKPOINT_RESTORE, CAP_NET_RAW,
};

/* "CAP_DAC_READ_SEARCH|CAP_DAC_OVERRIDE" -> mask, 0 if a part of it is no capability. */
static uint64_t parse_names(const char *names)
{
	uint64_t mask = 0;

	while (*names) {
		size_t length = strcspn(names, "|");
		AUTO_FREE char *name = xstrndup(names, length);
		cap_value_t cap;

		if (strncmp(name, "CAP_", 4) != 0 || cap_from_name(name, &cap) < 0 || cap > 63)
			return 0;
		mask |= (uint64_t)1 << cap;
		names += length + (names[length] == '|');
	}
	return mask;
}

static bool is_single(uint64_t mask)
{
	return (mask & (mask - 1)) == 0;
}

static cap_value_t lowest(uint64_t mask)
{
	return (cap_value_t)__builtin_ctzll(mask);
}

static cap_value_t choose(uint64_t any_of)
{
	for (size_t i = 0; i < ARRAY_SIZE(weaker); i++)
		if (any_of & ((uint64_t)1 << weaker[i]))
			return weaker[i];
	/* CAP_SYS_ADMIN only where it stands alone. */
	uint64_t others = any_of & ~((uint64_t)1 << CAP_SYS_ADMIN);
	return lowest(others ? others : any_of);
}

/* What a call was about: mostly a file. */
static char *object_of(const struct variation *variation, const struct fact *fact)
{
	const char *object = fact->field[CAPABILITY_OBJECT];

	return *object == '/' ? variation_name(variation, object, true) : xstrdup(object);
}

char *describe_capability(const struct variation *variation, const struct fact *fact)
{
	AUTO_FREE char *object = object_of(variation, fact);

	return xasprintf("%s%s%s by %s", fact->field[CAPABILITY_SYSCALL], *object ? " " : "",
			 object, fact->field[CAPABILITY_PROGRAM]);
}

static char *join_names(uint64_t mask)
{
	AUTO_BUF struct buf out = BUF_INIT;

	for (cap_value_t cap = 0; cap < 64; cap++) {
		if (!(mask & ((uint64_t)1 << cap)))
			continue;
		AUTO_FREE char *name = capability_name(cap);

		buf_addf(&out, "%s%s", out.length ? " " : "", name);
	}
	return buf_steal(&out);
}

/* A mark that FACT_PROGRAM has of the program: it gets privileges from its file. */
static bool is_privileged(const struct evidence *evidence, const char *program)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_PROGRAM, &count);

	for (size_t i = 0; i < count; i++) {
		const struct fact *fact = &facts[i]->fact;

		if (strcmp(fact->field[PROGRAM_PATH], program) == 0 &&
		    *fact->field[PROGRAM_PRIVILEGE])
			return true;
	}
	return false;
}

/*
 * execve(2) asks for what a file's capabilities are, of the bounding set; the permission to execute
 * is asked of the caller.
 */
static bool is_by_file(const struct evidence *evidence, const struct need *need)
{
	const char *call = need->fact->field[CAPABILITY_SYSCALL];
	uint64_t dac = (uint64_t)1 << CAP_DAC_OVERRIDE | (uint64_t)1 << CAP_DAC_READ_SEARCH;

	if (strncmp(call, "execve", strlen("execve")) == 0 && !(need->any_of & dac))
		return true;
	return is_privileged(evidence, need->fact->field[CAPABILITY_PROGRAM]);
}

/* ---- causes ---- */

/* The frames of the program's first call of that name; "" if none were recorded. */
static const char *site_of(const struct evidence *evidence, const struct fact *fact)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(evidence, FACT_SITE, &count);

	for (size_t i = 0; i < count; i++) {
		const struct fact *site = &facts[i]->fact;

		if (strcmp(site->field[SITE_NAME], fact->field[CAPABILITY_SYSCALL]) == 0 &&
		    strcmp(site->field[SITE_PROGRAM], fact->field[CAPABILITY_PROGRAM]) == 0)
			return site->field[SITE_FRAMES];
	}
	return "";
}

static int compare_causes(const void *a, const void *b)
{
	const struct capability_cause *left = a, *right = b;
	int order = strcmp(left->call, right->call);

	if (order == 0)
		order = strcmp(left->object, right->object);
	return order ? order : strcmp(left->program, right->program);
}

/* A rule and the kernel may have said the same. */
static bool has_cause(const struct capability_rule *rule, const struct fact *fact,
		      const char *object)
{
	for (size_t i = 0; i < rule->cause_count; i++) {
		const struct capability_cause *cause = &rule->causes[i];

		if (strcmp(cause->call, fact->field[CAPABILITY_SYSCALL]) == 0 &&
		    strcmp(cause->object, object) == 0 &&
		    strcmp(cause->program, fact->field[CAPABILITY_PROGRAM]) == 0)
			return true;
	}
	return false;
}

/* How well capabilities are known, the best first; behind "proven". */
static const char *const sources[] = { "measured", "measured-kprobe", "inferred" };

static const char *better_source(const char *known, const char *source)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (strcmp(sources[i], known) == 0 || strcmp(sources[i], source) == 0)
			return sources[i];
	return known;
}

static void add_cause(struct capability_rule *rule, const struct evidence *evidence,
		      const struct variation *variation, const struct fact *fact)
{
	AUTO_FREE char *object = object_of(variation, fact);

	rule->known = better_source(rule->known, fact->field[CAPABILITY_SOURCE]);
	if (has_cause(rule, fact, object))
		return;
	rule->causes = xrealloc(rule->causes, rule->cause_count + 1, sizeof(*rule->causes));
	rule->causes[rule->cause_count++] = (struct capability_cause){
		.call = xstrdup(fact->field[CAPABILITY_SYSCALL]),
		.object = STEAL(object),
		.program = xstrdup(fact->field[CAPABILITY_PROGRAM]),
		.site = xstrdup(site_of(evidence, fact)),
	};
	reasons_add(&rule->why, describe_capability(variation, fact));
}

/* The rule of one granted capability: its causes, and what would have done for all of them. */
static void add_rule(struct policy *policy, const struct evidence *evidence,
		     const struct variation *variation, cap_value_t cap, const struct need *needs,
		     size_t count)
{
	uint64_t bit = (uint64_t)1 << cap, others = ~(uint64_t)0;
	struct capability_rule rule = { .name = capability_name(cap),
					.by_file = true,
					.known = "inferred",
					.proven = policy->options.has_proven };

	for (size_t i = 0; i < count; i++) {
		if (!(needs[i].any_of & bit))
			continue;
		others &= needs[i].any_of;
		rule.by_file &= is_by_file(evidence, &needs[i]);
		add_cause(&rule, evidence, variation, needs[i].fact);
	}
	if (rule.proven)
		rule.known = "proven";
	if (rule.causes)
		qsort(rule.causes, rule.cause_count, sizeof(*rule.causes), compare_causes);
	if (!rule.why.count) { /* proven, but not recorded */
		reasons_add(&rule.why, xstrdup("not seen by a rule"));
		rule.by_file = false;
		others = bit;
	}
	reasons_sort(&rule.why);
	rule.others = join_names(others & ~bit);
	policy->capabilities = xrealloc(policy->capabilities, policy->capability_count + 1,
					sizeof(*policy->capabilities));
	policy->capabilities[policy->capability_count++] = rule;
}

static uint64_t grant(const struct need *needs, size_t count)
{
	uint64_t granted = 0;

	for (size_t i = 0; i < count; i++)
		if (is_single(needs[i].any_of))
			granted |= needs[i].any_of;
	for (size_t i = 0; i < count; i++)
		if (needs[i].any_of && !(needs[i].any_of & granted))
			granted |= (uint64_t)1 << choose(needs[i].any_of);
	return granted;
}

static int compare_capabilities(const void *a, const void *b)
{
	return strcmp(((const struct capability_rule *)a)->name,
		      ((const struct capability_rule *)b)->name);
}

/* Notes what is no requirement: what was refused, and names that cannot be granted here. */
static bool is_required(const struct variation *variation, const struct fact *fact, uint64_t any_of,
			struct policy *policy)
{
	const char *name = fact->field[CAPABILITY_NAME];
	AUTO_FREE char *cause = describe_capability(variation, fact);

	if (strcmp(fact->field[CAPABILITY_VERDICT], "required") != 0) {
		policy_note(policy, "%s was wanted and refused: %s", name, cause);
		return false;
	}
	if (!any_of)
		policy_note(policy, "%s is no capability known here and is left out: %s", name,
			    cause);
	return any_of != 0;
}

/* What was recorded, and proven not to be needed. */
static void note_tolerated(struct policy *policy, uint64_t tolerated)
{
	for (cap_value_t cap = 0; cap < 64; cap++) {
		if (!(tolerated & ((uint64_t)1 << cap)))
			continue;
		AUTO_FREE char *name = capability_name(cap);

		policy_note(policy, "%s is tolerated: proven not to be needed", name);
	}
}

void derive_capabilities(const struct evidence *evidence, const struct variation *variation,
			 struct policy *policy)
{
	size_t count, kept = 0;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_CAPABILITY, &count);
	AUTO_FREE struct need *needs = xcalloc(count, sizeof(*needs));

	for (size_t i = 0; i < count; i++) {
		const struct fact *fact = &facts[i]->fact;
		uint64_t any_of = parse_names(fact->field[CAPABILITY_NAME]);

		if (is_required(variation, fact, any_of, policy))
			needs[kept++] = (struct need){ any_of, fact };
	}
	uint64_t granted = grant(needs, kept);

	if (policy->options.has_proven) {
		note_tolerated(policy, granted & ~policy->options.proven);
		granted = policy->options.proven;
	}
	for (cap_value_t cap = 0; cap < 64; cap++)
		if (granted & ((uint64_t)1 << cap))
			add_rule(policy, evidence, variation, cap, needs, kept);
	if (policy->capability_count)
		qsort(policy->capabilities, policy->capability_count, sizeof(*policy->capabilities),
		      compare_capabilities);
}
