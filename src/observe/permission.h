/*
 * Asks the kernel whether a thread may have access to an object, where mode bits do not tell: POSIX
 * ACLs, file systems that are read-only or judge by themselves, ids that a mount does not map. A
 * process that whittle starts for the first question takes on the thread's ids and groups without
 * any capability, and calls faccessat2(2).
 *
 * It has a session of its own, and no descriptor but its end of a socket; it ends when whittle
 * does.
 */
#ifndef OBSERVE_PERMISSION_H
#define OBSERVE_PERMISSION_H

#include <observe/path.h>
#include <sys/types.h>

/* As whom: credentials(7), "Filesystem user and group IDs". */
struct permission_identity {
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* borrowed */
	size_t group_count;
};

/* Each is 0, or the errno of faccessat2(2). */
struct permission_answer {
	int bare;       /* without capabilities */
	bool tried;     /* whittle could try capabilities too: */
	int search;     /* with CAP_DAC_READ_SEARCH alone */
	int overridden; /* with CAP_DAC_OVERRIDE alone */
};

/* Starts nothing yet. */
struct permission *permission_new(void);
/* Ends the process, and waits for it. NULL will do. */
void permission_free(struct permission *permission);

/*
 * May identity have access to the object behind fd (O_PATH will do; borrowed)? mask is of R_OK,
 * W_OK, X_OK. False if it cannot be told: whittle may not take on this identity, the kernel is
 * older than faccessat2(2) (Linux 5.8), or the file system did not answer in time. The caller then
 * has the mode bits.
 */
bool permission_ask(struct permission *permission, const struct permission_identity *identity,
		    int fd, unsigned int mask, struct permission_answer *ret_answer);

/* What became known of one object, for one mask. */
struct permission_verdict {
	bool denied;     /* without capabilities */
	uint64_t any_of; /* mask of 1 << CAP_*: each of them would do; 0: none, or none is needed */
};

/*
 * Keeps verdicts for the identity that asked last, as long as an object's ids, mode and st_ctim
 * stay: setting an ACL changes that too. Not kept is what changed a second ago (clocks of file
 * systems are coarse), and what writing takes (a file system may become read-only).
 */
void permission_remember(struct permission *permission, const struct permission_identity *identity,
			 const struct path_node *node, unsigned int mask,
			 const struct permission_verdict *verdict);
bool permission_recall(const struct permission *permission,
		       const struct permission_identity *identity, const struct path_node *node,
		       unsigned int mask, struct permission_verdict *ret_verdict);

#endif
