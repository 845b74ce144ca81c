/*
 * What is hard on an engine that lets known calls run: the same calls over and over, while
 * something else happens to the process. What it prints does not depend on timing.
 *
 *	engine_storm timer N        N calls under a 5 kHz timer
 *	engine_storm interrupts N   the same, and its handler lets no call be restarted
 *	engine_storm threads N      N threads at once, of 200 calls each
 *	engine_storm forks N        N processes, 16 at a time, of 30 calls each
 *	engine_storm execs N        executes itself N times, 60 calls each
 *	engine_storm thread-exec N  the same from another thread than the first, while others call
 *	engine_storm vforks N       N vfork(2) children one behind the other, every fourth executes
 *	engine_storm stops N        a calling child is stopped and continued N times
 *	engine_storm kills N        N calling children, some with threads, are killed at any point
 *	engine_storm orphans N      N processes that outlive their parents; waits for them
 *	engine_storm memory N       N calls with no address space left
 *	engine_storm locked N       N calls with all memory locked
 *	engine_storm ptrace N       traces a child of its own by N stops
 *	engine_storm first N        N children, each the first of a pid namespace, make a fault
 *	engine_storm shared N       N pairs of processes that use the same descriptors
 *	engine_storm crowd N        N processes at once look at names, and wait for each other
 *	engine_storm listened N     calls, then executes itself from a thread as thread-exec does
 *	engine_storm own-exec N     N calls; a thread executes while the first installs a filter
 *	engine_storm closes N       N times closes all descriptors, known or not
 *	engine_storm full N         N looks at names with no number for a descriptor left
 *	engine_storm waits N        N times reads a byte, then waits by the same call for a signal
 *	engine_storm endless        calls until it is killed
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static char *self;

/* Names are looked at by another way than other calls: what is there, and what is not. */
static bool finds_names(void)
{
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int none = open("/no/such/name", O_RDONLY | O_CLOEXEC);
	bool missing = none < 0 && errno == ENOENT;

	return root >= 0 && close(root) == 0 && missing && access("/", F_OK) == 0;
}

/* Calls whose results say that each was made, once: a file's position, and the parent. */
static int calls(int count)
{
	int fd = memfd_create("storm", MFD_CLOEXEC), wrong = 0;
	pid_t parent = getppid();

	for (int i = 0; i < count; i++) {
		if (lseek(fd, 3, SEEK_CUR) != (off_t)(i + 1) * 3)
			wrong++;
		if (i % 4 == 0 && syscall(SYS_getppid) != parent)
			wrong++;
		if (i % 8 == 0 && close(-1) == 0)
			wrong++;
		if (i % 16 == 0 && !finds_names())
			wrong++;
	}
	close(fd);
	return wrong;
}

static pid_t child(void)
{
	pid_t pid;

	fflush(NULL);
	/* the limits of this machine, or of the one who calls, may be near */
	while ((pid = fork()) < 0 && errno == EAGAIN)
		usleep(1000);
	if (pid < 0)
		err(2, "fork");
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			err(2, "waitpid");
	return status;
}

static volatile sig_atomic_t ticks;

static void tick(int number)
{
	(void)number;
	ticks++;
}

static void under_timer(int count, int flags)
{
	struct itimerval often = { { 0, 200 }, { 0, 200 } };
	struct sigaction action = { .sa_handler = tick, .sa_flags = flags };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	int wrong = calls(count);
	while (ticks < 3)
		pause();
	printf("%d wrong\n", wrong);
}

static void kind_timer(int count)
{
	under_timer(count, SA_RESTART);
}

static void kind_interrupts(int count)
{
	under_timer(count, 0);
}

/* The call that takes a byte is the one that is interrupted next: EINTR, and nothing but that. */
static void kind_waits(int count)
{
	const struct itimerval often = { { 0, 3000 }, { 0, 3000 } }, never = { 0 };
	struct sigaction action = { .sa_handler = tick };
	int ends[2], good = 0;
	char byte;

	sigaction(SIGALRM, &action, NULL);
	if (pipe(ends) < 0)
		err(2, "pipe");
	for (int i = 0; i < count; i++) {
		bool took = write(ends[1], "x", 1) == 1 && read(ends[0], &byte, 1) == 1;

		setitimer(ITIMER_REAL, &often, NULL);
		good += took && read(ends[0], &byte, 1) < 0 && errno == EINTR;
		setitimer(ITIMER_REAL, &never, NULL);
	}
	printf("%d waited\n", good);
}

static void *thread_calls(void *arg)
{
	return (void *)(intptr_t)calls((int)(intptr_t)arg);
}

static void kind_threads(int count)
{
	pthread_t *thread = calloc((size_t)count, sizeof *thread);
	pthread_attr_t small;
	int wrong = 0, started = 0;
	void *result;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 1 << 16);
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread[i], &small, thread_calls, (void *)200) == 0)
			started++;
	for (int i = 0; i < started; i++) {
		pthread_join(thread[i], &result);
		wrong += (int)(intptr_t)result;
	}
	free(thread);
	printf("%d threads, %d wrong\n", started, wrong);
}

static void kind_forks(int count)
{
	int good = 0, running = 0, status;

	for (int i = 0; i < count || running; i++) {
		if (i < count) {
			if (child() == 0)
				_exit(calls(30));
			running++;
		}
		if (running == 16 || i >= count) {
			wait(&status);
			running--;
			good += status == 0;
		}
	}
	printf("%d good\n", good);
}

static void again(const char *kind, int count)
{
	char text[16];

	snprintf(text, sizeof text, "%d", count - 1);
	execl(self, self, kind, text, NULL);
	err(2, "exec");
}

static void kind_execs(int count)
{
	int wrong = calls(60);

	if (wrong)
		printf("%d wrong\n", wrong);
	if (count > 1)
		again("execs", count);
	printf("last\n");
}

static void *thread_loops(void *arg)
{
	for (;;)
		if (calls(100))
			errx(1, "wrong");
	return arg;
}

static void *thread_again(void *arg)
{
	int count = (int)(intptr_t)arg;

	if (calls(10 + 40 * (count % 4)))
		errx(1, "wrong");
	again("thread-exec", count);
	return NULL;
}

static void kind_thread_exec(int count)
{
	pthread_t thread;

	if (count <= 1) {
		printf("last\n");
		return;
	}
	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, thread_loops, NULL);
	pthread_create(&thread, NULL, thread_again, (void *)(intptr_t)count);
	thread_loops(NULL);
}

/* The child has the parent's stack: a function of its own has none of the loop's variables. */
static __attribute__((noinline)) pid_t vfork_one(bool executes)
{
	pid_t pid = vfork();

	if (pid == 0 && executes)
		execl(self, self, "execs", "1", NULL);
	if (pid == 0)
		_exit(7);
	return pid;
}

static void kind_vforks(int count)
{
	int good = 0;

	fflush(stdout);
	for (int i = 0; i < count; i++)
		good += status_of(vfork_one(i % 4 == 0)) == 7 << 8;
	printf("%d good\n", good);
}

static void kind_stops(int count)
{
	int good = 0, status;
	atomic_int *done =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = child();

	if (pid == 0) {
		int wrong = 0;
		while (!*done)
			wrong += calls(50);
		_exit(wrong ? 1 : 5);
	}
	for (int i = 0; i < count; i++) {
		kill(pid, SIGSTOP);
		if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
		    WSTOPSIG(status) != SIGSTOP)
			errx(1, "not stopped: %#x", (unsigned int)status);
		kill(pid, SIGCONT);
		if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status))
			errx(1, "not continued: %#x", (unsigned int)status);
		good++;
		usleep((useconds_t)(i * 37 % 700));
	}
	*done = 1;
	printf("%d times, then %#x\n", good, (unsigned int)status_of(pid));
}

static void kind_kills(int count)
{
	int good = 0;

	for (int i = 0; i < count; i++) {
		pid_t pid = child();
		if (pid == 0) {
			pthread_t thread;
			for (int k = 0; k < i % 3; k++)
				pthread_create(&thread, NULL, thread_loops, NULL);
			thread_loops(NULL);
		}
		usleep((useconds_t)(i * 131 % 9000));
		kill(pid, SIGKILL);
		good += status_of(pid) == SIGKILL;
	}
	printf("%d killed\n", good);
}

static void kind_orphans(int count)
{
	int ends[2], good = 0;
	char byte;

	if (pipe(ends) < 0)
		err(2, "pipe");
	for (int i = 0; i < count; i++) {
		pid_t pid = child();
		if (pid == 0) {
			pid_t parent = getpid();

			if (fork() != 0)
				_exit(0);
			while (getppid() == parent)
				usleep(1000);
			byte = (char)calls(200);
			_exit(write(ends[1], &byte, 1) != 1);
		}
		status_of(pid);
	}
	close(ends[1]);
	while (read(ends[0], &byte, 1) == 1)
		good += byte == 0;
	printf("%d good\n", good);
}

static void kind_memory(int count)
{
	struct rlimit limit = { 1 << 20, RLIM_INFINITY };

	fflush(stdout);
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		err(2, "setrlimit");
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int wrong = calls(count);
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_AS, &limit);
	printf("mapped %d, %d wrong, then %d wrong\n", at != MAP_FAILED, wrong, calls(count));
}

static void kind_locked(int count)
{
	int locked = mlockall(MCL_CURRENT | MCL_FUTURE);

	printf("locked %d, %d wrong\n", locked, calls(count));
}

static void kind_ptrace(int count)
{
	int status, stops = 0;
	pid_t pid = child();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(77);
		raise(SIGSTOP);
		_exit(calls(count));
	}
	for (;;) {
		if (waitpid(pid, &status, 0) != pid)
			err(2, "waitpid");
		if (!WIFSTOPPED(status))
			break;
		stops++;
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	}
	printf("%s, status %#x\n", stops > count ? "traced" : "not traced", (unsigned int)status);
}

/* No signal ends the first process of a pid namespace but SIGKILL, and a fault of its own. */
static void kind_first(int count)
{
	volatile int *volatile nowhere = NULL;
	int good = 0;

	for (int i = 0; i < count; i++) {
		pid_t pid = child();
		if (pid == 0) {
			if (unshare(CLONE_NEWPID) < 0)
				_exit(77);
			pid = child();
			if (pid == 0)
				*nowhere = calls(100);
			_exit((status_of(pid) & 0x7f) == SIGSEGV ? 0 : 1); /* with a core or not */
		}
		good += status_of(pid) == 0;
	}
	printf("%d ended by a fault\n", good);
}

static atomic_int *finished;

/* None but these are there: each number is the lowest that is free. */
static int use_descriptors(void *arg)
{
	const int *first = arg, second = *first + 1;
	int wrong = 0;

	while (!*finished)
		if (dup(STDOUT_FILENO) != *first || dup2(STDOUT_FILENO, second) != second ||
		    close(second) < 0 || close(*first) < 0)
			wrong++;
	_exit(wrong ? 1 : 5);
}

/* It has its descriptors in common with a process of its own. */
static int share_descriptors(void)
{
	const size_t size = 1 << 16;
	char *stack = malloc(size);
	int first = dup(STDOUT_FILENO), wrong = 0;

	close(first);
	finished = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = clone(use_descriptors, stack + size, CLONE_FILES | SIGCHLD, &first);
	for (int i = 0; i < 600; i++)
		if (access("/", F_OK) < 0 || access("/no/such/name", F_OK) == 0 || getppid() == 0)
			wrong++;
	*finished = 1;
	return wrong + (status_of(pid) != 5 << 8);
}

static void kind_shared(int count)
{
	pid_t *pids = calloc((size_t)count, sizeof(*pids));
	int good = 0;

	for (int i = 0; i < count; i++) {
		pids[i] = child();
		if (pids[i] == 0)
			_exit(share_descriptors() ? 1 : 0);
	}
	for (int i = 0; i < count; i++)
		good += status_of(pids[i]) == 0;
	printf("%d good\n", good);
	free(pids);
}

static void kind_crowd(int count)
{
	pid_t *pids = calloc((size_t)count, sizeof(*pids));
	int ends[2], good = 0, wrong = calls(1000);
	char byte;

	if (pipe(ends) < 0)
		err(2, "pipe");
	for (int i = 0; i < count; i++) {
		pids[i] = child();
		if (pids[i] == 0) {
			close(ends[1]);
			bool before = finds_names();
			bool waited = read(ends[0], &byte, 1) == 0;
			_exit(before && waited && finds_names() ? 0 : 1);
		}
	}
	close(ends[1]);
	for (int i = 0; i < count; i++)
		good += status_of(pids[i]) == 0;
	printf("%d good, %d wrong\n", good, wrong);
	free(pids);
}

/* One thread has its filter already when others come. */
static void kind_listened(int count)
{
	int wrong = calls(1000);

	if (wrong)
		printf("%d wrong\n", wrong);
	kind_thread_exec(count);
}

static atomic_bool executes;

/* It takes the kernel a while, which is when the first thread makes its call. */
static void *execute_long(void *unused)
{
	static char word[128 << 10]; /* MAX_ARG_STRLEN */
	char *argv[17] = { self, "execs", "1" };

	memset(word, 'x', sizeof(word) - 1);
	for (size_t i = 3; i < sizeof(argv) / sizeof(*argv) - 1; i++)
		argv[i] = word;
	executes = true;
	execv(self, argv);
	err(2, "%s", self);
	return unused;
}

static void kind_own_exec(int count)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };
	pthread_t thread;

	if (calls(count))
		errx(1, "wrong");
	if (pthread_create(&thread, NULL, execute_long, NULL) != 0)
		errx(2, "cannot make a thread");
	while (!executes)
		;
	for (volatile int i = 0; i < 1000000; i++)
		;
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	pthread_join(thread, NULL);
}

static void kind_closes(int count)
{
	const unsigned int first = STDERR_FILENO + 1;
	int wrong = 0;

	for (int i = 0; i < count; i++) {
		syscall(SYS_close_range, first, ~0U, 0);
		if (!finds_names() || dup(STDOUT_FILENO) != (int)first ||
		    dup2(STDOUT_FILENO, (int)first + 1) != (int)first + 1)
			wrong++;
	}
	printf("%d wrong\n", wrong);
}

static void kind_full(int count)
{
	struct rlimit limit = { STDERR_FILENO + 1, STDERR_FILENO + 1 };
	int wrong = 0;

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(2, "setrlimit");
	for (int i = 0; i < count; i++) {
		if (open("/", O_RDONLY) >= 0 || errno != EMFILE || access("/", F_OK) < 0 ||
		    access("/no/such/name", F_OK) == 0)
			wrong++;
	}
	printf("%d wrong\n", wrong);
}

static void *look_once(void *unused)
{
	return access("/", F_OK) < 0 ? &errno : unused;
}

static int have_looks(void)
{
	pthread_t threads[4];
	void *result;
	int wrong = 0;

	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, look_once, NULL) != 0)
			return 1;
	for (int i = 0; i < 4; i++)
		wrong |= pthread_join(threads[i], &result) != 0 || result;
	return wrong;
}

/* Processes and threads that hardly live: some end before their creator can report them. */
static void kind_brief(int count)
{
	int good = 0;

	for (int i = 0; i < count; i++) {
		pid_t pids[8];

		for (int k = 0; k < 8; k++) {
			pids[k] = child();
			if (pids[k] == 0)
				_exit(have_looks());
		}
		for (int k = 0; k < 8; k++)
			good += status_of(pids[k]) == 0;
	}
	printf("%d good\n", good);
}

static void kind_endless(int count)
{
	(void)count;
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	for (;;) {
		int wrong = calls(200);

		if (wrong && printf("%d wrong\n", wrong) > 0)
			fflush(stdout);
	}
}

static const struct {
	const char *name;
	void (*run)(int count);
} kinds[] = {
	{ "timer", kind_timer },       { "threads", kind_threads },
	{ "forks", kind_forks },       { "execs", kind_execs },
	{ "stops", kind_stops },       { "thread-exec", kind_thread_exec },
	{ "vforks", kind_vforks },     { "kills", kind_kills },
	{ "memory", kind_memory },     { "orphans", kind_orphans },
	{ "locked", kind_locked },     { "ptrace", kind_ptrace },
	{ "endless", kind_endless },   { "interrupts", kind_interrupts },
	{ "crowd", kind_crowd },       { "listened", kind_listened },
	{ "closes", kind_closes },     { "full", kind_full },
	{ "first", kind_first },       { "shared", kind_shared },
	{ "brief", kind_brief },       { "waits", kind_waits },
	{ "own-exec", kind_own_exec },
};

int main(int argc, char **argv)
{
	self = argv[0];
	for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(argv[1], kinds[i].name) == 0) {
			kinds[i].run(argc > 2 ? atoi(argv[2]) : 0);
			return 7;
		}
	errx(2, "usage: engine_storm KIND N");
}
