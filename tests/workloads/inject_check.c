/*
 * Checks itself for what an injection could leave behind, or lose.
 *
 *	inject_check chain N [PERIOD]      N processes in a chain, of one thread each
 *	inject_check threads N [PERIOD]    the same with four threads each
 *	inject_check stops N [PERIOD]      of one thread, which SIGSTOP and SIGCONT interrupt
 *	inject_check drops N [PERIOD]      of one thread, which drops root's privileges at first
 *
 * Each process forks its successor before anything else, before a tracer can have found it quiet:
 * so each gets its filter by an injection of its own. It then makes the same cheap calls over and
 * over under a timer of PERIOD microseconds (200; on a machine that needs as long for its handler
 * nothing else would run), and compares before and after each: all registers, those of the vector
 * unit too, flags, the result (calls run twice, or not at all, give another one), and at the end
 * the signal mask, mappings, descriptors, data and stack. Prints how many processes were found
 * under a seccomp filter at their end, which only the kernel (proc_pid_status(5)) can say. Status
 * 1 and a message for any difference; 77 where the assembly, inject_check_MACHINE.h, is not
 * written.
 */
#include <stdio.h>

#if !defined __x86_64__ && !defined __aarch64__
int main(void)
{
	fputs("inject_check: not written for this machine\n", stderr);
	return 77;
}
#else

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define NOBODY      65534
#define THREADS     4
#define ROUNDS      30 /* of about 15 calls each: the first few teach, then it is quiet */
#define IN_FLIGHT   2  /* generations at once */
#define DATA_WORDS  4096
#define STACK_WORDS 1024
#define MAPS_MAX    (1 << 16)

/* What the processes of the chain share. */
struct shared {
	atomic_int done;
	atomic_int filtered;
	atomic_int failed;
	atomic_long ticks;
	atomic_long calls;
};
static struct shared *shared;
static long period_ns = 200000; /* of a process: its threads share that */
static bool stopped, drops;

/* A thread of a generation, and the state of what its calls count up. */
struct self {
	int generation, number;
	bool alone; /* no other thread: what the whole process shares may be tried too */
	uint64_t random;
	atomic_int ticks;
	int notify;       /* the handler writes its count of bytes there */
	int pipe[2];      /* what it reads from */
	int memory;       /* a memfd */
	uint64_t written; /* words in the memfd */
	int64_t offset;   /* of lseek(2) */
	int64_t mask;     /* of umask(2) */
	atomic_uchar sent, received;
	atomic_int in_pipe;
	sigset_t blocked;
	uint64_t calls;
};
static __thread struct self *self;
static uint64_t data[DATA_WORDS];

static void fail(const char *what, int64_t got, int64_t wanted)
{
	char text[200];
	int length = snprintf(text, sizeof text,
			      "inject_check: generation %d thread %d: %s is %#llx, wanted %#llx\n",
			      self ? self->generation : -1, self ? self->number : -1, what,
			      (unsigned long long)got, (unsigned long long)wanted);

	if (write(2, text, (size_t)length) < 0)
		_exit(2);
	atomic_fetch_add(&shared->failed, 1);
	_exit(1);
}

static void same(const char *what, int64_t got, int64_t wanted)
{
	if (got != wanted)
		fail(what, got, wanted);
}

static uint64_t draw(uint64_t *state)
{
	uint64_t mixed = *state += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
	return mixed ^ (mixed >> 31);
}

/* ---- one call ---- */

#ifdef __x86_64__
#include "inject_check_x86_64.h"
#else
#include "inject_check_aarch64.h"
#endif

static int64_t call(long nr, int64_t a, int64_t b, int64_t c, int64_t d)
{
	struct state in, out = { 0 };
	int64_t args[6] = {
		a, b, c, d, (int64_t)draw(&self->random), (int64_t)draw(&self->random)
	};

	fill(&in, nr, args);
	checked_call(&in, &out);
	compare(&in, &out);
	self->calls++;
	return result_of(&out);
}

/* ---- the timer ---- */

/*
 * Makes a call too, which may be the one at which the filter is injected. The frame has the mask
 * that the thread had: all signals blocked there would be an injection's.
 */
static void tick(int number, siginfo_t *info, void *context)
{
	ucontext_t *frame = context;
	int saved = errno;
	sigset_t blocked;
	unsigned char byte;

	(void)number;
	(void)info;
	spoil_vectors();
	if (!self)
		return;
	self->ticks++;
	same("mask of the frame", memcmp(&frame->uc_sigmask, &self->blocked, 8), 0);
	if (self->ticks % 8 == 0 &&
	    (syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, 8L) < 0 ||
	     !sigismember(&blocked, number)))
		fail("mask of the handler", 0, 1);
	if (self->in_pipe < 2) {
		byte = self->sent++;
		self->in_pipe++;
		if (write(self->notify, &byte, 1) != 1)
			fail("write of the handler", errno, 0);
	}
	errno = saved;
}

static timer_t start_timer(void)
{
	long period = self->alone ? period_ns : period_ns * THREADS;
	struct itimerspec every = { { 0, period }, { 0, period } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	timer_t timer = NULL;

	if (self->alone && self->generation % 2) {
		struct itimerval plain = { { 0, period / 1000 }, { 0, period / 1000 } };
		if (setitimer(ITIMER_REAL, &plain, NULL) < 0)
			fail("setitimer", errno, 0);
		return NULL;
	}
	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, 0, &every, NULL) < 0)
		fail("timer", errno, 0);
	return timer;
}

/* A signal that is under way still comes: the caller is not to vanish before. */
static void stop_timer(timer_t timer)
{
	struct itimerval none = { 0 };

	if (self->alone && self->generation % 2)
		setitimer(ITIMER_REAL, &none, NULL);
	else
		timer_delete(timer);
}

/* ---- the calls ---- */

/* Calls whose results say how often they ran. */
static void round_of_counters(void)
{
	uint64_t word = self->written;
	unsigned char byte = 0;
	sigset_t blocked;

	same("lseek", call(SYS_lseek, self->memory, 1, SEEK_CUR, 0), ++self->offset);
	same("lseek back", call(SYS_lseek, self->memory, (int64_t)self->written * 8, SEEK_SET, 0),
	     (int64_t)self->written * 8);
	same("write", call(SYS_write, self->memory, (int64_t)&word, 8, 0), 8);
	self->offset = (int64_t)++self->written * 8;
	same("lseek, none", call(SYS_lseek, self->memory, 0, SEEK_CUR, 0), self->offset);
	int64_t fd = call(SYS_dup, self->memory, 0, 0, 0);
	if (fd < 0)
		fail("dup", fd, 0);
	same("close", call(SYS_close, fd, 0, 0, 0), 0);
	same("close again", self->alone ? call(SYS_close, fd, 0, 0, 0) : -EBADF, -EBADF);
	same("rt_sigprocmask", call(SYS_rt_sigprocmask, SIG_BLOCK, 0, (int64_t)&blocked, 8), 0);
	same("signal mask", memcmp(&blocked, &self->blocked, 8), 0);
	if (self->alone) {
		int64_t mask = (int64_t)(draw(&self->random) & 0777);
		same("umask", call(SYS_umask, mask, 0, 0, 0), self->mask);
		self->mask = mask;
	}
	/* Waits for a signal, whose handler sends; read(2) is started again behind it. */
	if (self->written % 4 == 0) {
		same("read", call(SYS_read, self->pipe[0], (int64_t)&byte, 1, 0), 1);
		self->in_pipe--;
		same("byte read", byte, self->received);
		self->received++;
	}
}

static void round_of_queries(void)
{
	static const struct timespec moment = { 0, 50000 };
	struct timespec now = { 0 };

	same("getpid", call(SYS_getpid, 0, 0, 0, 0), getpid());
	same("gettid", call(SYS_gettid, 0, 0, 0, 0), syscall(SYS_gettid));
	same("getuid", call(SYS_getuid, 0, 0, 0, 0), getuid());
	same("sched_yield", call(SYS_sched_yield, 0, 0, 0, 0), 0);
	same("clock_gettime", call(SYS_clock_gettime, CLOCK_MONOTONIC, (int64_t)&now, 0, 0), 0);
	same("write, refused", call(SYS_write, 1000, 0, 1, 0), -EBADF);
	same("read at the end", call(SYS_read, self->memory, (int64_t)&now, 8, 0), 0);
	int64_t slept = call(SYS_nanosleep, (int64_t)&moment, 0, 0, 0);
	if (slept != 0 && slept != -EINTR)
		fail("nanosleep", slept, 0);
}

/* The memory file has each word once, in order. */
static void check_written(void)
{
	uint64_t word;

	for (uint64_t i = 0; i < self->written; i++)
		if (pread(self->memory, &word, 8, (off_t)i * 8) != 8 || word != i)
			fail("word of the file", (int64_t)word, (int64_t)i);
	struct stat st;
	if (fstat(self->memory, &st) < 0)
		fail("fstat", errno, 0);
	same("size of the file", st.st_size, (int64_t)self->written * 8);
}

/* ---- what the whole process has ---- */

static uint64_t checksum(const volatile uint64_t *words, size_t count)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < count; i++)
		sum = (sum ^ words[i]) * 0x100000001b3;
	return sum;
}

static size_t read_file(const char *name, char *text, size_t size)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t count;

	if (fd < 0)
		fail(name, errno, 0);
	while ((count = read(fd, text + length, size - 1 - length)) > 0)
		length += (size_t)count;
	close(fd);
	text[length] = 0;
	if (count < 0 || length == size - 1)
		fail(name, count, 0);
	return length;
}

/* A sum of the numbers of the open descriptors, which the kernel lists in their order. */
static uint64_t descriptors(void)
{
	char buffer[4096];
	uint64_t sum = 0;
	long count;
	int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail("/proc/self/fd", errno, 0);
	while ((count = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < count;) {
			struct dirent64 *entry = (struct dirent64 *)(buffer + at);
			int number = atoi(entry->d_name);
			if (entry->d_name[0] != '.' && number != fd)
				sum = (sum ^ (uint64_t)number) * 0x100000001b3 + 1;
			at += entry->d_reclen;
		}
	close(fd);
	return sum;
}

static bool is_filtered(void)
{
	char text[8192];

	read_file("/proc/self/status", text, sizeof text);
	const char *line = strstr(text, "\nSeccomp:\t");
	if (!line)
		fail("Seccomp: of /proc/self/status", 0, 1);
	return line[10] == '2';
}

/* Where the lines first differ: for the message. */
static void same_maps(const char *before, const char *after)
{
	size_t at = 0;

	if (strcmp(before, after) == 0)
		return;
	while (before[at] == after[at])
		at++;
	while (at && before[at - 1] != '\n')
		at--;
	fprintf(stderr, "inject_check: was %.*s\ninject_check: is  %.*s\n",
		(int)strcspn(before + at, "\n"), before + at, (int)strcspn(after + at, "\n"),
		after + at);
	fail("mappings", 1, 0);
}

/* ---- a thread, a generation, the chain ---- */

struct generation {
	struct self selves[THREADS];
	pthread_barrier_t ready, finished;
	char before[MAPS_MAX], after[MAPS_MAX];
	char alternate[THREADS][1 << 16] __attribute__((aligned(64)));
};
static struct generation the;

static void prepare(struct self *own)
{
	stack_t alternate = { .ss_sp = the.alternate[own->number],
			      .ss_size = sizeof *the.alternate };
	sigset_t blocked;

	self = own;
	self->random = (uint64_t)self->generation * THREADS + (uint64_t)self->number;
	self->memory = memfd_create("inject_check", MFD_CLOEXEC);
	if (self->memory < 0 || pipe2(self->pipe, O_CLOEXEC) < 0)
		fail("memfd_create or pipe2", errno, 0);
	self->notify = self->pipe[1];
	/* its handler runs there only if the generation asks for SA_ONSTACK */
	if (sigaltstack(&alternate, NULL) < 0)
		fail("sigaltstack", errno, 0);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigaddset(&blocked, SIGRTMIN + 3);
	if (pthread_sigmask(SIG_SETMASK, &blocked, NULL) != 0)
		fail("pthread_sigmask", 1, 0);
	self->blocked = blocked;
	self->mask = 022;
	if (self->alone)
		umask(022);
}

static void work(void)
{
	volatile uint64_t stack[STACK_WORDS];
	stack_t alternate;

	for (size_t i = 0; i < STACK_WORDS; i++)
		stack[i] = draw(&self->random);
	uint64_t sum = checksum(stack, STACK_WORDS);
	timer_t timer = start_timer();
	if (drops) {
		same("setresuid", call(SYS_setresuid, NOBODY, NOBODY, NOBODY, 0), 0);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* /proc/self stays its own */
	}
	for (int i = 0; i < ROUNDS; i++) {
		round_of_counters();
		if (i % 3 == 0)
			round_of_queries();
	}
	stop_timer(timer);
	same("stack", (int64_t)checksum(stack, STACK_WORDS), (int64_t)sum);
	check_written();
	if (sigaltstack(NULL, &alternate) < 0)
		fail("sigaltstack", errno, 0);
	same("alternate stack", (int64_t)alternate.ss_sp, (int64_t)the.alternate[self->number]);
	atomic_fetch_add(&shared->ticks, self->ticks);
	atomic_fetch_add(&shared->calls, (long)self->calls);
}

static void *thread_main(void *arg)
{
	prepare(arg);
	pthread_barrier_wait(&the.ready);
	/* the first thread looks at the mappings here */
	pthread_barrier_wait(&the.ready);
	work();
	pthread_barrier_wait(&the.finished);
	pthread_barrier_wait(&the.finished);
	return NULL;
}

/* Stops and continues its parent until it is told to end. */
static void stop_and_continue(const atomic_bool *end, uint64_t random)
{
	uint64_t unit = (uint64_t)period_ns / 1000;
	pid_t parent = getppid();

	while (!*end && getppid() == parent) {
		kill(parent, SIGSTOP);
		usleep((useconds_t)(draw(&random) % unit));
		kill(parent, SIGCONT);
		usleep((useconds_t)(draw(&random) % (3 * unit)));
	}
	_exit(0);
}

static void work_stopped(int generation)
{
	atomic_bool *end =
		mmap(NULL, sizeof *end, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = end == MAP_FAILED ? -1 : fork();
	int status;

	if (pid < 0)
		fail("mmap or fork", errno, 0);
	if (pid == 0)
		stop_and_continue(end, (uint64_t)generation);
	work();
	*end = true;
	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			fail("waitpid", errno, 0);
	same("status of who stops", status, 0);
	munmap(end, sizeof *end);
}

static void generation_main(int generation, int threads)
{
	struct sigaction action = { .sa_sigaction = tick, .sa_flags = SA_SIGINFO | SA_RESTART };
	pthread_t thread[THREADS];

	if (generation / 2 % 2)
		action.sa_flags |= SA_ONSTACK;
	sigaction(SIGALRM, &action, NULL);
	for (size_t i = 0; i < DATA_WORDS; i++)
		data[i] = i * 0x9e3779b97f4a7c15 + (uint64_t)generation;
	pthread_barrier_init(&the.ready, NULL, (unsigned int)threads);
	pthread_barrier_init(&the.finished, NULL, (unsigned int)threads);
	for (int i = 0; i < threads; i++) {
		the.selves[i].generation = generation;
		the.selves[i].number = i;
		the.selves[i].alone = threads == 1;
		if (i && pthread_create(&thread[i], NULL, thread_main, &the.selves[i]) != 0)
			fail("pthread_create", 1, 0);
	}
	prepare(&the.selves[0]);
	pthread_barrier_wait(&the.ready);
	uint64_t sum = checksum(data, DATA_WORDS), open_before = descriptors();
	int new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	bool root = geteuid() == 0;
	read_file("/proc/self/maps", the.before, sizeof the.before);
	pthread_barrier_wait(&the.ready);
	if (stopped)
		work_stopped(generation);
	else
		work();
	pthread_barrier_wait(&the.finished);
	read_file("/proc/self/maps", the.after, sizeof the.after);
	same_maps(the.before, the.after);
	same("descriptors", (int64_t)descriptors(), (int64_t)open_before);
	same("data", (int64_t)checksum(data, DATA_WORDS), (int64_t)sum);
	if (root)
		same("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), new_privs);
	if (is_filtered())
		atomic_fetch_add(&shared->filtered, 1);
	pthread_barrier_wait(&the.finished);
	for (int i = 1; i < threads; i++)
		pthread_join(thread[i], NULL);
}

/* Never before the generation in question is near: they would all live at once. */
static void await_turn(int generation)
{
	int done;

	while ((done = shared->done) < generation - IN_FLIGHT) {
		if (shared->failed)
			_exit(0);
		syscall(SYS_futex, &shared->done, 0 /* FUTEX_WAIT */, done, NULL, NULL, 0);
	}
}

static void chain(int generation, int total, int threads)
{
	for (;; generation++) {
		await_turn(generation);
		pid_t pid = generation + 1 < total ? fork() : 1;
		if (pid < 0)
			fail("fork", errno, 0);
		if (pid != 0)
			break;
	}
	generation_main(generation, threads);
	atomic_fetch_add(&shared->done, 1);
	syscall(SYS_futex, &shared->done, 1 /* FUTEX_WAKE */, 1000, NULL, NULL, 0);
	_exit(0);
}

int main(int argc, char **argv)
{
	int threads = argc > 1 && strcmp(argv[1], "threads") == 0 ? THREADS : 1;
	int total = argc > 2 ? atoi(argv[2]) : 0, bad = 0, status;

	stopped = argc > 1 && strcmp(argv[1], "stops") == 0;
	drops = argc > 1 && strcmp(argv[1], "drops") == 0;
	if (argc > 3)
		period_ns = atol(argv[3]) * 1000;
	if (total < 1 || period_ns < 1000)
		errx(2, "usage: inject_check chain|threads|stops|drops N [PERIOD]");
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		err(2, "mmap or prctl");
	pid_t pid = fork();
	if (pid < 0)
		err(2, "fork");
	if (pid == 0)
		chain(0, total, threads);
	while ((pid = wait(&status)) > 0)
		if (status != 0) {
			warnx("process %d ended with wait status %#x", (int)pid, status);
			/* the next in line would wait for it */
			shared->failed++;
			shared->done++;
			syscall(SYS_futex, &shared->done, 1, 1000, NULL, NULL, 0);
			bad++;
		}
	printf("%s: %d of %d done, %d filtered, %ld calls, %ld ticks\n", argv[1], shared->done,
	       total, shared->filtered, shared->calls, shared->ticks);
	return bad || shared->failed || shared->done != total;
}
#endif
