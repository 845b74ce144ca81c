/*
 * What a run had at most -> limits of memory and processes; as whom it ran -> the user. Limits have
 * head-room and are rounded up, so that runs that differ a little give the same.
 */
#include <derive/derive.h>

#include <string.h>

/* A runtime itself has to fit in before the program begins, with the threads of its Go. */
enum { LEAST_MEMORY = 64, LEAST_TASKS = 64 };

struct marks {
	uint64_t memory, tasks; /* the most of all runs; 0: none was measured */
	bool missing;           /* a run was not measured */
	bool of_processes; /* of a run the processes alone were, not what memory holds of files */
};

/* What they hold is memory that no process need have mapped: memfd_create(2), shm_overview(7). */
static const char *const memory_files[] = { "/dev/shm/", "/memfd:" };

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

static bool is_memory_file(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(memory_files); i++)
		if (strncmp(path, memory_files[i], strlen(memory_files[i])) == 0)
			return true;
	return false;
}

static bool uses_memory_files(const struct evidence *evidence)
{
	size_t count;
	bool found = false;
	AUTO_FREE const struct evidence_fact **paths = evidence_facts(evidence, FACT_PATH, &count);

	for (size_t i = 0; i < count && !found; i++)
		found = is_memory_file(paths[i]->fact.field[PATH_PATH]);
	AUTO_FREE const struct evidence_fact **calls =
		evidence_facts(evidence, FACT_SYSCALL, &count);
	for (size_t i = 0; i < count && !found; i++)
		found = strcmp(calls[i]->fact.field[SYSCALL_NAME], "memfd_create") == 0;
	return found;
}

static void add_missing(const struct marks *marks, struct setting *setting)
{
	if (marks->missing)
		reasons_add(&setting->why, xstrdup("a run was not measured"));
	reasons_sort(&setting->why);
}

static void derive_memory(const struct evidence *evidence, const struct marks *marks,
			  struct policy *policy)
{
	static const uint64_t mebi = 1 << 20;
	AUTO_FREE char *value =
		marks->memory
			? xasprintf("%lluM",
				    (unsigned long long)limit_of((marks->memory + mebi - 1) / mebi,
								 LEAST_MEMORY))
			: xstrdup("");
	/* What is in a tmpfs takes of the limit, and processes do not show it. */
	bool hidden = marks->of_processes &&
		      (policy_setting(policy, "tmpfs") || uses_memory_files(evidence));
	bool decide = !marks->memory || marks->missing || hidden;
	struct setting *setting = setting_add(policy, "memory", value,
					      decide ? SETTING_DECIDE : SETTING_OBSERVED, "5.11");

	if (!marks->memory) {
		reasons_add(&setting->why, xstrdup("not measured"));
		return;
	}
	reasons_add(&setting->why, xasprintf("at least half as much again as %s had at most",
					     marks->of_processes ? "its processes, each for itself,"
								 : "the container"));
	if (hidden)
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
	bool decide = !marks->tasks || marks->missing;
	struct setting *setting = setting_add(policy, "pids-limit", value,
					      decide ? SETTING_DECIDE : SETTING_OBSERVED, "5.29");

	if (!marks->tasks) {
		reasons_add(&setting->why, xstrdup("not measured"));
		return;
	}
	reasons_add(&setting->why, xstrdup("at least half as many again as processes and threads "
					   "ran at once"));
	add_missing(marks, setting);
}

/* ---- user ---- */

struct users {
	const char *user; /* as whom all runs began, exec sessions aside; NULL: not known of all */
	const char *groups;
	bool differ;
	bool of_host; /* of a run it is who ran whittle */
};

static const char *groups_of(const struct evidence_run *run)
{
	return run->groups ? run->groups : "";
}

static struct users find_users(const struct evidence *evidence)
{
	struct users users = { .user = NULL };
	bool unknown = false;

	for (size_t i = 0; i < evidence_run_count(evidence); i++) {
		const struct evidence_run *run = evidence_run_at(evidence, i);
		const char *layer = run->container[CONTAINER_LAYER];

		if (layer && strcmp(layer, "exec") == 0)
			continue;
		users.of_host |= !layer;
		if (!run->user || !*run->user)
			unknown = true;
		else if (users.user && (strcmp(users.user, run->user) != 0 ||
					strcmp(users.groups, groups_of(run)) != 0))
			users.differ = true;
		else {
			users.user = run->user;
			users.groups = groups_of(run);
		}
	}
	if (users.differ || unknown)
		users.user = NULL;
	return users;
}

/*
 * "7:8", "27,44": in a number's place Docker takes no more than that (runc's libcontainer/user).
 */
static bool is_settable(const char *ids)
{
	char *end;

	while (*ids) {
		if (strtoull(ids, &end, 10) > INT32_MAX)
			return false;
		ids = *end ? end + 1 : end;
	}
	return true;
}

static void derive_groups(const char *groups, struct policy *policy)
{
	while (*groups) {
		size_t length = strcspn(groups, ",");
		AUTO_FREE char *group = xstrndup(groups, length);

		reasons_add(&setting_add(policy, "group-add", group, SETTING_OBSERVED, "")->why,
			    xstrdup("every run's user was in it"));
		groups += length + (groups[length] == ',');
	}
}

/* What root did that another could not; what it may have read of its own, nobody can say. */
static const char *root_reason(const struct policy *policy)
{
	if (policy->capability_count)
		return "root, and capabilities were needed: another user must be given them, or do "
		       "without";
	if (policy_setting(policy, "volume"))
		return "root, without need of a capability: another user will do (65534:65534) "
		       "that owns the volumes and may read the files";
	const struct setting *root = policy_setting(policy, "read-only");

	if (root && strcmp(root->value, "true") != 0)
		return "root, without need of a capability, but it writes where only root may";
	return "root, without need of a capability or of a file to write: another user will do "
	       "(65534:65534) that may read the files";
}

static void derive_user(const struct evidence *evidence, struct policy *policy)
{
	struct users users = find_users(evidence);
	bool root = users.user && strncmp(users.user, "0:", 2) == 0;
	bool other = users.user && !root;
	bool observed =
		other && !users.of_host && is_settable(users.user) && is_settable(users.groups);
	struct setting *setting = setting_add(policy, "user", other ? users.user : "",
					      observed ? SETTING_OBSERVED : SETTING_DECIDE, "4.1");
	const char *why = root_reason(policy);

	if (other)
		why = users.of_host ? "every run was this user's, but of the host"
				    : "every run was this user's";
	else if (users.differ)
		why = "the runs were of several users";
	else if (!root)
		why = policy->capability_count
			      ? "capabilities were needed: another user than root must be given "
				"them, or do without"
			      : "no capability was needed: any user will do that may open the "
				"files";
	reasons_add(&setting->why, xstrdup(why));
	if (observed)
		derive_groups(users.groups, policy);
}

void derive_limits(const struct evidence *evidence, struct policy *policy)
{
	struct marks marks = find_marks(evidence);

	derive_memory(evidence, &marks, policy);
	derive_tasks(&marks, policy);
	derive_user(evidence, policy);
}
