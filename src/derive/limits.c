/*
 * What a run had at most -> limits of memory and processes; as whom it ran -> the user. Limits have
 * head-room and are rounded up so far that equal runs give the same.
 */
#include <derive/derive.h>

#include <string.h>

/* A runtime itself has to fit in before the program begins, with the threads of its Go. */
enum { LEAST_MEMORY = 64, LEAST_TASKS = 64 };

struct marks {
	uint64_t memory, tasks; /* the most of all runs; 0: none was measured */
	bool missing;           /* a run was not measured */
	bool of_processes;      /* of a run the processes alone were, not what is in tmpfs */
};

static struct marks find_marks(const struct evidence *evidence)
{
	struct marks marks = { .memory = 0 };

	for (size_t i = 0; i < evidence_run_count(evidence); i++) {
		const struct evidence_peak *peak = &evidence_run_at(evidence, i)->peak;

		marks.memory = peak->memory > marks.memory ? peak->memory : marks.memory;
		marks.tasks = peak->tasks > marks.tasks ? peak->tasks : marks.tasks;
		marks.missing |= !peak->memory || !peak->tasks;
		marks.of_processes |= peak->memory && !peak->of_cgroup;
	}
	return marks;
}

/* The power of two that has room for half as much again. */
static uint64_t limit_of(uint64_t most, uint64_t least)
{
	uint64_t limit = least;

	while (limit < most + most / 2)
		limit *= 2;
	return limit;
}

static bool has_setting(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->setting_count; i++)
		if (strcmp(policy->settings[i].name, name) == 0)
			return true;
	return false;
}

static void add_missing(const struct marks *marks, struct setting *setting)
{
	if (marks->missing)
		reasons_add(&setting->why, xstrdup("a run was not measured"));
	reasons_sort(&setting->why);
}

static void derive_memory(const struct marks *marks, struct policy *policy)
{
	static const uint64_t mebi = 1 << 20;
	AUTO_FREE char *value =
		marks->memory
			? xasprintf("%lluM",
				    (unsigned long long)limit_of((marks->memory + mebi - 1) / mebi,
								 LEAST_MEMORY))
			: xstrdup("");
	/* What is in a tmpfs takes of the limit, and processes do not show it. */
	bool decide = !marks->memory || (marks->of_processes && has_setting(policy, "tmpfs"));
	struct setting *setting = setting_add(policy, "memory", value,
					      decide ? SETTING_DECIDE : SETTING_OBSERVED, "5.11");

	if (!marks->memory) {
		reasons_add(&setting->why, xstrdup("not measured"));
		return;
	}
	reasons_add(&setting->why, xasprintf("at least half as much again as %s had at most",
					     marks->of_processes ? "its processes, each for itself,"
								 : "the container"));
	if (decide)
		reasons_add(&setting->why, xstrdup("what is kept in tmpfs counts too, and was not "
						   "measured"));
	add_missing(marks, setting);
}

static void derive_tasks(const struct marks *marks, struct policy *policy)
{
	AUTO_FREE char *value =
		marks->tasks
			? xasprintf("%llu", (unsigned long long)limit_of(marks->tasks, LEAST_TASKS))
			: xstrdup("");
	struct setting *setting =
		setting_add(policy, "pids-limit", value,
			    marks->tasks ? SETTING_OBSERVED : SETTING_DECIDE, "5.29");

	if (!marks->tasks) {
		reasons_add(&setting->why, xstrdup("not measured"));
		return;
	}
	reasons_add(&setting->why, xstrdup("at least half as many again as processes and threads "
					   "ran at once"));
	add_missing(marks, setting);
}

/* ---- user ---- */

/* As whom all runs began, exec sessions aside; NULL if that differs or is not known. */
static const char *find_user(const struct evidence *evidence, bool *ret_differs)
{
	const char *user = NULL;

	for (size_t i = 0; i < evidence_run_count(evidence); i++) {
		const struct evidence_run *run = evidence_run_at(evidence, i);
		const char *layer = run->container[CONTAINER_LAYER];

		if (layer && strcmp(layer, "exec") == 0)
			continue;
		if (!run->user || !*run->user || (user && strcmp(user, run->user) != 0)) {
			*ret_differs = user != NULL;
			return NULL;
		}
		user = run->user;
	}
	return user;
}

/* What root did that another could not; what it may have read of its own, nobody can say. */
static const char *root_reason(const struct policy *policy)
{
	if (policy->capability_count)
		return "root, and capabilities were needed: another user must be given them, or do "
		       "without";
	if (has_setting(policy, "volume"))
		return "root, without need of a capability: another user will do (65534:65534) "
		       "that owns the volumes and may read the files";
	for (size_t i = 0; i < policy->setting_count; i++)
		if (strcmp(policy->settings[i].name, "read-only") == 0 &&
		    strcmp(policy->settings[i].value, "true") != 0)
			return "root, without need of a capability, but it writes where only root "
			       "may";
	return "root, without need of a capability or of a file to write: another user will do "
	       "(65534:65534) that may read the files";
}

static void derive_user(const struct evidence *evidence, struct policy *policy)
{
	bool differs = false;
	const char *user = find_user(evidence, &differs);
	bool root = user && strncmp(user, "0:", 2) == 0;
	struct setting *setting =
		setting_add(policy, "user", user && !root ? user : "",
			    user && !root ? SETTING_OBSERVED : SETTING_DECIDE, "4.1");
	const char *why = root_reason(policy);

	if (user && !root)
		why = "every run was this user's";
	else if (differs)
		why = "the runs were of several users";
	else if (!root)
		why = policy->capability_count
			      ? "capabilities were needed: another user than root must be given "
				"them, or do without"
			      : "no capability was needed: any user will do that may open the "
				"files";
	reasons_add(&setting->why, xstrdup(why));
}

void derive_limits(const struct evidence *evidence, struct policy *policy)
{
	struct marks marks = find_marks(evidence);

	derive_memory(&marks, policy);
	derive_tasks(&marks, policy);
	derive_user(evidence, policy);
}
