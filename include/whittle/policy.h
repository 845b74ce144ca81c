/*
 * Policy: the one model that all targets render. It is made of rules; each says what it matches and
 * why. All arrays are sorted and free of duplicates, and nothing in it depends on counts, time,
 * host or pids.
 */
#ifndef WHITTLE_POLICY_H
#define WHITTLE_POLICY_H

#include <whittle/buf.h>
#include <whittle/evidence.h>

/* What becomes of the AppArmor profile where one program executes another. */
enum exec_mode {
	EXEC_INHERIT,  /* ix: all run under one profile */
	EXEC_PROFILE,  /* px: each has a profile that is made elsewhere, by its own evidence */
	EXEC_CHILD,    /* cx: each has a child profile inside the one of the first program */
	EXEC_SEPARATE, /* child-profiles: each has a profile of its own in the same file */
	EXEC_MODES
};
/* As options and policy.json have them. */
extern const char *const exec_mode_words[EXEC_MODES];

/* Which runtimes' own calls a container profile must allow (profiles/floors). */
struct policy_options {
	const char *runtime;           /* any, none, or of floor_family() */
	const char *no_new_privileges; /* any, on, off: which start the floor is for */
	const char *name;              /* AppArmor profile name; NULL: whittle-PROGRAM */
	const char *attach;            /* evidence text: the executable to attach to, or NULL */
	const char *seccomp;           /* the filter's file, as a target names it; NULL: its own */
	bool apparmor;                 /* container targets name the AppArmor profile */
	bool has_proven;               /* by `whittle verify`: the list of capabilities is this */
	uint64_t proven;               /* mask of 1 << CAP_* */
	bool spo_beta;                 /* resources as the operator had them before its v1 */
	enum exec_mode exec;
	bool keep_environment; /* where the profile changes, LD_PRELOAD and its like are kept */
	bool complain;         /* the AppArmor profile refuses nothing, but has the kernel log it */
	bool abi4;             /* the AppArmor profile has the classes of abi 4.0 too */
	bool host;             /* the AppArmor profile is for this machine, not for a container */
};

/* Reasons: sorted unique lines of evidence text. */
struct reasons {
	char **line;
	size_t count;
};

enum rule_group {
	GROUP_PROGRAM = 1 << 0, /* it was seen to make the call */
	GROUP_IMPLIED =
		1
		<< 1, /* it will, when a moment comes that the runs missed (profiles/implied.tsv) */
	GROUP_FLOOR = 1 << 2 /* the runtime's own start makes it */
};

/* An argument under a mask has a value; the kernel takes ints by their lower half. */
struct arg_condition {
	unsigned int index;
	uint64_t mask;
	uint64_t value;
};

struct seccomp_rule {
	char *name;              /* libseccomp's name, or "#NNN" */
	unsigned int groups;     /* enum rule_group: who needs it */
	const struct abi **abis; /* of the program's uses; count abi_count; empty if floor only */
	size_t abi_count;
	struct arg_condition *conditions; /* granted if one of them holds; none: always */
	size_t condition_count;
	bool refused; /* each result seen was a refusal (EPERM, EACCES, ENOSYS) */
	bool carried; /* no run saw it: each had it from an earlier one */
	struct reasons why;
	struct reasons voided; /* argument rules of a floor that a grant without any swallows */
};

/* What took a capability: evidence text. */
struct capability_cause {
	char *call;
	char *object; /* "0.0.0.0:80", a path, a function of the kernel; or "" */
	char *program;
	char *site; /* frames of the first such call of the program; "" if not known */
};

struct capability_rule {
	char *name;   /* CAP_CHOWN: the one granted */
	char *others; /* "CAP_DAC_OVERRIDE": alternatives that would do too, or "" */
	/* No program that holds it at once needs it: only such as get it from their file, by a
	   set-id bit or capabilities. Then the bounding set is enough. */
	bool by_file;
	bool proven; /* taken away, the command fails */
	/* How it is known: "proven", "measured" (the kernel was asked; "measured-kprobe": as a
	   kprobe told), "inferred" (by a rule alone), the first of these that holds. Constant. */
	const char *known;
	struct capability_cause *causes; /* sorted */
	size_t cause_count;
	struct reasons why; /* "bind 0.0.0.0:80 by /usr/sbin/nginx" */
};

enum apparmor_class {
	APPARMOR_FILE,
	APPARMOR_LINK,
	APPARMOR_CAPABILITY,
	APPARMOR_NETWORK,
	APPARMOR_UNIX,
	APPARMOR_SIGNAL,
	APPARMOR_PTRACE,
	APPARMOR_MOUNT,
	APPARMOR_REMOUNT,
	APPARMOR_UMOUNT,
	APPARMOR_PIVOT_ROOT,
	APPARMOR_CHANGE_PROFILE,
	APPARMOR_USERNS, /* this and the rest: of abi 4.0 */
	APPARMOR_IO_URING,
	APPARMOR_MQUEUE
};

struct apparmor_profile {
	char *name;  /* as rules and peers have it: "whittle-sh", "whittle-sh//usr.bin.cat" */
	char *image; /* evidence text: the program that it is for; of the first the profile: "" */
	char *local; /* of a child profile its name inside the other; else "" */
	bool elsewhere; /* px: not in this file */
};

struct apparmor_rule {
	size_t profile; /* index in apparmor_profiles: whose rule it is */
	enum apparmor_class class;
	bool owner;
	char *perms;  /* "rwk", "mrix"; signal and ptrace "send, receive"; unix "(bind, listen)" */
	char *name;   /* evidence text: file, new link, mount point, capability, family */
	char *target; /* evidence text: link's old name, mount source, socket type, signal peer, of
			 an exec with another profile and a change that profile, or "" */
	char *detail; /* whittle's own words: mount options, fstype, signal set, "Cx" of an exec
			 with another profile, or "" */
	struct reasons why;
};

/* What a setting rests on. */
enum setting_label {
	SETTING_OBSERVED, /* a run showed it: granted */
	SETTING_ABSENT,   /* no run showed what it takes away */
	SETTING_DECIDE    /* the evidence does not say: a person must */
};

/*
 * How to run the program, sorted by name and value:
 *   address-family FAMILY (as AppArmor writes it)
 *   cap-drop ALL                    no-new-privileges true|false   namespaces none|used
 *   network none|used
 *   read-only true|false (of the root); detail "dev" if names below /dev are made or removed
 *   tmpfs DIR     scratch; detail "exec" if files there are executed
 *   volume DIR    written, and no scratch, or what was there before is used ("filled")
 *   engine-socket PATH, secret PATH: findings, names only
 *   group-add GID: the user is in that group too
 *   user UID:GID, memory 64M (binary), pids-limit 64; no value: nothing was measured, or root
 */
struct setting {
	const char *name;   /* a constant, as above */
	char *value;        /* evidence text, or "" */
	const char *detail; /* a constant, or "" */
	enum setting_label label;
	const char *cis; /* number in the CIS Docker Benchmark 1.6.0, or "" */
	struct reasons why;
};

struct policy {
	struct policy_options options; /* owned copies */
	const struct abi **abis;       /* seen, and the native one of the machine: sorted by name */
	size_t abi_count;
	struct seccomp_rule *seccomp;
	size_t seccomp_count;
	struct capability_rule *capabilities;
	size_t capability_count;
	bool leaves_namespace; /* files may have no name: other mount namespaces, files in memory */
	bool makes_queues;     /* POSIX message queues */
	struct apparmor_profile *apparmor_profiles; /* the first is that of the command */
	size_t apparmor_profile_count;
	struct apparmor_rule *apparmor; /* sorted by profile first */
	size_t apparmor_count;
	struct setting *settings;
	size_t setting_count;
	unsigned int facets;         /* enum facet: what every run was to learn */
	char *facet_list;            /* the same in words: "seccomp,caps,paths" */
	struct reasons programs;     /* executables seen */
	struct reasons unattributed; /* those of them whose calls may be said to be others' */
	struct reasons notes;        /* limits of the evidence, said for a reader */
	bool complete;               /* every run lost nothing and ended as expected */
};

/*
 * Evidence -> policy: capability rules only if every run learned these, AppArmor rules and settings
 * only if every run learned these and paths. *ret_policy is freed by policy_free(). Options that
 * are NULL are "any", no attachment, and a name made from the program. An unknown runtime or start
 * is an ERROR_INPUT.
 */
int policy_derive(const struct evidence *evidence, const struct policy_options *options,
		  struct policy **ret_policy, struct error *err);
void policy_free(struct policy *policy);

/* Who needs the rule: "program", "program, runtime", "implied", "runtime" and so on; a constant. */
const char *rule_needed_by(const struct seccomp_rule *rule);
/* Needs nothing but the runtime's own start the call? */
bool rule_is_floor_only(const struct seccomp_rule *rule);
/* Appended as profiles/floors writes it: "0=8" (argument 0, an int, is 8), "2&0x4=0" (masked). */
void arg_condition_print(const struct arg_condition *condition, struct buf *out);

/* The first setting of that name, or NULL. */
const struct setting *policy_setting(const struct policy *policy, const char *name);

/* Did every run learn these facets (enum facet)? Else an ERROR_REFUSED; what is who needs them. */
int policy_require(const struct policy *policy, unsigned int facets, const char *what,
		   struct error *err);

#endif
