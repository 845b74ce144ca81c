/* The process that asks the kernel: what becomes of a question if it dies, hangs or babbles. */
#include <observe/capable_rules.h>
#include <observe/permission.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <whittle/file.h>

static void find_helper(void *context, pid_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/comm", pid);
	AUTO_FREE char *comm = file_read_line(name);
	if (comm && strcmp(comm, "whittle-asks") == 0 && proc_number(pid, "PPid") == getpid())
		*(pid_t *)context = pid;
}

/* The helper's pid, or 0; what is a zombie has no name. */
static pid_t helper(void)
{
	pid_t pid = 0;

	each_process(find_helper, &pid);
	return pid;
}

/* May this test read the directory of processes? 0, an errno, or -1 if it cannot be told. */
static int ask(struct permission *permission)
{
	struct permission_identity self = { .uid = getuid(), .gid = getgid() };
	struct permission_answer answer;
	gid_t groups[64];
	int count = getgroups(64, groups);
	AUTO_CLOSE int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0 && count >= 0);
	self.groups = groups;
	self.group_count = (size_t)count;
	return permission_ask(permission, &self, fd, R_OK, &answer) ? answer.bare : -1;
}

static void kill_helper(void)
{
	pid_t pid = helper();
	siginfo_t info;

	assert_true(pid > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	/* it is dead when the next question comes, and still there to be waited for */
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void test_answers(void **state)
{
	struct permission *permission = permission_new();

	(void)state;
	assert_int_equal(helper(), 0); /* nothing is started before the first question */
	assert_int_equal(ask(permission), 0);
	pid_t first = helper();
	assert_true(first > 0);
	assert_int_equal(ask(permission), 0);
	assert_int_equal(helper(), first);
	permission_free(permission);
	assert_int_equal(helper(), 0);
	permission_free(NULL);
}

/* One that was killed is replaced, eight times; then something is after it, and it is left. */
static void test_killed(void **state)
{
	struct permission *permission = permission_new();
	int answers = 0;

	(void)state;
	while (answers < 20 && ask(permission) == 0) {
		answers++;
		kill_helper();
	}
	assert_int_equal(answers, 8);
	assert_int_equal(ask(permission), -1);
	assert_int_equal(helper(), 0);
	permission_free(permission);
}

/* One that hangs is killed, and no other is started. */
static void test_hangs(void **state)
{
	struct permission *permission = permission_new();
	siginfo_t info;

	(void)state;
	assert_int_equal(ask(permission), 0);
	pid_t pid = helper();
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
	assert_int_equal(ask(permission), -1);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	assert_int_equal(info.si_code, CLD_KILLED);
	assert_int_equal(ask(permission), -1);
	assert_int_equal(helper(), 0);
	permission_free(permission);
}

/* What is no answer is none: it is asked again, of another helper. */
static void test_babbles(void **state)
{
	static const char noise[][5] = { "", "x", "xxxx" };
	struct permission *permission = permission_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(noise); i++) {
		assert_int_equal(ask(permission), 0);
		pid_t pid = helper();
		AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		AUTO_CLOSE int its = (int)syscall(SYS_pidfd_getfd, pidfd, 0, 0);
		if (its < 0) { /* who is not privileged may not borrow it: the helper is closed */
			assert_true(errno == EPERM);
			break;
		}
		assert_true(send(its, noise[i], strlen(noise[i]), 0) >= 0);
		auto_close(&its);
		its = -1;
		assert_int_equal(ask(permission), 0);
		assert_int_not_equal(helper(), pid);
	}
	permission_free(permission);
}

/* An identity that cannot be taken on, and groups that no message holds. */
static void test_cannot_tell(void **state)
{
	struct permission *permission = permission_new();
	gid_t *many = xcalloc(2000, sizeof(*many));
	struct permission_identity crowd = { .groups = many, .group_count = 2000 };
	struct permission_answer answer;
	AUTO_CLOSE int fd = open("/", O_PATH | O_CLOEXEC);

	(void)state;
	assert_false(permission_ask(permission, &crowd, fd, R_OK, &answer));
	assert_int_equal(helper(), 0);
	free(many);
	permission_free(permission);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),     cmocka_unit_test(test_killed),
		cmocka_unit_test(test_hangs),       cmocka_unit_test(test_babbles),
		cmocka_unit_test(test_cannot_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
