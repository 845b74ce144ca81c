/* What is foretold of opens: whom a label confines, and names that were missing. */
#include <observe/foretold.h>

/* cmocka.h takes the name fail(): it comes after whittle's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void test_labels(void **state)
{
	static const struct {
		const char *label;
		bool confines;
	} rows[] = {
		{ "", false }, /* no module says anything */
		{ "unconfined", false },
		{ "unconfined\n", false },
		{ "unconfined_u:unconfined_r:unconfined_t:s0", true }, /* SELinux's */
		{ "unconfined (enforce)", true },
		{ "whittle-nginx (enforce)\n", true },
		{ "unconf", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(foretold_label_confines(rows[i].label, strlen(rows[i].label)),
				 rows[i].confines);
	/* As much as was read of it may end within a word. */
	assert_true(foretold_label_confines("unconfined_u:unc", 16));
}

/* ---- names that were missing ---- */

struct seen {
	char path[4096]; /* of the last fact */
	char access[32];
	size_t facts, losses;
	const char *loss;
};

static void count_fact(void *context, const struct fact *fact)
{
	struct seen *seen = context;

	seen->facts++;
	snprintf(seen->path, sizeof(seen->path), "%s", fact->field[PATH_PATH]);
	snprintf(seen->access, sizeof(seen->access), "%s", fact->field[PATH_ACCESS]);
}

static void count_loss(void *context, const char *kind)
{
	struct seen *seen = context;

	seen->losses++;
	seen->loss = kind;
}

/* The name was missing when it was to be opened for reading: what is said of it now? */
static struct seen settle(const char *name, bool serves_files)
{
	static char program[] = "/p";
	struct seen seen = { .facts = 0 };
	const struct fact_sink sink = { &seen, count_fact, count_loss, count_loss };
	struct observer *observer = observer_new(&sink, OBSERVE_PATHS);
	struct program its = { .name = program };
	struct process process = { .tgid = getpid(), .program = &its };
	struct thread thread = { .tid = getpid(),
				 .process = &process,
				 .missing = BUF_INIT,
				 .missing_flags = O_RDONLY,
				 .missing_follows = true };

	observer->serves_files = serves_files;
	buf_adds(&thread.missing, name);
	foretold_settle(observer, &thread);
	assert_int_equal(thread.missing.length, 0);
	foretold_settle(observer, &thread); /* once is enough */
	buf_free(&thread.missing);
	creds_release(&thread.creds);
	observer_free(observer);
	return seen;
}

static char top[] = "/tmp/whittle-foretold-XXXXXX";

static int make_files(void **state)
{
	(void)state;
	if (!mkdtemp(top) || chdir(top) < 0 || symlink("/dev/stdin", "in") < 0)
		return -1;
	AUTO_CLOSE int fd = open("file", O_CREAT | O_RDWR, 0600);
	return fd < 0 || dup2(fd, STDIN_FILENO) < 0 ? -1 : 0;
}

static int remove_files(void **state)
{
	(void)state;
	return unlink("in") < 0 || unlink("file") < 0 || rmdir(top) < 0 ? -1 : 0;
}

static void test_made_since(void **state)
{
	AUTO_FREE char *file = xasprintf("%s/file", top), *none = xasprintf("%s/none", top);
	AUTO_FREE char *directory = xasprintf("%s/", top);
	struct seen seen = settle(file, false);

	(void)state;
	assert_int_equal(seen.facts, 1);
	assert_string_equal(seen.path, file);
	assert_string_equal(seen.access, "read");
	seen = settle(top, false);
	assert_string_equal(seen.path, directory);
	assert_string_equal(seen.access, "list");
	seen = settle(none, false); /* missing still */
	assert_int_equal(seen.facts + seen.losses, 0);
}

/* The workload serves files by now: to look might wait for a thread that waits for whittle. */
static void test_served(void **state)
{
	AUTO_FREE char *file = xasprintf("%s/file", top);
	struct seen seen = settle(file, true);

	(void)state;
	assert_int_equal(seen.facts, 0);
	assert_int_equal(seen.losses, 1);
	assert_string_equal(seen.loss, "served-files");
}

/* By such links whittle would see files of its own. */
static void test_own_descriptors(void **state)
{
	AUTO_FREE char *in = xasprintf("%s/in", top);
	const char *const names[] = { "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", in };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct seen seen = settle(names[i], false);

		assert_int_equal(seen.facts + seen.losses, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_made_since),
		cmocka_unit_test(test_served),
		cmocka_unit_test(test_own_descriptors),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
