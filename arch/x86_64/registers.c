/* Registers of x86_64 (arch/x86/entry/entry_64.S; ptrace(2), PTRACE_GETREGS). */
#include <trace/registers.h>

#include <errno.h>
#include <sys/ptrace.h>
#include <whittle/event.h>

int registers_get(pid_t tid, struct user_regs_struct *ret_regs)
{
	return ptrace(PTRACE_GETREGS, tid, 0, ret_regs) < 0 ? -1 : 0;
}

int registers_set(pid_t tid, const struct user_regs_struct *regs)
{
	return ptrace(PTRACE_SETREGS, tid, 0, regs) < 0 ? -1 : 0;
}

bool registers_can_call(pid_t tid, const struct user_regs_struct *regs)
{
	static const unsigned char instruction[2] = { 0x0f, 0x05 }; /* syscall */
	const unsigned long long user_cs = 0x33;                    /* __USER_CS: 64-bit code */
	int64_t result = registers_result(regs);
	unsigned char bytes[2];

	if (regs->cs != user_cs || (result <= -512 && result >= -516) || result == -EINTR)
		return false;
	return tracee_read(tid, regs->rip - sizeof(bytes), bytes, sizeof(bytes)) == 0 &&
	       bytes[0] == instruction[0] && bytes[1] == instruction[1];
}

void registers_prepare_call(struct user_regs_struct *regs, const struct user_regs_struct *at_exit,
			    uint64_t nr, const uint64_t args[6])
{
	*regs = *at_exit;
	regs->rax = nr;
	regs->orig_rax = UINT64_MAX; /* no call is under way: nothing to restart */
	regs->rip -= 2;
	regs->rdi = args[0];
	regs->rsi = args[1];
	regs->rdx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
}

int64_t registers_result(const struct user_regs_struct *regs)
{
	return (int64_t)regs->rax;
}

/* System V ABI, AMD64 supplement, 3.2.2: the red zone */
uint64_t registers_free_stack(const struct user_regs_struct *regs)
{
	return regs->rsp - 128;
}

int registers_set_result(pid_t tid, int64_t result)
{
	struct user_regs_struct regs;

	if (registers_get(tid, &regs) < 0)
		return -1;
	regs.rax = (unsigned long long)result;
	return registers_set(tid, &regs);
}

int registers_skip_call(pid_t tid, int64_t result)
{
	struct user_regs_struct regs;

	if (registers_get(tid, &regs) < 0)
		return -1;
	regs.orig_rax = UINT64_MAX; /* a number below 0 is not made: __seccomp_filter() */
	regs.rax = (unsigned long long)result;
	return registers_set(tid, &regs);
}

/* i386 passes its first argument in ebx (entry_INT80_compat). */
int registers_set_argument(pid_t tid, uint64_t value, uint64_t *ret_old)
{
	struct user_regs_struct regs;

	if (registers_get(tid, &regs) < 0)
		return -1;
	struct __ptrace_syscall_info info = { .arch = 0 };
	ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info);
	unsigned long long *argument =
		abi_of_call(info.arch, 0) == abi_by_name("i386") ? &regs.rbx : &regs.rdi;
	*ret_old = *argument;
	*argument = value;
	return registers_set(tid, &regs);
}

int registers_restore_argument(pid_t tid, uint64_t old)
{
	uint64_t ignored;

	return registers_set_argument(tid, old, &ignored);
}

int registers_set_last_argument(pid_t tid, uint64_t value, uint64_t *ret_old)
{
	struct user_regs_struct regs;

	if (registers_get(tid, &regs) < 0)
		return -1;
	*ret_old = regs.r9;
	regs.r9 = value;
	return registers_set(tid, &regs);
}

int64_t registers_call(const struct user_regs_struct *regs)
{
	return (int64_t)regs->orig_rax;
}

void registers_arguments(const struct user_regs_struct *regs, uint64_t ret_args[6])
{
	ret_args[0] = regs->rdi;
	ret_args[1] = regs->rsi;
	ret_args[2] = regs->rdx;
	ret_args[3] = regs->r10;
	ret_args[4] = regs->r8;
	ret_args[5] = regs->r9;
}

bool registers_can_restart(void)
{
	return true; /* handle_signal() in arch/x86/kernel/signal.c */
}
