#include <trace/asked.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <whittle/file.h>

/*
 * Only what a search of directories, or a look at /proc/PID, may take (fs/namei.c,
 * generic_permission(); kernel/ptrace.c, __ptrace_may_access()).
 */
static const char wanted[] = "ret == 0 && (cap == 1 || cap == 2 || cap == 19)";

#define FDS_MAX     (1 << 16)
#define RINGS_TOTAL (4 << 20) /* bytes, over all CPUs: pages that stay in memory */
#define RING_MIN    (128 << 10)
#define RING_MAX    (1 << 20)

/* Sample: perf_event_open(2), PERF_SAMPLE_TID, PERF_SAMPLE_CALLCHAIN, PERF_SAMPLE_RAW. */
struct symbol {
	uint64_t address;
	uint64_t end;
	uint64_t nr;
};

struct ring {
	int fd; /* of the event that made it */
	struct perf_event_mmap_page *page;
};

struct asked {
	struct ring *rings;
	size_t ring_count;
	size_t size; /* of a ring's data */
	uint64_t id; /* of the tracepoint */
	size_t cap_offset;
	int *fds; /* of all events */
	size_t fd_count, fds_max;
	/* The entries of the system calls in the kernel, by address; read when first needed. */
	struct symbol *symbols;
	size_t symbol_count;
	const struct abi *abi;
	struct sigaction old_action;
};

/* ---- where the tracepoint is ---- */

/* A mount of tracefs that nobody else sees. */
static int mount_tracefs(void)
{
	AUTO_CLOSE int context = fsopen("tracefs", FSOPEN_CLOEXEC);

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(context, FSMOUNT_CLOEXEC, 0);
}

/* The number behind a word of a text, or -1. */
static long number_behind(const char *text, const char *word)
{
	const char *at = text ? strstr(text, word) : NULL;

	return at ? strtol(at + strlen(word), NULL, 10) : -1;
}

static int find_tracepoint(struct asked *asked)
{
	AUTO_CLOSE int tracefs = mount_tracefs();
	AUTO_FREE char *format = NULL;
	size_t length;
	struct error err;

	if (tracefs < 0 || file_read(tracefs, "events/capability/cap_capable/format", 65536,
				     &format, &length, &err) < 0)
		return -1;
	long id = number_behind(format, "ID:");
	long offset = number_behind(format, "field:int cap;\toffset:");
	if (id < 0 || offset < 0)
		return -1;
	asked->id = (uint64_t)id;
	asked->cap_offset = (size_t)offset;
	return 0;
}

/* ---- the kernel's names of calls ---- */

static int compare_symbol(const void *a, const void *b)
{
	const struct symbol *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

/*
 * "__x64_sys_newfstatat" -> 262. Some names are not those of the calls (fs/stat.c), and where the
 * entry ends in a jump only what it jumped to is on the stack (fs/open.c, fs/stat.c).
 */
static int64_t number_of(const struct abi *abi, const char *symbol)
{
	static const char *const others[][2] = {
		{ "newstat", "stat" },
		{ "newlstat", "lstat" },
		{ "newfstat", "fstat" },
		{ "do_faccessat", "faccessat" },
		{ "do_readlinkat", "readlinkat" },
		{ "do_statx", "statx" },
	};
	static const char *const prefixes[] = { "__x64_sys_", "__arm64_sys_", "__do_sys_",
						"__se_sys_" };
	AUTO_FREE char *name = xasprintf("%.*s", (int)strcspn(symbol, "."), symbol);
	const char *call = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			call = name + strlen(prefixes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(call ? call : name, others[i][0]) == 0)
			call = others[i][1];
	return call ? abi_syscall_number(abi, call) : -1;
}

/* /proc/kallsyms has zeros where kptr_restrict is 2 (proc(5)). */
static bool shows_addresses(void)
{
	AUTO_FREE char *restricted = file_read_line("/proc/sys/kernel/kptr_restrict");

	return restricted && restricted[0] != '2';
}

static void add_symbol(struct asked *asked, uint64_t address, int64_t nr)
{
	asked->symbols = xrealloc(asked->symbols, asked->symbol_count + 1, sizeof(*asked->symbols));
	asked->symbols[asked->symbol_count++] = (struct symbol){ address, 0, (uint64_t)nr };
}

/* The last symbol ends where the next one begins. */
static void end_symbol(struct asked *asked, uint64_t address)
{
	if (!asked->symbols)
		return;
	struct symbol *last = &asked->symbols[asked->symbol_count - 1];
	if (!last->end && address > last->address)
		last->end = address;
}

/* The kernel's own symbols come in the order of their addresses. */
static void read_symbols(struct asked *asked)
{
	char line[512];
	FILE *file = fopen("/proc/kallsyms", "re");

	while (file && fgets(line, sizeof(line), file)) {
		char *end;
		uint64_t address = strtoull(line, &end, 16);

		end_symbol(asked, address);
		if (strlen(end) < 4 || (!strstr(end, "_sys_") && strncmp(end + 3, "do_", 3) != 0))
			continue; /* " T name" */
		end[strcspn(end, "\n")] = '\0';
		int64_t nr = number_of(asked->abi, end + 3);
		if (nr >= 0 && address)
			add_symbol(asked, address, nr);
	}
	if (file)
		fclose(file);
	if (asked->symbols)
		qsort(asked->symbols, asked->symbol_count, sizeof(*asked->symbols), compare_symbol);
}

/* The number of the call whose entry address is in, or -1. */
static int64_t call_at(const struct asked *asked, uint64_t address)
{
	size_t low = 0, high = asked->symbol_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (asked->symbols[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* A return address may be that behind the last instruction. */
	if (low == 0 || address > asked->symbols[low - 1].end)
		return -1;
	return (int64_t)asked->symbols[low - 1].nr;
}

/* ---- rings ---- */

static void wake(int number)
{
	(void)number; /* the wait is interrupted, and the rings are looked at */
}

static int wake_signal(void)
{
	return SIGRTMAX - 2;
}

static int open_event(const struct asked *asked, pid_t tid, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = asked->id,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW,
		.inherit = 1,
		.exclude_callchain_user = 1,
		.watermark = 1,
		.wakeup_watermark = (uint32_t)(asked->size / 4),
	};
	AUTO_CLOSE int fd =
		(int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_FILTER, wanted) < 0)
		return -1;
	return STEAL_FD(fd);
}

/* The first event of a CPU has the ring that all others of it write to. */
static int open_ring(const struct asked *asked, int fd, struct ring *ring)
{
	size_t length = asked->size + (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return -1;
	ring->fd = fd;
	ring->page = page;
	/* A full ring must not wait for the next stop of the workload. */
	if (fcntl(fd, F_SETSIG, wake_signal()) < 0 || fcntl(fd, F_SETOWN, getpid()) < 0 ||
	    fcntl(fd, F_SETFL, O_ASYNC) < 0)
		return -1;
	return 0;
}

static void keep_fd(struct asked *asked, int fd)
{
	asked->fds[asked->fd_count++] = fd;
}

/* Is the thread gone, and so are all that it made? perf_poll() in kernel/events/core.c */
static bool has_ended(const struct asked *asked, int fd)
{
	struct pollfd event = { .fd = fd };

	for (size_t cpu = 0; cpu < asked->ring_count; cpu++)
		if (asked->rings[cpu].fd == fd) /* the others still write to it */
			return false;
	return poll(&event, 1, 0) > 0 && (event.revents & POLLHUP);
}

static void close_ended(struct asked *asked)
{
	size_t kept = 0;

	for (size_t i = 0; i < asked->fd_count; i++)
		if (has_ended(asked, asked->fds[i]))
			close(asked->fds[i]);
		else
			asked->fds[kept++] = asked->fds[i];
	asked->fd_count = kept;
}

/* Is there room for an event on each CPU? Half of the descriptors are for whittle's other work. */
static bool make_room(struct asked *asked)
{
	if (asked->fd_count + asked->ring_count > asked->fds_max)
		close_ended(asked);
	return asked->fd_count + asked->ring_count <= asked->fds_max;
}

/* Watches one thread on every CPU; one that is gone by now needs it no more. */
static int watch_thread(struct asked *asked, pid_t tid)
{
	if (!make_room(asked)) {
		errno = EMFILE;
		return -1;
	}
	for (size_t cpu = 0; cpu < asked->ring_count; cpu++) {
		struct ring *ring = &asked->rings[cpu];
		int fd = open_event(asked, tid, (int)cpu);

		if (fd < 0)
			return errno == ESRCH ? 0 : -1;
		keep_fd(asked, fd);
		if (!ring->page && open_ring(asked, fd, ring) < 0)
			return -1;
		if (ring->fd != fd && ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) < 0)
			return -1;
	}
	return 0;
}

/* Threads of the process that are not watched yet; how many, or -1. */
static int watch_new_threads(struct asked *asked, pid_t tgid, struct buf *watched)
{
	char path[32];
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", tgid);
	DIR *tasks = opendir(path);
	if (!tasks)
		return -1;
	for (struct dirent *entry; count >= 0 && (entry = readdir(tasks));) {
		AUTO_FREE char *word = xasprintf(" %s ", entry->d_name);
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0 || strstr(buf_text(watched), word))
			continue;
		buf_adds(watched, word);
		count = watch_thread(asked, tid) < 0 ? -1 : count + 1;
	}
	closedir(tasks);
	return count;
}

/* Those that a thread makes once it is watched are watched from their beginning. */
int asked_watch(struct asked *asked, pid_t tgid)
{
	AUTO_BUF struct buf watched = BUF_INIT;
	int fresh;

	while ((fresh = watch_new_threads(asked, tgid, &watched)) > 0)
		continue;
	return fresh;
}

/*
 * The first event of any task makes the kernel look for events at each switch, on all CPUs, and
 * waits some 10 ms until they do (kernel/events/core.c, account_event()). A child waits for it, by
 * an event of its own that counts nothing.
 */
int asked_prepare(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_DUMMY };
	int ends[2];
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[0], STDIN_FILENO);
		closefrom(STDERR_FILENO); /* nobody is to wait for their end */
		close(STDOUT_FILENO);
		syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
		while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
			continue;
		_exit(0);
	}
	close(ends[0]);
	if (child < 0)
		close(STEAL_FD(ends[1]));
	return ends[1];
}

struct asked *asked_open(void)
{
	struct sigaction action = { .sa_handler = wake };
	struct asked *asked = xcalloc(1, sizeof(*asked));
	long cpus = sysconf(_SC_NPROCESSORS_CONF), files = sysconf(_SC_OPEN_MAX);

	asked->abi = abi_of_machine(NULL);
	if (!asked->abi || cpus < 1 || find_tracepoint(asked) < 0 || !shows_addresses()) {
		free(asked);
		return NULL;
	}
	asked->size = RING_MAX;
	while (asked->size > RING_MIN && asked->size * (size_t)cpus > RINGS_TOTAL)
		asked->size /= 2;
	asked->ring_count = (size_t)cpus;
	asked->rings = xcalloc(asked->ring_count, sizeof(*asked->rings));
	asked->fds_max = files > 0 && files < FDS_MAX ? (size_t)files / 2 : FDS_MAX / 2;
	asked->fds = xcalloc(asked->fds_max, sizeof(*asked->fds));
	sigaction(wake_signal(), &action, &asked->old_action);
	return asked;
}

/*
 * The last one to close the tracepoint waits some 25 ms until no CPU is in it
 * (perf_trace_event_unreg()): a child that does nothing else does, once whittle has closed it.
 */
static void close_events(struct asked *asked)
{
	int closed[2] = { -1, -1 };
	char byte;

	if (asked->fd_count && pipe2(closed, O_CLOEXEC) == 0 && fork() == 0) {
		close_range(0, STDERR_FILENO, 0); /* nobody is to wait for their end */
		close(closed[1]);
		while (read(closed[0], &byte, 1) < 0 && errno == EINTR)
			continue;
		_exit(0);
	}
	for (size_t i = 0; i < asked->fd_count; i++)
		close(asked->fds[i]);
	auto_close(&closed[0]);
	auto_close(&closed[1]);
}

void asked_close(struct asked *asked)
{
	if (!asked)
		return;
	for (size_t i = 0; i < asked->ring_count; i++)
		if (asked->rings[i].page)
			munmap(asked->rings[i].page, asked->size + (size_t)sysconf(_SC_PAGESIZE));
	close_events(asked);
	sigaction(wake_signal(), &asked->old_action, NULL);
	free(asked->fds);
	free(asked->rings);
	free(asked->symbols);
	free(asked);
}

/* ---- records ---- */

/* Copies length bytes at position of the ring, which wraps around. */
static void copy_out(const struct asked *asked, const struct ring *ring, uint64_t position,
		     void *to, size_t length)
{
	const char *data = (const char *)ring->page + sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < length; i++)
		((char *)to)[i] = data[(position + i) % asked->size];
}

/* 1 with its event, 0 if the call cannot be told: then it is not one that ran unreported. */
static int read_sample(struct asked *asked, const struct ring *ring, uint64_t position, size_t size,
		       struct event *ret_event)
{
	struct {
		uint32_t pid, tid;
		uint64_t count;
	} head;
	uint64_t address;
	int64_t nr = -1;
	int32_t cap;

	if (!asked->symbols)
		read_symbols(asked);
	copy_out(asked, ring, position, &head, sizeof(head));
	position += sizeof(head);
	if (head.count > size / sizeof(address))
		return 0;
	for (uint64_t i = 0; i < head.count && nr < 0; i++) {
		copy_out(asked, ring, position + i * sizeof(address), &address, sizeof(address));
		nr = call_at(asked, address);
	}
	position += head.count * sizeof(address) + sizeof(uint32_t); /* the raw data's size */
	copy_out(asked, ring, position + asked->cap_offset, &cap, sizeof(cap));
	*ret_event = (struct event){ .kind = EVENT_ASKED,
				     .tid = (pid_t)head.tid,
				     .tgid = (pid_t)head.pid,
				     .abi = asked->abi,
				     .nr = (uint64_t)nr,
				     .capability = cap };
	return nr >= 0;
}

static int read_record(struct asked *asked, struct ring *ring, struct event *ret_event)
{
	uint64_t tail = ring->page->data_tail;
	struct perf_event_header header;
	int found = 0;

	copy_out(asked, ring, tail, &header, sizeof(header));
	if (header.type == PERF_RECORD_SAMPLE)
		found = read_sample(asked, ring, tail + sizeof(header), header.size, ret_event);
	if (header.type == PERF_RECORD_LOST) {
		*ret_event = (struct event){ .kind = EVENT_LOSS, .what = "capability-events" };
		found = 1;
	}
	__atomic_store_n(&ring->page->data_tail, tail + header.size, __ATOMIC_RELEASE);
	return found;
}

bool asked_next(struct asked *asked, struct event *ret_event)
{
	for (size_t i = 0; i < asked->ring_count; i++) {
		struct ring *ring = &asked->rings[i];

		while (ring->page &&
		       ring->page->data_tail !=
			       __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE))
			if (read_record(asked, ring, ret_event))
				return true;
	}
	return false;
}
