/*
 * Permissions of files: fs/namei.c. Mode bits are the quick answer; where they are not the whole
 * answer the kernel is asked, by permission.h. That is
 * - where they deny: an ACL may grant, and the kernel knows which capability would do, if any: none
 *   helps on a read-only file system, with an immutable file, an id that the mount does not map;
 * - where they grant, and an ACL may deny. acl_permission_check() looks at the ACL of no object
 * that is the caller's own, and of none whose group bits, its mask, are empty; getxattr(2) tells
 *   whether the others have one.
 * A file system that judges by itself (NFS, FUSE) may also refuse what mode bits grant. It does so
 * whatever the capabilities are: generic_permission() is what asks for them.
 */
#include <observe/capable_rules.h>
#include <observe/permission.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

enum verdict { GRANTED, DENIED, UNSURE };

/* Whom do_faccessat() in fs/open.c judges: the real ids, unless AT_EACCESS. */
static struct permission_identity identity_of(const struct call *call)
{
	const struct creds *creds = call->creds;
	bool by_real = strcmp(call->name, "access") == 0 || strcmp(call->name, "faccessat") == 0 ||
		       (strcmp(call->name, "faccessat2") == 0 && !(call->args[3] & AT_EACCESS));

	return (struct permission_identity){ .uid = by_real ? creds->ruid : creds->fsuid,
					     .gid = by_real ? creds->rgid : creds->fsgid,
					     .groups = creds->groups,
					     .group_count = creds->group_count };
}

/* in_group_p() of kernel/groups.c. */
static bool in_group(const struct permission_identity *as, gid_t gid)
{
	if (gid == as->gid)
		return true;
	for (size_t i = 0; i < as->group_count; i++)
		if (as->groups[i] == gid)
			return true;
	return false;
}

bool creds_in_group(const struct creds *creds, gid_t gid)
{
	struct permission_identity as = { creds->fsuid, creds->fsgid, creds->groups,
					  creds->group_count };

	return in_group(&as, gid);
}

/* acl_permission_check(), as far as mode bits tell. */
static enum verdict judge_mode(const struct permission_identity *as, const struct path_node *node,
			       unsigned int mask)
{
	mode_t mode = node->mode;

	if (node->uid == as->uid)
		mode >>= 6;
	else if (in_group(as, node->gid))
		mode >>= 3;
	if (mask & ~mode & 7)
		return DENIED;
	if (node->uid == as->uid || !(node->mode & S_IRWXG) || S_ISLNK(node->mode))
		return GRANTED;
	return UNSURE;
}

/* generic_permission(): which capabilities stand in for the mode bits; 0 if none is asked. */
static uint64_t mode_capabilities(const struct path_node *node, unsigned int mask)
{
	if (S_ISDIR(node->mode))
		return mask & MAY_WRITE ? CAP_BIT(CAP_DAC_OVERRIDE) : DAC_EITHER;
	if (mask == MAY_READ)
		return DAC_EITHER;
	if (mask & MAY_EXEC && !(node->mode & 0111))
		return 0; /* no capability makes a file executable */
	return CAP_BIT(CAP_DAC_OVERRIDE);
}

/* ---- asking ---- */

struct inquiry {
	const struct call *call;
	struct needs *needs; /* what searching takes is added here; else NULL, and found counts */
	const char *name;
	struct permission_identity as;
	enum path_part part;
	unsigned int mask;
	const struct path_node *only; /* of that part; NULL: all of it */
	bool seen;                    /* something was on the way */
	struct permission_verdict found;
};

static struct permission_verdict by_mode(const struct inquiry *inquiry,
					 const struct path_node *node)
{
	bool denied = judge_mode(&inquiry->as, node, inquiry->mask) == DENIED;

	return (struct permission_verdict){
		.denied = denied, .any_of = denied ? mode_capabilities(node, inquiry->mask) : 0
	};
}

/* Is it known without a look at the object itself? */
static bool settle(const struct inquiry *inquiry, const struct path_node *node,
		   struct permission_verdict *ret_verdict)
{
	struct permission *permission = inquiry->call->permission;

	if (permission && judge_mode(&inquiry->as, node, inquiry->mask) != GRANTED)
		return permission_recall(permission, &inquiry->as, node, inquiry->mask,
					 ret_verdict);
	*ret_verdict = by_mode(inquiry, node);
	return true;
}

/* An O_PATH descriptor is refused by fgetxattr(2). What cannot have an ACL says EOPNOTSUPP. */
static bool has_acl(int fd)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return getxattr(name, "system.posix_acl_access", NULL, 0) > 0;
}

/* Where the kernel cannot be asked, mode bits have to do. */
static struct permission_verdict ask(const struct inquiry *inquiry, const struct path_node *node,
				     int fd)
{
	struct permission_verdict verdict = by_mode(inquiry, node);
	struct permission_answer answer;

	if ((!verdict.denied && !has_acl(fd)) ||
	    !permission_ask(inquiry->call->permission, &inquiry->as, fd, inquiry->mask, &answer))
		return verdict;
	verdict.denied = answer.bare != 0;
	if (answer.tried)
		verdict.any_of = (answer.search ? 0 : CAP_BIT(CAP_DAC_READ_SEARCH)) |
				 (answer.overridden ? 0 : CAP_BIT(CAP_DAC_OVERRIDE));
	else
		verdict.any_of = answer.bare == EACCES ? mode_capabilities(node, inquiry->mask) : 0;
	return verdict;
}

static void add_found(struct inquiry *inquiry)
{
	if (inquiry->needs && inquiry->found.any_of)
		need_add(inquiry->needs, inquiry->found.any_of, inquiry->name);
}

static bool is_same_node(const struct path_node *one, const struct path_node *other)
{
	return one->device == other->device && one->inode == other->inode;
}

static void visit(void *context, enum path_part part, const struct path_node *node, int fd)
{
	struct inquiry *inquiry = context;

	if (part != inquiry->part || (inquiry->only && !is_same_node(inquiry->only, node)))
		return;
	inquiry->seen = true;
	if (!settle(inquiry, node, &inquiry->found)) {
		inquiry->found = ask(inquiry, node, fd);
		permission_remember(inquiry->call->permission, &inquiry->as, node, inquiry->mask,
				    &inquiry->found);
	}
	add_found(inquiry);
}

/* False if the object is not there any more. */
static bool inquire(struct inquiry *inquiry, const struct path *path)
{
	const struct path_visitor visitor = { visit, inquiry };

	path_visit(inquiry->call->tid, inquiry->call->tgid, path, &visitor);
	return inquiry->seen;
}

/* sysctl_perm() in fs/proc/proc_sysctl.c: mode bits for root and others, no capability. */
static bool is_sysctl(const struct path *path)
{
	return path->name && strncmp(path->name, "/proc/sys/", 10) == 0;
}

bool dac_denies(const struct needs *needs, const struct path *path, enum path_part part,
		unsigned int mask, uint64_t *ret_any_of)
{
	struct inquiry inquiry = {
		.call = needs->call, .as = identity_of(needs->call), .part = part, .mask = mask
	};
	const struct path_node *node = part == PATH_PARENT ? &path->parent : &path->object;

	*ret_any_of = 0;
	if (!mask || is_sysctl(path))
		return false;
	if (!settle(&inquiry, node, &inquiry.found) && !inquire(&inquiry, path))
		inquiry.found = by_mode(&inquiry, node);
	*ret_any_of = inquiry.found.any_of;
	return inquiry.found.denied;
}

/* Is it granted, as far as can be told without a second walk or by one? */
static bool is_granted(struct inquiry *inquiry, const struct path_node *node,
		       const struct path *path)
{
	inquiry->only = node;
	return (settle(inquiry, node, &inquiry->found) || inquire(inquiry, path)) &&
	       !inquiry->found.denied;
}

bool capable_may_search(const struct call *call)
{
	const struct path *path = &call->paths[0];

	for (size_t i = 0; i < path->searched_count; i++) {
		struct inquiry inquiry = { .call = call,
					   .as = identity_of(call),
					   .part = PATH_SEARCHED,
					   .mask = MAY_EXEC };

		if (!is_granted(&inquiry, &path->searched[i], path))
			return false;
	}
	return true;
}

bool capable_may_read(const struct call *call)
{
	struct inquiry inquiry = {
		.call = call, .as = identity_of(call), .part = PATH_OBJECT, .mask = MAY_READ
	};

	return is_granted(&inquiry, &call->paths[0].object, &call->paths[0]);
}

void need_dac(struct needs *needs, const struct path *path, enum path_part part, unsigned int mask)
{
	uint64_t any_of;

	if (dac_denies(needs, path, part, mask, &any_of) && any_of)
		need_add(needs, any_of, path->name);
}

void need_searches_of(struct needs *needs, const struct path *path)
{
	struct inquiry inquiry = { .call = needs->call,
				   .needs = needs,
				   .name = path->name,
				   .as = identity_of(needs->call),
				   .part = PATH_SEARCHED,
				   .mask = MAY_EXEC };
	bool settled = true;

	if (is_sysctl(path))
		return;
	for (size_t i = 0; i < path->searched_count; i++) {
		settled &= settle(&inquiry, &path->searched[i], &inquiry.found);
		if (settled)
			add_found(&inquiry);
	}
	if (settled || inquire(&inquiry, path))
		return;
	for (size_t i = 0; i < path->searched_count; i++) {
		inquiry.found = by_mode(&inquiry, &path->searched[i]);
		add_found(&inquiry);
	}
}

void need_searches(struct needs *needs)
{
	for (size_t i = 0; i < needs->call->path_count; i++) {
		const struct path *path = &needs->call->paths[i];

		need_searches_of(needs, path);
		/* proc_pid_get_link() in fs/proc/base.c */
		if (path->linked)
			need_ptrace(needs, call_target(needs->call, path->linked), true, 0);
		need_mapped_file(needs, path);
	}
}
