/*
 * Which capability a call needs, by rule: consulted at entry with the state before the call,
 * committed by the caller once the result is known (not EPERM or EACCES). Only decisive checks
 * count: root opening its own file needs nothing.
 */
#ifndef OBSERVE_CAPABLE_H
#define OBSERVE_CAPABLE_H

#include <observe/path.h>
#include <observe/pids.h>
#include <whittle/proc.h>

#define CAP_BIT(cap) (UINT64_C(1) << (cap)) /* in a set of capabilities */

/* Credentials of a thread (/proc/TID/status, credentials(7)). */
struct creds {
	uid_t ruid, euid, suid, fsuid;
	gid_t rgid, egid, sgid, fsgid;
	gid_t *groups; /* owned */
	size_t group_count;
	uint64_t inheritable, permitted, effective, bounding;
	bool foreign_userns; /* not in whittle's own user namespace: its capabilities are not the
				host's */
};
/* Fills creds (releasing what it held); -1 with errno if the thread cannot be read. */
int creds_read(pid_t tid, struct creds *creds);
void creds_release(struct creds *creds);
void creds_copy(struct creds *creds, const struct creds *from); /* releasing what it held */

/* A call being judged: what the decoders found out about it. */
struct call {
	pid_t tid, tgid;
	const struct abi *abi;
	const char *name;     /* of the syscall; for socketcall(2) and ipc(2) of the call inside */
	const uint64_t *args; /* those of the call inside, likewise */
	const struct path *paths; /* its path arguments, in the order of the arguments */
	size_t path_count;
	const struct creds *creds;
	struct permission *permission; /* to ask the kernel; NULL: mode bits have to do */
	const struct pids *pids;       /* the workload's; NULL: not known */
};

#define CAPABLE_MAX 64 /* a call may name each capability */
struct capable_need {
	uint64_t any_of; /* mask of 1 << CAP_*: any one of them suffices */
	bool bounding;   /* it has to be in the bounding set, whatever the thread holds */
	char *object;    /* evidence text for the reader: "0.0.0.0:80", a path; owned */
};

/* By the ids of who calls alone, may the first path's directories be searched, its object read? */
bool capable_may_search(const struct call *call);
bool capable_may_read(const struct call *call);

/*
 * Fills needs with what the kernel would refuse without, whether or not the thread holds it;
 * returns how many. A need that the thread does not hold is "wanted" if the call is then refused.
 * A thread in another user namespace than whittle's needs nothing of the host's capabilities but
 * what it takes to map the host's root into that namespace.
 */
size_t capable_needs(const struct call *call, struct capable_need needs[CAPABLE_MAX]);
void capable_release(struct capable_need *needs, size_t count);

/* ---- what can be told without a look at the thread: no means that no rule speaks of it ---- */

/* Has the call of that name a rule, beside the search of directories? */
bool capable_has_rule(const char *name);
bool capable_asks_attribute(const char *name); /* to read one of a file; beside the search, too */
bool capable_asks_ioctl(uint32_t request);
bool capable_asks_option(int level, int option); /* of setsockopt(2) */
bool capable_asks_socket(int family, int type);  /* type without flags */

/* "CAP_DAC_READ_SEARCH|CAP_DAC_OVERRIDE" for a mask; weaker ones first. */
void capable_names(uint64_t any_of, struct buf *out);

#endif
