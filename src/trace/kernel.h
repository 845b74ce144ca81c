/* Private to the room: functions of the running kernel by address, from /proc/kallsyms. */
#ifndef TRACE_KERNEL_H
#define TRACE_KERNEL_H

#include <whittle/arch.h>
#include <whittle/file.h>

struct kernel;

/* Does the kernel show addresses to root (kptr_restrict, proc(5))? */
bool kernel_shows_addresses(void);

/* Reads all functions: some 100 ms. Never NULL. Freed by kernel_free(); NULL is allowed. */
struct kernel *kernel_read(const struct abi *abi);
void kernel_free(struct kernel *kernel);

/* The function that a return address is in, or NULL; borrowed. */
const char *kernel_function_at(const struct kernel *kernel, uint64_t address);
/* The number of the system call whose entry it is in, or -1. */
int64_t kernel_call_at(const struct kernel *kernel, uint64_t address);

#endif
