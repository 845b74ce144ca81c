/*
 * The observer on real calls as a filter or an engine without results shows them: what these leave
 * out must not change the facts.
 */
#include "observed.h"

#define DEFAULT (OBSERVE_CAPS | OBSERVE_PATHS)
#define ALL     (DEFAULT | OBSERVE_STAT)

static const char etc[] = "/etc/passwd";

static void use_once(int i, int pipe_end)
{
	if (i == 200) {
		must(rename("file-3", "file-x"));
		must(unlink("file-4"));
		must(mkdir("directory", 0755));
		must(fcntl(pipe_end, F_SETFL, O_NONBLOCK));
		must(fcntl(pipe_end, F_GETFL));
		must(close(socket(AF_INET, SOCK_DGRAM, 0)));
	}
	if (i == 270)
		must(kill(getpid(), 0));
}

static void scenario_busy(void)
{
	char name[64], text[64] = { 0 };
	int ends[2];

	must(pipe(ends));
	must(chdir(top));
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "file-%d", i % 7);
		int fd = open(name, O_RDWR | O_CREAT, 0644);
		must(fd);
		must(write(fd, name, sizeof(name)));
		must(lseek(fd, 0, SEEK_SET));
		must(read(fd, text, sizeof(text)));
		must(flock(fd, i % 2 ? LOCK_SH : LOCK_EX));
		must(close(fd));
		must(fd = open(etc, O_RDONLY));
		void *map = mmap(NULL, 4096, i == 250 ? PROT_READ | PROT_EXEC : PROT_READ,
				 MAP_PRIVATE, fd, 0);
		if (map == MAP_FAILED || munmap(map, 4096) < 0 || close(fd) < 0)
			_exit(1);
		if (open("no such file", O_RDONLY) >= 0 || access(name, R_OK) < 0)
			_exit(1);
		must(write(ends[1], name, 1));
		must(read(ends[0], text, 1));
		use_once(i, ends[0]);
	}
}

enum { MISSES = 1000 };

/* As each program's loader does: glibc asks for /etc/ld.so.preload. */
static void scenario_misses(void)
{
	must(chdir(top));
	for (int i = 0; i < MISSES; i++)
		if (access("file-none", R_OK) == 0)
			_exit(1);
}

/* What is there is opened without a look at the result, and what is missing is missed. */
static void scenario_opens(void)
{
	const char *const missing[] = { "file-race", "file-none" };

	must(chdir(top));
	must(close(open("file-read", O_RDONLY)));
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		int fd = open(missing[i], O_RDONLY);

		if ((fd >= 0) != (i == 0)) /* the test makes it between the look and the call */
			_exit(2);
	}
	must(close(open("file-fifo", O_RDONLY | O_NONBLOCK)));
	must(close(open("file-read", O_RDWR)));
	must(close(open("file-made", O_RDONLY | O_CREAT, 0600)));
	must(close(open("file-link", O_RDONLY)));
	/* fs.protected_symlinks may refuse it */
	int fd = open("file-shared/link", O_RDONLY);
	if (fd >= 0)
		close(fd);
}

/* How the facts are got: as they are; as an engine with filters, or without results, has them. */
enum mode { PLAIN, SKIPPING, FILTERED, WITHOUT_RESULTS };

struct meter {
	struct free_call *calls; /* of the filter, if there is one */
	size_t count;
	bool filtered;
	bool dropping; /* the result of the call under way does not come */
	unsigned int reported, skipped;
};

/* Is this event hidden by the filter, or a result that is not delivered? */
static bool drops(struct meter *meter, enum mode mode, struct event *event)
{
	if (event->kind == EVENT_ENTRY) {
		meter->dropping = meter->filtered &&
				  allows(meter->calls, meter->count, event->nr, event->args);
		if (mode == WITHOUT_RESULTS)
			event->result_mode = RESULT_NEVER;
		else if (mode == SKIPPING || meter->filtered)
			event->result_mode = RESULT_OPTIONAL;
		return meter->dropping;
	}
	return event->kind == EVENT_RESULT && (meter->dropping || mode == WITHOUT_RESULTS);
}

static void meter_event(struct meter *meter, enum mode mode, struct observer *observer,
			struct event *event)
{
	if (drops(meter, mode, event))
		return;
	meter->reported += event->kind == EVENT_ENTRY;
	unsigned int advice = observe(observer, event);
	if (advice & OBSERVE_SKIP_RESULT) {
		meter->dropping = true;
		meter->skipped++;
	}
	if (advice & OBSERVE_QUIET && mode == FILTERED) {
		assert_false(meter->filtered);
		meter->calls = observer_free_calls(observer, event->tgid, &meter->count);
		meter->filtered = true;
		observer_settle(observer, event->tgid);
	}
}

/* Of one thread only. */
static void record_in_mode(struct run *run, const char *scenario, enum mode mode,
			   unsigned int flags, struct meter *meter)
{
	struct trace_options how = { .engine = ENGINE_PTRACE };
	char *argv[] = { self, (char *)(uintptr_t)scenario, NULL };
	struct error err = { .kind = ERROR_NONE };
	struct event event;
	struct trace *trace;

	run->evidence = evidence_new();
	evidence_begin_run(run->evidence, "test");
	struct fact_sink to = { run->evidence, add_fact, add_loss, add_limitation };
	struct observer *observer = observer_new(&to, flags);
	*meter = (struct meter){ .calls = NULL };
	if (trace_start(self, argv, &how, &trace, &err) < 0)
		fail_msg("%s", err.text);
	while (trace_next(trace, &event, &err) == 1)
		meter_event(meter, mode, observer, &event);
	assert_int_equal(trace_main_status(trace), 0);
	trace_free(trace);
	observer_free(observer);
	free_calls_release(meter->calls, meter->count);
}

/* Each fact of a run the other has too; results of calls only if they come. */
static void expect_within(const struct run *few, const struct run *all, bool results)
{
	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++) {
		size_t count;
		const struct evidence_fact **facts = evidence_facts(few->evidence, kind, &count);

		for (size_t i = 0; i < count; i++) {
			const char *const *field = facts[i]->fact.field;
			const char *fields[FACT_FIELDS];

			memcpy(fields, field, sizeof(fields));
			if (kind == FACT_SYSCALL && !results)
				fields[SYSCALL_RESULT] = NULL;
			if (count_fields(all, kind, fields) == 0)
				fail_msg("only in one of them: %s [%s] [%s] [%s] [%s] [%s]",
					 fact_descs[kind].section, field[0], field[1], field[2],
					 field[3], field[4]);
		}
		free(facts);
	}
}

static void clean_up(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c", NULL, NULL };
	AUTO_FREE char *command = xasprintf("cd '%s' && rm -rf file-* directory", top);
	pid_t child = fork();

	argv[2] = command;
	if (child == 0) {
		execv("/bin/sh", argv);
		_exit(127);
	}
	waitpid(child, NULL, 0);
}

static void same_facts(unsigned int flags, unsigned int skipped)
{
	static const enum mode modes[] = { SKIPPING, FILTERED, WITHOUT_RESULTS };
	struct meter plain_meter, meter;
	struct run plain, other;

	record_in_mode(&plain, "busy", PLAIN, flags, &plain_meter);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		/* without paths an open is free once it succeeded: later failures are hidden */
		bool results = modes[i] != WITHOUT_RESULTS && flags & OBSERVE_PATHS;

		clean_up();
		record_in_mode(&other, "busy", modes[i], flags, &meter);
		expect_within(&other, &plain, results);
		expect_within(&plain, &other, results);
		if (modes[i] == SKIPPING)
			assert_true(meter.skipped > skipped);
		if (modes[i] == FILTERED)
			assert_true(meter.filtered &&
				    meter.reported < plain_meter.reported * 2 / 3);
		done(&other);
	}
	done(&plain);
}

static void same_facts_by_default(void **state)
{
	(void)state;
	same_facts(DEFAULT, 3000);
}

static void same_facts_with_stat(void **state)
{
	(void)state;
	same_facts(ALL, 3000);
}

static void same_facts_of_calls(void **state)
{
	(void)state;
	same_facts(0, 4000);
}

/* What was not asked for is not given. */
static void facets(void **state)
{
	struct meter meter;
	struct run run;
	size_t count;

	(void)state;
	record_in_mode(&run, "busy", PLAIN, 0, &meter);
	for (enum fact_kind kind = FACT_PATH; kind < FACT_KINDS; kind++) {
		free(evidence_facts(run.evidence, kind, &count));
		assert_int_equal(count, kind == FACT_EXEC ? 1 : 0);
	}
	assert_true(count_facts(&run, FACT_ARGUMENT, native(), "mmap", "2", "0x5") > 0);
	done(&run);
	clean_up();
	record_in_mode(&run, "busy", PLAIN, DEFAULT, &meter);
	expect(&run, 0, FACT_PATH, NULL, "stat");
	expect(&run, 0, FACT_PATH, NULL, "chdir");
	assert_true(count_facts(&run, FACT_PATH, etc, "read") > 0);
	done(&run);
	clean_up();
	record_in_mode(&run, "busy", PLAIN, ALL, &meter);
	assert_true(count_facts(&run, FACT_PATH, NULL, "stat") > 0);
	assert_true(count_facts(&run, FACT_PATH, NULL, "chdir") > 0);
	done(&run);
}

/* The name of an open under way, if it is in the test's own directory. */
static bool opens(const struct event *event, struct buf *ret_name)
{
	bool open = event->kind == EVENT_ENTRY && event->nr == SYS_openat;

	return open && tracee_read_string(event->tid, event->args[1], PATH_MAX, ret_name) == 0 &&
	       strncmp(buf_text(ret_name), "file-", 5) == 0;
}

static void make(const char *name, mode_t type)
{
	AUTO_FREE char *path = xasprintf("%s/%s", top, name);

	assert_int_equal(mknod(path, type | 0644, 0), 0);
}

/* Links of somebody else where all may write: may_follow_link() in fs/namei.c. */
static void make_links(void)
{
	static const char *const links[][2] = { { "file-target", "file-link" },
						{ "../file-behind", "file-shared/link" } };
	AUTO_FREE char *shared = xasprintf("%s/file-shared", top);

	assert_int_equal(mkdir(shared, 0755), 0);
	assert_int_equal(chmod(shared, 01777), 0);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", top, links[i][1]);

		assert_int_equal(symlink(links[i][0], path), 0);
		if (geteuid() == 0)
			assert_int_equal(lchown(path, 65534, 65534), 0);
	}
}

/* Records "opens"; names the files, sorted by the calls, whose results were not asked for. */
static void record_opens(struct run *run, unsigned int flags, struct buf *ret_foretold)
{
	struct trace_options how = { .engine = ENGINE_PTRACE };
	char *argv[] = { self, (char *)"opens", NULL };
	struct error err = { .kind = ERROR_NONE };
	struct event event;
	struct trace *trace;

	clean_up();
	make("file-read", S_IFREG);
	make("file-target", S_IFREG);
	make("file-behind", S_IFREG);
	make("file-fifo", S_IFIFO);
	make_links();
	run->evidence = evidence_new();
	evidence_begin_run(run->evidence, "test");
	struct fact_sink to = { run->evidence, add_fact, add_loss, add_limitation };
	struct observer *observer = observer_new(&to, flags);
	assert_int_equal(trace_start(self, argv, &how, &trace, &err), 0);
	bool skipped = false;
	while (trace_next(trace, &event, &err) == 1) {
		AUTO_BUF struct buf name = BUF_INIT;
		bool own = opens(&event, &name);

		if (event.kind == EVENT_ENTRY)
			event.result_mode = RESULT_OPTIONAL;
		if (event.kind == EVENT_RESULT && skipped)
			continue;
		skipped = observe(observer, &event) & OBSERVE_SKIP_RESULT;
		if (own && skipped)
			buf_addf(ret_foretold, " %s", buf_text(&name));
		if (own && strcmp(buf_text(&name), "file-race") == 0)
			make("file-race", S_IFREG);
	}
	assert_int_equal(trace_main_status(trace), 0);
	trace_free(trace);
	observer_free(observer);
}

static size_t count_reads(const struct run *run, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", top, name);

	return count_facts(run, FACT_PATH, path, "read");
}

/* A security module may refuse what permissions grant: then nothing is foretold. */
static bool is_confined(void)
{
	char label[16] = "unconfined";
	FILE *file = fopen("/proc/self/attr/current", "re");

	if (file) {
		if (!fgets(label, sizeof(label), file))
			memcpy(label, "unconfined", sizeof("unconfined"));
		fclose(file);
	}
	return strncmp(label, "unconfined", 10) != 0;
}

static void foretells_opens(void **state)
{
	AUTO_BUF struct buf foretold = BUF_INIT;
	struct run run;

	(void)state;
	if (is_confined())
		skip();
	record_opens(&run, DEFAULT, &foretold);
	assert_string_equal(buf_text(&foretold), " file-read file-race file-none file-link");
	assert_true(count_reads(&run, "file-read") > 0);
	assert_true(count_reads(&run, "file-race") > 0); /* it was opened all the same */
	assert_int_equal(count_reads(&run, "file-none"), 0);
	assert_true(count_reads(&run, "file-fifo") > 0);
	done(&run);
	buf_truncate(&foretold, 0);
	record_opens(&run, DEFAULT | OBSERVE_EXACT, &foretold);
	assert_string_equal(buf_text(&foretold), "");
	assert_true(count_reads(&run, "file-race") > 0);
	done(&run);
	clean_up();
}

static void misses_are_foreseen(void **state)
{
	struct meter meter;
	struct run run;

	(void)state;
	clean_up();
	record_in_mode(&run, "misses", SKIPPING, DEFAULT, &meter);
	assert_true(meter.skipped >= MISSES - 1);
	assert_true(count_facts(&run, FACT_SYSCALL, native(), NULL, self, "ENOENT") >= MISSES);
	expect(&run, 0, FACT_SYSCALL, native(), "access", self, "ok");
	done(&run);
}

static const struct scenario scenarios[] = {
	{ "busy", scenario_busy },
	{ "opens", scenario_opens },
	{ "misses", scenario_misses },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		live_test(same_facts_by_default), live_test(same_facts_with_stat),
		live_test(same_facts_of_calls),   live_test(facets),
		live_test(foretells_opens),       live_test(misses_are_foreseen),
	};

	(void)argc;
	run_scenario(argv, scenarios);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
