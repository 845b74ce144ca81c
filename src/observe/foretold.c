#include <observe/foretold.h>
#include <observe/known.h>
#include <observe/place.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* An open that reads, and what else it may ask for. */
#define TO_READ                                                                                    \
	(O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_LARGEFILE | O_NOATIME | O_NOCTTY | O_NOFOLLOW |    \
	 O_NONBLOCK)

/* openat2(2) may refuse ways; open_by_handle_at(2) names nothing. */
static bool is_plain_open(const struct thread *thread)
{
	const char *name = thread->row->name;

	return (strcmp(name, "open") == 0 || strcmp(name, "openat") == 0) &&
	       !(thread->value & ~(uint64_t)TO_READ);
}

bool foretold_label_confines(const char *label, size_t length)
{
	static const char none[] = "unconfined";
	size_t size = sizeof(none) - 1;

	return length && (length < size || memcmp(label, none, size) != 0 ||
			  (length > size && label[size] != '\n'));
}

/* A thread may confine itself: aa_change_profile(2). Without a module there is nothing to read. */
static bool is_confined(struct thread *thread)
{
	char name[48], label[16];

	if (thread->process->unconfinable)
		return false;
	snprintf(name, sizeof(name), "/proc/%d/attr/current", thread->tid);
	AUTO_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, label, sizeof(label));
	if (length >= 0)
		return foretold_label_confines(label, (size_t)length);
	thread->process->unconfinable = errno == (fd < 0 ? ENOENT : EINVAL);
	return !thread->process->unconfinable;
}

/* A rule of landlock(7) refuses opens, and nothing tells of it: whoever may use it tells. */
static bool may_be_refused(const struct observer *observer, struct thread *thread)
{
	return observer->landlocked || is_confined(thread);
}

/*
 * Is there a number for one more descriptor? The size of the directory is their count, since
 * Linux 6.2 (fs/proc/fd.c, proc_fd_getattr()).
 */
static bool has_room(const struct thread *thread)
{
	struct rlimit limit;
	struct statx fds;
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/fd", thread->tid);
	return place_look(AT_FDCWD, name, 0, &fds) == 0 && fds.stx_size &&
	       prlimit(thread->tid, RLIMIT_NOFILE, NULL, &limit) == 0 &&
	       fds.stx_size < limit.rlim_cur;
}

/* May it be opened as it is, by whoever may read it? */
static bool is_readable_kind(const struct thread *thread, const struct path *path)
{
	if (S_ISDIR(path->object.mode))
		return true;
	return S_ISREG(path->object.mode) && !(thread->value & O_DIRECTORY);
}

static bool may_use_flags(const struct thread *thread, const struct path *path)
{
	/* may_open(): O_NOATIME is the owner's */
	return !(thread->value & O_NOATIME) || path->object.uid == thread->creds.fsuid;
}

static bool will_open(struct observer *observer, struct thread *thread, const struct path *path)
{
	return is_readable_kind(thread, path) && may_use_flags(thread, path) &&
	       filesystem_is_plain(observer, path->device) &&
	       privilege_may_read(observer, thread) && has_room(thread);
}

/*
 * Links that the kernel may refuse to follow, root's too: of others in a directory that all may
 * write to (fs.protected_symlinks, may_follow_link() in fs/namei.c), and of a mount with
 * nosymfollow (filesystem_is_plain()).
 */
static bool may_refuse_links(struct observer *observer, const struct path *path)
{
	const mode_t shared = S_ISVTX | S_IWOTH;

	for (size_t i = 0; path->by_link && i < path->searched_count; i++)
		if ((path->searched[i].mode & shared) == shared ||
		    !filesystem_is_plain(observer, path->searched[i].device))
			return true;
	return false;
}

bool foretold_way(struct observer *observer, struct thread *thread)
{
	const struct creds *creds = thread_creds(thread);

	return creds && !creds->foreign_userns && !may_refuse_links(observer, &thread->paths[0]) &&
	       privilege_may_search(observer, thread);
}

bool foretold(struct observer *observer, struct thread *thread, struct outcome *ret_outcome)
{
	const struct path *path = &thread->paths[0];

	if (observer->flags & OBSERVE_EXACT || !(observer->flags & OBSERVE_PATHS) ||
	    !thread->known->keys || thread->known->keys->recheck || !is_plain_open(thread) ||
	    thread->guarded || !thread->own_root || thread->operand_count != 1)
		return false;
	operands_walk_all(thread);
	if (thread->operands[0].walk < 0 || !path->name || path->process || path->linked ||
	    thread->need_count || !foretold_way(observer, thread) ||
	    may_be_refused(observer, thread))
		return false;
	*ret_outcome = (struct outcome){ .ok = true, .checked = true, .assumed = true };
	if (!path->error)
		return will_open(observer, thread, path);
	*ret_outcome = args_outcome(-ENOENT);
	ret_outcome->assumed = true;
	return path->error == ENOENT && filesystem_is_plain(observer, path->parent.device);
}

/* ---- what was missing ---- */

/* The name as whittle can look it up later, when the thread may be gone. */
static bool name_missing(const struct thread *thread, struct buf *ret_name)
{
	const struct operand *operand = &thread->operands[0];
	char link[32];

	if (!thread->own_root || thread->operand_count != 1 || operand->read_error ||
	    operand->is_fd)
		return false;
	if (operand->string.data[0] != '/') {
		snprintf(link, sizeof(link), operand->dirfd == AT_FDCWD ? "cwd" : "fd/%d",
			 operand->dirfd);
		if (tracee_read_link(thread->tid, link, ret_name) < 0)
			return false;
		buf_addc(ret_name, '/');
	}
	buf_add(ret_name, operand->string.data, operand->string.length);
	/* names there mean something else to whittle */
	return strncmp(buf_text(ret_name), "/proc/", 6) != 0;
}

bool foretold_missing(struct thread *thread)
{
	buf_truncate(&thread->missing, 0);
	thread->missing_flags = thread->value;
	thread->missing_follows = !(thread->operands[0].flags & PATH_NOFOLLOW);
	if (name_missing(thread, &thread->missing))
		return true;
	buf_truncate(&thread->missing, 0);
	return false;
}

static void grant(struct observer *observer, struct thread *thread, const struct path *path)
{
	enum access words[4];
	size_t count = access_of_open(thread->missing_flags, S_ISDIR(path->object.mode), words);

	for (size_t i = 0; i < count; i++)
		emit_path(observer, thread, path->name, words[i],
			  owner_of(thread, path->object.uid), NULL);
}

void foretold_settle(struct observer *observer, struct thread *thread)
{
	AUTO_PATH struct path path = PATH_INIT;
	unsigned int flags = thread->missing_follows ? 0 : PATH_NOFOLLOW;
	struct statx found;

	if (!thread->missing.length)
		return;
	if (observer->serves_files) { /* meanwhile: a look might wait for the stopped thread */
		buf_truncate(&thread->missing, 0);
		emit_loss(observer, "served-files");
		return;
	}
	if (place_look(AT_FDCWD, buf_text(&thread->missing),
		       thread->missing_follows ? 0 : AT_SYMLINK_NOFOLLOW, &found) == 0 &&
	    path_walk(getpid(), thread->process->tgid, AT_FDCWD, buf_text(&thread->missing),
		      thread->missing.length, flags | PATH_OWN_ROOT, &path) == 0 &&
	    !path.error && !path.process && !path.linked) /* by /dev/fd: whittle's own */
		grant(observer, thread, &path);
	buf_truncate(&thread->missing, 0);
}
