/*
 * What the rows of corpus.tsv do: "helper OP [ARG...] [-- OP [ARG...]]..." does the operations one
 * after another. At the first that fails it prints "OP: ERRNO" and ends with 1; "?OP" may fail.
 * Operations without a file name work on the descriptor that was made last. Those that execute a
 * program hand all the rest to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper.h"

extern char **environ;

int word_value(const struct word *words, size_t count, const char *name, size_t length)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(words[i].name) == length && strncmp(words[i].name, name, length) == 0)
			return words[i].value;
	printf("no such word: %s\n", name);
	exit(99);
}

int open_flags(const char *text)
{
	static const struct word words[] = {
		{ "RD", O_RDONLY },       { "WR", O_WRONLY },         { "RW", O_RDWR },
		{ "CREAT", O_CREAT },     { "TRUNC", O_TRUNC },       { "APPEND", O_APPEND },
		{ "EXCL", O_EXCL },       { "DIR", O_DIRECTORY },     { "PATH", O_PATH },
		{ "TMP", O_TMPFILE },     { "NOFOLLOW", O_NOFOLLOW }, { "NONBLOCK", O_NONBLOCK },
		{ "NOATIME", O_NOATIME }, { "NOCTTY", O_NOCTTY },     { "ACC3", O_ACCMODE },
	};
	int flags = 0;

	while (*text) {
		size_t length = strcspn(text, "|");

		flags |= word_value(words, COUNT(words), text, length);
		text += length + (text[length] == '|');
	}
	return flags;
}

int socket_type(const char *name)
{
	static const struct word words[] = {
		{ "stream", SOCK_STREAM },
		{ "dgram", SOCK_DGRAM },
		{ "raw", SOCK_RAW },
		{ "seqpacket", SOCK_SEQPACKET },
	};

	return word_value(words, COUNT(words), name, strlen(name));
}

/* Letters r, w, x; s: shared. */
static int protection(const char *letters)
{
	return (strchr(letters, 'r') ? PROT_READ : 0) | (strchr(letters, 'w') ? PROT_WRITE : 0) |
	       (strchr(letters, 'x') ? PROT_EXEC : 0);
}

/* ---- files by name ---- */

OP(open)
{
	int fd = open(args[1], open_flags(args[0]), 0644);

	return fd < 0 ? -1 : (state->fd = fd);
}

OP(openat)
{
	int fd = openat(state->fd, args[0], O_RDWR | O_CREAT, 0644);

	return fd < 0 ? -1 : (state->fd = fd);
}

OP(reopen)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", state->fd);
	int fd = open(name, open_flags(args[0]));
	return fd < 0 ? -1 : (state->fd = fd);
}

OP(linkfd)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", state->fd);
	return linkat(AT_FDCWD, name, AT_FDCWD, args[0], AT_SYMLINK_FOLLOW);
}

CALL(rename, rename(args[0], args[1]))
CALL(rename2, renameat2(AT_FDCWD, args[1], AT_FDCWD, args[2], (unsigned int)atoi(args[0])))
CALL(link, link(args[0], args[1]))
CALL(symlink, symlink(args[0], args[1]))
CALL(unlink, unlink(args[0]))
CALL(mkdir, mkdir(args[0], 0755))
CALL(mknod, mknod(args[0], S_IFCHR | 0600, 0x103))
CALL(chmod, chmod(args[0], 0700))
CALL(chown, lchown(args[0], (uid_t)atoi(args[1]), (gid_t)atoi(args[2])))
CALL(utimes, utimensat(AT_FDCWD, args[0], NULL, 0))
CALL(truncate, truncate(args[0], 1))

OP(readlink)
{
	char target[256];

	return (int)readlink(args[0], target, sizeof(target));
}

CALL(chroot, chroot(args[0]))

OP(cat)
{
	char bytes[99];
	ssize_t length;

	int fd = open(args[0], O_RDONLY);
	if (fd < 0)
		return -1;
	length = read(fd, bytes, sizeof(bytes));
	return length < 0 ? -1 : (int)fwrite(bytes, 1, (size_t)length, stdout);
}

/* ---- files by descriptor ---- */

CALL(fd, state->fd = atoi(args[0]))

OP(read)
{
	char bytes[8];

	return (int)read(state->fd, bytes, sizeof(bytes));
}

CALL(write, write(state->fd, "hi\n", 3))
CALL(close, close(state->fd))

OP(getdents)
{
	char entries[4096];

	return (int)syscall(SYS_getdents64, state->fd, entries, sizeof(entries));
}

OP(flock)
{
	static const struct word words[] = { { "ex", LOCK_EX },
					     { "sh", LOCK_SH },
					     { "un", LOCK_UN } };

	return flock(state->fd, word_value(words, COUNT(words), args[0], strlen(args[0])));
}

OP(fcntl)
{
	static const struct word words[] = { { "w", F_WRLCK }, { "r", F_RDLCK }, { "u", F_UNLCK } };
	struct flock lock = { .l_type = (short)word_value(words, COUNT(words), args[0], 1) };

	return fcntl(state->fd, F_SETLK, &lock);
}

OP(getlk)
{
	struct flock lock = { .l_type = F_WRLCK };

	return fcntl(state->fd, F_GETLK, &lock);
}

CALL(setfl, fcntl(state->fd, F_SETFL, open_flags(args[0])))
CALL(ftruncate, ftruncate(state->fd, 2))
CALL(fchmod, fchmod(state->fd, 0700))
CALL(fchown, fchown(state->fd, 0, 0))
CALL(futimens, futimens(state->fd, NULL))

OP(fstat)
{
	struct stat stat;

	return fstat(state->fd, &stat);
}

OP(mmap)
{
	int sharing = strchr(args[0], 's') ? MAP_SHARED : MAP_PRIVATE;

	state->map = mmap(NULL, 4096, protection(args[0]), sharing, state->fd, 0);
	return state->map == MAP_FAILED ? -1 : 0;
}

CALL(mprotect, mprotect(state->map, 4096, protection(args[0])))
CALL(anonx, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) == MAP_FAILED
		    ? -1
		    : 0)

/* A copy of a file in memory. */
OP(memfd)
{
	char bytes[4096];
	ssize_t length;

	int from = open(args[0], O_RDONLY);
	if (from < 0)
		return -1;
	state->fd = memfd_create("mf", 0);
	while (state->fd >= 0 && (length = read(from, bytes, sizeof(bytes))) > 0)
		if (write(state->fd, bytes, (size_t)length) != length)
			return -1;
	return state->fd;
}

/* ---- programs ---- */

CALL(true, 0)
CALL(mqopen, syscall(SYS_mq_open, args[0] + 1, O_RDWR | O_CREAT, 0600, NULL))
CALL(mqunlink, syscall(SYS_mq_unlink, args[0] + 1))
CALL(msgget, state->fd = msgget(IPC_PRIVATE, 0600))
CALL(msgctl, msgctl(state->fd, IPC_RMID, NULL))
CALL(sleep, usleep(700000))
CALL(exec, execve(args[0], args, environ))

OP(fexec)
{
	char *arguments[] = { "x", "true", NULL };

	return (int)syscall(SYS_execveat, state->fd, "", arguments, environ, AT_EMPTY_PATH);
}

CALL(nnp, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))

/* Writes "WORD PROFILE" to a file of /proc/self/attr (proc_pid_attr(5)). */
static int write_attribute(const char *file, const char *word, const char *profile)
{
	char text[256];
	int length = snprintf(text, sizeof(text), "%s %s", word, profile);

	int fd = open(file, O_WRONLY);
	if (fd < 0)
		return -1;
	ssize_t written = write(fd, text, (size_t)length);
	close(fd);
	return (int)written;
}

CALL(alarm, alarm((unsigned int)atoi(args[0]))) /* lasts beyond execve(2) */
CALL(setprof, write_attribute("/proc/self/attr/current", "changeprofile", args[0]))
CALL(setexec, write_attribute("/proc/self/attr/exec", "exec", args[0]))

/* What aa-exec(1) does, without libraries: software emulation is slow to load them. */
OP(confine)
{
	if (write_attribute("/proc/self/attr/exec", "exec", args[0]) < 0)
		return -1;
	return execvp(args[1], args + 1);
}

/* ---- sockets ---- */

static socklen_t unix_address(const char *name, struct sockaddr_un *ret_address)
{
	size_t length = strlen(name);

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	memcpy(ret_address->sun_path, name, length);
	if (*name != '@')
		return sizeof(*ret_address);
	ret_address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

CALL(socket, state->fd = socket(atoi(args[0]), socket_type(args[1]), atoi(args[2])))
CALL(usock, state->fd = socket(AF_UNIX, socket_type(args[0]), 0))

OP(ubind)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(args[0], &address);

	return bind(state->fd, (struct sockaddr *)&address, length);
}

OP(uconn)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(args[0], &address);

	return connect(state->fd, (struct sockaddr *)&address, length);
}

OP(usend)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(args[0], &address);

	return (int)sendto(state->fd, "x", 1, 0, (struct sockaddr *)&address, length);
}

CALL(listen, listen(state->fd, 5))
CALL(accept, state->fd = accept(state->fd, NULL, NULL))
CALL(send, send(state->fd, "x", 1, 0))

OP(recv)
{
	char bytes[8];

	return (int)recv(state->fd, bytes, sizeof(bytes), 0);
}

OP(socketpair)
{
	int pair[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || write(pair[0], "x", 1) != 1)
		return -1;
	return (int)read(pair[1], &byte, 1);
}

OP(in4bind)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(args[0])),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	state->fd = socket(AF_INET, SOCK_DGRAM, 0);
	return bind(state->fd, (struct sockaddr *)&address, sizeof(address));
}

/* A message with room for a descriptor, and the header of that. */
struct fd_message {
	char byte;
	struct iovec bytes;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr header;
};

static void fd_message_init(struct fd_message *message)
{
	memset(message, 0, sizeof(*message));
	message->bytes = (struct iovec){ &message->byte, 1 };
	message->header = (struct msghdr){ .msg_iov = &message->bytes,
					   .msg_iovlen = 1,
					   .msg_control = message->control,
					   .msg_controllen = sizeof(message->control) };
}

OP(sendfd)
{
	struct fd_message message;

	int fd = open(args[0], O_RDWR);
	if (fd < 0)
		return -1;
	fd_message_init(&message);
	struct cmsghdr *control = CMSG_FIRSTHDR(&message.header);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(control), &fd, sizeof(fd));
	return (int)sendmsg(state->fd, &message.header, 0);
}

OP(recvfd)
{
	struct fd_message message;

	fd_message_init(&message);
	if (recvmsg(state->fd, &message.header, 0) < 0)
		return -1;
	if (message.header.msg_flags & MSG_CTRUNC || !CMSG_FIRSTHDR(&message.header)) {
		errno = EACCES;
		return -1;
	}
	memcpy(&state->fd, CMSG_DATA(CMSG_FIRSTHDR(&message.header)), sizeof(state->fd));
	return state->fd;
}

/* ---- other processes ---- */

/* A child that waits, at most two seconds. */
OP(kid)
{
	int ready[2];
	char byte;

	if (pipe(ready) < 0 || (state->child = fork()) < 0)
		return -1;
	if (state->child == 0) {
		alarm(2);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	return (int)read(ready[0], &byte, 1);
}

CALL(kidp, state->child = atoi(args[0]))
CALL(kill, kill(state->child ? state->child : getpid(), atoi(args[0])))

OP(ptattach)
{
	int status;

	if (ptrace(PTRACE_ATTACH, state->child, NULL, NULL) < 0 ||
	    waitpid(state->child, &status, __WALL) < 0)
		return -1;
	return (int)ptrace(PTRACE_DETACH, state->child, NULL, NULL);
}

OP(pttraceme)
{
	int status;

	pid_t child = fork();
	if (child == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	errno = EACCES;
	return status ? -1 : 0;
}

OP(vmread)
{
	char bytes[8];
	struct iovec local = { bytes, sizeof(bytes) }, remote = { &environ, sizeof(bytes) };

	return (int)process_vm_readv(state->child, &local, 1, &remote, 1, 0);
}

static void proc_name(const struct state *state, const char *file, char name[64])
{
	if (state->child)
		snprintf(name, 64, "/proc/%d/%s", state->child, file);
	else
		snprintf(name, 64, "/proc/self/%s", file);
}

OP(procread)
{
	char name[64], bytes[100];

	proc_name(state, args[0], name);
	int fd = open(name, O_RDONLY);
	return fd < 0 ? -1 : (int)read(fd, bytes, sizeof(bytes));
}

OP(proclink)
{
	char name[64], target[256];

	proc_name(state, args[0], name);
	return (int)readlink(name, target, sizeof(target));
}

/* ---- the system ---- */

OP(unshare)
{
	static const struct word words[] = { { "mnt", CLONE_NEWNS }, { "user", CLONE_NEWUSER } };

	return unshare(word_value(words, COUNT(words), args[0], strlen(args[0])));
}

CALL(mount, mount(args[0], args[1], args[2], strtoul(args[3], NULL, 0), NULL))
CALL(umount, umount2(args[0], MNT_DETACH))
CALL(opentree, state->fd = open_tree(AT_FDCWD, args[0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC))
CALL(movemount, move_mount(state->fd, "", AT_FDCWD, args[0], MOVE_MOUNT_F_EMPTY_PATH))
CALL(pivot, syscall(SYS_pivot_root, args[0], args[1]))

OP(setuid)
{
	uid_t uid = (uid_t)atoi(args[0]);

	return setresuid(uid, uid, uid);
}

CALL(sethostname, sethostname("vm", 2))

OP(nice)
{
	errno = 0;
	return nice(-1) == -1 && errno ? -1 : 0;
}

/* ---- for the test itself ---- */

static int remove_entry(const char *name, const struct stat *stat, int type, struct FTW *ftw)
{
	(void)stat;
	(void)type;
	return ftw->level ? remove(name) : 0;
}

/* Removes what is below a directory. */
CALL(empty, nftw(args[0], remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT))

/* Makes directories by the names that come in, one a line. */
OP(fence)
{
	char name[64];

	while (fgets(name, sizeof(name), stdin)) {
		name[strcspn(name, "\n")] = '\0';
		mkdir(name, 0700);
	}
	return 0;
}

static const struct op ops[] = {
	{ "accept", 0, do_accept },
	{ "alarm", 1, do_alarm },
	{ "anonx", 0, do_anonx },
	{ "cat", 1, do_cat },
	{ "chmod", 1, do_chmod },
	{ "chown", 3, do_chown },
	{ "chroot", 1, do_chroot },
	{ "close", 0, do_close },
	{ "confine", TAKES_REST | 2, do_confine },
	{ "empty", 1, do_empty },
	{ "exec", TAKES_REST | 1, do_exec },
	{ "fchmod", 0, do_fchmod },
	{ "fchown", 0, do_fchown },
	{ "fcntl", 1, do_fcntl },
	{ "fd", 1, do_fd },
	{ "fence", 0, do_fence },
	{ "fexec", 0, do_fexec },
	{ "flock", 1, do_flock },
	{ "fstat", 0, do_fstat },
	{ "ftruncate", 0, do_ftruncate },
	{ "futimens", 0, do_futimens },
	{ "getdents", 0, do_getdents },
	{ "getlk", 0, do_getlk },
	{ "in4bind", 1, do_in4bind },
	{ "kid", 0, do_kid },
	{ "kidp", 1, do_kidp },
	{ "kill", 1, do_kill },
	{ "link", 2, do_link },
	{ "linkfd", 1, do_linkfd },
	{ "listen", 0, do_listen },
	{ "memfd", 1, do_memfd },
	{ "mkdir", 1, do_mkdir },
	{ "mknodc", 1, do_mknod },
	{ "mmap", 1, do_mmap },
	{ "mount", 4, do_mount },
	{ "movemount", 1, do_movemount },
	{ "mprotect", 1, do_mprotect },
	{ "mqopen", 1, do_mqopen },
	{ "mqunlink", 1, do_mqunlink },
	{ "msgctl", 0, do_msgctl },
	{ "msgget", 0, do_msgget },
	{ "nice", 0, do_nice },
	{ "nnp", 0, do_nnp },
	{ "open", 2, do_open },
	{ "openatF", 1, do_openat },
	{ "opentree", 1, do_opentree },
	{ "pivot", 2, do_pivot },
	{ "proclink", 1, do_proclink },
	{ "procread", 1, do_procread },
	{ "ptattach", 0, do_ptattach },
	{ "pttraceme", 0, do_pttraceme },
	{ "read", 0, do_read },
	{ "readlink", 1, do_readlink },
	{ "recv", 0, do_recv },
	{ "recvfd", 0, do_recvfd },
	{ "rename", 2, do_rename },
	{ "rename2", 3, do_rename2 },
	{ "reopen", 1, do_reopen },
	{ "send", 0, do_send },
	{ "sendfd", 1, do_sendfd },
	{ "setfl", 1, do_setfl },
	{ "sethostname", 0, do_sethostname },
	{ "setexec", 1, do_setexec },
	{ "setprof", 1, do_setprof },
	{ "setuid", 1, do_setuid },
	{ "sleep", 0, do_sleep },
	{ "socket", 3, do_socket },
	{ "socketpair", 0, do_socketpair },
	{ "symlink", 2, do_symlink },
	{ "true", 0, do_true },
	{ "truncate", 1, do_truncate },
	{ "ubind", 1, do_ubind },
	{ "uconn", 1, do_uconn },
	{ "umount", 1, do_umount },
	{ "unlink", 1, do_unlink },
	{ "unshare", 1, do_unshare },
	{ "usend", 1, do_usend },
	{ "usock", 1, do_usock },
	{ "utimes", 1, do_utimes },
	{ "vmread", 0, do_vmread },
	{ "write", 0, do_write },
	{ NULL, 0, NULL },
};

static const struct op *find_op(const char *name)
{
	static const struct op *const tables[] = { ops, file_ops, process_ops, system_ops };

	for (size_t i = 0; i < COUNT(tables); i++)
		for (const struct op *op = tables[i]; op->name; op++)
			if (strcmp(op->name, name) == 0)
				return op;
	printf("no such operation: %s\n", name);
	exit(99);
}

/* The index of the "--" behind the operation at argv[at], or argc. */
static int op_end(const struct op *op, int argc, char **argv, int at)
{
	int end = at;

	while (end < argc && (op->args & TAKES_REST || strcmp(argv[end], "--") != 0))
		end++;
	if (end - at - 1 < (op->args & ~TAKES_REST)) {
		printf("too few arguments: %s\n", op->name);
		exit(99);
	}
	return end;
}

int main(int argc, char **argv)
{
	struct state state = { .fd = -1 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int at = 1, end; at < argc; at = end + 1) {
		int may_fail = *argv[at] == '?';
		const struct op *op = find_op(argv[at] + may_fail);

		end = op_end(op, argc, argv, at);
		argv[end] = NULL;
		if (op->run(&state, argv + at + 1) >= 0)
			continue;
		printf("%s: %s\n", op->name, strerrorname_np(errno));
		if (!may_fail)
			return 1;
	}
	return 0;
}
