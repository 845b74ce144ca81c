#include <cli/cgroup.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <whittle/file.h>

enum { LIST_MAX = 1 << 16 };

/*
 * Where the hierarchies are (systemd's file-hierarchy(7); engines take it for given), and which
 * line of /proc/PID/cgroup is theirs (cgroups(7)): of version 2 the one of no controller.
 */
static const struct hierarchy {
	const char *controller, *directory, *memory, *tasks;
} hierarchies[] = {
	{ "", "/sys/fs/cgroup", "memory.peak", "pids.peak" },
	{ "", "/sys/fs/cgroup/unified", "memory.peak", "pids.peak" },
	{ "memory", "/sys/fs/cgroup/memory", "memory.max_usage_in_bytes", NULL },
	{ "pids", "/sys/fs/cgroup/pids", NULL, "pids.peak" },
};

static char *read_proc(const char *process, const char *file)
{
	AUTO_FREE char *name = xasprintf("/proc/%s/%s", process, file);
	char *text = NULL;
	size_t length;
	struct error err;

	return file_read(AT_FDCWD, name, LIST_MAX, &text, &length, &err) < 0 ? NULL : text;
}

/* "memory" in "cpu,memory"; "" in "" only. */
static bool has_controller(const char *list, size_t length, const char *controller)
{
	size_t size = strlen(controller);

	if (!size || !length)
		return size == length;
	for (const char *end = list + length; list < end; list += strcspn(list, ",:") + 1)
		if (strncmp(list, controller, size) == 0 && strcspn(list, ",:") == size)
			return true;
	return false;
}

/* The path in lines "NUMBER:CONTROLLERS:PATH"; freed by the caller, NULL if there is none. */
static char *find_path(const char *lines, const char *controller)
{
	for (const char *line = lines; line && *line; line += strspn(line, "\n")) {
		size_t length = strcspn(line, "\n");
		const char *list = memchr(line, ':', length);
		const char *path = list ? strchr(list + 1, ':') : NULL;

		if (path && path < line + length &&
		    has_controller(list + 1, (size_t)(path - list - 1), controller))
			return xstrndup(path + 1, length - (size_t)(path + 1 - line));
		line += length;
	}
	return NULL;
}

static bool same_mounts(const char *process, const struct stat *mounts)
{
	AUTO_FREE char *name = xasprintf("/proc/%s/ns/mnt", process);
	struct stat its;

	/* Gone meanwhile: it does not count. */
	return stat(name, &its) < 0 ||
	       (its.st_dev == mounts->st_dev && its.st_ino == mounts->st_ino);
}

/* Is every process of the group in the mount namespace of the container? */
static bool is_own(int group, const char *process)
{
	AUTO_FREE char *name = xasprintf("/proc/%s/ns/mnt", process);
	AUTO_FREE char *list = NULL;
	struct stat mounts;
	size_t length;
	struct error err;
	bool own = true;

	if (stat(name, &mounts) < 0 ||
	    file_read(group, "cgroup.procs", LIST_MAX, &list, &length, &err) < 0)
		return false;
	for (const char *line = list; *line && own; line += strspn(line, "\n")) {
		AUTO_FREE char *other = xstrndup(line, strcspn(line, "\n"));

		/* 0: it is in a pid namespace where nobody can tell who it is. */
		own = strcmp(other, "0") != 0 && same_mounts(other, &mounts);
		line += strlen(other);
	}
	return own;
}

static void open_file(int group, const char *name, int *fd)
{
	if (name && *fd < 0)
		*fd = openat(group, name, O_RDONLY | O_CLOEXEC);
}

static void open_hierarchy(const struct hierarchy *row, const char *lines, const char *process,
			   struct cgroup *cgroup)
{
	AUTO_FREE char *path = find_path(lines, row->controller);
	AUTO_FREE char *name = path ? xasprintf("%s%s", row->directory, path) : NULL;
	AUTO_CLOSE int group = name ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (group < 0 || !is_own(group, process))
		return;
	open_file(group, row->memory, &cgroup->memory);
	open_file(group, row->tasks, &cgroup->tasks);
}

void cgroup_open(pid_t pid, struct cgroup *cgroup)
{
	AUTO_FREE char *process = xasprintf("%d", pid);
	AUTO_FREE char *lines = read_proc(process, "cgroup");

	for (size_t i = 0; lines && i < ARRAY_SIZE(hierarchies); i++)
		open_hierarchy(&hierarchies[i], lines, process, cgroup);
	cgroup_measure(cgroup);
}

void cgroup_close(struct cgroup *cgroup)
{
	auto_close(&cgroup->memory);
	auto_close(&cgroup->tasks);
}

static void raise_to(int fd, uint64_t *most)
{
	char text[32];
	ssize_t length = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

	if (length <= 0)
		return;
	text[length] = '\0';
	uint64_t now = strtoull(text, NULL, 10);
	if (now > *most)
		*most = now;
}

void cgroup_measure(struct cgroup *cgroup)
{
	raise_to(cgroup->memory, &cgroup->most_memory);
	raise_to(cgroup->tasks, &cgroup->most_tasks);
}

struct evidence_peak cgroup_peak(const struct cgroup *cgroup, struct evidence_peak seen)
{
	if (cgroup->most_memory) {
		seen.memory = cgroup->most_memory;
		seen.of_cgroup = true;
	}
	if (cgroup->most_tasks)
		seen.tasks = cgroup->most_tasks;
	return seen;
}
