/*
 * Results that are said before the call is made, of opens that only read: what is there and may be
 * read will be opened, and what is missing will not. So the thread need not be stopped at the end
 * of the call. What the kernel may see otherwise is left to it: whatever else a call does than to
 * read a file or a directory, other kinds of files, file systems that judge by themselves, threads
 * that a security module confines, and whatever takes a capability.
 */
#ifndef OBSERVE_FORETOLD_H
#define OBSERVE_FORETOLD_H

#include <observe/observe.h>

/* Can the result of the call that thread enters be foretold? Its names have been walked. */
bool foretold(struct observer *observer, struct thread *thread, struct outcome *ret_outcome);

/*
 * Does the thread go the way that whittle's walk of its first name went? Whittle may search what
 * the thread may not, and follow links that the kernel refuses. Nobody can tell in foreign user
 * namespaces.
 */
bool foretold_way(struct observer *observer, struct thread *thread);

/*
 * The call was taken to fail since its file is missing: if it is made in that moment the name is
 * granted by the thread's next call, or its end, whatever the call returned. False if the name
 * cannot be looked up then.
 */
bool foretold_missing(struct thread *thread);
void foretold_settle(struct observer *observer, struct thread *thread);

/*
 * Does a label of /proc/TID/attr/current tell of a confined thread? AppArmor's for none is
 * "unconfined" alone, which SELinux's may begin with.
 */
bool foretold_label_confines(const char *label, size_t length);

/* ---- filesystem.c ---- */

/*
 * Is it a file system of the kernel's own, which lets read whom the mode bits and ACLs let, and
 * follows symlinks wherever it is mounted?
 */
bool filesystem_is_plain(struct observer *observer, dev_t device);
void filesystems_forget(struct observer *observer); /* frees what was kept */

#endif
