/* The file of the filter that a command line names. */
#include <cli/cli.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <whittle/file.h>
#include <whittle/target.h>

enum { FILTER_MAX = 16 << 20 };

/* The directory of an evidence file, or the one that stands for the file in it. */
static char *directory_of(const char *path)
{
	struct stat st;
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		length = strlen(path);
		while (length > 1 && path[length - 1] == '/')
			length--;
	} else if (!slash) {
		return xstrdup(".");
	}
	return length ? xstrndup(path, length) : xstrdup("/");
}

int filter_beside(char *const *paths, size_t count, char **ret_path, struct error *err)
{
	AUTO_FREE char *first = directory_of(paths[0]);

	for (size_t i = 1; i < count; i++) {
		AUTO_FREE char *other = directory_of(paths[i]);

		if (strcmp(first, other) == 0)
			continue;
		fail(err, ERROR_INPUT, 0, "the evidence lies in several directories");
		return fail_hint(err, "say with --seccomp FILE where the filter is to be");
	}
	const char *prefix = strcmp(first, ".") == 0 ? "" : first;
	*ret_path = xasprintf("%s%sseccomp.json", prefix,
			      *prefix && strcmp(prefix, "/") != 0 ? "/" : "");
	return 0;
}

static void say_decisions(const struct policy *policy)
{
	AUTO_BUF struct buf list = BUF_INIT;

	for (size_t i = 0; i < policy->setting_count; i++) {
		const struct setting *setting = &policy->settings[i];

		if (setting->label == SETTING_DECIDE)
			buf_addf(&list, "%s%s%s%s", list.length ? ", " : "", setting->name,
				 *setting->value ? " " : "", setting->value);
	}
	if (list.length)
		say("needs decision: %s (settings in policy.json say why)", buf_text(&list));
}

/* A file that is not whittle's rendering may be somebody's work. */
static int check_same(const char *path, const struct buf *text, struct error *err)
{
	AUTO_FREE char *old = NULL;
	size_t length;

	if (access(path, F_OK) < 0)
		return 0;
	if (file_read(AT_FDCWD, path, FILTER_MAX, &old, &length, err) < 0)
		return -1;
	if (length == text->length && memcmp(old, buf_text(text), length) == 0)
		return 0;
	fail(err, ERROR_REFUSED, 0, "%s is not the filter of this evidence and these options",
	     path);
	return fail_hint(err, "name another file with --seccomp FILE, or remove that one");
}

int filter_write(const struct policy *policy, bool named, struct error *err)
{
	const char *path = policy->options.seccomp;
	AUTO_BUF struct buf text = BUF_INIT;

	if (target_render(target_by_name("oci"), policy, &text, err) < 0 ||
	    (!named && check_same(path, &text, err) < 0) ||
	    file_replace(AT_FDCWD, path, buf_text(&text), text.length, err) < 0)
		return -1;
	say_decisions(policy);
	return 0;
}
