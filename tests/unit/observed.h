/*
 * For tests of the observer on real calls: a test program runs itself, with the name of a scenario,
 * under the tracer, and looks at the facts.
 */
#ifndef OBSERVED_H
#define OBSERVED_H

#include <whittle/evidence.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static char self[PATH_MAX]; /* this program */
static char top[PATH_MAX];  /* the directory of the test, resolved */

/* The ABI that this program calls the kernel by. */
static inline const char *native(void)
{
	return abi_of_machine(NULL)->name;
}

/* Does a filter of these calls let this one run? As the kernel would judge it. */
static inline bool allows(const struct free_call *calls, size_t count, uint64_t nr,
			  const uint64_t args[6])
{
	for (size_t i = 0; i < count; i++) {
		size_t matched = 0;

		if (calls[i].nr != nr)
			continue;
		for (size_t k = 0; k < calls[i].arg_count; k++) {
			const struct free_arg *arg = &calls[i].args[k];
			size_t at = 0;

			while (at < arg->count && arg->values[at] != (args[arg->index] & arg->mask))
				at++;
			matched += at < arg->count;
		}
		if (matched == calls[i].arg_count)
			return true;
	}
	return false;
}

/* ---- the other side: facts of a run ---- */

struct run {
	struct evidence *evidence;
	bool listening;
	int status;
};

static void add_fact(void *context, const struct fact *fact)
{
	evidence_add(context, 0, fact);
}

static void add_loss(void *context, const char *kind)
{
	evidence_add_loss(context, 0, kind);
}

static void add_limitation(void *context, const char *kind)
{
	evidence_add_limitation(context, 0, kind);
}

static void record_command(struct run *run, const char *path, char *const argv[])
{
	struct error err = { .kind = ERROR_NONE };
	struct event event;
	struct trace *trace;

	run->evidence = evidence_new();
	evidence_begin_run(run->evidence, "test");
	struct fact_sink sink = { run->evidence, add_fact, add_loss, add_limitation };
	struct observer *observer =
		observer_new(&sink, OBSERVE_CAPS | OBSERVE_PATHS | OBSERVE_STAT);
	struct trace_options how = { .engine = ENGINE_PTRACE };
	if (trace_start(path, argv, &how, &trace, &err) < 0)
		fail_msg("%s", err.text);
	while (trace_next(trace, &event, &err) == 1)
		observe(observer, &event);
	run->status = trace_main_status(trace);
	run->listening = observer_listening(observer);
	trace_free(trace);
	observer_free(observer);
}

static inline void record(struct run *run, const char *scenario)
{
	char *argv[] = { self, (char *)(uintptr_t)scenario, NULL };

	record_command(run, self, argv);
	if (run->status != 0 && strcmp(scenario, "killed") != 0)
		fail_msg("scenario %s ended with %#x", scenario, run->status);
}

/* How often there is a fact with these fields; NULL: any. */
static uint64_t count_fields(const struct run *run, enum fact_kind kind, const char *const *fields)
{
	size_t count;
	uint64_t found = 0;
	const struct evidence_fact **facts = evidence_facts(run->evidence, kind, &count);

	for (size_t i = 0; i < count; i++) {
		bool same = true;

		for (int k = 0; k < FACT_FIELDS && same; k++)
			same = !fields[k] || strcmp(fields[k], facts[i]->fact.field[k]) == 0;
		found += same ? facts[i]->counts[0] : 0;
	}
	free(facts);
	return found;
}
#define count_facts(run, kind, ...)                                                                \
	count_fields((run), (kind), (const char *const[FACT_FIELDS]){ __VA_ARGS__ })

static inline void dump(const struct run *run, enum fact_kind kind)
{
	size_t count;
	const struct evidence_fact **facts = evidence_facts(run->evidence, kind, &count);

	for (size_t i = 0; i < count; i++) {
		print_message("  %s:", fact_descs[kind].section);
		for (int k = 0; k < FACT_FIELDS && fact_descs[kind].field[k]; k++)
			print_message(" [%s]", facts[i]->fact.field[k]);
		print_message(" %llu\n", (unsigned long long)facts[i]->counts[0]);
	}
	free(facts);
}

#define expect(run, times, kind, ...)                                                              \
	do {                                                                                       \
		uint64_t found_ = count_facts((run), (kind), __VA_ARGS__);                         \
		if (found_ != (times)) {                                                           \
			dump((run), (kind));                                                       \
			fail_msg("line %d: %llu times, not %llu", __LINE__,                        \
				 (unsigned long long)found_, (unsigned long long)(times));         \
		}                                                                                  \
	} while (0)

static uint64_t count_notes(const struct evidence_note *notes, size_t count, const char *kind)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(notes[i].kind, kind) == 0)
			return notes[i].count;
	return 0;
}

static inline uint64_t limitations(const struct run *run, const char *kind)
{
	const struct evidence_run *at = evidence_run_at(run->evidence, 0);

	return count_notes(at->limitations, at->limitation_count, kind);
}

/* Ends a run; no test loses anything. */
static inline void done(struct run *run)
{
	const struct evidence_run *at = evidence_run_at(run->evidence, 0);

	for (size_t i = 0; i < at->loss_count; i++)
		fail_msg("lost: %s", at->losses[i].kind);
	evidence_free(run->evidence);
}

/* A path fact below top. */
static inline void expect_path(const struct run *run, const char *name, const char *access,
			       const char *owner, const char *target)
{
	AUTO_FREE char *path = xasprintf("%s/%s", top, name);
	AUTO_FREE char *other = target ? xasprintf("%s/%s", top, target) : xstrdup("");

	if (count_facts(run, FACT_PATH, path, access, owner, self, other) == 0) {
		dump(run, FACT_PATH);
		fail_msg("no %s of %s (%s) %s", access, path, owner, other);
	}
}

static inline void expect_no_path(const struct run *run, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", top, name);

	expect(run, 0, FACT_PATH, path);
}

/* A scenario: runs in a child, its calls are what is looked for. */
struct scenario {
	const char *name;
	void (*run)(void);
};

#define must(call)                                                                                 \
	do {                                                                                       \
		if ((call) < 0) {                                                                  \
			perror(#call);                                                             \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* A fresh directory for each test; its name is resolved already. */
static inline int setup(void **state)
{
	char name[] = "/tmp/whittle-observe-XXXXXX";

	(void)state;
	if (!mkdtemp(name) || !realpath(name, top) || setenv("WHITTLE_TEST_TOP", top, 1) < 0)
		return -1;
	return 0;
}

static inline int teardown(void **state)
{
	char *argv[] = { "rm", "-rf", top, NULL };
	pid_t child = fork();

	(void)state;
	if (chdir("/") < 0)
		return -1;
	if (child == 0) {
		execvp("rm", argv);
		_exit(127);
	}
	return waitpid(child, NULL, 0) == child ? 0 : -1;
}

#define live_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* To be called first by main(): runs the scenario that argv names and ends, if it names one. */
static inline void run_scenario(char **argv, const struct scenario *scenarios)
{
	const char *given = getenv("WHITTLE_TEST_TOP");

	if (!realpath("/proc/self/exe", self))
		exit(1);
	if (!argv[1])
		return;
	snprintf(top, sizeof(top), "%s", given ? given : "");
	for (; scenarios->name; scenarios++)
		if (strcmp(scenarios->name, argv[1]) == 0) {
			scenarios->run();
			_exit(0); /* a leak checker at the end could not work under ptrace */
		}
	exit(1);
}

#endif
