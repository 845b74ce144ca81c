/*
 * Names as the kernel mediates them: absolute, symlinks resolved, seen from the root of the
 * tracee's mount namespace. That is d_path() of the object: a chroot does not shorten it, as it
 * does not for AppArmor (apparmor.d(5), chroot_relative). whittle walks the name itself, a
 * component at a time below /proc/TID/{root,cwd,fd/N}, because openat2(2)'s RESOLVE_IN_ROOT refuses
 * magic links and /proc/self would be whittle's own. Permissions are not judged here: a name that
 * the tracee may not reach but whittle may is told, and the call's result says that it was refused;
 * what whittle may not reach is an error (EACCES).
 */
#ifndef OBSERVE_PATH_H
#define OBSERVE_PATH_H

#include <sys/stat.h>
#include <whittle/fact.h>

enum path_flag {
	PATH_NOFOLLOW = 1 << 0, /* the last component is not followed if it is a symlink */
	PATH_EMPTY = 1 << 1,    /* AT_EMPTY_PATH: an empty name is dirfd itself */
	PATH_OWN_ROOT = 1 << 2  /* the tracee's root is known to be the caller's */
};

/* A directory that was searched on the way, or the object itself. */
struct path_node {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	dev_t device;
	ino_t inode;
	int64_t changed; /* st_ctim, in nanoseconds */
};

/* What was walked, so that it can be walked again. */
struct path_origin {
	int dirfd;
	unsigned int flags;
	char *string; /* owned; NULL: the object behind dirfd itself, or nothing (known is false) */
	size_t length;
	bool known;
};

struct path {
	struct path_origin origin;
	char *name; /* evidence text; a directory's ends in "/"; NULL if it could not be told */
	int error; /* 0: the object exists; ENOENT: only the last component is missing (name is then
		      where it would be); else why the walk ended */
	struct path_node object; /* if error is 0 */
	dev_t device;
	ino_t inode;
	dev_t special; /* of a device node: what it stands for */
	pid_t process; /* the number in a name below /proc/, as that mount shows it, or 0 */
	bool by_link;  /* a symlink was followed on the way */
	pid_t linked;  /* of the process whose magic link (exe, fd/N, ns/...) was followed, or 0 */
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
 * unless the tracee's own string was bad: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EBADF; or the call
 * itself was refused likewise). Own /proc/PID becomes \{pid}, task/TID \{tid}, another's \{pids},
 * /dev/pts/N \{digits:7}.
 * Whatever it returns, the directories searched so far are listed; what ret_path held is released.
 * The name of a missing last component has no "/" at its end, whatever it would become.
 * 0 with name NULL: the object has no path (a pipe by /proc/self/fd/N, a memfd).
 */
int path_walk(pid_t tid, pid_t tgid, int dirfd, const char *string, size_t length,
	      unsigned int flags, struct path *ret_path);

/*
 * The object behind an open descriptor (/proc/TID/fd/FD; " (deleted)" is stripped unless that is
 * part of its name). As path_walk(): 0 with name NULL for an object without a path (pipe, socket,
 * memfd, ...); -1 with EBADF if the tracee has no such descriptor.
 */
int path_of_fd(pid_t tid, pid_t tgid, int fd, struct path *ret_path);

enum path_part { PATH_SEARCHED, PATH_PARENT, PATH_OBJECT };

/* Told of every directory that is searched, of the parent, and of the object. */
struct path_visitor {
	/* fd is open (O_PATH) during the call. Of several parents the last is that of path. */
	void (*visit)(void *context, enum path_part part, const struct path_node *node, int fd);
	void *context;
};

/*
 * Walks once more to what path is of, by steps, and shows what is on the way now. It ends where the
 * first walk did, unless something changed meanwhile.
 */
void path_visit(pid_t tid, pid_t tgid, const struct path *path, const struct path_visitor *visitor);

/*
 * stat(2) of one of the kernel's own links (/proc/TID/exe, fd/N), by what the kernel knows already:
 * no server of the file system is asked. Device, inode, mode, links, ids and st_ctim are set.
 */
int path_stat(const char *name, struct stat *ret_stat);

/* Is the object that path names the one behind the open descriptor? */
bool path_is_fd(pid_t tid, int fd, const struct path *path);

/* Raw bytes of an absolute resolved name -> evidence text with the /proc placeholders put in. */
void path_to_text(pid_t tgid, const char *bytes, size_t length, struct buf *out);

void path_release(struct path *path);

#endif
