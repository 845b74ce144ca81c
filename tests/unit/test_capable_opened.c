/* Files that ask for more than permissions when they are opened. */
#include <observe/capable_rules.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static const struct creds root = { .effective = UINT64_MAX, .permitted = UINT64_MAX };

/* What one needs to open root's file of that name: "" or masks with "," between. */
static const char *opens(const struct creds *creds, const char *name, mode_t mode, dev_t device,
			 pid_t process, int flags)
{
	static char text[256];
	AUTO_BUF struct buf out = BUF_INIT;
	AUTO_FREE char *copy = xstrdup(name);
	struct capable_need needs[CAPABLE_MAX];
	struct path path = {
		.name = copy, .object = { .mode = mode }, .special = device, .process = process
	};
	uint64_t args[6] = { 0, 0, (uint64_t)flags };
	struct call call = { .tid = getpid(),
			     .tgid = getpid(),
			     .abi = abi_by_name("x86_64"),
			     .name = "openat",
			     .args = args,
			     .paths = &path,
			     .path_count = 1,
			     .creds = creds };
	size_t count = capable_needs(&call, needs);

	for (size_t i = 0; i < count; i++) {
		AUTO_BUF struct buf one = BUF_INIT;

		capable_names(needs[i].any_of, &one);
		buf_addf(&out, "%s%s", i ? "," : "", buf_text(&one));
	}
	capable_release(needs, count);
	snprintf(text, sizeof(text), "%s", buf_text(&out));
	return text;
}

static const char *to_open(const char *name, mode_t mode, dev_t device, pid_t process, int flags)
{
	return opens(&root, name, mode, device, process, flags);
}

static void test_devices(void **state)
{
	mode_t device = S_IFCHR | 0600;

	(void)state;
	assert_string_equal(to_open("/dev/mem", device, makedev(1, 1), 0, O_RDONLY),
			    "CAP_SYS_RAWIO");
	assert_string_equal(to_open("/x", device, makedev(202, 3), 0, O_RDONLY), "CAP_SYS_RAWIO");
	assert_string_equal(to_open("/dev/null", device, makedev(1, 3), 0, O_RDWR), "");
	assert_string_equal(to_open("/dev/kmsg", device, makedev(1, 11), 0, O_WRONLY), "");
	assert_string_equal(to_open("/dev/mem", S_IFREG | 0600, makedev(1, 1), 0, O_RDONLY), "");
	assert_string_equal(to_open("/dev/ppp", device, makedev(108, 0), 0, O_RDWR),
			    "CAP_NET_ADMIN");
}

static void test_kernel_files(void **state)
{
	static const struct {
		const char *name;
		int flags;
		const char *needs;
	} rows[] = {
		{ "/proc/kmsg", O_RDONLY, "CAP_SYSLOG" },
		{ "/proc/sys/kernel/kptr_restrict", O_WRONLY, "CAP_SYS_ADMIN" },
		{ "/proc/sys/kernel/kptr_restrict", O_RDONLY, "" },
		{ "/proc/sys/kernel/ns_last_pid", O_RDWR, "CAP_CHECKPOINT_RESTORE|CAP_SYS_ADMIN" },
		{ "/proc/sys/kernel/usermodehelper/bset", O_WRONLY, "CAP_SETPCAP,CAP_SYS_MODULE" },
		{ "/proc/sys/net/ipv4/ip_forward", O_WRONLY, "CAP_NET_ADMIN" },
		{ "/proc/sys/net/ipv4/conf/eth0/forwarding", O_WRONLY, "CAP_NET_ADMIN" },
		{ "/proc/sys/net/ipv4/conf/eth0/rp_filter", O_WRONLY, "" },
		{ "/proc/sys/user/max_user_namespaces", O_WRONLY, "CAP_SYS_RESOURCE" },
		{ "/srv/proc/kmsg", O_RDONLY, "" },
		{ "/proc/ioports", O_RDONLY, "CAP_SYS_ADMIN" },
		{ "/sys/devices/virtual/net/lo/mtu", O_WRONLY, "CAP_NET_ADMIN" },
		{ "/sys/devices/virtual/net/lo/mtu", O_RDONLY, "" },
		{ "/sys/devices/virtual/net/lo/uevent", O_WRONLY, "" },
		{ "/sys/devices/virtual/block/loop0/uevent", O_WRONLY, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(to_open(rows[i].name, S_IFREG | 0600, 0, 0, rows[i].flags),
				    rows[i].needs);
}

/* Settings of the network: root may, and who administrates it. No other capability counts. */
static void test_network_settings(void **state)
{
	static gid_t roots[] = { 0 };
	struct creds user = { .ruid = 10, .euid = 10, .egid = 20, .effective = UINT64_MAX };
	const char *ttl = "/proc/sys/net/ipv4/ip_default_ttl", *last = "/proc/sys/kernel/hostname";

	(void)state;
	assert_string_equal(opens(&user, ttl, S_IFREG | 0644, 0, 0, O_WRONLY), "CAP_NET_ADMIN");
	assert_string_equal(opens(&user, ttl, S_IFREG | 0644, 0, 0, O_RDONLY), "");
	assert_string_equal(opens(&user, ttl, S_IFREG | 0600, 0, 0, O_RDONLY), "CAP_NET_ADMIN");
	assert_string_equal(opens(&user, ttl, S_IFREG | 0444, 0, 0, O_WRONLY), "");
	assert_string_equal(opens(&user, last, S_IFREG | 0644, 0, 0, O_WRONLY), "");
	user.groups = roots;
	user.group_count = 1;
	assert_string_equal(opens(&user, ttl, S_IFREG | 0660, 0, 0, O_WRONLY), "");
	assert_string_equal(opens(&user, ttl, S_IFREG | 0640, 0, 0, O_WRONLY), "CAP_NET_ADMIN");
	user.euid = 0;
	assert_string_equal(opens(&user, ttl, S_IFREG | 0644, 0, 0, O_WRONLY), "");
}

static void test_own_files(void **state)
{
	static const struct {
		const char *name;
		int flags;
		const char *needs;
	} rows[] = {
		{ "/proc/\\{pid}/maps", O_RDONLY, "" },
		{ "/proc/\\{pid}/stack", O_RDONLY, "CAP_SYS_ADMIN" },
		{ "/proc/\\{pid}/task/\\{tid}/pagemap", O_RDONLY, "CAP_SYS_ADMIN" },
		{ "/proc/\\{pid}/timens_offsets", O_WRONLY, "CAP_SYS_TIME" },
		{ "/proc/\\{pid}/timens_offsets", O_RDONLY, "" },
		{ "/proc/\\{pid}/timerslack_ns", O_RDWR, "" },
		{ "/proc/\\{pid}/gid_map", O_WRONLY, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(to_open(rows[i].name, S_IFREG | 0600, 0, getpid(),
					    rows[i].flags),
				    rows[i].needs);
}

/* Of a live other process, which keeps what it has. */
static void test_others_files(void **state)
{
	pid_t pid = fork();
	const char *look = getuid() ? "" : "CAP_SYS_PTRACE";

	(void)state;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also if an assertion fails */
		for (;;)
			pause();
	}
	if (getuid() == 0) {
		assert_string_equal(to_open("/proc/\\{pids}/io", S_IFREG | 0400, 0, pid, O_RDONLY),
				    look);
		assert_string_equal(to_open("/proc/\\{pids}/fdinfo/3", S_IFREG | 0400, 0, pid,
					    O_RDONLY),
				    look);
		assert_string_equal(to_open("/proc/\\{pids}/map_files/", S_IFDIR | 0500, 0, pid,
					    O_RDONLY),
				    kernel_is(6, 18) ? "CAP_SYS_PTRACE|CAP_PERFMON|CAP_SYS_ADMIN"
						     : look);
	}
	assert_string_equal(to_open("/proc/\\{pids}/limits", S_IFREG | 0444, 0, pid, O_RDONLY), "");
	assert_string_equal(to_open("/proc/\\{pids}/uid_map", S_IFREG | 0644, 0, pid, O_WRONLY),
			    "CAP_SETUID");
	assert_string_equal(to_open("/proc/\\{pids}/timerslack_ns", S_IFREG | 0666, 0, pid,
				    O_RDONLY),
			    "CAP_SYS_NICE");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices),          cmocka_unit_test(test_kernel_files),
		cmocka_unit_test(test_network_settings), cmocka_unit_test(test_own_files),
		cmocka_unit_test(test_others_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
