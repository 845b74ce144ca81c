/* Private to the room: what a runtime calls between the filter and the program, seen by ptrace. */
#ifndef ENFORCE_WATCH_H
#define ENFORCE_WATCH_H

#include <enforce/container.h>
#include <whittle/event.h>

/*
 * A call of a thread that had the filter on it, before the program ran. phase: FLOOR_EXEC for what
 * the second process under a filter does, else the plan's or FLOOR_CREATE.
 */
typedef void watch_call(void *context, enum floor_phase phase, const struct event *entry);

/*
 * Starts the container and reports the calls. *ret_started: did the program (of the exec, if there
 * is one) run? What is left of it is killed; container_clear() is due afterwards.
 */
int watch_start(const struct container *container, const struct supervisor *supervisor,
		const struct container_plan *plan, double timeout, watch_call *call, void *context,
		bool *ret_started, struct error *err);

#endif
