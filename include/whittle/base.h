/* What C lacks: ownership that ends by itself, allocation that cannot fail, errors. */
#ifndef WHITTLE_BASE_H
#define WHITTLE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Ownership: a local marked AUTO_FREE or AUTO_CLOSE is released when it goes out of scope. */
static inline void auto_free(void *p)
{
	free(*(void **)p);
}
static inline void auto_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define AUTO_FREE  __attribute__((cleanup(auto_free)))
#define AUTO_CLOSE __attribute__((cleanup(auto_close)))

/* STEAL(p): the value of pointer p, which is NULL afterwards: ownership leaves the scope. */
#define STEAL(p)                                                                                   \
	({                                                                                         \
		__typeof__(p) stolen_ = (p);                                                       \
		(p) = NULL;                                                                        \
		stolen_;                                                                           \
	})

/* STEAL_FD(fd): the same for a descriptor, which is -1 afterwards. */
#define STEAL_FD(fd)                                                                               \
	({                                                                                         \
		int stolen_fd_ = (fd);                                                             \
		(fd) = -1;                                                                         \
		stolen_fd_;                                                                        \
	})

/* Exit codes of whittle's own failures: those of env(1), timeout(1) and `docker run`. */
enum { EXIT_WHITTLE = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* The time of CLOCK_MONOTONIC in seconds. */
double monotonic_now(void);

bool ends_with(const char *text, const char *end);

/* Out of memory ends the process with EXIT_WHITTLE; none of these returns NULL. Caller frees. */
void *xchecked(void *memory); /* memory itself, of an allocator that may return NULL */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
char *xasprintf(const char *format, ...) PRINTF_LIKE(1, 2);

/* What kind of failure: cli turns it into an exit code. */
enum error_kind {
	ERROR_NONE,
	ERROR_SYSTEM, /* a system call failed; number is the errno */
	ERROR_INPUT,  /* bad input: evidence, options, data files */
	ERROR_REFUSED /* whittle will not do it: existing evidence, incomplete run */
};

struct error {
	enum error_kind kind;
	int number;     /* errno, or 0 */
	char text[512]; /* what failed, on what; one line, no newline */
	char hint[512]; /* what to do about it; may be empty */
};

/*
 * Fills err and returns -1, so that a function can `return fail(err, ...)`. number is an errno or
 * 0. Text longer than the buffer is cut. err must not be NULL.
 */
int fail(struct error *err, enum error_kind kind, int number, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* Adds advice to a failure that was reported already; returns -1 as fail() does. */
int fail_hint(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Does whittle itself hold this capability (CAP_*), effectively? */
bool has_capability(int cap);

/* "CAP_CHOWN", freed by the caller; the number alone if libcap does not know it. */
char *capability_name(int cap);

#endif
