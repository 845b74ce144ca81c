/* When the rules of capable.h are asked, and what becomes of their answers. */
#include <observe/known.h>

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

bool privilege_is_plain(const struct thread *thread)
{
	return thread->row->topic == TOPIC_NONE && args_index(thread->row, ARG_IOCTL) < 0;
}

/* What the rules are asked about; thread_creds() are known. */
static struct call call_of(const struct observer *observer, const struct thread *thread)
{
	return (struct call){
		.tid = thread->tid,
		.tgid = thread->process->tgid,
		.abi = thread->abi,
		.name = thread->row->name,
		.args = thread->args,
		.paths = thread->paths,
		.path_count = thread->operand_count,
		.creds = &thread->creds,
		.permission = observer->permission,
		.pids = observer->pids,
	};
}

static void judge(const struct observer *observer, struct thread *thread)
{
	thread->needs_judged = true;
	if (!thread_creds(thread) || (thread->guarded && !privilege_is_plain(thread)))
		return;
	operands_walk_all(thread);
	const struct call call = call_of(observer, thread);
	thread->need_count = capable_needs(&call, thread->needs);
}

bool privilege_may_search(const struct observer *observer, struct thread *thread)
{
	if (!thread_creds(thread))
		return false;
	const struct call call = call_of(observer, thread);
	return capable_may_search(&call);
}

bool privilege_may_read(const struct observer *observer, struct thread *thread)
{
	if (!thread_creds(thread))
		return false;
	const struct call call = call_of(observer, thread);
	return capable_may_read(&call);
}

/*
 * The result of a call that may be refused for the lack of a capability is not to be skipped, where
 * no filter would let such calls run unseen.
 */
static bool may_be_skipped(const struct observer *observer, const struct thread *thread)
{
	const struct process *process = thread->process;

	return thread->result_mode == RESULT_OPTIONAL && !observer->capless && !process->settled &&
	       !process->filtered && !known_free(observer, thread);
}

/*
 * What succeeds changes the state that the rules look at: they are asked before. A program may ask
 * for capabilities that who executes it does not hold.
 */
void privilege_enter(const struct observer *observer, struct thread *thread)
{
	const struct creds *creds = thread_creds(thread);

	if (creds && (creds->effective || thread->row->topic == TOPIC_EXEC ||
		      may_be_skipped(observer, thread)))
		judge(observer, thread);
}

static void emit_need(struct observer *observer, struct thread *thread,
		      const struct capable_need *need, const char *verdict)
{
	AUTO_BUF struct buf names = BUF_INIT;
	AUTO_FREE char *shape = temporary_name(observer, need->object); /* if it is a path */

	capable_names(need->any_of, &names);
	emit_fact(observer, FACT_CAPABILITY, buf_text(&names), verdict, thread->row->name,
		  shape ? shape : need->object, thread_program(thread), "inferred");
}

/*
 * A thread without capabilities needs none for what succeeds. What was refused changed nothing, so
 * that the rules can still be asked what it would have taken.
 */
void privilege_leave(struct observer *observer, struct thread *thread, int64_t result)
{
	bool refused = result == -EPERM || result == -EACCES;
	const struct creds *creds;

	if (result == -ENOSYS) /* the kernel has no such call: nothing was asked */
		return;

	if (refused && !thread->needs_judged)
		judge(observer, thread);
	if (!thread->need_count)
		return;
	creds = thread_creds(thread);
	for (size_t i = 0; creds && i < thread->need_count; i++) {
		bool held = thread->needs[i].any_of &
			    (thread->needs[i].bounding ? creds->bounding : creds->effective);

		if (held != refused)
			emit_need(observer, thread, &thread->needs[i],
				  held ? "required" : "wanted");
	}
}
