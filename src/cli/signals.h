/* Private to `whittle record`: signals that reach whittle while a workload runs. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* A signal that reached whittle. */
struct arrival {
	int signal;
	bool by_kernel; /* a terminal sent it: to the whole foreground process group */
	pid_t sender;
};

/*
 * Installs handlers for the signals that are passed on (those that were ignored stay ignored, as
 * under nohup(1)) and a timer that interrupts waitpid(2) 20 times a second: what a handler noted
 * just before whittle blocked is seen at the next tick.
 */
void signals_catch(void);
/* Takes the next signal that arrived; false if there is none. */
bool signals_next(struct arrival *ret_arrival);
/* Did the timer ring since the last call? A busy workload never lets waitpid(2) be interrupted. */
bool signals_ticked(void);
/* Back to the default action of all of them, and no timer. */
void signals_release(void);

#endif
