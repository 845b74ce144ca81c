/*
 * deny_probe: makes one call under a profile that was learned from another program, and says by its
 * exit status alone how the call ended: 100 is success, 100 + errno a refusal (138: ENOSYS, what
 * the profile's default action gives), 99 a wrong command line, 98 a value that differs. Apart from
 * the call it is asked for it needs execve() and exit_group(), so it can run under any profile
 * unchanged.
 *
 *	deny_probe call NAME          NAME with all six arguments -1: no call below does harm so
 *	deny_probe open FILE          needs CAP_DAC_READ_SEARCH if its mode refuses us
 *	deny_probe create FILE        needs a directory that can be written to
 *	deny_probe bind               a port below 1024: needs CAP_NET_BIND_SERVICE
 *	deny_probe setgroups          needs CAP_SETGID always (setgroups(2))
 *	deny_probe setuid             to an id that is not ours: needs CAP_SETUID
 *	deny_probe status KEY VALUE…  each line of /proc/self/status is "KEY:\tVALUE"
 *
 * Built freestanding (-ffreestanding -nostdlib -static), since a C library makes calls of its own
 * when it starts; built hosted, it does the same after them.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

enum { SUCCESS = 100, DIFFERS = 98, USAGE = 99, OTHER_UID = 54321, LOW_PORT = 0x0903 /* 777 */ };

struct call {
	const char *name;
	long number;
};

/* With -1 everywhere each of these fails: bad address, bad flags, or bad length. */
static const struct call calls[] = {
	{ "swapon", SYS_swapon },
	{ "quotactl", SYS_quotactl },
	{ "add_key", SYS_add_key },
	{ "keyctl", SYS_keyctl },
	{ "acct", SYS_acct },
	{ "init_module", SYS_init_module },
	{ "pivot_root", SYS_pivot_root },
	{ "mount", SYS_mount },
	{ "unshare", SYS_unshare },
	{ "chroot", SYS_chroot },
	{ "setns", SYS_setns },
	{ "perf_event_open", SYS_perf_event_open },
	{ "io_uring_setup", SYS_io_uring_setup },
	{ "openat2", SYS_openat2 },
};

#ifdef __x86_64__
static long call3(long number, long a, long b, long c)
{
	register long r10 __asm__("r10") = -1;
	register long r8 __asm__("r8") = -1;
	register long r9 __asm__("r9") = -1;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__i386__)
/* The sixth argument is in %ebp, which stays as it is: no call here looks at it. */
static long call3(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(-1L), "D"(-1L)
			 : "memory");
	return result;
}
#endif

static bool text_is(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* The value of "KEY:\t" at the start of a line, or NULL. */
static const char *status_value(const char *text, const char *key)
{
	for (const char *line = text; *line;) {
		const char *at = line, *k = key;

		while (*k && *at == *k)
			at++, k++;
		if (!*k && at[0] == ':' && at[1] == '\t')
			return at + 2;
		while (*line && *line++ != '\n')
			;
	}
	return NULL;
}

static bool value_is(const char *value, const char *wanted)
{
	while (*wanted && *value == *wanted)
		value++, wanted++;
	return !*wanted && *value == '\n';
}

static int outcome(long result)
{
	return result < 0 ? SUCCESS - (int)result : SUCCESS;
}

static int probe_call(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		if (text_is(calls[i].name, name))
			return outcome(call3(calls[i].number, -1, -1, -1));
	}
	return USAGE;
}

static long open_file(const char *path)
{
	return call3(SYS_openat, AT_FDCWD, (long)path, O_RDONLY);
}

static int probe_status(char **pair)
{
	static char text[8192];
	long fd = open_file("/proc/self/status");

	if (fd < 0)
		return outcome(fd);
	long size = call3(SYS_read, fd, (long)text, sizeof text - 1);
	if (size < 0)
		return outcome(size);
	for (; pair[0]; pair += 2) {
		const char *value = status_value(text, pair[0]);

		if (!pair[1])
			return USAGE;
		if (!value || !value_is(value, pair[1]))
			return DIFFERS;
	}
	return SUCCESS;
}

static int probe_bind(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = LOW_PORT };
	long fd = call3(SYS_socket, AF_INET, SOCK_STREAM, 0);

	return outcome(fd < 0 ? fd : call3(SYS_bind, fd, (long)&at, sizeof at));
}

static int probe(int argc, char **argv)
{
	if (argc == 3 && text_is(argv[1], "call"))
		return probe_call(argv[2]);
	if (argc == 3 && text_is(argv[1], "open"))
		return outcome(open_file(argv[2]));
	if (argc == 3 && text_is(argv[1], "create"))
		return outcome(call3(SYS_openat, AT_FDCWD, (long)argv[2], O_WRONLY | O_CREAT));
	if (argc == 2 && text_is(argv[1], "bind"))
		return probe_bind();
	if (argc == 2 && text_is(argv[1], "setgroups"))
		return outcome(call3(SYS_setgroups, 0, 0, 0));
	if (argc == 2 && text_is(argv[1], "setuid"))
		return outcome(call3(SYS_setuid, OTHER_UID, 0, 0));
	if (argc >= 4 && text_is(argv[1], "status"))
		return probe_status(argv + 2);
	return USAGE;
}

#if __STDC_HOSTED__
int main(int argc, char **argv)
{
	return probe(argc, argv);
}
#else
__attribute__((noreturn, used)) static void start(long *stack)
{
	call3(SYS_exit_group, probe((int)stack[0], (char **)(stack + 1)), 0, 0);
	__builtin_unreachable();
}

void _start(void);
#ifdef __x86_64__
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
#else
__asm__(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n"
	" push %eax\n call start\n");
#endif
#endif
