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

static int merge_file(struct evidence *all, const char *path, struct error *err)
{
	struct evidence *one;

	if (evidence_load(path, &one, err) < 0)
		return -1;
	int result = evidence_merge(all, one, err);
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
	struct evidence *all = evidence_new();

	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *path = evidence_path(paths[i]);

		if (merge_file(all, path, err) < 0) {
			evidence_free(all);
			return -1;
		}
	}
	*ret_evidence = all;
	return 0;
}
