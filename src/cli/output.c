/* What `whittle record` leaves in its directory. */
#include <cli/cli.h>
#include <cli/record.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <whittle/file.h>
#include <whittle/target.h>

static const char evidence_name[] = "evidence.json";

int output_open(const struct record_options *options, int *ret_fd, struct error *err)
{
	int fd;

	if (file_open_dir(options->directory, &fd, err) < 0)
		return -1;
	if (!options->append && !options->replace &&
	    faccessat(fd, evidence_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		close(fd);
		fail(err, ERROR_REFUSED, 0, "%s already holds evidence", options->directory);
		return fail_hint(err,
				 "add this run to it with --append, or begin anew with --replace");
	}
	/* Root may write where the mode forbids it; a read-only file system is what remains. */
	if (faccessat(fd, ".", W_OK, AT_EACCESS) < 0) {
		int number = errno;

		close(fd);
		return fail(err, ERROR_SYSTEM, number, "cannot write to %s", options->directory);
	}
	*ret_fd = fd;
	return 0;
}

static int merge_existing(const struct record_options *options, int fd, struct evidence *evidence,
			  struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", options->directory, evidence_name);
	struct evidence *old = NULL;

	if (faccessat(fd, evidence_name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (evidence_load(path, &old, err) < 0)
		return -1;
	int result = evidence_merge(evidence, old, err);
	evidence_free(old);
	return result;
}

static int write_profiles(const struct policy *policy, int fd, struct error *err)
{
	for (const struct target *target = targets; target->name; target++) {
		AUTO_BUF struct buf text = BUF_INIT;

		if (!target->file)
			continue;
		if (target->render(policy, &text, err) < 0 ||
		    file_replace(fd, target->file, buf_text(&text), text.length, err) < 0)
			return -1;
	}
	return 0;
}

static size_t count_program_syscalls(const struct policy *policy)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->seccomp_count; i++)
		count += (policy->seccomp[i].groups & GROUP_PROGRAM) != 0;
	return count;
}

static void say_what_was_learned(const struct record_options *options, const struct policy *policy,
				 size_t runs)
{
	say("learned from %zu run%s: %zu syscalls, %zu capabilities, %zu AppArmor rules", runs,
	    runs == 1 ? "" : "s", count_program_syscalls(policy), policy->capability_count,
	    policy->apparmor_count);
	for (size_t i = 0; verbosity() > 1 && i < policy->notes.count; i++)
		say("note: %s", policy->notes.line[i]);
	say("wrote evidence.json policy.json seccomp.json capabilities.txt apparmor.profile in %s",
	    options->directory);
	say("next: podman run --security-opt seccomp=%s/seccomp.json --cap-drop ALL ... (see "
	    "capabilities.txt)",
	    options->directory);
}

static bool all_complete(const struct evidence *evidence)
{
	for (size_t i = 0; i < evidence_run_count(evidence); i++)
		if (!evidence_run_complete(evidence_run_at(evidence, i)))
			return false;
	return true;
}

static int derive_and_write(const struct record_options *options, int fd,
			    const struct evidence *evidence, struct error *err)
{
	struct policy_options policy_options = { .runtime = "any", .no_new_privileges = "any" };
	struct policy *policy = NULL;

	if (!all_complete(evidence)) {
		say("wrote evidence.json in %s; a run failed or lost something, so no profile was "
		    "made of it",
		    options->directory);
		say("next: see \"outcome\", \"losses\" in evidence.json; `whittle emit "
		    "--allow-incomplete` makes profiles all the same");
		return 0;
	}
	if (policy_derive(evidence, &policy_options, &policy, err) < 0)
		return -1;
	int result = write_profiles(policy, fd, err);
	if (result == 0)
		say_what_was_learned(options, policy, evidence_run_count(evidence));
	policy_free(policy);
	return result;
}

int output_write(const struct record_options *options, int fd, struct evidence *evidence,
		 struct error *err)
{
	if (file_lock(fd, options->directory, err) < 0)
		return -1;
	if (options->append && merge_existing(options, fd, evidence, err) < 0)
		return -1;
	if (evidence_save(evidence, fd, evidence_name, err) < 0)
		return -1;
	return derive_and_write(options, fd, evidence, err);
}
