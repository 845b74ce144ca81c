/*
 * What the observers produce. A fact is a flat tuple of text fields: two facts are the same if all
 * their fields are. That makes evidence a set, merging a union, and storing a table.
 * Fields are evidence text (see escape.h), never NULL, "" where there is nothing to say.
 */
#ifndef WHITTLE_FACT_H
#define WHITTLE_FACT_H

#include <whittle/event.h>

enum fact_kind {
	FACT_PROGRAM,
	FACT_SYSCALL,
	FACT_ARGUMENT,
	FACT_SITE,
	FACT_PATH,
	FACT_EXEC,
	FACT_SOCKET,
	FACT_CAPABILITY,
	FACT_SIGNAL,
	FACT_PTRACE,
	FACT_MOUNT,
	FACT_NAMESPACE,
	FACT_RUNTIME,
	FACT_KINDS
};

#define FACT_FIELDS 7

/* Indexes into fact.field, one enum a kind; the names in JSON are those of fact_descs[]. */
/*
 * privilege: "", setuid, setgid, file-caps, "," between; attribution: "complete", or "incomplete"
 * if it ran under a filter that another program or run had taught: more calls are its own than are
 * said to be.
 */
enum { PROGRAM_PATH, PROGRAM_LOADER, PROGRAM_PRIVILEGE, PROGRAM_ATTRIBUTION };
enum {
	SYSCALL_ABI,
	SYSCALL_NAME,
	SYSCALL_PROGRAM,
	SYSCALL_RESULT /* ok, ENOENT, unknown, filtered (by a filter that whittle ran under) */
};
enum { ARGUMENT_ABI, ARGUMENT_NAME, ARGUMENT_INDEX, ARGUMENT_VALUE /* 0x1f */, ARGUMENT_PROGRAM };
enum { SITE_ABI, SITE_NAME, SITE_PROGRAM, SITE_FRAMES };
/*
 * A directory's path ends in "/". Access is one word of: read write append create truncate delete
 * rename-from rename-to exchange link symlink mkdir rmdir mknod chmod chown xattr exec map-exec
 * lock lock-write connect bind stat list chdir inherit-read inherit-write (a descriptor that was
 * open for that, and not from outside, when the program began by execve). Target is the old name of
 * a link, the other name of a rename, the AppArmor profile that was asked for by a write
 * (/proc/PID/attr/current; ANY_PROFILE if that was not seen). Owner is "owner" if the object's uid
 * is the thread's fsuid at the check (a new file's is), "other" if not, "unknown" if that could not
 * be told.
 */
enum { PATH_PATH, PATH_ACCESS, PATH_OWNER, PATH_PROGRAM, PATH_TARGET };
/*
 * path: the file that was executed; by: who called execve; interpreters: of a script, "; " between,
 * and a semicolon in one of their names escaped (\x3b)
 */
enum { EXEC_PATH, EXEC_BY, EXEC_INTERPRETERS };
/*
 * operation: socket socketpair bind connect listen accept send, inherit (as above); family, type:
 * as AppArmor writes them (inet, unix, netlink; stream, dgram, raw, seqpacket); protocol: decimal.
 * address: for inet a class (any loopback private link-local multicast public), for unix the path,
 * "@name" or "unnamed".
 */
enum {
	SOCKET_OPERATION,
	SOCKET_FAMILY,
	SOCKET_TYPE,
	SOCKET_PROTOCOL,
	SOCKET_ADDRESS,
	SOCKET_PORT,
	SOCKET_PROGRAM
};
/*
 * capability: "CAP_CHOWN", or alternatives of which one suffices,
 * "CAP_DAC_READ_SEARCH|CAP_DAC_OVERRIDE"; verdict: required (the call succeeded, or failed
 * otherwise than by permission), wanted (refused, and the capability would have granted it);
 * source: inferred (by rule), measured (the kernel was asked; then object may be its function that
 * did), measured-kprobe (likewise, and whether it granted it is told by what the thread holds).
 */
enum {
	CAPABILITY_NAME,
	CAPABILITY_VERDICT,
	CAPABILITY_SYSCALL,
	CAPABILITY_OBJECT,
	CAPABILITY_PROGRAM,
	CAPABILITY_SOURCE
};
/* name: as AppArmor writes it (term, kill, exists, rtmin+3); to: self, workload, outside, group,
 * all */
enum { SIGNAL_NAME, SIGNAL_TO, SIGNAL_PROGRAM };
/*
 * request: of ptrace(2) (traceme, attach, seize, ...), getfd, kcmp, vm-read and vm-write
 * (process_vm_readv(2) and what else takes the right to attach), read (files of /proc that take the
 * right to read); to as above
 */
enum { PTRACE_REQUEST, PTRACE_TO, PTRACE_PROGRAM, PTRACE_RESULT };
/* operation: mount bind rbind move remount make umount pivot_root fsopen...; options: "ro,nosuid"
 */
enum { MOUNT_OPERATION, MOUNT_FSTYPE, MOUNT_OPTIONS, MOUNT_SOURCE, MOUNT_TARGET, MOUNT_PROGRAM };
/* operation: clone unshare setns chroot; kinds: "user,mnt" or the path */
enum { NAMESPACE_OPERATION, NAMESPACE_KINDS, NAMESPACE_PROGRAM };

#define ANY_PROFILE "*"
/* Is it a file of /proc by which a task asks for another AppArmor profile (proc_pid_attr(5))? */
bool path_asks_for_profile(const char *path);

/* A call that a container's runtime made in it, before the first image of the container's own. */
enum { RUNTIME_ABI, RUNTIME_NAME };

struct fact {
	enum fact_kind kind;
	const char *field[FACT_FIELDS];
};

struct fact_desc {
	const char *section;            /* plural, as in evidence.json: "syscalls" */
	const char *field[FACT_FIELDS]; /* names; NULL behind the last */
};
extern const struct fact_desc fact_descs[FACT_KINDS];

/*
 * Where facts go. A loss is something that happened and was not seen (it makes a run incomplete); a
 * limitation is something that tracing changed or could not do. Both are counted by kind: lower
 * case words with "-", and are constants of whittle's, never workload bytes.
 */
struct fact_sink {
	void *context;
	void (*fact)(void *context, const struct fact *fact);
	void (*loss)(void *context, const char *kind);
	void (*limitation)(void *context, const char *kind);
};

/* What is to be learned beyond system calls, their arguments and executions. */
enum observe_flag {
	OBSERVE_STACKS = 1 << 0,
	OBSERVE_CAPS = 1 << 1,  /* capabilities */
	OBSERVE_PATHS = 1 << 2, /* paths, sockets, signals, ptrace, mounts, namespaces */
	/* also paths that were only looked at: stat, access, readlink, chdir */
	OBSERVE_STAT = 1 << 3,
	/* EVENT_ASKED can be had: see observer_searches() */
	OBSERVE_ASKED = 1 << 5,
	OBSERVE_EXACT = 1 << 6,   /* every call is looked at, whatever was seen before */
	OBSERVE_ADOPTED = 1 << 7, /* of trace_adopt(): a runtime comes before the workload */
	/* no result is ever seen: a call that is known without one has nothing more to teach */
	OBSERVE_RESULTLESS = 1 << 8
};

/* What an event says to the engine. */
enum observe_advice {
	OBSERVE_SKIP_RESULT = 1 << 0, /* an ENTRY whose result nobody needs (RESULT_OPTIONAL) */
	OBSERVE_QUIET = 1 << 1        /* a RESULT: its process has shown nothing new for a while */
};

struct observer;
/* sink is borrowed. Freed by observer_free(). */
struct observer *observer_new(const struct fact_sink *sink, unsigned int flags);
void observer_free(struct observer *observer);
/*
 * Takes one event, its tracee being stopped, and puts the facts that it shows into the sink.
 * Returns advice, or 0.
 */
unsigned int observe(struct observer *observer, const struct event *event);
/* Has a process of the workload called listen(2) with success, or bound a datagram socket? */
bool observer_listening(const struct observer *observer);

/* ---- what is known ---- */

/*
 * Takes a fact of an earlier run, which it showed count times, as known, before the first event.
 */
void observer_know(struct observer *observer, const struct fact *fact, uint64_t count);
/* The call of that name (any ABI) is never free: it reports each time. */
void observer_recheck(struct observer *observer, const char *name);
/*
 * The calls of the native ABI that teach nothing new: those that the program of process tgid made
 * with success, or, if tgid is 0, those of any program and of observer_know(). Freed by
 * free_calls_release(). ret_count may be 0.
 */
struct free_call *observer_free_calls(const struct observer *observer, pid_t tgid,
				      size_t *ret_count);
/*
 * Did the process look at so many paths (or is that known of earlier runs, if tgid is 0) that it is
 * worth to have EVENT_ASKED instead of each look?
 */
bool observer_searches(const struct observer *observer, pid_t tgid);
/* Did all that ran the program of process tgid end soon, so that it will too? */
bool observer_expects_little(const struct observer *observer, pid_t tgid);
/* EVENT_ASKED is delivered, or is not, for the process and its children; for all if tgid is 0. */
void observer_watch(struct observer *observer, pid_t tgid, bool watched);
/*
 * Will the call of that ENTRY, which was not observed yet, take CAP_SYS_ADMIN from its thread, so
 * that there can be no filter behind it?
 */
bool observer_drops(struct observer *observer, const struct event *event);
/* Is the process a server, or one that a server forked, so that it goes on as that program does? */
bool observer_serves(const struct observer *observer, pid_t tgid);
/* A filter is installed in process tgid, or never will be: no more OBSERVE_QUIET for it. */
void observer_settle(struct observer *observer, pid_t tgid);
/* Is this a fact of observer_know()'s that a filter of observer_free_calls(0) may have hidden? */
bool observer_hides(const struct observer *observer, const struct fact *fact);

#endif
