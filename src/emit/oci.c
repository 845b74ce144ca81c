/*
 * OCI runtime-spec LinuxSeccomp, plain: it is the form that runc, crun, Podman, Docker and
 * Kubernetes all take. One entry for what the programs call and one for what only the runtime's own
 * start needs; runc and crun add up entries of equal action.
 */
#include <emit/emit.h>

enum { ERRNO_ENOSYS = 38 }; /* of the target, not of the machine that renders */

static bool is_named(const struct seccomp_rule *rule)
{
	return rule->name[0] != '#'; /* the format has no numbers; derive notes what is left out */
}

/* One entry: what the programs call, or what only the floor needs. False if there is nothing. */
static bool add_entry(const struct policy *policy, bool program, bool comma, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < policy->seccomp_count; i++) {
		const struct seccomp_rule *rule = &policy->seccomp[i];

		bool own = rule->groups & (GROUP_PROGRAM | GROUP_IMPLIED);

		if (!is_named(rule) || own != program)
			continue;
		if (first && comma)
			buf_adds(out, ",\n");
		buf_adds(out, first ? "\t\t{\n\t\t\t\"names\": [\n\t\t\t\t" : ",\n\t\t\t\t");
		emit_json_string(out, rule->name);
		first = false;
	}
	if (!first)
		buf_adds(out, "\n\t\t\t],\n\t\t\t\"action\": \"SCMP_ACT_ALLOW\"\n\t\t}");
	return !first;
}

int emit_oci(const struct policy *policy, struct buf *out, struct error *err)
{
	if (!policy->abi_count)
		return fail(err, ERROR_INPUT, 0, "the evidence names no ABI that whittle knows");
	buf_addf(out, "{\n\t\"defaultAction\": \"SCMP_ACT_ERRNO\",\n\t\"defaultErrnoRet\": %d,\n",
		 ERRNO_ENOSYS);
	buf_adds(out, "\t\"architectures\": [\n");
	for (size_t i = 0; i < policy->abi_count; i++)
		buf_addf(out, "\t\t\"%s\"%s\n", policy->abis[i]->oci,
			 i + 1 < policy->abi_count ? "," : "");
	buf_adds(out, "\t],\n\t\"syscalls\": [\n");
	bool some = add_entry(policy, true, false, out);
	some |= add_entry(policy, false, some, out);
	buf_adds(out, some ? "\n\t]\n}\n" : "\t]\n}\n");
	return 0;
}
