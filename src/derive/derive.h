/* Private to the room: evidence -> policy, one file a kind of rule. */
#ifndef DERIVE_DERIVE_H
#define DERIVE_DERIVE_H

#include <whittle/policy.h>

/* Adds a line; line becomes the set's (allocated). reasons_sort() makes it a set again. */
void reasons_add(struct reasons *reasons, char *line);
void reasons_sort(struct reasons *reasons);
void reasons_free(struct reasons *reasons);
/* Is the line there? They must be sorted. */
bool reasons_have(const struct reasons *reasons, const char *line);

/* Something a reader of the policy must know; text of whittle's and evidence text. */
void policy_note(struct policy *policy, const char *format, ...) PRINTF_LIKE(2, 3);

/* The calls of the programs, and the floor that options ask for. Fails on an unknown option. */
int derive_seccomp(const struct evidence *evidence, struct policy *policy, struct error *err);

/* The rule of a name, or NULL; a new one of that name, at the end: the others may move. */
struct seccomp_rule *rule_find(const struct policy *policy, const char *name);
struct seccomp_rule *rule_add(struct policy *policy, const char *name);
bool rule_has_abi(const struct seccomp_rule *rule, const struct abi *abi);

/* Calls that a container's runtime kept unseen: the programs may have made them. */
void derive_unseen(const struct evidence *evidence, struct policy *policy);
/* Calls that a recorded runtime made itself, and that the floor lacks. After the floors. */
void derive_runtime(const struct evidence *evidence, struct policy *policy);

/* ---- AppArmor ---- */

/* Which profile a program is in (profiles.c), by the exec mode of the policy's options. */
struct confinement;
/* Adds the profiles to the policy, which has none yet. Freed by confinement_free(). */
struct confinement *confinement_new(const struct evidence *evidence, struct policy *policy);
void confinement_free(struct confinement *confinement);
/* The index of the profile that an image runs under; of one that no exec led to: the first. */
size_t confinement_of(const struct confinement *confinement, const char *image);
/* The same of what an exec of that file leads to, from the profile with the index from. */
size_t confinement_entered(const struct confinement *confinement, const char *path, size_t from);

/* "whittle-BASE" of a path, as a profile is called by default; freed by the caller. */
char *profile_name(const char *path);
/* One name of EXEC_INTERPRETERS as a path: its semicolons are escaped there, and nowhere else. */
char *interpreter_name(const char *text, size_t length);

/*
 * A contribution of one fact to an AppArmor rule. Drafts with the same profile, class, name, target
 * and detail become one rule: letters are added up, and it is an owner rule if each draft is.
 */
struct draft {
	size_t profile;
	enum apparmor_class class;
	unsigned int perms; /* enum perm; 0 where the class has none */
	bool owner;
	char *name, *target, *detail, *why; /* owned */
};

struct drafts {
	struct draft *list;
	size_t count;
	size_t size;
	const struct policy *policy;
	const struct confinement *confinement;
	size_t profile; /* of the drafts that are added */
};

/*
 * What is added from now on belongs to the profile of this image. False if that is made elsewhere,
 * so that nothing is to be added.
 */
bool drafts_enter(struct drafts *drafts, const char *image);
/* The same of a profile by its index. */
bool drafts_enter_profile(struct drafts *drafts, size_t profile);

/* Letters in the order in which they are written. */
enum perm {
	PERM_M = 1 << 0,
	PERM_R = 1 << 1,
	PERM_W = 1 << 2,
	PERM_K = 1 << 3,
	PERM_IX = 1 << 4,
	PERM_SEND = 1 << 5,
	PERM_RECEIVE = 1 << 6,
	PERM_TRACE = 1 << 7,
	PERM_READ = 1 << 8,
	PERM_TRACEDBY = 1 << 9,
	PERM_READBY = 1 << 10,
	PERM_CREATE = 1 << 11,
	PERM_OPEN = 1 << 12,
	PERM_DELETE = 1 << 13,
	PERM_WRITE = 1 << 14,
	PERM_GETATTR = 1 << 15,
	PERM_SETATTR = 1 << 16
};

/* A new draft whose strings are copies; the pointer is valid until the next call. */
struct draft *draft_add(struct drafts *drafts, enum apparmor_class class, const char *name,
			const char *target, const char *detail);

/* ---- vary.c: names that differ from run to run ---- */

struct variation;

struct variation *variation_new(const struct evidence *evidence);
void variation_free(struct variation *variation);
/*
 * The path (evidence text) with placeholders for what differs from run to run; in its last
 * component only if whole. The caller frees it.
 */
char *variation_name(const struct variation *variation, const char *path, bool whole);
/* What was found, as notes. */
void variation_note(const struct variation *variation, struct policy *policy);

/*
 * The capabilities that were required, singletons first, then the weaker of each choice left.
 * Causes that differ from run to run in a file's name only are one.
 */
void derive_capabilities(const struct evidence *evidence, const struct variation *variation,
			 struct policy *policy);

/* File, link and exec rules, from what was opened, mapped and executed. */
void derive_files(const struct evidence *evidence, const struct variation *variation,
		  struct policy *policy, struct drafts *drafts);
/* Sockets, signals, ptrace, mounts. */
void derive_access(const struct evidence *evidence, struct policy *policy, struct drafts *drafts);
/* The name of a POSIX message queue in evidence ("/mqueue:NAME"), borrowed; NULL: it is none. */
const char *queue_name(const char *path);
/* User namespaces, io_uring, message queues, if the policy's options ask for abi 4.0. */
void derive_abi4(const struct evidence *evidence, const struct variation *variation,
		 struct policy *policy, struct drafts *drafts);
/* All AppArmor rules; the capability rules must have been derived before. */
void derive_apparmor(const struct evidence *evidence, const struct variation *variation,
		     struct policy *policy);

/* "bind 0.0.0.0:80 by /usr/sbin/nginx" of a FACT_CAPABILITY; freed by the caller. */
char *describe_capability(const struct variation *variation, const struct fact *fact);

/* A new setting, with a copy of the value; valid until the next. */
struct setting *setting_add(struct policy *policy, const char *name, const char *value,
			    enum setting_label label, const char *cis);
/* Memory, processes, user. After the settings of what is written. */
void derive_limits(const struct evidence *evidence, struct policy *policy);
/* How to run the program; the capability rules must have been derived before. */
void derive_settings(const struct evidence *evidence, struct policy *policy);

#endif
