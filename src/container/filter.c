/* The filter that reports every call of a container, in the form that its runtime takes. */
#include <whittle/container.h>

#include <jansson.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <whittle/arch.h>

/*
 * Since when a runtime takes a filter that reports all: SCMP_ACT_NOTIFY as the default action, and
 * flags. A runtime that is in no row gets what all of them take. The listener is sent to whittle by
 * another process only since crun 1.6 (NEWS); before, and in runc, the thread that is filtered has
 * to make calls for it.
 */
static const struct {
	const char *name;
	unsigned int major, minor;
} report_all[] = {
	{ "crun", 1, 7 },
};

/*
 * What others cannot report, with "#" for the calls that libseccomp has no name for. runc takes no
 * notification of write(2) (libcontainer/seccomp): by it the filtered thread says that there is a
 * listener. What Go's runtime may call there before that would never be answered (1.1.5: futex and
 * rt_sigreturn seen; the others as Go's scheduler, signals and heap have it).
 */
static const char *const unseen[] = {
	"#", "futex", "madvise", "nanosleep", "rt_sigreturn", "sched_yield", "tgkill", "write",
};

static bool reports_all(const char *version)
{
	for (size_t i = 0; i < ARRAY_SIZE(report_all); i++) {
		size_t length = strlen(report_all[i].name);
		unsigned int major = 0, minor = 0;

		if (strncmp(version, report_all[i].name, length) != 0 ||
		    sscanf(version + length, " version %u.%u", &major, &minor) != 2)
			continue;
		if (major > report_all[i].major ||
		    (major == report_all[i].major && minor >= report_all[i].minor))
			return true;
	}
	return false;
}

/* Appends what is plain of a word: it becomes part of a list with marks of its own. */
static void add_plain(const char *word, size_t length, struct buf *out)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~_-";

	for (size_t i = 0; i < length && i < 64; i++)
		if (word[i] && strchr(plain, word[i]))
			buf_addc(out, word[i]);
}

/* "crun version 1.8.1" -> "runtime=crun;version=1.8.1" */
static void add_version(const char *line, struct buf *out)
{
	static const char middle[] = " version ";
	const char *version = strstr(line, middle);

	buf_adds(out, "runtime=");
	add_plain(line, version ? (size_t)(version - line) : strcspn(line, " "), out);
	buf_adds(out, ";version=");
	if (version)
		add_plain(version + strlen(middle), strcspn(version + strlen(middle), " "), out);
}

static json_t *string(const char *text)
{
	return xchecked(json_string_nocheck(text));
}

static json_t *strings(const char *const *words, size_t count)
{
	json_t *array = xchecked(json_array());

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, string(words[i]));
	return array;
}

/* All ways into the kernel of this machine: a call by one that is not listed kills the process. */
static json_t *architectures(void)
{
	const struct abi *native = abi_of_machine(NULL);
	json_t *array = xchecked(json_array());

	for (const struct abi *abi = abis; native && abi->name; abi++)
		if (strcmp(abi->family, native->family) == 0)
			json_array_append_new(array, string(abi->oci));
	return array;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **list;
	size_t count;
};

/* The gaps between the numbers of an ABI are smaller than this. */
enum { NUMBERS = 4096 };

static void add_names(const struct abi *abi, struct names *names)
{
	for (int nr = 0; nr < NUMBERS; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(abi->seccomp, nr | (int)abi->bit);

		if (!name)
			continue;
		names->list = xrealloc(names->list, names->count + 1, sizeof(*names->list));
		names->list[names->count++] = name;
	}
}

static bool is_unseen(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(unseen); i++)
		if (strcmp(unseen[i], name) == 0)
			return true;
	return false;
}

/* Is the call let run, whatever its arguments are? */
static bool is_known(const json_t *known, const char *name)
{
	const json_t *rule, *other;
	size_t i, j;

	json_array_foreach(known, i, rule)
	{
		if (json_object_get(rule, "args"))
			continue;
		json_array_foreach(json_object_get(rule, "names"), j, other)
		{
			if (strcmp(json_string_value(other), name) == 0)
				return true;
		}
	}
	return false;
}

/* Every name that libseccomp knows here, but those. */
static json_t *all_names(const json_t *known)
{
	const struct abi *native = abi_of_machine(NULL);
	json_t *array = xchecked(json_array());
	struct names names = { NULL, 0 };

	for (const struct abi *abi = abis; native && abi->name; abi++)
		if (strcmp(abi->family, native->family) == 0)
			add_names(abi, &names);
	if (names.count)
		qsort(names.list, names.count, sizeof(*names.list), compare);
	for (size_t i = 0; i < names.count; i++) {
		bool again = i > 0 && strcmp(names.list[i], names.list[i - 1]) == 0;

		if (!again && !is_unseen(names.list[i]) && !is_known(known, names.list[i]))
			json_array_append_new(array, string(names.list[i]));
	}
	for (size_t i = 0; i < names.count; i++)
		free(names.list[i]);
	free(names.list);
	return array;
}

static json_t *report_names(json_t *names)
{
	json_t *rule = xchecked(json_object()), *rules = xchecked(json_array());

	json_object_set_new(rule, "names", names);
	json_object_set_new(rule, "action", string("SCMP_ACT_NOTIFY"));
	json_array_append_new(rules, rule);
	return rules;
}

static void add_unseen(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(unseen); i++)
		buf_addf(out, "%s%s", i ? "," : ";unseen=", unseen[i]);
}

/* Which calls are reported; all says whether the runtime takes a filter that reports all. */
static void add_rules(const struct recording *recording, bool all, json_t *filter)
{
	static const char *const starts[] = { "execve", "execveat" };
	json_t *known = recording->known ? json_loads(recording->known, 0, NULL) : NULL;

	if (recording->attach)
		json_object_set_new(filter, "syscalls",
				    report_names(strings(starts, ARRAY_SIZE(starts))));
	else if (!all)
		json_object_set_new(filter, "syscalls", report_names(all_names(known)));
	else if (known)
		json_object_set(filter, "syscalls", known);
	json_decref(known);
}

void recording_filter(const struct recording *recording, struct buf *ret_text)
{
	static const char *const flags[] = { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" };
	AUTO_BUF struct buf metadata = BUF_INIT;
	bool all = reports_all(recording->version);
	json_t *filter = xchecked(json_object());

	buf_adds(&metadata, "whittle:");
	add_version(recording->version, &metadata);
	if (recording->attach)
		buf_adds(&metadata, ";engine=ptrace");
	else if (!all)
		add_unseen(&metadata);
	if (recording->known)
		buf_adds(&metadata, ";known=1");
	json_object_set_new(filter, "defaultAction",
			    string(all && !recording->attach ? "SCMP_ACT_NOTIFY"
							     : "SCMP_ACT_ALLOW"));
	json_object_set_new(filter, "architectures", architectures());
	if (all && recording->wait_killable)
		json_object_set_new(filter, "flags", strings(flags, ARRAY_SIZE(flags)));
	json_object_set_new(filter, "listenerPath", string(recording->socket));
	json_object_set_new(filter, "listenerMetadata", string(buf_text(&metadata)));
	add_rules(recording, all, filter);
	AUTO_FREE char *text = xchecked(json_dumps(filter, JSON_COMPACT));
	buf_adds(ret_text, text);
	json_decref(filter);
}
