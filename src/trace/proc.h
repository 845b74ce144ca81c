/* Private to the room: what /proc says of tasks that no ptrace stop describes. */
#ifndef TRACE_PROC_H
#define TRACE_PROC_H

#include <sys/types.h>
#include <whittle/base.h>

/* The process of a thread ("Tgid:" of /proc/TID/status); 0 if it is gone or unreadable. */
pid_t proc_tgid(pid_t tid);

/* Is the thread one of that process? */
bool proc_has_thread(pid_t tgid, pid_t tid);

/* Does the task run, or wait for a processor or a disk (proc_pid_stat(5), field 3)? */
bool proc_runs(pid_t tid);

/* Has the process of the task a handler for the signal? */
bool proc_catches(pid_t tid, int signal);

/* Is the process the first one of its pid namespace? */
bool proc_is_first(pid_t tgid);

/*
 * A number that is another one after each execve(2): of the device and inode of the image, the
 * auxiliary vector and the random bytes that AT_RANDOM points to (getauxval(3)), which the kernel
 * draws for each image, also where addresses are not. 0 if nothing of it can be read.
 */
uint64_t proc_image(pid_t tid);

#endif
