/*
 * Fuzzes the reader of a container's state, which comes from whoever connects to the agent. What it
 * takes must be storable as evidence, with a label that is the name of a plain file. Where the text
 * ends must not depend on the pieces that it comes in.
 *
 * As a fuzzer:
 *
 *   clang -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -g -O1
 *     -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
 *     tests/fuzz/fuzz_state.c src/cli/container.c src/base/{buf,error,escape}.c -ljansson
 *   ./a.out -max_total_time=120 NEW tests/fuzz/corpus/state
 *
 * As a test: any compiler, src/base/file.c and tests/fuzz/replay.c besides, and no
 * -fsanitize=fuzzer.
 */
#include <cli/container.h>
#include <stdio.h>
#include <string.h>
#include <whittle/escape.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_scan(const char *text, size_t length)
{
	struct state_scan whole = { .depth = 0 }, pieces = { .depth = 0 };

	state_scan(&whole, text, length);
	for (size_t i = 0; i < length; i++)
		state_scan(&pieces, text + i, 1);
	require(whole.whole == pieces.whole && whole.depth == pieces.depth, "pieces do not matter");
}

static void check_state(const struct container_state *state)
{
	require(*state->label && *state->label != '.' && !strchr(state->label, '/') &&
			strlen(state->label) <= 200,
		"the label is a file name");
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		require(state->field[i] && escape_is_text(state->field[i]), "fields are text");
	require(*state->field[CONTAINER_ID] != '\0', "it has an id");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_state state;
	struct error err;

	check_scan((const char *)data, size);
	if (container_state_parse((const char *)data, size, &state, &err) < 0)
		return 0;
	check_state(&state);
	container_state_release(&state);
	return 0;
}
