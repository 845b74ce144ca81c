/* Private to cli: whittle as an OCI runtime. */
#ifndef CLI_RUNTIME_H
#define CLI_RUNTIME_H

#include <whittle/base.h>

/* Is whittle, called by this name, a runtime: "whittle-runtime", "crun", "runc"? */
bool runtime_is_name(const char *path);
/* The program whittle-runtime; returns its exit status, if it did not become the real runtime. */
int runtime_main(char *const *argv);

/*
 * The executable of that name (a path, or to be searched in PATH and where runtimes usually are)
 * which is not whittle itself; NULL if there is none. Freed by the caller.
 */
char *runtime_find(const char *name);

/*
 * Begins to watch this process, which becomes a runtime: runc may wait for ever for a notification
 * of its own to be answered. After a minute the process that would have become the container's is
 * killed; runc then fails.
 */
int runtime_watch(struct error *err);

#endif
