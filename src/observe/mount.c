/* Mounts and namespaces. */
#include <observe/observe.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <whittle/file.h>

struct flag_name {
	uint64_t bit;
	const char *name;
};

static void add_word(struct buf *out, size_t start, const char *word)
{
	if (out->length > start)
		buf_addc(out, ',');
	buf_adds(out, word);
}

static void add_names(struct buf *out, size_t start, const struct flag_name *names, size_t count,
		      uint64_t flags)
{
	for (size_t i = 0; i < count; i++)
		if (flags & names[i].bit)
			add_word(out, start, names[i].name);
}

/* ---- mount(2) ---- */

/* AppArmor's words (apparmor.d(5), "MOUNT FLAGS"). */
static const struct flag_name mount_flags[] = {
	{ MS_NOSUID, "nosuid" },      { MS_NODEV, "nodev" },
	{ MS_NOEXEC, "noexec" },      { MS_SYNCHRONOUS, "sync" },
	{ MS_MANDLOCK, "mand" },      { MS_DIRSYNC, "dirsync" },
	{ MS_NOATIME, "noatime" },    { MS_NODIRATIME, "nodiratime" },
	{ MS_RELATIME, "relatime" },  { MS_STRICTATIME, "strictatime" },
	{ MS_I_VERSION, "iversion" }, { MS_SILENT, "silent" },
	{ MS_LAZYTIME, "lazytime" },  { 256, "nosymfollow" }, /* MS_NOSYMFOLLOW */
};

static const struct {
	uint64_t bit;
	const char *name, *recursive;
} propagations[] = {
	{ MS_UNBINDABLE, "unbindable", "runbindable" },
	{ MS_PRIVATE, "private", "rprivate" },
	{ MS_SLAVE, "slave", "rslave" },
	{ MS_SHARED, "shared", "rshared" },
};

static const uint64_t propagation = MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED;

/* The magic number that calls of before Linux 2.4 had in the upper half (mount(2)). */
static uint64_t without_magic(uint64_t flags)
{
	return (flags & MS_MGC_MSK) == MS_MGC_VAL ? flags & ~(uint64_t)MS_MGC_MSK : flags;
}

/* In the order in which path_mount() of fs/namespace.c looks at them. */
const char *mount_operation(uint64_t flags)
{
	flags = without_magic(flags);
	if (flags & MS_REMOUNT)
		return "remount";
	if (flags & MS_BIND)
		return flags & MS_REC ? "rbind" : "bind";
	if (flags & propagation)
		return "make";
	return flags & MS_MOVE ? "move" : "mount";
}

void mount_options(uint64_t flags, struct buf *out)
{
	size_t start = out->length;

	flags = without_magic(flags);
	if (strcmp(mount_operation(flags), "make") == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(propagations); i++)
			if (flags & propagations[i].bit)
				add_word(out, start,
					 flags & MS_REC ? propagations[i].recursive
							: propagations[i].name);
		return;
	}
	add_word(out, start, flags & MS_RDONLY ? "ro" : "rw");
	if (flags & MS_REMOUNT && flags & MS_BIND)
		add_word(out, start, "bind");
	add_names(out, start, mount_flags, ARRAY_SIZE(mount_flags), flags);
}

static void read_text(struct thread *thread, uint64_t address, struct buf *out)
{
	AUTO_BUF struct buf raw = BUF_INIT;

	if (address && tracee_read_string(thread->tid, address, PATH_MAX, &raw) == 0)
		escape_text(out, buf_text(&raw), raw.length);
}

/*
 * Is the source of such a file system a device? Of others the kernel does not look at the text,
 * nor does AppArmor (aa_new_mount()): FS_REQUIRES_DEV, proc_filesystems(5). What stands behind a
 * dot is for the file system itself (get_fs_type() in fs/filesystems.c). A type that is not in the
 * list is taken for one with a device.
 */
static bool takes_device(const char *type)
{
	static const char mark[] = "nodev\t";
	AUTO_FREE char *text = NULL;
	size_t length, size = strcspn(type, ".");
	struct error err;

	if (file_read(AT_FDCWD, "/proc/filesystems", 65536, &text, &length, &err) < 0)
		return true;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *name = line + sizeof(mark) - 1;

		if (strncmp(line, mark, sizeof(mark) - 1) == 0 && strncmp(name, type, size) == 0 &&
		    name[size] == '\n')
			return false;
	}
	return true;
}

/* Where a source that is a path leads; the text itself for what is none ("tmpfs", "host:/dir"). */
static void read_source(struct thread *thread, uint64_t address, bool is_path, struct buf *out)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	AUTO_PATH struct path path = PATH_INIT;

	if (!address || tracee_read_string(thread->tid, address, PATH_MAX, &raw) < 0)
		return;
	if (!thread->guarded && is_path &&
	    path_walk(thread->tid, thread->process->tgid, AT_FDCWD, buf_text(&raw), raw.length, 0,
		      &path) == 0 &&
	    path.name)
		buf_adds(out, path.name);
	else
		escape_text(out, buf_text(&raw), raw.length);
}

/*
 * mount(2) and fsopen(2): the type in thread->text, the source in thread->other. The data string
 * is left alone: it may hold a password.
 */
void mount_enter(struct observer *observer, struct thread *thread)
{
	(void)observer;
	if (thread->row->topic == TOPIC_FSOPEN) {
		read_text(thread, thread->args[0], &thread->text);
		return;
	}
	uint64_t flags = without_magic(thread->args[3]);
	if (strcmp(mount_operation(flags), "mount") == 0)
		read_text(thread, thread->args[2], &thread->text);
	read_source(thread, thread->args[0],
		    flags & (MS_BIND | MS_MOVE) || takes_device(buf_text(&thread->text)),
		    &thread->other);
}

static void emit_mount(struct observer *observer, struct thread *thread, const char *operation,
		       const char *options, const char *source, const char *target)
{
	emit_fact(observer, FACT_MOUNT, operation, buf_text(&thread->text), options, source, target,
		  thread_program(thread));
}

static const char *operand_name(struct observer *observer, struct thread *thread, size_t index)
{
	const struct path *path = operand_path(observer, thread, index);

	return path ? path->name : NULL;
}

void mount_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	AUTO_BUF struct buf options = BUF_INIT;

	/* path_mount() looks at the capability behind security_sb_mount(); fsopen(2) is not asked.
	 */
	bool refused = outcome->value == -EPERM && thread->row->topic == TOPIC_MOUNT &&
		       observer->flags & OBSERVE_PATHS && operand_seen(thread, 0);
	if (!outcome->ok && !refused)
		return;
	if (!(observer->flags & OBSERVE_PATHS)) { /* then nobody sees /dev/fuse being opened */
		if (strncmp(buf_text(&thread->text), "fuse", 4) == 0)
			set_once(observer, &observer->serves_files);
		return;
	}
	if (thread->row->topic == TOPIC_FSOPEN) {
		emit_mount(observer, thread, "fsopen", NULL, NULL, NULL);
		return;
	}
	const char *operation = mount_operation(thread->args[3]);
	bool has_source = strcmp(operation, "remount") != 0 && strcmp(operation, "make") != 0;
	mount_options(thread->args[3], &options);
	emit_mount(observer, thread, operation, buf_text(&options),
		   has_source ? buf_text(&thread->other) : NULL, operand_name(observer, thread, 0));
}

void umount_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	static const struct flag_name names[] = {
		{ MNT_FORCE, "force" },
		{ MNT_DETACH, "detach" },
		{ MNT_EXPIRE, "expire" },
		{ UMOUNT_NOFOLLOW, "nofollow" },
	};
	AUTO_BUF struct buf options = BUF_INIT;

	if (!outcome->ok)
		return;
	add_names(&options, 0, names, ARRAY_SIZE(names), args_value(thread, ARG_UMOUNT_FLAGS));
	emit_mount(observer, thread, "umount", buf_text(&options), NULL,
		   operand_name(observer, thread, 0));
}

/* source: where the old root goes; target: the new root. */
void pivot_root_leave(struct observer *observer, struct thread *thread,
		      const struct outcome *outcome)
{
	if (outcome->ok)
		emit_mount(observer, thread, "pivot_root", NULL, operand_name(observer, thread, 1),
			   operand_name(observer, thread, 0));
}

void move_mount_leave(struct observer *observer, struct thread *thread,
		      const struct outcome *outcome)
{
	const char *source;

	if (!outcome->ok || thread->operand_count < 2)
		return;
	/* by MOVE_MOUNT_F_EMPTY_PATH it is a detached mount, which has no name yet */
	source = thread->operands[0].string.length ? operand_name(observer, thread, 0) : NULL;
	emit_mount(observer, thread, "move_mount", NULL, source, operand_name(observer, thread, 1));
}

/* open_tree, fspick, mount_setattr */
void mount_path_leave(struct observer *observer, struct thread *thread,
		      const struct outcome *outcome)
{
	const char *target;

	if (!outcome->ok)
		return;
	target = thread->operand_count && thread->operands[0].string.length
			 ? operand_name(observer, thread, 0)
			 : NULL;
	emit_mount(observer, thread, thread->row->name, NULL, NULL, target);
}

/* fsconfig, fsmount: keys and values are left alone, they may hold a password. */
void mount_fd_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (outcome->ok)
		emit_mount(observer, thread, thread->row->name, NULL, NULL, NULL);
}

/* ---- namespaces ---- */

static const struct flag_name namespaces[] = {
	{ CLONE_NEWCGROUP, "cgroup" }, { CLONE_NEWIPC, "ipc" }, { CLONE_NEWNS, "mnt" },
	{ CLONE_NEWNET, "net" },       { CLONE_NEWPID, "pid" }, { CLONE_NEWTIME, "time" },
	{ CLONE_NEWUSER, "user" },     { CLONE_NEWUTS, "uts" },
};

void namespace_kinds(uint64_t flags, struct buf *out)
{
	add_names(out, out->length, namespaces, ARRAY_SIZE(namespaces), flags);
}

static void emit_namespace(struct observer *observer, struct thread *thread, const char *operation,
			   uint64_t flags)
{
	AUTO_BUF struct buf kinds = BUF_INIT;

	namespace_kinds(flags, &kinds);
	if (kinds.length)
		emit_fact(observer, FACT_NAMESPACE, operation, kinds.data, thread_program(thread));
}

void clone_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	/* the lowest byte is the signal that the child ends with: CLONE_NEWTIME cannot be given */
	if (outcome->ok)
		emit_namespace(observer, thread, "clone", thread->args[0] & ~(uint64_t)CSIGNAL);
}

/* Keeps the flags, the first member of struct clone_args, in thread->value. */
void clone3_enter(struct observer *observer, struct thread *thread)
{
	(void)observer;
	if (tracee_read(thread->tid, thread->args[0], &thread->value, sizeof(thread->value)) == 0)
		thread->word = "flags";
}

void clone3_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (thread->word)
		args_record_value(observer, thread, thread->word, thread->value);
	if (outcome->ok)
		emit_namespace(observer, thread, "clone", thread->value);
}

void unshare_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (outcome->ok)
		emit_namespace(observer, thread, "unshare", thread->args[0]);
}

/* The flag of "mnt:[4026531840]", the link of a namespace's descriptor; 0 if it is none. */
static uint64_t namespace_of_fd(const struct thread *thread, int fd)
{
	AUTO_BUF struct buf target = BUF_INIT;
	char link[24];

	snprintf(link, sizeof(link), "fd/%d", fd);
	if (tracee_read_link(thread->tid, link, &target) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		size_t length = strlen(namespaces[i].name);

		if (strncmp(buf_text(&target), namespaces[i].name, length) == 0 &&
		    buf_text(&target)[length] == ':')
			return namespaces[i].bit;
	}
	return 0;
}

void namespace_opened(struct observer *observer, struct thread *thread, int fd, uid_t uid)
{
	AUTO_BUF struct buf name = BUF_INIT;
	uint64_t flag = namespace_of_fd(thread, fd);

	if (!flag)
		return;
	buf_adds(&name, "/ns:");
	namespace_kinds(flag, &name);
	emit_path(observer, thread, buf_text(&name), ACCESS_READ, owner_of(thread, uid), NULL);
}

/* 0 as type stands for whatever the descriptor is (setns(2)). */
void setns_enter(struct observer *observer, struct thread *thread)
{
	(void)observer;
	thread->value = (uint32_t)thread->args[1];
	if (!thread->value)
		thread->value = namespace_of_fd(thread, (int)thread->args[0]);
}

void setns_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (outcome->ok)
		emit_namespace(observer, thread, "setns", thread->value);
}

void chroot_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	const char *name;

	if (!outcome->ok)
		return;
	name = operand_name(observer, thread, 0);
	if (name)
		emit_fact(observer, FACT_NAMESPACE, "chroot", name, thread_program(thread));
}
