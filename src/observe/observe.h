/* Private to the room: the state of an observer, and what observe.c and the decoders share. */
#ifndef OBSERVE_OBSERVE_H
#define OBSERVE_OBSERVE_H

#include <observe/capable.h>
#include <whittle/escape.h>

/* Out of memory ends the process in xcalloc(), so uthash never sees it. */
#define uthash_malloc(size) xcalloc(1, (size))
#include <uthash.h>

/* What an argument is. A kind of a row that no register of the ABI matches is said in args.c. */
enum arg_kind {
	ARG_NONE,
	ARG_FD,
	ARG_DIRFD, /* of the path behind it */
	ARG_PATH,
	ARG_PATH_OR_EMPTY, /* "" is the descriptor itself without a flag: readlinkat(2) */
	ARG_PATH_OR_NULL,  /* no path at all if NULL */
	ARG_STRING,        /* no path */
	ARG_PTR,
	ARG_SIZE,
	ARG_U64, /* 64 bits: two registers where ABI_SPLIT64 */
	ARG_VALUE,
	ARG_FLAGS,
	ARG_UID,
	ARG_GID,
	ARG_PID,
	ARG_ID,
	ARG_DEVICE,
	ARG_SIGNO,
	ARG_ACCESS_MODE,
	ARG_CREATE_MODE,
	ARG_OPEN_FLAGS,
	ARG_OPEN_HOW,
	ARG_AT_FLAGS,
	ARG_UNLINK_FLAGS,
	ARG_UMOUNT_FLAGS,
	ARG_MARK_FLAGS,
	ARG_MOVE_FLAGS,
	ARG_PICK_FLAGS,
	ARG_WATCH_MASK,
	ARG_RENAME_FLAGS,
	ARG_MAP_FLAGS,
	ARG_MOUNT_FLAGS,
	ARG_SOCKADDR,
	ARG_MSGHDR,
	ARG_MSGHDRS,
	ARG_SOCKET_TYPE,
	ARG_PROTOCOL,
	ARG_CLONE_ARGS,
	/* From here on the values are facts of their own (FACT_ARGUMENT). */
	ARG_FAMILY,
	ARG_CLONE_FLAGS,
	ARG_UNSHARE_FLAGS,
	ARG_NS_FLAGS,
	ARG_PROT,
	ARG_PERSONALITY,
	ARG_PRCTL,
	ARG_PTRACE_REQUEST,
	ARG_BPF,
	ARG_KEYCTL,
	ARG_SECCOMP_OP,
	ARG_IOCTL,
	ARG_FCNTL,
	ARG_LEVEL,
	ARG_OPTION,
	ARG_MADVISE,
	ARG_RLIMIT,
	ARG_ARCH_PRCTL,
	ARG_URING_OP,
	ARG_MODE,
	ARG_SIGNAL,
	ARG_CALL, /* which call socketcall(2) or ipc(2) makes */
	ARG_KINDS
};

/* When a row's paths are walked, and what else is special about the call. */
enum syscall_flag {
	ON_ENTRY = 1 << 0, /* the call changes what its path means: read before */
	FOLLOWS =
		1 << 1, /* a symlink as last component is followed, unless a flag says otherwise */
	CAPS = 1 << 2,  /* rules of capable.c may speak of it */
	CREDS = 1 << 3, /* it changes credentials */
	NO_RESULT = 1 << 4 /* never returns, or returns another call's value */
};

/* The accesses of fact.h, in its order. */
enum access {
	ACCESS_NONE,
	ACCESS_READ,
	ACCESS_WRITE,
	ACCESS_APPEND,
	ACCESS_CREATE,
	ACCESS_TRUNCATE,
	ACCESS_DELETE,
	ACCESS_RENAME_FROM,
	ACCESS_RENAME_TO,
	ACCESS_EXCHANGE,
	ACCESS_LINK,
	ACCESS_SYMLINK,
	ACCESS_MKDIR,
	ACCESS_RMDIR,
	ACCESS_MKNOD,
	ACCESS_CHMOD,
	ACCESS_CHOWN,
	ACCESS_XATTR,
	ACCESS_EXEC,
	ACCESS_MAP_EXEC,
	ACCESS_LOCK,
	ACCESS_LOCK_WRITE,
	ACCESS_CONNECT,
	ACCESS_BIND,
	ACCESS_STAT,
	ACCESS_LIST,
	ACCESS_CHDIR,
	ACCESS_INHERIT_READ,
	ACCESS_INHERIT_WRITE,
	/* Of rows that make two accesses. */
	ACCESS_SWAP,
	ACCESS_USELIB
};

enum topic {
	TOPIC_NONE,
	TOPIC_ACCEPT,
	TOPIC_BIND,
	TOPIC_CHROOT,
	TOPIC_CLONE,
	TOPIC_CLONE3,
	TOPIC_CONNECT,
	TOPIC_CREATE,
	TOPIC_EXEC,
	TOPIC_FCNTL,
	TOPIC_FD,
	TOPIC_FLOCK,
	TOPIC_FSOPEN,
	TOPIC_IOCTL,
	TOPIC_KILL,
	TOPIC_KILL_PIDFD,
	TOPIC_KILL_THREAD,
	TOPIC_LINK,
	TOPIC_LISTEN,
	TOPIC_MMAP,
	TOPIC_MOUNT,
	TOPIC_MOUNT_FD,
	TOPIC_MOUNT_PATH,
	TOPIC_MOVE_MOUNT,
	TOPIC_MPROTECT,
	TOPIC_MQUEUE,
	TOPIC_OPEN,
	TOPIC_PATH,
	TOPIC_PERSONALITY,
	TOPIC_PIVOT_ROOT,
	TOPIC_PRCTL,
	TOPIC_PTRACE,
	TOPIC_PTRACE_PID,
	TOPIC_PTRACE_PIDFD,
	TOPIC_RENAME,
	TOPIC_SENDMMSG,
	TOPIC_SENDMSG,
	TOPIC_SENDTO,
	TOPIC_SETNS,
	TOPIC_SOCKET,
	TOPIC_UMOUNT,
	TOPIC_UNSHARE,
	TOPIC_URING,
	TOPIC_WRITE,
	TOPICS
};

#define ARGS 6

/* One row of syscalls.def. */
struct syscall_desc {
	const char *name;
	unsigned int flags;
	enum access access; /* of its path, or of its first descriptor */
	enum topic topic;
	unsigned char args[ARGS]; /* enum arg_kind */
};

/* The table, sorted by name (strcmp), and the row of a name or NULL. */
extern const struct syscall_desc syscall_descs[];
extern const size_t syscall_desc_count;
const struct syscall_desc *syscall_desc_find(const char *name);

/* How a process of a program began: a worker is another one than the server that forks it. */
enum origin { EXECUTED, FORKED, ORIGINS };

/* What processes of one program and origin were seen to do. */
struct habits {
	bool met;                 /* one that made many calls has ended */
	unsigned char brief_runs; /* of those that made some */
	bool searched_much;       /* one looked at many paths */
	bool starts_others;       /* one made another process, or executed another image */
};

/* An executable identity; one for each name, so that pointers compare. */
struct program {
	char *name; /* evidence text */
	/* What FACT_PROGRAM said last, and of which file. */
	char *loader;
	char *privilege;
	dev_t device;
	ino_t inode;
	struct timespec changed;
	struct habits habits[ORIGINS];
	UT_hash_handle hh;
};

/* Distinct values, in the order of their first appearance. */
struct value_set {
	uint64_t *values; /* owned */
	size_t count;
	bool many; /* there were more than VALUES_MAX */
};

#define VALUES_MAX 64 /* distinct ones of an argument; behind that, "many" */

struct process {
	pid_t tgid;
	struct program *program;
	enum origin origin; /* of its image */
	unsigned int threads;
	unsigned int results;          /* of all its calls */
	unsigned int quiet;            /* free calls since it showed a new one */
	unsigned int quiet_searches;   /* calls of free_is_search() since then */
	unsigned int still;            /* free calls since there was a new fact, */
	size_t facts;                  /* of so many */
	const struct known_call *last; /* its last call, */
	unsigned int alike;            /* and how many more of it came before */
	uint64_t loader;       /* where the dynamic loader is, while it is at work; else 0 */
	unsigned int loading;  /* calls that it made */
	unsigned int foreign;  /* calls that are not of the native ABI */
	unsigned int searches; /* calls of free_is_search() */
	bool watched;          /* observer_watch(); its children are so too */
	bool settled;          /* observer_settle(); its children are so too */
	bool brief;            /* observer_expects_little() */
	bool serves;           /* it listens, or accepts */
	bool meets;            /* it looks at other processes in /proc */
	bool reads_execute;    /* READ_IMPLIES_EXEC: lock.c */
	bool confines;         /* it may ask for another AppArmor profile: confine.c */
	bool filtered;         /* its image began under a filter that another had taught */
	/* See looked.c. */
	struct way *ways;         /* directories that can be searched */
	uint64_t ways_since;      /* observer->changes when they were learned */
	bool credentials_vary;    /* between its threads, maybe */
	bool unconfinable;        /* there is no security module that could refuse it files */
	struct value_set accepts; /* descriptors that it accepted connections from */
	UT_hash_handle hh;
};

/* A call by (ABI, number): its name and row are looked up once. */
struct known_call {
	struct {
		const struct abi *abi;
		uint64_t nr;
	} key;
	char *name;
	const struct syscall_desc *row; /* NULL: not in the table */
	struct call_keys *keys;         /* of the native ABI only: see known.c */
	UT_hash_handle hh;
};

/* A path argument of a call under way: the tracee's string, and where it leads once walked. */
struct operand {
	int dirfd;
	unsigned int flags; /* enum path_flag */
	bool is_fd;         /* no string: the object behind dirfd */
	int read_error;     /* errno of reading the string, or 0 */
	struct buf string;
	bool walked;
	int walk; /* what path_walk() returned */
};

#define OPERANDS 2

/* A thread, and the call it is in. */
struct thread {
	pid_t tid;
	struct process *process;
	struct creds creds;
	bool creds_known;
	/* the call */
	bool in_call;
	uint64_t ip;   /* behind its instruction */
	bool site_due; /* its call stack is to be looked at, as soon as it stops */
	enum result_mode result_mode;
	struct known_call *known;
	const struct syscall_desc *row; /* of the call inside, for socketcall(2) and ipc(2) */
	const struct abi *abi;
	uint64_t raw[ARGS];  /* as in the registers */
	uint64_t args[ARGS]; /* one an argument of the row */
	struct operand operands[OPERANDS];
	struct path paths[OPERANDS];
	size_t operand_count;
	struct capable_need needs[CAPABLE_MAX];
	size_t need_count;
	bool needs_judged;
	/* See measured.c. */
	uint64_t asked;                    /* mask of what the kernel was asked for in the call */
	const char *asked_by[CAPABLE_MAX]; /* which function did, where no rule speaks of it */
	const char *asked_source;          /* as a fact has it */
	bool guarded;      /* names of this call are not looked up: observer->serves_files */
	bool own_root;     /* names begin at whittle's root for sure */
	bool looked;       /* the call is a look that can teach nothing */
	bool changes_ways; /* until the thread is seen again: see looked.c */
	struct buf text;   /* what a decoder's enter() keeps for leave() */
	struct buf other;  /* likewise */
	uint64_t value;    /* likewise */
	const char *word;  /* likewise; constant */
	/* See foretold.c. */
	struct buf missing; /* the name that its last call did not find; empty: none */
	uint64_t missing_flags;
	bool missing_follows; /* a symlink */
	UT_hash_handle hh;
};

struct seen_call;
struct seen_site;
struct seen_argument;
struct seen_fact;
struct learned;
struct call_keys;
struct name_shape;
struct filesystem;

/* Descriptors that whittle has from outside: all that it opens itself is closed on exec. */
struct handed {
	int *fds;
	size_t count;
};
void handed_read(struct handed *handed);

struct observer {
	const struct fact_sink *sink;
	unsigned int flags;
	struct stacks *stacks;
	struct program *programs;
	struct process *processes;
	struct thread *threads;
	struct known_call *calls;
	struct seen_call *seen_calls;
	struct seen_site *seen_sites;
	struct seen_argument *seen_arguments;
	struct seen_fact *seen_facts; /* those that decoders and rules gave */
	struct buf fact_key;
	/*
	 * The decoders of a call are asked before it is made whether they will say anything new:
	 * nothing is emitted, surprise says that there is something.
	 */
	bool rehearsal, surprise;
	bool refusals_untold; /* said already */
	/* looked.c */
	bool root_moved;  /* some process may have another root than whittle */
	size_t changing;  /* threads in a call that changes ways */
	uint64_t changes; /* such calls */
	/* known.c */
	struct learned *learned;
	char **rechecks; /* names of calls that are never free */
	size_t recheck_count;
	uint64_t taught_searches; /* calls of free_is_search() in an earlier run */
	bool watches;             /* observer_watch(0) */
	bool taught;              /* observer_know() was called */
	bool taught_netlink;      /* by it: the workload has netlink sockets */
	bool taught_meets;        /* and looks at files of other processes */
	bool taught_accept;
	bool netlink;      /* the workload made a netlink socket */
	bool capless;      /* no process of the workload can ever have capabilities */
	struct pids *pids; /* that the workload had */
	struct name_shape *shapes;
	size_t shape_count;
	bool started; /* the workload's own image runs */
	bool listening;
	/*
	 * It opened /dev/fuse: a look at a file that it serves itself would wait for a thread of
	 * it, which is stopped until whittle has looked.
	 */
	bool serves_files;
	bool privileged; /* whittle holds CAP_SYS_PTRACE */
	struct permission *permission;
	struct handed handed;
	/* See filesystem.c. */
	struct filesystem *filesystems; /* by device */
	int mounts;                     /* whose changes are polled for, or -1 */
	bool landlocked;                /* some process may have a landlock(7) domain */
	const struct abi *native;
};

/* How a call ended, for the decoders' leave(). */
struct outcome {
	bool ok;       /* it succeeded */
	bool checked;  /* ok, or it failed behind the check of the LSM: see args.c */
	bool unknown;  /* its thread died in it: ok and checked are false */
	bool assumed;  /* it was not made yet: ok, with a value that means nothing */
	int64_t value; /* result; -errno if it failed */
};

enum topic_flag {
	TOPIC_ALWAYS = 1 << 0, /* asked also without OBSERVE_PATHS */
	TOPIC_EARLY = 1 << 1   /* leave() can be asked with an assumed outcome, before the call */
};

/*
 * The decoders of a topic. enter() is called before the call has an effect, leave() behind it, also
 * if it failed or its thread died. Either may be NULL.
 */
struct topic_desc {
	unsigned int flags; /* enum topic_flag */
	void (*enter)(struct observer *observer, struct thread *thread);
	void (*leave)(struct observer *observer, struct thread *thread,
		      const struct outcome *outcome);
};
extern const struct topic_desc topic_descs[TOPICS];

/* ---- fact.c ---- */

/* Puts a fact with these fields (missing ones: "") into the sink, if it is asked for. */
#define emit_fact(observer, fact_kind, ...)                                                        \
	emit_fields((observer), &(struct fact){ .kind = (fact_kind), .field = { __VA_ARGS__ } })
/* NULL fields become "". */
void emit_fields(struct observer *observer, struct fact *fact);

/* Count a loss or a limitation; kind is a constant (see struct fact_sink). */
void emit_loss(struct observer *observer, const char *kind);
void emit_limitation(struct observer *observer, const char *kind);
/* The limitation that a refusal by filters around whittle is, if it is one. */
void emit_refusal(struct observer *observer, enum refuser refusal);
/* A state of the observer becomes true; in a rehearsal that is a surprise. */
void set_once(struct observer *observer, bool *state);
size_t facts_count(const struct observer *observer); /* distinct ones, of a facet */
void facts_forget(struct observer *observer);        /* frees what was kept */

/* ---- call.c ---- */

/* A call by its number, looked up once. */
struct known_call *call_of_number(struct observer *observer, const struct abi *abi, uint64_t nr);
/* Counts the call that thread is in: word (a constant) instead of the result's name if given. */
void record_call(struct observer *observer, struct thread *thread, int64_t result,
		 const char *word);
/* Was it seen in this program with that result (0: success)? */
bool call_was_seen(const struct observer *observer, const struct thread *thread, int64_t result);
/* The call stack of the first one in a program; thread is in a stop. */
bool site_was_seen(const struct observer *observer, const struct thread *thread);
void record_site(struct observer *observer, struct thread *thread, uint64_t ip);
void calls_forget(struct observer *observer); /* frees what was kept */

/* ---- observe.c ---- */

/* Of the clone(2) or clone3(2) that thread is in, behind its decoder's enter(); else 0. */
uint64_t clone_flags(const struct thread *thread);
/* Are the decoders of the row's topic asked? */
bool topic_wanted(const struct observer *observer, const struct syscall_desc *row);
struct thread *thread_find(const struct observer *observer, pid_t tid);
/* The name of its program: evidence text, borrowed, never NULL. */
const char *thread_program(const struct thread *thread);
/* Its credentials before the call it is in, read when first asked for; NULL if they cannot be. */
const struct creds *thread_creds(struct thread *thread);

/* ---- args.c ---- */

/* Fills thread->args from the registers, in the order of the row (64-bit arguments joined). */
void args_normalise(struct thread *thread);
/* Replaces socketcall(2) and ipc(2) by the call inside: row and args. */
void args_unwrap(struct thread *thread);
/* The facts of the arguments of the outer call. */
void args_record(struct observer *observer, struct thread *thread);
void args_forget(struct observer *observer); /* frees seen_arguments */
/* Would args_record() say nothing new? */
bool args_known(struct observer *observer, struct thread *thread);
/* The bits of an argument that is a fact which the kernel looks at. */
uint64_t args_mask(enum arg_kind kind);
/* A value of an argument that is no register: index is its name ("flags"). */
void args_record_value(struct observer *observer, struct thread *thread, const char *index,
		       uint64_t value);
/* The index of the first argument of that kind in the row, or -1. */
int args_index(const struct syscall_desc *row, enum arg_kind kind);
/* Its value, or 0. */
uint64_t args_value(const struct thread *thread, enum arg_kind kind);
/* What a result says; see the table there. */
struct outcome args_outcome(int64_t result);
/* Rings carry calls that no tracer sees. */
void uring_leave(struct observer *, struct thread *, const struct outcome *);
/* Evidence text of a result: "ok", an errno's name, "restart"; appended. */
void args_result_name(int64_t result, struct buf *out);

/* ---- access.c: paths ---- */

extern const char *const access_words[];

/* Reads the strings of the row's path arguments; no walk yet. */
void operands_read(struct thread *thread);
void operands_release(struct thread *thread);
void operands_walk_all(struct thread *thread);
/*
 * The path of an operand, walked when first asked for. NULL, and a loss, if it could not be
 * told; its name is NULL for an object without one.
 */
const struct path *operand_path(struct observer *observer, struct thread *thread, size_t index);
/* As operand_path(), but what cannot be resolved is not counted. */
const struct path *operand_seen(struct thread *thread, size_t index);

/* Is the object of that uid the thread's own? */
enum owner { OWNER_SELF, OWNER_OTHER, OWNER_UNKNOWN };
enum owner owner_of(struct thread *thread, uid_t uid);
/* A path fact; nothing if name is NULL. target may be NULL. */
void emit_path(struct observer *observer, struct thread *thread, const char *name,
	       enum access access, enum owner owner, const char *target);
/* The same for a descriptor of the thread; a loss if it cannot be told. */
void emit_fd(struct observer *observer, struct thread *thread, int fd, enum access access);
/* The access words of an open; list instead of read for a directory. Returns how many. */
size_t access_of_open(uint64_t flags, bool directory, enum access words[4]);

/* readlink(2) or readlinkat(2): what is read may be a link of a process. */
bool reads_link(const struct syscall_desc *row);
void path_leave(struct observer *, struct thread *, const struct outcome *);
void fd_leave(struct observer *, struct thread *, const struct outcome *);
void create_leave(struct observer *, struct thread *, const struct outcome *);
void open_enter(struct observer *, struct thread *);
void open_leave(struct observer *, struct thread *, const struct outcome *);
void rename_leave(struct observer *, struct thread *, const struct outcome *);
void link_leave(struct observer *, struct thread *, const struct outcome *);

/* ---- refused.c ---- */

/*
 * Did the call fail behind the check of the LSM for this access to its operand at index, though
 * the number is one of permission bits, which mostly refuse before it (outcome->checked is false)?
 */
bool refused_late(struct thread *thread, const struct outcome *outcome, enum access access,
		  size_t index);

/* ---- special.c: files without a name of their own ---- */

void mqueue_enter(struct observer *, struct thread *);
void mqueue_leave(struct observer *, struct thread *, const struct outcome *);
void ioctl_leave(struct observer *, struct thread *, const struct outcome *);

/* ---- confine.c: AppArmor profiles that are asked for ---- */

/* A file was opened to be written to: by what is written there another profile may be asked for. */
void confine_opened(struct observer *observer, struct thread *thread, const struct path *path);
void write_leave(struct observer *, struct thread *, const struct outcome *);

/* ---- temporary.c: names that are made up ---- */

/*
 * A file was made exclusively and for its owner alone, in a directory of this mode: are all names
 * of this shape of that kind?
 */
void temporary_learn(struct observer *observer, const char *name, mode_t directory);
/*
 * The name with the placeholder \{random} for what was made up, which the caller frees; NULL if
 * nothing was, or for NULL.
 */
char *temporary_name(const struct observer *observer, const char *name);
void temporary_forget(struct observer *observer); /* frees what was learned */

/* ---- lock.c: locks and executable mappings ---- */

void flock_leave(struct observer *, struct thread *, const struct outcome *);
void fcntl_enter(struct observer *, struct thread *);
void fcntl_leave(struct observer *, struct thread *, const struct outcome *);
void mmap_leave(struct observer *, struct thread *, const struct outcome *);
void mprotect_leave(struct observer *, struct thread *, const struct outcome *);
void personality_leave(struct observer *, struct thread *, const struct outcome *);
/* A new image: what its personality(2) is now. */
void personality_begin(struct observer *observer, struct process *process);

/* ---- exec.c ---- */

/* The name of the image that tid runs, as evidence text; appended. -1 if it cannot be told. */
int exec_name(pid_t tid, pid_t tgid, struct buf *out);
/* Where the dynamic loader of the image is (AT_BASE, getauxval(3)); 0 if it has none. */
uint64_t exec_loader_base(pid_t pid);
void exec_leave(struct observer *, struct thread *, const struct outcome *);
/*
 * A new image: FACT_EXEC and FACT_PROGRAM. by is the program that called execve, "" for whittle.
 * before: the credentials before the call, or NULL.
 */
/* inherit.c: the descriptors that a new program has from the one before, as facts. */
void exec_inherit(struct observer *observer, struct thread *thread);
void exec_done(struct observer *observer, struct thread *thread, const char *by,
	       const struct creds *before);

/* ---- socket.c ---- */

/* What an address says, in evidence text. */
struct address {
	int family;      /* AF_*; -1: none */
	struct buf text; /* class, path, "@name", "unnamed" */
	struct buf port;
	bool is_path; /* text is a path as the program gave it */
};
/* Decodes the length bytes of a struct sockaddr; out's buffers are appended to. */
void socket_address(const void *bytes, size_t length, struct address *out);
/* AppArmor's words; decimal for unknown ones, written into scratch. */
const char *socket_family_name(int family, char scratch[16]);
const char *socket_type_name(int type, char scratch[16]);

void socket_leave(struct observer *, struct thread *, const struct outcome *);
/* Of a socket that a new program has from the one before. */
void socket_inherited(struct observer *, struct thread *, int fd);
void address_enter(struct observer *, struct thread *);
void bind_leave(struct observer *, struct thread *, const struct outcome *);
void connect_leave(struct observer *, struct thread *, const struct outcome *);
void listen_leave(struct observer *, struct thread *, const struct outcome *);
void accept_leave(struct observer *, struct thread *, const struct outcome *);
void sendmsg_enter(struct observer *, struct thread *);
void sendmsg_leave(struct observer *, struct thread *, const struct outcome *);
void sendmmsg_leave(struct observer *, struct thread *, const struct outcome *);

/* ---- signal.c: signals and ptrace ---- */

/* AppArmor's name of a signal number: "term", "exists" for 0, "rtmin+3". */
void signal_name(int number, struct buf *out);
const char *ptrace_request_name(uint64_t request, char scratch[32]);
/* Whom a process id of the thread's means: "self", "workload", "outside", "group" or "all". */
const char *process_class(const struct observer *observer, const struct thread *thread, pid_t pid);
/*
 * A path was used: a ptrace "read" or "vm-read" of the process whose link was followed, or whose
 * file was opened or, if link, read as a link, where the kernel checks that.
 */
void proc_accessed(struct observer *observer, struct thread *thread, const struct path *path,
		   bool link);

void kill_enter(struct observer *, struct thread *);
void kill_leave(struct observer *, struct thread *, const struct outcome *);
void prctl_leave(struct observer *, struct thread *, const struct outcome *);
void ptrace_enter(struct observer *, struct thread *);
void ptrace_leave(struct observer *, struct thread *, const struct outcome *);

/* ---- mount.c: mounts and namespaces ---- */

/* The operation of mount(2)'s flags, and the options as words with "," between; appended. */
const char *mount_operation(uint64_t flags);
void mount_options(uint64_t flags, struct buf *out);
/* "mnt,user" for CLONE_NEW* flags; appended. */
void namespace_kinds(uint64_t flags, struct buf *out);

void mount_enter(struct observer *, struct thread *);
void mount_leave(struct observer *, struct thread *, const struct outcome *);
void umount_leave(struct observer *, struct thread *, const struct outcome *);
void pivot_root_leave(struct observer *, struct thread *, const struct outcome *);
void move_mount_leave(struct observer *, struct thread *, const struct outcome *);
void mount_path_leave(struct observer *, struct thread *, const struct outcome *);
void mount_fd_leave(struct observer *, struct thread *, const struct outcome *);
void clone_leave(struct observer *, struct thread *, const struct outcome *);
void clone3_enter(struct observer *, struct thread *);
void clone3_leave(struct observer *, struct thread *, const struct outcome *);
void unshare_leave(struct observer *, struct thread *, const struct outcome *);
void setns_enter(struct observer *, struct thread *);
void setns_leave(struct observer *, struct thread *, const struct outcome *);
/* A descriptor was opened that has no name: is it of a namespace (/proc/PID/ns/NAME)? */
void namespace_opened(struct observer *observer, struct thread *thread, int fd, uid_t uid);
void chroot_leave(struct observer *, struct thread *, const struct outcome *);

/* ---- privilege.c ---- */

/* At entry: what a thread with capabilities needs of them. */
void privilege_enter(const struct observer *observer, struct thread *thread);
/* Are the rules of the call such that they look at no file? */
bool privilege_is_plain(const struct thread *thread);
/* By the thread's ids alone: may it search every directory on the way, or read what is there? */
bool privilege_may_search(const struct observer *observer, struct thread *thread);
bool privilege_may_read(const struct observer *observer, struct thread *thread);
/* At the result: the facts. */
void privilege_leave(struct observer *observer, struct thread *thread, int64_t result);

/* ---- measured.c ---- */

void privilege_asked(struct observer *observer, const struct event *event); /* EVENT_ASKED */
/* At the result, behind privilege_leave(). */
void measured_leave(struct observer *observer, struct thread *thread, int64_t result);
void measured_forget(struct thread *thread);

#endif
