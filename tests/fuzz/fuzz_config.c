/*
 * Fuzzes the editing of config.json: whatever bytes it has, it is refused with a reason, or has
 * this one filter afterwards, and nothing else is changed.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <whittle/container.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static json_t *read_config(const char *text, size_t length)
{
	return json_loadb(text, length,
			  JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
}

/* Takes the filter out; "linux" too if nothing else is in it. */
static void take_filter(json_t *config, const struct recording *recording)
{
	json_t *linux_part = json_object_get(config, "linux");
	json_t *filter = json_object_get(linux_part, "seccomp");

	require(json_is_object(filter), "there is a filter");
	require(strcmp(json_string_value(json_object_get(filter, "listenerPath")),
		       recording->socket) == 0,
		"it reports to the socket");
	json_object_del(linux_part, "seccomp");
	if (json_object_size(linux_part) == 0)
		json_object_del(config, "linux");
}

static void take_old(json_t *config)
{
	json_t *linux_part = json_object_get(config, "linux");

	json_object_del(linux_part, "seccomp");
	if (json_object_size(linux_part) == 0)
		json_object_del(config, "linux");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct recording recording = { .socket = "/s",
					     .version = "crun version 1.8.1",
					     .wait_killable = true };
	AUTO_BUF struct buf edited = BUF_INIT;
	struct error err = { .kind = ERROR_NONE };

	if (recording_config("c", (const char *)data, size, &recording, &edited, &err) < 0) {
		require(err.kind == ERROR_INPUT && err.text[0], "a refusal says why");
		require(edited.length == 0, "and gives nothing");
		return 0;
	}
	json_t *before = read_config((const char *)data, size);
	json_t *after = read_config(buf_text(&edited), edited.length);
	require(before && after, "the result can be read");
	take_filter(after, &recording);
	take_old(before);
	require(json_equal(before, after), "all else is the same");
	json_decref(before);
	json_decref(after);
	return 0;
}
