/* What the targets that start a program share: settings, writable places, names. */
#include <emit/emit.h>

#include <ctype.h>
#include <string.h>

bool emit_has_setting(const struct policy *policy, const char *name, const char *value)
{
	const struct setting *setting = policy_setting(policy, name);

	return setting && setting->label != SETTING_DECIDE && strcmp(setting->value, value) == 0;
}

const char *emit_value(const struct policy *policy, const char *name)
{
	const struct setting *setting = policy_setting(policy, name);

	return setting && setting->label != SETTING_DECIDE ? setting->value : NULL;
}

const char *emit_next_group(const struct policy *policy, const char *group)
{
	bool found = !group;

	for (size_t i = 0; i < policy->setting_count; i++) {
		const struct setting *setting = &policy->settings[i];

		if (strcmp(setting->name, "group-add") != 0)
			continue;
		if (found)
			return setting->value;
		found = setting->value == group;
	}
	return NULL;
}

bool emit_no_new_privileges(const struct policy *policy)
{
	const char *option = policy->options.no_new_privileges;

	if (strcmp(option, "any") != 0)
		return strcmp(option, "on") == 0;
	return emit_has_setting(policy, "no-new-privileges", "true");
}

bool emit_has_capability(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->capability_count; i++)
		if (strcmp(policy->capabilities[i].name, name) == 0)
			return true;
	return false;
}

static void add_comment(const char *label, const char *name, const char *value, const char *cis,
			const struct reasons *why, struct buf *out)
{
	buf_addf(out, "# %s: %s%s%s", label, name, *value ? " " : "", value);
	if (*cis)
		buf_addf(out, " (CIS %s)", cis);
	if (why->count)
		buf_addf(out, ": %s", why->line[0]);
	if (why->count > 1)
		buf_addf(out, " and %zu more", why->count - 1);
	buf_addc(out, '\n');
}

void emit_setting_comments(const struct policy *policy, struct buf *out)
{
	static const char *const labels[] = {
		[SETTING_OBSERVED] = "observed",
		[SETTING_ABSENT] = "absent in all runs",
		[SETTING_DECIDE] = "needs decision",
	};

	buf_adds(out, "# Made by whittle. What each setting rests on (CIS: Docker Benchmark "
		      "1.6.0):\n");
	emit_warnings(policy, "# ", out);
	for (size_t i = 0; i < policy->capability_count; i++)
		add_comment(labels[SETTING_OBSERVED], "cap-add", policy->capabilities[i].name,
			    "5.4", &policy->capabilities[i].why, out);
	for (size_t i = 0; i < policy->setting_count; i++) {
		const struct setting *setting = &policy->settings[i];

		add_comment(labels[setting->label], setting->name, setting->value, setting->cis,
			    &setting->why, out);
	}
}

/* ---- writable places ---- */

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("/._+@-", c));
}

bool emit_is_word(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!is_word_char(*c))
			return false;
	return *text && *text != '-';
}

/* A backslash begins what evidence text escapes: it is no text, or a placeholder. */
static bool can_say(enum path_sink sink, char c)
{
	return sink == SINK_WORD ? is_word_char(c) : c != '\\' && c != ':';
}

/* The longest part of the path, whole names only, that the sink can say; "" for the root. */
static char *sayable(const char *path, enum path_sink sink)
{
	size_t length = 0;

	for (size_t i = 0;; i++) {
		if (path[i] == '/' || !path[i])
			length = i;
		if (!path[i] || !can_say(sink, path[i]))
			break;
	}
	return xstrndup(path, length);
}

static int compare_mounts(const void *a, const void *b)
{
	return strcmp(((const struct emit_mount *)a)->path, ((const struct emit_mount *)b)->path);
}

/* A volume, if one is. */
static void unite(struct emit_mount *kept, struct emit_mount *other)
{
	kept->tmpfs &= other->tmpfs;
	kept->executed |= other->executed;
	kept->filled |= other->filled;
	free(other->path);
}

static void add_mount(const struct setting *setting, enum path_sink sink,
		      struct emit_mounts *mounts)
{
	char *path = sayable(setting->value, sink);
	bool cut = strcmp(path, setting->value) != 0;

	mounts->read_only &= *path != 0;
	mounts->list[mounts->count++] = (struct emit_mount){
		.path = path,
		.tmpfs = strcmp(setting->name, "tmpfs") == 0 && !cut,
		.executed = strcmp(setting->detail, "exec") == 0,
		.filled = strcmp(setting->detail, "filled") == 0 || cut,
	};
}

/* Two of one path become one; a volume in a volume is a part of that. Sorted before. */
static void reduce(struct emit_mounts *mounts)
{
	size_t kept = 0;

	for (size_t i = 0; i < mounts->count; i++) {
		struct emit_mount mount = mounts->list[i];
		struct emit_mount *into = NULL;

		for (size_t k = 0; k < kept && !into; k++) {
			size_t length = strlen(mounts->list[k].path);
			bool same = strcmp(mounts->list[k].path, mount.path) == 0;
			bool below = strncmp(mounts->list[k].path, mount.path, length) == 0 &&
				     mount.path[length] == '/' && !mounts->list[k].tmpfs &&
				     !mount.tmpfs;

			if (same || below)
				into = &mounts->list[k];
		}
		if (into)
			unite(into, &mount);
		else
			mounts->list[kept++] = mount;
	}
	mounts->count = kept;
}

void emit_mounts_make(const struct policy *policy, enum path_sink sink, struct emit_mounts *mounts)
{
	*mounts = (struct emit_mounts){
		.list = xcalloc(policy->setting_count + 1, sizeof(*mounts->list)),
		.read_only = emit_has_setting(policy, "read-only", "true"),
	};
	for (size_t i = 0; i < policy->setting_count; i++) {
		const char *name = policy->settings[i].name;

		if (strcmp(name, "tmpfs") == 0 || strcmp(name, "volume") == 0)
			add_mount(&policy->settings[i], sink, mounts);
	}
	if (!mounts->read_only) {
		emit_mounts_free(mounts);
		return;
	}
	qsort(mounts->list, mounts->count, sizeof(*mounts->list), compare_mounts);
	reduce(mounts);
}

void emit_mounts_free(struct emit_mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++)
		free(mounts->list[i].path);
	free(mounts->list);
	*mounts = (struct emit_mounts){ NULL, 0, false };
}

/* ---- names ---- */

int emit_check_words(const struct policy *policy, struct error *err)
{
	const struct policy_options *options = &policy->options;

	if (options->seccomp && !emit_is_word(options->seccomp)) {
		fail(err, ERROR_INPUT, 0, "%s cannot be a word of a command line",
		     options->seccomp);
		return fail_hint(err, "name another file with --seccomp: letters, digits, /._+@-");
	}
	if (options->apparmor && !emit_is_word(options->name))
		return fail(err, ERROR_INPUT, 0, "%s is no profile name", options->name);
	return 0;
}

/* RFC 1123: at most 63 of a-z, 0-9 and "-", the first and the last no "-". */
void emit_label(const struct policy *policy, struct buf *out)
{
	size_t start = out->length;

	for (const char *c = policy->options.name; *c && out->length - start < 63; c++) {
		bool plain = isalnum((unsigned char)*c) != 0;

		if (plain || out->length > start)
			buf_addc(out, plain ? (char)tolower((unsigned char)*c) : '-');
	}
	while (out->length > start && out->data[out->length - 1] == '-')
		buf_truncate(out, out->length - 1);
	if (out->length == start)
		buf_adds(out, "whittle");
}
