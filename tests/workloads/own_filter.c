/* Installs seccomp filters of its own: one refuses, one traps, one is read back; prints what came.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int install(unsigned int number, unsigned int action)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static void trapped(int number, siginfo_t *info, void *context)
{
	char text[] = "trapped 000\n";
	int call = info->si_syscall;

	(void)number;
	(void)context;
	text[8] = (char)('0' + call / 100);
	text[9] = (char)('0' + call / 10 % 10);
	text[10] = (char)('0' + call % 10);
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(1);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO };

	setvbuf(stdout, NULL, _IONBF, 0);
	sigaction(SIGSYS, &action, NULL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	printf("install %d %d\n", install(SYS_mkdir, SECCOMP_RET_ERRNO | ENOTTY),
	       install(SYS_getpgrp, SECCOMP_RET_TRAP));
	int result = mkdir("/tmp/never", 0700);
	printf("mkdir %d %s\n", result, strerror(errno));
	syscall(SYS_getpgrp);
	printf("seccomp %d\n", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	return 6;
}
