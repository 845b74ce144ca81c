/*
 * What the files of the rows' helper share: an operation is a function and a row in the table of
 * its file. helper.c says how they are written on its command line.
 */
#ifndef WHITTLE_VM_HELPER_H
#define WHITTLE_VM_HELPER_H

#include <stddef.h>
#include <sys/types.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* The function of an operation: -1 with errno, or anything else. Not each has a use for both. */
#define OP(name)                                                                                   \
	static int do_##name(struct state *state __attribute__((unused)),                          \
			     char **args __attribute__((unused)))
/* One that is a single call. */
#define CALL(name, call)                                                                           \
	OP(name)                                                                                   \
	{                                                                                          \
		return (int)(call);                                                                \
	}

struct state {
	int fd;
	pid_t child; /* 0: none */
	void *map;
};

struct word {
	const char *name;
	int value;
};

/* The value of a word; a word that the table lacks is a mistake in the corpus. */
int word_value(const struct word *words, size_t count, const char *name, size_t length);

/* The flags of open(2): words split by "|". */
int open_flags(const char *text);

/* SOCK_STREAM and so on. */
int socket_type(const char *name);

enum { TAKES_REST = 1 << 8 };

struct op {
	const char *name;
	int args; /* how many at least, and TAKES_REST */
	int (*run)(struct state *state, char **args);
};

/* The tables of the other files; each ends with a row without a name. */
extern const struct op file_ops[], process_ops[], system_ops[];

#endif
