/*
 * Private to the room: what differs between machines when a tracee's registers are changed. One
 * implementation a machine: arch/<machine>/registers.c. All functions are for the native ABI of a
 * tracee in a ptrace stop of PTRACE_SYSCALL or PTRACE_EVENT_SECCOMP.
 */
#ifndef TRACE_REGISTERS_H
#define TRACE_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

/* Results that never reach a program: ERESTARTSYS and ERESTARTNOINTR of include/linux/errno.h. */
enum { RESTARTSYS = 512, RESTARTNOINTR = 513 };

/* All general registers; 0, or -1 with errno (ESRCH: it was killed). */
int registers_get(pid_t tid, struct user_regs_struct *ret_regs);
int registers_set(pid_t tid, const struct user_regs_struct *regs);

/*
 * At a syscall-exit stop: can another call be made from here, by going back over the instruction
 * that made this one? Not if that is not the native ABI's, nor if the kernel still has something to
 * do for the result: errno 512 to 516 restart the call (kernel/signal.c), and behind EINTR a signal
 * mask may wait to be put back (set_restore_sigmask(), epoll_pwait(2)).
 */
bool registers_can_call(pid_t tid, const struct user_regs_struct *regs);

/* Registers which, once tid is resumed with them, make that call and stop behind it. */
void registers_prepare_call(struct user_regs_struct *regs, const struct user_regs_struct *at_exit,
			    uint64_t nr, const uint64_t args[6]);
int64_t registers_result(const struct user_regs_struct *regs);

/* Where the memory begins, downwards, that a stack holds but its program does not use. */
uint64_t registers_free_stack(const struct user_regs_struct *regs);

/* At a syscall-exit stop: the program sees this result instead. */
int registers_set_result(pid_t tid, int64_t result);
/* Before a call has an effect: it is not made, and returns this result. */
int registers_skip_call(pid_t tid, int64_t result);
/* Before a call has an effect: its first argument becomes value; *ret_old is what it was. */
int registers_set_argument(pid_t tid, uint64_t value, uint64_t *ret_old);
/* At a syscall-exit stop: its register is as before, unless it has the result. */
int registers_restore_argument(pid_t tid, uint64_t old);

/*
 * Before a call has an effect, and at its syscall-exit stop: its sixth argument, of the native ABI,
 * becomes value; *ret_old is what it was.
 */
int registers_set_last_argument(pid_t tid, uint64_t value, uint64_t *ret_old);

/*
 * At a stop in which a signal interrupts a call: its number, or -1; its arguments (aarch64: the
 * first one is lost). Can what becomes of it be chosen there, by its result (errno 512 to 516)?
 */
int64_t registers_call(const struct user_regs_struct *regs);
void registers_arguments(const struct user_regs_struct *regs, uint64_t ret_args[6]);
bool registers_can_restart(void);

#endif
