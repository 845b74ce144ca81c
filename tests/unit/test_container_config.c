/* config.json with another filter: what changes, and that nothing else does. */
#include <whittle/container.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct recording crun = { .socket = "/s",
				       .version = "crun version 1.8.1",
				       .wait_killable = true };

static char *filter_of(const struct recording *recording)
{
	struct buf text = BUF_INIT;

	recording_filter(recording, &text);
	return buf_steal(&text);
}

/* In the rows "@" is the filter. */
static void edits(void **state)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
		{ "{}", "{\"linux\":{\"seccomp\":@}}" },
		{ " { } \n", " {\"linux\":{\"seccomp\":@} } \n" },
		{ "{\"a\":1}", "{\"linux\":{\"seccomp\":@},\"a\":1}" },
		{ "{\"linux\":null,\"a\":1}", "{\"linux\":{\"seccomp\":@},\"a\":1}" },
		{ "{\"linux\":{}}", "{\"linux\":{\"seccomp\":@}}" },
		{ "{\"linux\": { \"b\": [1, {}]} }",
		  "{\"linux\": {\"seccomp\":@, \"b\": [1, {}]} }" },
		{ "{\"linux\":{\"b\":0,\"seccomp\":null}}", "{\"linux\":{\"b\":0,\"seccomp\":@}}" },
		{ "{\"linux\":{\"seccomp\" : {\"x\":\"}\\\"\"} ,\"b\":0}}",
		  "{\"linux\":{\"seccomp\" : @ ,\"b\":0}}" },
		/* the seccomp of another object; numbers that no double holds; escapes in values */
		{ "{\"a\":{\"seccomp\":1},\"r\":18446744073709551615,\"u\":"
		  "\"\\u0000\\ud83d\\ude00\"}",
		  "{\"linux\":{\"seccomp\":@},\"a\":{\"seccomp\":1},\"r\":18446744073709551615,"
		  "\"u\":\"\\u0000\\ud83d\\ude00\"}" },
	};
	AUTO_FREE char *filter = filter_of(&crun);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *mark = strchr(rows[i].after, '@');
		AUTO_FREE char *wanted = xasprintf("%.*s%s%s", (int)(mark - rows[i].after),
						   rows[i].after, filter, mark + 1);
		AUTO_BUF struct buf got = BUF_INIT, again = BUF_INIT;
		struct error err = { .kind = ERROR_NONE };

		assert_int_equal(recording_config("c", rows[i].before, strlen(rows[i].before),
						  &crun, &got, &err),
				 0);
		assert_string_equal(buf_text(&got), wanted);
		assert_int_equal(recording_config("c", buf_text(&got), got.length, &crun, &again,
						  &err),
				 0);
		assert_string_equal(buf_text(&again), wanted);
	}
}

static void refuses(void **state)
{
	static const char *const rows[] = {
		"",
		"[]",
		"null",
		"{",
		"{\"linux\":[]}",
		"{\"linux\":\"x\"}",
		"{} {}",
		"{\"linux\":{},\"linux\":{}}",
		"{\"linux\":{\"seccomp\":{},\"seccomp\":{}}}",
		/* Go's reader takes the name in any case */
		"{\"Linux\":{}}",
		"{\"linux\":{},\"LINUX\":{}}",
		"{\"linux\":{\"secComp\":{}}}",
		"{\"\\u006cinux\":{}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf got = BUF_INIT;
		struct error err = { .kind = ERROR_NONE };

		assert_int_equal(recording_config("c", rows[i], strlen(rows[i]), &crun, &got, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_INPUT);
		assert_int_equal(got.length, 0);
	}
}

/* Each runtime gets the form that it takes; one that is not known what all take. */
static void forms(void **state)
{
	static const struct {
		const char *version;
		bool killable, all, flags;
		const char *metadata;
	} rows[] = {
		{ "crun version 1.8.1", true, true, true, "whittle:runtime=crun;version=1.8.1\"" },
		{ "crun version 1.8.1", false, true, false, "" },
		{ "crun version 1.14.4-dirty", true, true, true, "version=1.14.4-dirty\"" },
		{ "crun version 2.0", true, true, true, "" },
		{ "crun version 1.6", true, false, false, "version=1.6;unseen=#,futex," },
		{ "crun version 0.9", true, false, false, "" },
		{ "runc version 1.1.5+ds1", true, false, false,
		  "whittle:runtime=runc;version=1.1.5+ds1;unseen=#,futex,madvise,nanosleep,rt_"
		  "sigreturn,sched_yield,"
		  "tgkill,write\"" },
		{ "youki 9 \";=\n\xff", true, false, false, "runtime=youki;version=;unseen" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct recording recording = { .socket = "/s",
					       .version = rows[i].version,
					       .wait_killable = rows[i].killable };
		AUTO_FREE char *filter = filter_of(&recording);

		assert_int_equal(strstr(filter, "defaultAction\":\"SCMP_ACT_NOTIFY") != NULL,
				 rows[i].all);
		assert_int_equal(strstr(filter, "KILLABLE") != NULL, rows[i].flags);
		assert_non_null(strstr(filter, "\"listenerPath\":\"/s\""));
		assert_non_null(strstr(filter, rows[i].metadata));
		assert_int_equal(strstr(filter, "\"execve\"") != NULL, !rows[i].all);
		assert_null(strstr(filter, "\"write\""));
		assert_null(strstr(filter, "\"futex\""));
	}
}

/* Where whittle traces, only the start of an image is reported; what is known is let run. */
static void reports_less(void **state)
{
	static const char known[] = "[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"},"
				    "{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":"
				    "[{\"index\":1,\"value\":7,"
				    "\"op\":\"SCMP_CMP_EQ\"}]}]";
	static const struct {
		const char *version, *known;
		bool attach;
		const char *wanted, *refused;
	} rows[] = {
		{ "crun version 1.8.1", NULL, true,
		  "\"syscalls\":[{\"names\":[\"execve\",\"execveat\"],\"action\":\"SCMP_ACT_"
		  "NOTIFY\"}]",
		  "\"openat\"" },
		{ "runc version 1.1.5", NULL, true, ";engine=ptrace\"", "unseen" },
		{ "runc version 1.1.5", NULL, true, "defaultAction\":\"SCMP_ACT_ALLOW",
		  "\"openat\"" },
		{ "crun version 1.8.1", known, false, known, "unseen" },
		{ "crun version 1.8.1", known, false, ";known=1\"", "unseen" },
		/* it takes no condition beside a notification: such a call is reported always */
		{ "runc version 1.1.5", known, false, "\"ioctl\"", "\"read\"" },
		{ "runc version 1.1.5", known, false, "write;known=1\"", "\"args\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct recording recording = { .socket = "/s",
					       .version = rows[i].version,
					       .attach = rows[i].attach,
					       .known = rows[i].known };
		AUTO_FREE char *filter = filter_of(&recording);

		assert_non_null(strstr(filter, rows[i].wanted));
		assert_null(strstr(filter, rows[i].refused));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(edits), cmocka_unit_test(refuses),
					    cmocka_unit_test(forms),
					    cmocka_unit_test(reports_less) };

	return cmocka_run_group_tests_name("container config", tests, NULL, NULL);
}
