/*
 * Calls by which a process drops CAP_SYS_ADMIN, as servers that are started by root do. No filter
 * can be installed afterwards (seccomp(2), EACCES; whittle sets no no_new_privs where set-id
 * programs gain their privilege): the last moment for one is before. Who may take it back, by
 * seteuid(2), does not drop it.
 */
#include <observe/capable.h>
#include <observe/observe.h>

#include <linux/capability.h>
#include <string.h>

struct ids {
	uint32_t real, effective, saved;
};

enum { UNCHANGED = -1 };

static void change(uint32_t *id, uint64_t argument)
{
	if ((uint32_t)argument != (uint32_t)UNCHANGED)
		*id = (uint32_t)argument;
}

/* kernel/sys.c, __sys_setuid() */
static void setuid_ids(const struct creds *creds, const uint64_t *args, struct ids *ids)
{
	ids->effective = (uint32_t)args[0];
	if (creds->effective & CAP_BIT(CAP_SETUID))
		ids->real = ids->saved = (uint32_t)args[0];
}

/* __sys_setreuid() */
static void setreuid_ids(const struct creds *creds, const uint64_t *args, struct ids *ids)
{
	change(&ids->real, args[0]);
	change(&ids->effective, args[1]);
	if ((uint32_t)args[0] != (uint32_t)UNCHANGED ||
	    ((uint32_t)args[1] != (uint32_t)UNCHANGED && (uint32_t)args[1] != creds->ruid))
		ids->saved = ids->effective;
}

/* __sys_setresuid() */
static void setresuid_ids(const struct creds *creds, const uint64_t *args, struct ids *ids)
{
	(void)creds;
	change(&ids->real, args[0]);
	change(&ids->effective, args[1]);
	change(&ids->saved, args[2]);
}

static const struct {
	const char *name;
	void (*ids)(const struct creds *creds, const uint64_t *args, struct ids *ids);
} calls[] = {
	{ "setuid", setuid_ids },
	{ "setreuid", setreuid_ids },
	{ "setresuid", setresuid_ids },
};

/*
 * Whoever has no id of root any more loses what root's ids gave (security/commoncap.c,
 * cap_emulate_setxuid()). What it keeps by PR_SET_KEEPCAPS is not in effect.
 */
static bool leaves_root(const struct creds *creds, const struct ids *ids)
{
	bool had = !creds->ruid || !creds->euid || !creds->suid;

	return had && ids->real && ids->effective && ids->saved;
}

/* capset(2): its second argument is an array of struct __user_cap_data_struct. */
static bool sets_without(pid_t tid, const uint64_t *args)
{
	struct __user_cap_data_struct low; /* the first 32 capabilities */

	return tracee_read(tid, args[1], &low, sizeof(low)) == 0 &&
	       !(low.permitted & CAP_BIT(CAP_SYS_ADMIN));
}

/* What was taken out of the bounding set goes at the next execve(2) (capabilities(7)). */
static bool executes_without(const struct creds *creds, const char *name)
{
	return strncmp(name, "execve", 6) == 0 && !(creds->bounding & CAP_BIT(CAP_SYS_ADMIN));
}

static bool drops(const struct creds *creds, const char *name, const struct event *event)
{
	struct ids ids = { creds->ruid, creds->euid, creds->suid };

	if (executes_without(creds, name))
		return true;
	if (strcmp(name, "capset") == 0)
		return sets_without(event->tid, event->args);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (strcmp(name, calls[i].name) != 0)
			continue;
		calls[i].ids(creds, event->args, &ids);
		return leaves_root(creds, &ids);
	}
	return false;
}

bool observer_drops(struct observer *observer, const struct event *event)
{
	if (event->kind != EVENT_ENTRY || event->result_mode != RESULT_COMES ||
	    event->abi != observer->native || !observer->started || !observer->privileged)
		return false;
	const struct known_call *call = call_of_number(observer, event->abi, event->nr);
	if (!call->row || !(call->row->flags & CREDS))
		return false;
	struct thread *thread = thread_find(observer, event->tid);
	const struct creds *creds =
		thread && !thread->process->settled ? thread_creds(thread) : NULL;
	/* Ids are as whittle's user namespace has them. */
	return creds && !creds->foreign_userns && (creds->effective & CAP_BIT(CAP_SYS_ADMIN)) &&
	       drops(creds, call->row->name, event) && proc_number(event->tid, "NoNewPrivs") != 1;
}

bool observer_serves(const struct observer *observer, pid_t tgid)
{
	const struct process *process;

	HASH_FIND_INT(observer->processes, &tgid, process);
	return process && (process->serves || (process->origin == FORKED && observer->listening));
}
