/* Private to cli: what another program prints when it is asked. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <whittle/base.h>

/*
 * Runs argv (searched in PATH) with /dev/null as standard input, and waits for its end, at most
 * `seconds`. *ret_line is the first line of what it printed, freed by the caller. Fails if it could
 * not be run, took longer, ended with another status than 0 or printed nothing. What it says on
 * standard error is not shown.
 */
int ask_line(char *const *argv, double seconds, char **ret_line, struct error *err);

#endif
