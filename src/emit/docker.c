/*
 * Docker's own form of a seccomp profile (github.com/moby/profiles): archMap instead of
 * architectures, so that the daemon adds the ABIs of its machine only, and comments. containerd
 * and Kubernetes take the plain form (oci) only: they drop what is Docker's without a word.
 */
#include <emit/emit.h>

#include <string.h>

enum { ERRNO_ENOSYS = 38 };

static const struct entry {
	unsigned int groups; /* any of these... */
	unsigned int not_of; /* ... and none of these */
	const char *comment;
} entries[] = {
	{ GROUP_PROGRAM, 0, "seen in a run" },
	{ GROUP_IMPLIED, GROUP_PROGRAM, "not seen: made at moments that a run may miss" },
	{ GROUP_FLOOR, GROUP_PROGRAM | GROUP_IMPLIED,
	  "the runtime's own start, before the program" },
};

static bool belongs(const struct seccomp_rule *rule, const struct entry *entry)
{
	return rule->name[0] != '#' && (rule->groups & entry->groups) &&
	       !(rule->groups & entry->not_of);
}

static bool add_entry(const struct policy *policy, const struct entry *entry, bool comma,
		      struct buf *out)
{
	bool some = false;

	for (size_t i = 0; i < policy->seccomp_count; i++) {
		const struct seccomp_rule *rule = &policy->seccomp[i];

		if (!belongs(rule, entry))
			continue;
		if (!some && comma)
			buf_adds(out, ",\n");
		buf_adds(out, some ? ",\n\t\t\t\t" : "\t\t{\n\t\t\t\"names\": [\n\t\t\t\t");
		emit_json_string(out, rule->name);
		some = true;
	}
	if (!some)
		return comma;
	buf_adds(out, "\n\t\t\t],\n\t\t\t\"action\": \"SCMP_ACT_ALLOW\",\n\t\t\t\"comment\": ");
	emit_json_string(out, entry->comment);
	buf_adds(out, "\n\t\t}");
	return true;
}

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
	buf_adds(out, "\n\t],\n\t\"syscalls\": [\n");
	some = false;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		some = add_entry(policy, &entries[i], some, out);
	buf_adds(out, some ? "\n\t]\n}\n" : "\t]\n}\n");
	return 0;
}
