/*
 * OCI runtime-spec LinuxSeccomp, plain: it is the form that runc, crun, Podman, Docker and
 * Kubernetes all take. What the programs call stands apart from what only the runtime's own start
 * needs; runc and crun add up entries of equal action.
 */
#include <emit/emit.h>

static const struct entry entries[] = {
	{ GROUP_PROGRAM | GROUP_IMPLIED, 0, NULL },
	{ GROUP_FLOOR, GROUP_PROGRAM | GROUP_IMPLIED, NULL },
};

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
	buf_adds(out, "\t],\n");
	emit_entries(policy, entries, ARRAY_SIZE(entries), NULL, out);
	buf_adds(out, "}\n");
	return 0;
}
