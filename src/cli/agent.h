/*
 * The agent: listens on a socket for container runtimes (OCI runtime specification,
 * config-linux.md, linux.seccomp.listenerPath), takes the seccomp listener of each container and of
 * each exec session in one, and records what notifies it. container.h says how whoever writes the
 * filter can tell the agent more (listenerMetadata).
 *
 * Each recording runs in a process of its own. The caller polls agent_fd() and calls agent_step();
 * nothing here waits. If the agent's process dies, its containers are ended, and that is said on
 * standard error: under a filter whose listener is gone their calls would fail with ENOSYS.
 */
#ifndef CLI_AGENT_H
#define CLI_AGENT_H

#include <cli/record.h>

struct agent;

/*
 * Begins to listen at path, which must not be there, or be a socket where nobody listens any more.
 * Only the user may connect. Of the options facets, stacks, argv, run, expect and deny_uring count;
 * borrowed. Freed by agent_free().
 */
int agent_new(const struct record_options *options, const char *path, struct agent **ret_agent,
	      struct error *err);
/* Accepts no more, ends the containers that are still recorded, removes the socket. */
void agent_free(struct agent *agent);

/* Readable when agent_step() has something to do (poll(2)). */
int agent_fd(const struct agent *agent);
/* Accepts who connects, takes in what the recordings tell, and those that ended. */
void agent_step(struct agent *agent);

/* Accepts no more from now on; the socket is removed. What is recorded goes on. */
void agent_close(struct agent *agent);
/*
 * Sends a signal to the first process of each container that is recorded. It is ignored there,
 * other than SIGKILL, if that process has no handler for it (pid_namespaces(7)).
 */
void agent_signal(const struct agent *agent, int signal);
/* Ends the containers that are recorded (SIGKILL); their evidence is kept. */
void agent_kill(struct agent *agent);

/* How many recordings run, exec sessions among them; how many have begun since agent_new(). */
size_t agent_active(const struct agent *agent);
size_t agent_begun(const struct agent *agent);
/* Has any container called listen(2) since agent_new(), or bound a datagram socket? */
bool agent_listening(const struct agent *agent);
/*
 * The labels of those that run, " " between, appended: a label is the container's name, else its
 * id, as a plain file name.
 */
void agent_names(const struct agent *agent, struct buf *out);

/*
 * Takes one recording that has ended; false if there is none. Both are the caller's: free(),
 * evidence_free(). *ret_evidence, of one run, is NULL if there is none; why was said. The label is
 * "" if no recording began: what connected was refused.
 */
bool agent_take(struct agent *agent, char **ret_label, struct evidence **ret_evidence);
/*
 * Merges all that have ended into evidence; *ret_failed counts those that left none.
 */
int agent_collect(struct agent *agent, struct evidence *evidence, size_t *ret_failed,
		  struct error *err);

#endif
