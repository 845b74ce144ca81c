/*
 * Private to the room: a seccomp profile as the runtimes read it. It borrows from its JSON; what is
 * of the wrong type is as if it were not there (check_fields() says so).
 */
#ifndef REVIEW_PROFILE_H
#define REVIEW_PROFILE_H

#include <jansson.h>
#include <whittle/arch.h>

/* Who reads it, and so which fields there are. */
enum form {
	FORM_OCI = 1 << 0,        /* runtime-spec LinuxSeccomp: runc and crun themselves */
	FORM_DOCKER = 1 << 1,     /* moby profiles/seccomp */
	FORM_COMMON = 1 << 2,     /* containers/common pkg/seccomp: Podman, CRI-O */
	FORM_KUBERNETES = 1 << 3, /* containerd CRI: LinuxSeccomp, the rest vanishes */
};
const char *form_name(enum form form);
/* 0 if there is no such target. */
enum form form_by_name(const char *name);

enum action {
	ACTION_NONE, /* missing or unknown */
	ACTION_ALLOW,
	ACTION_LOG, /* allows, and logs */
	ACTION_NOTIFY,
	ACTION_TRACE,
	ACTION_ERRNO,
	ACTION_TRAP,
	ACTION_KILL_THREAD,
	ACTION_KILL_PROCESS
};
enum action action_by_name(const char *name);
bool action_allows(enum action action); /* the call is made, whoever else may look */
bool action_denies(enum action action); /* it never is */

struct rule {
	size_t index;       /* syscalls[index] */
	const json_t *json; /* an object */
	enum action action;
	int number;             /* what it answers; EPERM where nothing is said */
	const json_t **args;    /* objects */
	size_t arg_count;       /* 0: unconditional */
	const json_t *names;    /* an array, or NULL */
	const json_t *includes; /* of forms that have them, and not empty; else NULL */
	const json_t *excludes;
	bool skipped; /* the action is the default: runc and crun leave the rule out */
};

/* A name of a rule that counts. */
struct entry {
	const char *name;
	const struct rule *rule;
	size_t position; /* names[position] */
};

struct profile {
	json_t *root;       /* owned */
	json_t *seccomp;    /* the profile in it */
	const char *prefix; /* of paths: "" or "linux.seccomp." */
	enum form form;
	int duplicate_line;            /* of a key that is there twice, or 0 */
	char *duplicate_key;           /* owned */
	const char *no_new_privileges; /* config.json says "on" or "off"; else NULL */
	enum action default_action;
	int default_number;
	struct rule *rules;
	size_t rule_count;
	struct entry *entries; /* sorted by name, then place */
	size_t entry_count;
};

/* Reads text; form 0: by its fields. profile_free() is due also after a failure. */
int profile_read(const char *text, size_t length, enum form form, struct profile *ret_profile,
		 struct error *err);
void profile_free(struct profile *profile);

/* The first half of profile_read(): the JSON, the form, where the profile is in it. */
int profile_load(const char *text, size_t length, enum form form, struct profile *profile,
		 struct error *err);

/*
 * An unsigned 64-bit number of the profile, which jansson's signed integers cannot hold: false if
 * value is none.
 */
bool json_number(const json_t *value, uint64_t *ret_number);

/* The number of an errno by name (errno(3)), or -1. */
int errno_by_name(const char *name);

/* Do both rules hold under the same conditions (capabilities, architectures, kernel)? */
bool rule_same_conditions(const struct rule *a, const struct rule *b);
/* Does the rule hold only for who has capabilities? */
bool rule_needs_capability(const struct rule *rule);

/* The entries of a name: the first, and how many; NULL and 0 if there are none. */
const struct entry *profile_find(const struct profile *profile, const char *name,
				 size_t *ret_count);

/* What becomes of a call, for a process without capabilities: the last one is for arguments, or a
 * listener or tracer, to say. */
enum verdict { VERDICT_ALLOWED, VERDICT_DENIED, VERDICT_DEPENDS };
enum verdict profile_verdict(const struct profile *profile, const char *name);

/*
 * The ABIs that the profile lists, as libseccomp's tokens: at most max, each once; those that the
 * installed libseccomp does not know are left out. None listed: none given.
 */
size_t profile_tokens(const struct profile *profile, uint32_t *ret_token, size_t max);
/* libseccomp's token of "SCMP_ARCH_X86", or 0. */
uint32_t token_by_name(const char *oci);
/* Calls visit for each ABI that architectures or archMap list. */
void profile_each_arch(const struct profile *profile,
		       void (*visit)(void *context, json_t *name, const char *array, size_t item),
		       void *context);

#endif
