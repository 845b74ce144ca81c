/* Places of which no pattern is made: where whoever gets to choose names gets to choose what a
 * system does. */
#ifndef WHITTLE_SENSITIVE_H
#define WHITTLE_SENSITIVE_H

#include <whittle/base.h>

/* Is the path (evidence text) below such a directory, or in one that holds secrets (.ssh)? */
bool path_is_sensitive(const char *path);

#endif
