/*
 * A Pod with the security context of its container (core/v1), and a NetworkPolicy that allows
 * nothing if no network was used. The image is the user's to name.
 */
#include <emit/emit.h>

#include <string.h>

#define LABEL_KEY "app.kubernetes.io/name"

/* {type: Localhost, localhostProfile: VALUE} */
static void add_profile(struct yaml *yaml, const char *key, const char *value)
{
	yaml_word(yaml, key);
	yaml_begin_map(yaml);
	yaml_pair(yaml, "type", "Localhost");
	yaml_pair_text(yaml, "localhostProfile", value);
	yaml_end_map(yaml);
}

/* Kubernetes' names have no CAP_. */
static void add_capabilities(const struct policy *policy, struct yaml *yaml)
{
	yaml_word(yaml, "capabilities");
	yaml_begin_map(yaml);
	if (policy->capability_count) {
		yaml_word(yaml, "add");
		yaml_begin_list(yaml);
		for (size_t i = 0; i < policy->capability_count; i++) {
			const char *name = policy->capabilities[i].name;

			yaml_word(yaml, strncmp(name, "CAP_", 4) == 0 ? name + 4 : name);
		}
		yaml_end_list(yaml);
	}
	yaml_word(yaml, "drop");
	yaml_begin_list(yaml);
	yaml_word(yaml, "ALL");
	yaml_end_list(yaml);
	yaml_end_map(yaml);
}

/* The API refuses `allowPrivilegeEscalation: false` beside CAP_SYS_ADMIN (core validation). */
static bool may_escalate(const struct policy *policy)
{
	return !emit_no_new_privileges(policy) || emit_has_capability(policy, "CAP_SYS_ADMIN");
}

/* Only a number lets the kubelet see that it is not root. */
static void add_user(const struct policy *policy, struct yaml *yaml)
{
	const char *user = emit_value(policy, "user");

	if (!user)
		return;
	AUTO_FREE char *uid = xstrndup(user, strcspn(user, ":"));
	yaml_pair(yaml, "runAsGroup", user + strcspn(user, ":") + 1);
	yaml_pair(yaml, "runAsNonRoot", "true");
	yaml_pair(yaml, "runAsUser", uid);
}

/* The value's M is binary, Kubernetes' is not. */
static void add_resources(const struct policy *policy, struct yaml *yaml)
{
	const char *memory = emit_value(policy, "memory");

	if (!memory)
		return;
	AUTO_FREE char *limit = xasprintf("%si", memory);
	yaml_word(yaml, "resources");
	yaml_begin_map(yaml);
	yaml_word(yaml, "limits");
	yaml_begin_map(yaml);
	yaml_pair_text(yaml, "memory", limit);
	yaml_end_map(yaml);
	yaml_end_map(yaml);
}

static void add_context(const struct policy *policy, bool read_only, struct yaml *yaml)
{
	const struct policy_options *options = &policy->options;
	AUTO_FREE char *file =
		options->seccomp ? xstrdup(options->seccomp) : xasprintf("%s.json", options->name);

	yaml_word(yaml, "securityContext");
	yaml_begin_map(yaml);
	yaml_pair(yaml, "allowPrivilegeEscalation", may_escalate(policy) ? "true" : "false");
	if (options->apparmor)
		add_profile(yaml, "appArmorProfile", options->name);
	add_capabilities(policy, yaml);
	yaml_pair(yaml, "readOnlyRootFilesystem", read_only ? "true" : "false");
	add_user(policy, yaml);
	add_profile(yaml, "seccompProfile", file);
	yaml_end_map(yaml);
}

/* An emptyDir hides what the image has there: with that in use the root must stay writable. */
static bool hides(const struct emit_mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++)
		if (mounts->list[i].filled)
			return true;
	return false;
}

static void add_volume_mounts(const struct emit_mounts *mounts, struct yaml *yaml)
{
	if (!mounts->count)
		return;
	yaml_word(yaml, "volumeMounts");
	yaml_begin_list(yaml);
	for (size_t i = 0; i < mounts->count; i++) {
		AUTO_FREE char *name = xasprintf("writable-%zu", i);

		yaml_begin_map(yaml);
		yaml_pair_text(yaml, "mountPath", mounts->list[i].path);
		yaml_pair(yaml, "name", name);
		yaml_end_map(yaml);
	}
	yaml_end_list(yaml);
}

static void add_volumes(const struct emit_mounts *mounts, struct yaml *yaml)
{
	if (!mounts->count)
		return;
	yaml_word(yaml, "volumes");
	yaml_begin_list(yaml);
	for (size_t i = 0; i < mounts->count; i++) {
		AUTO_FREE char *name = xasprintf("writable-%zu", i);

		yaml_begin_map(yaml);
		yaml_word(yaml, "emptyDir");
		yaml_begin_map(yaml);
		if (mounts->list[i].tmpfs)
			yaml_pair(yaml, "medium", "Memory");
		yaml_end_map(yaml);
		yaml_pair(yaml, "name", name);
		yaml_end_map(yaml);
	}
	yaml_end_list(yaml);
}

void emit_begin_object(struct yaml *yaml, const char *version, const char *kind, const char *label,
		       const char *label_key)
{
	yaml_begin_document(yaml);
	yaml_begin_map(yaml);
	yaml_pair(yaml, "apiVersion", version);
	yaml_pair(yaml, "kind", kind);
	yaml_word(yaml, "metadata");
	yaml_begin_map(yaml);
	if (label_key) {
		yaml_word(yaml, "labels");
		yaml_begin_map(yaml);
		yaml_pair_text(yaml, label_key, label);
		yaml_end_map(yaml);
	}
	yaml_pair_text(yaml, "name", label);
	yaml_end_map(yaml);
	yaml_word(yaml, "spec");
	yaml_begin_map(yaml);
}

void emit_end_object(struct yaml *yaml)
{
	yaml_end_map(yaml);
	yaml_end_map(yaml);
	yaml_end_document(yaml);
}

/* Of the Pod: a container has none of its own. */
static void add_groups(const struct policy *policy, struct yaml *yaml)
{
	if (!emit_next_group(policy, NULL))
		return;
	yaml_word(yaml, "securityContext");
	yaml_begin_map(yaml);
	yaml_word(yaml, "supplementalGroups");
	yaml_begin_list(yaml);
	for (const char *group = NULL; (group = emit_next_group(policy, group));)
		yaml_word(yaml, group);
	yaml_end_list(yaml);
	yaml_end_map(yaml);
}

static void add_pod(const struct policy *policy, const char *label,
		    const struct emit_mounts *mounts, struct yaml *yaml)
{
	emit_begin_object(yaml, "v1", "Pod", label, LABEL_KEY);
	yaml_word(yaml, "containers");
	yaml_begin_list(yaml);
	yaml_begin_map(yaml);
	yaml_pair(yaml, "image", "IMAGE");
	yaml_pair_text(yaml, "name", label);
	add_resources(policy, yaml);
	add_context(policy, mounts->read_only, yaml);
	add_volume_mounts(mounts, yaml);
	yaml_end_map(yaml);
	yaml_end_list(yaml);
	add_groups(policy, yaml);
	add_volumes(mounts, yaml);
	emit_end_object(yaml);
}

/* Both directions named, none allowed. */
static void add_network_policy(const char *label, struct yaml *yaml)
{
	emit_begin_object(yaml, "networking.k8s.io/v1", "NetworkPolicy", label, NULL);
	yaml_word(yaml, "podSelector");
	yaml_begin_map(yaml);
	yaml_word(yaml, "matchLabels");
	yaml_begin_map(yaml);
	yaml_pair_text(yaml, LABEL_KEY, label);
	yaml_end_map(yaml);
	yaml_end_map(yaml);
	yaml_word(yaml, "policyTypes");
	yaml_begin_list(yaml);
	yaml_word(yaml, "Ingress");
	yaml_word(yaml, "Egress");
	yaml_end_list(yaml);
	emit_end_object(yaml);
}

static void add_comments(const struct policy *policy, bool hidden, struct buf *out)
{
	emit_setting_comments(policy, out);
	buf_adds(
		out,
		"# Put the filter (`whittle emit oci`) below /var/lib/kubelet/seccomp on each "
		"node, "
		"under the name that\n# seccompProfile says (--seccomp FILE chooses another). Name "
		"your image.\n");
	if (hidden)
		buf_adds(out, "# readOnlyRootFilesystem is false: what the image has in a volume "
			      "above is used, and an emptyDir\n# would hide it. Decide on a "
			      "PersistentVolumeClaim for it.\n");
	if (may_escalate(policy) && emit_no_new_privileges(policy))
		buf_adds(out,
			 "# allowPrivilegeEscalation is true: beside SYS_ADMIN the API takes no "
			 "other.\n");
	if (emit_value(policy, "pids-limit"))
		buf_addf(out,
			 "# A Pod has no limit of processes of its own: podPidsLimit of the "
			 "kubelet, at least %s.\n",
			 emit_value(policy, "pids-limit"));
	if (!emit_value(policy, "user"))
		buf_adds(out, "# needs decision: runAsNonRoot, runAsUser: see user\n");
}

/* Core validation takes a path below the kubelet's folder only. */
static int check_file(const struct policy *policy, struct error *err)
{
	const char *file = policy->options.seccomp;

	if (file && (file[0] == '/' || strstr(file, "..")))
		return fail(err, ERROR_INPUT, 0,
			    "%s: Kubernetes takes a path below /var/lib/kubelet/seccomp", file);
	return 0;
}

int emit_kubernetes(const struct policy *policy, struct buf *out, struct error *err)
{
	AUTO_BUF struct buf label = BUF_INIT;
	struct emit_mounts mounts;

	if (check_file(policy, err) < 0)
		return -1;
	emit_label(policy, &label);
	emit_mounts_make(policy, SINK_TEXT, &mounts);
	bool hidden = hides(&mounts);
	if (hidden)
		emit_mounts_free(&mounts);
	add_comments(policy, hidden, out);
	struct yaml *yaml = yaml_open(out);

	add_pod(policy, buf_text(&label), &mounts, yaml);
	if (emit_has_setting(policy, "network", "none"))
		add_network_policy(buf_text(&label), yaml);
	emit_mounts_free(&mounts);
	return yaml_close(yaml, err);
}
