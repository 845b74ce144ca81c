/* What `whittle record` leaves in its directory. */
#include <cli/cli.h>
#include <cli/record.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <whittle/file.h>
#include <whittle/target.h>

static const char evidence_name[] = "evidence.json";

static bool is_there(int fd, const char *name)
{
	return faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * A profile that this run would leave as it is, since its facets are not asked for, would look like
 * one of this run. It is not whittle's to delete: the user says what becomes of it.
 */
static int check_stale(const struct record_options *options, int fd, struct error *err)
{
	AUTO_BUF struct buf facets = BUF_INIT;

	for (const struct target *target = targets; target->name; target++) {
		if (!target->file || !(target->facets & ~options->facets) ||
		    !is_there(fd, target->file))
			continue;
		facets_print(options->facets, &facets);
		fail(err, ERROR_REFUSED, 0,
		     "%s holds %s of an earlier run, and --facets %s would leave it there as it is",
		     options->directory, target->file, buf_text(&facets));
		return fail_hint(err, "give another directory with -o, or remove that file");
	}
	return 0;
}

static int check_directory(const struct record_options *options, int fd, struct error *err)
{
	if (!options->append && !options->replace && is_there(fd, evidence_name)) {
		fail(err, ERROR_REFUSED, 0, "%s already holds evidence", options->directory);
		return fail_hint(err,
				 "add this run to it with --append, or begin anew with --replace");
	}
	if (check_stale(options, fd, err) < 0)
		return -1;
	/* Root may write where the mode forbids it; a read-only file system is what remains. */
	if (faccessat(fd, ".", W_OK, AT_EACCESS) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot write to %s", options->directory);
	return 0;
}

int output_open(const struct record_options *options, int *ret_fd, struct error *err)
{
	AUTO_CLOSE int fd = -1;

	if (file_open_dir(options->directory, &fd, err) < 0 ||
	    check_directory(options, fd, err) < 0)
		return -1;
	*ret_fd = STEAL_FD(fd);
	return 0;
}

static int merge_existing(const struct record_options *options, int fd, struct evidence *evidence,
			  struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", options->directory, evidence_name);
	struct evidence *old = NULL;

	if (!is_there(fd, evidence_name))
		return 0;
	if (evidence_load(path, &old, err) < 0)
		return -1;
	int result = evidence_merge(evidence, old, err);
	evidence_free(old);
	return result;
}

/* What record left in DIR, and what it could not make. */
struct written {
	struct buf made, not_made; /* names, " " before each */
	bool stale;                /* one of those not made is there all the same */
};

static int write_profiles(const struct policy *policy, int fd, struct written *written,
			  struct error *err)
{
	for (const struct target *target = targets; target->name; target++) {
		AUTO_BUF struct buf text = BUF_INIT;

		if (!target->file)
			continue;
		if (target->facets & ~policy->facets) {
			buf_addf(&written->not_made, " %s", target->file);
			written->stale |= is_there(fd, target->file);
			continue;
		}
		if (target_render(target, policy, &text, err) < 0 ||
		    file_replace(fd, target->file, buf_text(&text), text.length, err) < 0)
			return -1;
		buf_addf(&written->made, " %s", target->file);
	}
	return 0;
}

static void say_what_was_learned(const struct policy *policy, size_t runs)
{
	AUTO_BUF struct buf rest = BUF_INIT;
	size_t calls = 0, carried = 0, runtime = 0;

	for (size_t i = 0; i < policy->seccomp_count; i++) {
		calls += (policy->seccomp[i].groups & GROUP_PROGRAM) != 0;
		carried += policy->seccomp[i].carried;
		runtime += rule_is_floor_only(&policy->seccomp[i]);
	}
	if (carried)
		buf_addf(&rest, " (%zu of them carried, not re-observed)", carried);
	if (policy->facets & FACET_CAPS)
		buf_addf(&rest, ", %zu capabilities", policy->capability_count);
	if (policy->apparmor_count)
		buf_addf(&rest, ", %zu AppArmor rules", policy->apparmor_count);
	if (runtime)
		buf_addf(&rest, "; %zu more syscalls for the container's runtime", runtime);
	say("learned from %zu run%s: %zu syscalls%s", runs, runs == 1 ? "" : "s", calls,
	    buf_text(&rest));
	for (size_t i = 0; verbosity() > 1 && i < policy->notes.count; i++)
		say("note: %s", policy->notes.line[i]);
}

static void say_what_was_written(const struct record_options *options, const struct policy *policy,
				 const struct written *written)
{
	bool caps = policy->facets & FACET_CAPS;

	say("wrote evidence.json%s in %s", buf_text(&written->made), options->directory);
	if (written->not_made.length)
		say("did not write%s: not all runs were to learn more than %s (--facets)",
		    buf_text(&written->not_made), policy->facet_list);
	if (written->stale)
		warn("a file of that name in %s is of other runs", options->directory);
	if (options->of_bundle)
		say("next: put %s/seccomp.json into config.json, as linux.seccomp%s",
		    options->directory, caps ? " (capabilities: see capabilities.txt)" : "");
	else
		say("next: %s --security-opt seccomp=%s/seccomp.json%s",
		    options->engine_run ? options->engine_run : "podman run", options->directory,
		    caps ? " --cap-drop ALL ... (see capabilities.txt)" : " ...");
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
	struct written written = { BUF_INIT, BUF_INIT, false };

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
	int result = write_profiles(policy, fd, &written, err);
	if (result == 0) {
		say_what_was_learned(policy, evidence_run_count(evidence));
		say_what_was_written(options, policy, &written);
	}
	policy_free(policy);
	buf_free(&written.made);
	buf_free(&written.not_made);
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
