/* Private to the agent: the message by which a runtime hands a container's listener over. */
#ifndef CLI_HANDOVER_H
#define CLI_HANDOVER_H

#include <cli/container.h>

/*
 * Reads the state and the descriptors of one connection: all within a few seconds, or it fails.
 * *ret_state is released by container_state_release(). *ret_listener is the caller's also after a
 * failure, if one came (else -1): processes wait for it.
 */
int handover_receive(int socket, struct container_state *ret_state, int *ret_listener,
		     struct error *err);

#endif
