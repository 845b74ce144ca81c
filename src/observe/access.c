/* Accesses to paths: what a call's path arguments name, and what it did there. */
#include <observe/observe.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

const char *const access_words[] = {
	[ACCESS_NONE] = "",
	[ACCESS_READ] = "read",
	[ACCESS_WRITE] = "write",
	[ACCESS_APPEND] = "append",
	[ACCESS_CREATE] = "create",
	[ACCESS_TRUNCATE] = "truncate",
	[ACCESS_DELETE] = "delete",
	[ACCESS_RENAME_FROM] = "rename-from",
	[ACCESS_RENAME_TO] = "rename-to",
	[ACCESS_EXCHANGE] = "exchange",
	[ACCESS_LINK] = "link",
	[ACCESS_SYMLINK] = "symlink",
	[ACCESS_MKDIR] = "mkdir",
	[ACCESS_RMDIR] = "rmdir",
	[ACCESS_MKNOD] = "mknod",
	[ACCESS_CHMOD] = "chmod",
	[ACCESS_CHOWN] = "chown",
	[ACCESS_XATTR] = "xattr",
	[ACCESS_EXEC] = "exec",
	[ACCESS_MAP_EXEC] = "map-exec",
	[ACCESS_LOCK] = "lock",
	[ACCESS_LOCK_WRITE] = "lock-write",
	[ACCESS_CONNECT] = "connect",
	[ACCESS_BIND] = "bind",
	[ACCESS_STAT] = "stat",
	[ACCESS_LIST] = "list",
	[ACCESS_CHDIR] = "chdir",
	[ACCESS_INHERIT_READ] = "inherit-read",
	[ACCESS_INHERIT_WRITE] = "inherit-write",
};

/* An access that no policy mediates: a fact only with OBSERVE_STAT. */
static bool is_look(enum access access)
{
	return access == ACCESS_STAT || access == ACCESS_CHDIR;
}

/* ---- operands ---- */

#ifndef FSPICK_SYMLINK_NOFOLLOW
#define FSPICK_SYMLINK_NOFOLLOW 0x00000002
#define FSPICK_EMPTY_PATH       0x00000008
#endif

/* How a flag argument changes the walk of operand first (or of both: -1). */
struct flag_rule {
	enum arg_kind kind;
	uint64_t bit;
	int operand;
	unsigned int set, clear;
};

static const struct flag_rule flag_rules[] = {
	{ ARG_AT_FLAGS, AT_SYMLINK_NOFOLLOW, -1, PATH_NOFOLLOW, 0 },
	{ ARG_AT_FLAGS, AT_SYMLINK_FOLLOW, 0, 0, PATH_NOFOLLOW },
	{ ARG_AT_FLAGS, AT_EMPTY_PATH, 0, PATH_EMPTY, 0 },
	{ ARG_UMOUNT_FLAGS, UMOUNT_NOFOLLOW, -1, PATH_NOFOLLOW, 0 },
	{ ARG_MARK_FLAGS, FAN_MARK_DONT_FOLLOW, -1, PATH_NOFOLLOW, 0 },
	{ ARG_MOVE_FLAGS, MOVE_MOUNT_F_SYMLINKS, 0, 0, PATH_NOFOLLOW },
	{ ARG_MOVE_FLAGS, MOVE_MOUNT_F_EMPTY_PATH, 0, PATH_EMPTY, 0 },
	{ ARG_MOVE_FLAGS, MOVE_MOUNT_T_SYMLINKS, 1, 0, PATH_NOFOLLOW },
	{ ARG_MOVE_FLAGS, MOVE_MOUNT_T_EMPTY_PATH, 1, PATH_EMPTY, 0 },
	{ ARG_PICK_FLAGS, FSPICK_SYMLINK_NOFOLLOW, -1, PATH_NOFOLLOW, 0 },
	{ ARG_PICK_FLAGS, FSPICK_EMPTY_PATH, -1, PATH_EMPTY, 0 },
	{ ARG_WATCH_MASK, IN_DONT_FOLLOW, -1, PATH_NOFOLLOW, 0 },
	{ ARG_OPEN_FLAGS, O_NOFOLLOW, -1, PATH_NOFOLLOW, 0 },
};

static unsigned int operand_flags(const struct thread *thread, int operand)
{
	unsigned int flags = thread->row->flags & FOLLOWS ? 0 : PATH_NOFOLLOW;

	for (size_t i = 0; i < ARRAY_SIZE(flag_rules); i++) {
		const struct flag_rule *rule = &flag_rules[i];

		if (rule->operand >= 0 && rule->operand != operand)
			continue;
		if (!(args_value(thread, rule->kind) & rule->bit))
			continue;
		flags = (flags & ~rule->clear) | rule->set;
	}
	return flags;
}

static struct operand *operand_add(struct thread *thread, int dirfd, unsigned int flags)
{
	struct operand *operand = &thread->operands[thread->operand_count++];

	operand->dirfd = dirfd;
	operand->flags = flags;
	operand->is_fd = false;
	operand->read_error = 0;
	operand->walked = false;
	return operand;
}

static void operand_read(struct thread *thread, int index, int dirfd, bool has_dirfd)
{
	enum arg_kind kind = thread->row->args[index];
	uint64_t address = thread->args[index];
	unsigned int flags = operand_flags(thread, (int)thread->operand_count);

	/* NULL: the descriptor itself (utimensat(2), statx(2)), or nothing (acct(2), quotactl(2))
	 */
	if (!address && !has_dirfd)
		return;
	if (kind == ARG_PATH_OR_EMPTY || !address)
		flags |= PATH_EMPTY;
	struct operand *operand = operand_add(thread, dirfd, flags);
	if (address && tracee_read_string(thread->tid, address, PATH_MAX, &operand->string) < 0)
		operand->read_error = errno;
}

void operands_read(struct thread *thread)
{
	const struct syscall_desc *row = thread->row;
	int dirfd = AT_FDCWD;
	bool has_dirfd = false;

	if (row->topic == TOPIC_FD) {
		operand_add(thread, (int)thread->args[0], 0)->is_fd = true;
		return;
	}
	for (int i = 0; i < ARGS && thread->operand_count < OPERANDS; i++) {
		if (row->args[i] == ARG_DIRFD) {
			dirfd = (int)thread->args[i];
			has_dirfd = true;
		}
		if (row->args[i] < ARG_PATH || row->args[i] > ARG_PATH_OR_NULL)
			continue;
		operand_read(thread, i, dirfd, has_dirfd);
		dirfd = AT_FDCWD;
		has_dirfd = false;
	}
}

void operands_release(struct thread *thread)
{
	for (size_t i = 0; i < thread->operand_count; i++) {
		buf_truncate(&thread->operands[i].string, 0);
		path_release(&thread->paths[i]);
	}
	thread->operand_count = 0;
}

static void operand_walk(struct thread *thread, size_t index)
{
	struct operand *operand = &thread->operands[index];
	pid_t tgid = thread->process->tgid;

	if (operand->walked)
		return;
	operand->walked = true;
	if (thread->guarded && !operand->is_fd) {
		operand->walk = -1;
		thread->paths[index].error = EAGAIN;
		return;
	}
	if (operand->read_error) { /* the rules of capabilities look at this too: there is no object
				    */
		operand->walk = -1;
		thread->paths[index].error = operand->read_error;
		return;
	}
	if (operand->is_fd)
		operand->walk =
			path_of_fd(thread->tid, tgid, operand->dirfd, &thread->paths[index]);
	else
		operand->walk = path_walk(thread->tid, tgid, operand->dirfd,
					  buf_text(&operand->string), operand->string.length,
					  operand->flags | (thread->own_root ? PATH_OWN_ROOT : 0),
					  &thread->paths[index]);
}

void operands_walk_all(struct thread *thread)
{
	for (size_t i = 0; i < thread->operand_count; i++)
		operand_walk(thread, i);
}

const struct path *operand_seen(struct thread *thread, size_t index)
{
	if (index >= thread->operand_count)
		return NULL;
	operand_walk(thread, index);
	return thread->operands[index].walk == 0 ? &thread->paths[index] : NULL;
}

const struct path *operand_path(struct observer *observer, struct thread *thread, size_t index)
{
	const struct path *path = operand_seen(thread, index);

	if (path || index >= thread->operand_count)
		return path;
	/*
	 * Guarded: it was counted at the entry. What is only looked at may be gone by now, removed
	 * by another process; no rule depends on it.
	 */
	enum access access = thread->row->access;
	if (is_look(access)) {
		if (observer->flags & OBSERVE_STAT)
			emit_limitation(observer, "unresolved-stat");
	} else if (!thread->guarded)
		emit_loss(observer, "unreadable-path");
	return NULL;
}

/* ---- facts ---- */

enum owner owner_of(struct thread *thread, uid_t uid)
{
	const struct creds *creds = thread_creds(thread);

	if (!creds)
		return OWNER_UNKNOWN;
	return creds->fsuid == uid ? OWNER_SELF : OWNER_OTHER;
}

static enum owner owner_of_path(struct thread *thread, const struct path *path)
{
	return path->error ? OWNER_UNKNOWN : owner_of(thread, path->object.uid);
}

void emit_path(struct observer *observer, struct thread *thread, const char *name,
	       enum access access, enum owner owner, const char *target)
{
	static const char *const owners[] = {
		[OWNER_SELF] = "owner",
		[OWNER_OTHER] = "other",
		[OWNER_UNKNOWN] = "unknown",
	};

	if (is_look(access) && !(observer->flags & OBSERVE_STAT))
		return;
	AUTO_FREE char *shape = temporary_name(observer, name);
	AUTO_FREE char *target_shape = temporary_name(observer, target);

	if (name)
		emit_fact(observer, FACT_PATH, shape ? shape : name, access_words[access],
			  owners[owner], thread_program(thread),
			  target_shape ? target_shape : target);
}

void emit_fd(struct observer *observer, struct thread *thread, int fd, enum access access)
{
	AUTO_PATH struct path path = PATH_INIT;

	if (path_of_fd(thread->tid, thread->process->tgid, fd, &path) < 0) {
		/* Where the result is not known, it may be no descriptor at all. */
		if (thread->result_mode == RESULT_COMES || path.error != EBADF)
			emit_loss(observer, "unreadable-path");
		return;
	}
	emit_path(observer, thread, path.name, access, owner_of_path(thread, &path), NULL);
}

/* Rows whose call makes two accesses: the kernel itself opens the file. */
static const struct {
	enum access row, first, second;
} double_accesses[] = {
	{ ACCESS_SWAP, ACCESS_READ, ACCESS_WRITE },      /* mm/swapfile.c: O_RDWR */
	{ ACCESS_USELIB, ACCESS_READ, ACCESS_MAP_EXEC }, /* fs/exec.c: uselib() */
};

static void emit_row(struct observer *observer, struct thread *thread, const struct path *path,
		     enum access access)
{
	enum owner owner = owner_of_path(thread, path);

	for (size_t i = 0; i < ARRAY_SIZE(double_accesses); i++)
		if (double_accesses[i].row == access) {
			emit_path(observer, thread, path->name, double_accesses[i].first, owner,
				  NULL);
			access = double_accesses[i].second;
		}
	emit_path(observer, thread, path->name, access, owner, NULL);
}

/*
 * May the name of a file that was only looked at lead to another process, which is a fact of
 * ptrace (proc_accessed())? Names that are relative to /proc are not followed but for links that
 * are read.
 */
static bool may_meet_process(const struct thread *thread, bool link)
{
	return link || thread->operands[0].walked ||
	       strncmp(buf_text(&thread->operands[0].string), "/proc/", 6) == 0;
}

bool reads_link(const struct syscall_desc *row)
{
	return strncmp(row->name, "readlink", 8) == 0;
}

/* Was the LSM asked for this access to the first operand? */
static bool was_asked(struct thread *thread, const struct outcome *outcome, enum access access)
{
	return outcome->checked || refused_late(thread, outcome, access, 0);
}

void path_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	enum access access = thread->row->access;
	bool link = reads_link(thread->row);

	if (args_value(thread, ARG_UNLINK_FLAGS) & AT_REMOVEDIR)
		access = ACCESS_RMDIR;
	if (thread->looked || !thread->operand_count ||
	    !(is_look(access) ? outcome->ok : was_asked(thread, outcome, access)))
		return;
	if (is_look(access) && !(observer->flags & OBSERVE_STAT) && !may_meet_process(thread, link))
		return;
	/* fstat(3) as newfstatat(fd, "", AT_EMPTY_PATH): no name was looked up. */
	if (access == ACCESS_STAT && !thread->operands[0].string.length &&
	    !thread->operands[0].read_error)
		return;
	const struct path *path = operand_path(observer, thread, 0);
	if (!path)
		return;
	emit_row(observer, thread, path, access);
	proc_accessed(observer, thread, path, link);
}

void fd_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (!was_asked(thread, outcome, thread->row->access) ||
	    (is_look(thread->row->access) && !(observer->flags & OBSERVE_STAT)))
		return;
	const struct path *path = operand_path(observer, thread, 0);
	if (path)
		emit_row(observer, thread, path, thread->row->access);
}

/* A name with or without the slash that marks a directory; caller frees, NULL for NULL. */
static char *with_slash(const char *name, bool slash)
{
	size_t length = name ? strlen(name) : 0;

	if (!name)
		return NULL;
	while (length > 1 && name[length - 1] == '/')
		length--;
	return xasprintf("%.*s%s", (int)length, name, slash && length > 1 ? "/" : "");
}

/* mkdir, mknod, symlink: the new object's uid is the thread's fsuid. */
void create_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (!was_asked(thread, outcome, thread->row->access))
		return;
	const struct path *path = operand_path(observer, thread, 0);
	if (!path)
		return;
	AUTO_FREE char *name = with_slash(path->name, thread->row->access == ACCESS_MKDIR);
	if (thread->row->access == ACCESS_MKDIR && outcome->ok &&
	    !(args_value(thread, ARG_MODE) & (S_IRWXG | S_IRWXO)))
		temporary_learn(observer, name, path->parent.mode);
	emit_path(observer, thread, name, thread->row->access, OWNER_SELF, NULL);
}

/* ---- open ---- */

size_t access_of_open(uint64_t flags, bool directory, enum access words[4])
{
	uint64_t mode = flags & O_ACCMODE;
	size_t count = 0;

	if (flags & O_PATH) {
		words[0] = ACCESS_STAT;
		return 1;
	}
	/* O_ACCMODE itself: for ioctl(2) alone, with permission for both, but in no mode (f_mode)
	 */
	if (mode == O_ACCMODE)
		words[count++] = ACCESS_STAT;
	if (mode == O_RDONLY || mode == O_RDWR)
		words[count++] = directory ? ACCESS_LIST : ACCESS_READ;
	if (mode == O_WRONLY || mode == O_RDWR)
		words[count++] = flags & O_APPEND ? ACCESS_APPEND : ACCESS_WRITE;
	/* AppArmor asks for create even if the file is there. */
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		words[count++] = ACCESS_CREATE;
	if (flags & O_TRUNC)
		words[count++] = ACCESS_TRUNCATE;
	return count;
}

void open_enter(struct observer *observer, struct thread *thread)
{
	int how = args_index(thread->row, ARG_OPEN_HOW);

	(void)observer;
	thread->value = args_value(thread, ARG_OPEN_FLAGS);
	if (strcmp(thread->row->name, "creat") == 0)
		thread->value = O_CREAT | O_WRONLY | O_TRUNC;
	if (how >= 0 &&
	    tracee_read(thread->tid, thread->args[how], &thread->value, sizeof(thread->value)) < 0)
		thread->value = 0; /* the kernel cannot read it either: EFAULT */
	if (!thread->operand_count)
		return;
	/* An existing symlink is not followed to be created (fs/namei.c, O_EXCL). */
	bool exclusive = (thread->value & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
	if (exclusive || thread->value & O_NOFOLLOW)
		thread->operands[0].flags |= PATH_NOFOLLOW;
}

static void emit_open(struct observer *observer, struct thread *thread, const struct path *path)
{
	enum access words[4];
	bool directory = path->error == 0 && S_ISDIR(path->object.mode);
	size_t count = access_of_open(thread->value, directory, words);
	enum owner owner = path->error ? OWNER_SELF : owner_of(thread, path->object.uid);

	for (size_t i = 0; i < count; i++)
		emit_path(observer, thread, path->name, words[i], owner, NULL);
}

static void opened(struct observer *observer, struct thread *thread, const struct path *path,
		   pid_t linked)
{
	struct path seen = *path;

	if ((thread->value & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) &&
	    !(args_value(thread, ARG_CREATE_MODE) & (S_IWGRP | S_IWOTH))) { /* git: 0444 */
		/* A thread without capabilities was not asked for its name's directory yet. */
		const struct path *named = operand_seen(thread, 0);

		temporary_learn(observer, path->name, named ? named->parent.mode : 0);
	}
	emit_open(observer, thread, path);
	if ((thread->value & O_ACCMODE) != O_RDONLY)
		confine_opened(observer, thread, path);
	seen.linked = linked;
	if (thread->value & O_PATH)
		seen.process = 0;                   /* nothing was opened */
	else if (path->special == makedev(10, 229)) /* FUSE_MINOR, include/linux/miscdevice.h */
		set_once(observer, &observer->serves_files);
	proc_accessed(observer, thread, &seen, false);
}

/* The descriptor says what was opened; mostly it is what the name led to before the call. */
void open_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	AUTO_PATH struct path path = PATH_INIT;
	int fd = (int)outcome->value;
	pid_t linked = 0;

	if (thread->value & O_CREAT && refused_late(thread, outcome, ACCESS_CREATE, 0))
		emit_path(observer, thread, operand_seen(thread, 0)->name, ACCESS_CREATE,
			  OWNER_SELF, NULL);
	if (!outcome->checked)
		return;
	if (!outcome->ok || outcome->assumed) {
		const struct path *named = operand_path(observer, thread, 0);

		if (named && outcome->assumed)
			opened(observer, thread, named, named->linked);
		else if (named)
			emit_open(observer, thread, named);
		return;
	}
	if (thread->operand_count && thread->operands[0].walked &&
	    path_is_fd(thread->tid, fd, &thread->paths[0])) {
		opened(observer, thread, &thread->paths[0], thread->paths[0].linked);
		return;
	}
	if (path_of_fd(thread->tid, thread->process->tgid, fd, &path) < 0) {
		emit_loss(observer, "unreadable-path");
		return;
	}
	if (thread->operand_count &&
	    strncmp(buf_text(&thread->operands[0].string), "/proc/", 6) == 0) {
		const struct path *named = operand_path(observer, thread, 0);

		linked = named ? named->linked : 0;
	}
	if (!path.name && !(thread->value & O_PATH))
		namespace_opened(observer, thread, fd, path.object.uid);
	opened(observer, thread, &path, linked);
}

/* ---- two names ---- */

static bool is_directory(const struct path *path)
{
	return path->error == 0 && S_ISDIR(path->object.mode);
}

/*
 * AppArmor names each end as what moves in there: exchanging a file and a directory asks for both
 * names with and without the slash.
 */
static void emit_exchange(struct observer *observer, struct thread *thread,
			  const struct path *ends[2])
{
	for (int i = 0; i < 2; i++) {
		const struct path *self = ends[i], *other = ends[!i];
		enum owner owner = owner_of_path(thread, self);

		emit_path(observer, thread, self->name, ACCESS_EXCHANGE, owner, other->name);
		if (is_directory(self) == is_directory(other))
			continue;
		AUTO_FREE char *name = with_slash(self->name, is_directory(other));
		emit_path(observer, thread, name, ACCESS_RENAME_TO, owner_of_path(thread, other),
			  other->name);
	}
}

void rename_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (!was_asked(thread, outcome, ACCESS_RENAME_FROM) || thread->operand_count < 2)
		return;
	const struct path *ends[2] = { operand_path(observer, thread, 0),
				       operand_path(observer, thread, 1) };
	if (!ends[0] || !ends[1])
		return;
	if (args_value(thread, ARG_RENAME_FLAGS) & RENAME_EXCHANGE) {
		emit_exchange(observer, thread, ends);
		return;
	}
	/* The new name is judged by the owner of what moves in. */
	enum owner owner = owner_of_path(thread, ends[0]);
	AUTO_FREE char *to = with_slash(ends[1]->name, is_directory(ends[0]));
	emit_path(observer, thread, ends[0]->name, ACCESS_RENAME_FROM, owner, to);
	emit_path(observer, thread, to, ACCESS_RENAME_TO, owner, ends[0]->name);
}

void link_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	/* A directory is refused late (vfs_link()), another's file early (may_linkat()). */
	bool directory = outcome->value == -EPERM && operand_seen(thread, 0) &&
			 is_directory(operand_seen(thread, 0));
	if (thread->operand_count < 2 || !(directory || was_asked(thread, outcome, ACCESS_LINK)))
		return;
	const struct path *old = operand_path(observer, thread, 0);
	const struct path *new = operand_path(observer, thread, 1);
	if (!old || !new)
		return;
	/* Of a directory, which is refused, the name has no slash here: aa_path_link(). */
	AUTO_FREE char *target = with_slash(old->name, false);
	emit_path(observer, thread, new->name, ACCESS_LINK, owner_of_path(thread, old), target);
}
