/* The array "syscalls" of a seccomp profile, as the OCI and Docker forms have it. */
#include <emit/emit.h>

#include <string.h>

static const struct {
	const char *name, *source;
} fallbacks[] = {
#include <fallback.inc>
};

static bool is_allowed(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->seccomp_count; i++)
		if (strcmp(policy->seccomp[i].name, name) == 0)
			return true;
	return false;
}

const char *emit_fallback(const struct policy *policy, size_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(fallbacks); i++)
		if (!is_allowed(policy, fallbacks[i].name) && index-- == 0)
			return fallbacks[i].name;
	return NULL;
}

/* The forms have no way to say a number; derive notes it. */
static bool belongs(const struct seccomp_rule *rule, const struct entry *entry)
{
	return syscall_is_named(rule->name) && (rule->groups & entry->groups) &&
	       !(rule->groups & entry->not_of);
}

/* What stands before and after the names of an entry. */
static void open_entry(bool comma, struct buf *out)
{
	buf_addf(out, "%s\t\t{\n\t\t\t\"names\": [\n\t\t\t\t", comma ? ",\n" : "\n");
}

static void close_entry(const char *comment, struct buf *out)
{
	if (comment) {
		buf_adds(out, ",\n\t\t\t\"comment\": ");
		emit_json_string(out, comment);
	}
	buf_adds(out, "\n\t\t}");
}

static void allow_entry(const struct entry *entry, const struct arg_condition *condition,
			struct buf *out)
{
	buf_adds(out, "\n\t\t\t],\n\t\t\t\"action\": \"SCMP_ACT_ALLOW\"");
	if (condition)
		buf_addf(out,
			 ",\n\t\t\t\"args\": [\n\t\t\t\t{ \"index\": %u, \"value\": %llu, "
			 "\"valueTwo\": %llu, \"op\": \"SCMP_CMP_MASKED_EQ\" }\n\t\t\t]",
			 condition->index, (unsigned long long)condition->mask,
			 (unsigned long long)condition->value);
	close_entry(entry->comment, out);
}

/* The calls that are granted whatever their arguments, in one. True if some entry is there now. */
static bool add_plain(const struct policy *policy, const struct entry *entry, bool comma,
		      struct buf *out)
{
	bool some = false;

	for (size_t i = 0; i < policy->seccomp_count; i++) {
		const struct seccomp_rule *rule = &policy->seccomp[i];

		if (!belongs(rule, entry) || rule->condition_count)
			continue;
		if (some)
			buf_adds(out, ",\n\t\t\t\t");
		else
			open_entry(comma, out);
		emit_json_string(out, rule->name);
		some = true;
	}
	if (some)
		allow_entry(entry, NULL, out);
	return some || comma;
}

/* Alternatives are entries of their own: two conditions in one would both have to hold, or, on the
 * same argument, be taken apart by the runtimes anyway. */
static bool add_conditional(const struct policy *policy, const struct entry *entry, bool comma,
			    struct buf *out)
{
	for (size_t i = 0; i < policy->seccomp_count; i++) {
		const struct seccomp_rule *rule = &policy->seccomp[i];

		for (size_t k = 0; belongs(rule, entry) && k < rule->condition_count; k++) {
			open_entry(comma, out);
			emit_json_string(out, rule->name);
			allow_entry(entry, &rule->conditions[k], out);
			comma = true;
		}
	}
	return comma;
}

/* The default says the same; but Docker before 23 does not read it, and says EPERM. */
static void add_missing(const struct policy *policy, const char *comment, bool comma,
			struct buf *out)
{
	const char *name = emit_fallback(policy, 0);

	if (!name)
		return;
	open_entry(comma, out);
	emit_json_string(out, name);
	for (size_t i = 1; (name = emit_fallback(policy, i)); i++) {
		buf_adds(out, ",\n\t\t\t\t");
		emit_json_string(out, name);
	}
	buf_addf(out, "\n\t\t\t],\n\t\t\t\"action\": \"SCMP_ACT_ERRNO\",\n\t\t\t\"errnoRet\": %d",
		 ERRNO_ENOSYS);
	close_entry(comment, out);
}

void emit_entries(const struct policy *policy, const struct entry *entries, size_t count,
		  const char *missing, struct buf *out)
{
	bool some = false;

	buf_adds(out, "\t\"syscalls\": [");
	for (size_t i = 0; i < count; i++) {
		some = add_plain(policy, &entries[i], some, out);
		some = add_conditional(policy, &entries[i], some, out);
	}
	add_missing(policy, missing, some, out);
	buf_adds(out, "\n\t]\n");
}
