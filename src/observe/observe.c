/* Events -> facts: the state of threads and processes, and what each call leaves behind. */
#include <observe/observe.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* A syscall fact that was built once; later ones are counted through it. */
struct seen_key {
	const struct known_call *known;
	const struct program *program;
	int64_t result;   /* 0 or -errno */
	const char *word; /* constant, instead of a result */
};

struct seen_call {
	struct seen_key key;
	char *result;
	struct fact fact;
	UT_hash_handle hh;
};

struct site_key {
	const struct known_call *known;
	const struct program *program;
};

struct seen_site {
	struct site_key key;
	UT_hash_handle hh;
};

/* ---- facts ---- */

void emit_fields(struct observer *observer, struct fact *fact)
{
	for (size_t i = 0; i < FACT_FIELDS; i++)
		if (!fact->field[i])
			fact->field[i] = "";
	observer->sink->fact(observer->sink->context, fact);
}

void emit_loss(struct observer *observer, const char *kind)
{
	observer->sink->loss(observer->sink->context, kind);
}

void emit_limitation(struct observer *observer, const char *kind)
{
	observer->sink->limitation(observer->sink->context, kind);
}

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

/* The program that a thread runs now. */
static struct program *program_of(struct observer *observer, pid_t tid, pid_t tgid)
{
	AUTO_BUF struct buf name = BUF_INIT;

	if (exec_name(tid, tgid, &name) < 0 && observer->started)
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
	HASH_ADD_INT(observer->processes, tgid, process);
	if (tgid > 0 && tgid < PIDS_MAX)
		observer->pids[tgid / 8] |= (unsigned char)(1 << tgid % 8);
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
	buf_truncate(&thread->text, 0);
	buf_truncate(&thread->other, 0);
	thread->value = 0;
	thread->word = NULL;
	thread->in_call = false;
}

static void thread_remove(struct observer *observer, struct thread *thread)
{
	struct process *process = thread->process;

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
	if (observer->stacks)
		stacks_forget(observer->stacks, process->tgid);
	HASH_DEL(observer->processes, process);
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

static struct known_call *known_call(struct observer *observer, const struct event *event)
{
	struct known_call *known, *fresh;
	AUTO_BUF struct buf name = BUF_INIT;
	__typeof__(known->key) key;

	memset(&key, 0, sizeof(key));
	key.abi = event->abi;
	key.nr = event->nr;
	HASH_FIND(hh, observer->calls, &key, sizeof(key), known);
	if (known)
		return known;
	fresh = xcalloc(1, sizeof(*fresh));
	fresh->key = key;
	if (!abi_syscall_name(event->abi, event->nr, &name))
		emit_limitation(observer, "unknown-syscall");
	fresh->row = syscall_desc_find(name.data);
	if (!fresh->row && name.data[0] != '#')
		emit_limitation(observer, "undecoded-syscall");
	fresh->name = buf_steal(&name);
	HASH_ADD(hh, observer->calls, key, sizeof(key), fresh);
	return fresh;
}

/* Counts the call: word (a constant) instead of the result's name if given. */
static void record_call(struct observer *observer, struct thread *thread, int64_t result,
			const char *word)
{
	struct seen_call *seen;
	struct seen_key key;
	AUTO_BUF struct buf text = BUF_INIT;

	memset(&key, 0, sizeof(key));
	key.known = thread->known;
	key.program = thread->process->program;
	key.result = word || args_outcome(result).ok ? 0 : result;
	key.word = word;
	HASH_FIND(hh, observer->seen_calls, &key, sizeof(key), seen);
	if (!seen) {
		seen = xcalloc(1, sizeof(*seen));
		seen->key = key;
		if (word)
			buf_adds(&text, word);
		else
			args_result_name(key.result, &text);
		seen->result = buf_steal(&text);
		seen->fact = (struct fact){ .kind = FACT_SYSCALL,
					    .field = { thread->abi->name, thread->known->name,
						       thread_program(thread), seen->result, "", "",
						       "" } };
		HASH_ADD(hh, observer->seen_calls, key, sizeof(key), seen);
	}
	observer->sink->fact(observer->sink->context, &seen->fact);
}

static void record_site(struct observer *observer, struct thread *thread, uint64_t ip)
{
	struct seen_site *seen;
	struct site_key key;
	AUTO_BUF struct buf frames = BUF_INIT;

	memset(&key, 0, sizeof(key));
	key.known = thread->known;
	key.program = thread->process->program;
	HASH_FIND(hh, observer->seen_sites, &key, sizeof(key), seen);
	if (seen)
		return;
	seen = xcalloc(1, sizeof(*seen));
	seen->key = key;
	HASH_ADD(hh, observer->seen_sites, key, sizeof(key), seen);
	stacks_unwind(observer->stacks, thread->process->tgid, thread->tid, thread->abi, ip,
		      &frames);
	emit_fact(observer, FACT_SITE, thread->abi->name, thread->known->name,
		  thread_program(thread), buf_text(&frames));
}

static const struct topic_desc *topic_of(const struct thread *thread)
{
	return &topic_descs[thread->row ? thread->row->topic : TOPIC_NONE];
}

/* Would the call be looked at by the names in it? */
static bool needs_names(const struct thread *thread)
{
	for (int i = 0; i < ARGS; i++)
		if (thread->row->args[i] >= ARG_PATH && thread->row->args[i] <= ARG_PATH_OR_NULL)
			return true;
	return (thread->row->flags & CAPS) && !privilege_is_plain(thread);
}

/* Reads what the decoders need before the call has an effect. */
static void decode_entry(struct observer *observer, struct thread *thread)
{
	const struct topic_desc *topic;

	args_normalise(thread);
	args_unwrap(thread);
	if (thread->guarded && needs_names(thread))
		emit_loss(observer, "served-files");
	if (thread->row->topic == TOPIC_NONE && !(thread->row->flags & CAPS))
		return;
	operands_read(thread);
	topic = topic_of(thread);
	if (topic->enter)
		topic->enter(observer, thread);
	if (thread->row->flags & ON_ENTRY)
		operands_walk_all(thread);
	if (thread->row->flags & CAPS)
		privilege_enter(thread);
}

static void on_entry(struct observer *observer, const struct event *event)
{
	if (!event->abi) {
		if (observer->started)
			emit_loss(observer, "unknown-abi");
		return;
	}
	struct thread *thread = thread_get(observer, event->tid, event->tgid, NULL);
	if (thread->in_call) /* its result was never reported */
		call_end(thread);
	thread->in_call = true;
	thread->abi = event->abi;
	thread->known = known_call(observer, event);
	thread->row = thread->known->row;
	memcpy(thread->raw, event->args, sizeof(thread->raw));
	if (!observer->started)
		return;
	thread->guarded = observer->serves_files;
	if (observer->stacks && !thread->guarded)
		record_site(observer, thread, event->ip);
	if (!thread->row)
		return;
	if (thread->row->flags & NO_RESULT) {
		record_call(observer, thread, 0, "none");
		call_end(thread);
		return;
	}
	decode_entry(observer, thread);
}

/* Lets the decoders speak of a call that ended, and forgets it. */
static void finish_call(struct observer *observer, struct thread *thread,
			const struct outcome *outcome)
{
	const struct topic_desc *topic = topic_of(thread);

	if (thread->row) {
		args_record(observer, thread);
		if (topic->leave)
			topic->leave(observer, thread, outcome);
		if ((thread->row->flags & CAPS) && !outcome->unknown)
			privilege_leave(observer, thread, outcome->value);
		if (thread->row->flags & CREDS)
			thread->creds_known = false;
	}
	call_end(thread);
}

static void on_result(struct observer *observer, const struct event *event)
{
	struct thread *thread = thread_find(observer, event->tid);

	if (!thread || !thread->in_call)
		return;
	if (!observer->started) {
		call_end(thread);
		return;
	}
	struct outcome outcome = args_outcome(event->result);
	record_call(observer, thread, event->result, NULL);
	finish_call(observer, thread, &outcome);
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

/* Is it in a clone(2) or clone3(2) that gives the child other capabilities? */
static bool starts_user_namespace(const struct thread *thread)
{
	if (!thread->in_call || !thread->row)
		return true; /* cannot tell: the child is read anew */
	if (thread->row->topic == TOPIC_CLONE3)
		return thread->value & CLONE_NEWUSER;
	return thread->row->topic == TOPIC_CLONE && (thread->raw[0] & CLONE_NEWUSER);
}

static void creds_copy(struct thread *thread, const struct creds *creds)
{
	size_t size = creds->group_count * sizeof(*creds->groups);

	creds_release(&thread->creds);
	thread->creds = *creds;
	thread->creds.groups = NULL;
	if (size) {
		thread->creds.groups = xcalloc(1, size);
		memcpy(thread->creds.groups, creds->groups, size);
	}
	thread->creds_known = true;
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
	if (parent && parent->creds_known && !starts_user_namespace(parent))
		creds_copy(child, &parent->creds);
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
	if (thread->row)
		privilege_leave(observer, thread, 0);
}

static void on_exec(struct observer *observer, const struct event *event)
{
	struct thread *thread = exec_thread(observer, event);
	struct program *program = program_of(observer, event->tid, event->tgid);
	struct program *old = thread->process->program;

	if (observer->stacks)
		stacks_forget(observer->stacks, event->tgid);
	if (!observer->started) {
		observer->started = true;
		thread->process->program = program;
		if (thread->in_call)
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
		on_entry(observer, event);
		break;
	case EVENT_RESULT:
		on_result(observer, event);
		break;
	case EVENT_FORK:
		on_fork(observer, event);
		break;
	case EVENT_EXEC:
		on_exec(observer, event);
		break;
	case EVENT_EXIT:
		on_end(observer, event);
		break;
	case EVENT_LIMITATION:
		emit_limitation(observer, event->what);
		break;
	case EVENT_LOSS:
		emit_loss(observer, event->what);
		break;
	case EVENT_SIGNAL: /* said where it is sent; one from outside needs nothing */
	case EVENT_CHILD:
	case EVENT_TICK:
		break;
	}
	return 0;
}

/* ---- life ---- */

struct observer *observer_new(const struct fact_sink *sink, unsigned int flags)
{
	struct observer *observer = xcalloc(1, sizeof(*observer));

	observer->sink = sink;
	observer->flags = flags;
	observer->pids = xcalloc(PIDS_MAX / 8, 1);
	observer->privileged = has_capability(CAP_SYS_PTRACE);
	if (flags & OBSERVE_STACKS)
		observer->stacks = stacks_new();
	return observer;
}

static void free_seen(struct observer *observer)
{
	struct seen_call *seen, *next;
	struct seen_site *site, *next_site;
	struct known_call *known, *next_known;

	HASH_ITER (hh, observer->seen_calls, seen, next) {
		HASH_DEL(observer->seen_calls, seen);
		free(seen->result);
		free(seen);
	}
	HASH_ITER (hh, observer->seen_sites, site, next_site) {
		HASH_DEL(observer->seen_sites, site);
		free(site);
	}
	HASH_ITER (hh, observer->calls, known, next_known) {
		HASH_DEL(observer->calls, known);
		free(known->name);
		free(known);
	}
	args_forget(observer);
}

void observer_free(struct observer *observer)
{
	struct thread *thread, *next;
	struct program *program, *next_program;

	if (!observer)
		return;
	HASH_ITER (hh, observer->threads, thread, next)
		thread_remove(observer, thread);
	free_seen(observer);
	temporary_forget(observer);
	HASH_ITER (hh, observer->programs, program, next_program) {
		HASH_DEL(observer->programs, program);
		free(program->name);
		free(program->loader);
		free(program->privilege);
		free(program);
	}
	stacks_free(observer->stacks);
	free(observer->pids);
	free(observer);
}

bool observer_listening(const struct observer *observer)
{
	return observer->listening;
}
