/* The table of targets, and what several of them share. */
#include <emit/emit.h>

#include <jansson.h>
#include <string.h>

#define RUN_FACETS (FACET_SECCOMP | FACET_CAPS | FACET_PATHS) /* what run settings rest on */

const struct target targets[] = {
	{ "apparmor", "apparmor.profile", "AppArmor profile (abi 3.0), loaded by name", 0,
	  FACET_CAPS | FACET_PATHS, emit_apparmor },
	{ "bpf", NULL, "raw seccomp filter, for bwrap --seccomp", TARGET_BINARY, FACET_SECCOMP,
	  emit_bpf },
	{ "caps", "capabilities.txt", "capabilities, one a line, each with its cause", 0,
	  FACET_CAPS, emit_caps },
	{ "caps-oci", NULL, "capabilities as process.capabilities of an OCI bundle", 0, FACET_CAPS,
	  emit_caps_oci },
	{ "compose", NULL, "service of a Compose file, to be merged with yours", 0, RUN_FACETS,
	  emit_compose },
	{ "daemon-json", NULL, "daemon.json of Docker: for all containers of a machine", 0,
	  RUN_FACETS, emit_daemon },
	{ "docker", NULL, "seccomp profile in Docker's own form, with comments", 0, FACET_SECCOMP,
	  emit_docker },
	{ "docker-flags", NULL, "options for docker run", TARGET_WORDS, RUN_FACETS,
	  emit_docker_flags },
	{ "kubernetes", NULL, "Pod with its security context, and a NetworkPolicy", 0, RUN_FACETS,
	  emit_kubernetes },
	{ "oci", "seccomp.json", "seccomp profile for runc, crun, Podman, Docker, Kubernetes", 0,
	  FACET_SECCOMP, emit_oci },
	{ "podman", NULL, "options for podman run", TARGET_WORDS, RUN_FACETS, emit_podman },
	{ "policy", "policy.json", "the derived rules with their reasons", 0, 0, emit_policy },
	{ "quadlet", NULL, "drop-in for a Podman .container unit", 0, RUN_FACETS, emit_quadlet },
	{ "spo", NULL, "SeccompProfile and AppArmorProfile of the security-profiles-operator", 0,
	  FACET_SECCOMP, emit_spo },
	{ "systemd", NULL, "drop-in for a systemd service", 0, RUN_FACETS, emit_systemd },
	{ .name = NULL },
};

const struct target *target_by_name(const char *name)
{
	for (const struct target *target = targets; target->name; target++)
		if (strcmp(target->name, name) == 0)
			return target;
	return NULL;
}

int target_render(const struct target *target, const struct policy *policy, struct buf *out,
		  struct error *err)
{
	if (policy_require(policy, target->facets, target->name, err) < 0)
		return -1;
	return target->render(policy, out, err);
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
