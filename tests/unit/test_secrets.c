/* What of a command line is kept. */
#include <cli/record.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void check(void **state)
{
	static const struct {
		char *argv[4];
		const char *kept[4];
	} rows[] = {
		{ { "mysql", "--password=x1", NULL }, { "mysql", "--password=***" } },
		{ { "app", "--Api-Key=x1", NULL }, { "app", "--Api-Key=***" } },
		{ { "app", "--token", "x1", NULL }, { "app", "--token", "***" } },
		{ { "app", "--token", "--verbose", NULL }, { "app", "--token", "--verbose" } },
		{ { "env", "DB_PASSWD=x1", "app", NULL }, { "env", "DB_PASSWD=***", "app" } },
		{ { "curl", "https://me:x1@host/p", NULL }, { "curl", "https://me:***@host/p" } },
		{ { "curl", "https://host/a:b@c", NULL }, { "curl", "https://host/a:b@c" } },
		{ { "curl", "-HAuthorization: x1", NULL }, { "curl", "-HAuthorization:***" } },
		{ { "ls", "--width=80", "a:b", NULL }, { "ls", "--width=80", "a:b" } },
		{ { "echo", "a\nb\\", "\xff", NULL }, { "echo", "a\\x0ab\\x5c", "\\xff" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char **masked = secrets_mask(rows[i].argv);

		for (size_t k = 0; rows[i].argv[k]; k++) {
			assert_string_equal(masked[k], rows[i].kept[k]);
			free(masked[k]);
		}
		free(masked);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(check) };

	return cmocka_run_group_tests_name("secrets", tests, NULL, NULL);
}
