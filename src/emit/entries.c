/* The array "syscalls" of a seccomp profile, as the OCI and Docker forms have it. */
#include <emit/emit.h>

/* Names starting with '#' are numbers, which the forms have no way to say; derive notes them. */
static bool belongs(const struct seccomp_rule *rule, const struct entry *entry)
{
	return rule->name[0] != '#' && (rule->groups & entry->groups) &&
	       !(rule->groups & entry->not_of);
}

/* What stands before and after the names of an entry. */
static void open_entry(bool comma, struct buf *out)
{
	buf_addf(out, "%s\t\t{\n\t\t\t\"names\": [\n\t\t\t\t", comma ? ",\n" : "\n");
}

static void close_entry(const struct entry *entry, const struct arg_condition *condition,
			struct buf *out)
{
	buf_adds(out, "\n\t\t\t],\n\t\t\t\"action\": \"SCMP_ACT_ALLOW\"");
	if (condition)
		buf_addf(out,
			 ",\n\t\t\t\"args\": [\n\t\t\t\t{ \"index\": %u, \"value\": %llu, "
			 "\"valueTwo\": %llu, \"op\": \"SCMP_CMP_MASKED_EQ\" }\n\t\t\t]",
			 condition->index, (unsigned long long)condition->mask,
			 (unsigned long long)condition->value);
	if (entry->comment) {
		buf_adds(out, ",\n\t\t\t\"comment\": ");
		emit_json_string(out, entry->comment);
	}
	buf_adds(out, "\n\t\t}");
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
		close_entry(entry, NULL, out);
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
			close_entry(entry, &rule->conditions[k], out);
			comma = true;
		}
	}
	return comma;
}

void emit_entries(const struct policy *policy, const struct entry *entries, size_t count,
		  struct buf *out)
{
	bool some = false;

	buf_adds(out, "\t\"syscalls\": [");
	for (size_t i = 0; i < count; i++) {
		some = add_plain(policy, &entries[i], some, out);
		some = add_conditional(policy, &entries[i], some, out);
	}
	buf_adds(out, "\n\t]\n");
}
