/*
 * What a container's runtime tells the agent of a container: the ContainerProcessState of the OCI
 * runtime specification (config-linux.md, "The Container Process State"), as JSON that may come
 * from anybody who can connect.
 *
 * In its "metadata" (linux.seccomp.listenerMetadata of config.json) whoever wrote the filter may
 * tell whittle more: "whittle:KEY=VALUE;KEY=VALUE...". What begins otherwise is not for whittle.
 *   unseen=NAME,...  calls that the filter lets run unreported, since the runtime refuses to have
 *                    them notified (runc: write); "#" stands for calls without a name in libseccomp
 *   engine=ptrace    the filter notifies execve and execveat only: whittle traces the processes
 *   known=1          the filter lets calls run that the asked agent knew (briefing.h)
 *   runtime=NAME     runc, crun
 *   version=TEXT     of the runtime
 *   name=TEXT image=TEXT digest=TEXT   of the container and its image, as the engine calls them
 */
#ifndef CLI_CONTAINER_H
#define CLI_CONTAINER_H

#include <whittle/evidence.h>

/* Bytes of a state, and descriptors that may come with it: more is refused. */
enum { STATE_MAX = 1 << 20, STATE_FDS_MAX = 16 };

struct container_state {
	char *field[CONTAINER_FIELDS]; /* evidence text, never NULL; owned */
	char *label;     /* of the container: its name, else its id, as a file name; owned */
	size_t listener; /* which of the descriptors is seccomp's */
	bool attach;     /* "engine=ptrace" */
	bool known;      /* "known=1" */
	bool asks;       /* it is none, but the question of briefing.h: nothing else is set */
};

/* Is the text whole, as far as it came? Feed it piece by piece to a scan that began as { 0 }. */
struct state_scan {
	unsigned long depth;
	bool string, escape, whole;
};
void state_scan(struct state_scan *scan, const char *text, size_t length);

/* Reads a state. *ret_state is released by container_state_release(). */
int container_state_parse(const char *text, size_t length, struct container_state *ret_state,
			  struct error *err);
void container_state_release(struct container_state *state);

/* A name as a plain file name: other bytes become %XX. NULL if that is too long. Freed by the
 * caller. */
char *container_label(const char *name);
/*
 * LABEL@IMAGE for another image under that label, always short enough: of a long image the end
 * only, so that two may become one. The 2nd, 3rd ... number makes others of it. Freed by the
 * caller.
 */
char *container_label_apart(const char *label, const char *image, unsigned int number);

#endif
