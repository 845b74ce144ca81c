/*
 * What the kernel itself says about the calls of a workload: raw_syscalls:sys_enter and sys_exit of
 * an own tracefs instance, read as binary pages, summed up by number. Nothing here is whittle's.
 *
 *	kernel_calls TRACEFS OUT COMMAND [ARG...]    makes the instance, runs the command, writes
 *	                                             lines "enter NR COUNT", "exit NR COUNT"
 *	kernel_calls --join COMMAND [ARG...]         inside of that: from here on the calls of this
 *	                                             process and its descendants are the workload's
 *
 * The joining process writes its own pid into set_event_pid, through a descriptor that it has
 * inherited (so it may be unprivileged), and then only calls execve(2): the kernel's set begins
 *with that execve, whoever traces it. Exits with the command's status, or with 125 if anything was
 *lost: then OUT is not written.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPUS      256
#define PAGES     (1 << 18)
#define BUFFER_KB "16384" /* each CPU */
#define CALLS     4096    /* distinct numbers */

struct count {
	uint64_t nr;
	unsigned long enters, exits;
};

struct calls {
	struct count count[CALLS];
	size_t used;
	int enter_id, exit_id;
	unsigned long lost;
};

#define JOIN_FD "KERNEL_CALLS_FD"

static char instance[PATH_MAX];

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(125, "cannot write %s to %s", text, path);
	close(fd);
}

static void set(const char *name, const char *text)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", instance, name);
	write_text(path, text);
}

static int event_id(const char *name)
{
	char path[2 * PATH_MAX], text[32] = "";

	snprintf(path, sizeof path, "%s/events/raw_syscalls/%s/id", instance, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
		err(125, "cannot read %s", path);
	close(fd);
	return atoi(text);
}

static void count_call(struct calls *calls, int event, uint64_t nr)
{
	size_t i = 0;

	if (event != calls->enter_id && event != calls->exit_id)
		return;
	while (i < calls->used && calls->count[i].nr != nr)
		i++;
	if (i == CALLS)
		errx(125, "more than %d distinct numbers", CALLS);
	if (i == calls->used)
		calls->count[calls->used++].nr = nr;
	if (event == calls->enter_id)
		calls->count[i].enters++;
	else
		calls->count[i].exits++;
}

/*
 * One event of a page (include/linux/ring_buffer.h, struct ring_buffer_event). Returns its size in
 * bytes, 0 at the end of the page.
 */
static size_t read_event(struct calls *calls, const char *event, size_t left)
{
	uint32_t head, length;
	uint16_t type;
	uint64_t nr;

	memcpy(&head, event, sizeof head);
	switch (head & 31) {
	case 29: /* padding: to the end of the page if there is no time delta, else a deleted one */
		if (head >> 5 == 0 || left < 8)
			return 0;
		memcpy(&length, event + 4, sizeof length);
		return length + 4;
	case 30: /* time extend, time stamp */
	case 31:
		return 8;
	case 0:
		memcpy(&length, event + 4, sizeof length);
		memcpy(&type, event + 8, sizeof type);
		memcpy(&nr, event + 16, sizeof nr);
		count_call(calls, type, nr);
		return length + 4;
	}
	/* common fields are 8 bytes, then the long id: the same in both events (their "format") */
	memcpy(&type, event + 4, sizeof type);
	memcpy(&nr, event + 12, sizeof nr);
	count_call(calls, type, nr);
	return (head & 31) * 4 + 4;
}

/* A page: time stamp, commit (bits 31 and 30: events before it were lost), events. */
static void read_page(struct calls *calls, const char *page, size_t size)
{
	uint64_t commit;

	memcpy(&commit, page + 8, sizeof commit);
	if (commit & (3UL << 30))
		calls->lost++;
	size_t end = 16 + (commit & ((1UL << 30) - 1));
	if (end > size)
		errx(125, "a page of %zu bytes says that it has %zu", size, end);
	for (size_t at = 16, step; at + 4 <= end; at += step) {
		step = read_event(calls, page + at, end - at);
		if (step == 0)
			return;
	}
}

/* Reads what there is; true if there was anything. */
static bool drain(struct calls *calls, const int *cpus, int n)
{
	static char page[PAGES];
	bool any = false;

	for (int i = 0; i < n; i++) {
		ssize_t size;

		while ((size = read(cpus[i], page, sizeof page)) > 16) {
			read_page(calls, page, size);
			any = true;
		}
		if (size < 0 && errno != EAGAIN && errno != EINTR)
			err(125, "cannot read the events of a CPU");
	}
	return any;
}

static int open_cpus(int *cpus)
{
	char path[2 * PATH_MAX];
	int n = 0;

	for (int cpu = 0; cpu < CPUS; cpu++) {
		snprintf(path, sizeof path, "%s/per_cpu/cpu%d/trace_pipe_raw", instance, cpu);
		int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			cpus[n++] = fd;
	}
	if (n == 0)
		err(125, "cannot open %s/per_cpu/*/trace_pipe_raw", instance);
	return n;
}

/* What the ring buffers say that they overwrote or dropped. */
static unsigned long lost_events(void)
{
	char path[2 * PATH_MAX], line[256];
	unsigned long lost = 0, n;

	for (int cpu = 0; cpu < CPUS; cpu++) {
		snprintf(path, sizeof path, "%s/per_cpu/cpu%d/stats", instance, cpu);
		FILE *stats = fopen(path, "re");
		if (!stats)
			continue;
		while (fgets(line, sizeof line, stats))
			if (sscanf(line, "overrun: %lu", &n) == 1 ||
			    sscanf(line, "commit overrun: %lu", &n) == 1 ||
			    sscanf(line, "dropped events: %lu", &n) == 1)
				lost += n;
		fclose(stats);
	}
	return lost;
}

static void remove_instance(void)
{
	/* busy while the readers' files are open or the last event is being written */
	for (int i = 0; i < 100 && rmdir(instance) < 0 && errno == EBUSY; i++)
		usleep(20000);
}

/* What a killed run left behind slows every system call of the machine. */
static void remove_stale(const char *tracefs)
{
	glob_t found;
	char pattern[PATH_MAX];

	snprintf(pattern, sizeof pattern, "%s/instances/oracle.*", tracefs);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *dot = strrchr(found.gl_pathv[i], '.');

		if (kill(atoi(dot + 1), 0) < 0 && errno == ESRCH)
			rmdir(found.gl_pathv[i]);
	}
	globfree(&found);
}

static void make_instance(const char *tracefs)
{
	remove_stale(tracefs);
	snprintf(instance, sizeof instance, "%s/instances/oracle.%d", tracefs, getpid());
	if (mkdir(instance, 0700) < 0)
		err(125, "cannot make %s", instance);
	atexit(remove_instance);
	set("buffer_size_kb", BUFFER_KB);
	set("options/event-fork", "1");
	/* an impossible pid: until the workload joins, nobody is traced */
	set("set_event_pid", "1073741823");
	set("events/raw_syscalls/sys_enter/enable", "1");
	set("events/raw_syscalls/sys_exit/enable", "1");
}

static void write_counts(const struct calls *calls, const char *out)
{
	FILE *file = fopen(out, "we");

	if (!file)
		err(125, "cannot write %s", out);
	for (size_t i = 0; i < calls->used; i++) {
		const struct count *count = &calls->count[i];

		if (count->enters)
			fprintf(file, "enter %lu %lu\n", count->nr, count->enters);
		/* the write(2) that joins is seen to leave, but not to enter */
		unsigned long exits = count->exits - (count->nr == SYS_write);
		if (exits)
			fprintf(file, "exit %lu %lu\n", count->nr, exits);
	}
	if (fclose(file) != 0)
		err(125, "cannot write %s", out);
}

/* Everything that is started now can join by this descriptor; it keeps the instance busy. */
static int hand_on_join(void)
{
	char path[2 * PATH_MAX], number[16];

	snprintf(path, sizeof path, "%s/set_event_pid", instance);
	int fd = open(path, O_WRONLY | O_APPEND);
	snprintf(number, sizeof number, "%d", fd);
	if (fd < 0 || setenv(JOIN_FD, number, 1) < 0)
		err(125, "cannot open %s", path);
	return fd;
}

static int run(const char *out, char **argv)
{
	static struct calls calls;
	int cpus[CPUS], status;
	int n = open_cpus(cpus);

	calls.enter_id = event_id("sys_enter");
	calls.exit_id = event_id("sys_exit");
	int join = hand_on_join();
	pid_t pid = fork();
	if (pid < 0)
		err(125, "fork");
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		drain(&calls, cpus, n);
		usleep(20000);
	}
	close(join);
	set("events/raw_syscalls/sys_enter/enable", "0");
	set("events/raw_syscalls/sys_exit/enable", "0");
	while (drain(&calls, cpus, n))
		;
	for (int i = 0; i < n; i++)
		close(cpus[i]);
	unsigned long lost = lost_events();
	if (calls.lost || lost)
		errx(125, "lost: %lu pages incomplete, %lu events", calls.lost, lost);
	write_counts(&calls, out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int join(char **argv)
{
	const char *number = getenv(JOIN_FD);
	char pid[16];
	int length = snprintf(pid, sizeof pid, "%d", getpid());

	if (!number)
		errx(125, "--join outside of kernel_calls");
	int fd = atoi(number);
	unsetenv(JOIN_FD);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || write(fd, pid, length) != length)
		err(125, "cannot join");
	execve(argv[0], argv, environ);
	_exit(127);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--join") == 0)
		return join(argv + 2);
	if (argc < 4)
		errx(125, "usage: kernel_calls TRACEFS OUT COMMAND...");
	make_instance(argv[1]);
	return run(argv[2], argv + 3);
}
