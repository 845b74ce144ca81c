/* A service of a Compose file (compose-spec), to be merged with the user's: `docker compose -f`. */
#include <emit/emit.h>

#include <string.h>

/* Compose replaces $NAME in every value; "$$" is a dollar. */
static void add_text(struct yaml *yaml, const char *text)
{
	AUTO_BUF struct buf escaped = BUF_INIT;

	for (const char *c = text; *c; c++)
		buf_addf(&escaped, *c == '$' ? "$$" : "%c", *c);
	yaml_text(yaml, buf_text(&escaped));
}

/* buf_addf() with what the name or file in the options is; as one text of the list. */
static void add_option(struct yaml *yaml, const char *start, const char *value)
{
	AUTO_FREE char *text = xasprintf("%s%s", start, value);

	add_text(yaml, text);
}

static void add_security(const struct policy *policy, struct yaml *yaml)
{
	const struct policy_options *options = &policy->options;

	yaml_word(yaml, "security_opt");
	yaml_begin_list(yaml);
	add_option(yaml, "seccomp=", options->seccomp ? options->seccomp : "seccomp.json");
	if (options->apparmor)
		add_option(yaml, "apparmor=", options->name);
	if (emit_no_new_privileges(policy))
		yaml_text(yaml, "no-new-privileges=true");
	yaml_end_list(yaml);
	yaml_word(yaml, "cap_drop");
	yaml_begin_list(yaml);
	yaml_word(yaml, "ALL");
	yaml_end_list(yaml);
	if (!policy->capability_count)
		return;
	yaml_word(yaml, "cap_add");
	yaml_begin_list(yaml);
	for (size_t i = 0; i < policy->capability_count; i++)
		yaml_word(yaml, policy->capabilities[i].name);
	yaml_end_list(yaml);
}

/* In the long form no character of the path means anything. */
static void add_mounts(const struct policy *policy, struct yaml *yaml)
{
	struct emit_mounts mounts;

	emit_mounts_make(policy, SINK_TEXT, &mounts);
	if (mounts.read_only)
		yaml_pair(yaml, "read_only", "true");
	size_t scratch = 0;
	for (size_t i = 0; i < mounts.count; i++)
		scratch += mounts.list[i].tmpfs;
	if (scratch) {
		yaml_word(yaml, "tmpfs");
		yaml_begin_list(yaml);
		for (size_t i = 0; i < mounts.count; i++)
			if (mounts.list[i].tmpfs)
				add_option(yaml, mounts.list[i].path,
					   mounts.list[i].executed ? ":exec" : "");
		yaml_end_list(yaml);
	}
	if (scratch < mounts.count) {
		yaml_word(yaml, "volumes");
		yaml_begin_list(yaml);
		for (size_t i = 0; i < mounts.count; i++) {
			if (mounts.list[i].tmpfs)
				continue;
			yaml_begin_map(yaml);
			yaml_pair(yaml, "type", "volume");
			yaml_word(yaml, "target");
			add_text(yaml, mounts.list[i].path);
			yaml_end_map(yaml);
		}
		yaml_end_list(yaml);
	}
	emit_mounts_free(&mounts);
}

static void add_limits(const struct policy *policy, struct yaml *yaml)
{
	const char *memory = emit_value(policy, "memory");
	const char *tasks = emit_value(policy, "pids-limit"), *user = emit_value(policy, "user");

	if (emit_next_group(policy, NULL)) {
		yaml_word(yaml, "group_add");
		yaml_begin_list(yaml);
		for (const char *group = NULL; (group = emit_next_group(policy, group));)
			yaml_text(yaml, group);
		yaml_end_list(yaml);
	}
	if (memory)
		yaml_pair_text(yaml, "mem_limit", memory);
	if (tasks)
		yaml_pair(yaml, "pids_limit", tasks);
	if (user)
		yaml_pair_text(yaml, "user", user);
}

int emit_compose(const struct policy *policy, struct buf *out, struct error *err)
{
	AUTO_BUF struct buf label = BUF_INIT;

	emit_label(policy, &label);
	emit_setting_comments(policy, out);
	buf_adds(out,
		 "# `whittle emit oci -o seccomp.json` makes the filter; its path begins at the "
		 "project's directory\n# (--seccomp FILE chooses another). --name NAME: as your "
		 "service is called.\n");
	struct yaml *yaml = yaml_open(out);

	yaml_begin_document(yaml);
	yaml_begin_map(yaml);
	yaml_word(yaml, "services");
	yaml_begin_map(yaml);
	yaml_text(yaml, buf_text(&label));
	yaml_begin_map(yaml);
	add_security(policy, yaml);
	if (emit_has_setting(policy, "network", "none"))
		yaml_pair_text(yaml, "network_mode", "none");
	add_limits(policy, yaml);
	add_mounts(policy, yaml);
	yaml_end_map(yaml);
	yaml_end_map(yaml);
	yaml_end_map(yaml);
	yaml_end_document(yaml);
	return yaml_close(yaml, err);
}
