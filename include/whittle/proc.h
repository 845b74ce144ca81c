/* What /proc/TID/status says of a thread (proc_pid_status(5)). */
#ifndef WHITTLE_PROC_H
#define WHITTLE_PROC_H

#include <sys/types.h>
#include <whittle/base.h>

/* It is long only by its line of groups (65536 at most). */
#define STATUS_MAX (1 << 20)

/* The text of /proc/TID/status, freed by the caller; NULL with errno if it cannot be read. */
char *proc_status(pid_t tid);

/* The value of a line of it ("NStgid" -> "12\t1\n..."), borrowed from status; NULL if missing. */
const char *proc_field(const char *status, const char *name);

/* The number at the start of a line's value; -1 if the thread or the line is not there. */
int64_t proc_number(pid_t tid, const char *name);

/*
 * The beginning of /proc/TID/name, NUL-terminated; its length, 0 if it cannot be read.
 * Async-signal-safe.
 */
size_t proc_head(pid_t tid, const char *name, char *text, size_t size);

/*
 * When the task started, in clock ticks since boot (proc_pid_stat(5), field 22): with it an id that
 * was given anew is told from its last owner. 0 if it is gone or unreadable. Async-signal-safe.
 */
uint64_t proc_started(pid_t tid);

/*
 * Has the task ended, or no memory any more (proc_pid_stat(5), field 23), as one that was killed?
 * Such a one makes no more calls (do_exit() in kernel/exit.c). False if it cannot be told.
 */
bool proc_is_over(pid_t tid);

/*
 * The task that pid means in the pid namespace of the thread tid, as this process numbers it; 0 if
 * there is none. Before Linux 6.11 threads other than leaders are not found.
 */
pid_t pid_in_namespace_of(pid_t tid, pid_t pid);

/*
 * How the process of a pidfd ended, as waitpid(2) told its parent: 1 with the status, 0 if it has
 * not been waited for yet, -1 if the kernel tells only parents (before Linux 6.15).
 */
int pidfd_exit_status(int pidfd, int *ret_status);

#endif
