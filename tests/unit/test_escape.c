#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <string.h>
#include <whittle/escape.h>

static void assert_text(const char *bytes, size_t length, const char *wanted)
{
	AUTO_BUF struct buf out = BUF_INIT;

	escape_text(&out, bytes, length);
	assert_string_equal(buf_text(&out), wanted);
	assert_true(escape_is_text(wanted));
}

static void test_text(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {
		{ "", "" },
		{ "/usr/bin/env a\"b'$*", "/usr/bin/env a\"b'$*" },
		{ "a\nb\tc\033[31m\177", "a\\x0ab\\x09c\\x1b[31m\\x7f" },
		{ "back\\slash", "back\\x5cslash" },
		{ "\\{pid}", "\\x5c{pid}" },
		{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7",
		  "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7" },
		{ "\xc2\x80\xc2\x9f\xc2\xa0", "\\xc2\\x80\\xc2\\x9f\xc2\xa0" },
		{ "\xe2\x80\x8e\xe2\x80\xae\xe2\x80\xaf",
		  "\\xe2\\x80\\x8e\\xe2\\x80\\xae\xe2\x80\xaf" },
		{ "\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa",
		  "\\xe2\\x81\\xa6\\xe2\\x81\\xa9\xe2\x81\xaa" },
		/* not UTF-8: lone and missing continuation, overlong, surrogate, above U+10FFFF */
		{ "\x80", "\\x80" },
		{ "\xc3", "\\xc3" },
		{ "\xc3z", "\\xc3z" },
		{ "\xc0\xaf", "\\xc0\\xaf" },
		{ "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
		{ "\xf0\x9f\x90", "\\xf0\\x9f\\x90" },
		{ "\xfe\xff", "\\xfe\\xff" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_text(rows[i].bytes, strlen(rows[i].bytes), rows[i].text);
	assert_text("a\0b", 3, "a\\x00b");
}

static void test_is_text(void **state)
{
	static const char *const no[] = {
		"\n",
		"\177",
		"\\",
		"\\x",
		"\\x4",
		"\\x4G",
		"\\xAB",
		"\\n",
		"\\{",
		"\\{}",
		"\\{pid",
		"\\{PID}",
		"\\{evil}",
		"\\{pid",
		"\x80",
		"\xc3",
		"\xc2\x85",
		"\xe2\x80\xae",
		"\\{pidx}",
		"\\{pi}",
		"\\ {pid}",
		"\\{digits}",
		"\\{digits:}",
		"\\{digits:0}",
		"\\{digits:07}",
		"\\{digits:21}",
		"\\{hex:256}",
		"\\{hex:99999999999999999999}",
		"\\{pid:3}",
		"\\{:3}",
		"\\{3}",
		"\\{hex:3:3}",
	};
	static const char *const yes[] = {
		"",
		"a",
		"\\x41",
		"/proc/\\{pid}/fd",
		"\\{pids}\\{tid}\\{inode}",
		"{pid}",
		"\\x5c{x}",
		"\\{digits:20}\\{hex:255}",
		"/\\{word:6}.x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(escape_is_text(no[i]));
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(escape_is_text(yes[i]));
}

static void unescape(const char *text, struct buf *out)
{
	const char *word;
	unsigned char byte;
	size_t length;

	while (escape_next(&text, &byte, &word, &length)) {
		if (word) {
			buf_addc(out, '<');
			buf_add(out, word, length);
			buf_addc(out, '>');
		} else {
			buf_addc(out, (char)byte);
		}
	}
}

static void test_next(void **state)
{
	AUTO_BUF struct buf out = BUF_INIT;

	(void)state;
	unescape("/\\{pid}/\\x00\\xff\xc3\xa9\\{inode}", &out);
	assert_int_equal(out.length, 18);
	assert_memory_equal(out.data, "/<pid>/\0\xff\xc3\xa9<inode>", 18);
}

/* Each pair of bytes, and each byte alone, comes back as it was. */
static void test_identity(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT, back = BUF_INIT;

	(void)state;
	for (unsigned int i = 0; i < 65536; i++) {
		const unsigned char bytes[2] = { (unsigned char)(i >> 8), (unsigned char)i };

		buf_truncate(&text, 0);
		buf_truncate(&back, 0);
		escape_text(&text, bytes, 2);
		assert_true(escape_is_text(buf_text(&text)));
		unescape(buf_text(&text), &back);
		assert_int_equal(back.length, 2);
		assert_memory_equal(back.data, bytes, 2);
	}
}

static void test_apparmor(void **state)
{
	static const struct {
		const char *text, *name;
	} rows[] = {
		{ "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libc.so.6" },
		{ "/a b", "\"/a\\040b\"" },
		{ "/a*?[]{}^@", "\"/a\\052\\077\\133\\135\\173\\175\\136\\100\"" },
		{ "/\"\\x5c\\x0a\\xff", "\"/\\042\\134\\012\\377\"" },
		{ "/\xc3\xa9", "\"/\\303\\251\"" },
		{ "/a,#=()<>$!~'`;&|%:+", "\"/a\\054\\043\\075\\050\\051\\074\\076\\044\\041\\176"
					  "\\047\\140\\073\\046\\174\\045\\072\\053\"" },
		{ "/proc/\\{pid}/fd/", "@{PROC}/@{pid}/fd/" },
		{ "/proc/\\{pids}/task/\\{tid}/a b", "\"@{PROC}/@{pids}/task/@{tid}/a\\040b\"" },
		{ "/proc/self", "/proc/self" },
		{ "/tmp/#\\{inode}", "\"/tmp/\\043[0-9]*\"" },
		{ "/tmp/a\\{random}.s", "/tmp/a[0-9A-Za-z_]*.s" },
		{ "/d/\\{digits:3}.x", "/d/{[0-9],[0-9][0-9],[0-9][0-9][0-9]}.x" },
		{ "/d/\\{hex:2}/\\{inode}/", "/d/[0-9a-f][0-9a-f]/[0-9]*/" },
		{ "/d/\\{hex:2} \\{word:1}", "\"/d/[0-9a-f][0-9a-f]\\040[0-9A-Za-z_]\"" },
		{ "/\\x5c{pid}", "\"/\\134\\173pid\\175\"" },
		{ "@{HOME}", "\"\\100\\173HOME\\175\"" },
		{ "\\x00", "\"\\000\"" },
		{ "host://a//", "\"host\\072/[/]a/[/]\"" },
		{ "///[", "\"/[/][/]\\133\"" },
		{ "", "\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = BUF_INIT;

		assert_true(escape_is_text(rows[i].text));
		buf_adds(&out, ">");
		escape_apparmor(&out, rows[i].text);
		assert_string_equal(buf_text(&out) + 1, rows[i].name);
	}
}

static void test_placeholder_match(void **state)
{
	static const struct {
		const char *word, *text;
		size_t match;
	} rows[] = {
		{ "digits:3}", "12.x", 2 }, { "digits:3}", "123", 3 },  { "digits:3}", "1234", 0 },
		{ "digits:3}", "x", 0 },    { "hex:4}", "0afge", 0 },   { "hex:4}", "0af0e", 4 },
		{ "hex:4}", "0AF0", 0 },    { "word:3}", "a_Z9", 3 },   { "word:3}", "a-Z", 0 },
		{ "pid}", "12", 0 },        { "random}", "abcdef", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(escape_placeholder_match(rows[i].word, rows[i].text,
							  strlen(rows[i].text)),
				 rows[i].match);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),     cmocka_unit_test(test_is_text),
		cmocka_unit_test(test_next),     cmocka_unit_test(test_identity),
		cmocka_unit_test(test_apparmor), cmocka_unit_test(test_placeholder_match),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
