/*
 * Options for `docker run` and `podman run`, meant for `docker run $(whittle emit …) IMAGE`: a
 * shell splits what $( ) gives at blanks and removes no quotes, so nothing here is ever quoted and
 * each word must be plain.
 */
#include <emit/emit.h>

#include <string.h>

/* As an option with its argument, or as a key with its value. */
static void add_mounts(const struct emit_mounts *mounts, const char *tmpfs, const char *volume,
		       struct buf *out)
{
	for (size_t i = 0; i < mounts->count; i++) {
		const struct emit_mount *mount = &mounts->list[i];

		buf_addf(out, "%s%s%s\n", mount->tmpfs ? tmpfs : volume, mount->path,
			 mount->tmpfs && mount->executed ? ":exec" : "");
	}
}

/* The options of docker run and podman run that are called as the settings are. */
static const char *const limits[] = { "memory", "pids-limit", "user" };

static void add_limits(const struct policy *policy, const char *before, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const char *value = emit_value(policy, limits[i]);

		if (value)
			buf_addf(out, "%s--%s %s\n", before, limits[i], value);
	}
	for (const char *group = NULL; (group = emit_next_group(policy, group));)
		buf_addf(out, "%s--group-add %s\n", before, group);
}

/*
 * Podman's --read-only mounts a tmpfs on /run, /tmp and /var/tmp unless it is told not to: where a
 * program found these refused it would go another way than it was seen to go. Newer versions then
 * make /dev and /dev/shm read-only too.
 */
static bool leaves_out_tmpfs(const struct policy *policy)
{
	const struct setting *root = policy_setting(policy, "read-only");

	return root && strcmp(root->detail, "dev") != 0;
}

static int add_flags(const struct policy *policy, const char *read_only, struct buf *out,
		     struct error *err)
{
	const struct policy_options *options = &policy->options;
	struct emit_mounts mounts;

	if (emit_check_words(policy, err) < 0)
		return -1;
	buf_addf(out, "--security-opt seccomp=%s\n",
		 options->seccomp ? options->seccomp : "seccomp.json");
	if (options->apparmor)
		buf_addf(out, "--security-opt apparmor=%s\n", options->name);
	if (emit_no_new_privileges(policy))
		buf_adds(out, "--security-opt no-new-privileges\n");
	buf_adds(out, "--cap-drop ALL\n");
	for (size_t i = 0; i < policy->capability_count; i++)
		buf_addf(out, "--cap-add %s\n", policy->capabilities[i].name);
	if (emit_has_setting(policy, "network", "none"))
		buf_adds(out, "--network none\n");
	add_limits(policy, "", out);
	emit_mounts_make(policy, SINK_WORD, &mounts);
	if (mounts.read_only)
		buf_adds(out, read_only);
	add_mounts(&mounts, "--tmpfs ", "--volume ", out);
	emit_mounts_free(&mounts);
	return 0;
}

int emit_docker_flags(const struct policy *policy, struct buf *out, struct error *err)
{
	return add_flags(policy, "--read-only\n", out, err);
}

int emit_podman(const struct policy *policy, struct buf *out, struct error *err)
{
	bool leave_out = leaves_out_tmpfs(policy);

	return add_flags(policy,
			 leave_out ? "--read-only\n--read-only-tmpfs=false\n" : "--read-only\n",
			 out, err);
}

/*
 * podman-systemd.unit(5); limits have no key of their own in every version, and a key that the
 * generator does not know makes no unit at all. The .container unit that it is dropped into names
 * the image. */
int emit_quadlet(const struct policy *policy, struct buf *out, struct error *err)
{
	const struct policy_options *options = &policy->options;
	struct emit_mounts mounts;

	if (emit_check_words(policy, err) < 0)
		return -1;
	emit_setting_comments(policy, out);
	buf_addf(out, "# Drop-in for a .container unit. `whittle emit oci` makes the file that "
		      "SeccompProfile= names\n# (--seccomp FILE chooses another).\n[Container]\n");
	if (options->seccomp)
		buf_addf(out, "SeccompProfile=%s\n", options->seccomp);
	else
		buf_addf(out, "SeccompProfile=/etc/containers/systemd/%s.seccomp.json\n",
			 options->name);
	if (options->apparmor)
		buf_addf(out, "AppArmor=%s\n", options->name);
	buf_addf(out, "NoNewPrivileges=%s\n", emit_no_new_privileges(policy) ? "true" : "false");
	buf_adds(out, "DropCapability=all\n");
	for (size_t i = 0; i < policy->capability_count; i++)
		buf_addf(out, "AddCapability=%s\n", policy->capabilities[i].name);
	if (emit_has_setting(policy, "network", "none"))
		buf_adds(out, "Network=none\n");
	add_limits(policy, "PodmanArgs=", out);
	emit_mounts_make(policy, SINK_WORD, &mounts);
	buf_addf(out, "ReadOnly=%s\n", mounts.read_only ? "true" : "false");
	if (mounts.read_only && leaves_out_tmpfs(policy))
		buf_adds(out, "PodmanArgs=--read-only-tmpfs=false\n");
	add_mounts(&mounts, "Tmpfs=", "Volume=", out);
	emit_mounts_free(&mounts);
	return 0;
}
