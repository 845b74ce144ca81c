/* Architectures, and the ways around a filter that come with them. */
#include <review/lint.h>

#include <seccomp.h>
#include <string.h>

enum { TOKENS_MAX = 64 };

/* runc's config.go; libseccomp may know fewer. */
static const char *const known[] = {
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",      "SCMP_ARCH_LOONGARCH64",
	"SCMP_ARCH_MIPS",    "SCMP_ARCH_MIPS64",   "SCMP_ARCH_MIPS64N32",
	"SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
	"SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC",
	"SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_RISCV64",
	"SCMP_ARCH_S390",    "SCMP_ARCH_S390X",    "SCMP_ARCH_X32",
	"SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",
};

static bool is_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return false;
}

static void check_arch(void *context, json_t *value, const char *array, size_t item)
{
	struct lint *lint = context;
	const char *name = json_string_value(value);
	struct place place = AT_ITEM(array, item);

	if (!name)
		return; /* a wrong type is said elsewhere */
	AUTO_FREE char *text = shown(name);
	if (strcmp(name, "SCMP_ARCH_NATIVE") == 0)
		report(lint, LINT_ARCH_NATIVE, place,
		       "SCMP_ARCH_NATIVE is in no list of the runtimes: the container does not "
		       "start");
	else if (!is_known(name))
		report(lint, LINT_ARCH_UNKNOWN, place,
		       "no runtime knows the architecture %s: the container does not start", text);
	else if (!token_by_name(name))
		report(lint, LINT_ARCH_UNSUPPORTED, place,
		       "the libseccomp here does not know %s: its names were not looked at", name);
	else if (strcmp(name, "SCMP_ARCH_X32") == 0)
		report(lint, LINT_X32, place,
		       "the profile opens the x32 ABI of x86_64 too, which is killed when not "
		       "listed");
}

static bool lists(const uint32_t *token, size_t count, uint32_t wanted)
{
	for (size_t i = 0; i < count; i++)
		if (token[i] == wanted)
			return true;
	return false;
}

/* 32-bit ABIs that a 64-bit kernel takes; what is not listed is killed (libseccomp's bad arch). */
static void check_missing(struct lint *lint, const uint32_t *token, size_t count)
{
	static const struct {
		uint32_t wide, narrow;
		const char *wide_name, *narrow_name;
	} pairs[] = {
		{ SCMP_ARCH_X86_64, SCMP_ARCH_X86, "SCMP_ARCH_X86_64", "SCMP_ARCH_X86" },
		{ SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" },
		{ SCMP_ARCH_S390X, SCMP_ARCH_S390, "SCMP_ARCH_S390X", "SCMP_ARCH_S390" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (lists(token, count, pairs[i].wide) && !lists(token, count, pairs[i].narrow))
			report(lint, LINT_ARCH_MISSING, AT_TOP("architectures"),
			       "%s is listed without %s: programs of that are killed",
			       pairs[i].wide_name, pairs[i].narrow_name);
}

/* Is the call denied, or looked at by its arguments, by a rule of its own? */
static bool is_restricted(const struct profile *profile, const char *name)
{
	size_t count;

	profile_find(profile, name, &count);
	return count > 0 && profile_verdict(profile, name) != VERDICT_ALLOWED;
}

/*
 * socketcall(2) and ipc(2) have the arguments in memory, where no filter looks. For a condition on
 * socket(2) libseccomp even adds socketcall(SYS_SOCKET) without it: abi_rewrite of arch-x86.c; seen
 * with 2.5.4. moby/profiles 3c28324: blocking socketcall had to be reverted.
 */
static void check_multiplexed(struct lint *lint, const char *by, const char *const *calls,
			      size_t count)
{
	const struct profile *profile = lint->profile;

	for (size_t i = 0; i < count; i++) {
		bool opened = profile_verdict(profile, by) != VERDICT_DENIED;
		bool looked = profile_verdict(profile, calls[i]) == VERDICT_DEPENDS;

		if (!is_restricted(profile, calls[i]) || !(opened || looked))
			continue;
		report(lint, LINT_SOCKETCALL, AT_TOP("syscalls"),
		       "%s is restricted, but 32-bit programs get around it by %s, whose arguments "
		       "no filter sees%s",
		       calls[i], by, opened ? "" : ": libseccomp allows it with the call");
		return;
	}
}

static void check_multiplexers(struct lint *lint, const uint32_t *token, size_t count)
{
	static const char *const sockets[] = { "socket",  "bind",       "connect",   "listen",
					       "accept4", "sendto",     "sendmsg",   "recvfrom",
					       "recvmsg", "setsockopt", "socketpair" };
	static const char *const ipcs[] = { "shmget", "shmat",  "semget", "semop",
					    "msgget", "msgsnd", "msgrcv" };

	for (size_t i = 0; i < count; i++)
		if (seccomp_syscall_resolve_name_arch(token[i], "socketcall") >= 0) {
			check_multiplexed(lint, "socketcall", sockets, ARRAY_SIZE(sockets));
			check_multiplexed(lint, "ipc", ipcs, ARRAY_SIZE(ipcs));
			return;
		}
}

void check_architectures(struct lint *lint)
{
	const struct profile *profile = lint->profile;
	const json_t *list = json_object_get(profile->seccomp, "architectures");
	const json_t *map = json_object_get(profile->seccomp, "archMap");
	bool mapped = profile->form & (FORM_DOCKER | FORM_COMMON) && json_array_size(map) > 0;
	uint32_t token[TOKENS_MAX];
	size_t count = profile_tokens(profile, token, TOKENS_MAX);

	profile_each_arch(profile, check_arch, lint);
	if (json_array_size(list) > 0 && mapped)
		report(lint, LINT_ARCH_BOTH, AT_TOP("archMap"),
		       "architectures and archMap are both there: Docker and Podman refuse the "
		       "profile");
	if (json_array_size(list) == 0 && !mapped)
		report(lint, LINT_ARCH_NONE, AT_TOP("architectures"),
		       "no architecture is listed: only calls of the machine's own are let "
		       "through");
	check_missing(lint, token, count);
	check_multiplexers(lint, token, count);
}
