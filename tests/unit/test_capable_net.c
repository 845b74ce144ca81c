/* What rules of sockets say of a socket of one's own, by what the machine has. */
#include <observe/capable_rules.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <whittle/file.h>

static const struct creds user = { .ruid = 10, .euid = 10, .effective = UINT64_MAX };

/* Does it take NET_ADMIN, and nothing else, to set the option to that name? */
static bool takes_admin(int fd, int option, const char *name)
{
	struct capable_need needs[CAPABLE_MAX];
	const uint64_t args[6] = { (uint64_t)fd, IPPROTO_TCP, (uint64_t)option, (uintptr_t)name,
				   strlen(name) };
	const struct call call = { .tid = getpid(),
				   .tgid = getpid(),
				   .abi = abi_of_machine(NULL),
				   .name = "setsockopt",
				   .args = args,
				   .creds = &user };
	size_t count = capable_needs(&call, needs);

	assert_true(count <= 1);
	if (count)
		assert_int_equal(needs[0].any_of, CAP_BIT(CAP_NET_ADMIN));
	capable_release(needs, count);
	return count > 0;
}

static void test_congestion(void **state)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char current[32] = "";
	socklen_t size = sizeof(current) - 1;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, current, &size), 0);
	assert_false(takes_admin(fd, TCP_CONGESTION, current));
	assert_false(takes_admin(fd, TCP_CONGESTION, "reno")); /* always allowed */
	assert_true(takes_admin(fd, TCP_CONGESTION, "ren"));
	assert_true(takes_admin(fd, TCP_CONGESTION, "a-very-long-name"));
	assert_true(takes_admin(-1, TCP_CONGESTION, "none-such"));
	assert_false(takes_admin(fd, TCP_NODELAY, "x"));
}

static void test_layer(void **state)
{
	AUTO_FREE char *line = file_read_line("/proc/sys/net/ipv4/tcp_available_ulp");

	(void)state;
	assert_true(takes_admin(0, TCP_ULP, "none-such"));
	if (!line || !*line)
		skip(); /* this kernel has none */
	line[strcspn(line, " ")] = '\0';
	assert_false(takes_admin(0, TCP_ULP, line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_congestion),
		cmocka_unit_test(test_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
