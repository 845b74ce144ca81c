/* Events -> facts: the state of threads and processes, and what each call leaves behind. */
#include <observe/early.h>
#include <observe/foretold.h>
#include <observe/known.h>
#include <observe/looked.h>
#include <observe/permission.h>
#include <observe/quiet.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <whittle/proc.h>

/* ---- programs, processes, threads ---- */

static struct program *program_intern(struct observer *observer, const char *name)
{
	struct program *program;

	HASH_FIND_STR(observer->programs, name, program);
	if (program)
		return program;
	program = xcalloc(1, sizeof(*program));
	program->name = xstrdup(name);
	HASH_ADD_KEYPTR(hh, observer->programs, program->name, strlen(program->name), program);
	return program;
}

/* The program that a thread runs now; of one that was killed meanwhile nothing follows from it. */
static struct program *program_of(struct observer *observer, pid_t tid, pid_t tgid)
{
	AUTO_BUF struct buf name = BUF_INIT;

	if (exec_name(tid, tgid, &name) < 0 && observer->started && !proc_is_over(tid))
		emit_loss(observer, "unreadable-program");
	return program_intern(observer, buf_text(&name));
}

const char *thread_program(const struct thread *thread)
{
	return thread->process->program->name;
}

struct thread *thread_find(const struct observer *observer, pid_t tid)
{
	struct thread *thread;

	HASH_FIND_INT(observer->threads, &tid, thread);
	return thread;
}

static struct process *process_get(struct observer *observer, pid_t tid, pid_t tgid,
				   struct program *program)
{
	struct process *process;

	HASH_FIND_INT(observer->processes, &tgid, process);
	if (process)
		return process;
	process = xcalloc(1, sizeof(*process));
	process->tgid = tgid;
	process->program = program ? program : program_of(observer, tid, tgid);
	process->watched = observer->watches;
	HASH_ADD_INT(observer->processes, tgid, process);
	pids_add(observer->pids, tgid);
	return process;
}

static struct thread *thread_get(struct observer *observer, pid_t tid, pid_t tgid,
				 struct program *program)
{
	struct thread *thread = thread_find(observer, tid);

	if (thread)
		return thread;
	thread = xcalloc(1, sizeof(*thread));
	thread->tid = tid;
	thread->process = process_get(observer, tid, tgid, program);
	thread->process->threads++;
	HASH_ADD_INT(observer->threads, tid, thread);
	return thread;
}

/* Frees what the call held, and leaves the thread outside of a call. */
static void call_end(struct thread *thread)
{
	operands_release(thread);
	capable_release(thread->needs, thread->need_count);
	thread->need_count = 0;
	thread->needs_judged = false;
	measured_forget(thread);
	buf_truncate(&thread->text, 0);
	buf_truncate(&thread->other, 0);
	thread->value = 0;
	thread->word = NULL;
	thread->looked = false;
	thread->site_due = false;
	thread->in_call = false;
}

static void thread_remove(struct observer *observer, struct thread *thread)
{
	struct process *process = thread->process;

	looked_end(observer, thread);
	foretold_settle(observer, thread);
	buf_free(&thread->missing);
	call_end(thread);
	for (size_t i = 0; i < OPERANDS; i++)
		buf_free(&thread->operands[i].string);
	buf_free(&thread->text);
	buf_free(&thread->other);
	creds_release(&thread->creds);
	HASH_DEL(observer->threads, thread);
	free(thread);
	if (--process->threads > 0)
		return;
	quiet_note_program(process);
	if (observer->stacks)
		stacks_forget(observer->stacks, process->tgid);
	HASH_DEL(observer->processes, process);
	value_set_release(&process->accepts);
	looked_forget(process);
	free(process);
}

const struct creds *thread_creds(struct thread *thread)
{
	if (!thread->creds_known && creds_read(thread->tid, &thread->creds) < 0)
		return NULL;
	thread->creds_known = true;
	return &thread->creds;
}

/* ---- calls ---- */

static const struct topic_desc *topic_of(const struct thread *thread)
{
	return &topic_descs[thread->row ? thread->row->topic : TOPIC_NONE];
}

bool topic_wanted(const struct observer *observer, const struct syscall_desc *row)
{
	return (observer->flags & OBSERVE_PATHS) || (topic_descs[row->topic].flags & TOPIC_ALWAYS);
}

/* Are the rules of capabilities asked? */
static bool privilege_wanted(const struct observer *observer, const struct thread *thread)
{
	return (observer->flags & OBSERVE_CAPS) && (thread->row->flags & CAPS);
}

/* Does the topic of the call want to know where its names lead? */
static bool topic_wants_names(const struct observer *observer, const struct syscall_desc *row)
{
	bool looks = row->access == ACCESS_STAT || row->access == ACCESS_CHDIR;

	return topic_wanted(observer, row) && (!looks || observer->flags & OBSERVE_STAT);
}

/* Would the call be looked at by the names in it? */
static bool needs_names(const struct observer *observer, const struct thread *thread)
{
	bool wanted =
		privilege_wanted(observer, thread) || topic_wants_names(observer, thread->row);

	for (int i = 0; i < ARGS && wanted; i++)
		if (thread->row->args[i] >= ARG_PATH && thread->row->args[i] <= ARG_PATH_OR_NULL)
			return true;
	return privilege_wanted(observer, thread) && !privilege_is_plain(thread);
}

/* Reads what the decoders need before the call has an effect. */
static void decode_entry(struct observer *observer, struct thread *thread)
{
	const struct topic_desc *topic;

	args_normalise(thread);
	args_unwrap(thread);
	topic = topic_of(thread);
	bool privilege = privilege_wanted(observer, thread);
	bool asked = thread->row->topic != TOPIC_NONE && topic_wanted(observer, thread->row);
	if (thread->guarded && needs_names(observer, thread))
		emit_loss(observer, "served-files");
	if (!asked && !privilege)
		return;
	operands_read(thread);
	looked_meet(observer, thread);
	/* how an open follows links is for the rules too */
	if (topic->enter && (asked || thread->row->topic == TOPIC_OPEN))
		topic->enter(observer, thread);
	if (thread->row->flags & ON_ENTRY && topic_wants_names(observer, thread->row))
		operands_walk_all(thread);
	looked_begin(observer, thread);
	thread->looked = privilege && looked_before(observer, thread);
	if (!privilege || thread->looked)
		return;
	privilege_enter(observer, thread);
	looked_learn(observer, thread);
}

/* Lets the decoders speak of a call that ended, and forgets it. */
static void finish_call(struct observer *observer, struct thread *thread,
			const struct outcome *outcome)
{
	const struct topic_desc *topic = topic_of(thread);

	if (thread->row) {
		args_record(observer, thread);
		if (topic->leave && topic_wanted(observer, thread->row))
			topic->leave(observer, thread, outcome);
		if (privilege_wanted(observer, thread) && !outcome->unknown)
			privilege_leave(observer, thread, outcome->value);
	}
	if (!outcome->unknown)
		measured_leave(observer, thread, outcome->value);
	if (thread->row && thread->row->flags & CREDS)
		thread->creds_known = false;
	call_end(thread);
}

/* Ends the call if nobody needs its result, or if that can be foretold. */
static unsigned int finish_optional(struct observer *observer, struct thread *thread)
{
	struct outcome outcome = { .ok = true, .checked = true, .assumed = true };
	bool is_known = early_is_known(observer, thread, &outcome);

	if (!is_known && !foretold(observer, thread, &outcome))
		return 0;
	if (outcome.value == -ENOENT && thread->row->topic == TOPIC_OPEN &&
	    !foretold_missing(thread))
		return 0;
	if (!is_known) {
		emit_limitation(observer, "foretold");
		known_learn(observer, thread, outcome.ok);
	}
	record_call(observer, thread, outcome.value, NULL);
	finish_call(observer, thread, &outcome);
	return OBSERVE_SKIP_RESULT;
}

/* Ends the call at its entry if its result is not needed, or will not come. */
static unsigned int finish_early(struct observer *observer, struct thread *thread)
{
	struct outcome outcome = { .ok = true, .checked = true, .assumed = true };

	if (thread->result_mode == RESULT_OPTIONAL && thread->row && !thread->site_due)
		return finish_optional(observer, thread);
	/* A new image, or the next call, tells how an execve(2) ended. */
	if (thread->result_mode != RESULT_NEVER ||
	    (thread->row && thread->row->topic == TOPIC_EXEC))
		return 0;
	int failure = thread->row ? early_failure(thread) : 0;
	if (failure)
		outcome = args_outcome(-failure);
	record_call(observer, thread, 0, "unknown");
	finish_call(observer, thread, &outcome);
	return 0;
}

static void abandon_call(struct observer *observer, struct thread *thread);

static struct thread *enter_call(struct observer *observer, const struct event *event)
{
	struct thread *thread = thread_get(observer, event->tid, event->tgid, NULL);

	looked_end(observer, thread);
	foretold_settle(observer, thread);
	if (thread->in_call) { /* its result was never reported */
		if (thread->result_mode == RESULT_NEVER)
			abandon_call(observer, thread);
		call_end(thread);
	}
	thread->in_call = true;
	thread->result_mode = event->result_mode;
	thread->ip = event->ip;
	thread->abi = event->abi;
	thread->known = call_of_number(observer, event->abi, event->nr);
	thread->row = thread->known->row;
	memcpy(thread->raw, event->args, sizeof(thread->raw));
	return thread;
}

/* Of a thread that runs the result is asked for, once: it stops then. */
static void note_site(struct observer *observer, struct thread *thread, const struct event *event)
{
	if (event->running)
		thread->site_due = !site_was_seen(observer, thread);
	else
		record_site(observer, thread, event->ip);
}

static unsigned int on_entry(struct observer *observer, const struct event *event)
{
	if (!event->abi) {
		if (observer->started)
			emit_loss(observer, "unknown-abi");
		return 0;
	}
	struct thread *thread = enter_call(observer, event);
	if (!observer->started) {
		if (observer->flags & OBSERVE_ADOPTED)
			emit_fact(observer, FACT_RUNTIME, event->abi->name, thread->known->name);
		return 0;
	}
	thread->guarded = observer->serves_files;
	thread->own_root = !observer->root_moved;
	if (observer->stacks && !thread->guarded)
		note_site(observer, thread, event);
	if (thread->row && thread->row->flags & NO_RESULT) {
		record_call(observer, thread, 0, "none");
		known_learn(observer, thread, true);
		call_end(thread);
		return event->result_mode == RESULT_OPTIONAL ? OBSERVE_SKIP_RESULT : 0;
	}
	if (thread->row)
		decode_entry(observer, thread);
	return finish_early(observer, thread);
}

static unsigned int on_result(struct observer *observer, const struct event *event)
{
	struct thread *thread = thread_find(observer, event->tid);

	if (!thread || !thread->in_call)
		return 0;
	if (!observer->started) {
		call_end(thread);
		return 0;
	}
	if (thread->site_due)
		record_site(observer, thread, thread->ip);
	bool outer = event->refusal == REFUSER_OUTER;
	/* No check of the kernel's was made: as if there were no such call. */
	struct outcome outcome = args_outcome(outer ? -ENOSYS : event->result);
	record_call(observer, thread, event->result, outer ? "filtered" : NULL);
	emit_refusal(observer, event->refusal);
	bool taught = outcome.ok || known_fails_plainly(thread, event->result);
	unsigned int advice = quiet_advice(observer, thread, taught);
	finish_call(observer, thread, &outcome);
	looked_end(observer, thread);
	return advice;
}

/* The thread is gone in the middle of a call. */
static void abandon_call(struct observer *observer, struct thread *thread)
{
	struct outcome outcome = { .unknown = true };

	if (!thread->in_call || !observer->started)
		return;
	record_call(observer, thread, 0, "unknown");
	finish_call(observer, thread, &outcome);
}

/* ---- events ---- */

uint64_t clone_flags(const struct thread *thread)
{
	if (thread->row->topic == TOPIC_CLONE3)
		return thread->value;
	return thread->row->topic == TOPIC_CLONE ? thread->raw[0] : 0;
}

/* Is it in a clone(2) or clone3(2) that gives the child other capabilities? */
static bool starts_user_namespace(const struct thread *thread)
{
	if (!thread->in_call || !thread->row)
		return true; /* cannot tell: the child is read anew */
	return clone_flags(thread) & CLONE_NEWUSER;
}

static void on_fork(struct observer *observer, const struct event *event)
{
	struct process *creator;
	struct thread *parent = thread_find(observer, event->tid);
	pid_t tgid = event->thread ? event->tgid : event->child;

	if (thread_find(observer, event->child))
		return;
	HASH_FIND_INT(observer->processes, &event->tgid, creator);
	struct thread *child =
		thread_get(observer, event->child, tgid, creator ? creator->program : NULL);
	if (!event->thread && creator) { /* shells that run commands are not quiet */
		creator->quiet = creator->quiet_searches = 0;
		habits_of(creator)->starts_others = true;
		child->process->origin = FORKED;
		child->process->settled = creator->settled;
		child->process->watched = creator->watched;
		child->process->serves = creator->serves;
		child->process->meets = creator->meets;
		child->process->confines = creator->confines;
		child->process->reads_execute = creator->reads_execute;
		child->process->filtered = creator->filtered;
		value_set_copy(&child->process->accepts, &creator->accepts);
	}
	/* Read once of a shell, not of each that it starts. */
	if (parent && observer->flags & OBSERVE_CAPS && !starts_user_namespace(parent) &&
	    thread_creds(parent)) {
		creds_copy(&child->creds, &parent->creds);
		child->creds_known = true;
	}
}

/* All threads of the process but the one that called execve are gone. */
static void drop_other_threads(struct observer *observer, struct thread *keep)
{
	struct thread *thread, *next;

	HASH_ITER (hh, observer->threads, thread, next) {
		if (thread->process != keep->process || thread == keep)
			continue;
		abandon_call(observer, thread);
		thread_remove(observer, thread);
	}
}

/* The caller of execve comes back under the leader's tid (ptrace(2), "execve(2) under ptrace"). */
static struct thread *exec_thread(struct observer *observer, const struct event *event)
{
	struct thread *thread = thread_find(observer, event->old_tid);

	if (!thread || event->old_tid == event->tid)
		thread = thread_get(observer, event->tid, event->tgid, NULL);
	drop_other_threads(observer, thread);
	if (thread->tid != event->tid) {
		HASH_DEL(observer->threads, thread);
		thread->tid = event->tid;
		HASH_ADD_INT(observer->threads, tid, thread);
	}
	return thread;
}

/* The call itself is the old program's; only that of whittle's launcher is the new one's. */
static void finish_exec(struct observer *observer, struct thread *thread)
{
	struct outcome outcome = { .ok = true, .checked = true };

	record_call(observer, thread, 0, NULL);
	if (topic_of(thread)->leave)
		topic_of(thread)->leave(observer, thread, &outcome);
	if (thread->row && privilege_wanted(observer, thread))
		privilege_leave(observer, thread, 0);
	measured_leave(observer, thread, 0);
}

static void renew_process(struct process *process, const struct event *event)
{
	quiet_note_program(process);
	process->origin = EXECUTED;
	process->results = process->quiet = process->loading = 0;
	process->searches = process->quiet_searches = 0;
	process->loader = exec_loader_base(process->tgid);
	process->serves = process->meets = process->brief = false;
	process->filtered = event->filtered;
	value_set_release(&process->accepts);
	looked_forget(process);
	process->credentials_vary = false;
	process->unconfinable = false;
}

static void on_exec(struct observer *observer, const struct event *event)
{
	struct thread *thread = exec_thread(observer, event);
	struct program *program = program_of(observer, event->tid, event->tgid);
	struct program *old = thread->process->program;

	if (observer->stacks)
		stacks_forget(observer->stacks, event->tgid);
	if (observer->started)
		habits_of(thread->process)->starts_others = true;
	renew_process(thread->process, event);
	personality_begin(observer, thread->process);
	if (!observer->started) {
		observer->started = true;
		thread->process->program = program;
		if (thread->in_call && !(observer->flags & OBSERVE_ADOPTED))
			record_call(observer, thread, 0, NULL);
		thread->creds_known = false;
		exec_done(observer, thread, "", NULL);
	} else {
		if (thread->in_call)
			finish_exec(observer, thread);
		struct creds before = thread->creds;
		bool known = thread->creds_known;
		thread->creds = (struct creds){ .groups = NULL };
		thread->creds_known = false;
		thread->process->program = program;
		exec_done(observer, thread, old->name, known ? &before : NULL);
		creds_release(&before);
	}
	call_end(thread);
}

static void on_end(struct observer *observer, const struct event *event)
{
	struct thread *thread = thread_find(observer, event->tid);

	if (!thread)
		return;
	abandon_call(observer, thread);
	thread_remove(observer, thread);
}

unsigned int observe(struct observer *observer, const struct event *event)
{
	switch (event->kind) {
	case EVENT_ENTRY:
		return on_entry(observer, event);
	case EVENT_RESULT:
		return on_result(observer, event);
	case EVENT_FORK:
		on_fork(observer, event);
		break;
	case EVENT_EXEC:
		on_exec(observer, event);
		break;
	case EVENT_EXIT:
		on_end(observer, event);
		break;
	case EVENT_ASKED:
		privilege_asked(observer, event);
		break;
	case EVENT_LIMITATION:
		emit_limitation(observer, event->what);
		break;
	case EVENT_LOSS:
		emit_loss(observer, event->what);
		break;
	default: /* a signal is said where it is sent; one from outside needs nothing */
		break;
	}
	return 0;
}

/* ---- life ---- */

/* Does whittle hold no capability that a workload could come to? */
static bool holds_nothing(void)
{
	struct creds own = { .groups = NULL };
	bool nothing = creds_read(getpid(), &own) == 0 &&
		       !(own.effective | own.permitted | own.inheritable);

	creds_release(&own);
	return nothing;
}

/* A domain of landlock(7) that whittle has is the workload's too; most let nobody list this. */
static bool is_landlocked(void)
{
	AUTO_CLOSE int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0;
}

struct observer *observer_new(const struct fact_sink *sink, unsigned int flags)
{
	struct observer *observer = xcalloc(1, sizeof(*observer));

	observer->sink = sink;
	observer->flags = flags;
	observer->pids = pids_new();
	observer->privileged = has_capability(CAP_SYS_PTRACE);
	observer->native = abi_of_machine(NULL);
	observer->landlocked = is_landlocked();
	observer->capless = !observer->privileged && holds_nothing();
	observer->permission = permission_new();
	if (flags & OBSERVE_PATHS)
		handed_read(&observer->handed);
	observer->mounts = -1;
	observer->root_moved = flags & OBSERVE_ADOPTED;
	if (flags & OBSERVE_STACKS)
		observer->stacks = stacks_new();
	return observer;
}

void observer_free(struct observer *observer)
{
	struct thread *thread, *next;
	struct program *program, *next_program;
	struct process *process, *next_process;

	if (!observer)
		return;
	HASH_ITER (hh, observer->threads, thread, next)
		thread_remove(observer, thread);
	HASH_ITER (hh, observer->processes, process, next_process) {
		HASH_DEL(observer->processes, process);
		value_set_release(&process->accepts);
		free(process);
	}
	calls_forget(observer);
	args_forget(observer);
	facts_forget(observer);
	known_forget(observer);
	temporary_forget(observer);
	filesystems_forget(observer);
	HASH_ITER (hh, observer->programs, program, next_program) {
		HASH_DEL(observer->programs, program);
		free(program->name);
		free(program->loader);
		free(program->privilege);
		free(program);
	}
	stacks_free(observer->stacks);
	permission_free(observer->permission);
	free(observer->handed.fds);
	pids_free(observer->pids);
	free(observer);
}

void observer_settle(struct observer *observer, pid_t tgid)
{
	process_get(observer, tgid, tgid, NULL)->settled = true;
}

void observer_watch(struct observer *observer, pid_t tgid, bool watched)
{
	if (!tgid) {
		observer->watches = watched;
		return;
	}
	struct process *process = process_get(observer, tgid, tgid, NULL);
	process->watched = watched;
	habits_of(process)->searched_much |= watched;
}

bool observer_listening(const struct observer *observer)
{
	return observer->listening;
}
