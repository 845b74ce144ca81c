/*
 * A thread asks for another AppArmor profile by writing its name to a file of its own in /proc
 * (apparmor_setprocattr() in security/apparmor/lsm.c). Of all that is written this alone is looked
 * at, as it is what the rule names.
 */
#include <observe/observe.h>

#include <string.h>
#include <whittle/escape.h>

#define ASKED_MAX 4096 /* AppArmor takes a page (proc_pid_attr_write() in fs/proc/base.c) */

bool path_asks_for_profile(const char *path)
{
	static const char *const ends[] = { "/attr/current", "/attr/exec", "/attr/apparmor/current",
					    "/attr/apparmor/exec" };

	for (size_t i = 0; strncmp(path, "/proc/", 6) == 0 && i < ARRAY_SIZE(ends); i++)
		if (ends_with(path, ends[i]))
			return true;
	return false;
}

/* Behind a command that names a profile; NULL if it is another, as changehat. */
static const char *asked_profile(const char *text)
{
	static const char *const commands[] = { "changeprofile ", "exec " };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strncmp(text, commands[i], strlen(commands[i])) == 0)
			return text + strlen(commands[i]);
	return NULL;
}

static void emit_asked(struct observer *observer, struct thread *thread, const struct path *path,
		       const char *profile)
{
	emit_path(observer, thread, path->name, ACCESS_WRITE, owner_of(thread, path->object.uid),
		  profile);
}

/* So that what it will write is seen the process takes no filter. Where it may have one, it is not.
 */
void confine_opened(struct observer *observer, struct thread *thread, const struct path *path)
{
	struct process *process = thread->process;

	if (!path->name || !path_asks_for_profile(path->name))
		return;
	if (!process->confines && (process->settled || process->filtered))
		emit_asked(observer, thread, path, ANY_PROFILE);
	else
		process->settled = process->confines = true;
}

/* Whether it is granted does not matter: without the module there it fails. */
void write_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	AUTO_PATH struct path path = PATH_INIT;
	AUTO_BUF struct buf name = BUF_INIT;
	char text[ASKED_MAX + 1] = "";
	size_t length = thread->args[2] < ASKED_MAX ? (size_t)thread->args[2] : ASKED_MAX;

	(void)outcome;
	if (!thread->process->confines ||
	    path_of_fd(thread->tid, thread->process->tgid, (int)thread->args[0], &path) < 0 ||
	    !path.name || !path_asks_for_profile(path.name) ||
	    tracee_read(thread->tid, thread->args[1], text, length) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	const char *profile = asked_profile(text);
	if (!profile || !*profile) {
		emit_asked(observer, thread, &path, ANY_PROFILE);
		return;
	}
	escape_text(&name, profile, strlen(profile));
	emit_asked(observer, thread, &path, buf_text(&name));
}
