/* Sockets, signals, ptrace and mounts -> AppArmor rules. */
#include <derive/derive.h>

#include <string.h>

#define PEER_SELF    "@{profile_name}" /* who runs under the same label */
#define PEER_OUTSIDE "unconfined"

/* The families and types that apparmor_parser 3.0 knows (tried one by one). */
static const char *const families[] = {
	"alg",      "appletalk", "ash",   "atmpvc",  "atmsvc",  "ax25",       "bluetooth",
	"bridge",   "caif",      "can",   "econet",  "ib",      "ieee802154", "inet",
	"inet6",    "ipx",       "irda",  "isdn",    "iucv",    "kcm",        "key",
	"llc",      "mctp",      "mpls",  "netbeui", "netlink", "netrom",     "nfc",
	"packet",   "phonet",    "pppox", "qipcrtr", "rds",     "rose",       "rxrpc",
	"security", "smc",       "sna",   "tipc",    "unix",    "unspec",     "vsock",
	"wanpipe",  "x25",       "xdp",   NULL,
};
static const char *const types[] = { "dgram", "packet", "raw", "rdm", "seqpacket", "stream", NULL };
static const char *const signals[] = {
	"hup",   "int",  "quit", "ill",  "trap", "abrt",   "bus",    "fpe",    "kill",
	"usr1",  "segv", "usr2", "pipe", "alrm", "term",   "stkflt", "chld",   "cont",
	"stop",  "stp",  "ttin", "ttou", "urg",  "xcpu",   "xfsz",   "vtalrm", "prof",
	"winch", "io",   "pwr",  "sys",  "emt",  "exists", NULL,
};
/* Flags of mount(2) that the parser has words for. */
static const char *const mount_words[] = {
	"ro",      "rw",         "nosuid",      "nodev",    "noexec",      "sync",    "mand",
	"dirsync", "noatime",    "nodiratime",  "bind",     "rbind",       "move",    "silent",
	"acl",     "unbindable", "runbindable", "private",  "rprivate",    "slave",   "rslave",
	"shared",  "rshared",    "relatime",    "iversion", "strictatime", "remount", NULL,
};

static bool is_listed(const char *const *list, const char *word, size_t length)
{
	for (; *list; list++)
		if (strlen(*list) == length && strncmp(*list, word, length) == 0)
			return true;
	return false;
}

static bool is_word(const char *const *list, const char *word)
{
	return is_listed(list, word, strlen(word));
}

/* Did a run see this use of such a socket, whatever its address, or was it carried in each? */
static bool was_seen(const struct evidence *evidence, const struct evidence_fact **facts,
		     size_t count, const struct fact *like)
{
	static const int same[] = { SOCKET_OPERATION, SOCKET_FAMILY, SOCKET_TYPE, SOCKET_PROGRAM };

	for (size_t i = 0; i < count; i++) {
		size_t seen, carried, k = 0;

		while (k < ARRAY_SIZE(same) &&
		       strcmp(facts[i]->fact.field[same[k]], like->field[same[k]]) == 0)
			k++;
		evidence_sightings(evidence, facts[i], &seen, &carried);
		if (k == ARRAY_SIZE(same) && seen)
			return true;
	}
	return false;
}

static void add_sockets(const struct evidence *evidence, struct policy *policy,
			struct drafts *drafts)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_SOCKET, &count);

	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;
		const char *family = field[SOCKET_FAMILY], *type = field[SOCKET_TYPE];
		bool inherited = strcmp(field[SOCKET_OPERATION], "inherit") == 0;

		/* Asked only where the exec changed the profile. */
		if ((inherited && policy->apparmor_profile_count == 1) ||
		    !drafts_enter(drafts, field[SOCKET_PROGRAM]))
			continue;
		/* Later calls check the same pair as socket(2): one rule for all of them. */
		if (is_word(families, family) && is_word(types, type))
			draft_add(drafts, APPARMOR_NETWORK, family, type, "")->why =
				xasprintf("%s by %s%s", field[SOCKET_OPERATION],
					  field[SOCKET_PROGRAM],
					  was_seen(evidence, facts, count, &facts[i]->fact)
						  ? ""
						  : ": carried, not re-observed");
		else
			policy_note(policy,
				    "AppArmor has no word for a socket of family %s, type %s",
				    family, type);
	}
}

/* Whom a signal or a ptrace request reached. */
static const struct reach {
	const char *to;
	bool inside, outside;
} reaches[] = {
	{ "all", true, true },   { "group", true, false },    { "outside", false, true },
	{ "self", true, false }, { "workload", true, false },
};

static const struct reach *find_reach(const char *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(reaches); i++)
		if (strcmp(reaches[i].to, to) == 0)
			return &reaches[i];
	return NULL;
}

/* What one program asks of another, and what that is asked at the same time. */
struct exchange {
	const struct fact *fact;
	const char *program;
	unsigned int own, other;
	void (*add)(struct drafts *drafts, const struct fact *fact, const char *peer,
		    unsigned int perms);
};

static void exchange_between(struct drafts *drafts, const struct exchange *exchange, size_t from,
			     size_t to)
{
	const struct apparmor_profile *profiles = drafts->policy->apparmor_profiles;
	bool same = from == to;

	if (drafts_enter_profile(drafts, from))
		exchange->add(drafts, exchange->fact, same ? PEER_SELF : profiles[to].name,
			      exchange->own | (same ? exchange->other : 0));
	if (!same && drafts_enter_profile(drafts, to))
		exchange->add(drafts, exchange->fact, profiles[from].name, exchange->other);
}

/* Whom of the workload it reached is not known: with several profiles, each may be the other. */
static void exchange_inside(struct drafts *drafts, const struct exchange *exchange, bool self)
{
	const struct policy *policy = drafts->policy;
	size_t own = confinement_of(drafts->confinement, exchange->program);

	for (size_t from = 0; from < policy->apparmor_profile_count; from++) {
		const struct apparmor_profile *profile = &policy->apparmor_profiles[from];

		if (from != own &&
		    !(profile->elsewhere && strcmp(profile->image, exchange->program) == 0))
			continue;
		for (size_t to = 0; to < policy->apparmor_profile_count; to++)
			if (!self || to == from)
				exchange_between(drafts, exchange, from, to);
	}
}

static bool is_signal(const char *name)
{
	static const char realtime[] = "rtmin+";
	size_t length = strlen(realtime);

	if (is_word(signals, name))
		return true;
	if (strncmp(name, realtime, length) != 0 || !name[length] || strlen(name) > length + 2 ||
	    name[length + strspn(name + length, "0123456789")])
		return false;
	return atoi(name + length) <= 32;
}

static void add_signal(struct drafts *drafts, const struct fact *fact, const char *peer,
		       unsigned int perms)
{
	struct draft *draft =
		draft_add(drafts, APPARMOR_SIGNAL, fact->field[SIGNAL_NAME], peer, "");

	draft->perms = perms;
	draft->why =
		xasprintf("sent to %s by %s", fact->field[SIGNAL_TO], fact->field[SIGNAL_PROGRAM]);
}

static void add_signals(const struct evidence *evidence, struct policy *policy,
			struct drafts *drafts)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_SIGNAL, &count);

	for (size_t i = 0; i < count; i++) {
		const struct fact *fact = &facts[i]->fact;
		const struct reach *reach = find_reach(fact->field[SIGNAL_TO]);

		if (!reach || !is_signal(fact->field[SIGNAL_NAME])) {
			policy_note(policy, "no AppArmor rule for signal %s to %s",
				    fact->field[SIGNAL_NAME], fact->field[SIGNAL_TO]);
			continue;
		}
		struct exchange exchange = { fact, fact->field[SIGNAL_PROGRAM], PERM_SEND,
					     PERM_RECEIVE, add_signal };
		if (reach->inside)
			exchange_inside(drafts, &exchange,
					strcmp(fact->field[SIGNAL_TO], "self") == 0);
		if (reach->outside && drafts_enter(drafts, exchange.program))
			add_signal(drafts, fact, PEER_OUTSIDE, PERM_SEND);
	}
}

/*
 * Without this not even root's kill -9 from outside ends the workload. Where runtimes have profiles
 * of these names (Ubuntu), they are who stops a container.
 */
static void add_stops(const struct policy *policy, struct drafts *drafts)
{
	static const char *const stoppers[] = { PEER_OUTSIDE, "crun", "runc" };
	size_t count = policy->options.host ? 1 : ARRAY_SIZE(stoppers);

	for (size_t i = 0; i < policy->apparmor_profile_count; i++) {
		for (size_t k = 0; k < count && drafts_enter_profile(drafts, i); k++) {
			struct draft *draft =
				draft_add(drafts, APPARMOR_SIGNAL, "", stoppers[k], "");

			draft->perms = PERM_RECEIVE;
			draft->why = xstrdup("so that it can be stopped from outside");
		}
	}
}

/* The mode in which the kernel asks (ptrace_may_access()): those of this table read, others attach.
 */
static const char *const readers[] = { "kcmp", "read", NULL };

static unsigned int ptrace_perms(const char *request)
{
	return is_word(readers, request) ? PERM_READ : PERM_TRACE;
}

/* What the other side of these perms is asked. */
static unsigned int ptrace_mirror(unsigned int perms)
{
	return (perms & PERM_TRACE ? PERM_TRACEDBY : 0) | (perms & PERM_READ ? PERM_READBY : 0);
}

static void add_ptrace(struct drafts *drafts, const struct fact *fact, const char *peer,
		       unsigned int perms)
{
	struct draft *draft = draft_add(drafts, APPARMOR_PTRACE, "", peer, "");

	draft->perms = perms;
	draft->why = xasprintf("%s of %s by %s", fact->field[PTRACE_REQUEST],
			       fact->field[PTRACE_TO], fact->field[PTRACE_PROGRAM]);
}

/* aa_task_setrlimit(): another's limits take a capability where its profile is another. */
static void add_limits(struct drafts *drafts, const struct fact *fact, const struct reach *reach)
{
	if (reach && reach->outside && strcmp(fact->field[PTRACE_RESULT], "ok") == 0 &&
	    drafts_enter(drafts, fact->field[PTRACE_PROGRAM]))
		draft_add(drafts, APPARMOR_CAPABILITY, "sys_resource", "", "")->why =
			xasprintf("limits of a process outside set by %s",
				  fact->field[PTRACE_PROGRAM]);
}

static void add_ptraces(const struct evidence *evidence, struct drafts *drafts)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_PTRACE, &count);

	for (size_t i = 0; i < count; i++) {
		const struct fact *fact = &facts[i]->fact;
		const char *request = fact->field[PTRACE_REQUEST], *to = fact->field[PTRACE_TO];
		const char *result = fact->field[PTRACE_RESULT];
		const struct reach *reach = find_reach(to);
		unsigned int perms = ptrace_perms(request);
		bool traceme = strcmp(request, "traceme") == 0;

		if (strcmp(request, "set-limit") == 0) {
			add_limits(drafts, fact, reach);
			continue;
		}
		/* A process may always look at itself (__ptrace_may_access(), mm_access()). */
		if (!reach || strcmp(to, "self") == 0)
			continue;
		/* Inside, a refusal is the recorder's doing: it holds the place of the tracer. */
		struct exchange exchange = { fact, fact->field[PTRACE_PROGRAM],
					     traceme ? ptrace_mirror(perms) : perms,
					     traceme ? perms : ptrace_mirror(perms), add_ptrace };
		if (reach->inside)
			exchange_inside(drafts, &exchange, false);
		if (reach->outside && strcmp(result, "EPERM") != 0 &&
		    strcmp(result, "EACCES") != 0 && drafts_enter(drafts, exchange.program))
			add_ptrace(drafts, fact, PEER_OUTSIDE, exchange.own);
	}
}

/*
 * "options=(rw, nosuid)": a rule names all flags of the call, and what is not ro is rw. Without
 * options it fits any: so where the parser has no word for a flag. Says whether it had.
 */
static bool add_options(struct buf *out, const char *operation, const char *options)
{
	AUTO_BUF struct buf words = BUF_INIT;
	bool writable = true;

	if (*operation)
		buf_addf(&words, ", %s", operation);
	while (*options) {
		size_t length = strcspn(options, ",");

		if (!is_listed(mount_words, options, length))
			return false;
		if (length == 2 && strncmp(options, "ro", 2) == 0)
			writable = false;
		else if (!(length == 2 && strncmp(options, "rw", 2) == 0) &&
			 !(strlen(operation) == length && strncmp(options, operation, length) == 0))
			buf_addf(&words, ", %.*s", (int)length, options);
		options += length + (options[length] == ',');
	}
	buf_addf(out, "options=(%s%s)", writable ? "rw" : "ro", buf_text(&words));
	return true;
}

static const struct mount_row {
	const char *operation;
	enum apparmor_class class;
	const char *word; /* what the operation adds to the options */
	bool fstype, source, detail;
} mount_rows[] = {
	{ "bind", APPARMOR_MOUNT, "bind", false, true, true },
	{ "make", APPARMOR_MOUNT, "", false, false, true },
	{ "mount", APPARMOR_MOUNT, "", true, true, true },
	{ "move", APPARMOR_MOUNT, "move", false, true, true },
	{ "move_mount", APPARMOR_MOUNT, "move", false, true, true },
	{ "pivot_root", APPARMOR_PIVOT_ROOT, "", false, true, false },
	{ "rbind", APPARMOR_MOUNT, "rbind", false, true, true },
	{ "remount", APPARMOR_REMOUNT, "", false, false, true },
	{ "umount", APPARMOR_UMOUNT, "", false, false, false },
};

/* What stands before the paths of the rule; NULL if the type is no word that can be written. */
static char *mount_detail(const struct mount_row *row, const struct fact *fact,
			  struct policy *policy)
{
	static const char safe[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *fstype = row->fstype ? fact->field[MOUNT_FSTYPE] : "";
	AUTO_BUF struct buf out = BUF_INIT;

	if (fstype[strspn(fstype, safe)]) {
		policy_note(policy, "no AppArmor rule for a mount of the type %s", fstype);
		return NULL;
	}
	if (*fstype)
		buf_addf(&out, "fstype=%s", fstype);
	size_t before = out.length;
	if (before && row->detail)
		buf_addc(&out, ' ');
	if (row->detail && !add_options(&out, row->word, fact->field[MOUNT_OPTIONS])) {
		buf_truncate(&out, before);
		policy_note(policy,
			    "AppArmor has no words for the mount options %s: any are allowed",
			    fact->field[MOUNT_OPTIONS]);
	}
	return buf_steal(&out);
}

static void add_mount(const struct fact *fact, struct policy *policy, struct drafts *drafts)
{
	const char *const *field = fact->field;
	const struct mount_row *row = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(mount_rows); i++)
		if (strcmp(mount_rows[i].operation, field[MOUNT_OPERATION]) == 0)
			row = &mount_rows[i];
	if (!row || field[MOUNT_TARGET][0] != '/')
		return; /* fsopen(2) and its kin are not mediated; move_mount(2) speaks for them */
	if (!drafts_enter(drafts, field[MOUNT_PROGRAM]))
		return;
	AUTO_FREE char *detail = mount_detail(row, fact, policy);
	if (!detail)
		return;
	draft_add(drafts, row->class, field[MOUNT_TARGET], row->source ? field[MOUNT_SOURCE] : "",
		  detail)
		->why = xasprintf("%s by %s", field[MOUNT_OPERATION], field[MOUNT_PROGRAM]);
}

/* ---- capabilities in user namespaces of the workload's own ---- */

static bool makes_user_namespace(const struct evidence_fact **facts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;

		if ((strcmp(field[NAMESPACE_OPERATION], "clone") == 0 ||
		     strcmp(field[NAMESPACE_OPERATION], "unshare") == 0) &&
		    strstr(field[NAMESPACE_KINDS], "user"))
			return true;
	}
	return false;
}

static void add_inner(struct drafts *drafts, const char *capability, const char *operation,
		      const char *program)
{
	if (drafts_enter(drafts, program))
		draft_add(drafts, APPARMOR_CAPABILITY, capability, "", "")->why =
			xasprintf("%s by %s, maybe in a user namespace", operation, program);
}

/* map_write(), proc_setgroups_open() in kernel/user_namespace.c */
static bool sets_up_namespace(const struct fact *fact)
{
	static const char *const files[] = { "gid_map", "projid_map", "setgroups", "uid_map",
					     NULL };
	const char *last = strrchr(fact->field[PATH_PATH], '/');

	return strcmp(fact->field[PATH_ACCESS], "write") == 0 && last && is_word(files, last + 1) &&
	       strncmp(fact->field[PATH_PATH], "/proc/", 6) == 0;
}

/*
 * No capability of the host is needed there, and the list has none; but AppArmor is asked of these
 * too (aa_capable() in security/apparmor/capability.c). What each operation takes is known.
 */
static void add_inner_capabilities(const struct evidence *evidence, struct drafts *drafts)
{
	size_t count, mounts, paths;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_NAMESPACE, &count);
	AUTO_FREE const struct evidence_fact **mount =
		evidence_facts(evidence, FACT_MOUNT, &mounts);

	AUTO_FREE const struct evidence_fact **path = evidence_facts(evidence, FACT_PATH, &paths);

	if (!makes_user_namespace(facts, count))
		return;
	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;
		const char *operation = field[NAMESPACE_OPERATION];

		if (strcmp(operation, "chroot") == 0)
			add_inner(drafts, "sys_chroot", operation, field[NAMESPACE_PROGRAM]);
		else if (strcmp(field[NAMESPACE_KINDS], "user") != 0)
			add_inner(drafts, "sys_admin", operation, field[NAMESPACE_PROGRAM]);
	}
	for (size_t i = 0; i < mounts; i++)
		add_inner(drafts, "sys_admin", mount[i]->fact.field[MOUNT_OPERATION],
			  mount[i]->fact.field[MOUNT_PROGRAM]);
	for (size_t i = 0; i < paths; i++)
		if (sets_up_namespace(&path[i]->fact))
			add_inner(drafts, "sys_admin", "write", path[i]->fact.field[PATH_PROGRAM]);
}

void derive_access(const struct evidence *evidence, struct policy *policy, struct drafts *drafts)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **mounts =
		evidence_facts(evidence, FACT_MOUNT, &count);

	add_sockets(evidence, policy, drafts);
	add_signals(evidence, policy, drafts);
	add_stops(policy, drafts);
	add_ptraces(evidence, drafts);
	add_inner_capabilities(evidence, drafts);
	for (size_t i = 0; i < count; i++)
		add_mount(&mounts[i]->fact, policy, drafts);
}
