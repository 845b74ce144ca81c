/*
 * Private to the room: may a call wait until a signal interrupts it, so that it is made again, or
 * fails with EINTR, as the handler has it (ERESTARTSYS; signal(7), "Interruption of system calls")?
 * Of calls that are told to give up instead (O_NONBLOCK, WNOHANG), and of those that never wait, a
 * program does not expect that. For the table of notified.h.
 */
#ifndef TRACE_WAITS_H
#define TRACE_WAITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* For the file that is the first argument. */
bool waits_for_file(pid_t tid, const uint64_t args[6]);
/* For a socket, with flags as the third argument, or as the fourth. */
bool waits_for_message(pid_t tid, const uint64_t args[6]);
bool waits_for_bytes(pid_t tid, const uint64_t args[6]);
/* wait4(2), futex(2) */
bool waits_for_child(pid_t tid, const uint64_t args[6]);
bool waits_for_wake(pid_t tid, const uint64_t args[6]);

#endif
