/*
 * Fuzzes the reader of evidence.json. Whatever it takes must print to the same bytes again after
 * another reading, and merge with itself without a change.
 *
 * As a fuzzer, with base, evidence and observe/fact.c, which are all that it needs:
 *
 *   clang -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -g -O1
 *     -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
 *     tests/fuzz/fuzz_evidence.c src/base/{buf,error,escape,file}.c
 *     src/evidence/{evidence,facets,merge,parse,store}.c src/observe/fact.c -ljansson
 *   ./a.out -max_total_time=120 -dict=tests/fuzz/evidence.dict NEW tests/fuzz/corpus/evidence
 *
 * As a test: any compiler, tests/fuzz/replay.c besides, and no -fsanitize=fuzzer.
 */
#include <stdio.h>
#include <string.h>
#include <whittle/buf.h>
#include <whittle/evidence.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

/* What the rest of whittle reads must be there: no NULL, no unsorted runs. */
static void check_runs(const struct evidence *evidence)
{
	for (size_t i = 0; i < evidence_run_count(evidence); i++) {
		const struct evidence_run *run = evidence_run_at(evidence, i);

		require(strlen(run->id) == 32, "id has 32 digits");
		require(run->name && run->command && run->engine && run->kernel, "run is filled");
		require(run->machine && run->libc && run->user, "run is filled");
		require(run->facets & FACET_SECCOMP, "calls are always learned");
		require(i == 0 || strcmp(evidence_run_at(evidence, i - 1)->id, run->id) < 0,
			"runs are sorted and unique");
	}
}

static void check_facts(const struct evidence *evidence)
{
	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++) {
		size_t count;
		AUTO_FREE const struct evidence_fact **facts =
			evidence_facts(evidence, kind, &count);

		for (size_t i = 0; i < count; i++) {
			size_t seen, carried;

			for (size_t f = 0; f < FACT_FIELDS; f++)
				require(facts[i]->fact.field[f] != NULL, "fields are filled");
			evidence_sightings(evidence, facts[i], &seen, &carried);
			require(seen + carried > 0, "each fact was seen or carried");
			require(seen + carried <= evidence_run_count(evidence), "once a run");
		}
	}
}

static void check_print(struct evidence *evidence)
{
	AUTO_BUF struct buf first = BUF_INIT, second = BUF_INIT;
	struct evidence *again = NULL;
	struct error err;

	evidence_print(evidence, &first);
	require(evidence_parse("again", first.data, first.length, &again, &err) == 0,
		"what was printed is read");
	require(evidence_merge(again, evidence, &err) == 0, "it merges with its twin");
	evidence_print(again, &second);
	require(first.length == second.length && memcmp(first.data, second.data, first.length) == 0,
		"same evidence, same bytes");
	evidence_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct evidence *evidence = NULL;
	struct error err = { 0 };

	if (evidence_parse("input", (const char *)data, size, &evidence, &err) < 0) {
		require(evidence == NULL && err.kind == ERROR_INPUT && err.text[0],
			"a refusal says why");
		require(strpbrk(err.text, "\n\r\033") == NULL, "a message is safe for terminals");
		return 0;
	}
	check_runs(evidence);
	check_facts(evidence);
	check_print(evidence);
	evidence_free(evidence);
	return 0;
}
