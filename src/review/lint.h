/* Private to the room: the kinds of findings, and how a check reports one. */
#ifndef REVIEW_LINT_H
#define REVIEW_LINT_H

#include <review/profile.h>
#include <whittle/finding.h>

enum lint_kind {
	LINT_ALLOW_EVERYTHING,
	LINT_ALLOWS_DANGEROUS,
	LINT_ARCH_BOTH,
	LINT_ARCH_MISSING,
	LINT_ARCH_NATIVE,
	LINT_ARCH_NONE,
	LINT_ARCH_UNKNOWN,
	LINT_ARCH_UNSUPPORTED,
	LINT_ARG_ALWAYS,
	LINT_ARG_INDEX,
	LINT_ARG_NEVER,
	LINT_ARG_REPEAT,
	LINT_ARG_VALUE_TWO,
	LINT_ARG_WIDTH,
	LINT_CLONE3_EPERM,
	LINT_CONFLICT,
	LINT_DANGEROUS,
	LINT_DEFAULT_EPERM,
	LINT_DENY_LIST,
	LINT_DROPPED_FIELD,
	LINT_DUPLICATE_KEY,
	LINT_DUPLICATE_NAME,
	LINT_EMPTY_RULE,
	LINT_ERRNO_DIFFERS,
	LINT_ERRNO_IGNORED,
	LINT_ERRNO_RANGE,
	LINT_ERRNO_UNKNOWN,
	LINT_ERRNO_ZERO,
	LINT_FLOOR,
	LINT_FLOOR_MARGIN,
	LINT_FOREIGN_NAME,
	LINT_KILL_THREAD,
	LINT_LISTENER_UNUSED,
	LINT_MASK_VALUE,
	LINT_NAME_AND_NAMES,
	LINT_NEWER_NAME,
	LINT_NO_FILTER,
	LINT_NOTIFY_DEFAULT,
	LINT_NOTIFY_NO_LISTENER,
	LINT_NOTIFY_WRITE,
	LINT_NOT_PORTABLE,
	LINT_SAME_AS_DEFAULT,
	LINT_SHADOWED,
	LINT_SOCKETCALL,
	LINT_TOO_MANY_FINDINGS,
	LINT_TOO_MANY_RULES,
	LINT_UNKNOWN_ACTION,
	LINT_UNKNOWN_FIELD,
	LINT_UNKNOWN_FLAG,
	LINT_UNKNOWN_NAME,
	LINT_UNKNOWN_OPERATOR,
	LINT_VOID_CONDITION,
	LINT_WRONG_TYPE,
	LINT_X32,
	LINT_KINDS
};

/* Where in a profile; what is -1 or NULL is left out. */
struct place {
	long rule;         /* syscalls[rule] */
	const char *array; /* "names", "args": an array of the rule; or a top-level one */
	long item;
	const char *field; /* of all that: "errnoRet" */
	const char *sub;   /* of the field: "minKernel" */
};
#define AT_TOP(field)        ((struct place){ -1, NULL, -1, field, NULL })
#define AT_ITEM(array, item) ((struct place){ -1, array, (long)(item), NULL, NULL })
#define AT_RULE(rule, field) ((struct place){ (long)(rule), NULL, -1, field, NULL })
#define AT_NAME(rule, item)  ((struct place){ (long)(rule), "names", (long)(item), NULL, NULL })
#define AT_ARG(rule, item, field)                                                                  \
	((struct place){ (long)(rule), "args", (long)(item), field, NULL })

/* What the checks share. */
struct lint {
	const struct profile *profile;
	const struct lint_options *options; /* filled: nothing is NULL but target */
	struct findings findings;
	size_t seen[LINT_KINDS];
	size_t dropped; /* findings beyond the ceiling of their kind */
};

/* Adds a finding; the text is one sentence without its full stop. */
void report(struct lint *lint, enum lint_kind kind, struct place place, const char *format, ...)
	PRINTF_LIKE(4, 5);
/* The same at a line of the file. */
void report_line(struct lint *lint, enum lint_kind kind, int line, const char *format, ...)
	PRINTF_LIKE(4, 5);
/* Sorts the findings and says what was left out. */
void report_end(struct lint *lint);

/*
 * A string of the profile as a message shows it: safe for terminals, cut when long, in quotes
 * unless it is a plain word. Freed by the caller.
 */
char *shown(const char *text);

/* May the rule's conditions hold where that argument is value, whatever the others are? */
bool rule_may_match(const struct rule *rule, unsigned int index, uint64_t value);

/* The checks; each looks at the whole profile. */
void check_fields(struct lint *lint);
void check_actions(struct lint *lint);
void check_errnos(struct lint *lint);
void check_args(struct lint *lint);
void check_listener(struct lint *lint);
void check_architectures(struct lint *lint);
void check_names(struct lint *lint);
void check_overlap(struct lint *lint);
void check_grants(struct lint *lint);
void check_floor(struct lint *lint);

#endif
