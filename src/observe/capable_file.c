/* Files: fs/namei.c, fs/attr.c, fs/open.c, fs/xattr.c. */
#include <observe/capable_rules.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Is the last component missing, in a directory that is there? */
static bool is_missing(const struct path *path)
{
	return path->error == ENOENT && path->name;
}

static bool is_owner(const struct needs *needs, const struct path *path)
{
	return path->object.uid == needs->call->creds->fsuid;
}

/* inode_owner_or_capable() in fs/inode.c. */
void need_owner(struct needs *needs, const struct path *path, uint64_t or_else)
{
	if (!is_owner(needs, path))
		need_add(needs, CAP_BIT(CAP_FOWNER) | or_else, path->name);
}

/*
 * setattr_should_drop_sgid() in fs/attr.c: a change by who is not in the group takes the bit away,
 * but with CAP_FSETID. Where the group may execute, it goes or stays by other rules.
 */
bool drops_sgid(const struct needs *needs, const struct path_node *node)
{
	return (node->mode & (S_ISGID | S_IXGRP)) == S_ISGID &&
	       !creds_in_group(needs->call->creds, node->gid);
}

/* file_remove_privs(), setattr_should_drop_suidgid(): writing keeps these bits only with it. */
static void need_keep_suid(struct needs *needs, const struct path *path)
{
	mode_t mode = path->object.mode;

	if (S_ISREG(mode) &&
	    (mode & S_ISUID || (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) ||
	     drops_sgid(needs, &path->object)))
		need_add(needs, CAP_BIT(CAP_FSETID), path->name);
}

void rule_access(struct needs *needs)
{
	const struct call *call = needs->call;
	const struct path *path = call_path(call, 0);

	if (path && path->error == 0)
		need_dac(needs, path, PATH_OBJECT,
			 call_u32(call, strcmp(call->name, "access") == 0 ? 1 : 2) & 7);
}

/* may_create() in fs/namei.c; an object that is there already ends the call with EEXIST. */
static void need_create(struct needs *needs, const struct path *path)
{
	if (path && is_missing(path))
		need_dac(needs, path, PATH_PARENT, MAY_WRITE | MAY_EXEC);
}

/* mode_strip_sgid() in fs/inode.c: a file in a directory that gives it a group of others. */
static void need_create_mode(struct needs *needs, const struct path *path, uint32_t mode)
{
	need_create(needs, path);
	if (path && is_missing(path) && !S_ISDIR(mode) &&
	    (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && path->parent.mode & S_ISGID &&
	    !creds_in_group(needs->call->creds, path->parent.gid))
		need_add(needs, CAP_BIT(CAP_FSETID), path->name);
}

/* may_delete() and check_sticky() in fs/namei.c. */
static void need_delete(struct needs *needs, const struct path *path)
{
	uid_t fsuid = needs->call->creds->fsuid;

	if (!path || path->error)
		return;
	need_dac(needs, path, PATH_PARENT, MAY_WRITE | MAY_EXEC);
	if (path->parent.mode & S_ISVTX && fsuid != path->object.uid && fsuid != path->parent.uid)
		need_add(needs, CAP_BIT(CAP_FOWNER), path->name);
}

/* The created name is the last path: symlink(2)'s first is a text. */
void rule_create(struct needs *needs)
{
	if (needs->call->path_count)
		need_create(needs, call_path(needs->call, needs->call->path_count - 1));
}

void rule_delete(struct needs *needs)
{
	need_delete(needs, call_path(needs->call, 0));
}

/* Are both in one directory, by name? */
static bool same_parent(const struct path *a, const struct path *b)
{
	size_t common = 0, length;

	while (a->name[common] && a->name[common] == b->name[common])
		common++;
	while (common && a->name[common - 1] != '/')
		common--;
	length = strcspn(a->name + common, "/");
	if (a->name[common + length] && a->name[common + length + 1])
		return false;
	length = strcspn(b->name + common, "/");
	return !b->name[common + length] || !b->name[common + length + 1];
}

/* vfs_rename(): a directory that moves has its ".." changed. */
static void need_move(struct needs *needs, const struct path *from, const struct path *to)
{
	if (from->name && to->name && S_ISDIR(from->object.mode) && !same_parent(from, to))
		need_dac(needs, from, PATH_OBJECT, MAY_WRITE);
}

void rule_rename(struct needs *needs)
{
	const struct path *from = call_path(needs->call, 0), *to = call_path(needs->call, 1);

	if (!from || !to || from->error)
		return;
	need_delete(needs, from);
	if (to->error == 0)
		need_delete(needs, to);
	else
		need_create(needs, to);
	need_move(needs, from, to);
}

/* may_linkat() and safe_hardlink_source() in fs/namei.c, then may_create(). */
void rule_link(struct needs *needs)
{
	const struct path *from = call_path(needs->call, 0), *to = call_path(needs->call, 1);

	/* do_linkat(), before Linux 6.10; since then only of what others opened: measured */
	if (strcmp(needs->call->name, "linkat") == 0 && call_u32(needs->call, 4) & AT_EMPTY_PATH &&
	    !kernel_is(6, 10))
		need_add(needs, CAP_BIT(CAP_DAC_READ_SEARCH), "AT_EMPTY_PATH");
	if (!from || !to || from->error)
		return;
	need_create(needs, to);
	if (!sysctl_number("/proc/sys/fs/protected_hardlinks", 1) || is_owner(needs, from))
		return;
	mode_t mode = from->object.mode;
	uint64_t or_else;
	if (!S_ISREG(mode) || mode & S_ISUID || (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		need_owner(needs, from, 0);
	else if (dac_denies(needs, from, PATH_OBJECT, MAY_READ | MAY_WRITE, &or_else))
		need_owner(needs, from, or_else);
}

/*
 * vfs_mknod(): device nodes, but for the whiteout of overlays (S_IFCHR, 0). A name that is there is
 * an error before that is asked (filename_create()).
 */
void rule_mknod(struct needs *needs)
{
	const struct call *call = needs->call;
	const struct path *path = call_path(call, 0);
	int index = strcmp(call->name, "mknodat") == 0 ? 2 : 1;
	uint32_t mode = call_u32(call, index);

	need_create_mode(needs, path, mode);
	if (path && is_missing(path) &&
	    (S_ISBLK(mode) || (S_ISCHR(mode) && call_u32(call, index + 1))))
		need_add(needs, CAP_BIT(CAP_MKNOD), path->name);
}

/* bind(2) to a path is mknod; connect and send write to the socket (unix_find_bsd()). */
void need_unix_address(struct needs *needs, const char *name, size_t length, bool create)
{
	const struct call *call = needs->call;
	AUTO_PATH struct path own = PATH_INIT;
	const struct path *path = call_path(call, 0);

	if (!path) {
		path_walk(call->tid, call->tgid, AT_FDCWD, name, strnlen(name, length),
			  create ? PATH_NOFOLLOW : 0, &own);
		path = &own;
		need_searches_of(needs, path);
	}
	if (create)
		need_create(needs, path);
	else if (path->error == 0)
		need_dac(needs, path, PATH_OBJECT, MAY_WRITE);
}

/* path_permission() in chdir(2) and chroot(2). */
void rule_chdir(struct needs *needs)
{
	const struct path *path = call_path(needs->call, 0);
	AUTO_PATH struct path own = PATH_INIT;

	if (!path &&
	    path_of_fd(needs->call->tid, needs->call->tgid, call_int(needs->call, 0), &own) == 0)
		path = &own;
	if (path && path->error == 0 && S_ISDIR(path->object.mode))
		need_dac(needs, path, PATH_OBJECT, MAY_EXEC);
}

void rule_chroot(struct needs *needs)
{
	const struct path *path = call_path(needs->call, 0);

	rule_chdir(needs);
	if (!path || !path->error)
		need_add(needs, CAP_BIT(CAP_SYS_CHROOT), path ? path->name : NULL);
}

/* inotify_find_inode() */
void rule_inotify_add_watch(struct needs *needs)
{
	const struct path *path = call_path(needs->call, 0);

	if (path && path->error == 0)
		need_dac(needs, path, PATH_OBJECT, MAY_READ);
}

/* do_fanotify_mark(): all of a mount or a file system; fanotify_find_path() */
void rule_fanotify_mark(struct needs *needs)
{
	enum { MARK_MOUNT = 0x10, MARK_FILESYSTEM = 0x100 };
	const struct path *path = call_path(needs->call, 0);

	if (path && path->error == 0)
		need_dac(needs, path, PATH_OBJECT, MAY_READ);
	if (call_u32(needs->call, 1) & (MARK_MOUNT | MARK_FILESYSTEM))
		need_add(needs, CAP_BIT(CAP_SYS_ADMIN), "a whole file system");
}

/* The object of a call that takes a descriptor or a path: the path if the decoder has it. */
const struct path *path_or_fd(const struct needs *needs, int fd, struct path *own)
{
	const struct path *path = call_path(needs->call, 0);

	if (path)
		return path->error ? NULL : path;
	return path_of_fd(needs->call->tid, needs->call->tgid, fd, own) == 0 ? own : NULL;
}

/* Where a call that also exists as f...() and ...at() has its next argument. */
static int behind_path(const struct call *call)
{
	return strstr(call->name, "at") && strncmp(call->name, "f", 1) == 0 ? 2 : 1;
}

/* setattr_prepare(): ATTR_MODE; the bit is dropped silently without CAP_FSETID. */
void rule_chmod(struct needs *needs)
{
	const struct call *call = needs->call;
	AUTO_PATH struct path own = PATH_INIT;
	const struct path *path = path_or_fd(needs, call_int(call, 0), &own);

	if (!path)
		return;
	need_owner(needs, path, 0);
	if (call_u32(call, behind_path(call)) & S_ISGID &&
	    !creds_in_group(call->creds, path->object.gid))
		need_add(needs, CAP_BIT(CAP_FSETID), path->name);
}

/* chown_ok() and chgrp_ok() in fs/attr.c: also a no-op needs it from who is not the owner. */
void rule_chown(struct needs *needs)
{
	const struct call *call = needs->call;
	AUTO_PATH struct path own = PATH_INIT;
	const struct path *path = path_or_fd(needs, call_int(call, 0), &own);
	int at = strcmp(call->name, "fchownat") == 0 ? 2 : 1;
	uint32_t uid = call_id(call, at), gid = call_id(call, at + 1);

	if (!path)
		return;
	bool uid_ok = uid == UINT32_MAX || (is_owner(needs, path) && uid == path->object.uid);
	bool gid_ok = gid == UINT32_MAX ||
		      (is_owner(needs, path) &&
		       (gid == path->object.gid || creds_in_group(call->creds, gid)));
	if (!uid_ok || !gid_ok)
		need_add(needs, CAP_BIT(CAP_CHOWN), path->name);
	/* chown_common() in fs/open.c */
	if (!S_ISDIR(path->object.mode) && drops_sgid(needs, &path->object))
		need_add(needs, CAP_BIT(CAP_FSETID), path->name);
}

/* vfs_truncate(); ftruncate(2) was checked when the file was opened. */
void rule_truncate(struct needs *needs)
{
	AUTO_PATH struct path own = PATH_INIT;
	const struct path *path = path_or_fd(needs, call_int(needs->call, 0), &own);

	if (!path || !S_ISREG(path->object.mode))
		return;
	if (needs->call->name[0] == 't')
		need_dac(needs, path, PATH_OBJECT, MAY_WRITE);
	need_keep_suid(needs, path);
}

/* do_readlinkat() of a magic link: proc_pid_readlink(), proc_ns_readlink(). */
void rule_readlink(struct needs *needs)
{
	const struct path *path = call_path(needs->call, 0);

	if (path && path->error == 0 && path->process && S_ISLNK(path->object.mode))
		need_ptrace(needs, call_target(needs->call, path->process), true, 0);
}

static bool open_flags(const struct call *call, uint64_t *ret_flags)
{
	if (strcmp(call->name, "openat2") == 0)
		return tracee_read(call->tid, call->args[2], ret_flags, sizeof *ret_flags) == 0;
	if (strcmp(call->name, "creat") == 0)
		*ret_flags = O_CREAT | O_WRONLY | O_TRUNC;
	else
		*ret_flags = call_u32(call, strcmp(call->name, "openat") == 0 ? 2 : 1);
	return true;
}

/* What a file is made with. */
static uint32_t open_mode(const struct call *call)
{
	struct open_how how = { .mode = 0 };

	if (strcmp(call->name, "openat2") == 0)
		return tracee_read(call->tid, call->args[2], &how, sizeof(how)) == 0
			       ? (uint32_t)how.mode
			       : 0;
	if (strcmp(call->name, "creat") == 0)
		return call_u32(call, 1);
	return call_u32(call, strcmp(call->name, "openat") == 0 ? 3 : 2);
}

/* may_open() and may_o_create() in fs/namei.c, build_open_flags() in fs/open.c. */
void rule_open(struct needs *needs)
{
	static const unsigned int access_masks[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
						     MAY_READ | MAY_WRITE };
	const struct path *path = call_path(needs->call, 0);
	uint64_t flags;

	if (!path || !open_flags(needs->call, &flags) || flags & O_PATH)
		return;
	unsigned int mask = access_masks[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0u);
	if ((flags & O_TMPFILE) == O_TMPFILE) {
		if (path->error == 0 && S_ISDIR(path->object.mode))
			need_dac(needs, path, PATH_OBJECT, MAY_WRITE | MAY_EXEC);
		return;
	}
	if (is_missing(path)) {
		if (flags & O_CREAT)
			need_create_mode(needs, path, open_mode(needs->call));
		return;
	}
	if (path->error || S_ISLNK(path->object.mode) || (flags & O_CREAT && flags & O_EXCL) ||
	    (S_ISDIR(path->object.mode) && mask & MAY_WRITE))
		return;
	need_dac(needs, path, PATH_OBJECT, mask);
	if (mask & MAY_WRITE)
		need_keep_suid(needs, path);
	if (flags & O_NOATIME)
		need_owner(needs, path, 0);
	need_opened(needs, path, mask);
}

/*
 * verify_root_map() in kernel/user_namespace.c: who maps the user 0 of the namespace above had
 * CAP_SETFCAP when it made the new one (Linux 5.12). A process can map nobody but its own user
 * there (new_idmap_permitted()), so it is enough to see root open its own map.
 */
void need_root_map(struct needs *needs)
{
	const struct path *path = call_path(needs->call, 0);
	uint64_t flags;

	if (strncmp(needs->call->name, "open", 4) == 0 && path && path->name &&
	    strcmp(path->name, "/proc/\\{pid}/uid_map") == 0 && needs->call->creds->euid == 0 &&
	    open_flags(needs->call, &flags) && flags & (O_WRONLY | O_RDWR))
		need_add(needs, CAP_BIT(CAP_SETFCAP), "root in a user namespace");
}

/* Does the call set a time of its own (not "now", not nothing)? vfs_utimes() in fs/utimes.c. */
static bool is_explicit_time(const struct call *call, int index, bool *ret_nothing)
{
	uint64_t words[4] = { 0 };
	bool nano = strncmp(call->name, "utimensat", 9) == 0;
	bool time64 = strcmp(call->name, "utimensat_time64") == 0;

	*ret_nothing = false;
	if (!call->args[index])
		return false;
	if (!nano)
		return true;
	if (time64 ? tracee_read(call->tid, call->args[index], words, sizeof words) < 0
		   : !call_words(call, call->args[index], words, 4))
		return true;
	*ret_nothing = (uint32_t)words[1] == UTIME_OMIT && (uint32_t)words[3] == UTIME_OMIT;
	return (uint32_t)words[1] != UTIME_NOW || (uint32_t)words[3] != UTIME_NOW;
}

/* may_setattr() and setattr_prepare() in fs/attr.c: ATTR_TOUCH, ATTR_TIMES_SET. */
void rule_utimes(struct needs *needs)
{
	const struct call *call = needs->call;
	AUTO_PATH struct path own = PATH_INIT;
	const struct path *path = path_or_fd(needs, call_int(call, 0), &own);
	uint64_t or_else;
	bool nothing;
	bool set = is_explicit_time(call, strstr(call->name, "at") ? 2 : 1, &nothing);

	if (!path || nothing)
		return;
	if (set)
		need_owner(needs, path, 0);
	else if (dac_denies(needs, path, PATH_OBJECT, MAY_WRITE, &or_else))
		need_owner(needs, path, or_else);
}

/* setfl() in fs/fcntl.c, generic_setlease() in fs/locks.c, pipe_set_size() in fs/pipe.c. */
void rule_fcntl(struct needs *needs)
{
	const struct call *call = needs->call;
	AUTO_PATH struct path own = PATH_INIT;
	uint32_t command = call_u32(call, 1);
	bool noatime = command == F_SETFL && call->args[2] & O_NOATIME;

	if (command == F_SETPIPE_SZ &&
	    call->args[2] > (uint64_t)sysctl_number("/proc/sys/fs/pipe-max-size", 1 << 20))
		need_add(needs, CAP_BIT(CAP_SYS_RESOURCE), "F_SETPIPE_SZ");
	if (!noatime && command != F_SETLEASE)
		return;
	const struct path *path = path_or_fd(needs, call_int(call, 0), &own);
	if (path && noatime)
		need_owner(needs, path, 0);
	else if (path && !is_owner(needs, path))
		need_add(needs, CAP_BIT(CAP_LEASE), path->name);
}
