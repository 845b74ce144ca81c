/* Names that are made up at random, by their shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <observe/observe.h>
#include <stdio.h>

/* After a file of this name was made: what the name, and others, become. */
static void test_shapes(void **state)
{
	static const struct {
		const char *made, *name, *shape; /* NULL: as it is */
	} rows[] = {
		{ "/tmp/sedXK4Ua2", "/tmp/sedXK4Ua2", "/tmp/sed\\{random}" },
		{ "/tmp/sedXK4Ua2", "/tmp/sedabcdef", "/tmp/sed\\{random}" },
		{ "/tmp/sedXK4Ua2", "/tmp/sedabcde", NULL },
		{ "/tmp/sedXK4Ua2", "/tmp/sed.conf.d", NULL },
		{ "/tmp/sedXK4Ua2", "/var/sedXK4Ua2", NULL },
		{ "/tmp/sedXK4Ua2", "/tmp/sedabcdef/f",
		  NULL }, /* a file's name, not a directory's */
		{ "/tmp/sedXK4Ua2", "/tmp/cutXK4Ua2", NULL },
		{ "/tmp/ccXK4Ua2.s", "/tmp/ccabcde1.s", "/tmp/cc\\{random}.s" },
		{ "/tmp/ccXK4Ua2.s", "/tmp/ccabcde1.o", NULL },
		{ "/tmp/tmp.pHH1TnG69M/", "/tmp/tmp.pHH1TnG69M/x", "/tmp/tmp.\\{random}/x" },
		{ "/tmp/tmp.pHH1TnG69M/", "/tmp/tmp.pHH1TnG69M/", "/tmp/tmp.\\{random}/" },
		{ "/tmp/go-build123456789", "/tmp/go-build98765432", "/tmp/go-build\\{random}" },
		{ "/tmp/p-123456789", "/tmp/p-98765432", "/tmp/p-\\{random}" },
		{ "/d/TempXK4Ua2", "/d/TempXK4Ua2", "/d/Temp\\{random}" },
		{ "/d/TMP_XK4Ua2", "/d/TMP_XK4Ua2", "/d/TMP_\\{random}" },
		{ "/d/x20261126-189-k3j2ab", "/d/x20261126-189-abcdef",
		  "/d/x20261126-189-\\{random}" },
		{ "/d/_.Stat.1cbe1256cb123456", "/d/_.Stat.1cbe1256cbabcdef",
		  "/d/_.Stat.\\{random}" },
		/* no prefix; a date before what was made up */
		{ "/d/3DhCXK4Ua2", "/d/3DhCXK4Ua2", NULL },
		{ "/d/tmp7n_ab2cd", "/d/tmp7n_ab2cd", NULL },
		{ "/d/x20261126-1487-do9tx", "/d/x20261126-1487-do9tx", NULL },
		/* plain words; nothing that stays the same; hostile bytes; sensitive places */
		{ "/tmp/report", "/tmp/report", NULL },
		{ "/tmp/passwd.lock", "/tmp/passwd.lock", NULL },
		{ "/tmp/XK4Ua2", "/tmp/XK4Ua2", NULL },
		{ "/tmp/\\x0aXK4Ua2", "/tmp/\\x0aXK4Ua2", NULL },
		{ "/etc/sedXK4Ua2", "/etc/sedXK4Ua2", NULL },
		{ "/dev/sedXK4Ua2", "/dev/sedXK4Ua2", NULL },
		{ "/dev/shm/sem.XK4Ua2", "/dev/shm/sem.XK4Ua2", "/dev/shm/sem.\\{random}" },
		{ "relativeXK4Ua2", "relativeXK4Ua2", NULL },
		{ "/", "/", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct observer observer = { .shapes = NULL };

		temporary_learn(&observer, rows[i].made, 0755);
		AUTO_FREE char *shape = temporary_name(&observer, rows[i].name);
		if (rows[i].shape) {
			assert_non_null(shape);
			assert_string_equal(shape, rows[i].shape);
			assert_true(escape_is_text(shape));
		} else {
			assert_null(shape);
		}
		temporary_forget(&observer);
	}
}

/* A directory that was made up, and a file in it that was: both; and no shape twice. */
static void test_below(void **state)
{
	struct observer observer = { .shapes = NULL };

	(void)state;
	temporary_learn(&observer, "/tmp/d.Ab3dEf/", 0755);
	temporary_learn(&observer, "/tmp/d.Ab3dEf/f.Gh7iJk", 0755);
	temporary_learn(&observer, "/tmp/d.Zz9zZz/f.Yy8yYy", 0755);
	assert_int_equal(observer.shape_count, 2);
	AUTO_FREE char *shape = temporary_name(&observer, "/tmp/d.Mm5mMm/f.Nn6nNn");
	assert_string_equal(shape, "/tmp/d.\\{random}/f.\\{random}");
	assert_null(temporary_name(&observer, NULL));
	temporary_forget(&observer);
}

/* In /tmp an exclusive name is made up whatever it looks like; of the profile of two runs nothing
 * may differ. */
static void test_shared(void **state)
{
	static const struct {
		const char *made, *shape;
	} rows[] = {
		{ "/tmp/tmpyvssxoaz", "/tmp/\\{random}" },        /* Python */
		{ "/tmp/9v3MXK4Ua2.dat", "/tmp/\\{random}.dat" }, /* Perl */
		{ "/tmp/ccXK4Ua2.s", "/tmp/\\{random}.s" },       /* gcc */
		{ "/tmp/tmp.Ab3dEf9HiJ", "/tmp/tmp.\\{random}" },
		{ "/tmp/build123456789/", "/tmp/build\\{random}/" },
		{ "/tmp/short", NULL },
		{ "/tmp/.X0-lock", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct observer observer = { .shapes = NULL };

		temporary_learn(&observer, rows[i].made, 01777);
		AUTO_FREE char *shape = temporary_name(&observer, rows[i].made);
		if (rows[i].shape)
			assert_string_equal(shape, rows[i].shape);
		else
			assert_null(shape);
		temporary_forget(&observer);
	}
}

/* Names without a shape cannot make it grow without bound. */
static void test_bound(void **state)
{
	struct observer observer = { .shapes = NULL };
	char name[64];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "/tmp/p%d.XK4Ua2", i);
		temporary_learn(&observer, name, 0755);
	}
	assert_true(observer.shape_count >= 100 && observer.shape_count <= 256);
	temporary_forget(&observer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
