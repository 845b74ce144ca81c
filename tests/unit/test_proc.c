/* What /proc says of processes, and of those in other pid namespaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <whittle/proc.h>

/* The first process of a new pid namespace, as this one numbers it; 0 if that is not permitted. */
static pid_t start_first(pid_t *ret_parent)
{
	pid_t pid = 0;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	*ret_parent = fork();
	if (*ret_parent == 0) {
		bool may = unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;

		pid = may ? fork() : 0;
		if (may && pid == 0) {
			pause();
			_exit(0);
		}
		_exit(write(ends[1], &pid, sizeof(pid)) == sizeof(pid) && waitpid(pid, NULL, 0) > 0
			      ? 0
			      : 1);
	}
	assert_int_equal(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
	close(ends[0]);
	close(ends[1]);
	return pid;
}

static void test_namespace(void **state)
{
	pid_t parent, first = start_first(&parent);

	(void)state;
	if (first <= 0) {
		waitpid(parent, NULL, 0);
		skip();
	}
	assert_int_equal(pid_in_namespace_of(first, 1), first);
	assert_int_equal(pid_in_namespace_of(first, 2), 0);
	assert_int_equal(pid_in_namespace_of(getpid(), getpid()), getpid());
	kill(first, SIGKILL);
	waitpid(parent, NULL, 0);
	assert_int_equal(pid_in_namespace_of(first, 1), 0);
}

static void test_exit_status(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	if (pid == 0)
		_exit(3);
	int fd = pidfd_open(pid, 0);
	assert_true(fd >= 0);
	waitpid(pid, NULL, 0);
	int got = pidfd_exit_status(fd, &status);
	close(fd);
	if (got <= 0)
		skip(); /* before Linux 6.15 */
	assert_int_equal(status, 3 << 8);
	assert_int_equal(pidfd_exit_status(-1, &status), -1);
}

static void test_is_over(void **state)
{
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_true(proc_is_over(pid));
	waitpid(pid, NULL, 0);
	assert_true(proc_is_over(pid));
	assert_false(proc_is_over(getpid()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
