/*
 * Private to capable*.c: a rule is a predicate on a call's arguments, credentials and objects that
 * adds what the kernel would refuse without. Each cites the kernel function that it mirrors.
 */
#ifndef OBSERVE_CAPABLE_RULES_H
#define OBSERVE_CAPABLE_RULES_H

#include <linux/capability.h>
#include <observe/capable.h>

#define DAC_EITHER (CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_DAC_OVERRIDE))

struct needs {
	const struct call *call;
	struct capable_need *rows;
	size_t count;
};

struct rule_row {
	const char *name;
	void (*rule)(struct needs *needs);
};
/* Sorted by name. Names with 32, 64 and the old 16-bit ids share a rule. */
extern const struct rule_row capable_rules[];
extern const size_t capable_rule_count;

/* profiles/capable.tsv; sorted by name. */
struct always_row {
	const char *name;
	const char *capabilities;
	const char *source;
};
extern const struct always_row capable_always[];
extern const size_t capable_always_count;

/* "SYS_ADMIN|BPF" of a data file -> mask; 0 if a name is unknown. */
uint64_t capable_parse(const char *text);

/* Adds a need unless it is listed already; object is copied, NULL stands for "". */
void need_add(struct needs *needs, uint64_t any_of, const char *object);

/* The same for what has to be in the bounding set. */
void need_bounding(struct needs *needs, int cap, const char *object);

/* An argument that is an int, or a 32-bit word, in the kernel. */
int call_int(const struct call *call, int index);
uint32_t call_u32(const struct call *call, int index);
/* An id: of 16 bits in the old calls of some ABIs (chown, setuid, ... without "32"); -1 is kept. */
uint32_t call_id(const struct call *call, int index);
/* The path argument of that order, or NULL. */
const struct path *call_path(const struct call *call, size_t index);
/* Words of the tracee's ABI at address (4 or 8 bytes each); false if they cannot be read. */
bool call_words(const struct call *call, uint64_t address, uint64_t *ret_words, size_t count);

/* in_group_p() of kernel/groups.c. */
bool creds_in_group(const struct creds *creds, gid_t gid);
/* A number in a file of /proc/sys, or otherwise if it cannot be read. */
long sysctl_number(const char *path, long otherwise);
/* The tracee's soft limit (RLIM_INFINITY if it cannot be read). */
uint64_t call_limit(const struct call *call, int resource);
/*
 * The process that the call means by pid, as /proc of whittle shows it; 0 if pid is not positive,
 * or means none in the caller's pid namespace where that is not whittle's.
 */
pid_t call_target(const struct call *call, int64_t pid);

/* What the caller's pid namespace has for the number of pid; 0 if the process is not in it. */
pid_t number_for_caller(const struct call *call, pid_t pid);

/* The thread that a pid argument means, 0 being the caller. */
pid_t thread_target(const struct call *call, int pid);
/* The credentials of a process that the call is about; false if there is no such one to judge. */
bool target_creds(pid_t target, struct creds *creds);
/* Calls visit with each process that /proc shows. */
void each_process(void (*visit)(void *context, pid_t pid), void *context);

/* Is the kernel at least of that version? */
bool kernel_is(unsigned int version, unsigned int patch);

/* The controlling terminal of a thread, or 0. */
dev_t task_terminal(pid_t tid);

/* ---- permissions of files: capable_dac.c ---- */

enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 }; /* include/linux/fs.h; X_OK, W_OK, R_OK */

/*
 * Would the parent or the object of path be denied without capabilities, and which would do (0:
 * none does, or the answer is not one of discretionary permissions)? The identity is the one that
 * the call is judged by: that for files, but the real one for access(2).
 */
bool dac_denies(const struct needs *needs, const struct path *path, enum path_part part,
		unsigned int mask, uint64_t *ret_any_of);
void need_dac(struct needs *needs, const struct path *path, enum path_part part, unsigned int mask);
/* may_lookup() in fs/namei.c, for every directory on the way. */
void need_searches_of(struct needs *needs, const struct path *path);
/* Of all calls with a path. */
void need_searches(struct needs *needs);

/* ---- files: capable_file.c ---- */

/* inode_owner_or_capable() in fs/inode.c. */
void need_owner(struct needs *needs, const struct path *path, uint64_t or_else);
/* Does a change of the object take its set-group-id bit away, but with CAP_FSETID? */
bool drops_sgid(const struct needs *needs, const struct path_node *node);
/*
 * The object of a call that takes a descriptor or a path: the path if the decoder has it, else own,
 * which is filled; NULL if it is not there.
 */
const struct path *path_or_fd(const struct needs *needs, int fd, struct path *own);

/* ---- what else is asked when a file is opened: capable_opened.c ---- */

/* What opening the object of path asks beside its permissions; mask as of need_dac(). */
void need_opened(struct needs *needs, const struct path *path, unsigned int mask);
/* Of a path that leads through /proc/PID/map_files. */
void need_mapped_file(struct needs *needs, const struct path *path);

/* Rules of capable_file.c. */
void need_root_map(struct needs *needs);
void need_unix_address(struct needs *needs, const char *name, size_t length, bool create);
void rule_access(struct needs *needs);
void rule_chdir(struct needs *needs);
void rule_chmod(struct needs *needs);
void rule_chown(struct needs *needs);
void rule_chroot(struct needs *needs);
void rule_create(struct needs *needs);
void rule_delete(struct needs *needs);
void rule_fanotify_mark(struct needs *needs);
void rule_fcntl(struct needs *needs);
void rule_inotify_add_watch(struct needs *needs);
void rule_link(struct needs *needs);
void rule_mknod(struct needs *needs);
void rule_open(struct needs *needs);
void rule_readlink(struct needs *needs);
void rule_rename(struct needs *needs);
void rule_truncate(struct needs *needs);
void rule_utimes(struct needs *needs);

/* Rules of capable_xattr.c. */
void rule_listxattr(struct needs *needs);
void rule_xattr(struct needs *needs);

/* Rule of capable_exec.c. */
void rule_exec(struct needs *needs);

/* Rules of capable_task.c. */
/* The pid behind a pidfd, as whittle's /proc shows it; 0 if it is none or not to be seen. */
pid_t pid_of_pidfd(const struct call *call, int fd);
/* target: as whittle's /proc shows it */
void need_ptrace(struct needs *needs, pid_t target, bool filesystem_ids, uint64_t any_of);
void rule_capset(struct needs *needs);
void rule_kcmp(struct needs *needs);
void rule_kill(struct needs *needs);
void rule_move_all(struct needs *needs);
void rule_pidfd_getfd(struct needs *needs);
void rule_prctl(struct needs *needs);
void rule_process_madvise(struct needs *needs);
void rule_process_vm(struct needs *needs);
void rule_ptrace(struct needs *needs);
void rule_filter(struct needs *needs);
void rule_setfsid(struct needs *needs);
void rule_setid(struct needs *needs);
void rule_setreid(struct needs *needs);
void rule_setresid(struct needs *needs);
void rule_setrlimit(struct needs *needs);

/* Rules of capable_sched.c. */
void rule_ioprio_set(struct needs *needs);
void rule_nice(struct needs *needs);
void rule_sched_setaffinity(struct needs *needs);
void rule_sched_setattr(struct needs *needs);
void rule_setpriority(struct needs *needs);

/* ---- sockets: capable_net.c, capable_netlink.c ---- */

/*
 * A descriptor of the caller's, borrowed for a question; whittle never reads or writes it. -1 if it
 * cannot be had; closed by whoever asked.
 */
int borrow_socket(const struct call *call, int fd);
/* The caller's netlink socket (its first argument) joins groups, or sends to another process. */
void need_netlink_group(struct needs *needs);
void need_netlink_peer(struct needs *needs);
/* A message whose first bytes are at data. */
void judge_netlink(struct needs *needs, uint64_t data, uint64_t length);

/* Rules of capable_net.c. */
void rule_bind(struct needs *needs);
void rule_connect(struct needs *needs);
void rule_getsockopt(struct needs *needs);
void rule_sendmsg(struct needs *needs);
void rule_sendto(struct needs *needs);
void rule_setsockopt(struct needs *needs);
void rule_socket(struct needs *needs);

/* Rules of capable_namespace.c. */
/* Is the process in a user namespace that the caller made, and has all capabilities in? */
bool task_is_in_own_namespace(const struct call *call, pid_t target);
void rule_clone(struct needs *needs);
void rule_clone3(struct needs *needs);
void rule_fsconfig(struct needs *needs);
void rule_mount(struct needs *needs);
void rule_open_tree(struct needs *needs);
void rule_setns(struct needs *needs);
void rule_umount(struct needs *needs);

/* Rules of capable_ipc.c. */
void rule_mq_open(struct needs *needs);
void rule_sysvipc(struct needs *needs);

/* Rules of capable_bpf.c. */
void rule_bpf(struct needs *needs);
void rule_perf_event_open(struct needs *needs);

/* Rules of capable_system.c. */
void rule_adjtimex(struct needs *needs);
void rule_clock(struct needs *needs);
void rule_clock_settime(struct needs *needs);
void rule_fanotify_init(struct needs *needs);
void rule_io_port(struct needs *needs);
void rule_keyctl(struct needs *needs);
void rule_mlock(struct needs *needs);
void rule_mlockall(struct needs *needs);
void rule_mmap(struct needs *needs);
void rule_quotactl(struct needs *needs);
void rule_syslog(struct needs *needs);
void rule_userfaultfd(struct needs *needs);

/* Rule of capable_ioctl.c. */
void rule_ioctl(struct needs *needs);

#endif
