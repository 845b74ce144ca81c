/* What the ptrace engine makes of reports when it is slow to collect them. */
#include <err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <whittle/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { TIMES = 5 };

/* The tracee whose next report waitpid(2) is late to give, or 0. */
static pid_t late;

/* In the place of libc's. */
pid_t waitpid(pid_t pid, int *ret_status, int options)
{
	static const struct timespec moment = { .tv_nsec = 100000000 };
	pid_t tid = (pid_t)syscall(SYS_wait4, pid, ret_status, options, NULL);

	if (tid > 0 && tid == late) {
		late = 0;
		nanosleep(&moment, NULL);
	}
	return tid;
}

/* ---- the workload, which is this program ---- */

static void *execute(void *arg)
{
	execl("/bin/true", "true", NULL);
	return arg;
}

static int execute_from_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, execute, NULL) != 0)
		errx(2, "cannot make a thread");
	for (;;)
		getppid();
}

/* ---- tests ---- */

/*
 * The leader's stop is collected, then the image that another thread executes takes its tid, whose
 * stop is collected too: to resume the former would be to resume the latter, before it was handled.
 */
static void an_image_is_told_of_before_it_runs(void **state)
{
	char *argv[] = { "/proc/self/exe", "execute", NULL };
	const struct trace_options plain = { .engine = ENGINE_PTRACE };

	(void)state;
	for (int i = 0; i < TIMES; i++) {
		struct trace *trace = NULL;
		struct error err;
		struct event event;
		pid_t caller = 0, old_tid = 0;
		int more;

		assert_int_equal(trace_start(argv[0], argv, &plain, &trace, &err), 0);
		pid_t leader = trace_main_pid(trace);

		while ((more = trace_next(trace, &event, &err)) > 0) {
			if (event.kind == EVENT_ENTRY && event.nr == SYS_execve &&
			    event.tid != leader)
				caller = event.tid, late = leader;
			if (event.kind == EVENT_EXEC)
				old_tid = event.old_tid;
		}
		assert_int_equal(more, 0);
		assert_int_equal(late, 0);
		assert_int_not_equal(caller, 0);
		assert_int_equal(old_tid, caller);
		assert_int_equal(trace_count(trace), 0);
		assert_int_equal(trace_main_status(trace), 0);
		trace_free(trace);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_is_told_of_before_it_runs),
	};

	if (argc == 2 && strcmp(argv[1], "execute") == 0)
		return execute_from_a_thread();
	alarm(60); /* who waits for a tracee that is no more waits for ever */
	return cmocka_run_group_tests_name("trace, late", tests, NULL, NULL);
}
