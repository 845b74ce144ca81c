#include <observe/early.h>
#include <observe/foretold.h>
#include <observe/known.h>
#include <observe/looked.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

/* ---- failures that show before the call ---- */

enum presence { ANY, THERE, MISSING };

/* What a call needs of its names to succeed. */
static const struct {
	enum topic topic;
	enum presence first, second;
} presences[] = {
	{ TOPIC_CHROOT, THERE, ANY },       { TOPIC_CREATE, MISSING, ANY },
	{ TOPIC_EXEC, THERE, ANY },         { TOPIC_FD, THERE, ANY },
	{ TOPIC_LINK, THERE, MISSING },     { TOPIC_MOUNT, THERE, ANY },
	{ TOPIC_MOUNT_PATH, THERE, ANY },   { TOPIC_MOVE_MOUNT, THERE, THERE },
	{ TOPIC_OPEN, THERE, ANY },         { TOPIC_PATH, THERE, ANY },
	{ TOPIC_PIVOT_ROOT, THERE, THERE }, { TOPIC_RENAME, THERE, ANY },
	{ TOPIC_UMOUNT, THERE, ANY },
};

/* Errors of a walk that the tracee meets as well, not only whittle. */
static bool is_own_fault(int number)
{
	static const int faults[] = { ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EBADF, EFAULT };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		if (number == faults[i])
			return true;
	return false;
}

static int failure_of(const struct thread *thread, size_t index, enum presence wanted)
{
	const struct path *path = &thread->paths[index];

	if (index >= thread->operand_count)
		return 0;
	if (path->error == ENOENT && thread->operands[index].walk == 0)
		return wanted == THERE ? ENOENT : 0;
	if (path->error)
		return is_own_fault(path->error) ? path->error : 0;
	return wanted == MISSING ? EEXIST : 0;
}

/* open(2): what is there may be of the wrong kind (may_open() in fs/namei.c). */
static int failure_of_open(const struct thread *thread)
{
	uint64_t flags = thread->value;
	const struct path *path = &thread->paths[0];

	if (!thread->operand_count || flags & O_PATH || path->error)
		return 0;
	if (S_ISLNK(path->object.mode))
		return flags & O_CREAT ? EEXIST : ELOOP;
	if (S_ISDIR(path->object.mode) && (flags & O_ACCMODE) != O_RDONLY &&
	    (flags & O_TMPFILE) != O_TMPFILE)
		return EISDIR;
	return 0;
}

/* do_readlinkat() in fs/stat.c */
static int failure_of_readlink(const struct thread *thread)
{
	const struct path *path = &thread->paths[0];

	if (!thread->operand_count || path->error || !reads_link(thread->row))
		return 0;
	return S_ISLNK(path->object.mode) ? 0 : EINVAL;
}

int early_failure(struct thread *thread)
{
	bool creates = thread->row->topic == TOPIC_OPEN && thread->value & O_CREAT;
	int failure = 0;

	operands_walk_all(thread);
	for (size_t i = 0; i < ARRAY_SIZE(presences) && !failure; i++) {
		if (presences[i].topic != thread->row->topic)
			continue;
		failure = failure_of(thread, 0, creates ? ANY : presences[i].first);
		if (!failure)
			failure = failure_of(thread, 1, presences[i].second);
	}
	if (!failure && thread->row->topic == TOPIC_OPEN)
		failure = failure_of_open(thread);
	if (!failure)
		failure = failure_of_readlink(thread);
	return failure;
}

/* ---- results that teach nothing ---- */

/* What the thread does not hold it may be refused for the lack of: that is a fact. */
static bool holds_needs(struct thread *thread)
{
	const struct creds *creds = thread->need_count ? thread_creds(thread) : NULL;

	for (size_t i = 0; i < thread->need_count; i++)
		if (!creds || !(thread->needs[i].any_of & creds->effective))
			return false;
	return true;
}

enum { MEMORY_DEVICES = 1 }; /* MEM_MAJOR, include/uapi/linux/major.h: null, zero, random */

/* An open of it may wait for somebody, until a signal interrupts it: a result. */
static bool may_wait(const struct path *path)
{
	mode_t mode = path->object.mode;

	return !path->error && !S_ISREG(mode) && !S_ISDIR(mode) &&
	       !(S_ISCHR(mode) && major(path->special) == MEMORY_DEVICES);
}

/* What becomes of an open is known by its name only if nothing is made or emptied. */
static bool can_tell_open(const struct thread *thread)
{
	return !may_wait(&thread->paths[0]) && thread->operand_count &&
	       thread->operands[0].walk == 0 && !(thread->value & (O_CREAT | O_TRUNC)) &&
	       (thread->value & O_TMPFILE) != O_TMPFILE;
}

/* Would the call give no new fact if it ended so? */
static bool rehearse(struct observer *observer, struct thread *thread,
		     const struct outcome *outcome)
{
	const struct topic_desc *topic = &topic_descs[thread->row->topic];

	if (!holds_needs(thread))
		return false;
	observer->rehearsal = true;
	observer->surprise = false;
	if (topic->leave && topic_wanted(observer, thread->row))
		topic->leave(observer, thread, outcome);
	if (thread->row->flags & CAPS && observer->flags & OBSERVE_CAPS)
		privilege_leave(observer, thread, outcome->value);
	observer->rehearsal = false;
	return !observer->surprise;
}

/* A look that teaches nothing but how it ends. */
static bool look_is_known(struct observer *observer, struct thread *thread,
			  struct outcome *ret_outcome)
{
	if (call_was_seen(observer, thread, 0))
		return true;
	int failure = looked_failure(observer, thread);
	if (!failure)
		return false;
	*ret_outcome = args_outcome(-failure);
	ret_outcome->assumed = true;
	return call_was_seen(observer, thread, -failure);
}

/* Would a look grant nothing, whatever it finds? Whose links a process has is a fact. */
static bool is_mere_look(struct observer *observer, struct thread *thread)
{
	if (!reads_link(thread->row))
		return free_is_search(thread->row);
	operands_walk_all(thread);
	/* That it is refused the way is a fact. */
	return thread->operand_count && looked_lasts(observer, thread) &&
	       foretold_way(observer, thread);
}

bool early_is_known(struct observer *observer, struct thread *thread, struct outcome *ret_outcome)
{
	const struct call_keys *keys = thread->known->keys;
	const struct topic_desc *topic = &topic_descs[thread->row->topic];
	bool asked = topic->leave && topic_wanted(observer, thread->row);

	*ret_outcome = (struct outcome){ .ok = true, .checked = true, .assumed = true };
	if (!keys || !args_known(observer, thread))
		return false;
	if (thread->looked && !keys->recheck)
		return look_is_known(observer, thread, ret_outcome);
	bool succeeds = call_was_seen(observer, thread, 0);
	bool attribute = looked_asks_attribute(thread->row);
	/* A look that never found anything may fail as it did. */
	if (!succeeds && !attribute && !is_mere_look(observer, thread))
		return false;
	if (succeeds && known_free(observer, thread))
		return true;
	if ((keys->lessons & LESSON_ALWAYS) || keys->recheck ||
	    (asked && !(topic->flags & TOPIC_EARLY)))
		return false;
	int failure = early_failure(thread);
	if (attribute) {
		failure = looked_attribute_failure(observer, thread, failure);
		if (!failure) /* how much there is for its buffer cannot be told */
			return false;
	}
	if (failure) {
		*ret_outcome = args_outcome(-failure);
		ret_outcome->assumed = true;
		return call_was_seen(observer, thread, -failure) &&
		       rehearse(observer, thread, ret_outcome);
	}
	if (!succeeds || (asked && thread->row->topic == TOPIC_OPEN && !can_tell_open(thread)))
		return false;
	return rehearse(observer, thread, ret_outcome);
}
