/*
 * A raw filter (struct sock_filter[]) for loaders that take one: bwrap --seccomp. It holds what the
 * programs call, each ABI its own calls, and no floor. What is not allowed gets ENOSYS; a call by
 * an ABI that the policy does not list kills the process.
 */
#include <emit/emit.h>

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

static void release_filter(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}
#define AUTO_FILTER __attribute__((cleanup(release_filter)))

static bool uses(const struct seccomp_rule *rule, const struct abi *abi)
{
	for (size_t i = 0; i < rule->abi_count; i++)
		if (rule->abis[i] == abi)
			return true;
	return false;
}

/*
 * The number by which libseccomp is told of a call: its rules carry numbers of the native ABI and
 * are translated by name for others (seccomp_rule_add(3)); calls that the native ABI lacks have
 * negative pseudo numbers, and so have those that i386 also takes by socketcall(2) and ipc(2),
 * which are -101 to -224 (seccomp-syscalls.h). A native number need not have a name. False if
 * libseccomp has no way to say it.
 */
static bool rule_number(const struct abi *abi, const char *name, int *ret_number)
{
	enum { LAST_MULTIPLEXED = -300 };
	bool native = abi->seccomp == seccomp_arch_native();
	int own = seccomp_syscall_resolve_name_arch(abi->seccomp, name);
	int64_t number = abi_syscall_number(abi, name);

	if (own < -1 && own > LAST_MULTIPLEXED)
		number = seccomp_syscall_resolve_name(name);
	else if (number < 0 || number > INT32_MAX || (!native && own != number))
		return false;
	else if (!native)
		number = seccomp_syscall_resolve_name(name);
	*ret_number = (int)number;
	return number != __NR_SCMP_ERROR;
}

/* A filter of one ABI only, so that each ABI gets its own calls; the caller merges. */
static int filter_of_abi(const struct policy *policy, const struct abi *abi,
			 scmp_filter_ctx *ret_ctx, struct error *err)
{
	AUTO_FILTER scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ERRNO_ENOSYS));

	if (!ctx)
		return fail(err, ERROR_SYSTEM, ENOMEM, "cannot begin a filter");
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0 && abi->seccomp != seccomp_arch_native()) {
		rc = seccomp_arch_add(ctx, abi->seccomp);
		rc = rc < 0 ? rc : seccomp_arch_remove(ctx, seccomp_arch_native());
	}
	if (rc < 0)
		return fail(err, ERROR_SYSTEM, -rc, "libseccomp cannot make a filter for %s",
			    abi->name);
	for (size_t i = 0; i < policy->seccomp_count; i++) {
		const struct seccomp_rule *rule = &policy->seccomp[i];
		int number;

		if (!uses(rule, abi))
			continue;
		bool known = rule_number(abi, rule->name, &number);
		rc = known ? seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0) : -EINVAL;
		/* A number that never existed was refused before and will be by default. */
		if (rc < 0 && !rule->refused)
			return fail(err, ERROR_INPUT, 0,
				    "call %s of %s cannot be written by this libseccomp",
				    rule->name, abi->name);
	}
	*ret_ctx = STEAL(ctx);
	return 0;
}

static int read_back(int fd, struct buf *out, struct error *err)
{
	char chunk[4096];
	ssize_t got;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot read the filter back");
	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(out, chunk, (size_t)got);
	if (got < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot read the filter back");
	return 0;
}

static int export_filter(scmp_filter_ctx ctx, struct buf *out, struct error *err)
{
	AUTO_CLOSE int fd = memfd_create("whittle-filter", MFD_CLOEXEC);

	if (fd < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot make room for the filter");
	int rc = seccomp_export_bpf(ctx, fd);
	if (rc < 0)
		return fail(err, ERROR_SYSTEM, -rc, "libseccomp cannot write the filter");
	return read_back(fd, out, err);
}

int emit_bpf(const struct policy *policy, struct buf *out, struct error *err)
{
	AUTO_FILTER scmp_filter_ctx all = NULL;

	if (!policy->abi_count)
		return fail(err, ERROR_INPUT, 0, "the evidence names no ABI that whittle knows");
	for (size_t i = 0; i < policy->abi_count; i++) {
		const struct abi *abi = policy->abis[i];
		AUTO_FILTER scmp_filter_ctx one = NULL;

		if (strcmp(abi->family, policy->abis[0]->family) != 0)
			return fail(err, ERROR_INPUT, 0,
				    "one filter cannot serve two machines: %s and %s",
				    policy->abis[0]->name, abi->name);
		if (filter_of_abi(policy, abi, &one, err) < 0)
			return -1;
		if (!all) {
			all = STEAL(one);
			continue;
		}
		int rc = seccomp_merge(all, one);
		if (rc < 0)
			return fail(err, ERROR_SYSTEM, -rc,
				    "libseccomp cannot add %s to the filter", abi->name);
		one = NULL; /* seccomp_merge(3) released it */
	}
	return export_filter(all, out, err);
}
