/* The state of a container's process: what is read out of it, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <cli/container.h>
#include <limits.h>
#include <string.h>

static const char runc[] =
	"{\"ociVersion\":\"1.0.2-dev\",\"fds\":[\"seccompFd\"],\"pid\":1234,"
	"\"metadata\":\"whittle:runtime=runc;version=1.1.5;unseen=write,#,write;image=a:1\","
	"\"state\":{\"ociVersion\":\"1.0.2-dev\",\"id\":\"c1\",\"status\":\"creating\",\"pid\":"
	"1234,"
	"\"bundle\":\"/b\",\"annotations\":{\"io.kubernetes.cri.container-name\":\"we/b\","
	"\"io.kubernetes.cri.image-name\":\"other\"}}}";

static struct container_state read_state(const char *text)
{
	struct container_state state;
	struct error err = { .kind = ERROR_NONE };

	if (container_state_parse(text, strlen(text), &state, &err) < 0)
		print_error("%s\n", err.text);
	assert_int_equal(err.kind, ERROR_NONE);
	return state;
}

static void test_fields(void **context)
{
	struct container_state state = read_state(runc);

	(void)context;
	assert_int_equal(state.listener, 0);
	assert_string_equal(state.field[CONTAINER_LAYER], "container");
	assert_string_equal(state.field[CONTAINER_ID], "c1");
	assert_string_equal(state.field[CONTAINER_NAME], "we/b");
	assert_string_equal(state.label, "we%2fb");
	assert_string_equal(state.field[CONTAINER_RUNTIME], "runc");
	assert_string_equal(state.field[CONTAINER_VERSION], "1.1.5");
	/* What whittle was told outranks an annotation. */
	assert_string_equal(state.field[CONTAINER_IMAGE], "a:1");
	assert_string_equal(state.field[CONTAINER_UNSEEN], "#,write");
	container_state_release(&state);
}

/* The process of an exec session is another than the container's, or the container runs already. */
static void test_layer(void **context)
{
	static const struct {
		const char *text, *layer;
	} rows[] = {
		{ "{\"fds\":[\"seccompFd\"],\"pid\":5,\"state\":{\"id\":\"x\",\"pid\":5}}",
		  "container" },
		{ "{\"fds\":[\"seccompFd\"],\"pid\":5,\"state\":{\"id\":\"x\",\"pid\":4}}",
		  "exec" },
		{ "{\"fds\":[\"seccompFd\"],\"pid\":5,\"state\":{\"id\":\"x\",\"status\":"
		  "\"running\"}}",
		  "exec" },
		/* crun */
		{ "{\"fds\":[\"seccompFd\"],\"pid\":0,\"state\":{\"id\":\"x\",\"status\":"
		  "\"running\","
		  "\"pid\":0}}",
		  "exec" },
	};

	(void)context;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct container_state state = read_state(rows[i].text);

		assert_string_equal(state.field[CONTAINER_LAYER], rows[i].layer);
		container_state_release(&state);
	}
}

/* How the filter is, as its metadata says; and the question that is no state. */
static void test_how(void **context)
{
	static const struct {
		const char *metadata;
		bool attach, known;
	} rows[] = {
		{ "whittle:runtime=runc", false, false },
		{ "whittle:engine=ptrace;runtime=runc", true, false },
		{ "whittle:runtime=crun;known=1", false, true },
		{ "engine=ptrace", false, false },
	};

	(void)context;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text =
			xasprintf("{\"fds\":[\"seccompFd\"],\"pid\":1,\"metadata\":\"%s\","
				  "\"state\":{\"id\":\"x\"}}",
				  rows[i].metadata);
		struct container_state state = read_state(text);

		assert_int_equal(state.attach, rows[i].attach);
		assert_int_equal(state.known, rows[i].known);
		assert_false(state.asks);
		container_state_release(&state);
	}
	struct container_state question = read_state("{\"whittle\":\"how\"}");
	assert_true(question.asks);
	container_state_release(&question);
}

static void test_hostile(void **context)
{
	static const char text[] =
		"{\"fds\":[\"a\",\"seccompFd\"],\"pid\":5,\"metadata\":\"not ours\","
		"\"state\":{\"id\":\"../\\u001b[31m\",\"annotations\":7}}";
	struct container_state state = read_state(text);

	(void)context;
	assert_int_equal(state.listener, 1);
	assert_string_equal(state.field[CONTAINER_ID], "../\\x1b[31m");
	assert_string_equal(state.label, "%2e.%2f%5cx1b%5b31m");
	container_state_release(&state);
}

static void test_refusals(void **context)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{\"fds\":[\"seccompFd\"],\"pid\":1,\"state\":{}}",
		"{\"whittle\":\"who\"}",
		"{\"fds\":[\"seccompFd\"],\"pid\":1,\"metadata\":\"whittle:engine=other\","
		"\"state\":{\"id\":\"x\"}}",
		"{\"fds\":[\"seccompFd\"],\"pid\":1,\"state\":\"x\"}",
		"{\"fds\":[\"other\"],\"pid\":1,\"state\":{\"id\":\"x\"}}",
		"{\"pid\":1,\"state\":{\"id\":\"x\"}}",
		"{\"fds\":[\"seccompFd\"],\"pid\":1,\"metadata\":\"whittle:unseen=a b\","
		"\"state\":{\"id\":\"x\"}}",
		"{\"fds\":[\"seccompFd\"],\"pid\":1,\"metadata\":\"whittle:other=1\","
		"\"state\":{\"id\":\"x\"}}",
	};
	struct container_state state;
	struct error err;

	(void)context;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(container_state_parse(texts[i], strlen(texts[i]), &state, &err),
				 -1);
}

static void test_scan(void **context)
{
	struct state_scan scan = { .depth = 0 };

	(void)context;
	state_scan(&scan, "{\"a\": \"}\\\"}\", [", 15);
	assert_false(scan.whole);
	state_scan(&scan, "]", 1);
	assert_false(scan.whole);
	state_scan(&scan, "} more", 6);
	assert_true(scan.whole);
}

/* A directory for another image: its name is one that the file system takes. */
static void test_apart(void **context)
{
	static const char digest[] =
		"@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	enum { LONG = 200 };
	char name[LONG + 1], image[2 * LONG + sizeof(digest)];

	(void)context;
	memset(name, 'n', LONG);
	name[LONG] = '\0';
	memset(image, '/', 2 * LONG);
	memcpy(image + 2 * LONG, digest, sizeof(digest));
	AUTO_FREE char *plain = container_label_apart("web", "b:1", 1);
	AUTO_FREE char *second = container_label_apart("web", "b:1", 2);
	assert_string_equal(plain, "web@b%3a1");
	assert_string_equal(second, "web@b%3a1~2");
	AUTO_FREE char *longest = container_label_apart(name, image, UINT32_MAX);
	assert_in_range(strlen(longest), LONG, NAME_MAX);
	AUTO_FREE char *whole = container_label_apart("web", image, 1);
	assert_non_null(strstr(whole, digest + sizeof("@sha256:") - 1));
	assert_in_range(strlen(whole), 1, NAME_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),   cmocka_unit_test(test_layer),
		cmocka_unit_test(test_how),      cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_scan),
		cmocka_unit_test(test_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
