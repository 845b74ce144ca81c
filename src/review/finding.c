/* The list of findings, and the table of what can be found. */
#include <review/lint.h>

#include <string.h>
#include <whittle/escape.h>

/* Of one kind: more than this helps nobody, and a hostile profile could fill the memory. */
#define FINDINGS_MAX ((size_t)200)
#define SHOWN_MAX    ((size_t)64)

static const struct {
	const char *id;
	enum severity severity;
	const char *advice;
} kinds[LINT_KINDS] = {
#define KIND(kind, id, severity, advice) [LINT_##kind] = { id, SEVERITY_##severity, advice }
	KIND(ALLOW_EVERYTHING, "allow-everything", ERROR,
	     "deny by default and allow what the program calls"),
	KIND(ALLOWS_DANGEROUS, "allows-dangerous", WARNING,
	     "allow only what the program was seen to call"),
	KIND(ARCH_BOTH, "arch-both", ERROR, "keep either architectures or archMap"),
	KIND(ARCH_MISSING, "arch-missing", NOTE,
	     "list it if 32-bit programs are to run; else leave it"),
	KIND(ARCH_NATIVE, "arch-native", ERROR,
	     "name the architecture, or leave architectures out"),
	KIND(ARCH_NONE, "arch-none", NOTE, "list the architectures that the programs use"),
	KIND(ARCH_UNKNOWN, "arch-unknown", ERROR, "take a name of the runtime-spec"),
	KIND(ARCH_UNSUPPORTED, "arch-unsupported", NOTE,
	     "look at this profile where libseccomp is newer"),
	KIND(ARG_ALWAYS, "arg-always", ERROR, "remove the condition, or correct it"),
	KIND(ARG_INDEX, "arg-index", ERROR, "arguments are numbered from 0 to 5"),
	KIND(ARG_NEVER, "arg-never", ERROR, "remove the rule, or correct the condition"),
	KIND(ARG_REPEAT, "arg-repeat", ERROR,
	     "keep one condition for each argument; alternatives are entries of their own"),
	KIND(ARG_VALUE_TWO, "arg-value-two", WARNING, "use SCMP_CMP_MASKED_EQ, or remove valueTwo"),
	KIND(ARG_WIDTH, "arg-width", WARNING,
	     "compare by SCMP_CMP_MASKED_EQ under the mask 0xffffffff, value by value"),
	KIND(CLONE3_EPERM, "clone3-eperm", WARNING,
	     "answer clone3 with errnoRet 38 (ENOSYS), or set defaultErrnoRet to 38"),
	KIND(CONFLICT, "conflict", ERROR, "keep the one that is meant"),
	KIND(DANGEROUS, "dangerous-call", NOTE, "make sure that the program needs it"),
	KIND(DEFAULT_EPERM, "default-eperm", NOTE,
	     "set defaultErrnoRet to 38 (ENOSYS): programs then use their fallbacks"),
	KIND(DENY_LIST, "deny-list", WARNING, "deny by default and allow what the program calls"),
	KIND(DROPPED_FIELD, "dropped-field", WARNING,
	     "write the profile in the plain OCI form, for the machine it is for"),
	KIND(DUPLICATE_KEY, "duplicate-key", ERROR, "keep the one that is meant"),
	KIND(DUPLICATE_NAME, "duplicate-name", NOTE, "remove one of them"),
	KIND(EMPTY_RULE, "empty-rule", WARNING, "name the calls, or remove the rule"),
	KIND(ERRNO_DIFFERS, "errno-differs", WARNING, "make them agree"),
	KIND(ERRNO_IGNORED, "errno-ignored", ERROR,
	     "remove it, or make the action SCMP_ACT_ERRNO or SCMP_ACT_TRACE"),
	KIND(ERRNO_RANGE, "errno-range", ERROR, "take a number from 1 to 4094"),
	KIND(ERRNO_UNKNOWN, "errno-unknown", ERROR, "take a name that errno(3) lists"),
	KIND(ERRNO_ZERO, "errno-zero", WARNING, "take a number above 0: 1 is EPERM, 38 ENOSYS"),
	KIND(FLOOR, "floor", ERROR, "allow them, or say --runtime and --no-new-privileges"),
	KIND(FLOOR_MARGIN, "floor-margin", NOTE, "allow them to be safe"),
	KIND(FOREIGN_NAME, "foreign-name", NOTE, "remove it, or list the architecture that has it"),
	KIND(KILL_THREAD, "kill-thread", NOTE, "use SCMP_ACT_KILL_PROCESS"),
	KIND(LISTENER_UNUSED, "listener-unused", WARNING, "remove listenerPath"),
	KIND(MASK_VALUE, "mask-value", ERROR, "value is the mask, valueTwo what must be under it"),
	KIND(NAME_AND_NAMES, "name-and-names", ERROR, "keep names only"),
	KIND(NEWER_NAME, "newer-name", NOTE, "use a newer libseccomp where the call is needed"),
	KIND(NO_FILTER, "no-filter", ERROR, "give a defaultAction and syscalls"),
	KIND(NOTIFY_DEFAULT, "notify-default", WARNING, "name the calls to be notified"),
	KIND(NOTIFY_NO_LISTENER, "notify-no-listener", ERROR, "give listenerPath"),
	KIND(NOTIFY_WRITE, "notify-write", WARNING, "allow write"),
	KIND(NOT_PORTABLE, "not-portable", NOTE, "use the plain OCI form for Kubernetes"),
	KIND(SAME_AS_DEFAULT, "same-as-default", NOTE, "remove the rule"),
	KIND(SHADOWED, "shadowed", WARNING, "remove the one that is not meant"),
	KIND(SOCKETCALL, "socketcall", WARNING,
	     "do not list the 32-bit architecture unless programs of it run"),
	KIND(TOO_MANY_FINDINGS, "too-many-findings", WARNING, "correct these first"),
	KIND(TOO_MANY_RULES, "too-many-rules", WARNING, "say it in fewer rules"),
	KIND(UNKNOWN_ACTION, "unknown-action", ERROR, "take an action of the runtime-spec"),
	KIND(UNKNOWN_FIELD, "unknown-field", WARNING, "correct its name, or remove it"),
	KIND(UNKNOWN_FLAG, "unknown-flag", ERROR, "take a flag of the runtime-spec"),
	KIND(UNKNOWN_NAME, "unknown-name", WARNING, "correct it, or remove it"),
	KIND(UNKNOWN_OPERATOR, "unknown-operator", ERROR, "take an operator of the runtime-spec"),
	KIND(VOID_CONDITION, "void-condition", ERROR, "remove the unconditional rule"),
	KIND(WRONG_TYPE, "wrong-type", ERROR, "write it as the runtime-spec says"),
	KIND(X32, "x32", NOTE, "remove it: hardly a program uses x32, and few kernels have it"),
#undef KIND
};

const char *severity_name(enum severity severity)
{
	static const char *const names[SEVERITIES] = { "error", "warning", "note" };

	return names[severity];
}

char *shown(const char *text)
{
	AUTO_BUF struct buf safe = BUF_INIT;
	size_t length = strlen(text);
	bool word =
		length > 0 && length <= SHOWN_MAX &&
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
			length;

	if (word)
		return xstrdup(text);
	size_t cut = length < SHOWN_MAX ? length : SHOWN_MAX;
	while (cut < length && cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--; /* not within a character of several bytes */
	buf_addc(&safe, '"');
	escape_text(&safe, text, cut);
	buf_adds(&safe, cut < length ? "...\"" : "\"");
	return buf_steal(&safe);
}

static void add(struct lint *lint, enum lint_kind kind, char *location, char *text)
{
	struct findings *all = &lint->findings;

	if (lint->seen[kind]++ >= FINDINGS_MAX) {
		lint->dropped++;
		free(location);
		free(text);
		return;
	}
	if ((all->count & (all->count - 1)) == 0)
		all->item =
			xrealloc(all->item, all->count ? 2 * all->count : 1, sizeof(*all->item));
	all->item[all->count++] = (struct finding){ kinds[kind].id, kinds[kind].severity, location,
						    text, kinds[kind].advice };
}

static char *place_text(const struct lint *lint, struct place place)
{
	AUTO_BUF struct buf out = BUF_INIT;

	buf_adds(&out, lint->profile->prefix);
	if (place.rule >= 0)
		buf_addf(&out, "syscalls[%ld]", place.rule);
	if (place.array)
		buf_addf(&out, "%s%s[%ld]", place.rule >= 0 ? "." : "", place.array, place.item);
	if (place.field)
		buf_addf(&out, "%s%s", place.rule >= 0 || place.array ? "." : "", place.field);
	if (place.sub)
		buf_addf(&out, ".%s", place.sub);
	if (!out.length)
		buf_adds(&out, "profile");
	return buf_steal(&out);
}

static char *PRINTF_LIKE(1, 0) format_text(const char *format, va_list args)
{
	char *text = NULL;

	return vasprintf(&text, format, args) < 0 ? xchecked(NULL) : text;
}

void report(struct lint *lint, enum lint_kind kind, struct place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = format_text(format, args);
	va_end(args);
	add(lint, kind, place_text(lint, place), text);
}

void report_line(struct lint *lint, enum lint_kind kind, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = format_text(format, args);
	va_end(args);
	add(lint, kind, xasprintf("line %d", line), text);
}

/* strverscmp(3): syscalls[2] before syscalls[10]. */
static int compare(const void *a, const void *b)
{
	const struct finding *one = a, *two = b;
	int order = strverscmp(one->location, two->location);

	if (order == 0)
		order = strcmp(one->id, two->id);
	return order ? order : strcmp(one->text, two->text);
}

void report_end(struct lint *lint)
{
	if (lint->dropped)
		report(lint, LINT_TOO_MANY_FINDINGS, AT_TOP("syscalls"),
		       "there are %zu more findings, which are not shown", lint->dropped);
	if (lint->findings.count)
		qsort(lint->findings.item, lint->findings.count, sizeof(struct finding), compare);
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->item[i].location);
		free(findings->item[i].text);
	}
	free(findings->item);
	*findings = (struct findings){ NULL, 0, NULL };
}
