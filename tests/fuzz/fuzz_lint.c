/*
 * Fuzzes `whittle lint`: whatever bytes a profile has, it is judged or refused with a reason; the
 * findings are sorted and safe to show, and a second look finds the same.
 */
#include <stdio.h>
#include <string.h>
#include <whittle/finding.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static void check_findings(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->item[i];

		require(finding->id && finding->advice && finding->severity < SEVERITIES,
			"a finding is filled");
		require(finding->location[0] && finding->text[0], "a finding says where and what");
		require(is_plain(finding->location) && is_plain(finding->text),
			"a finding is safe for terminals");
		require(i == 0 || strverscmp(finding[-1].location, finding->location) <= 0,
			"findings are sorted");
	}
}

static void check_again(const char *text, size_t size, const struct lint_options *options,
			const struct findings *first)
{
	struct findings again = { 0 };
	struct error err;

	require(lint_profile(text, size, options, &again, &err) == 0, "it is judged again");
	require(again.count == first->count, "and the same is found");
	for (size_t i = 0; i < again.count; i++)
		require(strcmp(again.item[i].text, first->item[i].text) == 0, "in the same words");
	findings_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const targets[] = { NULL, "docker", "containers-common", "kubernetes" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct lint_options options = { .target = targets[i] };
		struct findings findings = { 0 };
		struct error err = { .kind = ERROR_NONE };

		if (lint_profile((const char *)data, size, &options, &findings, &err) < 0) {
			require(err.kind == ERROR_INPUT && err.text[0], "a refusal says why");
			require(is_plain(err.text), "a message is safe for terminals");
			require(findings.count == 0, "and finds nothing");
			continue;
		}
		check_findings(&findings);
		check_again((const char *)data, size, &options, &findings);
		findings_free(&findings);
	}
	return 0;
}
