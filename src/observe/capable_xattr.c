/* Extended attributes: fs/xattr.c. */
#include <observe/capable_rules.h>

#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "No restriction on security.* and system.* from the VFS": xattr_permission() */
bool capable_asks_attribute(const char *name)
{
	return !starts(name, "security.") && !starts(name, "system.");
}

/* xattr_permission() in fs/xattr.c, cap_inode_setxattr(), set_posix_acl(). */
static void need_xattr(struct needs *needs, const struct path *path, const char *name, bool set)
{
	if (starts(name, "trusted.")) {
		need_add(needs, CAP_BIT(CAP_SYS_ADMIN), path->name);
	} else if (set && strcmp(name, "security.capability") == 0) {
		need_add(needs, CAP_BIT(CAP_SETFCAP), path->name);
	} else if (set && starts(name, "security.")) {
		need_add(needs, CAP_BIT(CAP_SYS_ADMIN), path->name);
	} else if (set && starts(name, "system.posix_acl_")) {
		need_owner(needs, path, 0);
		/* posix_acl_update_mode() in fs/posix_acl.c */
		if (strcmp(name, "system.posix_acl_access") == 0 && path->object.mode & S_ISGID &&
		    !creds_in_group(needs->call->creds, path->object.gid))
			need_add(needs, CAP_BIT(CAP_FSETID), path->name);
	} else if (capable_asks_attribute(name)) { /* "user." and what no file system knows */
		need_dac(needs, path, PATH_OBJECT, set ? MAY_WRITE : MAY_READ);
		if (set && starts(name, "user.") && S_ISDIR(path->object.mode) &&
		    path->object.mode & S_ISVTX)
			need_owner(needs, path, 0);
	}
}

void rule_xattr(struct needs *needs)
{
	const struct call *call = needs->call;
	AUTO_PATH struct path own = PATH_INIT;
	AUTO_BUF struct buf name = BUF_INIT;
	const struct path *path = path_or_fd(needs, call_int(call, 0), &own);
	int index = strstr(call->name, "xattrat") ? 3 : 1;

	if (path && tracee_read_string(call->tid, call->args[index], 256, &name) == 0)
		need_xattr(needs, path, buf_text(&name), !strstr(call->name, "get"));
}

/* Is one of the names, each ended by NUL, of the trusted ones? */
static bool names_trusted(const char *names, size_t length)
{
	for (size_t at = 0; at < length; at += strlen(names + at) + 1)
		if (starts(names + at, "trusted."))
			return true;
	return false;
}

/* The names that whittle sees of a file, which is reached by that link. */
static bool has_trusted(const char *link)
{
	char names[65536]; /* XATTR_LIST_MAX */
	ssize_t length = listxattr(link, names, sizeof(names));

	return length > 0 && names_trusted(names, (size_t)length);
}

static void look_for_trusted(void *context, enum path_part part, const struct path_node *node,
			     int fd)
{
	char link[32];

	(void)node;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (part == PATH_OBJECT)
		*(bool *)context = has_trusted(link);
}

/* simple_xattr_list(), ext4_xattr_trusted_list() and the like: these names are left out. */
void rule_listxattr(struct needs *needs)
{
	const struct call *call = needs->call;
	const struct path *path = call_path(call, 0);
	bool trusted = false;
	const struct path_visitor visitor = { look_for_trusted, &trusted };
	char link[48];

	if (path && path->error)
		return;
	if (path) {
		path_visit(call->tid, call->tgid, path, &visitor);
	} else {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", call->tid, call_int(call, 0));
		trusted = has_trusted(link);
	}
	if (trusted)
		need_add(needs, CAP_BIT(CAP_SYS_ADMIN), path ? path->name : NULL);
}
