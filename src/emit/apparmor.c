/*
 * AppArmor profile for abi 3.0 or 4.0 (apparmor.d(5)): one rule a line, sections in the order of
 * enum apparmor_class. Every text of the workload goes through escape_apparmor().
 */
#include <emit/emit.h>

#include <string.h>
#include <whittle/escape.h>

static void add_file(const struct apparmor_rule *rule, struct buf *out)
{
	escape_apparmor(out, rule->name);
	buf_addf(out, " %s%s", rule->perms, rule->detail);
	if (*rule->detail)
		buf_addf(out, " -> %s", rule->target);
}

static void add_link(const struct apparmor_rule *rule, struct buf *out)
{
	buf_adds(out, "link ");
	escape_apparmor(out, rule->name);
	buf_adds(out, " -> ");
	escape_apparmor(out, rule->target);
}

static void add_capability(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "capability %s", rule->name);
}

static void add_network(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "network %s %s", rule->name, rule->target);
}

static void add_unix(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "unix %s type=%s", rule->perms, rule->target);
}

/* The peers are whittle's own: @{profile_name}, unconfined. */
static void add_signal(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "signal (%s)", rule->perms);
	if (*rule->name)
		buf_addf(out, " set=(%s)", rule->name);
	buf_addf(out, " peer=%s", rule->target);
}

static void add_ptrace(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "ptrace (%s) peer=%s", rule->perms, rule->target);
}

static void add_mount(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "mount %s%s", rule->detail, *rule->detail ? " " : "");
	if (*rule->target) {
		escape_apparmor(out, rule->target);
		buf_addc(out, ' ');
	}
	buf_adds(out, "-> ");
	escape_apparmor(out, rule->name);
}

static void add_remount(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "remount %s%s", rule->detail, *rule->detail ? " " : "");
	escape_apparmor(out, rule->name);
}

static void add_umount(const struct apparmor_rule *rule, struct buf *out)
{
	buf_adds(out, "umount ");
	escape_apparmor(out, rule->name);
}

static void add_pivot_root(const struct apparmor_rule *rule, struct buf *out)
{
	buf_adds(out, "pivot_root oldroot=");
	escape_apparmor(out, rule->target);
	buf_addc(out, ' ');
	escape_apparmor(out, rule->name);
}

/* In names of profiles two slashes are two: between one and its child, apparmor.d(5). */
static bool is_plain_label(const char *name)
{
	return !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				  "/._-")];
}

static void add_change_profile(const struct apparmor_rule *rule, struct buf *out)
{
	buf_adds(out, "change_profile");
	if (!*rule->target)
		return;
	buf_adds(out, " -> ");
	if (is_plain_label(rule->target))
		buf_adds(out, rule->target);
	else
		escape_apparmor(out, rule->target);
}

static void add_userns(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "userns %s", rule->name);
}

static void add_io_uring(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "io_uring %s", rule->name);
}

static void add_mqueue(const struct apparmor_rule *rule, struct buf *out)
{
	buf_addf(out, "mqueue (%s) type=%s", rule->perms, rule->target);
	if (*rule->name) {
		buf_addc(out, ' ');
		escape_apparmor(out, rule->name);
	}
}

static const struct {
	const char *heading; /* NULL: under the one before */
	void (*add)(const struct apparmor_rule *rule, struct buf *out);
} classes[] = {
	[APPARMOR_FILE] = { "files", add_file },
	[APPARMOR_LINK] = { "hard links", add_link },
	[APPARMOR_CAPABILITY] = { "capabilities", add_capability },
	[APPARMOR_NETWORK] = { "sockets", add_network },
	[APPARMOR_UNIX] = { NULL, add_unix },
	[APPARMOR_SIGNAL] = { "signals", add_signal },
	[APPARMOR_PTRACE] = { "ptrace", add_ptrace },
	[APPARMOR_MOUNT] = { "mounts", add_mount },
	[APPARMOR_REMOUNT] = { NULL, add_remount },
	[APPARMOR_UMOUNT] = { NULL, add_umount },
	[APPARMOR_PIVOT_ROOT] = { NULL, add_pivot_root },
	[APPARMOR_CHANGE_PROFILE] = { "change of profile", add_change_profile },
	[APPARMOR_USERNS] = { "user namespaces", add_userns },
	[APPARMOR_IO_URING] = { "io_uring", add_io_uring },
	[APPARMOR_MQUEUE] = { "message queues", add_mqueue },
};

/* Has the profile a rule of the class, and, if name is not NULL, of that name? */
static bool has_rule(const struct policy *policy, size_t profile, enum apparmor_class class,
		     const char *name)
{
	for (size_t i = 0; i < policy->apparmor_count; i++)
		if (policy->apparmor[i].profile == profile && policy->apparmor[i].class == class &&
		    (!name || strcmp(policy->apparmor[i].name, name) == 0))
			return true;
	return false;
}

/*
 * Capabilities that the kernel asks for though nothing fails without: each time, the refusal would
 * be logged. Where one is needed it is granted, and not denied here.
 */
static const struct {
	const char *asked;
	enum apparmor_class class; /* a rule of this class, and of this name unless NULL */
	const char *name, *why;
} quiet[] = {
	/* safe_hardlink_source() in fs/namei.c: may_linkat() then looks who the owner is */
	{ "dac_override", APPARMOR_LINK, NULL, "asked for by link(2) of a file without w bits" },
	/* generic_permission() in fs/namei.c */
	{ "dac_read_search", APPARMOR_CAPABILITY, "dac_override",
	  "asked for before dac_override, which does" },
	/* setattr_prepare() in fs/attr.c: refused, it clears a set-group-id bit that is not there
	 */
	{ "fsetid", APPARMOR_CAPABILITY, "fowner",
	  "asked for by chmod(2) of a file of another group" },
};

static void add_quiet(const struct policy *policy, size_t profile, const char *indent,
		      struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(quiet); i++)
		if (has_rule(policy, profile, quiet[i].class, quiet[i].name) &&
		    !has_rule(policy, profile, APPARMOR_CAPABILITY, quiet[i].asked))
			buf_addf(out,
				 "\n%s# %s: not worth a log line\n"
				 "%sdeny capability %s,\n",
				 indent, quiet[i].why, indent, quiet[i].asked);
	/* mqueue_get_inode() in ipc/mqueue.c: it only chooses the limit */
	if (policy->makes_queues && !has_rule(policy, profile, APPARMOR_CAPABILITY, "sys_resource"))
		buf_addf(out,
			 "\n%s# asked for whenever a message queue is made: not worth a log line\n"
			 "%sdeny capability sys_resource,\n",
			 indent, indent);
}

static void add_rules(const struct policy *policy, size_t profile, const char *indent,
		      struct buf *out)
{
	const char *under = NULL;

	for (size_t i = 0; i < policy->apparmor_count; i++) {
		const struct apparmor_rule *rule = &policy->apparmor[i];
		const char *heading = classes[rule->class].heading;

		if (rule->profile != profile)
			continue;
		if (heading && heading != under) {
			buf_addf(out, "\n%s# %s\n", indent, heading);
			under = heading;
		}
		buf_addf(out, "%s%s", indent, rule->owner ? "owner " : "");
		classes[rule->class].add(rule, out);
		buf_adds(out, ",\n");
	}
}

/*
 * The parser takes more, but the name is also a file name (local/NAME) and a peer in rules. By
 * "unconfined" rules and runtimes mean that there is no profile.
 */
static bool is_name(const char *name)
{
	static const char safe[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *name && !strchr(".-", *name) && !name[strspn(name, safe)] &&
	       strcmp(name, "unconfined") != 0;
}

/* The head of a profile, behind its name. */
static void add_flags(const struct policy *policy, struct buf *out)
{
	AUTO_BUF struct buf flags = BUF_INIT;

	/*
	 * attach_disconnected: descriptors from outside the mount namespace have no name otherwise,
	 * nor has a file in memory that is executed; mediate_deleted: deleted files keep theirs.
	 */
	if (!policy->options.host || policy->leaves_namespace)
		buf_adds(&flags, ",attach_disconnected");
	if (!policy->options.host)
		buf_adds(&flags, ",mediate_deleted");
	if (policy->options.complain)
		buf_adds(&flags, ",complain");
	if (flags.length)
		buf_addf(out, "flags=(%s) ", buf_text(&flags) + 1);
	buf_adds(out, "{");
}

static void add_child(const struct policy *policy, size_t index, struct buf *out)
{
	const struct apparmor_profile *profile = &policy->apparmor_profiles[index];

	buf_addf(out, "\n  profile %s ", profile->local);
	add_flags(policy, out);
	add_rules(policy, index, "    ", out);
	add_quiet(policy, index, "    ", out);
	buf_addf(out, "\n    include if exists <local/%s.%s>\n  }\n", policy->options.name,
		 profile->local);
}

static void add_separate(const struct policy *policy, size_t index, struct buf *out)
{
	const struct apparmor_profile *profile = &policy->apparmor_profiles[index];

	buf_addf(out, "\nprofile %s ", profile->name);
	add_flags(policy, out);
	add_rules(policy, index, "  ", out);
	add_quiet(policy, index, "  ", out);
	buf_addf(out, "\n  include if exists <local/%s>\n}\n", profile->name);
}

/* What each mode of execution asks of who loads the profile. */
static const char *const exec_comments[] = {
	[EXEC_PROFILE] = "Other programs run under profiles of their own (Px), which are not in "
			 "this file: where one is not loaded, its program does not start.",
	[EXEC_CHILD] = "Other programs run under child profiles (Cx, Px).",
	[EXEC_SEPARATE] = "Other programs run under the profiles below (Px).",
};

static void add_exec_comments(const struct policy *policy, struct buf *out)
{
	if (!exec_comments[policy->options.exec])
		return;
	buf_addf(out, "# %s\n# %s\n%s", exec_comments[policy->options.exec],
		 policy->options.keep_environment
			 ? "Lower case (cx, px): they keep LD_PRELOAD and what is like it."
			 : "Upper case: the loader drops LD_PRELOAD and what is like it "
			   "(AT_SECURE, ld.so(8)).",
		 "# Not under no_new_privs: the kernel refuses a change of profile then.\n");
}

int emit_apparmor(const struct policy *policy, struct buf *out, struct error *err)
{
	const char *name = policy->options.name, *attach = policy->options.attach;

	if (!is_name(name))
		return fail(err, ERROR_INPUT, 0,
			    "%s is no profile name: letters, digits, '.', '_' and '-', "
			    "beginning with a letter, digit or '_'; unconfined is AppArmor's own",
			    name);
	emit_warnings(policy, "# ", out);
	add_exec_comments(policy, out);
	buf_addf(out, "abi <abi/%s>,\ninclude <tunables/global>\n\nprofile %s ",
		 policy->options.abi4 ? "4.0" : "3.0", name);
	if (attach) {
		escape_apparmor(out, attach);
		buf_addc(out, ' ');
	}
	add_flags(policy, out);
	add_rules(policy, 0, "  ", out);
	add_quiet(policy, 0, "  ", out);
	for (size_t i = 1; i < policy->apparmor_profile_count; i++)
		if (*policy->apparmor_profiles[i].local)
			add_child(policy, i, out);
	buf_addf(out, "\n  include if exists <local/%s>\n}\n", name);
	for (size_t i = 1; i < policy->apparmor_profile_count; i++)
		if (!policy->apparmor_profiles[i].elsewhere && !*policy->apparmor_profiles[i].local)
			add_separate(policy, i, out);
	return 0;
}
