/*
 * Docker's own form of a seccomp profile (github.com/moby/profiles): archMap instead of
 * architectures, so that the daemon adds the ABIs of its machine only, and comments. containerd
 * and Kubernetes take the plain form (oci) only: they drop what is Docker's without a word.
 */
#include <emit/emit.h>

#include <string.h>

static const struct entry entries[] = {
	{ GROUP_PROGRAM, 0, "seen in a run" },
	{ GROUP_IMPLIED, GROUP_PROGRAM, "not seen: made at moments that a run may miss" },
	{ GROUP_FLOOR, GROUP_PROGRAM | GROUP_IMPLIED,
	  "the runtime's own start, before the program" },
};

#define MISSING "their callers do without them only if they are told that there are none"

/* One row a machine: its native ABI, and below it those that its kernel takes too. */
static void add_arch(const struct policy *policy, const struct abi *native, bool comma,
		     struct buf *out)
{
	bool some = false;

	buf_addf(out, "%s\t\t{\n\t\t\t\"architecture\": \"%s\",\n\t\t\t\"subArchitectures\": [",
		 comma ? ",\n" : "", native->oci);
	for (size_t i = 0; i < policy->abi_count; i++) {
		const struct abi *abi = policy->abis[i];

		/* A kernel takes the calls of its machine, and of smaller ones. */
		if (abi->word >= native->word || strcmp(abi->family, native->family) != 0)
			continue;
		buf_addf(out, "%s\n\t\t\t\t\"%s\"", some ? "," : "", abi->oci);
		some = true;
	}
	buf_adds(out, some ? "\n\t\t\t]\n\t\t}" : "]\n\t\t}");
}

int emit_docker(const struct policy *policy, struct buf *out, struct error *err)
{
	bool some = false;

	if (!policy->abi_count)
		return fail(err, ERROR_INPUT, 0, "the evidence names no ABI that whittle knows");
	buf_addf(out, "{\n\t\"defaultAction\": \"SCMP_ACT_ERRNO\",\n\t\"defaultErrnoRet\": %d,\n",
		 ERRNO_ENOSYS);
	buf_adds(out, "\t\"archMap\": [\n");
	for (size_t i = 0; i < policy->abi_count; i++) {
		if (!*policy->abis[i]->machine)
			continue;
		add_arch(policy, policy->abis[i], some, out);
		some = true;
	}
	buf_adds(out, "\n\t],\n");
	emit_entries(policy, entries, ARRAY_SIZE(entries), MISSING, out);
	buf_adds(out, "}\n");
	return 0;
}
