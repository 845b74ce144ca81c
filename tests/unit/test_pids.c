/* Process ids that the workload had, and that the kernel gave to others later. */
#include <observe/capable.h>
#include <observe/pids.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static const struct timespec some_ticks = { .tv_nsec = 50000000 };

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Every number was the workload's once; nobody has most of them. */
static struct pids *all_numbers(void)
{
	struct pids *pids = pids_new();

	for (pid_t pid = 0; pid <= 1 << 22; pid++)
		pids_add(pids, pid);
	return pids;
}

static void test_own(void **state)
{
	struct pids *pids = pids_new();
	pid_t child = start_child();

	(void)state;
	assert_false(pids_have(NULL, child));
	assert_false(pids_have(pids, child));
	pids_add(pids, child);
	assert_true(pids_have(pids, child));
	assert_false(pids_have(pids, getpid()));
	end_child(child);
	assert_true(pids_have(pids, child)); /* nobody else's */
	pids_add(pids, -1);
	assert_false(pids_have(pids, -1));
	assert_false(pids_have(pids, 1 << 22));
	pids_free(pids);
}

static void test_given_again(void **state)
{
	struct pids *pids = all_numbers();

	(void)state;
	nanosleep(&some_ticks, NULL);
	pid_t child = start_child(); /* started behind who had its number */
	assert_true(pids_have(pids, getpid()));
	assert_false(pids_have(pids, child));
	pids_add(pids, child); /* the workload's again */
	assert_true(pids_have(pids, child));
	end_child(child);
	pids_free(pids);
}

/* Root looks at root's process, which has all that itself has: alone who is outside keeps it. */
static void test_inside(void **state)
{
	struct creds creds = { .groups = NULL };
	struct capable_need needs[CAPABLE_MAX];
	struct pids *pids = all_numbers();

	(void)state;
	assert_int_equal(creds_read(getpid(), &creds), 0);
	if (!creds.permitted) {
		creds_release(&creds);
		pids_free(pids);
		skip();
	}
	nanosleep(&some_ticks, NULL);
	pid_t child = start_child();
	const uint64_t args[6] = { (uint64_t)child };
	const struct call call = { .tid = getpid(),
				   .tgid = getpid(),
				   .abi = abi_of_machine(NULL),
				   .name = "process_vm_readv",
				   .args = args,
				   .creds = &creds,
				   .pids = pids };
	size_t outside = capable_needs(&call, needs);
	capable_release(needs, outside);
	pids_add(pids, child);
	size_t inside = capable_needs(&call, needs);
	capable_release(needs, inside);
	end_child(child);
	creds_release(&creds);
	pids_free(pids);
	assert_int_equal(outside, 1);
	assert_int_equal(inside, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_given_again),
		cmocka_unit_test(test_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
