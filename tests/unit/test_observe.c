/* The pure parts of the decoders: words of flags, numbers and addresses. */
#include <observe/interpreter.h>
#include <observe/observe.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- open ---- */

static void expect_open(uint64_t flags, bool directory, const char *wanted)
{
	AUTO_BUF struct buf text = BUF_INIT;
	enum access words[4];
	size_t count = access_of_open(flags, directory, words);

	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%s%s", i ? " " : "", access_words[words[i]]);
	assert_string_equal(text.data, wanted);
}

static void open_flags(void **state)
{
	(void)state;
	expect_open(O_RDONLY, false, "read");
	expect_open(O_RDONLY | O_CLOEXEC, true, "list");
	expect_open(O_WRONLY, false, "write");
	expect_open(O_WRONLY | O_APPEND, false, "append");
	expect_open(O_RDWR, false, "read write");
	expect_open(O_RDWR | O_APPEND | O_CREAT, false, "read append create");
	expect_open(O_WRONLY | O_CREAT | O_TRUNC, false, "write create truncate");
	expect_open(O_RDONLY | O_CREAT, false, "read create");
	expect_open(O_PATH, false, "stat");
	expect_open(O_PATH | O_DIRECTORY, true, "stat");
	expect_open(O_RDWR | O_TMPFILE, false, "read write create");
	expect_open(O_RDONLY | O_DIRECTORY, true, "list");
}

/* ---- results ---- */

static void expect_result(int64_t result, const char *name, bool ok, bool checked)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct outcome outcome = args_outcome(result);

	args_result_name(result, &text);
	assert_string_equal(text.data, name);
	assert_int_equal(outcome.ok, ok);
	assert_int_equal(outcome.checked, checked);
}

static void results(void **state)
{
	(void)state;
	expect_result(0, "ok", true, true);
	expect_result(7, "ok", true, true);
	expect_result(-4096, "ok", true, true); /* an address */
	expect_result(-ENOENT, "ENOENT", false, false);
	expect_result(-EACCES, "EACCES", false, false);
	expect_result(-ENOTEMPTY, "ENOTEMPTY", false, true);
	expect_result(-EAGAIN, "EAGAIN", false, true);
	expect_result(-512, "restart", false, true);
	expect_result(-516, "restart", false, true);
	expect_result(-517, "errno-517", false, false);
}

/* ---- signals and ptrace ---- */

static void expect_signal(int number, const char *wanted)
{
	AUTO_BUF struct buf text = BUF_INIT;

	signal_name(number, &text);
	assert_string_equal(text.data, wanted);
}

static void signals(void **state)
{
	(void)state;
	expect_signal(0, "exists");
	expect_signal(1, "hup");
	expect_signal(6, "abrt");
	expect_signal(9, "kill");
	expect_signal(16, "stkflt");
	expect_signal(20, "stp");
	expect_signal(29, "io");
	expect_signal(31, "sys");
	expect_signal(37, "rtmin+5"); /* seen in the log of an enforcing kernel */
	expect_signal(64, "rtmin+32");
}

static void ptrace_requests(void **state)
{
	char scratch[32];

	(void)state;
	assert_string_equal(ptrace_request_name(PTRACE_TRACEME, scratch), "traceme");
	assert_string_equal(ptrace_request_name(PTRACE_SEIZE, scratch), "seize");
	assert_string_equal(ptrace_request_name(0xabc, scratch), "0xabc");
}

/* ---- mounts and namespaces ---- */

static void expect_mount(uint64_t flags, const char *operation, const char *options)
{
	AUTO_BUF struct buf text = BUF_INIT;

	mount_options(flags, &text);
	assert_string_equal(mount_operation(flags), operation);
	assert_string_equal(buf_text(&text), options);
}

static void mounts(void **state)
{
	(void)state;
	expect_mount(0, "mount", "rw");
	expect_mount(MS_RDONLY | MS_NOSUID | MS_NODEV, "mount", "ro,nosuid,nodev");
	expect_mount(0xc0ed0000 | MS_RDONLY, "mount", "ro");
	expect_mount(MS_BIND, "bind", "rw");
	expect_mount(MS_BIND | MS_REC, "rbind", "rw");
	expect_mount(MS_REMOUNT | MS_BIND | MS_RDONLY, "remount", "ro,bind");
	expect_mount(MS_SLAVE | MS_REC, "make", "rslave");
	expect_mount(MS_PRIVATE, "make", "private");
	expect_mount(MS_MOVE, "move", "rw");
}

static void expect_kinds(uint64_t flags, const char *wanted)
{
	AUTO_BUF struct buf text = BUF_INIT;

	namespace_kinds(flags, &text);
	assert_string_equal(buf_text(&text), wanted);
}

static void namespace_flags(void **state)
{
	(void)state;
	expect_kinds(0, "");
	expect_kinds(CLONE_NEWUSER, "user");
	expect_kinds(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_VM, "mnt,pid,user");
}

/* ---- sockets ---- */

static void expect_address(const void *bytes, size_t length, const char *text, const char *port,
			   bool is_path)
{
	struct address address = { .family = -1 };

	socket_address(bytes, length, &address);
	assert_string_equal(buf_text(&address.text), text);
	assert_string_equal(buf_text(&address.port), port);
	assert_int_equal(address.is_path, is_path);
	buf_free(&address.text);
	buf_free(&address.port);
}

static void expect_inet(const char *host, const char *class)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(8080) };

	assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
	expect_address(&address, sizeof(address), class, "8080", false);
	expect_address(&address, sizeof(address) - 1, "", "", false); /* the kernel: EINVAL */
}

static void expect_inet6(const char *host, const char *class)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(53) };

	assert_int_equal(inet_pton(AF_INET6, host, &address.sin6_addr), 1);
	expect_address(&address, sizeof(address), class, "53", false);
	expect_address(&address, 24, class, "53", false); /* without the scope: RFC 2133 */
	expect_address(&address, 23, "", "", false);
}

static void inet_addresses(void **state)
{
	(void)state;
	expect_inet("0.0.0.0", "any");
	expect_inet("127.0.0.53", "loopback");
	expect_inet("10.1.2.3", "private");
	expect_inet("172.31.0.1", "private");
	expect_inet("172.32.0.1", "public");
	expect_inet("192.168.1.1", "private");
	expect_inet("100.64.0.1", "private");
	expect_inet("169.254.1.1", "link-local");
	expect_inet("224.0.0.251", "multicast");
	expect_inet("255.255.255.255", "multicast");
	expect_inet("8.8.8.8", "public");
	expect_inet6("::", "any");
	expect_inet6("::1", "loopback");
	expect_inet6("fe80::1", "link-local");
	expect_inet6("fd00::1", "private");
	expect_inet6("ff02::1", "multicast");
	expect_inet6("2001:db8::1", "public");
	expect_inet6("::ffff:127.0.0.1", "loopback");
}

static void unix_addresses(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t at = offsetof(struct sockaddr_un, sun_path);

	(void)state;
	expect_address(&address, at, "unnamed", "", false);
	memcpy(address.sun_path, "\0ab\0\xff", 5);
	expect_address(&address, at + 5, "@ab\\x00\\xff", "", false);
	expect_address(&address, at + 1, "@", "", false);
	memset(address.sun_path, 'x', sizeof(address.sun_path)); /* no NUL at its end */
	char longest[sizeof(address.sun_path) + 1] = { 0 };
	memset(longest, 'x', sizeof(address.sun_path));
	expect_address(&address, sizeof(address), longest, "", true);
	strncpy(address.sun_path, "/run/a\nb", sizeof(address.sun_path));
	expect_address(&address, sizeof(address), "/run/a\\x0ab", "", true);
	expect_address(&address, 1, "", "", false);
}

static void socket_names(void **state)
{
	char scratch[16];

	(void)state;
	assert_string_equal(socket_family_name(AF_UNIX, scratch), "unix");
	assert_string_equal(socket_family_name(AF_INET6, scratch), "inet6");
	assert_string_equal(socket_family_name(AF_NETLINK, scratch), "netlink");
	assert_string_equal(socket_family_name(AF_PACKET, scratch), "packet");
	assert_string_equal(socket_family_name(AF_ALG, scratch), "alg");
	assert_string_equal(socket_family_name(AF_VSOCK, scratch), "vsock");
	assert_string_equal(socket_family_name(AF_XDP, scratch), "xdp");
	assert_string_equal(socket_family_name(12, scratch), "12");
	assert_string_equal(socket_family_name(999, scratch), "999");
	assert_string_equal(socket_type_name(SOCK_SEQPACKET, scratch), "seqpacket");
	assert_string_equal(socket_type_name(0, scratch), "0");
}

/* ---- exec ---- */

static void expect_interpreter(const char *head, const char *wanted)
{
	size_t length = 0;
	const char *name = exec_interpreter(head, strlen(head), &length);

	if (!wanted) {
		assert_null(name);
		return;
	}
	assert_non_null(name);
	assert_int_equal(length, strlen(wanted));
	assert_memory_equal(name, wanted, length);
}

static void interpreters(void **state)
{
	char cut[256];

	(void)state;
	expect_interpreter("#!/bin/sh\n", "/bin/sh");
	expect_interpreter("#! \t/usr/bin/env python3\n", "/usr/bin/env");
	expect_interpreter("#!relative", "relative");
	expect_interpreter("#!\n/bin/sh\n", NULL);
	expect_interpreter("#", NULL);
	expect_interpreter("\x7f"
			   "ELF",
			   NULL);
	memset(cut, 'x', sizeof(cut));
	memcpy(cut, "#!", 2);
	size_t length;
	assert_null(exec_interpreter(cut, sizeof(cut), &length));
}

/* ---- arguments ---- */

static void normalise(const char *abi, const char *name, const uint64_t raw[ARGS],
		      const uint64_t wanted[ARGS])
{
	struct thread thread = { .abi = abi_by_name(abi), .row = syscall_desc_find(name) };

	memcpy(thread.raw, raw, sizeof(thread.raw));
	args_normalise(&thread);
	for (int i = 0; i < ARGS; i++)
		if (thread.args[i] != wanted[i])
			fail_msg("%s %s: argument %d is %llx", abi, name, i,
				 (unsigned long long)thread.args[i]);
}

static void split_arguments(void **state)
{
	const uint64_t mark[ARGS] = { 3, 1, 0x20, 0x1, 7, 0x1000 };

	(void)state;
	normalise("x86_64", "fanotify_mark", mark, mark);
	normalise("i386", "fanotify_mark", mark,
		  (const uint64_t[ARGS]){ 3, 1, 0x100000020, 7, 0x1000, 0 });
	const uint64_t cut[ARGS] = { 0x1000, 0xdead, 0x20, 0x1, 0, 0 };
	normalise("arm", "truncate64", cut,
		  (const uint64_t[ARGS]){ 0x1000, 0x100000020, 0, 0, 0, 0 });
	normalise("i386", "truncate64", cut,
		  (const uint64_t[ARGS]){ 0x1000, 0x200000dead, 1, 0, 0, 0 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_flags),      cmocka_unit_test(results),
		cmocka_unit_test(signals),         cmocka_unit_test(ptrace_requests),
		cmocka_unit_test(mounts),          cmocka_unit_test(namespace_flags),
		cmocka_unit_test(inet_addresses),  cmocka_unit_test(unix_addresses),
		cmocka_unit_test(socket_names),    cmocka_unit_test(interpreters),
		cmocka_unit_test(split_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
