/* Private to path.c and walk.c: objects that a walk passes. */
#ifndef OBSERVE_PLACE_H
#define OBSERVE_PLACE_H

#include <observe/path.h>

#include <fcntl.h>
#include <sys/stat.h>

/* An object held open by O_PATH, and what statx(2) said of it. */
struct place {
	int fd;
	struct statx stat;
};

/* statx(2) with the mount, asking no server. */
int place_look(int dirfd, const char *name, int flags, struct statx *ret_stat);
/* Takes over fd, in the place of what was held; -1 with errno, and fd closed (also if fd is -1). */
int place_take(int fd, struct place *place);
/* The same directory of the same mount? It tells a directory from a bind mount of it. */
bool place_same(const struct place *a, const struct place *b);
struct path_node place_node(const struct place *place);
/* /proc/TID/LINK, and what fd stands for: AT_FDCWD is the working directory. -1 with errno. */
int place_of_link(pid_t tid, const char *link, struct place *place);
int place_of_fd(pid_t tid, int fd, struct place *place);
bool place_in_proc(const struct place *place);
/* The kernel's own name (d_path) of what fd holds; appended. -1 with errno. */
int place_name(int fd, struct buf *ret_raw);
/* Takes away what d_path() puts behind the name of an unlinked object. */
void place_strip_deleted(pid_t tid, const struct place *place, struct buf *raw);
/* Says in path what object stands at place. -1 with errno. */
int place_fill(pid_t tid, pid_t tgid, const struct place *place, struct path *path);
/* The process of a name below /proc/, or 0. */
pid_t process_of_name(const struct buf *raw);
/* Of at most length bytes at text, how many are digits before another one? */
size_t count_digits(const char *text, size_t length);

#endif
