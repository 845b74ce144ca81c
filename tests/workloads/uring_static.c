/*
 * uring_static FILE [plain|i386|filter|refuse]: opens FILE through an io_uring, or by openat(2)
 * where there is none, and says which, and what is in it. Before, it makes plain calls for as long
 * as it takes to be known by them. i386 asks for a ring by that ABI too. filter has a filter of its
 * own first, which kills for the number -1 and lets all else pass; refuse one that refuses a ring.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WARM = 3000 };

static int ring_open(const char *path)
{
	struct io_uring_params params = { .flags = 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (ring < 0)
		return -1;
	size_t length = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	char *queue = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
			   IORING_OFF_SQ_RING);
	struct io_uring_sqe *sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	if (queue == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_OPENAT,
				      .fd = AT_FDCWD,
				      .addr = (uintptr_t)path,
				      .open_flags = O_RDONLY };
	*(volatile uint32_t *)(void *)(queue + params.sq_off.array) = 0;
	__atomic_store_n((uint32_t *)(void *)(queue + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -1;
	return ((struct io_uring_cqe *)(void *)(queue + params.cq_off.cqes))->res;
}

/* Without parameters: EFAULT where there are rings. */
static int ask_by_i386(void)
{
	long result = -ENOSYS;
#ifdef __x86_64__
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(425), "b"(1), "c"(0)
			 : "memory", "r8", "r9", "r10", "r11");
#endif
	return (int)-result;
}

static void add_filter(bool refuse)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, refuse ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		perror("filter");
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "plain";
	char text[64];

	for (int i = 0; i < WARM; i++)
		syscall(SYS_getppid);
	if (strcmp(how, "filter") == 0 || strcmp(how, "refuse") == 0)
		add_filter(*how == 'r');
	if (strcmp(how, "i386") == 0)
		printf("i386: %s\n", strerrorname_np(ask_by_i386()));
	int fd = ring_open(argv[1]);
	if (fd >= 0) {
		puts("by a ring");
	} else {
		printf("by openat: %s\n", strerrorname_np(errno));
		fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	}
	ssize_t length = read(fd, text, sizeof(text));
	if (length < 0)
		return 1;
	printf("%.*s", (int)length, text);
	return 0;
}
