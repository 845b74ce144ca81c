/* Evidence given on a command line. */
#include <cli/cli.h>

#include <sys/stat.h>

/* The file that an argument means; the caller frees it. */
static char *evidence_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return xasprintf("%s/evidence.json", path);
	return xstrdup(path);
}

/* The first file (*all is NULL) is what others are merged into. */
static int add_file(struct evidence **all, const char *path, struct error *err)
{
	struct evidence *one;

	if (evidence_load(path, &one, err) < 0)
		return -1;
	if (!*all) {
		*all = one;
		return 0;
	}
	int result = evidence_merge(*all, one, err);
	if (result < 0) {
		struct error conflict = *err;

		fail(err, conflict.kind, conflict.number, "%s: %s", path, conflict.text);
		fail_hint(err, "%s", conflict.hint);
	}
	evidence_free(one);
	return result;
}

int cli_load_evidence(char *const *paths, size_t count, struct evidence **ret_evidence,
		      struct error *err)
{
	struct evidence *all = NULL;

	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *path = evidence_path(paths[i]);

		if (add_file(&all, path, err) < 0) {
			evidence_free(all);
			return -1;
		}
	}
	*ret_evidence = all ? all : evidence_new();
	return 0;
}
