/*
 * What AppArmor mediates since abi 4.0 only: user namespaces, io_uring, message queues. Under
 * abi 3.0 nothing is asked.
 */
#include <derive/derive.h>

#include <string.h>

static const struct queue_row {
	const char *call, *type;
	unsigned int perms;
} queue_rows[] = {
	{ "mq_getsetattr", "posix", PERM_GETATTR | PERM_SETATTR },
	{ "mq_notify", "posix", PERM_READ },
	{ "mq_open", "posix", PERM_CREATE | PERM_OPEN },
	{ "mq_timedreceive", "posix", PERM_READ },
	{ "mq_timedreceive_time64", "posix", PERM_READ },
	{ "mq_timedsend", "posix", PERM_WRITE },
	{ "mq_timedsend_time64", "posix", PERM_WRITE },
	{ "mq_unlink", "posix", PERM_DELETE },
	{ "msgctl", "sysv", PERM_DELETE | PERM_GETATTR | PERM_SETATTR },
	{ "msgget", "sysv", PERM_CREATE | PERM_OPEN },
	{ "msgrcv", "sysv", PERM_READ },
	{ "msgsnd", "sysv", PERM_WRITE },
};

static const struct queue_row *find_queue(const char *call)
{
	for (size_t i = 0; i < ARRAY_SIZE(queue_rows); i++)
		if (strcmp(queue_rows[i].call, call) == 0)
			return &queue_rows[i];
	return NULL;
}

static void add_queue(struct drafts *drafts, const char *name, const struct queue_row *row,
		      const char *const *field)
{
	struct draft *draft = draft_add(drafts, APPARMOR_MQUEUE, name, row->type, "");

	draft->perms = row->perms;
	draft->why = xasprintf("%s by %s", field[SYSCALL_NAME], field[SYSCALL_PROGRAM]);
}

/* Which queue a descriptor is of is not known: each that the program opened. False if none was. */
static bool add_named_queues(const struct evidence *evidence, const struct variation *variation,
			     struct drafts *drafts, const struct queue_row *row,
			     const char *const *field)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **paths = evidence_facts(evidence, FACT_PATH, &count);
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		const char *const *path = paths[i]->fact.field;

		if (!queue_name(path[PATH_PATH]) ||
		    strcmp(path[PATH_PROGRAM], field[SYSCALL_PROGRAM]) != 0)
			continue;
		AUTO_FREE char *varied = variation_name(variation, path[PATH_PATH], true);
		AUTO_FREE char *slashed = xasprintf("/%s", queue_name(varied));
		add_queue(drafts, slashed, row, field);
		found = true;
	}
	return found;
}

static void add_queues(const struct evidence *evidence, const struct variation *variation,
		       struct drafts *drafts)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **calls =
		evidence_facts(evidence, FACT_SYSCALL, &count);

	for (size_t i = 0; i < count; i++) {
		const char *const *field = calls[i]->fact.field;
		const struct queue_row *row = find_queue(field[SYSCALL_NAME]);

		if (!row || strcmp(field[SYSCALL_RESULT], "ENOSYS") == 0 ||
		    !drafts_enter(drafts, field[SYSCALL_PROGRAM]))
			continue;
		if (strcmp(row->type, "posix") != 0 ||
		    !add_named_queues(evidence, variation, drafts, row, field))
			add_queue(drafts, "", row, field);
	}
}

static void add_namespaces(const struct evidence *evidence, struct drafts *drafts)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_NAMESPACE, &count);

	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;
		const char *operation = field[NAMESPACE_OPERATION];
		bool makes = strcmp(operation, "clone") == 0 || strcmp(operation, "unshare") == 0;

		if (makes && strstr(field[NAMESPACE_KINDS], "user") &&
		    drafts_enter(drafts, field[NAMESPACE_PROGRAM]))
			draft_add(drafts, APPARMOR_USERNS, "create", "", "")->why =
				xasprintf("%s by %s", operation, field[NAMESPACE_PROGRAM]);
	}
}

/*
 * Other credentials come by io_uring_register(2), IORING_REGISTER_PERSONALITY; a thread of the
 * kernel that polls is asked for in memory (IORING_SETUP_SQPOLL), where it is not seen.
 */
static void add_rings(const struct evidence *evidence, struct policy *policy, struct drafts *drafts)
{
	static const char personality[] = "0x9";
	size_t count;
	AUTO_FREE const struct evidence_fact **arguments =
		evidence_facts(evidence, FACT_ARGUMENT, &count);

	for (size_t i = 0; i < count; i++) {
		const char *const *field = arguments[i]->fact.field;

		if (strcmp(field[ARGUMENT_NAME], "io_uring_register") == 0 &&
		    strcmp(field[ARGUMENT_VALUE], personality) == 0 &&
		    drafts_enter(drafts, field[ARGUMENT_PROGRAM]))
			draft_add(drafts, APPARMOR_IO_URING, "override_creds", "", "")->why =
				xasprintf("io_uring_register by %s", field[ARGUMENT_PROGRAM]);
	}
	AUTO_FREE const struct evidence_fact **calls =
		evidence_facts(evidence, FACT_SYSCALL, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(calls[i]->fact.field[SYSCALL_NAME], "io_uring_setup") == 0)
			policy_note(policy,
				    "an io_uring was set up: whether the kernel polls it is "
				    "not seen, and `io_uring sqpoll` is not granted");
}

/*
 * In mainline a POSIX queue is a file of the root of nothing (do_mq_open() in ipc/mqueue.c):
 * derive_files(). Evidence of before this was known has no names.
 */
static void note_queues(const struct evidence *evidence, struct policy *policy)
{
	size_t count, paths;
	AUTO_FREE const struct evidence_fact **path = evidence_facts(evidence, FACT_PATH, &paths);
	AUTO_FREE const struct evidence_fact **calls =
		evidence_facts(evidence, FACT_SYSCALL, &count);

	for (size_t i = 0; i < paths; i++)
		if (queue_name(path[i]->fact.field[PATH_PATH]))
			return;
	for (size_t i = 0; i < count; i++)
		if (strcmp(calls[i]->fact.field[SYSCALL_NAME], "mq_open") == 0 &&
		    strcmp(calls[i]->fact.field[SYSCALL_RESULT], "ok") == 0)
			policy_note(policy,
				    "a POSIX message queue was opened: AppArmor asks for a "
				    "file /NAME, and the name is not in the evidence: add "
				    "`/NAME rw,` to local/%s",
				    policy->options.name);
}

void derive_abi4(const struct evidence *evidence, const struct variation *variation,
		 struct policy *policy, struct drafts *drafts)
{
	note_queues(evidence, policy);
	if (!policy->options.abi4)
		return;
	add_namespaces(evidence, drafts);
	add_rings(evidence, policy, drafts);
	add_queues(evidence, variation, drafts);
}
