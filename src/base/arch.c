#include <whittle/arch.h>

#include <linux/audit.h>
#include <seccomp.h>
#include <string.h>
#include <sys/utsname.h>

const struct abi abis[] = {
#include "abis.inc"
	{ .name = NULL },
};

struct newer_row {
	const char *name;
	const char *number;
	const char *abis;
	const char *source;
};
static const struct newer_row newer[] = {
#include "newer.inc"
};

/* Negative numbers (a program's syscall(-1)) have the bit too, but are no x32 call: entry_64.c. */
static bool abi_takes(const struct abi *abi, uint64_t nr)
{
	return !abi->bit || ((nr & abi->bit) && nr <= INT32_MAX);
}

const struct abi *abi_of_call(uint32_t audit, uint64_t nr)
{
	const struct abi *found = NULL;

	/* A row with a bit is more exact than one without: x32 calls come as AUDIT_ARCH_X86_64. */
	for (const struct abi *abi = abis; abi->name; abi++)
		if (abi->audit == audit && abi_takes(abi, nr) && (!found || abi->bit))
			found = abi;
	return found;
}

const struct abi *abi_by_name(const char *name)
{
	for (const struct abi *abi = abis; abi->name; abi++)
		if (strcmp(abi->name, name) == 0)
			return abi;
	return NULL;
}

const struct abi *abi_of_machine(const char *machine)
{
	struct utsname here;

	if (!machine && uname(&here) == 0)
		machine = here.machine;
	for (const struct abi *abi = abis; machine && abi->name; abi++)
		if (strcmp(abi->machine, machine) == 0)
			return abi;
	return NULL;
}

static bool newer_has_abi(const struct newer_row *row, const struct abi *abi)
{
	return row->abis[0] == '*' || strcmp(row->abis, abi->name) == 0;
}

bool abi_syscall_name(const struct abi *abi, uint64_t nr, struct buf *ret_name)
{
	uint64_t number = nr & ~(uint64_t)abi->bit;
	AUTO_FREE char *name = NULL;

	if (nr <= INT32_MAX)
		name = seccomp_syscall_resolve_num_arch(abi->seccomp, (int)nr);
	if (name) {
		buf_adds(ret_name, name);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(newer); i++)
		if (newer_has_abi(&newer[i], abi) &&
		    strtoull(newer[i].number, NULL, 10) == number) {
			buf_adds(ret_name, newer[i].name);
			return true;
		}
	buf_addf(ret_name, "#%llu", (unsigned long long)nr);
	return false;
}

bool syscall_is_named(const char *name)
{
	return name[0] != '#';
}

int64_t abi_syscall_number(const struct abi *abi, const char *name)
{
	if (!syscall_is_named(name)) {
		char *end;
		unsigned long long nr = strtoull(name + 1, &end, 10);

		return name[1] && !*end && nr <= INT32_MAX ? (int64_t)nr : -1;
	}
	int nr = seccomp_syscall_resolve_name_arch(abi->seccomp, name);
	if (nr >= 0) /* negative: __NR_SCMP_ERROR, or libseccomp's pseudo numbers of absent calls */
		return nr;
	for (size_t i = 0; i < ARRAY_SIZE(newer); i++)
		if (newer_has_abi(&newer[i], abi) && strcmp(newer[i].name, name) == 0)
			return strtoll(newer[i].number, NULL, 10) | abi->bit;
	return -1;
}
