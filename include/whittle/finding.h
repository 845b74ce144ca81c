/*
 * Findings: what a review has to say about a file, each with its place, how grave it is, and what
 * to do. Made by `whittle lint` of seccomp profiles.
 */
#ifndef WHITTLE_FINDING_H
#define WHITTLE_FINDING_H

#include <whittle/base.h>

/* How grave: an error does not work or protects nothing; a note is no fault by itself. */
enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE, SEVERITIES };

/* "error", "warning", "note". */
const char *severity_name(enum severity severity);

struct finding {
	const char *id; /* of the kind of finding: "arg-repeat" */
	enum severity severity;
	char *location;     /* a JSON path: "syscalls[3].names[7]", or "line 4" */
	char *text;         /* one sentence without its full stop; UTF-8 without control bytes */
	const char *advice; /* what to do about it */
};

/* Sorted by location (numbers in it by value), then id, then text. */
struct findings {
	struct finding *item;
	size_t count;
	const char *form; /* what the profile was read as: oci, docker, containers-common, ... */
};

void findings_free(struct findings *findings);

/* More bytes than this are no profile: KEP-6061 limits one to 1 MiB. */
#define PROFILE_MAX ((size_t)16 << 20)

/* What to judge a seccomp profile for; NULL is the default. */
struct lint_options {
	const char *target; /* oci, docker, containers-common, kubernetes; default: by its fields */
	const char *runtime; /* whose own calls it must allow: any, runc, crun, none (any) */
	const char *no_new_privileges; /* how the container is started: any, on, off; default: as
					  config.json says, else any */
};

/*
 * Judges a seccomp profile: linux.seccomp of the OCI runtime-spec, alone or in a config.json, or
 * what Docker or containers/common (Podman, CRI-O) read. *ret_findings is freed by findings_free().
 * ERROR_INPUT if it cannot be judged: no JSON (the text says line and column), no profile, or an
 * unknown option. The same profile gives the same findings where libseccomp is the same.
 */
int lint_profile(const char *text, size_t length, const struct lint_options *options,
		 struct findings *ret_findings, struct error *err);

#endif
