/* What recorded containers say of their runtimes: calls of its own, and calls it kept unseen. */
#include <derive/derive.h>

#include <string.h>
#include <whittle/floor.h>

/* ---- what could not be looked at ---- */

/* Any program of the run may have made it, by each ABI that was seen and has it. */
static void grant_unseen(struct policy *policy, const char *name, const char *runtime)
{
	struct seccomp_rule *rule = rule_find(policy, name);

	if (rule && rule->groups & GROUP_PROGRAM && !rule->refused)
		return;
	if (!rule)
		rule = rule_add(policy, name);
	rule->groups |= GROUP_IMPLIED;
	rule->refused = false;
	for (size_t i = 0; i < policy->abi_count; i++)
		if (abi_syscall_number(policy->abis[i], name) >= 0 &&
		    !rule_has_abi(rule, policy->abis[i])) {
			rule->abis = xrealloc(rule->abis, rule->abi_count + 1, sizeof(*rule->abis));
			rule->abis[rule->abi_count++] = policy->abis[i];
		}
	reasons_add(&rule->why, xasprintf("not observable in a container of %s",
					  *runtime ? runtime : "its runtime"));
}

static void grant_unseen_of(struct policy *policy, const struct evidence_run *run,
			    bool *ret_nameless)
{
	const char *list = run->container[CONTAINER_UNSEEN];

	while (*list) {
		size_t length = strcspn(list, ",");
		AUTO_FREE char *name = xstrndup(list, length);

		if (strcmp(name, "#") == 0)
			*ret_nameless = true;
		else
			grant_unseen(policy, name, run->container[CONTAINER_RUNTIME]);
		list += length + (list[length] == ',');
	}
}

void derive_unseen(const struct evidence *evidence, struct policy *policy)
{
	bool nameless = false;

	for (size_t i = 0; i < evidence_run_count(evidence); i++) {
		const struct evidence_run *run = evidence_run_at(evidence, i);

		if (run->container[CONTAINER_LAYER])
			grant_unseen_of(policy, run, &nameless);
	}
	if (nameless)
		policy_note(policy, "a container's runtime could not have calls notified that its "
				    "libseccomp does not know: the workload may have made some");
}

/* ---- what the runtime did ---- */

static bool has_row(const char *family, const char *name)
{
	size_t count;
	const struct floor_row *rows = floor_rows(family, &count);

	for (size_t i = 0; rows && i < count; i++)
		if (strcmp(rows[i].name, name) == 0)
			return true;
	return false;
}

/*
 * Does a floor that was asked for lack the call, though this runtime made it? One that hands over a
 * listener is known and not needed; one for another start is known too.
 */
static bool is_lacking(const struct policy_options *options, const char *runtime, const char *name)
{
	bool asked = false;
	const char *family;

	for (size_t i = 0; (family = floor_family(options->runtime, i)); i++) {
		if (has_row(family, name) && (!*runtime || strcmp(family, runtime) == 0))
			return false;
		/* A runtime that whittle has no floor of may be any. */
		asked |= strcmp(family, runtime) == 0 || !floor_rows(runtime, &(size_t){ 0 });
	}
	return asked;
}

static void grant_lacking(struct policy *policy, const struct evidence_run *run, const char *name)
{
	struct seccomp_rule *rule = rule_find(policy, name);
	const char *runtime = run->container[CONTAINER_RUNTIME];
	const char *version = run->container[CONTAINER_VERSION];
	bool fresh = !rule || !(rule->groups & GROUP_FLOOR);

	if (!rule)
		rule = rule_add(policy, name);
	rule->groups |= GROUP_FLOOR;
	reasons_add(&rule->why,
		    xasprintf("made by %s%s%s before the program began, where it was recorded",
			      *runtime ? runtime : "the runtime", *version ? " " : "", version));
	if (fresh)
		policy_note(policy,
			    "the floor lacks %s, which the runtime of a recorded container "
			    "made: granted",
			    name);
}

void derive_runtime(const struct evidence *evidence, struct policy *policy)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_RUNTIME, &count);

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < evidence_run_count(evidence); k++) {
			const struct evidence_run *run = evidence_run_at(evidence, k);
			const char *name = facts[i]->fact.field[RUNTIME_NAME];

			if (facts[i]->counts[k] && run->container[CONTAINER_LAYER] &&
			    is_lacking(&policy->options, run->container[CONTAINER_RUNTIME], name))
				grant_lacking(policy, run, name);
		}
}
