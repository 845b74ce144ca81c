#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <string.h>
#include <whittle/buf.h>

static void test_empty(void **state)
{
	AUTO_BUF struct buf buf = BUF_INIT;

	(void)state;
	assert_string_equal(buf_text(&buf), "");
	buf_truncate(&buf, 0);
	buf_add(&buf, NULL, 0);
	assert_int_equal(buf.length, 0);
	assert_string_equal(buf.data, "");
}

static void test_add(void **state)
{
	AUTO_BUF struct buf buf = BUF_INIT;

	(void)state;
	buf_adds(&buf, "ab");
	buf_addc(&buf, 'c');
	buf_add(&buf, "\0d", 2);
	buf_addf(&buf, "%d-%s", 7, "e");
	assert_int_equal(buf.length, 8);
	assert_memory_equal(buf.data, "abc\0d7-e", 9);
	buf_truncate(&buf, 100);
	assert_int_equal(buf.length, 8);
	buf_truncate(&buf, 2);
	assert_string_equal(buf_text(&buf), "ab");
}

static void test_growth(void **state)
{
	AUTO_BUF struct buf buf = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		buf_addc(&buf, (char)('a' + i % 26));
		assert_true(buf.length == i + 1 && buf.length < buf.size);
		assert_int_equal(buf.data[buf.length], '\0');
	}
	for (size_t i = 0; i < buf.length; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
}

/* Around the size of the buffer inside buf_addf(), 256 bytes. */
static void test_long_format(void **state)
{
	(void)state;
	for (int width = 250; width < 260; width++) {
		AUTO_BUF struct buf buf = BUF_INIT;

		buf_adds(&buf, "<");
		buf_addf(&buf, "%*d", width, 5);
		buf_adds(&buf, ">");
		assert_int_equal(buf.length, width + 2);
		assert_int_equal(strlen(buf.data), width + 2);
		assert_string_equal(buf.data + width, "5>");
	}
}

static void test_steal(void **state)
{
	AUTO_BUF struct buf buf = BUF_INIT;

	(void)state;
	AUTO_FREE char *none = buf_steal(&buf);
	assert_string_equal(none, "");
	buf_adds(&buf, "x");
	AUTO_FREE char *text = buf_steal(&buf);
	assert_string_equal(text, "x");
	assert_null(buf.data);
	assert_int_equal(buf.length, 0);
	buf_adds(&buf, "y");
	assert_string_equal(buf_text(&buf), "y");
}

static void test_fail_wraps_itself(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(fail(&err, ERROR_INPUT, 5, "inner %d", 1), -1);
	assert_int_equal(fail_hint(&err, "do %s", "this"), -1);
	assert_string_equal(err.hint, "do this");
	assert_int_equal(fail(&err, err.kind, err.number, "outer: %s", err.text), -1);
	assert_string_equal(err.text, "outer: inner 1");
	assert_string_equal(err.hint, "");
	assert_true(err.kind == ERROR_INPUT && err.number == 5);
}

static void test_fail_cuts(void **state)
{
	char text[2000];
	struct error err;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fail(&err, ERROR_INPUT, 0, "%s", text);
	fail_hint(&err, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),     cmocka_unit_test(test_add),
		cmocka_unit_test(test_growth),    cmocka_unit_test(test_long_format),
		cmocka_unit_test(test_steal),     cmocka_unit_test(test_fail_wraps_itself),
		cmocka_unit_test(test_fail_cuts),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
