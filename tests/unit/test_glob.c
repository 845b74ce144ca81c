#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <review/glob.h>
#include <string.h>
#include <whittle/buf.h>

static bool matches(const char *text, const char *name)
{
	struct glob *glob;
	struct error err;

	assert_int_equal(glob_compile(text, &glob, &err), 0);
	AUTO_FREE struct glob_state *start = glob_start(glob);
	AUTO_FREE struct glob_state *whole = glob_step(glob, start, name, strlen(name));
	bool accepted = whole && glob_accepts(glob, whole);

	/* In two steps it is the same. */
	size_t half = strlen(name) / 2;
	AUTO_FREE struct glob_state *first = glob_step(glob, start, name, half);
	AUTO_FREE struct glob_state *second =
		first ? glob_step(glob, first, name + half, strlen(name) - half) : NULL;
	assert_int_equal(accepted, second && glob_accepts(glob, second));
	glob_free(glob);
	return accepted;
}

static void expect(const char *text, const char *name, bool wanted)
{
	if (matches(text, name) != wanted)
		print_error("%s must %smatch %s\n", text, wanted ? "" : "not ", name);
	assert_int_equal(matches(text, name), wanted);
}

/* What apparmor_parser 3.0.8 compiled of each glob says of each name. */
static void test_match(void **state)
{
	static const struct {
		const char *glob, *yes[6], *no[6];
	} rows[] = {
		{ "/a/b", { "/a/b" }, { "/a/b/", "/a/", "/a/bc", "/a" } },
		{ "/a/*", { "/a/b", "/a/.b", "/a/*" }, { "/a/", "/a", "/a/b/", "/a/b/c" } },
		{ "/a/*/", { "/a/b/", "/a/.b/" }, { "/a//", "/a/b", "/a/b/c/" } },
		{ "/a/*b", { "/a/b", "/a/.b", "/a/xb" }, { "/a/x/b", "/a/bx" } },
		{ "/a/b*", { "/a/b", "/a/b.c" }, { "/a/b/", "/a/" } },
		{ "/a/**", { "/a/b", "/a/b/c", "/a/b/", "/a/.b/c" }, { "/a/", "/a" } },
		{ "/a/**/", { "/a/b/", "/a/b/c/" }, { "/a/", "/a//", "/a/b" } },
		{ "/a**", { "/a", "/a/", "/ab/c" }, { "/", "/b" } },
		{ "/a/**b", { "/a/b", "/a/x/b", "/a/xb" }, { "/a/", "/a/b/" } },
		{ "/a/{*,c/}b", { "/a/b", "/a/xb", "/a/c/b" }, { "/a/x/b", "/a/c/" } },
		{ "/a/{b,*}", { "/a/b", "/a/", "/a/x" }, { "/a", "/a/x/" } },
		{ "/a/?", { "/a/b", "/a/." }, { "/a/", "/a//", "/a/bc" } },
		{ "/a[bc]d", { "/abd", "/acd" }, { "/ad", "/abcd", "/axd" } },
		{ "/a[^bc]d", { "/axd", "/a/d" }, { "/abd", "/ad" } },
		{ "/a[a-c0-9_]", { "/ab", "/a5", "/a_" }, { "/ad", "/a-", "/a" } },
		{ "/a{,b,cd}e", { "/ae", "/abe", "/acde" }, { "/ace", "/a,e" } },
		{ "/{a,{b,c}d}/e", { "/a/e", "/bd/e", "/cd/e" }, { "/b/e", "/ad/e" } },
		{ "/x,y", { "/x,y" }, { "/x", "/y" } },
		{ "/a//b", { "/a/b" }, { "/a//b" } },
		{ "\"/a[/]b\"", { "/a/b" }, { "/ab", "/a//b" } },
		{ "\"/a\\052b\\040c\"", { "/a*b c" }, { "/axb c", "/a\\052b\\040c" } },
		{ "\"/a/*\"", { "/a/b", "/a/\"" }, { "/a/", "/a" } },
		{ "/a.b+c", { "/a.b+c" }, { "/axb+c", "/a.bbc" } },
		{ "@{PROC}/@{pid}/stat",
		  { "/proc/1/stat", "/proc/4999999/stat", "/proc/999999/stat" },
		  { "/proc/0/stat", "/proc/01/stat", "/proc/5000000/stat", "/proc/self/stat",
		    "/proc//stat", "/proc/12345678/stat" } },
		{ "/t/go-build[0-9A-Za-z_]*/b001/exe",
		  { "/t/go-build1/b001/exe", "/t/go-build_.x-/b001/exe" },
		  { "/t/go-build/b001/exe", "/t/go-build1/x/b001/exe", "/t/go-build./b001/exe" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t k = 0; k < 6; k++) {
			if (rows[i].yes[k])
				expect(rows[i].glob, rows[i].yes[k], true);
			if (rows[i].no[k])
				expect(rows[i].glob, rows[i].no[k], false);
		}
}

static void test_literal(void **state)
{
	static const struct {
		const char *glob;
		bool literal;
	} rows[] = {
		{ "/a/b", true },      { "\"/a\\052\"", true },
		{ "@{PROC}/x", true }, { "/a*", false },
		{ "/a?", false },      { "/[a]", false },
		{ "/{a,b}", false },   { "@{PROC}/@{pid}/", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct glob *glob;
		struct error err;

		assert_int_equal(glob_compile(rows[i].glob, &glob, &err), 0);
		assert_int_equal(glob_is_literal(glob), rows[i].literal);
		glob_free(glob);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = { "/{a}", "/{a,b", "/a}x{", "/[a",  "/a\\", "@{HOME}/x",
					    "\"/a", "/[",    "/[^",   "/[a-", "/{",   "/a{b,c}}{" };
	AUTO_BUF struct buf deep = BUF_INIT;
	struct glob *glob = NULL;
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(glob_compile(rows[i], &glob, &err), -1);
	for (int i = 0; i < 100000; i++)
		buf_adds(&deep, "{a,");
	assert_int_equal(glob_compile(buf_text(&deep), &glob, &err), -1);
	assert_null(glob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_literal),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
