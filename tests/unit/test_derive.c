/* Evidence -> policy: each rule of the derivation on the facts that decide it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <stdio.h>
#include <string.h>
#include <whittle/policy.h>

#include "derived.h"

static const struct apparmor_rule *find_rule(const struct policy *policy, enum apparmor_class class,
					     const char *name, const char *target)
{
	for (size_t i = 0; i < policy->apparmor_count; i++) {
		const struct apparmor_rule *rule = &policy->apparmor[i];

		if (rule->class == class && strcmp(rule->name, name) == 0 &&
		    strcmp(rule->target, target) == 0)
			return rule;
	}
	return NULL;
}

static bool has_line(const struct reasons *reasons, const char *part)
{
	for (size_t i = 0; i < reasons->count; i++)
		if (strstr(reasons->line[i], part))
			return true;
	return false;
}

static void test_refused(void **state)
{
	static const struct {
		const char *name, *result;
		bool refused;
	} rows[] = {
		{ "mount", "EPERM", true },   { "bpf", "EACCES", true },
		{ "acct", "filtered", true }, { "unlink", "ENOENT", false },
		{ "read", "ok", false },      { "openat2", "unknown", false },
	};
	struct evidence *evidence = new_evidence();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ADD(evidence, FACT_SYSCALL, "x86_64", rows[i].name, "/p", rows[i].result);
	/* One success of another program or ABI is enough. */
	ADD(evidence, FACT_SYSCALL, "x86_64", "statx", "/p", "ENOSYS");
	ADD(evidence, FACT_SYSCALL, "x86_64", "statx", "/q", "ok");
	ADD(evidence, FACT_SYSCALL, "x86_64", "chown", "/p", "EPERM");
	ADD(evidence, FACT_SYSCALL, "i386", "chown", "/q", "ok");
	struct policy *policy = derive(evidence, "none", "any");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(find_call(policy, rows[i].name)->refused, rows[i].refused);
	assert_false(find_call(policy, "statx")->refused);
	assert_false(find_call(policy, "chown")->refused);
	assert_int_equal(find_call(policy, "chown")->abi_count, 2);
	assert_int_equal(find_call(policy, "statx")->abi_count, 1);
	assert_int_equal(policy->seccomp_count, ARRAY_SIZE(rows) + 3); /* and exit_group */
	policy_free(policy);
}

static void test_native_abi(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_SYSCALL, "i386", "read", "/p", "ok");
	ADD(evidence, FACT_SYSCALL, "unknown", "#7", "/p", "ok");
	struct policy *policy = derive(evidence, "none", "any");
	assert_int_equal(policy->abi_count, 2);
	assert_string_equal(policy->abis[0]->name, "i386");
	assert_string_equal(policy->abis[1]->name, "x86_64");
	assert_null(find_call(policy, "#7"));
	assert_true(has_line(&policy->notes, "unknown ABI"));
	policy_free(policy);
}

static void test_implied(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_SYSCALL, "x86_64", "rt_sigaction", "/p", "ok");
	ADD(evidence, FACT_SYSCALL, "i386", "rt_sigaction", "/p", "ok");
	ADD(evidence, FACT_SYSCALL, "i386", "nanosleep", "/p", "ok");
	ADD(evidence, FACT_SYSCALL, "x86_64", "clone3", "/p", "ENOSYS");
	struct policy *policy = derive(evidence, "none", "any");
	const struct seccomp_rule *rule = find_call(policy, "rt_sigreturn");
	assert_int_equal(rule->groups, GROUP_IMPLIED);
	assert_int_equal(rule->abi_count, 2);
	rule = find_call(policy, "sigreturn"); /* x86_64 has none */
	assert_int_equal(rule->abi_count, 1);
	assert_string_equal(rule->abis[0]->name, "i386");
	rule = find_call(policy, "restart_syscall");
	assert_int_equal(rule->abi_count, 1);
	assert_true(has_line(&rule->why, "with nanosleep"));
	assert_null(find_call(policy, "futex")); /* clone3 was only refused */
	rule = find_call(policy, "exit_group");
	assert_int_equal(rule->groups, GROUP_IMPLIED);
	assert_int_equal(rule->abi_count, 2);
	policy_free(policy);
}

static void test_bad_options(void **state)
{
	static const struct policy_options rows[] = {
		{ .runtime = "lxc" },
		{ .no_new_privileges = "maybe" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();
		struct policy *policy = NULL;
		struct error err;

		assert_int_equal(policy_derive(evidence, &rows[i], &policy, &err), -1);
		assert_int_equal(err.kind, ERROR_INPUT);
		assert_null(policy);
		evidence_free(evidence);
	}
}

static void test_access(void **state)
{
	static const struct {
		const char *access, *perms; /* NULL: not mediated */
	} rows[] = {
		{ "read", "r" },         { "write", "w" },     { "append", "w" },
		{ "create", "w" },       { "truncate", "w" },  { "delete", "w" },
		{ "rename-from", "rw" }, { "rename-to", "w" }, { "exchange", "rw" },
		{ "symlink", "w" },      { "mkdir", "w" },     { "rmdir", "w" },
		{ "mknod", "w" },        { "chmod", "w" },     { "chown", "w" },
		{ "exec", "ix" },        { "map-exec", "mr" }, { "lock", "k" },
		{ "lock-write", "wk" },  { "connect", "rw" },  { "bind", "rw" },
		{ "list", "r" },         { "stat", NULL },     { "xattr", NULL },
		{ "chdir", NULL },       { "link", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		ADD(evidence, FACT_PATH, "/f", rows[i].access, "other", "/p", "");
		struct policy *policy = derive(evidence, "none", "any");
		const struct apparmor_rule *rule = find_rule(policy, APPARMOR_FILE, "/f", "");
		if (rows[i].perms)
			assert_string_equal(rule->perms, rows[i].perms);
		else
			assert_null(rule);
		policy_free(policy);
	}
}

static void test_files_merge(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_PATH, "/a", "read", "owner", "/p", "");
	ADD(evidence, FACT_PATH, "/a", "lock-write", "owner", "/q", "");
	ADD(evidence, FACT_PATH, "/a", "stat", "other", "/q", "");
	ADD(evidence, FACT_PATH, "/b", "read", "owner", "/p", "");
	ADD(evidence, FACT_PATH, "/b", "read", "other", "/q", "");
	ADD(evidence, FACT_PATH, "/c", "read", "unknown", "/q", "");
	ADD(evidence, FACT_PATH, "/lib", "map-exec", "owner", "/q", "");
	ADD(evidence, FACT_PATH, "/new", "link", "owner", "/p", "/old");
	ADD(evidence, FACT_PATH, "pipe:[7]", "read", "owner", "/p", "");
	struct policy *policy = derive(evidence, "none", "any");
	const struct apparmor_rule *rule = find_rule(policy, APPARMOR_FILE, "/a", "");
	assert_string_equal(rule->perms, "rwk");
	assert_true(rule->owner);
	assert_int_equal(rule->why.count, 2);
	assert_false(find_rule(policy, APPARMOR_FILE, "/b", "")->owner);
	assert_false(find_rule(policy, APPARMOR_FILE, "/c", "")->owner);
	assert_false(find_rule(policy, APPARMOR_FILE, "/lib", "")->owner);
	assert_true(find_rule(policy, APPARMOR_LINK, "/new", "/old")->owner);
	assert_null(find_rule(policy, APPARMOR_FILE, "pipe:[7]", ""));
	policy_free(policy);
}

static void test_execs(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_PROGRAM, "/bin/sh", "/lib/ld.so", "", "complete");
	ADD(evidence, FACT_PROGRAM, "/bin/env", "/lib/ld.so", "", "incomplete");
	ADD(evidence, FACT_EXEC, "/start", "", "/bin/sh");
	ADD(evidence, FACT_EXEC, "/tool", "/bin/sh", "/bin/env; /bin/py");
	ADD(evidence, FACT_EXEC, "/bin/ls", "/bin/sh", "");
	ADD(evidence, FACT_EXEC, "/other", "", "/a\\x3b /etc/shadow; /b\\x5cx3b");
	struct policy *policy = derive(evidence, "none", "any");
	assert_string_equal(find_rule(policy, APPARMOR_FILE, "/start", "")->perms, "mrix");
	assert_string_equal(find_rule(policy, APPARMOR_FILE, "/bin/sh", "")->perms, "mr");
	assert_string_equal(find_rule(policy, APPARMOR_FILE, "/lib/ld.so", "")->perms, "mr");
	assert_string_equal(find_rule(policy, APPARMOR_FILE, "/tool", "")->perms, "ix");
	assert_string_equal(find_rule(policy, APPARMOR_FILE, "/bin/ls", "")->perms, "ix");
	assert_null(find_rule(policy, APPARMOR_FILE, "/bin/py", ""));
	assert_null(find_rule(policy, APPARMOR_FILE, "/bin/env", ""));
	assert_string_equal(find_rule(policy, APPARMOR_FILE, "/a; /etc/shadow", "")->perms, "mr");
	assert_string_equal(find_rule(policy, APPARMOR_FILE, "/b\\x5cx3b", "")->perms, "mr");
	assert_null(find_rule(policy, APPARMOR_FILE, "/etc/shadow", ""));
	policy_free(policy);
}

/* Does the policy of so many files say that they may be too many? Each has 250 bytes of its own. */
static bool noted_size(int count)
{
	struct evidence *evidence = new_evidence();

	for (int i = 0; i < count; i++) {
		AUTO_BUF struct buf path = BUF_INIT;

		buf_addf(&path, "/dir/%03d", i);
		for (int k = 0; k < 248; k++)
			buf_adds(&path, "\\xff");
		ADD(evidence, FACT_PATH, buf_text(&path), "read", "other", "/p", "");
	}
	struct policy *policy = derive(evidence, "none", "any");
	bool noted = has_line(&policy->notes, "more files than apparmor_parser");
	policy_free(policy);
	return noted;
}

static void test_size(void **state)
{
	(void)state;
	assert_false(noted_size(255));
	assert_true(noted_size(270));
}

/* AppArmor is asked of capabilities in a user namespace too. */
static void test_inner_capabilities(void **state)
{
	(void)state;
	for (int user = 0; user < 2; user++) {
		struct evidence *evidence = new_evidence();

		ADD(evidence, FACT_NAMESPACE, "unshare", user ? "user" : "mnt", "/p");
		ADD(evidence, FACT_NAMESPACE, "chroot", "/r/", "/p");
		ADD(evidence, FACT_PATH, "/proc/\\{pid}/uid_map", "write", "owner", "/p", "");
		struct policy *policy = derive(evidence, "none", "any");
		const struct apparmor_rule *mounts =
			find_rule(policy, APPARMOR_CAPABILITY, "sys_admin", "");
		const struct apparmor_rule *roots =
			find_rule(policy, APPARMOR_CAPABILITY, "sys_chroot", "");
		assert_int_equal(mounts != NULL, user);
		assert_int_equal(roots != NULL, user);
		assert_int_equal(policy->capability_count, 0);
		policy_free(policy);
	}
}

static void test_change_profile(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_PATH, "/proc/\\{pid}/attr/exec", "write", "owner", "/p", "");
	ADD(evidence, FACT_PATH, "/proc/\\{pid}/attr/current", "read", "owner", "/p", "");
	ADD(evidence, FACT_PATH, "/srv/attr/exec", "write", "owner", "/p", "");
	struct policy *policy = derive(evidence, "none", "any");
	assert_non_null(find_rule(policy, APPARMOR_CHANGE_PROFILE, "", ""));
	assert_null(find_rule(policy, APPARMOR_FILE, "/proc/\\{pid}/attr/exec", ""));
	assert_non_null(find_rule(policy, APPARMOR_FILE, "/proc/\\{pid}/attr/current", ""));
	assert_non_null(find_rule(policy, APPARMOR_FILE, "/srv/attr/exec", ""));
	policy_free(policy);
}

/* What was written there is the target; what was not seen may be any. */
static void test_named_profile(void **state)
{
	static const char *const targets[] = { "other//kid", ANY_PROFILE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct evidence *evidence = new_evidence();
		const char *file = "/proc/\\{pid}/attr/current";

		ADD(evidence, FACT_PATH, file, "create", "owner", "/p", "");
		ADD(evidence, FACT_PATH, file, "write", "owner", "/p", "");
		ADD(evidence, FACT_PATH, file, "write", "owner", "/p", "one");
		ADD(evidence, FACT_PATH, file, "write", "owner", "/p", targets[i]);
		struct policy *policy = derive(evidence, "none", "any");
		const struct apparmor_rule *any =
			find_rule(policy, APPARMOR_CHANGE_PROFILE, "", "");
		if (i == 0) {
			assert_null(any);
			assert_non_null(find_rule(policy, APPARMOR_CHANGE_PROFILE, "", "one"));
			assert_non_null(find_rule(policy, APPARMOR_CHANGE_PROFILE, "", targets[i]));
		} else {
			assert_non_null(any);
		}
		policy_free(policy);
	}
}

static void test_signals(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_SIGNAL, "term", "workload", "/p");
	ADD(evidence, FACT_SIGNAL, "kill", "outside", "/p");
	ADD(evidence, FACT_SIGNAL, "hup", "all", "/p");
	ADD(evidence, FACT_SIGNAL, "rtmin+32", "self", "/p");
	ADD(evidence, FACT_SIGNAL, "rtmin+33", "self", "/p");
	ADD(evidence, FACT_SIGNAL, "cld", "self", "/p");
	struct policy *policy = derive(evidence, "none", "any");
	const char *self = "@{profile_name}", *outside = "unconfined";
	assert_string_equal(find_rule(policy, APPARMOR_SIGNAL, "term", self)->perms,
			    "send, receive");
	assert_null(find_rule(policy, APPARMOR_SIGNAL, "term", outside));
	assert_string_equal(find_rule(policy, APPARMOR_SIGNAL, "kill", outside)->perms, "send");
	assert_null(find_rule(policy, APPARMOR_SIGNAL, "kill", self));
	assert_non_null(find_rule(policy, APPARMOR_SIGNAL, "hup", self));
	assert_non_null(find_rule(policy, APPARMOR_SIGNAL, "hup", outside));
	assert_non_null(find_rule(policy, APPARMOR_SIGNAL, "rtmin+32", self));
	assert_null(find_rule(policy, APPARMOR_SIGNAL, "rtmin+33", self));
	assert_null(find_rule(policy, APPARMOR_SIGNAL, "cld", self));
	assert_true(has_line(&policy->notes, "cld"));
	assert_string_equal(find_rule(policy, APPARMOR_SIGNAL, "", outside)->perms, "receive");
	policy_free(policy);
}

static void test_ptrace(void **state)
{
	static const struct {
		const char *request, *to, *result, *peer, *perms;
	} rows[] = {
		{ "traceme", "workload", "EPERM", "@{profile_name}", "trace, tracedby" },
		{ "read", "workload", "ok", "@{profile_name}", "read, readby" },
		{ "vm-read", "workload", "ok", "@{profile_name}", "trace, tracedby" },
		{ "kcmp", "workload", "ok", "@{profile_name}", "read, readby" },
		{ "read", "self", "ok", "@{profile_name}", NULL },
		{ "vm-read", "self", "ok", "@{profile_name}", NULL },
		{ "attach", "outside", "ok", "unconfined", "trace" },
		{ "attach", "outside", "EPERM", "unconfined", NULL },
		{ "traceme", "outside", "ok", "unconfined", "tracedby" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		ADD(evidence, FACT_PTRACE, rows[i].request, rows[i].to, "/p", rows[i].result);
		struct policy *policy = derive(evidence, "none", "any");
		const struct apparmor_rule *rule =
			find_rule(policy, APPARMOR_PTRACE, "", rows[i].peer);
		if (rows[i].perms)
			assert_string_equal(rule->perms, rows[i].perms);
		else
			assert_null(rule);
		policy_free(policy);
	}
}

static void test_mounts(void **state)
{
	static const struct {
		const char *operation, *fstype, *options, *source, *target;
		enum apparmor_class class;
		const char *from, *detail; /* detail NULL: no rule */
	} rows[] = {
		{ "mount", "tmpfs", "nosuid", "x", "/m/", APPARMOR_MOUNT, "x",
		  "fstype=tmpfs options=(rw, nosuid)" },
		{ "mount", "ext4", "ro,nodev", "/dev/x", "/m/", APPARMOR_MOUNT, "/dev/x",
		  "fstype=ext4 options=(ro, nodev)" },
		{ "bind", "", "", "/a/", "/b/", APPARMOR_MOUNT, "/a/", "options=(rw, bind)" },
		{ "bind", "ext4", "bind,ro", "/a", "/b", APPARMOR_MOUNT, "/a",
		  "options=(ro, bind)" },
		{ "make", "", "rslave", "none", "/", APPARMOR_MOUNT, "", "options=(rw, rslave)" },
		{ "remount", "", "ro", "x", "/m/", APPARMOR_REMOUNT, "", "options=(ro)" },
		{ "umount", "", "", "", "/m/", APPARMOR_UMOUNT, "", "" },
		{ "pivot_root", "", "", "/n/old/", "/n/", APPARMOR_PIVOT_ROOT, "/n/old/", "" },
		{ "mount", "a) b", "", "x", "/m/", APPARMOR_MOUNT, "x", NULL },
		{ "mount", "tmpfs", "nosuid) x", "x", "/m/", APPARMOR_MOUNT, "x", "fstype=tmpfs" },
		{ "mount", "tmpfs", "rw,lazytime", "x", "/m/", APPARMOR_MOUNT, "x",
		  "fstype=tmpfs" },
		{ "mount", "tmpfs", "rw,nodev", "x", "/m/", APPARMOR_MOUNT, "x",
		  "fstype=tmpfs options=(rw, nodev)" },
		{ "bind", "", "rw,lazytime", "x", "/m/", APPARMOR_MOUNT, "x", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		ADD(evidence, FACT_MOUNT, rows[i].operation, rows[i].fstype, rows[i].options,
		    rows[i].source, rows[i].target, "/p");
		struct policy *policy = derive(evidence, "none", "any");
		const struct apparmor_rule *rule =
			find_rule(policy, rows[i].class, rows[i].target, rows[i].from);
		if (rows[i].detail)
			assert_string_equal(rule->detail, rows[i].detail);
		else
			assert_null(rule);
		policy_free(policy);
	}
}

static void add_need(struct evidence *evidence, const char *name, const char *call)
{
	ADD(evidence, FACT_CAPABILITY, name, "required", call, "/o", "/p", "inferred");
}

static void test_capabilities(void **state)
{
	static const struct {
		const char *needs[3], *granted, *others; /* of the first granted */
	} rows[] = {
		{ { "CAP_CHOWN" }, "CAP_CHOWN", "" },
		{ { "CAP_DAC_READ_SEARCH|CAP_DAC_OVERRIDE" },
		  "CAP_DAC_READ_SEARCH",
		  "CAP_DAC_OVERRIDE" },
		{ { "CAP_DAC_OVERRIDE|CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE" },
		  "CAP_DAC_OVERRIDE",
		  "" },
		{ { "CAP_SYS_ADMIN|CAP_SYS_NICE" }, "CAP_SYS_NICE", "CAP_SYS_ADMIN" },
		{ { "CAP_BPF|CAP_SYS_ADMIN", "CAP_SYS_ADMIN" }, "CAP_SYS_ADMIN", "" },
		{ { "CAP_FOWNER|CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH|CAP_DAC_OVERRIDE" },
		  "CAP_DAC_READ_SEARCH CAP_FOWNER",
		  "CAP_DAC_OVERRIDE" },
		{ { "CAP_NET_ADMIN|CAP_NET_RAW", "CAP_NET_RAW|CAP_SYS_RAWIO" }, "CAP_NET_RAW", "" },
		{ { "CAP_NONSENSE" }, "", "" },
		{ { "CAP_CHOWN|" }, "CAP_CHOWN", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();
		AUTO_BUF struct buf granted = BUF_INIT;

		for (size_t k = 0; k < 3 && rows[i].needs[k]; k++)
			add_need(evidence, rows[i].needs[k], k ? "b" : "a");
		struct policy *policy = derive(evidence, "none", "any");
		for (size_t k = 0; k < policy->capability_count; k++)
			buf_addf(&granted, "%s%s", k ? " " : "", policy->capabilities[k].name);
		assert_string_equal(buf_text(&granted), rows[i].granted);
		if (policy->capability_count)
			assert_string_equal(policy->capabilities[0].others, rows[i].others);
		policy_free(policy);
	}
}

static void test_wanted(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_CAPABILITY, "CAP_SYS_TIME", "wanted", "clock_settime", "", "/p", "");
	struct policy *policy = derive(evidence, "none", "any");
	assert_int_equal(policy->capability_count, 0);
	assert_true(has_line(&policy->notes, "CAP_SYS_TIME was wanted and refused: clock_settime"));
	policy_free(policy);
}

static void test_sockets(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_SOCKET, "socket", "inet", "stream", "6", "", "", "/p");
	ADD(evidence, FACT_SOCKET, "bind", "inet", "stream", "6", "any", "80", "/p");
	ADD(evidence, FACT_SOCKET, "socket", "inet stream,\\x0afile", "raw", "0", "", "", "/p");
	struct policy *policy = derive(evidence, "none", "any");
	assert_int_equal(find_rule(policy, APPARMOR_NETWORK, "inet", "stream")->why.count, 2);
	assert_true(has_line(&policy->notes, "no word for a socket"));
	assert_int_equal(policy->apparmor_count, 4); /* and the signals of who stops it */
	policy_free(policy);
}

static void test_incomplete(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	evidence_add_loss(evidence, 0, "path-unreadable");
	evidence_add_loss(evidence, 0, "path-unreadable");
	struct policy *policy = derive(evidence, "none", "any");
	assert_false(policy->complete);
	assert_int_equal(policy->notes.count, 1);
	assert_string_equal(policy->notes.line[0], "lost: path-unreadable");
	policy_free(policy);
	policy = derive(evidence_new(), "none", "any");
	assert_false(policy->complete);
	policy_free(policy);
}

/* Granted all the same; the reason says so for each program that no run saw making the call. */
static void test_carried(void **state)
{
	static const struct fact facts[] = {
		{ FACT_SYSCALL, { "x86_64", "read", "/p", "ok" } },
		{ FACT_SYSCALL, { "x86_64", "read", "/q", "ok" } },
		{ FACT_SYSCALL, { "x86_64", "write", "/p", "ok" } },
		{ FACT_SYSCALL, { "i386", "write", "/p", "ok" } },
		{ FACT_SYSCALL, { "x86_64", "bpf", "/p", "EPERM" } },
	};
	struct evidence *evidence = new_evidence();

	(void)state;
	evidence_begin_run(evidence, "other");
	evidence_run(evidence, 1)->expected = true;
	evidence_run(evidence, 1)->machine = xstrdup("x86_64");
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		evidence_carry(evidence, 0, &facts[i]);
	evidence_carry(evidence, 1, &facts[2]);
	evidence_add(evidence, 1, &facts[1]);
	ADD(evidence, FACT_SYSCALL, "x86_64", "write", "/q", "ok");
	struct policy *policy = derive(evidence, "none", "any");
	const struct seccomp_rule *rule = find_call(policy, "read");
	assert_false(rule->carried || rule->refused);
	assert_int_equal(rule->why.count, 2);
	assert_string_equal(rule->why.line[0], "x86_64 by /p: carried, not re-observed");
	assert_string_equal(rule->why.line[1], "x86_64 by /q");
	rule = find_call(policy, "write");
	assert_int_equal(rule->abi_count, 2);
	assert_false(rule->carried);
	rule = find_call(policy, "bpf");
	assert_true(rule->carried && rule->refused);
	assert_string_equal(rule->why.line[0],
			    "x86_64 by /p: refused with EPERM: carried, not re-observed");
	assert_true(has_line(&policy->notes, "re-observed): 1 of the calls"));
	assert_true(has_line(&policy->notes, "at least"));
	policy_free(policy);
}

static void test_carried_sockets(void **state)
{
	static const struct fact facts[] = {
		{ FACT_SOCKET, { "socket", "inet", "stream", "0", "", "", "/p" } },
		{ FACT_SOCKET, { "socket", "inet", "stream", "6", "", "", "/p" } },
		{ FACT_SOCKET, { "socket", "unix", "dgram", "0", "", "", "/p" } },
		{ FACT_SOCKET, { "socket", "unix", "dgram", "0", "", "", "/q" } },
	};
	struct evidence *evidence = new_evidence();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		evidence_carry(evidence, 0, &facts[i]);
	evidence_add(evidence, 0, &facts[1]);
	evidence_add(evidence, 0, &facts[3]);
	struct policy *policy = derive(evidence, "none", "any");
	const struct apparmor_rule *rule = find_rule(policy, APPARMOR_NETWORK, "inet", "stream");
	assert_int_equal(rule->why.count, 1);
	assert_string_equal(rule->why.line[0], "socket by /p");
	rule = find_rule(policy, APPARMOR_NETWORK, "unix", "dgram");
	assert_int_equal(rule->why.count, 2);
	assert_string_equal(rule->why.line[0], "socket by /p: carried, not re-observed");
	assert_string_equal(rule->why.line[1], "socket by /q");
	policy_free(policy);
}

static void test_attribution(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_PROGRAM, "/p", "", "", "complete");
	ADD(evidence, FACT_PROGRAM, "/p", "", "setuid", "incomplete");
	ADD(evidence, FACT_PROGRAM, "/q", "", "", "complete");
	struct policy *policy = derive(evidence, "none", "any");
	assert_int_equal(policy->programs.count, 2);
	assert_int_equal(policy->unattributed.count, 1);
	assert_string_equal(policy->unattributed.line[0], "/p");
	assert_true(has_line(&policy->notes, "incomplete attribution"));
	assert_false(has_line(&policy->notes, "at least"));
	policy_free(policy);
}

/* What one run was not to learn cannot be said of all of them. */
static void test_facets(void **state)
{
	static const struct {
		unsigned int first, second;
		bool caps, apparmor;
	} rows[] = {
		{ FACETS_DEFAULT, FACETS_DEFAULT | FACET_STAT, true, true },
		{ FACETS_DEFAULT, FACET_SECCOMP, false, false },
		{ FACET_SECCOMP | FACET_CAPS, FACETS_DEFAULT, true, false },
		{ FACET_SECCOMP | FACET_PATHS, FACET_SECCOMP | FACET_PATHS, false, false },
		{ FACET_SECCOMP | FACET_PATHS, FACET_SECCOMP | FACET_CAPS, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();
		struct error err = { 0 };

		evidence_begin_run(evidence, "other");
		evidence_run(evidence, 0)->facets = rows[i].first;
		evidence_run(evidence, 1)->facets = rows[i].second;
		ADD(evidence, FACT_CAPABILITY, "CAP_CHOWN", "required", "chown", "", "/p", "");
		ADD(evidence, FACT_PATH, "/f", "read", "other", "/p", "");
		struct policy *policy = derive(evidence, "none", "any");
		assert_int_equal(policy->facets, rows[i].first & rows[i].second);
		assert_int_equal(policy->capability_count != 0, rows[i].caps);
		assert_int_equal(policy->apparmor_count != 0, rows[i].apparmor);
		assert_int_equal(policy_require(policy, FACET_CAPS, "x", &err) == 0, rows[i].caps);
		assert_int_equal(err.kind, rows[i].caps ? ERROR_NONE : ERROR_REFUSED);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),        cmocka_unit_test(test_native_abi),
		cmocka_unit_test(test_implied),        cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_access),         cmocka_unit_test(test_files_merge),
		cmocka_unit_test(test_execs),          cmocka_unit_test(test_size),
		cmocka_unit_test(test_change_profile), cmocka_unit_test(test_inner_capabilities),
		cmocka_unit_test(test_named_profile),  cmocka_unit_test(test_signals),
		cmocka_unit_test(test_ptrace),         cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_capabilities),   cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_sockets),        cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_carried),        cmocka_unit_test(test_carried_sockets),
		cmocka_unit_test(test_attribution),    cmocka_unit_test(test_facets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
