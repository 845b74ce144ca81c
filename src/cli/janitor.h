/*
 * Private to `whittle record`: what must not remain when whittle ends, however it ends. A process
 * waits for that and then puts everything back.
 */
#ifndef CLI_JANITOR_H
#define CLI_JANITOR_H

#include <whittle/buf.h>

struct janitor {
	char *directory; /* temporary, only the user's own; NULL: none is wanted */
	char *socket;    /* removed if nobody listens at it */
	char *config;    /* a file that gets its old text again, if it names the socket; or NULL */
	char *text;
	size_t length;
	int whittle; /* a pipe: its end is whittle's */
	pid_t pid;
};

/*
 * Begins with socket, or if that is NULL with one in a directory of its own. config is a file that
 * is to be put back, or NULL; both are copied.
 */
int janitor_start(struct janitor *janitor, const char *socket, const char *config,
		  struct error *err);
/* Puts everything back now, and frees. */
void janitor_end(struct janitor *janitor);

#endif
