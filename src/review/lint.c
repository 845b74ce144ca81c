/* Judging a seccomp profile: reads it, runs the checks, sorts what they found. */
#include <review/lint.h>

#include <string.h>
#include <whittle/floor.h>

static int check_choice(const char *option, const char *value, const char *const *choices,
			size_t count, struct error *err)
{
	AUTO_BUF struct buf list = BUF_INIT;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(choices[i], value) == 0)
			return 0;
		buf_addf(&list, "%s%s", i ? ", " : "", choices[i]);
	}
	return fail(err, ERROR_INPUT, 0, "unknown %s %s; there are: %s", option, value,
		    buf_text(&list));
}

static int check_options(const struct lint_options *options, struct error *err)
{
	static const char *const targets[] = { "oci", "docker", "containers-common", "kubernetes" };

	if (options->target &&
	    check_choice("target", options->target, targets, ARRAY_SIZE(targets), err) < 0)
		return -1;
	if (floor_check_runtime(options->runtime, err) < 0)
		return -1;
	return floor_check_start(options->no_new_privileges, err);
}

static void run_checks(struct lint *lint)
{
	static void (*const checks[])(struct lint * lint) = {
		check_fields,        check_actions, check_errnos,  check_args,   check_listener,
		check_architectures, check_names,   check_overlap, check_grants, check_floor,
	};

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		checks[i](lint);
}

int lint_profile(const char *text, size_t length, const struct lint_options *options,
		 struct findings *ret_findings, struct error *err)
{
	struct lint_options filled = *options;
	struct profile profile = { .prefix = "" };
	struct lint lint = { .profile = &profile, .options = &filled };
	const char *start = options->no_new_privileges;

	filled.runtime = options->runtime ? options->runtime : "any";
	filled.no_new_privileges = start ? start : "any";
	if (check_options(&filled, err) < 0)
		return -1;
	enum form form = filled.target ? form_by_name(filled.target) : 0;
	int rc = profile_read(text, length, form, &profile, err);
	if (rc == 0) {
		if (!start && profile.no_new_privileges)
			filled.no_new_privileges = profile.no_new_privileges;
		run_checks(&lint);
	}
	if (rc == 0) {
		report_end(&lint);
		lint.findings.form = form_name(profile.form);
		*ret_findings = lint.findings;
	} else
		findings_free(&lint.findings);
	profile_free(&profile);
	return rc;
}
