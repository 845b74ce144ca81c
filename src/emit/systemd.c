/*
 * Drop-in for a systemd service: systemd.exec(5). There is no container, so no floor; but systemd
 * adds calls of its own to every list of allowed ones, which is said.
 */
#include <emit/emit.h>

#include <ctype.h>
#include <string.h>

enum { LINE_MAX_WIDTH = 96 };

static const struct {
	const char *abi, *name;
} architectures[] = {
	{ "aarch64", "arm64" }, { "arm", "arm" },       { "i386", "x86" },
	{ "x32", "x32" },       { "x86_64", "x86-64" },
};

/* @default of src/shared/seccomp-util.c (systemd 252): in every list of allowed calls. */
static const char *const added[] = {
	"arch_prctl",
	"brk",
	"cacheflush",
	"clock_getres",
	"clock_getres_time64",
	"clock_gettime",
	"clock_gettime64",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"execve",
	"exit",
	"exit_group",
	"futex",
	"futex_time64",
	"futex_waitv",
	"get_robust_list",
	"get_thread_area",
	"getegid",
	"getegid32",
	"geteuid",
	"geteuid32",
	"getgid",
	"getgid32",
	"getgroups",
	"getgroups32",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getrandom",
	"getresgid",
	"getresgid32",
	"getresuid",
	"getresuid32",
	"getrlimit",
	"getsid",
	"gettid",
	"gettimeofday",
	"getuid",
	"getuid32",
	"membarrier",
	"mmap",
	"mmap2",
	"mprotect",
	"munmap",
	"nanosleep",
	"pause",
	"prlimit64",
	"restart_syscall",
	"riscv_flush_icache",
	"riscv_hwprobe",
	"rseq",
	"rt_sigreturn",
	"sched_getaffinity",
	"sched_yield",
	"set_robust_list",
	"set_thread_area",
	"set_tid_address",
	"set_tls",
	"sigreturn",
	"time",
	"ugetrlimit",
	"uretprobe",
};

/* A call of the program, or one that its calls imply. */
static const struct seccomp_rule *find_call(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->seccomp_count; i++)
		if ((policy->seccomp[i].groups & (GROUP_PROGRAM | GROUP_IMPLIED)) &&
		    strcmp(policy->seccomp[i].name, name) == 0)
			return &policy->seccomp[i];
	return NULL;
}

/* A value of many words, on as many lines as it takes: systemd adds them up. */
static void add_word(struct buf *out, const char *key, const char *word, size_t *line)
{
	size_t width = out->length - *line;

	if (*line && width + 1 + strlen(word) <= LINE_MAX_WIDTH) {
		buf_addf(out, " %s", word);
		return;
	}
	if (*line)
		buf_addc(out, '\n');
	*line = out->length;
	buf_addf(out, "%s%s", key, word);
}

static void end_words(struct buf *out, const char *key, const char *nothing, size_t line)
{
	if (line)
		buf_addc(out, '\n');
	else
		buf_addf(out, "%s%s\n", key, nothing);
}

/* Even without a call of its own a list is begun: an empty value would allow everything. */
static void add_calls(const struct policy *policy, struct buf *out)
{
	size_t line = 0;

	for (size_t i = 0; i < policy->abi_count; i++)
		for (size_t k = 0; k < ARRAY_SIZE(architectures); k++)
			if (strcmp(architectures[k].abi, policy->abis[i]->name) == 0)
				add_word(out, "SystemCallArchitectures=", architectures[k].name,
					 &line);
	end_words(out, "SystemCallArchitectures=", "native", line);
	buf_adds(out, "SystemCallErrorNumber=ENOSYS\n");
	line = 0;
	for (size_t i = 0; i < policy->seccomp_count; i++) {
		const struct seccomp_rule *rule = &policy->seccomp[i];

		if (syscall_is_named(rule->name) && find_call(policy, rule->name))
			add_word(out, "SystemCallFilter=", rule->name, &line);
	}
	end_words(out, "SystemCallFilter=", "@default", line);
}

static void comment_added(const struct policy *policy, struct buf *out)
{
	size_t line = 0, count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(added); i++)
		count += !find_call(policy, added[i]);
	buf_addf(out,
		 "# systemd adds its @default to every list of allowed calls: %zu more than "
		 "was seen\n",
		 count);
	for (size_t i = 0; i < ARRAY_SIZE(added); i++)
		if (!find_call(policy, added[i]))
			add_word(out, "#   ", added[i], &line);
	if (line)
		buf_addc(out, '\n');
}

static void add_capabilities(const struct policy *policy, struct buf *out)
{
	size_t line = 0;

	for (size_t i = 0; i < policy->capability_count; i++)
		add_word(out, "CapabilityBoundingSet=", policy->capabilities[i].name, &line);
	end_words(out, "CapabilityBoundingSet=", "", line);
}

/* ---- what the kernel offers ---- */

/* Does a rule touch a file there? writes: only if it changes it. */
static bool touches(const struct policy *policy, const char *place, bool writes)
{
	for (size_t i = 0; i < policy->apparmor_count; i++) {
		const struct apparmor_rule *rule = &policy->apparmor[i];

		if (rule->class == APPARMOR_FILE &&
		    strncmp(rule->name, place, strlen(place)) == 0 &&
		    (!writes || strchr(rule->perms, 'w')))
			return true;
	}
	return false;
}

/* "a b c": is any of the words what the test finds? */
static bool any_word(const struct policy *policy, const char *words,
		     bool (*test)(const struct policy *policy, const char *word))
{
	while (*words) {
		size_t length = strcspn(words, " ");
		AUTO_FREE char *word = xstrndup(words, length);

		if (test(policy, word))
			return true;
		words += length + (words[length] == ' ');
	}
	return false;
}

static bool is_called(const struct policy *policy, const char *name)
{
	return find_call(policy, name) != NULL;
}

static bool is_touched(const struct policy *policy, const char *place)
{
	return touches(policy, place, false);
}

static bool is_written(const struct policy *policy, const char *place)
{
	return touches(policy, place, true);
}

/* Each takes something away, unless it was used: calls, capabilities, files, files written. */
static const struct restriction {
	const char *name;
	const char *calls, *capabilities, *files, *writes;
} restrictions[] = {
	{ "LockPersonality", "personality", "", "", "" },
	{ "ProtectClock",
	  "adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 "
	  "settimeofday stime",
	  "CAP_SYS_TIME CAP_WAKE_ALARM", "/dev/rtc", "" },
	{ "ProtectControlGroups", "", "", "", "/sys/fs/cgroup/" },
	{ "ProtectHostname", "sethostname setdomainname", "", "", "" },
	{ "ProtectKernelLogs", "syslog", "CAP_SYSLOG", "/dev/kmsg /proc/kmsg", "" },
	{ "ProtectKernelModules", "init_module finit_module delete_module", "CAP_SYS_MODULE",
	  "/lib/modules/ /usr/lib/modules/", "" },
	{ "ProtectKernelTunables", "", "", "/proc/kallsyms /proc/kcore",
	  "/proc/sys/ /sys/ /proc/sysrq-trigger /proc/irq/ /proc/bus/ /proc/fs/ /proc/mtrr" },
	{ "RestrictRealtime", "sched_setattr sched_setparam sched_setscheduler", "", "", "" },
};

static void add_restrictions(const struct policy *policy, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(restrictions); i++) {
		const struct restriction *row = &restrictions[i];

		if (!any_word(policy, row->calls, is_called) &&
		    !any_word(policy, row->capabilities, emit_has_capability) &&
		    !any_word(policy, row->files, is_touched) &&
		    !any_word(policy, row->writes, is_written))
			buf_addf(out, "%s=yes\n", row->name);
	}
	if (emit_has_setting(policy, "namespaces", "none"))
		buf_adds(out, "RestrictNamespaces=yes\n");
}

/* What PrivateDevices= leaves in /dev: mount_private_dev() in src/core/namespace.c. */
static const char *const private_devices[] = {
	"/dev/fd/",    "/dev/full", "/dev/hugepages/", "/dev/log",  "/dev/mqueue/", "/dev/null",
	"/dev/ptmx",   "/dev/pts/", "/dev/random",     "/dev/shm/", "/dev/stderr",  "/dev/stdin",
	"/dev/stdout", "/dev/tty",  "/dev/urandom",    "/dev/zero",
};

static bool is_private_device(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(private_devices); i++) {
		size_t length = strlen(private_devices[i]);
		bool below = private_devices[i][length - 1] == '/';

		if (strncmp(name, private_devices[i], length) == 0 && (below || !name[length]))
			return true;
	}
	return false;
}

static bool uses_devices(const struct policy *policy)
{
	if (emit_has_capability(policy, "CAP_MKNOD") ||
	    emit_has_capability(policy, "CAP_SYS_RAWIO"))
		return true;
	for (size_t i = 0; i < policy->apparmor_count; i++) {
		const struct apparmor_rule *rule = &policy->apparmor[i];

		if (rule->class == APPARMOR_FILE && strncmp(rule->name, "/dev/", 5) == 0 &&
		    !is_private_device(rule->name))
			return true;
	}
	return false;
}

/* ---- sockets, files ---- */

static bool is_family(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789")];
}

/*
 * socket(2) alone is restricted. The words are AppArmor's, those of the kernel in lower case; a
 * family without such a word could not be allowed: then none is restricted.
 */
static void add_families(const struct policy *policy, struct buf *out)
{
	size_t line = 0, start = out->length;

	for (size_t i = 0; i < policy->setting_count; i++) {
		const struct setting *setting = &policy->settings[i];

		if (strcmp(setting->name, "address-family") != 0)
			continue;
		if (!is_family(setting->value)) {
			buf_truncate(out, start);
			return;
		}
		AUTO_FREE char *name = xasprintf("AF_%s", setting->value);
		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		add_word(out, "RestrictAddressFamilies=", name, &line);
	}
	end_words(out, "RestrictAddressFamilies=", "none", line);
}

/* systemd.syntax(7): in double quotes, where "\" quotes one byte; "%" begins a specifier. */
static void add_path(const char *path, struct buf *out)
{
	buf_adds(out, "ReadWritePaths=\"-");
	for (const char *c = path; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_addc(out, '\\');
		else if (*c == '%')
			buf_addc(out, '%');
		buf_addc(out, *c);
	}
	buf_adds(out, "\"\n");
}

/* Where the root itself is written to, /usr, /boot and /efi at least are not, if it is so. */
static void add_files(const struct policy *policy, struct buf *out)
{
	struct emit_mounts mounts;

	emit_mounts_make(policy, SINK_TEXT, &mounts);
	if (mounts.read_only)
		buf_adds(out, "ProtectSystem=strict\n");
	else if (!touches(policy, "/usr/", true) && !touches(policy, "/boot/", true) &&
		 !touches(policy, "/efi/", true))
		buf_adds(out, "ProtectSystem=yes\n");
	for (size_t i = 0; i < mounts.count; i++)
		add_path(mounts.list[i].path, out);
	emit_mounts_free(&mounts);
	if (!uses_devices(policy))
		buf_adds(out, "PrivateDevices=yes\n");
}

int emit_systemd(const struct policy *policy, struct buf *out, struct error *err)
{
	const struct policy_options *options = &policy->options;

	if (emit_check_words(policy, err) < 0)
		return -1;
	emit_setting_comments(policy, out);
	comment_added(policy, out);
	buf_adds(out, "[Service]\n");
	add_calls(policy, out);
	add_capabilities(policy, out);
	buf_addf(out, "NoNewPrivileges=%s\n", emit_no_new_privileges(policy) ? "yes" : "no");
	if (options->apparmor)
		buf_addf(out, "AppArmorProfile=%s\n", options->name);
	add_families(policy, out);
	if (emit_has_setting(policy, "network", "none"))
		buf_adds(out, "PrivateNetwork=yes\n");
	if (emit_value(policy, "memory"))
		buf_addf(out, "MemoryMax=%s\n", emit_value(policy, "memory"));
	if (emit_value(policy, "pids-limit"))
		buf_addf(out, "TasksMax=%s\n", emit_value(policy, "pids-limit"));
	add_files(policy, out);
	add_restrictions(policy, out);
	return 0;
}
