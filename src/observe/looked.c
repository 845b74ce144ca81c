/*
 * Looks at names that can teach nothing: stat(2) and readlink(2) below a directory that the process
 * was seen to search with no capability. Such a look asks for a capability on the way only, so that
 * the way need not be walked again, as long as nothing in the run changes what a way asks for.
 */
#include <observe/capable.h>
#include <observe/foretold.h>
#include <observe/known.h>
#include <observe/looked.h>
#include <observe/place.h>

#include <errno.h>
#include <linux/limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

/* A bound for programs that look everywhere: the directories of one process. */
enum { WAYS_MAX = 1024 };

/* A directory that can be searched, as this process names it. */
struct way {
	char *key;
	size_t length;
	UT_hash_handle hh;
};

/* It asks nothing of the object itself, unlike access(2) and chdir(2). */
static bool only_looks(const struct syscall_desc *row)
{
	return row->access == ACCESS_STAT && args_index(row, ARG_ACCESS_MODE) < 0 &&
	       (free_is_search(row) || reads_link(row));
}

/* ---- what changes ways ---- */

/* A change of who may search a directory, of what a name leads to, or of where names begin. */
static bool changes_ways(const struct syscall_desc *row)
{
	switch (row->access) {
	case ACCESS_CHMOD:
	case ACCESS_CHOWN:
	case ACCESS_DELETE:
	case ACCESS_RMDIR:
	case ACCESS_XATTR: /* POSIX ACLs */
		return true;
	default:
		break;
	}
	switch (row->topic) {
	case TOPIC_CHROOT:
	case TOPIC_MOUNT:
	case TOPIC_MOUNT_FD:
	case TOPIC_MOUNT_PATH:
	case TOPIC_MOVE_MOUNT:
	case TOPIC_PIVOT_ROOT:
	case TOPIC_RENAME:
	case TOPIC_SETNS:
	case TOPIC_UMOUNT:
	case TOPIC_UNSHARE:
		return true;
	default:
		return false;
	}
}

/* May a process have another root than whittle from now on? */
static bool moves_root(const struct thread *thread)
{
	switch (thread->row->topic) {
	case TOPIC_CHROOT:
	case TOPIC_PIVOT_ROOT:
	case TOPIC_SETNS:
	case TOPIC_UNSHARE:
		return true;
	default:
		return clone_flags(thread) & (CLONE_NEWNS | CLONE_NEWUSER);
	}
}

void looked_begin(struct observer *observer, struct thread *thread)
{
	observer->root_moved |= moves_root(thread);
	if (changes_ways(thread->row)) {
		thread->changes_ways = true;
		observer->changing++;
	}
	if (!(thread->row->flags & CREDS))
		return;
	looked_forget(thread->process);
	/* Another thread's ways would be judged by its own credentials. */
	thread->process->credentials_vary |= thread->process->threads > 1;
}

void looked_end(struct observer *observer, struct thread *thread)
{
	if (!thread->changes_ways)
		return;
	thread->changes_ways = false;
	observer->changing--;
	observer->changes++;
}

void looked_forget(struct process *process)
{
	struct way *way, *next;

	HASH_ITER (hh, process->ways, way, next) {
		HASH_DEL(process->ways, way);
		free(way->key);
		free(way);
	}
}

/* ---- ways ---- */

/* The one name of a look, if its last component follows a directory in the text; else NULL. */
static const struct operand *operand_of(const struct observer *observer,
					const struct thread *thread)
{
	const struct operand *operand = &thread->operands[0];
	const struct buf *string = &operand->string;

	if (observer->flags & (OBSERVE_STAT | OBSERVE_EXACT) ||
	    !(observer->flags & OBSERVE_PATHS) || observer->changing ||
	    thread->process->credentials_vary || thread->guarded || thread->operand_count != 1 ||
	    operand->is_fd || operand->read_error || !only_looks(thread->row))
		return NULL;
	return string->length && string->data[string->length - 1] == '/' ? NULL : operand;
}

/* Where a relative name begins: "/proc/TID/cwd" or the like. */
static void base_link(const struct thread *thread, const struct operand *operand, char link[48])
{
	if (operand->dirfd == AT_FDCWD)
		snprintf(link, 48, "/proc/%d/cwd", thread->tid);
	else
		snprintf(link, 48, "/proc/%d/fd/%d", thread->tid, operand->dirfd);
}

/* A key for the directory of the name: its text, and what that begins at. -1: it cannot be told. */
static int way_key(const struct thread *thread, const struct operand *operand, struct buf *ret_key)
{
	const char *text = buf_text(&operand->string), *slash = strrchr(text, '/');
	struct place base = { .fd = -1 };
	char link[48];

	base_link(thread, operand, link);
	memset(&base.stat, 0, sizeof(base.stat));
	if (text[0] != '/' && place_look(AT_FDCWD, link, 0, &base.stat) < 0)
		return -1;
	buf_addf(ret_key, "%d %llx %x %x %llx ", reads_link(thread->row),
		 (unsigned long long)base.stat.stx_ino, base.stat.stx_dev_major,
		 base.stat.stx_dev_minor, (unsigned long long)base.stat.stx_mnt_id);
	if (slash)
		buf_add(ret_key, text, (size_t)(slash - text) + 1);
	return 0;
}

/* The name as whittle may use it; false if it cannot tell. */
static bool own_name(const struct observer *observer, const struct thread *thread,
		     struct buf *ret_name)
{
	const struct operand *operand = &thread->operands[0];
	char link[48];

	if (observer->root_moved)
		return false;
	if (operand->string.data[0] != '/') {
		base_link(thread, operand, link);
		buf_adds(ret_name, link);
		buf_addc(ret_name, '/');
	}
	buf_add(ret_name, operand->string.data, operand->string.length);
	return true;
}

/* What is there, a symlink not being followed: 0 or an errno; ESTALE if whittle cannot tell. */
static int look(const struct observer *observer, const struct thread *thread, mode_t *ret_mode)
{
	AUTO_BUF struct buf name = BUF_INIT;
	struct statx found;

	if (!own_name(observer, thread, &name))
		return ESTALE;
	if (place_look(AT_FDCWD, buf_text(&name), AT_SYMLINK_NOFOLLOW, &found) < 0)
		return errno;
	*ret_mode = found.stx_mode;
	return 0;
}

/* Does the name end there, and lead to no other by a symlink? */
static bool ends_there(const struct observer *observer, const struct thread *thread)
{
	mode_t mode = 0;

	if (thread->operands[0].flags & PATH_NOFOLLOW)
		return true;
	int result = look(observer, thread, &mode);
	return result == ENOENT || (result == 0 && !S_ISLNK(mode));
}

bool looked_before(struct observer *observer, struct thread *thread)
{
	const struct operand *operand = operand_of(observer, thread);
	AUTO_BUF struct buf key = BUF_INIT;
	struct way *way;

	if (!operand)
		return false;
	if (!operand->string.length) /* the object behind a descriptor: there is no way to it */
		return operand->flags & PATH_EMPTY && !reads_link(thread->row);
	if (thread->process->ways_since != observer->changes) {
		looked_forget(thread->process);
		thread->process->ways_since = observer->changes;
	}
	if (!thread->process->ways || way_key(thread, operand, &key) < 0)
		return false;
	HASH_FIND(hh, thread->process->ways, key.data, key.length, way);
	return way && ends_there(observer, thread);
}

int looked_failure(const struct observer *observer, const struct thread *thread)
{
	mode_t mode = 0;

	if (!thread->operands[0].string.length)
		return 0;
	int result = look(observer, thread, &mode);
	if (result)
		return result == ENOENT ? ENOENT : 0;
	return reads_link(thread->row) && !S_ISLNK(mode) ? EINVAL
							 : 0; /* do_readlinkat() in fs/stat.c */
}

bool looked_lasts(struct observer *observer, const struct thread *thread)
{
	const struct path *path = &thread->paths[0];
	dev_t device = path->error ? path->parent.device : path->device;

	return (path->error == 0 || path->error == ENOENT) && thread->operands[0].walk == 0 &&
	       path->name && !path->process && !path->linked &&
	       strncmp(path->name, "/proc/", 6) != 0 &&
	       ((!reads_link(thread->row) && !looked_asks_attribute(thread->row)) ||
		filesystem_is_plain(observer, device));
}

void looked_learn(struct observer *observer, struct thread *thread)
{
	const struct operand *operand = operand_of(observer, thread);
	AUTO_BUF struct buf key = BUF_INIT;
	struct way *way;

	if (!operand || !operand->walked || !thread->needs_judged || thread->need_count ||
	    !looked_lasts(observer, thread) || way_key(thread, operand, &key) < 0)
		return;
	if (HASH_COUNT(thread->process->ways) == WAYS_MAX)
		looked_forget(thread->process);
	HASH_FIND(hh, thread->process->ways, key.data, key.length, way);
	if (way)
		return;
	way = xcalloc(1, sizeof(*way));
	way->length = key.length;
	way->key = buf_steal(&key);
	HASH_ADD_KEYPTR(hh, thread->process->ways, way->key, way->length, way);
}

/* ---- extended attributes ---- */

bool looked_asks_attribute(const struct syscall_desc *row)
{
	return strcmp(row->name, "getxattr") == 0 || strcmp(row->name, "lgetxattr") == 0;
}

/* It is read before the file is looked up (path_getxattrat() in fs/xattr.c, Linux 6.13). */
static bool read_attribute(const struct thread *thread, struct buf *ret_name)
{
	uint64_t address = args_value(thread, ARG_STRING);

	return tracee_read_string(thread->tid, address, XATTR_NAME_MAX + 1, ret_name) == 0 &&
	       ret_name->length;
}

int looked_attribute_failure(struct observer *observer, struct thread *thread, int failure)
{
	AUTO_BUF struct buf file = BUF_INIT;
	AUTO_BUF struct buf attribute = BUF_INIT;
	bool follows = thread->row->name[0] != 'l';

	if (!thread->operand_count || !looked_lasts(observer, thread) ||
	    !foretold_way(observer, thread) || !read_attribute(thread, &attribute))
		return 0;
	if (failure)
		return failure;
	if (capable_asks_attribute(buf_text(&attribute)) || !own_name(observer, thread, &file))
		return 0;
	ssize_t size = follows ? getxattr(buf_text(&file), buf_text(&attribute), NULL, 0)
			       : lgetxattr(buf_text(&file), buf_text(&attribute), NULL, 0);
	return size < 0 && (errno == ENODATA || errno == EOPNOTSUPP) ? errno : 0;
}

/* ---- looks that lead to other processes ---- */

/* "/proc", and for a process there what is_one allows. */
static bool is_proc(const char *name, bool is_one)
{
	static const char proc[] = "/proc";

	if (strncmp(name, proc, sizeof(proc) - 1) != 0)
		return false;
	name += sizeof(proc) - 1;
	size_t slash = strspn(name, "/");
	return !name[slash] || (is_one && slash && name[slash] >= '0' && name[slash] <= '9');
}

/*
 * Whoever finds processes in /proc may go on to look at their files through links there
 * (/proc/PID/fd/N), which is a fact of ptrace (proc_accessed()): then its looks are not let run. If
 * they are already, what they lead to is not seen.
 */
void looked_meet(struct observer *observer, struct thread *thread)
{
	struct process *process = thread->process;
	const char *name = thread->operand_count ? buf_text(&thread->operands[0].string) : "";
	bool hidden = thread->result_mode == RESULT_OPTIONAL ||
		      (thread->result_mode == RESULT_NEVER && observer->taught);

	if (process->meets || !is_proc(name, true))
		return;
	if (!hidden) {
		process->meets = true;
	} else if (is_proc(name, false) && !observer->taught_meets) {
		process->meets = true;
		emit_limitation(observer, "links-unwatched");
	}
}
