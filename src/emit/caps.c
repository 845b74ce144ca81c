/* capabilities.txt: one name a line, with the cause as a comment; and as sets of OCI. */
#include <emit/emit.h>

#include <jansson.h>

int emit_caps(const struct policy *policy, struct buf *out, struct error *err)
{
	(void)err;
	emit_warnings(policy, "# ", out);
	if (!policy->capability_count)
		buf_adds(out, "# No capability was needed: all can be dropped.\n");
	for (size_t i = 0; i < policy->capability_count; i++) {
		const struct capability_rule *rule = &policy->capabilities[i];

		buf_adds(out, rule->name);
		if (rule->why.count)
			buf_addf(out, "  # %s; %s", rule->known, rule->why.line[0]);
		if (rule->why.count > 1)
			buf_addf(out, " and %zu more", rule->why.count - 1);
		if (*rule->others)
			buf_addf(out, " (would do too: %s)", rule->others);
		if (rule->by_file)
			buf_adds(out, " (bounding set only: a set-id or capable file gets it)");
		buf_addc(out, '\n');
	}
	return 0;
}

/* The names of all, or of those that are needed at once. */
static json_t *names_json(const struct policy *policy, bool at_once)
{
	json_t *names = json_array();

	for (size_t i = 0; i < policy->capability_count; i++)
		if (!at_once || !policy->capabilities[i].by_file)
			json_array_append_new(names, json_string(policy->capabilities[i].name));
	return names;
}

/* The sets that need a capability: of root, and of another user (capabilities(7)). */
static json_t *sets_json(const struct capability_rule *rule, bool root)
{
	if (rule->by_file)
		return json_pack("[s]", "bounding");
	return root ? json_pack("[sss]", "bounding", "effective", "permitted")
		    : json_pack("[sssss]", "bounding", "effective", "permitted", "inheritable",
				"ambient");
}

/* It is to be merged into a config.json: enough to see why; policy.json has them all. */
enum { CAUSES_MAX = 8 };

static json_t *causes_json(const struct capability_rule *rule)
{
	json_t *causes = json_array();

	for (size_t i = 0; i < rule->cause_count && i < CAUSES_MAX; i++) {
		const struct capability_cause *cause = &rule->causes[i];

		json_array_append_new(causes, json_pack("{s:s, s:s, s:s, s:s}", "call", cause->call,
							"object", cause->object, "program",
							cause->program, "site", cause->site));
	}
	return causes;
}

/* Why each is there; runtimes pass over what they do not know (config.md, "Extensibility"). */
static json_t *reasons_json_of(const struct policy *policy)
{
	json_t *reasons = json_object();

	for (size_t i = 0; i < policy->capability_count; i++) {
		const struct capability_rule *rule = &policy->capabilities[i];
		json_t *reason = json_pack("{s:s, s:o, s:o, s:o}", "known", rule->known,
					   "sets_of_root", sets_json(rule, true), "sets_of_user",
					   sets_json(rule, false), "causes", causes_json(rule));

		if (rule->cause_count > CAUSES_MAX)
			json_object_set_new(reason, "more",
					    json_integer(
						    (json_int_t)(rule->cause_count - CAUSES_MAX)));
		json_object_set_new(reasons, rule->name, reason);
	}
	return reasons;
}

/*
 * process.capabilities of the runtime specification, config.md. Root has by execve(2) what is in
 * the bounding set; another user keeps only what is ambient, and so inheritable. These are for
 * root: with process.user.uid other than 0, the last two are what is effective.
 */
int emit_caps_oci(const struct policy *policy, struct buf *out, struct error *err)
{
	json_t *sets = json_pack("{s:{s:{s:o, s:o, s:o, s:[], s:[]}}, s:{s:o}}", "process",
				 "capabilities", "bounding", names_json(policy, false), "effective",
				 names_json(policy, true), "permitted", names_json(policy, true),
				 "inheritable", "ambient", "whittle", "capabilities",
				 reasons_json_of(policy));
	AUTO_FREE char *text = sets ? json_dumps(sets, JSON_PRESERVE_ORDER | JSON_INDENT(1)) : NULL;

	(void)err;
	json_decref(sets);
	buf_addf(out, "%s\n", text ? text : "null");
	return 0;
}
