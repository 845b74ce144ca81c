/* The table of targets, and what several of them share. */
#include <emit/emit.h>

#include <jansson.h>
#include <string.h>

const struct target targets[] = {
	{ "apparmor", "apparmor.profile", "AppArmor profile (abi 3.0), loaded by name", false,
	  emit_apparmor },
	{ "bpf", NULL, "raw seccomp filter, for bwrap --seccomp", true, emit_bpf },
	{ "caps", "capabilities.txt", "capabilities, one a line, each with its cause", false,
	  emit_caps },
	{ "oci", "seccomp.json", "seccomp profile for runc, crun, Podman, Docker, Kubernetes",
	  false, emit_oci },
	{ "policy", "policy.json", "the derived rules with their reasons", false, emit_policy },
	{ .name = NULL },
};

const struct target *target_by_name(const char *name)
{
	for (const struct target *target = targets; target->name; target++)
		if (strcmp(target->name, name) == 0)
			return target;
	return NULL;
}

void emit_json_string(struct buf *out, const char *text)
{
	json_t *value = json_string(text);
	AUTO_FREE char *dump = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;

	json_decref(value);
	buf_adds(out, dump ? dump : "\"\"");
}

void emit_warnings(const struct policy *policy, const char *prefix, struct buf *out)
{
	if (!policy->complete)
		buf_addf(out, "%sINCOMPLETE: made from runs that lost something or failed.\n",
			 prefix);
}
