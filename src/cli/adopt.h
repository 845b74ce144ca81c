/* Private to the agent: the process that records one container, or one exec session in it. */
#ifndef CLI_ADOPT_H
#define CLI_ADOPT_H

#include <cli/record.h>

/*
 * What the recording process tells the agent, one datagram each; text is a file name. NOBODY: the
 * connection had nothing to say, as of who only wants to know whether somebody listens.
 */
enum adopt_word { ADOPT_STARTED, ADOPT_LISTENING, ADOPT_NOBODY };
struct adopt_message {
	enum adopt_word word;
	bool exec;       /* STARTED: it is an exec session */
	char label[256]; /* STARTED: of the container; NUL-terminated */
};

/* What the agent tells it: a byte, the signal for the container; SIGKILL ends all of it. */

/*
 * Takes a container's listener from connection and records what notifies it, to its end. connection
 * is closed once the state was read. channel: a socket of datagrams to the agent. Writes evidence
 * of one run into the file out. Returns an exit status: 0 if there is evidence. If the agent dies,
 * it is killed, and the container with it.
 */
int adopt_run(const struct record_options *options, int connection, int channel, int out);

#endif
