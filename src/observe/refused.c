/*
 * Calls that permission bits refuse behind the check of the LSM. fs/namei.c asks security_path_*()
 * once the names are found and before vfs_*() looks at the directory's bits; chmod_common() and
 * chown_common() in fs/open.c ask before notify_change(); do_link... and execve(2) look late at
 * what they were given. Such a call, granted nothing, would fail with another error, and be logged.
 */
#include <observe/capable_rules.h>
#include <observe/observe.h>

#include <errno.h>
#include <linux/capability.h>
#include <sys/stat.h>

/* What has to stand at the name for the call to come so far. */
enum standing { EXISTS, MISSING };

static const struct refused_row {
	enum access access;
	int number;
	enum standing standing;
} refused_rows[] = {
	{ ACCESS_APPEND, EACCES, EXISTS }, /* acct(2): only a regular file will do */
	{ ACCESS_CHMOD, EPERM, EXISTS },
	{ ACCESS_CHOWN, EPERM, EXISTS },
	{ ACCESS_CREATE, EACCES, MISSING }, /* open(2): may_o_create() */
	{ ACCESS_DELETE, EACCES, EXISTS },
	{ ACCESS_DELETE, EISDIR, EXISTS }, /* may_delete() */
	{ ACCESS_DELETE, EPERM, EXISTS },
	{ ACCESS_EXEC, ENOENT, EXISTS }, /* the interpreter is missing */
	{ ACCESS_LINK, EACCES, EXISTS },
	{ ACCESS_LINK, ENOENT, EXISTS }, /* vfs_link(): without any name left */
	{ ACCESS_MKDIR, EACCES, MISSING },
	{ ACCESS_MKNOD, EACCES, MISSING },
	{ ACCESS_MKNOD, EPERM, MISSING },
	{ ACCESS_RENAME_FROM, EACCES, EXISTS },
	{ ACCESS_RENAME_FROM, EISDIR, EXISTS },
	{ ACCESS_RENAME_FROM, ENOTDIR, EXISTS },
	{ ACCESS_RENAME_FROM, EPERM, EXISTS },
	{ ACCESS_RMDIR, EACCES, EXISTS },
	{ ACCESS_RMDIR, ENOTDIR, EXISTS },
	{ ACCESS_RMDIR, EPERM, EXISTS },
	{ ACCESS_SWAP, EINVAL, EXISTS },
	{ ACCESS_SYMLINK, EACCES, MISSING },
	{ ACCESS_SYMLINK, EPERM, MISSING },
};

static const struct refused_row *find_row(enum access access, int64_t result)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused_rows); i++)
		if (refused_rows[i].access == access && result == -refused_rows[i].number)
			return &refused_rows[i];
	return NULL;
}

/*
 * Did the walk itself end for want of x on a directory? Mode bits have to do: an ACL that denies
 * makes a rule too many.
 */
static bool may_search(struct thread *thread, const struct path *path)
{
	const struct creds *creds = thread_creds(thread);

	if (!creds)
		return false;
	for (size_t i = 0; i < path->searched_count && !(creds->effective & DAC_EITHER); i++) {
		const struct path_node *node = &path->searched[i];
		mode_t x = S_IXOTH;

		if (node->uid == creds->fsuid)
			x = S_IXUSR;
		else if (creds_in_group(creds, node->gid))
			x = S_IXGRP;
		if (!(node->mode & x))
			return false;
	}
	return true;
}

bool refused_late(struct thread *thread, const struct outcome *outcome, enum access access,
		  size_t index)
{
	const struct refused_row *row = outcome->unknown ? NULL : find_row(access, outcome->value);
	const struct path *path = row ? operand_seen(thread, index) : NULL;

	if (!path || !path->name || path->error != (row->standing == MISSING ? ENOENT : 0))
		return false;
	return may_search(thread, path);
}
