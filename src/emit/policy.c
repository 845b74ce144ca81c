/* The policy itself as JSON: one rule a line, each with its reasons. */
#include <emit/emit.h>

#include <jansson.h>
#include <string.h>

#define POLICY_SCHEMA "whittle-policy/6"

static json_t *reasons_json(const struct reasons *reasons)
{
	json_t *list = json_array();

	for (size_t i = 0; i < reasons->count; i++)
		if (json_array_append_new(list, json_string(reasons->line[i])) < 0) {
			json_decref(list);
			return NULL; /* no UTF-8: what holds it fails too */
		}
	return list;
}

static json_t *abis_json(const struct abi *const *list, size_t count)
{
	json_t *names = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(names, json_string(list[i]->name));
	return names;
}

static json_t *conditions_json(const struct seccomp_rule *rule)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rule->condition_count; i++) {
		AUTO_BUF struct buf text = BUF_INIT;

		arg_condition_print(&rule->conditions[i], &text);
		json_array_append_new(list, json_string(buf_text(&text)));
	}
	return list;
}

static json_t *seccomp_json(const struct policy *policy, size_t index)
{
	const struct seccomp_rule *rule = &policy->seccomp[index];
	json_t *groups = json_array();

	if (rule->groups & GROUP_PROGRAM)
		json_array_append_new(groups, json_string("program"));
	if (rule->groups & GROUP_IMPLIED)
		json_array_append_new(groups, json_string("implied"));
	if (rule->groups & GROUP_FLOOR)
		json_array_append_new(groups, json_string("floor"));
	return json_pack("{s:s, s:o, s:o, s:o, s:b, s:o, s:o}", "name", rule->name, "groups",
			 groups, "abis", abis_json(rule->abis, rule->abi_count), "arguments",
			 conditions_json(rule), "refused", (int)rule->refused, "void",
			 reasons_json(&rule->voided), "why", reasons_json(&rule->why));
}

static json_t *capability_json(const struct policy *policy, size_t index)
{
	const struct capability_rule *rule = &policy->capabilities[index];

	return json_pack("{s:s, s:s, s:b, s:b, s:s, s:o}", "name", rule->name, "alternatives",
			 rule->others, "by_file", (int)rule->by_file, "proven", (int)rule->proven,
			 "known", rule->known, "why", reasons_json(&rule->why));
}

static const char *const class_names[] = {
	[APPARMOR_FILE] = "file",
	[APPARMOR_LINK] = "link",
	[APPARMOR_CAPABILITY] = "capability",
	[APPARMOR_NETWORK] = "network",
	[APPARMOR_UNIX] = "unix",
	[APPARMOR_SIGNAL] = "signal",
	[APPARMOR_PTRACE] = "ptrace",
	[APPARMOR_MOUNT] = "mount",
	[APPARMOR_REMOUNT] = "remount",
	[APPARMOR_UMOUNT] = "umount",
	[APPARMOR_PIVOT_ROOT] = "pivot_root",
	[APPARMOR_CHANGE_PROFILE] = "change_profile",
	[APPARMOR_USERNS] = "userns",
	[APPARMOR_IO_URING] = "io_uring",
	[APPARMOR_MQUEUE] = "mqueue",
};

static json_t *apparmor_json(const struct policy *policy, size_t index)
{
	const struct apparmor_rule *rule = &policy->apparmor[index];

	return json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:o}", "profile",
			 policy->apparmor_profiles[rule->profile].name, "class",
			 class_names[rule->class], "owner", (int)rule->owner, "perms", rule->perms,
			 "name", rule->name, "target", rule->target, "detail", rule->detail, "why",
			 reasons_json(&rule->why));
}

static const char *const label_names[] = {
	[SETTING_OBSERVED] = "observed",
	[SETTING_ABSENT] = "absent",
	[SETTING_DECIDE] = "needs decision",
};

static json_t *setting_json(const struct policy *policy, size_t index)
{
	const struct setting *setting = &policy->settings[index];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "name", setting->name, "value",
			 setting->value, "detail", setting->detail, "label",
			 label_names[setting->label], "cis", setting->cis, "why",
			 reasons_json(&setting->why));
}

static json_t *note_json(const struct policy *policy, size_t index)
{
	return json_string(policy->notes.line[index]);
}

static json_t *program_json(const struct policy *policy, size_t index)
{
	const char *path = policy->programs.line[index];
	const char *attribution = "complete";

	for (size_t i = 0; i < policy->unattributed.count; i++)
		if (strcmp(policy->unattributed.line[i], path) == 0)
			attribution = "incomplete";
	return json_pack("{s:s, s:s}", "path", path, "attribution", attribution);
}

/* Appends a value on one line. False if it was no value (bytes that are no UTF-8). */
static bool add_value(struct buf *out, json_t *value)
{
	AUTO_FREE char *dump =
		value ? json_dumps(value, JSON_ENCODE_ANY | JSON_PRESERVE_ORDER) : NULL;

	json_decref(value);
	buf_adds(out, dump ? dump : "null");
	return dump != NULL;
}

static const struct section {
	const char *name;
	size_t count; /* offset of the count in struct policy */
	json_t *(*row)(const struct policy *policy, size_t index);
} sections[] = {
	{ "programs", offsetof(struct policy, programs.count), program_json },
	{ "seccomp", offsetof(struct policy, seccomp_count), seccomp_json },
	{ "capabilities", offsetof(struct policy, capability_count), capability_json },
	{ "apparmor", offsetof(struct policy, apparmor_count), apparmor_json },
	{ "settings", offsetof(struct policy, setting_count), setting_json },
	{ "notes", offsetof(struct policy, notes.count), note_json },
};

static bool add_section(const struct policy *policy, const struct section *section, bool last,
			struct buf *out)
{
	size_t count = *(const size_t *)((const char *)policy + section->count);
	bool good = true;

	buf_addf(out, "\"%s\": [", section->name);
	for (size_t i = 0; i < count; i++) {
		buf_adds(out, i ? ",\n" : "\n");
		good &= add_value(out, section->row(policy, i));
	}
	buf_addf(out, "%s]%s\n", count ? "\n" : "", last ? "" : ",");
	return good;
}

int emit_policy(const struct policy *policy, struct buf *out, struct error *err)
{
	const struct policy_options *options = &policy->options;
	bool good = true;

	buf_adds(out, "{\n\"schema\": \"" POLICY_SCHEMA "\",\n\"options\": ");
	good &= add_value(out,
			  json_pack("{s:s, s:s, s:s, s:s?, s:s, s:b, s:b, s:s, s:s}", "runtime",
				    options->runtime, "no_new_privileges",
				    options->no_new_privileges, "name", options->name, "attach",
				    options->attach, "exec", exec_mode_words[options->exec],
				    "keep_environment", (int)options->keep_environment, "complain",
				    (int)options->complain, "form",
				    options->host ? "host" : "container", "abi",
				    options->abi4 ? "4.0" : "3.0"));
	buf_addf(out, ",\n\"complete\": %s,\n\"facets\": \"%s\",\n\"abis\": ",
		 policy->complete ? "true" : "false", policy->facet_list);
	good &= add_value(out, abis_json(policy->abis, policy->abi_count));
	buf_adds(out, ",\n");
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		good &= add_section(policy, &sections[i], i + 1 == ARRAY_SIZE(sections), out);
	buf_adds(out, "}\n");
	if (!good)
		return fail(err, ERROR_INPUT, 0, "the policy holds text that is no UTF-8");
	return 0;
}
