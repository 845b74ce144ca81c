/*
 * Names as the kernel mediates them: absolute, symlinks resolved, in the tracee's own root and
 * mount namespace. whittle walks the name itself, a component at a time below
 * /proc/TID/{root,cwd,fd/N}, because openat2(2)'s RESOLVE_IN_ROOT refuses magic links and
 * /proc/self would be whittle's own.
 */
#ifndef OBSERVE_PATH_H
#define OBSERVE_PATH_H

#include <sys/stat.h>
#include <whittle/fact.h>

enum path_flag {
	PATH_NOFOLLOW = 1 << 0, /* the last component is not followed if it is a symlink */
	PATH_EMPTY = 1 << 1     /* AT_EMPTY_PATH: an empty name is dirfd itself */
};

/* A directory that was searched on the way, or the object itself. */
struct path_node {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

struct path {
	char *name; /* evidence text; a directory's ends in "/"; NULL if it could not be told */
	int error; /* 0: the object exists; ENOENT: only the last component is missing (name is then
		      where it would be); else why the walk ended */
	struct path_node object; /* if error is 0 */
	dev_t device;
	ino_t inode;
	struct path_node parent;    /* the directory of the last component */
	struct path_node *searched; /* every directory searched, also by way of symlinks; owned */
	size_t searched_count;
};
#define PATH_INIT                                                                                  \
	{                                                                                          \
		.name = NULL                                                                       \
	}
#define AUTO_PATH __attribute__((cleanup(path_release)))

/*
 * Resolves string as tid would with this dirfd (AT_FDCWD for its working directory). Returns 0, or
 * -1 with path->error set where the name could not be told at all (loss: the caller counts it
 * unless the tracee's own string was bad). Own /proc/PID becomes \{pid}, task/TID \{tid}, another's
 * \{pids}.
 */
int path_walk(pid_t tid, pid_t tgid, int dirfd, const char *string, size_t length,
	      unsigned int flags, struct path *ret_path);

/* The object behind an open descriptor (/proc/TID/fd/FD, " (deleted)" stripped if it has no link).
 */
int path_of_fd(pid_t tid, pid_t tgid, int fd, struct path *ret_path);

/* Raw bytes of an absolute resolved name -> evidence text with the /proc placeholders put in. */
void path_to_text(pid_t tgid, const char *bytes, size_t length, struct buf *out);

void path_release(struct path *path);

#endif
