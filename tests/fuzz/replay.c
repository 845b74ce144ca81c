/*
 * Runs a fuzz target over files, without a fuzzer: those given, else all of
 * tests/fuzz/corpus/NAME for the program fuzz_NAME. A corpus that is not there is a failure.
 * Speaks TAP.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <whittle/file.h>

#define INPUT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Prints one point; a target that finds a fault ends the process before its point. */
static bool replay(int number, const char *path)
{
	AUTO_FREE char *data = NULL;
	struct error err;
	size_t length;

	if (file_read(AT_FDCWD, path, INPUT_MAX, &data, &length, &err) < 0) {
		printf("not ok %d - %s: %s\n", number, path, err.text);
		return false;
	}
	/* In a block of just that size: reading behind it is seen by a sanitizer. */
	AUTO_FREE uint8_t *exact = xcalloc(length, 1);
	memcpy(exact, data, length);
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, length);
	printf("ok %d - %s\n", number, path);
	return true;
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_corpus(const char *name)
{
	AUTO_FREE char *place = xasprintf("tests/fuzz/corpus/%s", name);
	struct dirent **entries = NULL;
	int count = scandir(place, &entries, is_file, alphasort);
	int bad = 0;

	if (count <= 0) {
		printf("Bail out! no corpus in %s: %s\n", place,
		       count < 0 ? strerror(errno) : "no files");
		return 1;
	}
	for (int i = 0; i < count; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", place, entries[i]->d_name);

		bad += !replay(i + 1, path);
		free(entries[i]);
	}
	free(entries);
	printf("1..%d\n", count);
	return bad > 0;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '_');
	int bad = 0;

	if (argc == 1)
		return replay_corpus(name ? name + 1 : argv[0]);
	for (int i = 1; i < argc; i++)
		bad += !replay(i, argv[i]);
	printf("1..%d\n", argc - 1);
	return bad > 0;
}
