/* The events that the ptrace engine makes of a workload's life. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <whittle/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct trace_options ptrace_plain = { .engine = ENGINE_PTRACE };

struct seen {
	size_t entries, results, forks, threads, execs, exits, signals;
	uint64_t last_entry; /* number of the last call entered */
	int64_t getppid;     /* its result */
	int signal;
};

static void count(struct seen *seen, const struct event *event)
{
	switch (event->kind) {
	case EVENT_ENTRY:
		seen->entries++;
		seen->last_entry = event->nr;
		assert_non_null(event->abi);
		break;
	case EVENT_RESULT:
		seen->results++;
		if (event->nr == SYS_getppid)
			seen->getppid = event->result;
		break;
	case EVENT_FORK:
		seen->forks++;
		seen->threads += event->thread;
		assert_true(event->child > 0);
		break;
	case EVENT_EXEC:
		seen->execs++;
		break;
	case EVENT_EXIT:
		seen->exits++;
		break;
	case EVENT_SIGNAL:
		seen->signals++;
		seen->signal = event->signal;
		break;
	default:
		break;
	}
}

static int run(char *const argv[], struct seen *ret_seen)
{
	struct trace *trace = NULL;
	struct error err;
	struct event event;
	int more;

	memset(ret_seen, 0, sizeof(*ret_seen));
	assert_int_equal(trace_start(argv[0], argv, &ptrace_plain, &trace, &err), 0);
	while ((more = trace_next(trace, &event, &err)) > 0)
		count(ret_seen, &event);
	assert_int_equal(more, 0);
	assert_false(trace_main_running(trace));
	assert_int_equal(trace_count(trace), 0);
	int status = trace_main_status(trace);
	trace_free(trace);
	return status;
}

static void the_first_event_is_execve(void **state)
{
	char *argv[] = { "/bin/true", NULL };
	struct trace *trace = NULL;
	struct error err;
	struct event event;

	(void)state;
	assert_int_equal(trace_start(argv[0], argv, &ptrace_plain, &trace, &err), 0);
	assert_int_equal(trace_next(trace, &event, &err), 1);
	assert_int_equal(event.kind, EVENT_ENTRY);
	assert_int_equal(event.nr, SYS_execve);
	assert_int_equal(trace_next(trace, &event, &err), 1);
	assert_int_equal(event.kind, EVENT_EXEC);
	assert_int_equal(event.tid, trace_main_pid(trace));
	trace_free(trace); /* ends it */
	assert_int_equal(waitpid(-1, NULL, __WALL), -1);
	assert_int_equal(errno, ECHILD);
}

static void a_process_lives_and_dies(void **state)
{
	char *argv[] = { "/bin/sh", "-c", "/bin/true; /bin/true; exit 5", NULL };
	struct seen seen;

	(void)state;
	int status = run(argv, &seen);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	assert_int_equal(seen.execs, 3);
	assert_int_equal(seen.forks, 2);
	assert_int_equal(seen.exits, 3);
	assert_int_equal(seen.threads, 0);
	assert_int_equal(seen.last_entry, SYS_exit_group);
	/* Each call returns but the three exit_group: no result is missed, none is doubled. */
	assert_int_equal(seen.entries, seen.results + 3);
	assert_int_equal(seen.getppid, getpid());
}

static void a_signal_kills(void **state)
{
	char *argv[] = { "/bin/sh", "-c", "kill -TERM $$; sleep 9", NULL };
	struct seen seen;

	(void)state;
	int status = run(argv, &seen);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_int_equal(seen.signal, SIGTERM);
}

static void what_cannot_start_says_why(void **state)
{
	static const struct {
		char *path;
		int number;
	} rows[] = { { "/no/such/file", ENOENT }, { "/etc/passwd", EACCES }, { "/etc", EACCES } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *argv[] = { rows[i].path, NULL };
		struct trace *trace = NULL;
		struct error err;

		assert_int_equal(trace_start(argv[0], argv, &ptrace_plain, &trace, &err), -1);
		assert_null(trace);
		assert_int_equal(err.kind, ERROR_INPUT);
		assert_int_equal(err.number, rows[i].number);
		assert_non_null(strstr(err.text, rows[i].path));
	}
}

static void memory_and_links_are_read(void **state)
{
	char *argv[] = { "/bin/true", "an argument", NULL };
	struct trace *trace = NULL;
	struct error err;
	struct event event;
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	assert_int_equal(trace_start(argv[0], argv, &ptrace_plain, &trace, &err), 0);
	assert_int_equal(trace_next(trace, &event, &err), 1);
	assert_int_equal(trace_next(trace, &event, &err), 1); /* EXEC: the new image */
	assert_int_equal(trace_next(trace, &event, &err), 1);
	assert_int_equal(tracee_read_string(event.tid, 8, 100, &text), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(tracee_read_link(event.tid, "exe", &text), 0);
	assert_non_null(strstr(buf_text(&text), "/true"));
	trace_free(trace);
}

static void stacks_reach_the_start(void **state)
{
	char *argv[] = { "/bin/true", NULL };
	struct trace *trace = NULL;
	struct error err;
	struct event event;
	struct stacks *stacks = stacks_new();
	AUTO_BUF struct buf frames = BUF_INIT;

	(void)state;
	assert_int_equal(trace_start(argv[0], argv, &ptrace_plain, &trace, &err), 0);
	while (trace_next(trace, &event, &err) > 0) {
		if (event.kind != EVENT_ENTRY || event.nr != SYS_exit_group)
			continue;
		stacks_unwind(stacks, event.tgid, event.tid, event.abi, event.ip, &frames);
	}
	/* exit_group is called by libc, below main's caller. */
	assert_non_null(strstr(buf_text(&frames), "libc.so.6+0x"));
	assert_non_null(strstr(buf_text(&frames), "(__libc_start_main)"));
	assert_non_null(strstr(buf_text(&frames), ";true+0x"));
	stacks_free(stacks);
	trace_free(trace);
}

/* libunwind keeps what it found, by address; here several processes and images take turns. */
static void stacks_are_those_of_a_first_look(void **state)
{
	char *argv[] = { "/bin/sh", "-c", "/bin/ls / & /bin/cat /dev/null; wait", NULL };
	struct trace *trace = NULL;
	struct error err;
	struct event event;
	struct stacks *stacks = stacks_new();
	int compared = 0;

	(void)state;
	assert_int_equal(trace_start(argv[0], argv, &ptrace_plain, &trace, &err), 0);
	while (trace_next(trace, &event, &err) > 0) {
		AUTO_BUF struct buf shared = BUF_INIT, alone = BUF_INIT;
		struct stacks *fresh;

		if (event.kind == EVENT_EXEC)
			stacks_forget(stacks, event.tgid);
		if (event.kind != EVENT_ENTRY)
			continue;
		fresh = stacks_new();
		stacks_unwind(stacks, event.tgid, event.tid, event.abi, event.ip, &shared);
		stacks_unwind(fresh, event.tgid, event.tid, event.abi, event.ip, &alone);
		assert_string_equal(buf_text(&shared), buf_text(&alone));
		stacks_free(fresh);
		compared++;
	}
	assert_true(compared > 100);
	stacks_free(stacks);
	trace_free(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_event_is_execve),
		cmocka_unit_test(a_process_lives_and_dies),
		cmocka_unit_test(a_signal_kills),
		cmocka_unit_test(what_cannot_start_says_why),
		cmocka_unit_test(memory_and_links_are_read),
		cmocka_unit_test(stacks_reach_the_start),
		cmocka_unit_test(stacks_are_those_of_a_first_look),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
