/*
 * "calls NAME [ARG...] [: NAME [ARG...]]..." makes system calls by name, one after the other up to
 * the first that fails, and prints "ok" or "FAIL NAME ERRNO"; the status says the same. ARG is
 *   NUMBER      -1, 0x100, r0 (the result of the first call), self (the own process)
 *   @TEXT       a string
 *   +SIZE       a buffer of zeros
 *   *W,W,...    64-bit words, each a NUMBER or one of these (a struct with pointers)
 *   /W,W,...    32-bit words
 *   .W,W,...    16-bit words
 */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long results[16];

static void *need_memory(size_t size)
{
	void *memory = calloc(1, size + 1);

	if (!memory)
		abort();
	return memory;
}

static uint64_t value_of(const char *text);

/* The words of "a,b,c", each of size bytes, little endian. */
static uint64_t words_of(const char *text, size_t size)
{
	char *bytes = need_memory(strlen(text) * size + size), *next = bytes;
	char *copy = strdup(text), *rest = copy;

	for (char *word; (word = strsep(&rest, ","));) {
		uint64_t value = value_of(word);

		memcpy(next, &value, size);
		next += size;
	}
	free(copy);
	return (uint64_t)(uintptr_t)bytes;
}

static uint64_t value_of(const char *text)
{
	switch (text[0]) {
	case 'r':
		return (uint64_t)results[atoi(text + 1)];
	case 's':
		return (uint64_t)getpid();
	case '@':
		return (uint64_t)(uintptr_t)strdup(text + 1);
	case '+':
		return (uint64_t)(uintptr_t)need_memory(strtoul(text + 1, NULL, 0));
	case '*':
		return words_of(text + 1, 8);
	case '/':
		return words_of(text + 1, 4);
	case '.':
		return words_of(text + 1, 2);
	default:
		return (uint64_t)strtoll(text, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	size_t made = 0;

	for (int at = 1; at < argc; at++) {
		const char *name = argv[at];
		uint64_t args[6] = { 0 };

		for (size_t count = 0; ++at < argc && strcmp(argv[at], ":") != 0 && count < 6;)
			args[count++] = value_of(argv[at]);
		long result = syscall(seccomp_syscall_resolve_name(name), args[0], args[1], args[2],
				      args[3], args[4], args[5]);
		if (result < 0) {
			printf("FAIL %s %s\n", name, strerrorname_np(errno));
			return 1;
		}
		results[made++ % 16] = result;
	}
	puts("ok");
	return 0;
}
