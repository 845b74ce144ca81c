/*
 * Has something written below the stack? There a caller's frames have been, and will be again.
 *
 *	below_stack
 *
 * Fills what is below, makes calls enough to be met again, and looks. Prints the number of its
 * seccomp filters (proc_pid_status(5)); status 1 and a message if a byte has changed.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORDS = 2048, NEAREST = 64 }; /* the nearest are those of syscall(2) itself */

static __attribute__((noinline)) uintptr_t fill(void)
{
	volatile uint64_t words[WORDS];

	for (uint64_t i = 0; i < WORDS; i++)
		words[i] = i * UINT64_C(0x9e3779b97f4a7c15);
	return (uintptr_t)words;
}

static long filters(void)
{
	char line[256];
	long count = -1;
	FILE *status = fopen("/proc/self/status", "r");

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "Seccomp_filters: %ld", &count);
	if (status)
		fclose(status);
	return count;
}

int main(void)
{
	static uint64_t found[WORDS];
	long sum = syscall(SYS_getppid) + syscall(SYS_getpgid, 0); /* what resolves it is used up */
	const volatile uint64_t *words = (const volatile uint64_t *)fill();

	for (int i = 0; i < 8; i++)
		sum -= syscall(SYS_getppid) + syscall(SYS_getpgid, 0);
	for (int i = 0; i < WORDS; i++)
		found[i] = words[i];
	for (uint64_t i = 0; i < WORDS - NEAREST; i++)
		if (found[i] != i * UINT64_C(0x9e3779b97f4a7c15))
			errx(1, "word %d of %d has changed", (int)i, WORDS);
	printf("%ld\n", sum < 0 ? filters() : -1);
	return 0;
}
