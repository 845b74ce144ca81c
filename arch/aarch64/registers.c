/* Registers of aarch64 (arch/arm64/kernel/{syscall,ptrace}.c; ptrace(2), PTRACE_GETREGSET). */
#include <trace/registers.h>

#include <elf.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <whittle/event.h>

int registers_get(pid_t tid, struct user_regs_struct *ret_regs)
{
	struct iovec room = { ret_regs, sizeof(*ret_regs) };

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &room) < 0)
		return -1;
	if (room.iov_len == sizeof(*ret_regs))
		return 0;
	errno = ENOTSUP; /* a 32-bit task has another set */
	return -1;
}

/*
 * x7 reads as 0 or 1 in the stops of a call, and what is written there is lost: the kernel keeps
 * the thread's own (report_syscall()). In any other stop it would be written over.
 */
int registers_set(pid_t tid, const struct user_regs_struct *regs)
{
	struct user_regs_struct copy = *regs;
	struct iovec room = { &copy, sizeof(copy) };

	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &room) < 0 ? -1 : 0;
}

/*
 * SVE registers do not live over a call (Documentation/arm64/sve.rst), so none are lost by one
 * more. They may be live behind rt_sigreturn, but that has no result behind which a process is
 * quiet.
 */
bool registers_can_call(pid_t tid, const struct user_regs_struct *regs)
{
	const uint32_t instruction = 0xd4000001; /* svc #0 */
	const unsigned long long mode_32 = 0x10; /* PSR_MODE32_BIT */
	int64_t result = registers_result(regs);
	uint32_t word;

	if (regs->pstate & mode_32 || (result <= -512 && result >= -516) || result == -EINTR)
		return false;
	return tracee_read(tid, regs->pc - sizeof(word), &word, sizeof(word)) == 0 &&
	       word == instruction;
}

void registers_prepare_call(struct user_regs_struct *regs, const struct user_regs_struct *at_exit,
			    uint64_t nr, const uint64_t args[6])
{
	*regs = *at_exit;
	regs->regs[8] = nr;
	for (int i = 0; i < 6; i++)
		regs->regs[i] = args[i];
	regs->pc -= 4;
}

int64_t registers_result(const struct user_regs_struct *regs)
{
	return (int64_t)regs->regs[0];
}

/* Procedure Call Standard for the Arm 64-bit Architecture, 6.4.5: no red zone */
uint64_t registers_free_stack(const struct user_regs_struct *regs)
{
	return regs->sp;
}

int registers_set_result(pid_t tid, int64_t result)
{
	struct user_regs_struct regs;

	if (registers_get(tid, &regs) < 0)
		return -1;
	regs.regs[0] = (unsigned long long)result;
	return registers_set(tid, &regs);
}

int registers_skip_call(pid_t tid, int64_t result)
{
	int none = -1; /* NO_SYSCALL */
	struct iovec room = { &none, sizeof(none) };

	if (ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &room) < 0)
		return -1;
	return registers_set_result(tid, result);
}

/* The call takes it from x0; one that is made again, from orig_x0, which stays what it was. */
int registers_set_argument(pid_t tid, uint64_t value, uint64_t *ret_old)
{
	struct user_regs_struct regs;

	if (registers_get(tid, &regs) < 0)
		return -1;
	*ret_old = regs.regs[0];
	regs.regs[0] = value;
	return registers_set(tid, &regs);
}

/* Its register has the result by now. */
int registers_restore_argument(pid_t tid, uint64_t old)
{
	(void)tid;
	(void)old;
	return 0;
}

int registers_set_last_argument(pid_t tid, uint64_t value, uint64_t *ret_old)
{
	struct user_regs_struct regs;

	if (registers_get(tid, &regs) < 0)
		return -1;
	*ret_old = regs.regs[5];
	regs.regs[5] = value;
	return registers_set(tid, &regs);
}

int64_t registers_call(const struct user_regs_struct *regs)
{
	return (int64_t)regs->regs[8];
}

void registers_arguments(const struct user_regs_struct *regs, uint64_t ret_args[6])
{
	for (int i = 0; i < 6; i++)
		ret_args[i] = regs->regs[i];
}

bool registers_can_restart(void)
{
	return false; /* do_signal() in arch/arm64/kernel/signal.c has looked at the result before
		       */
}
