/* When a process is quiet, and what was met before, on fabricated events. */
#include "fabricated.h"

#include <linux/capability.h>
#include <sys/prctl.h>

static const char etc[] = "/etc/passwd";

/* A loop over one call is no work, until it has gone on for long. */
static void loops_over_one_call(void **state)
{
	struct observer *observer = begin(DEFAULT, false);
	unsigned int count = 1;

	(void)state;
	while (!(make(observer, "dup", ARGUMENTS(0), 3) & OBSERVE_QUIET) && count < 2000)
		count++;
	assert_int_equal(count, 1024 + 32); /* the first one is new */
	make(observer, "close", ARGUMENTS(3), 0);
	for (count = 0; count < 1000; count++)
		assert_int_equal(make(observer, "dup", ARGUMENTS(0), 3), 0);
	end(observer);
}

/* A child that is forked, makes so many calls, and ends or (end false) executes an image. */
static unsigned int fork_worker(struct observer *observer, pid_t pid, int calls, bool end)
{
	struct event event = {
		.kind = EVENT_FORK, .tid = getpid(), .tgid = getpid(), .child = pid
	};
	unsigned int advice = 0;

	observe(observer, &event);
	for (int i = 0; i < calls; i++)
		advice |= make_in(observer, pid, i % 2 ? "getppid" : "getpgrp", ARGUMENTS(0), 0);
	event.kind = end ? EVENT_EXIT : EVENT_EXEC;
	event.tid = event.tgid = event.old_tid = pid;
	observe(observer, &event);
	return advice;
}

/* What one worker showed is a filter for the next from its first call on, but not for a server. */
static void workers_are_met_again(void **state)
{
	struct observer *observer = begin(DEFAULT, false);

	(void)state;
	assert_int_equal(fork_worker(observer, 4000001, 31, true), 0);
	assert_int_equal(fork_worker(observer, 4000002, 3, true), 0); /* the first made too few */
	assert_int_equal(fork_worker(observer, 4000003, 200, true), OBSERVE_QUIET);
	assert_int_equal(fork_worker(observer, 4000004, 1, true), OBSERVE_QUIET);
	assert_int_equal(make(observer, "getppid", ARGUMENTS(0), 0), 0);
	fork_worker(observer, 4000005, 1, false);
	assert_int_equal(fork_worker(observer, 4000006, 3, true), 0); /* they execute others */
	end(observer);
}

/* Of a program that is run again and again fewer calls do; but then little is to come. */
static void brief_ones_are_met_again(void **state)
{
	struct observer *observer = begin(DEFAULT, false);
	struct event fork = {
		.kind = EVENT_FORK, .tid = getpid(), .tgid = getpid(), .child = 4000015
	};

	(void)state;
	for (pid_t pid = 4000010; pid < 4000013; pid++)
		assert_int_equal(fork_worker(observer, pid, 30, true), 0);
	assert_int_equal(fork_worker(observer, 4000013, 3, true), OBSERVE_QUIET);
	fork_worker(observer, 4000014, 200, true);
	observe(observer, &fork);
	make_in(observer, 4000015, "getppid", ARGUMENTS(0), 0);
	assert_true(observer_expects_little(observer, 4000015));
	assert_false(observer_expects_little(observer, getpid()));
	end(observer);
	observer = begin(DEFAULT, false);
	fork_worker(observer, 4000010, 200, true);
	observe(observer, &fork);
	make_in(observer, 4000015, "getppid", ARGUMENTS(0), 0); /* quiet, as above */
	assert_false(observer_expects_little(observer, 4000015));
	end(observer);
}

/* Never the same call twice. */
static unsigned int make_another(struct observer *observer)
{
	static bool other;

	other = !other;
	return make(observer, other ? "getppid" : "getpgrp", ARGUMENTS(0), 0);
}

/* How many calls until the process is quiet; 0: not within 1000. */
static unsigned int until_quiet(struct observer *observer)
{
	for (unsigned int i = 1; i <= 1000; i++)
		if (make_another(observer) & OBSERVE_QUIET)
			return i;
	return 0;
}

static void nearly_quiet(struct observer *observer)
{
	for (int i = 0; i < 31; i++)
		assert_int_equal(make_another(observer), 0);
}

static void quiet(void **state)
{
	struct observer *observer = begin(DEFAULT, false);
	struct event new_task = {
		.kind = EVENT_FORK, .tid = getpid(), .tgid = getpid(), .child = 4000001
	};
	struct event exec = {
		.kind = EVENT_EXEC, .tid = getpid(), .tgid = getpid(), .old_tid = getpid()
	};

	(void)state;
	assert_int_equal(until_quiet(observer), 34); /* the first two are new */
	assert_int_equal(until_quiet(observer), 32);
	nearly_quiet(observer);
	make(observer, "getuid", ARGUMENTS(0), 0); /* new */
	assert_int_equal(until_quiet(observer), 32);
	/* what is not free does not count, nor does it restart the count */
	nearly_quiet(observer);
	make(observer, "openat", ARGUMENTS((uint64_t)AT_FDCWD, ADDRESS etc), -ENOENT);
	assert_int_equal(until_quiet(observer), 1);
	nearly_quiet(observer);
	new_task.thread = true;
	observe(observer, &new_task);
	assert_int_equal(until_quiet(observer), 1);
	nearly_quiet(observer);
	new_task.thread = false;
	new_task.child = 4000002;
	observe(observer, &new_task);
	assert_int_equal(until_quiet(observer), 32);
	nearly_quiet(observer);
	observe(observer, &exec);
	assert_int_equal(until_quiet(observer), 33); /* the image is a new fact */
	observer->listening = true;
	assert_int_equal(until_quiet(observer), 64);
	observer_settle(observer, getpid());
	observe(observer, &exec);
	assert_int_equal(until_quiet(observer), 0);
	end(observer);
}

/* How many files, each opened behind eight free calls, until the process is quiet. */
static int files_until_quiet(struct observer *observer, const char *directory, bool other)
{
	unsigned int advice = 0;
	int count = 0;

	while (!advice && count < 80) {
		AUTO_FREE char *path = xasprintf("%s/%d", directory, other ? count : 0);

		int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
		for (int i = 0; i < 8; i++)
			advice |= make_another(observer);
		make(observer, "openat", ARGUMENTS((uint64_t)AT_FDCWD, ADDRESS path), fd);
		close(fd);
		count++;
	}
	return count;
}

/* Whoever opens a new file every few calls is about to begin: an interpreter. */
static void new_files_are_waited_for(void **state)
{
	char directory[] = "/tmp/whittle-quiet-XXXXXX";
	struct observer *observer = begin(DEFAULT, false);

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_in_range(files_until_quiet(observer, directory, true), 512 / 8, 512 / 8 + 2);
	assert_in_range(files_until_quiet(observer, directory, false), 32 / 8, 32 / 8 + 2);
	end(observer);
	for (int i = 0; i < 80; i++) {
		AUTO_FREE char *path = xasprintf("%s/%d", directory, i);

		unlink(path);
	}
	assert_int_equal(rmdir(directory), 0);
}

/* A look at a path, so many times: the advice of all. */
static unsigned int look(struct observer *observer, int times)
{
	unsigned int advice = 0;

	while (times-- > 0)
		advice |= make(observer, "access", ARGUMENTS(ADDRESS etc, R_OK), 0);
	return advice;
}

static void looks_are_worth_a_watch(void **state)
{
	struct observer *observer = begin(DEFAULT | OBSERVE_ASKED, false);

	(void)state;
	assert_int_equal(look(observer, 8), 0);
	assert_false(observer_searches(observer, getpid()));
	assert_int_equal(look(observer, 31), 0); /* more of them are waited for */
	assert_true(observer_searches(observer, getpid()));
	assert_int_equal(look(observer, 1), OBSERVE_QUIET);
	end(observer);

	observer = begin(DEFAULT, false);
	look(observer, 1000);
	assert_false(observer_searches(observer, getpid()));
	end(observer);
}

static void children_of_the_settled(void **state)
{
	struct observer *observer = begin(DEFAULT, false);
	struct event new_task = {
		.kind = EVENT_FORK, .tid = getpid(), .tgid = getpid(), .child = 4000001
	};
	struct event call = make_call("getppid", ARGUMENTS(0));

	(void)state;
	observer_settle(observer, getpid());
	observe(observer, &new_task);
	call.tid = call.tgid = new_task.child;
	for (int i = 0; i < 200; i++) {
		call.kind = EVENT_ENTRY;
		observe(observer, &call);
		call.kind = EVENT_RESULT;
		assert_int_equal(observe(observer, &call), 0);
	}
	end(observer);
}

/* Calls that leave the caller, who is root, without CAP_SYS_ADMIN; and some that do not. */
static void drops_of_privileges(void **state)
{
	static const struct __user_cap_data_struct all = { .permitted = UINT32_MAX },
						   none_of = { 0 };
	static const struct {
		const char *name;
		uint64_t args[6];
		bool drops;
	} calls[] = {
		{ "setuid", { 65534 }, true },
		{ "setuid", { 0 }, false },
		{ "setreuid", { 65534, 65534 }, true },
		{ "setreuid", { UINT32_MAX, 65534 }, false },
		{ "setreuid", { 65534, UINT64_MAX }, false },
		{ "setresuid", { 65534, 65533, 65532 }, true },
		{ "setresuid", { UINT64_MAX, 65534, UINT64_MAX }, false },
		{ "setresuid", { 65534, 65534, 0 }, false },
		{ "setgid", { 65534 }, false },
		{ "capset", { 0, ADDRESS & none_of }, true },
		{ "capset", { 0, ADDRESS & all }, false },
		{ "capset", { 0, 8 }, false },
		{ "getuid", { 0 }, false },
	};
	struct observer *observer = begin(DEFAULT, false);
	bool able = observer->privileged && has_capability(CAP_SYS_ADMIN) && geteuid() == 0 &&
		    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct event event = make_call(calls[i].name, calls[i].args);

		if (observer_drops(observer, &event) != (able && calls[i].drops))
			fail_msg("%s, row %zu", calls[i].name, i);
		event.result_mode = RESULT_OPTIONAL; /* it has a filter */
		assert_false(observer_drops(observer, &event));
	}
	end(observer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet),
		cmocka_unit_test(loops_over_one_call),
		cmocka_unit_test(workers_are_met_again),
		cmocka_unit_test(brief_ones_are_met_again),
		cmocka_unit_test(new_files_are_waited_for),
		cmocka_unit_test(looks_are_worth_a_watch),
		cmocka_unit_test(children_of_the_settled),
		cmocka_unit_test(drops_of_privileges),
	};

	if (!realpath("/proc/self/exe", self))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
