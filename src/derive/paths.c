/*
 * Path and exec facts -> file, link and change_profile rules. What each access asks for was proven
 * by taking each letter away in an enforcing kernel (Linux 6.1); what is not in the table is not
 * mediated.
 */
#include <derive/derive.h>

#include <string.h>

static const struct access_row {
	const char *access;
	unsigned int perms;
	bool is_link;
} access_rows[] = {
	{ "append", PERM_W, false },        /* open asks `a`, but write(2) then asks `w` */
	{ "bind", PERM_R | PERM_W, false }, /* mknod hook; r, w: newer kernels on its use */
	{ "chmod", PERM_W, false },
	{ "chown", PERM_W, false },
	{ "connect", PERM_R | PERM_W, false }, /* not asked by 6.1, but by newer kernels */
	{ "create", PERM_W, false },           /* asked even of a file that exists */
	{ "delete", PERM_W, false },
	{ "exchange", PERM_R | PERM_W, false },
	{ "exec", PERM_IX, false },
	/* asked by an exec that changes the label: file_inherit, by the mode that it is open in */
	{ "inherit-read", PERM_R, false },
	{ "inherit-write", PERM_W, false },
	{ "link", 0, true },
	{ "list", PERM_R, false },
	{ "lock", PERM_K, false },
	{ "lock-write", PERM_W | PERM_K, false }, /* even on a descriptor that is only read */
	{ "map-exec", PERM_M | PERM_R, false },
	{ "mkdir", PERM_W, false },
	{ "mknod", PERM_W, false },
	{ "read", PERM_R, false },
	{ "rename-from", PERM_R | PERM_W, false },
	{ "rename-to", PERM_W, false },
	{ "rmdir", PERM_W, false },
	{ "symlink", PERM_W, false },
	{ "truncate", PERM_W, false },
	{ "write", PERM_W, false },
};

static const struct access_row *find_access(const char *access)
{
	for (size_t i = 0; i < ARRAY_SIZE(access_rows); i++)
		if (strcmp(access_rows[i].access, access) == 0)
			return &access_rows[i];
	return NULL;
}

static bool is_directory(const char *path)
{
	size_t length = strlen(path);

	return length && path[length - 1] == '/';
}

/* The name that a directory and a file exchange: each takes the other's final slash with it. */
static char *toggle_slash(const char *path)
{
	return is_directory(path) ? xstrndup(path, strlen(path) - 1) : xasprintf("%s/", path);
}

static void add_file(struct drafts *drafts, const char *path, unsigned int perms, bool owner,
		     char *why)
{
	struct draft *draft = draft_add(drafts, APPARMOR_FILE, path, "", "");

	draft->perms = perms;
	draft->owner = owner;
	draft->why = why;
}

static void note_bus(struct policy *policy, const char *path)
{
	static const char *const buses[] = { "/dbus/system_bus_socket", "/bus" };

	for (size_t i = 0; i < ARRAY_SIZE(buses); i++)
		if (ends_with(path, buses[i]))
			policy_note(policy,
				    "%s looks like a D-Bus socket: what is said on it is not seen, "
				    "and no dbus rules are made",
				    path);
}

static void note_random(struct policy *policy, const char *path)
{
	const char *random = strstr(path, "\\{random}");
	const char *slash = random ? strchr(random, '/') : NULL;

	/* What is below such a directory needs no note of its own. */
	if (random && (!slash || !slash[1]))
		policy_note(policy,
			    "%s: the end of this name was made up at random, so its rule holds for "
			    "whatever stands there",
			    path);
}

static char *describe(const struct fact *fact)
{
	const char *program = fact->field[PATH_PROGRAM];

	/* The exec that begins a run is nobody's. */
	return xasprintf("%s%s%s", fact->field[PATH_ACCESS], *program ? " by " : "", program);
}

/*
 * What execve(2) asks of the file: ix where the profile stays. To a child of the own profile leads
 * cx, to any other px with its name. Upper case scrubs the environment (AT_SECURE, ld.so(8)).
 */
static void add_transition(struct drafts *drafts, const char *path, bool owner, char *why)
{
	const struct policy_options *options = &drafts->policy->options;
	size_t to = confinement_entered(drafts->confinement, path, drafts->profile);
	const struct apparmor_profile *profile = &drafts->policy->apparmor_profiles[to];
	bool child = drafts->profile == 0 && *profile->local;
	const char *words[] = { "Px", "Cx", "px", "cx" };

	if (to == drafts->profile) {
		add_file(drafts, path, PERM_IX, owner, why);
		return;
	}
	draft_add(drafts, APPARMOR_FILE, path, child ? profile->local : profile->name,
		  words[2 * options->keep_environment + child])
		->why = why;
}

static void add_link(struct drafts *drafts, const struct fact *fact, bool owner)
{
	struct draft *draft = draft_add(drafts, APPARMOR_LINK, fact->field[PATH_PATH],
					fact->field[PATH_TARGET], "");

	draft->owner = owner;
	draft->why = describe(fact);
}

/* Did the program write the name of a profile there, with nothing unseen? */
static bool names_profile(const struct evidence *evidence, const struct fact *like)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(evidence, FACT_PATH, &count);
	bool named = false;

	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;

		if (strcmp(field[PATH_PATH], like->field[PATH_PATH]) != 0 ||
		    strcmp(field[PATH_PROGRAM], like->field[PATH_PROGRAM]) != 0)
			continue;
		if (strcmp(field[PATH_TARGET], ANY_PROFILE) == 0)
			return false;
		named |= *field[PATH_TARGET] != '\0';
	}
	return named;
}

static void add_change_profile(const struct evidence *evidence, const struct fact *fact,
			       struct policy *policy, struct drafts *drafts)
{
	const char *profile = fact->field[PATH_TARGET];

	if (names_profile(evidence, fact)) {
		if (*profile)
			draft_add(drafts, APPARMOR_CHANGE_PROFILE, "", profile, "")->why =
				describe(fact);
		return;
	}
	draft_add(drafts, APPARMOR_CHANGE_PROFILE, "", "", "")->why = describe(fact);
	policy_note(policy, "%s was written: change_profile to any profile is granted; narrow it",
		    fact->field[PATH_PATH]);
}

/* Does another profile lead to this one? What is inherited from outside is not asked for. */
static bool is_entered(const struct drafts *drafts)
{
	return drafts->policy->apparmor_profile_count > 1;
}

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* Does the workload go on as another user at some time? */
static bool changes_user(const struct evidence *evidence)
{
	static const char *const calls[] = { "setfsuid", "setfsuid32", "setresuid", "setresuid32",
					     "setreuid", "setreuid32", "setuid",    "setuid32" };
	static const char *const done[] = { "ok", "unknown" };
	size_t count;
	AUTO_FREE const struct evidence_fact **called =
		evidence_facts(evidence, FACT_SYSCALL, &count);

	for (size_t i = 0; i < count; i++)
		if (is_one_of(called[i]->fact.field[SYSCALL_NAME], calls, ARRAY_SIZE(calls)) &&
		    is_one_of(called[i]->fact.field[SYSCALL_RESULT], done, ARRAY_SIZE(done)))
			return true;
	AUTO_FREE const struct evidence_fact **programs =
		evidence_facts(evidence, FACT_PROGRAM, &count);
	for (size_t i = 0; i < count; i++)
		if (strstr(programs[i]->fact.field[PROGRAM_PRIVILEGE], "setuid"))
			return true;
	return false;
}

/*
 * The owner is compared at the check, and what was granted to an open file is not checked again
 * (aa_file_perm() in security/apparmor/file.c). But append is: the open asked for `a`, each write
 * asks for `w`, with the identity of that moment. Whoever opened the file as its owner may then be
 * another user, or have handed it to one.
 */
static bool is_owners(const struct fact *fact, bool user_changes)
{
	static const char *const rechecked[] = { "append", "inherit-write" };

	return strcmp(fact->field[PATH_OWNER], "owner") == 0 &&
	       !(user_changes &&
		 is_one_of(fact->field[PATH_ACCESS], rechecked, ARRAY_SIZE(rechecked)));
}

const char *queue_name(const char *path)
{
	static const char queue[] = "/mqueue:";

	return strncmp(path, queue, sizeof(queue) - 1) == 0 ? path + sizeof(queue) - 1 : NULL;
}

/*
 * What AppArmor calls a file without a name in any mount namespace: the name in its file system,
 * below the root. Caller frees; NULL: it has a name.
 */
static char *nameless_file(const char *path, bool root)
{
	static const char namespace[] = "/ns:";
	const char *queue = queue_name(path);

	if (root || strncmp(path, namespace, sizeof(namespace) - 1) == 0)
		return xstrdup("/");
	return queue ? xasprintf("/%s", queue) : NULL;
}

static void add_path(const struct evidence *evidence, const struct fact *fact, bool owner,
		     struct policy *policy, struct drafts *drafts)
{
	const char *path = fact->field[PATH_PATH], *target = fact->field[PATH_TARGET];
	const struct access_row *row = find_access(fact->field[PATH_ACCESS]);
	/*
	 * A memfd that is executed is mediated as the root of nothing; its other uses are not. So
	 * are huge pages, which are a file too, on a file system without a root that has a name.
	 */
	bool memfd = strncmp(path, "/memfd:", 7) == 0;
	bool huge = strcmp(path, "/anon_hugepage (deleted)") == 0;
	AUTO_FREE char *nameless = nameless_file(path, memfd || huge);

	if (!row || path[0] != '/' || (memfd && !(row->perms & PERM_IX)) ||
	    !drafts_enter(drafts, fact->field[PATH_PROGRAM]))
		return;
	if (strncmp(row->access, "inherit-", 8) == 0 && !is_entered(drafts))
		return;
	if (queue_name(path) && strcmp(row->access, "delete") == 0)
		return; /* mq_unlink(2) asks for no file */
	policy->makes_queues |= queue_name(path) && strcmp(row->access, "create") == 0;
	note_random(policy, path);
	if (row->is_link) {
		if (target[0] == '/')
			add_link(drafts, fact, owner);
		return;
	}
	if (row->perms & PERM_W && path_asks_for_profile(path)) {
		add_change_profile(evidence, fact, policy, drafts);
		return;
	}
	if (row->perms & PERM_IX && !memfd)
		add_transition(drafts, path, owner, describe(fact));
	else
		add_file(drafts, nameless ? nameless : path, row->perms, owner, describe(fact));
	if (memfd)
		policy_note(policy, "a file in memory was executed: the rule for it is `/ ix`");
	if (huge)
		policy_note(policy, "huge pages were mapped: the rule for them is one for `/`");
	if (strcmp(row->access, "exchange") == 0 && *target &&
	    is_directory(path) != is_directory(target)) {
		AUTO_FREE char *other = toggle_slash(path);

		add_file(drafts, other, PERM_W, owner, describe(fact));
	}
	if (strcmp(row->access, "connect") == 0)
		note_bus(policy, path);
}

/* The loader that the kernel maps for a program, if it has one. */
static void add_loaders(const struct evidence *evidence, const char *program, struct drafts *drafts)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_PROGRAM, &count);

	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;

		if (strcmp(field[PROGRAM_PATH], program) == 0 && field[PROGRAM_LOADER][0] == '/')
			add_file(drafts, field[PROGRAM_LOADER], PERM_M | PERM_R, false,
				 xasprintf("loader of %s", program));
	}
}

char *interpreter_name(const char *text, size_t length)
{
	static const char semicolon[] = "\\x3b";
	const char *end = text + length;
	AUTO_BUF struct buf out = BUF_INIT;

	while (text < end) {
		bool escaped = strncmp(text, semicolon, strlen(semicolon)) == 0;

		buf_addc(&out, escaped ? ';' : *text);
		text += escaped ? strlen(semicolon) : 1;
	}
	return buf_steal(&out);
}

/*
 * A file that is entered from another profile, or from none. Where the label changes with the exec,
 * the kernel's own opens are checked again under the new one: the image, its loader and, of a
 * script, the interpreter need mr.
 */
static void add_entry(const struct evidence *evidence, const struct fact *fact, unsigned int perms,
		      char *why, struct drafts *drafts)
{
	const char *path = fact->field[EXEC_PATH], *rest = fact->field[EXEC_INTERPRETERS];

	add_file(drafts, path, PERM_M | PERM_R | perms, false, why);
	add_loaders(evidence, path, drafts);
	while (*rest) {
		const char *end = strstr(rest, "; ");
		size_t length = end ? (size_t)(end - rest) : strlen(rest);
		AUTO_FREE char *interpreter = interpreter_name(rest, length);

		if (interpreter[0] == '/') {
			add_file(drafts, interpreter, PERM_M | PERM_R, false,
				 xasprintf("interpreter of %s", path));
			add_loaders(evidence, interpreter, drafts);
		}
		rest += length + (end ? 2 : 0);
	}
}

/*
 * One check, on the file that was executed: under ix the interpreter of a script needs nothing, and
 * neither does a loader. That an interpreter reads the script is a fact of its own.
 */
static void add_exec(const struct evidence *evidence, const struct fact *fact,
		     struct drafts *drafts)
{
	const char *path = fact->field[EXEC_PATH], *by = fact->field[EXEC_BY];

	if (path[0] != '/')
		return;
	if (!*by) {
		drafts_enter_profile(drafts, 0);
		add_entry(evidence, fact, PERM_IX, xstrdup("the run began with it"), drafts);
		return;
	}
	bool here = drafts_enter(drafts, by);
	if (here && strncmp(path, "/memfd:", 7) == 0)
		add_file(drafts, "/", PERM_IX, false, xasprintf("exec by %s", by));
	else if (here)
		add_transition(drafts, path, false, xasprintf("exec by %s", by));
	size_t from = drafts->profile;
	size_t to = confinement_entered(drafts->confinement, path, from);
	if (to != from && drafts_enter_profile(drafts, to))
		add_entry(evidence, fact, 0, xasprintf("exec by %s", by), drafts);
}

/*
 * The path with what varies as placeholders. Of what is mapped to be executed the directory alone
 * may be one, and nothing of what is executed: a transition is for a name.
 */
static char *varied_name(const struct variation *variation, const struct fact *fact)
{
	const char *path = fact->field[PATH_PATH];
	const struct access_row *row = find_access(fact->field[PATH_ACCESS]);

	if (row && row->perms & PERM_IX)
		return xstrdup(path);
	return variation_name(variation, path, !row || !(row->perms & PERM_M));
}

void derive_files(const struct evidence *evidence, const struct variation *variation,
		  struct policy *policy, struct drafts *drafts)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **paths = evidence_facts(evidence, FACT_PATH, &count);
	bool user_changes = changes_user(evidence);

	for (size_t i = 0; i < count; i++) {
		struct fact fact = paths[i]->fact;
		AUTO_FREE char *path = varied_name(variation, &fact);
		AUTO_FREE char *target = variation_name(variation, fact.field[PATH_TARGET], true);

		fact.field[PATH_PATH] = path;
		fact.field[PATH_TARGET] = target;
		add_path(evidence, &fact, is_owners(&fact, user_changes), policy, drafts);
	}
	AUTO_FREE const struct evidence_fact **execs = evidence_facts(evidence, FACT_EXEC, &count);
	for (size_t i = 0; i < count; i++)
		add_exec(evidence, &execs[i]->fact, drafts);
	variation_note(variation, policy);
}
