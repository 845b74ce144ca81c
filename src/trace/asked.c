#include <trace/asked.h>
#include <trace/kernel.h>
#include <trace/probe.h>
#include <trace/ready.h>
#include <trace/waker.h>

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
#include <sys/syscall.h>
#include <whittle/file.h>

#define FDS_MAX     (1 << 16)
#define RINGS_TOTAL (4 << 20) /* bytes, over all CPUs: pages that stay in memory */
#define RING_MIN    (128 << 10)
#define RING_MAX    (1 << 20)

#define CHAIN_MAX   64
#define TOLD        256

#ifndef PERF_FORMAT_LOST /* Linux 6.0 */
#define PERF_FORMAT_LOST (1U << 4)
#endif

/* How the kernel came to ask: return addresses, the innermost first. */
struct asked_stack {
	struct asked *asked;
	uint64_t addresses[CHAIN_MAX];
	size_t count;
};

struct ring {
	int fd; /* of the event that made it */
	struct perf_event_mmap_page *page;
	bool noisy;
	uint64_t mixed; /* up to here, what any process was asked for is in it too */
};

struct watch {
	int fd;
	bool noisy;      /* probe_filter() */
	bool everywhere; /* of all processes, or whittle's own */
};

struct asked {
	struct ring *rings; /* two for each CPU: what floods must not push out the rest */
	size_t ring_count;
	size_t size; /* of a ring's data, behind its first page */
	size_t page_size;
	struct probe probe;
	bool narrow;           /* asked_narrow() */
	bool everywhere;       /* of all processes, until asked_follow_only() */
	int ready;             /* ready_begin(): from then on it is to be had of some; or -1 */
	struct waker *waker;   /* a full ring must not wait for the next stop of the workload */
	bool mixed;            /* the last question may be of a process that nobody asked for */
	uint64_t target;       /* the user namespace that the last question was about */
	uint64_t home;         /* and that of the first of the workload: whittle's own */
	struct watch *watches; /* all events */
	size_t watch_count, watches_max;
	bool counts_lost; /* PERF_FORMAT_LOST can be had */
	/* Of events that are closed, and by PERF_RECORD_LOST; the noisy ones apart. */
	uint64_t lost[2], lost_told[2];
	struct kernel *kernel;    /* read when first needed */
	struct asked_stack stack; /* of the last sample */
	uint64_t told[TOLD];      /* asked_repeats() */
	const struct abi *abi;
	struct sigaction old_action;
};

/* ---- rings ---- */

static void wake(int number)
{
	(void)number; /* the wait is interrupted, and the rings are looked at */
}

/* Once all rings are there. */
static int start_waker(struct asked *asked)
{
	AUTO_FREE int *fds = xcalloc(asked->ring_count, sizeof(*fds));
	size_t count = 0;

	for (size_t i = 0; i < asked->ring_count; i++) {
		if (!asked->rings[i].page)
			return 0;
		if (asked->rings[i].fd >= 0)
			fds[count++] = asked->rings[i].fd;
	}
	asked->waker = waker_start(fds, count, SIGIO);
	return asked->waker ? 0 : -1;
}

static int open_event(const struct asked *asked, pid_t tid, int cpu, bool noisy)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = asked->probe.id,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW,
		.read_format = asked->counts_lost ? PERF_FORMAT_LOST : 0,
		.inherit = 1,
		.exclude_callchain_user = 1,
		.watermark = 1,
		.wakeup_watermark = (uint32_t)(asked->size / 4),
	};
	AUTO_CLOSE int fd =
		(int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_FILTER, probe_filter(&asked->probe, noisy)) < 0)
		return -1;
	return STEAL_FD(fd);
}

/* The first event of a CPU has the ring that all others of it write to. */
static int open_ring(const struct asked *asked, int fd, struct ring *ring)
{
	size_t length = asked->size + asked->page_size;
	void *page = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return -1;
	ring->fd = fd;
	ring->page = page;
	return 0;
}

static uint64_t head_of(const struct ring *ring)
{
	return __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
}

/* How many records of the event were lost (perf_event_open(2), "Reading results"). */
static uint64_t lost_of(const struct asked *asked, int fd)
{
	uint64_t values[2];

	if (!asked->counts_lost || read(fd, values, sizeof(values)) != sizeof(values))
		return 0;
	return values[1];
}

/* A child that whittle has made since may have the descriptor too. */
static void close_watch(struct asked *asked, const struct watch *watch)
{
	ioctl(watch->fd, PERF_EVENT_IOC_DISABLE, 0);
	asked->lost[watch->noisy] += lost_of(asked, watch->fd);
	close(watch->fd);
}

static void close_those(struct asked *asked,
			bool (*is_one)(const struct asked *asked, const struct watch *watch))
{
	size_t kept = 0;

	for (size_t i = 0; i < asked->watch_count; i++)
		if (is_one(asked, &asked->watches[i]))
			close_watch(asked, &asked->watches[i]);
		else
			asked->watches[kept++] = asked->watches[i];
	asked->watch_count = kept;
}

/* Is the thread gone, and so are all that it made? perf_poll() in kernel/events/core.c */
static bool has_ended(const struct asked *asked, const struct watch *watch)
{
	struct pollfd event = { .fd = watch->fd };

	for (size_t i = 0; i < asked->ring_count; i++)
		if (asked->rings[i].fd == watch->fd) /* the others still write to it */
			return false;
	return poll(&event, 1, 0) > 0 && (event.revents & POLLHUP);
}

/* Is there room for two events on each CPU? Half of the descriptors are for whittle's other work.
 */
static bool make_room(struct asked *asked)
{
	if (asked->watch_count + asked->ring_count > asked->watches_max)
		close_those(asked, has_ended);
	return asked->watch_count + asked->ring_count <= asked->watches_max;
}

static int watch_by(struct asked *asked, pid_t tid, size_t index)
{
	struct ring *ring = &asked->rings[index];
	int cpu = (int)(index / 2);
	int fd = open_event(asked, tid, cpu, ring->noisy);

	if (fd < 0 && errno == EINVAL && asked->counts_lost) { /* before Linux 6.0 */
		asked->counts_lost = false;
		fd = open_event(asked, tid, cpu, ring->noisy);
	}
	if (fd < 0)
		return -1;
	asked->watches[asked->watch_count++] = (struct watch){ fd, ring->noisy, tid <= 0 };
	if (!ring->page && open_ring(asked, fd, ring) < 0)
		return -1;
	return ring->fd == fd ? 0 : ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd);
}

/* Watches one thread on every CPU; one that is gone by now needs it no more. */
static int watch_thread(struct asked *asked, pid_t tid)
{
	if (!make_room(asked)) {
		errno = EMFILE;
		return -1;
	}
	for (size_t i = 0; i < asked->ring_count; i++)
		if (!(asked->narrow && asked->rings[i].noisy) && watch_by(asked, tid, i) < 0)
			return errno == ESRCH ? 0 : -1;
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
int asked_follow(struct asked *asked, pid_t tgid)
{
	AUTO_BUF struct buf watched = BUF_INIT;
	int fresh;

	while ((fresh = watch_new_threads(asked, tgid, &watched)) > 0)
		continue;
	return fresh;
}

bool asked_is_ready(const struct asked *asked)
{
	struct pollfd event = { .fd = asked->ready, .events = POLLIN };

	return asked->everywhere && poll(&event, 1, 0) > 0;
}

/* The rings are those of the first events, which stay for them. */
void asked_follow_only(struct asked *asked)
{
	asked->everywhere = false;
	for (size_t i = 0; i < asked->watch_count; i++)
		if (asked->watches[i].everywhere)
			ioctl(asked->watches[i].fd, PERF_EVENT_IOC_DISABLE, 0);
	for (size_t i = 0; i < asked->ring_count; i++)
		if (asked->rings[i].page)
			asked->rings[i].mixed = head_of(&asked->rings[i]);
	auto_close(&asked->ready);
	asked->ready = -1;
}

/* Events of a CPU need not wait for what those of a task do: ready.h. */
static void watch_everything(struct asked *asked)
{
	asked->ready = ready_begin();
	asked->everywhere = asked->ready >= 0 && watch_thread(asked, -1) == 0;
	if (asked->everywhere)
		return;
	/* Rings of whittle's own events: a ring cannot be waited for once its process has ended. */
	watch_thread(asked, 0);
	asked_follow_only(asked);
}

int asked_watch(struct asked *asked, pid_t tgid)
{
	if (asked->watch_count == 0)
		watch_everything(asked);
	if (!asked->everywhere && asked_follow(asked, tgid) < 0)
		return -1;
	return asked->waker ? 0 : start_waker(asked);
}

struct asked *asked_open(bool any)
{
	struct sigaction action = { .sa_handler = wake };
	struct asked *asked = xcalloc(1, sizeof(*asked));
	long cpus = sysconf(_SC_NPROCESSORS_CONF), files = sysconf(_SC_OPEN_MAX);

	asked->abi = abi_of_machine(NULL);
	if (!asked->abi || cpus < 1 || !kernel_shows_addresses() ||
	    probe_find(any, &asked->probe) < 0) {
		free(asked);
		return NULL;
	}
	asked->ready = -1;
	asked->ring_count = 2 * (size_t)cpus;
	asked->rings = xcalloc(asked->ring_count, sizeof(*asked->rings));
	for (size_t i = 1; i < asked->ring_count; i += 2)
		asked->rings[i].noisy = true;
	asked->page_size = (size_t)sysconf(_SC_PAGESIZE);
	asked->size = RING_MAX;
	while (asked->size > RING_MIN && asked->size * asked->ring_count > RINGS_TOTAL)
		asked->size /= 2;
	asked->counts_lost = true;
	asked->watches_max = files > 0 && files < FDS_MAX ? (size_t)files / 2 : FDS_MAX / 2;
	asked->watches = xcalloc(asked->watches_max, sizeof(*asked->watches));
	sigaction(SIGIO, &action, &asked->old_action);
	return asked;
}

/*
 * The last one to close the tracepoint waits some 25 ms until no CPU is in it, and who opens it
 * meanwhile waits for that (perf_trace_event_unreg() holds event_mutex): a child that does nothing
 * else does, once whittle has closed it; after a while only, as the kernel does likewise
 * (perf_sched_work in kernel/events/core.c), so that one run after another need not wait.
 */
static _Noreturn void close_late(int event)
{
	enum { LINGER_MS = 250 }; /* what it holds by itself, as its mounts, is held that long */

	dup2(event, 0);
	closefrom(1); /* nobody is to wait for their end, or for whittle's locks */
	if (chdir("/") == 0)
		poll(NULL, 0, LINGER_MS);
	_exit(0);
}

static void close_events(struct asked *asked)
{
	if (asked->watch_count && fork() == 0)
		close_late(asked->watches[0].fd);
	for (size_t i = 0; i < asked->watch_count; i++)
		close_watch(asked, &asked->watches[i]);
}

void asked_close(struct asked *asked)
{
	if (!asked)
		return;
	waker_end(asked->waker);
	for (size_t i = 0; i < asked->ring_count; i++)
		if (asked->rings[i].page)
			munmap(asked->rings[i].page, asked->size + asked->page_size);
	close_events(asked);
	auto_close(&asked->ready);
	probe_release(&asked->probe);
	sigaction(SIGIO, &asked->old_action, NULL);
	free(asked->watches);
	free(asked->rings);
	kernel_free(asked->kernel);
	free(asked);
}

/* ---- records ---- */

/* Copies length bytes at position of the ring, which wraps around. */
static void copy_out(const struct asked *asked, const struct ring *ring, uint64_t position,
		     void *to, size_t length)
{
	const char *data = (const char *)ring->page + asked->page_size;
	size_t at = position % asked->size, first = asked->size - at;

	if (first > length)
		first = length;
	memcpy(to, data + at, first);
	memcpy((char *)to + first, data, length - first);
}

static uint64_t copy_word(const struct asked *asked, const struct ring *ring, uint64_t position)
{
	uint64_t word;

	copy_out(asked, ring, position, &word, sizeof(word));
	return word;
}

/* perf_event_open(2): PERF_SAMPLE_TID, PERF_SAMPLE_CALLCHAIN, PERF_SAMPLE_RAW. */
static int read_sample(struct asked *asked, const struct ring *ring, uint64_t position, size_t size,
		       struct event *ret_event)
{
	uint64_t start = position;
	uint32_t pid_tid[2];
	int32_t cap;

	copy_out(asked, ring, position, pid_tid, sizeof(pid_tid));
	uint64_t count = copy_word(asked, ring, position + sizeof(pid_tid));
	position += sizeof(pid_tid) + sizeof(count);
	if (count > size / sizeof(count))
		return 0;
	asked->stack.asked = asked;
	asked->stack.count = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t address = copy_word(asked, ring, position + i * sizeof(address));

		if (address < PERF_CONTEXT_MAX && asked->stack.count < CHAIN_MAX)
			asked->stack.addresses[asked->stack.count++] = address;
	}
	position += count * sizeof(count) + sizeof(uint32_t); /* the raw data's size */
	copy_out(asked, ring, position + asked->probe.cap_offset, &cap, sizeof(cap));
	asked->mixed = asked->everywhere || start < ring->mixed;
	asked->target = copy_word(asked, ring, position + asked->probe.target_offset);
	*ret_event = (struct event){ .kind = EVENT_ASKED,
				     .tid = (pid_t)pid_tid[1],
				     .tgid = (pid_t)pid_tid[0],
				     .abi = asked->abi,
				     .capability = cap,
				     .stack = &asked->stack };
	return 1;
}

static const struct kernel *kernel_of(struct asked *asked)
{
	if (!asked->kernel)
		asked->kernel = kernel_read(asked->abi);
	return asked->kernel;
}

bool asked_tells_result(const struct asked *asked)
{
	return asked->probe.tells_result;
}

bool asked_of_anyone(const struct asked *asked)
{
	return asked->mixed;
}

bool asked_of_another_namespace(struct asked *asked)
{
	if (!asked->home)
		asked->home = asked->target;
	return asked->target != asked->home;
}

/* FNV-1a, of words */
static uint64_t add_hash(uint64_t hash, uint64_t word)
{
	return (hash ^ word) * UINT64_C(0x100000001b3);
}

bool asked_repeats(struct asked *asked, const struct event *event)
{
	uint64_t hash = add_hash(UINT64_C(0xcbf29ce484222325), (uint64_t)event->tid);

	hash = add_hash(add_hash(hash, (uint64_t)event->capability), asked->target);
	for (size_t i = 0; i < asked->stack.count; i++)
		hash = add_hash(hash, asked->stack.addresses[i]);
	uint64_t *told = &asked->told[hash >> 32 & (TOLD - 1)];
	bool repeats = *told == hash;
	*told = hash;
	return repeats;
}

void asked_forget(struct asked *asked)
{
	memset(asked->told, 0, sizeof(asked->told));
}

int64_t asked_call(struct asked *asked)
{
	int64_t nr = -1;

	for (size_t i = 0; i < asked->stack.count && nr < 0; i++)
		nr = kernel_call_at(kernel_of(asked), asked->stack.addresses[i]);
	return nr;
}

bool asked_through(const struct asked_stack *stack, const char *function)
{
	size_t length = strcspn(function, "*");

	for (size_t i = 0; i < stack->count; i++) {
		const char *name = kernel_function_at(kernel_of(stack->asked), stack->addresses[i]);

		if (name && strncmp(name, function, length) == 0 &&
		    (function[length] || !name[length]))
			return true;
	}
	return false;
}

/* Functions that only pass the question on: kernel/capability.c, security/ */
static bool passes_on(const char *name)
{
	static const char *const words[] = { "capable",         "security_",
					     "has_capability",  "has_ns_capability",
					     "privileged_wrt_", "trace_",
					     "kprobe",          "perf_" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

const char *asked_by(const struct asked_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++) {
		const char *name = kernel_function_at(kernel_of(stack->asked), stack->addresses[i]);

		if (name && !passes_on(name))
			return name;
	}
	return "";
}

static bool is_noisy(const struct asked *asked, const struct watch *watch)
{
	(void)asked;
	return watch->noisy;
}

/* An event keeps its first filter (ftrace_profile_set_filter() says EEXIST): the noisy ones end. */
void asked_narrow(struct asked *asked)
{
	asked->narrow = true;
	for (size_t i = 0; i < asked->ring_count; i++)
		if (asked->rings[i].noisy)
			asked->rings[i].fd = -1;
	close_those(asked, is_noisy);
}

/* Where no look is let run for the sake of the event, rules see every call: not all is lost. */
static struct event lost_event(const struct asked *asked, bool noisy)
{
	if (asked->probe.tells_result && !noisy)
		return (struct event){ .kind = EVENT_LOSS, .what = "capability-events" };
	return (struct event){ .kind = EVENT_LIMITATION, .what = "measured-partly" };
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
		/* its id, and how many */
		asked->lost_told[ring->noisy] +=
			copy_word(asked, ring, tail + sizeof(header) + sizeof(uint64_t));
		*ret_event = lost_event(asked, ring->noisy);
		found = 1;
	}
	__atomic_store_n(&ring->page->data_tail, tail + header.size, __ATOMIC_RELEASE);
	return found;
}

bool asked_next(struct asked *asked, struct event *ret_event)
{
	for (size_t i = 0; i < asked->ring_count; i++) {
		struct ring *ring = &asked->rings[i];

		while (ring->page && ring->page->data_tail != head_of(ring))
			if (read_record(asked, ring, ret_event))
				return true;
	}
	return false;
}

static bool has_lost(struct asked *asked, bool noisy)
{
	uint64_t lost = asked->lost[noisy];
	bool more;

	for (size_t i = 0; i < asked->watch_count; i++)
		if (asked->watches[i].noisy == noisy)
			lost += lost_of(asked, asked->watches[i].fd);
	more = lost > asked->lost_told[noisy];
	asked->lost_told[noisy] = lost;
	return more;
}

bool asked_ended(struct asked *asked, struct event *ret_event)
{
	bool quiet = has_lost(asked, false);

	if (!quiet && !has_lost(asked, true))
		return false;
	*ret_event = lost_event(asked, !quiet);
	return true;
}
