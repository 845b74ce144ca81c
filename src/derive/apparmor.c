/* Drafts -> AppArmor rules: what speaks of the same thing is one rule. */
#include <derive/derive.h>

#include <ctype.h>
#include <string.h>
#include <whittle/escape.h>

static const struct {
	enum perm perm;
	const char *text;
} perm_texts[] = {
	{ PERM_M, "m" },
	{ PERM_R, "r" },
	{ PERM_W, "w" },
	{ PERM_K, "k" },
	{ PERM_IX, "ix" },
	{ PERM_SEND, "send" },
	{ PERM_RECEIVE, "receive" },
	{ PERM_TRACE, "trace" },
	{ PERM_READ, "read" },
	{ PERM_TRACEDBY, "tracedby" },
	{ PERM_READBY, "readby" },
	{ PERM_CREATE, "create" },
	{ PERM_OPEN, "open" },
	{ PERM_DELETE, "delete" },
	{ PERM_WRITE, "write" },
	{ PERM_GETATTR, "getattr" },
	{ PERM_SETATTR, "setattr" },
};

struct draft *draft_add(struct drafts *drafts, enum apparmor_class class, const char *name,
			const char *target, const char *detail)
{
	if (drafts->count == drafts->size) {
		drafts->size = drafts->size ? 2 * drafts->size : 64;
		drafts->list = xrealloc(drafts->list, drafts->size, sizeof(*drafts->list));
	}
	struct draft *draft = &drafts->list[drafts->count++];
	*draft = (struct draft){
		.profile = drafts->profile,
		.class = class,
		.name = xstrdup(name),
		.target = xstrdup(target),
		.detail = xstrdup(detail),
	};
	return draft;
}

bool drafts_enter_profile(struct drafts *drafts, size_t profile)
{
	drafts->profile = profile;
	return !drafts->policy->apparmor_profiles[profile].elsewhere;
}

bool drafts_enter(struct drafts *drafts, const char *image)
{
	return drafts_enter_profile(drafts, confinement_of(drafts->confinement, image));
}

static int compare_drafts(const void *a, const void *b)
{
	const struct draft *one = a, *two = b;
	int diff = (one->profile > two->profile) - (one->profile < two->profile);

	if (diff == 0)
		diff = (one->class > two->class) - (one->class < two->class);
	if (diff == 0)
		diff = strcmp(one->name, two->name);
	if (diff == 0)
		diff = strcmp(one->target, two->target);
	return diff ? diff : strcmp(one->detail, two->detail);
}

/* "mrix" for files; "send, receive" for signals and ptrace, whose words need a comma. */
static char *perms_text(unsigned int perms)
{
	AUTO_BUF struct buf out = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(perm_texts); i++) {
		if (!(perms & perm_texts[i].perm))
			continue;
		if (out.length && perm_texts[i].perm >= PERM_SEND)
			buf_adds(&out, ", ");
		buf_adds(&out, perm_texts[i].text);
	}
	return buf_steal(&out);
}

/* Takes over what the drafts hold. */
static void fold(struct draft *drafts, size_t count, struct apparmor_rule *ret_rule)
{
	struct apparmor_rule rule = {
		.profile = drafts->profile,
		.class = drafts->class,
		.owner = true,
		.name = STEAL(drafts->name),
		.target = STEAL(drafts->target),
		.detail = STEAL(drafts->detail),
	};
	unsigned int perms = 0;

	for (size_t i = 0; i < count; i++) {
		struct draft *draft = &drafts[i];

		perms |= draft->perms;
		rule.owner &= draft->owner;
		if (draft->why)
			reasons_add(&rule.why, STEAL(draft->why));
		free(draft->name);
		free(draft->target);
		free(draft->detail);
	}
	/*
	 * An image and its libraries are checked with whatever identity the process has at that
	 * moment, also before a setuid(2) by whoever starts it: no condition on them.
	 */
	if (perms & (PERM_M | PERM_IX) || (rule.class == APPARMOR_FILE && *rule.detail))
		rule.owner = false;
	rule.perms = perms_text(perms);
	reasons_sort(&rule.why);
	*ret_rule = rule;
}

static void add_capability(struct drafts *drafts, const char *capability, char *why)
{
	AUTO_FREE char *name = xstrdup(capability + strlen("CAP_"));

	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	draft_add(drafts, APPARMOR_CAPABILITY, name, "", "")->why = why;
}

/* All in one profile: what the list says. */
static void add_all_capabilities(const struct policy *policy, struct drafts *drafts)
{
	drafts_enter_profile(drafts, 0);
	for (size_t i = 0; i < policy->capability_count; i++) {
		const struct capability_rule *rule = &policy->capabilities[i];

		for (size_t k = 0; k < rule->why.count; k++)
			add_capability(drafts, rule->name, xstrdup(rule->why.line[k]));
	}
}

/* Is the capability one of the alternatives "CAP_A|CAP_B"? */
static bool is_alternative(const char *alternatives, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = alternatives; *at; at += *at == '|') {
		size_t one = strcspn(at, "|");

		if (one == length && strncmp(at, name, length) == 0)
			return true;
		at += one;
	}
	return false;
}

/* To each program what of the list its own checks need; of several that do, the one listed first.
 */
static void add_own_capabilities(const struct evidence *evidence, const struct variation *variation,
				 const struct policy *policy, struct drafts *drafts)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_CAPABILITY, &count);

	for (size_t i = 0; i < count; i++) {
		const struct fact *fact = &facts[i]->fact;
		size_t k = 0;

		if (strcmp(fact->field[CAPABILITY_VERDICT], "required") != 0 ||
		    !drafts_enter(drafts, fact->field[CAPABILITY_PROGRAM]))
			continue;
		while (k < policy->capability_count &&
		       !is_alternative(fact->field[CAPABILITY_NAME], policy->capabilities[k].name))
			k++;
		if (k < policy->capability_count)
			add_capability(drafts, policy->capabilities[k].name,
				       describe_capability(variation, fact));
	}
}

/* How many bytes and placeholders name has behind what it begins with in common with last. */
static size_t count_own(const char *last, const char *name)
{
	const char *word;
	unsigned char byte;
	size_t length, count = 0;

	for (const char *from = name; escape_next(&name, &byte, &word, &length); from = name) {
		size_t piece = (size_t)(name - from);

		if (count == 0 && strncmp(last, from, piece) == 0)
			last += piece;
		else
			count++;
	}
	return count;
}

/*
 * apparmor_parser makes one automaton of all file names, with 16-bit states (3.0: "Too many
 * states"). Names without patterns make a tree: a state for each byte that a name does not share
 * with the one before it. Where ends are alike it takes fewer.
 */
static void note_size(struct policy *policy)
{
	enum { STATES_MAX = 65535 };
	const char *last = "";
	size_t states = 0, most = 0, profile = 0;

	for (size_t i = 0; i < policy->apparmor_count; i++) {
		const struct apparmor_rule *rule = &policy->apparmor[i];

		if (rule->class != APPARMOR_FILE && rule->class != APPARMOR_LINK)
			continue;
		if (rule->profile != profile) {
			profile = rule->profile;
			last = "";
			states = 0;
		}
		states += count_own(last, rule->name) + count_own("", rule->target); /* of a link */
		last = rule->name;
		most = states > most ? states : most;
	}
	if (most > STATES_MAX)
		policy_note(policy,
			    "the AppArmor profile may name more files than apparmor_parser can "
			    "hold (over %d states): let a pattern stand for those that vary",
			    STATES_MAX);
}

/* Where files may be met that have no name in the mount namespace of the process (d_path()). */
static bool leaves_namespace(const struct evidence *evidence)
{
	size_t execs, mounts, namespaces, paths;
	AUTO_FREE const struct evidence_fact **exec = evidence_facts(evidence, FACT_EXEC, &execs);
	AUTO_FREE const struct evidence_fact **space =
		evidence_facts(evidence, FACT_NAMESPACE, &namespaces);

	for (size_t i = 0; i < execs; i++)
		if (strncmp(exec[i]->fact.field[EXEC_PATH], "/memfd:", 7) == 0)
			return true;
	for (size_t i = 0; i < namespaces; i++)
		if (strstr(space[i]->fact.field[NAMESPACE_KINDS], "mnt") ||
		    strcmp(space[i]->fact.field[NAMESPACE_OPERATION], "chroot") == 0)
			return true;
	AUTO_FREE const struct evidence_fact **path = evidence_facts(evidence, FACT_PATH, &paths);
	for (size_t i = 0; i < paths; i++)
		if (strncmp(path[i]->fact.field[PATH_PATH], "/ns:", 4) == 0)
			return true;
	free(evidence_facts(evidence, FACT_MOUNT, &mounts)); /* any */
	return mounts > 0;
}

void derive_apparmor(const struct evidence *evidence, const struct variation *variation,
		     struct policy *policy)
{
	struct confinement *confinement = confinement_new(evidence, policy);
	struct drafts drafts = { .policy = policy, .confinement = confinement };

	derive_files(evidence, variation, policy, &drafts);
	derive_access(evidence, policy, &drafts);
	derive_abi4(evidence, variation, policy, &drafts);
	if (policy->apparmor_profile_count == 1)
		add_all_capabilities(policy, &drafts);
	else
		add_own_capabilities(evidence, variation, policy, &drafts);
	qsort(drafts.list, drafts.count, sizeof(*drafts.list), compare_drafts);
	policy->apparmor = xcalloc(drafts.count, sizeof(*policy->apparmor));
	for (size_t from = 0, to; from < drafts.count; from = to) {
		for (to = from; to < drafts.count; to++)
			if (compare_drafts(&drafts.list[from], &drafts.list[to]) != 0)
				break;
		fold(&drafts.list[from], to - from, &policy->apparmor[policy->apparmor_count++]);
	}
	free(drafts.list);
	policy->leaves_namespace = leaves_namespace(evidence);
	confinement_free(confinement);
	note_size(policy);
}
