/*
 * Files that are opened without a name that leads to them: POSIX message queues, the other end of
 * a pseudo terminal, namespaces. AppArmor asks for them all the same, by a name below the root of
 * nothing.
 */
#include <observe/observe.h>

#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <whittle/escape.h>

#define QUEUE                                                                                      \
	"/mqueue:" /* in evidence, as "/memfd:"; behind it stands the name without its slash */

/* ---- message queues: mq_overview(7) ---- */

/* Keeps the name, as evidence text, in thread->text. */
void mqueue_enter(struct observer *observer, struct thread *thread)
{
	AUTO_BUF struct buf raw = BUF_INIT;

	(void)observer;
	buf_truncate(&thread->text, 0);
	if (tracee_read_string(thread->tid, thread->args[0], PATH_MAX, &raw) < 0)
		return;
	buf_adds(&thread->text, QUEUE);
	escape_text(&thread->text, buf_text(&raw), raw.length);
}

static void queue_opened(struct observer *observer, struct thread *thread, int fd)
{
	AUTO_PATH struct path path = PATH_INIT;
	enum access words[4];
	size_t count = access_of_open(args_value(thread, ARG_OPEN_FLAGS), false, words);
	enum owner owner = OWNER_UNKNOWN;

	if (path_of_fd(thread->tid, thread->process->tgid, fd, &path) == 0)
		owner = owner_of(thread, path.object.uid);
	for (size_t i = 0; i < count; i++)
		emit_path(observer, thread, buf_text(&thread->text), words[i], owner, NULL);
}

/* The file is asked for when it is opened (do_mq_open() in ipc/mqueue.c), behind what may fail. */
void mqueue_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if (!outcome->ok || !thread->text.length)
		return;
	if (strcmp(thread->row->name, "mq_open") == 0)
		queue_opened(observer, thread, (int)outcome->value);
	else
		emit_path(observer, thread, buf_text(&thread->text), ACCESS_DELETE, OWNER_UNKNOWN,
			  NULL);
}

/* ---- terminals ---- */

/* ptm_open_peer() in drivers/tty/pty.c: TIOCGPTPEER opens /dev/pts/N by itself. */
void ioctl_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	AUTO_PATH struct path path = PATH_INIT;
	enum access words[4];

	if (!outcome->ok || outcome->assumed || (uint32_t)thread->args[1] != TIOCGPTPEER)
		return;
	if (path_of_fd(thread->tid, thread->process->tgid, (int)outcome->value, &path) < 0) {
		emit_loss(observer, "unreadable-path");
		return;
	}
	size_t count = access_of_open(thread->args[2], false, words);
	for (size_t i = 0; i < count; i++)
		emit_path(observer, thread, path.name, words[i], owner_of(thread, path.object.uid),
			  NULL);
}
