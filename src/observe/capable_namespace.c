/* Namespaces and mounts: kernel/nsproxy.c, fs/namespace.c. */
#include <observe/capable_rules.h>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#define SYS_ADMIN CAP_BIT(CAP_SYS_ADMIN)

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
static const uint64_t namespaces =
	CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP;

/* copy_namespaces(), unshare_nsproxy_namespaces(): in a new user namespace they are free. */
static void need_namespaces(struct needs *needs, uint64_t flags)
{
	if (flags & namespaces && !(flags & CLONE_NEWUSER))
		need_add(needs, SYS_ADMIN, "new namespaces");
}

/* clone(2) and unshare(2); in clone's flags the lowest byte is a signal, so no CLONE_NEWTIME. */
void rule_clone(struct needs *needs)
{
	const struct call *call = needs->call;
	uint64_t flags = call->args[0];

	if (strcmp(call->name, "unshare") == 0 && flags & CLONE_NEWTIME)
		flags |= CLONE_NEWUTS;
	need_namespaces(needs, flags);
}

/* copy_clone_args_from_user(), alloc_pid(): set_tid */
void rule_clone3(struct needs *needs)
{
	const struct call *call = needs->call;
	struct clone_args args = { 0 };
	uint64_t size = call->args[1] < sizeof args ? call->args[1] : sizeof args;

	if (tracee_read(call->tid, call->args[0], &args, size) < 0)
		return;
	need_namespaces(needs, args.flags);
	if (args.set_tid_size)
		need_add(needs, CAP_BIT(CAP_CHECKPOINT_RESTORE) | SYS_ADMIN, "set_tid");
}

/* Who made the user namespace behind a link of /proc; false if that cannot be told. */
static bool namespace_owner(const char *link, uid_t *ret_owner)
{
	AUTO_CLOSE int fd = open(link, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && ioctl(fd, NS_GET_OWNER_UID, ret_owner) == 0;
}

/*
 * cap_capable_helper() in security/commoncap.c: who made a user namespace has all capabilities in
 * it, in those around it or not.
 */
static bool owns_namespace(const struct call *call, const char *link)
{
	uid_t owner;

	return namespace_owner(link, &owner) && owner == call->creds->euid;
}

bool task_is_in_own_namespace(const struct call *call, pid_t target)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/%d/ns/user", target);
	return owns_namespace(call, link);
}

/*
 * mntns_install() and the others' install(): SYS_ADMIN in the own user namespace as well, but for a
 * user namespace (userns_install()); validate_nsset() for a pidfd.
 */
void rule_setns(struct needs *needs)
{
	const struct call *call = needs->call;
	AUTO_BUF struct buf target = BUF_INIT;
	char link[32], full[48];

	snprintf(link, sizeof link, "fd/%d", call_int(call, 0));
	snprintf(full, sizeof full, "/proc/%d/%s", call->tid, link);
	if (tracee_read_link(call->tid, link, &target) < 0)
		return;
	const char *text = buf_text(&target);
	if (strncmp(text, "user:", 5) == 0 && owns_namespace(call, full))
		return;
	need_add(needs, SYS_ADMIN, "a namespace");
	pid_t process = pid_of_pidfd(call, call_int(call, 0));
	if (process)
		need_ptrace(needs, process, false, 0);
	if (strncmp(text, "mnt:", 4) == 0 || (process && call->args[1] & CLONE_NEWNS))
		need_add(needs, CAP_BIT(CAP_SYS_CHROOT), "a mount namespace");
}

/* ---- mounts ---- */

/* Is the call's last path there? If not that is said before anything else is asked. */
static bool is_there(const struct call *call)
{
	return !call->path_count || !call->paths[call->path_count - 1].error;
}

static void need_mount(struct needs *needs)
{
	const struct call *call = needs->call;

	need_add(needs, SYS_ADMIN,
		 call->path_count ? call->paths[call->path_count - 1].name : NULL);
}

/*
 * ovl_workdir_create() and ovl_check_rename_whiteout() in fs/overlayfs/super.c: the directory in
 * which the upper layer is prepared is made with no permissions at all.
 */
static void need_overlay(struct needs *needs)
{
	need_add(needs, CAP_BIT(CAP_DAC_OVERRIDE), "the work directory of an overlay");
}

static bool reads_as(const struct call *call, int index, const char *wanted)
{
	AUTO_BUF struct buf text = BUF_INIT;

	return call->args[index] &&
	       tracee_read_string(call->tid, call->args[index], 64, &text) == 0 &&
	       strcmp(buf_text(&text), wanted) == 0;
}

/* may_mount() in path_mount(), fs/namespace.c, behind the lookup of do_mount() */
void rule_mount(struct needs *needs)
{
	enum {
		NO_NEW_ONE = MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE |
			     MS_UNBINDABLE
	};
	const struct call *call = needs->call;
	AUTO_BUF struct buf options = BUF_INIT;

	if (!is_there(call))
		return;
	need_mount(needs);
	if (!(call->args[3] & NO_NEW_ONE) && reads_as(call, 2, "overlay") && call->args[4] &&
	    tracee_read_string(call->tid, call->args[4], 4096, &options) == 0 &&
	    strstr(buf_text(&options), "workdir="))
		need_overlay(needs);
}

/* can_umount(), behind the lookup of ksys_umount() */
void rule_umount(struct needs *needs)
{
	if (is_there(needs->call))
		need_mount(needs);
}

/* FSCONFIG_SET_STRING of a new overlay: what FSCONFIG_CMD_CREATE will need */
void rule_fsconfig(struct needs *needs)
{
	if (call_u32(needs->call, 1) == 1 && reads_as(needs->call, 2, "workdir"))
		need_overlay(needs);
}

/* open_tree(2): only a clone is a mount (may_mount() in fs/namespace.c) */
void rule_open_tree(struct needs *needs)
{
	if (needs->call->args[2] & 1 /* OPEN_TREE_CLONE */)
		need_add(needs, SYS_ADMIN, "a clone of a mount");
}
