/* The table of system calls, and the arguments and results that are facts by themselves. */
#include <observe/observe.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define S(call, when, what, about, ...)                                                            \
	{ .name = #call,                                                                           \
	  .flags = (when),                                                                         \
	  .access = (what),                                                                        \
	  .topic = (about),                                                                        \
	  .args = { __VA_ARGS__ } },
const struct syscall_desc syscall_descs[] = {
#include <observe/syscalls.def>
};
#undef S
const size_t syscall_desc_count = ARRAY_SIZE(syscall_descs);

static int compare_name(const void *name, const void *row)
{
	return strcmp(name, ((const struct syscall_desc *)row)->name);
}

const struct syscall_desc *syscall_desc_find(const char *name)
{
	return bsearch(name, syscall_descs, syscall_desc_count, sizeof(*syscall_descs),
		       compare_name);
}

const struct topic_desc topic_descs[TOPICS] = {
	[TOPIC_ACCEPT] = { TOPIC_EARLY, NULL, accept_leave },
	[TOPIC_BIND] = { TOPIC_ALWAYS, address_enter, bind_leave },
	[TOPIC_CHROOT] = { 0, NULL, chroot_leave },
	[TOPIC_CLONE] = { 0, NULL, clone_leave },
	[TOPIC_CLONE3] = { TOPIC_ALWAYS, clone3_enter, clone3_leave },
	[TOPIC_CONNECT] = { TOPIC_EARLY, address_enter, connect_leave },
	[TOPIC_CREATE] = { TOPIC_EARLY, NULL, create_leave },
	[TOPIC_EXEC] = { TOPIC_ALWAYS, NULL, exec_leave },
	[TOPIC_FCNTL] = { TOPIC_EARLY, fcntl_enter, fcntl_leave },
	[TOPIC_FD] = { TOPIC_EARLY, NULL, fd_leave },
	[TOPIC_FLOCK] = { TOPIC_EARLY, NULL, flock_leave },
	[TOPIC_FSOPEN] = { TOPIC_ALWAYS, mount_enter, mount_leave },
	[TOPIC_IOCTL] = { 0, NULL, ioctl_leave },
	[TOPIC_KILL] = { TOPIC_EARLY, kill_enter, kill_leave },
	[TOPIC_KILL_PIDFD] = { TOPIC_EARLY, kill_enter, kill_leave },
	[TOPIC_KILL_THREAD] = { TOPIC_EARLY, kill_enter, kill_leave },
	[TOPIC_LINK] = { TOPIC_EARLY, NULL, link_leave },
	[TOPIC_LISTEN] = { TOPIC_ALWAYS, NULL, listen_leave },
	[TOPIC_MMAP] = { TOPIC_EARLY, NULL, mmap_leave },
	[TOPIC_MOUNT] = { TOPIC_ALWAYS, mount_enter, mount_leave },
	[TOPIC_MOUNT_FD] = { 0, NULL, mount_fd_leave },
	[TOPIC_MOUNT_PATH] = { 0, NULL, mount_path_leave },
	[TOPIC_MOVE_MOUNT] = { 0, NULL, move_mount_leave },
	[TOPIC_MPROTECT] = { TOPIC_EARLY, NULL, mprotect_leave },
	[TOPIC_MQUEUE] = { 0, mqueue_enter, mqueue_leave },
	[TOPIC_OPEN] = { TOPIC_EARLY, open_enter, open_leave },
	[TOPIC_PATH] = { TOPIC_EARLY, NULL, path_leave },
	[TOPIC_PERSONALITY] = { 0, NULL, personality_leave },
	[TOPIC_PIVOT_ROOT] = { 0, NULL, pivot_root_leave },
	[TOPIC_PRCTL] = { 0, NULL, prctl_leave },
	[TOPIC_PTRACE] = { TOPIC_ALWAYS, ptrace_enter, ptrace_leave },
	[TOPIC_PTRACE_PID] = { 0, ptrace_enter, ptrace_leave },
	[TOPIC_PTRACE_PIDFD] = { 0, ptrace_enter, ptrace_leave },
	[TOPIC_RENAME] = { TOPIC_EARLY, NULL, rename_leave },
	[TOPIC_SENDMMSG] = { TOPIC_EARLY, NULL, sendmmsg_leave },
	[TOPIC_SENDMSG] = { TOPIC_EARLY, sendmsg_enter, sendmsg_leave },
	[TOPIC_SENDTO] = { TOPIC_EARLY, address_enter, sendmsg_leave },
	[TOPIC_SETNS] = { 0, setns_enter, setns_leave },
	[TOPIC_SOCKET] = { TOPIC_ALWAYS | TOPIC_EARLY, NULL, socket_leave },
	[TOPIC_UMOUNT] = { 0, NULL, umount_leave },
	[TOPIC_UNSHARE] = { 0, NULL, unshare_leave },
	[TOPIC_URING] = { TOPIC_ALWAYS, NULL, uring_leave },
	[TOPIC_WRITE] = { TOPIC_EARLY, NULL, write_leave },
};

int args_index(const struct syscall_desc *row, enum arg_kind kind)
{
	for (int i = 0; i < ARGS; i++)
		if (row->args[i] == kind)
			return i;
	return -1;
}

uint64_t args_value(const struct thread *thread, enum arg_kind kind)
{
	int index = args_index(thread->row, kind);

	return index < 0 ? 0 : thread->args[index];
}

/*
 * A 64-bit argument takes two registers where a long has 32 bits, on ARM (EABI) an even and the
 * next odd one (syscall(2), "Architecture calling conventions").
 */
void args_normalise(struct thread *thread)
{
	bool split = thread->abi->quirks & ABI_SPLIT64;
	bool pairs = split && strcmp(thread->abi->name, "arm") == 0;
	size_t at = 0;

	for (size_t i = 0; i < ARGS; i++) {
		bool wide = split && thread->row->args[i] == ARG_U64;

		if (wide && pairs && at % 2)
			at++;
		thread->args[i] = at < ARGS ? thread->raw[at++] : 0;
		if (wide && at < ARGS)
			thread->args[i] |= thread->raw[at++] << 32;
	}
}

/* ---- socketcall(2) and ipc(2) ---- */

struct inner_call {
	const char *name;     /* NULL: no such call */
	int count;            /* of socketcall(2): how many words are its arguments */
	signed char order[4]; /* of ipc(2): which of ipc's arguments are its own */
};

/* include/uapi/linux/net.h; the counts are nargs[] of net/socket.c */
static const struct inner_call socket_calls[] = {
	[1] = { "socket", 3, {} },      [2] = { "bind", 3, {} },
	[3] = { "connect", 3, {} },     [4] = { "listen", 2, {} },
	[5] = { "accept", 3, {} },      [6] = { "getsockname", 3, {} },
	[7] = { "getpeername", 3, {} }, [8] = { "socketpair", 4, {} },
	[9] = { "send", 4, {} },        [10] = { "recv", 4, {} },
	[11] = { "sendto", 6, {} },     [12] = { "recvfrom", 6, {} },
	[13] = { "shutdown", 2, {} },   [14] = { "setsockopt", 5, {} },
	[15] = { "getsockopt", 5, {} }, [16] = { "sendmsg", 3, {} },
	[17] = { "recvmsg", 3, {} },    [18] = { "accept4", 4, {} },
	[19] = { "recvmmsg", 5, {} },   [20] = { "sendmmsg", 4, {} },
};

/* ipc(call, first, second, third, ptr, fifth): ipc/syscall.c, ksys_ipc() */
static const struct inner_call ipc_calls[] = {
	[1] = { "semop", 0, { 1, 4, 2, -1 } },    [2] = { "semget", 0, { 1, 2, 3, -1 } },
	[3] = { "semctl", 0, { 1, 2, 3, 4 } },    [4] = { "semtimedop", 0, { 1, 4, 2, 5 } },
	[11] = { "msgsnd", 0, { 1, 4, 2, 3 } },   [12] = { "msgrcv", 0, { 1, 4, 2, 5 } },
	[13] = { "msgget", 0, { 1, 2, -1, -1 } }, [14] = { "msgctl", 0, { 1, 2, 4, -1 } },
	[21] = { "shmat", 0, { 1, 4, 2, -1 } },   [22] = { "shmdt", 0, { 4, -1, -1, -1 } },
	[23] = { "shmget", 0, { 1, 2, 3, -1 } },  [24] = { "shmctl", 0, { 1, 2, 4, -1 } },
};

static void unwrap_ipc(struct thread *thread, const struct inner_call *inner)
{
	for (size_t i = 0; i < ARGS; i++) {
		int from = i < ARRAY_SIZE(inner->order) ? inner->order[i] : -1;

		thread->args[i] = from < 0 ? 0 : thread->raw[from];
	}
}

/* i386's mmap takes a pointer to its six arguments (struct mmap_arg_struct32, old_mmap()). */
static bool args_in_memory(const struct abi *abi, const struct syscall_desc *row)
{
	return (abi->quirks & ABI_IPC) && row->topic == TOPIC_MMAP &&
	       strcmp(row->name, "mmap") == 0;
}

static const struct inner_call *find_inner(const struct inner_call *calls, size_t count,
					   uint64_t call)
{
	return call < count && calls[call].name ? &calls[call] : NULL;
}

static bool read_words(struct thread *thread, uint64_t address, int count)
{
	uint32_t words[ARGS];

	if (tracee_read(thread->tid, address, words, (size_t)count * sizeof(*words)) < 0)
		return false;
	for (int i = 0; i < ARGS; i++)
		thread->args[i] = i < count ? words[i] : 0;
	return true;
}

static const struct inner_call *unwrap(struct thread *thread)
{
	const struct inner_call *inner;

	if (strcmp(thread->row->name, "socketcall") == 0) {
		inner = find_inner(socket_calls, ARRAY_SIZE(socket_calls),
				   (uint32_t)thread->raw[0]);
		return inner && read_words(thread, thread->raw[1], inner->count) ? inner : NULL;
	}
	/* the upper half is the version of the interface */
	inner = find_inner(ipc_calls, ARRAY_SIZE(ipc_calls), thread->raw[0] & 0xffff);
	if (inner)
		unwrap_ipc(thread, inner);
	return inner;
}

void args_unwrap(struct thread *thread)
{
	if (args_in_memory(thread->abi, thread->row)) {
		read_words(thread, thread->raw[0], ARGS);
		return;
	}
	if (thread->row->args[0] != ARG_CALL)
		return;
	const struct inner_call *inner = unwrap(thread);
	if (inner)
		thread->row = syscall_desc_find(inner->name);
}

/* ---- argument facts ---- */

struct argument_key {
	const struct known_call *known;
	const struct program *program;
	uint64_t value;
	char index[7];
	bool is_total; /* not a value: how many there are so far */
};

struct seen_argument {
	struct argument_key key;
	unsigned int count;
	char text[32];
	UT_hash_handle hh;
};

/*
 * The kernel looks at all 64 bits of these only (SYSCALL_DEFINEn's parameter is a long); of all
 * others it takes an int.
 */
uint64_t args_mask(enum arg_kind kind)
{
	bool is_long = kind == ARG_UNSHARE_FLAGS || kind == ARG_PROT || kind == ARG_PTRACE_REQUEST;

	return is_long ? UINT64_MAX : UINT32_MAX;
}

static struct seen_argument *seen_argument(struct observer *observer,
					   const struct argument_key *key, bool add)
{
	struct seen_argument *seen;

	HASH_FIND(hh, observer->seen_arguments, key, sizeof(*key), seen);
	if (seen || !add)
		return seen;
	seen = xcalloc(1, sizeof(*seen));
	memcpy(&seen->key, key, sizeof(*key)); /* with its padding */
	HASH_ADD(hh, observer->seen_arguments, key, sizeof(*key), seen);
	return seen;
}

static struct argument_key make_key(const struct thread *thread, const char *index)
{
	struct argument_key key;

	memset(&key, 0, sizeof(key));
	key.known = thread->known;
	key.program = thread->process->program;
	snprintf(key.index, sizeof(key.index), "%s", index);
	return key;
}

void args_record_value(struct observer *observer, struct thread *thread, const char *index,
		       uint64_t value)
{
	struct argument_key key = make_key(thread, index);

	key.is_total = true;
	struct seen_argument *total = seen_argument(observer, &key, true);
	key.is_total = false;
	key.value = value;
	struct seen_argument *seen = seen_argument(observer, &key, total->count < VALUES_MAX);
	if (seen && !seen->text[0]) {
		total->count++;
		snprintf(seen->text, sizeof(seen->text), "0x%llx", (unsigned long long)value);
	}
	emit_fact(observer, FACT_ARGUMENT, thread->abi->name, thread->known->name, index,
		  seen ? seen->text : "many", thread_program(thread));
}

static const char *const indexes[ARGS] = { "0", "1", "2", "3", "4", "5" };

/* Is the value of that argument a fact? */
static bool is_fact(const struct syscall_desc *row, int index)
{
	return row->args[index] >= ARG_FAMILY;
}

static uint64_t fact_value(const struct thread *thread, int index)
{
	return thread->raw[index] & args_mask((enum arg_kind)thread->known->row->args[index]);
}

void args_record(struct observer *observer, struct thread *thread)
{
	const struct syscall_desc *row = thread->known->row;

	if (args_in_memory(thread->abi, row))
		return;
	for (int i = 0; i < ARGS && row->args[i]; i++)
		if (is_fact(row, i))
			args_record_value(observer, thread, indexes[i], fact_value(thread, i));
}

bool args_known(struct observer *observer, struct thread *thread)
{
	const struct syscall_desc *row = thread->known->row;

	for (int i = 0; i < ARGS && row->args[i] && !args_in_memory(thread->abi, row); i++) {
		struct argument_key key = make_key(thread, indexes[i]);

		if (!is_fact(row, i))
			continue;
		key.value = fact_value(thread, i);
		const struct seen_argument *seen = seen_argument(observer, &key, false);
		if (!seen || !seen->text[0])
			return false;
	}
	return true;
}

void args_forget(struct observer *observer)
{
	struct seen_argument *seen, *next;

	HASH_ITER (hh, observer->seen_arguments, seen, next) {
		HASH_DEL(observer->seen_arguments, seen);
		free(seen);
	}
}

/* ---- results ---- */

#define ERRNO_MAX 4095 /* MAX_ERRNO, include/linux/err.h */

/*
 * A call that failed so was let through by the LSM, whose hooks come before: in fs/namei.c
 * security_path_*() before vfs_*(), in fs/open.c security_file_open() before the file's own open,
 * in net/unix/af_unix.c after the lookup, in fs/locks.c before the lock is tried. Not listed is
 * what the lookup and the permission bits mostly say earlier (ENOENT, ENOTDIR, ELOOP, EACCES,
 * EPERM, ETXTBSY, EEXIST, EROFS, EXDEV, EISDIR, ...): then nothing was asked of a profile.
 * refused.c has the rest.
 */
static const int late_errnos[] = { ENOTEMPTY, EBUSY,  EAGAIN,  ECONNREFUSED, EINPROGRESS, ENXIO,
				   ENODEV,    EINTR,  ENOSPC,  EDQUOT,       EIO,         EMLINK,
				   EFBIG,     ENOMEM, ENOEXEC, EDEADLK,      ENOLCK };

/* include/linux/errno.h: ERESTARTSYS ... ERESTART_RESTARTBLOCK, never seen by the program. */
static bool is_restart(int64_t number)
{
	return number >= 512 && number <= 516;
}

struct outcome args_outcome(int64_t result)
{
	struct outcome outcome = { .ok = result >= 0 || result < -ERRNO_MAX, .value = result };

	outcome.checked = outcome.ok || is_restart(-result);
	for (size_t i = 0; i < ARRAY_SIZE(late_errnos) && !outcome.checked; i++)
		outcome.checked = result == -late_errnos[i];
	return outcome;
}

void args_result_name(int64_t result, struct buf *out)
{
	if (result >= 0 || result < -ERRNO_MAX) {
		buf_adds(out, "ok");
		return;
	}
	if (is_restart(-result)) {
		buf_adds(out, "restart");
		return;
	}
	const char *name = strerrorname_np((int)-result);
	if (name)
		buf_adds(out, name);
	else
		buf_addf(out, "errno-%lld", (long long)-result);
}

/*
 * What is submitted to a ring is done by the kernel without a system call: the files and sockets
 * of it are not seen.
 */
void uring_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (outcome->ok && strcmp(thread->row->name, "io_uring_setup") == 0)
		emit_loss(observer, "io-uring");
}
