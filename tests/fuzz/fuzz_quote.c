/*
 * Fuzzes the escapers of what a workload chose. For any bytes: evidence text is well-formed, safe
 * and comes back as the same bytes; the AppArmor name, read by a decoder that knows only the rules
 * of apparmor.d(5), means the same bytes and holds nothing raw that the parser could take for
 * syntax. The input itself, as evidence text if it happens to be some, must render too.
 *
 * As a fuzzer:
 *
 *   clang -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -g -O1
 *     -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
 *     tests/fuzz/fuzz_quote.c src/base/{buf,error,escape}.c
 *   ./a.out -max_total_time=120 NEW tests/fuzz/corpus/quote
 *
 * As a test: any compiler, src/base/file.c and tests/fuzz/replay.c besides, and no
 * -fsanitize=fuzzer.
 */
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

/* Our own reading of evidence text: placeholders as they are, for the comparison below. */
static void decode_text(const char *text, struct buf *out)
{
	const char *word;
	unsigned char byte;
	size_t length;

	while (escape_next(&text, &byte, &word, &length)) {
		if (word)
			buf_addf(out, "\\{%.*s}", (int)length, word);
		else
			buf_addc(out, (char)byte);
	}
}

static void check_text(const struct buf *text, const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf back = BUF_INIT;

	require(strlen(buf_text(text)) == text->length, "evidence text has no NUL");
	require(escape_is_text(buf_text(text)), "evidence text is well-formed");
	require(strstr(buf_text(text), "\\{") == NULL, "bytes make no placeholder");
	for (size_t i = 0; i < text->length; i++) {
		unsigned char byte = (unsigned char)text->data[i];

		require(byte >= 0x20 && byte != 0x7f, "evidence text has no control byte");
	}
	decode_text(buf_text(text), &back);
	require(back.length == size && (size == 0 || memcmp(back.data, data, size) == 0),
		"escape_text and escape_next are inverse");
}

/* The pattern of a placeholder at the beginning of name, or NULL. */
static const char *find_pattern(const char *name)
{
	static const char *const patterns[] = { "@{PROC}", "@{pids}", "@{pid}", "@{tid}",
						"[0-9]*" };

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (strncmp(name, patterns[i], strlen(patterns[i])) == 0)
			return patterns[i];
	return NULL;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '/' || c == '.' || c == '_' || c == '-';
}

/*
 * Reads an AppArmor name as apparmor_parser does: quotes around, \NNN a byte. Every other byte must
 * be plain; patterns are counted, and allowed only if placeholders are expected.
 */
static size_t decode_apparmor(const struct buf *name, struct buf *out)
{
	const char *at = buf_text(name);
	const char *end = at + name->length;
	bool quoted = *at == '"';
	size_t patterns = 0;

	require(strlen(at) == name->length && name->length > 0, "a name is text, not empty");
	if (quoted) {
		require(name->length >= 2 && end[-1] == '"', "a quoted name ends in a quote");
		at++;
		end--;
	}
	while (at < end) {
		const char *pattern = find_pattern(at);

		if (pattern) {
			patterns++;
			at += strlen(pattern);
		} else if (*at == '\\') {
			require(quoted, "escapes are in quotes");
			require(at[1] >= '0' && at[1] <= '3' && is_octal(at[2]) && is_octal(at[3]),
				"an escape has three octal digits");
			buf_addc(out,
				 (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0')));
			at += 4;
		} else {
			require(is_plain(*at), "nothing raw but plain bytes");
			buf_addc(out, *at++);
		}
	}
	return patterns;
}

static void check_apparmor(const char *text, const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf name = BUF_INIT, back = BUF_INIT;

	escape_apparmor(&name, text);
	require(decode_apparmor(&name, &back) == 0, "bytes make no pattern");
	require(back.length == size && (size == 0 || memcmp(back.data, data, size) == 0),
		"the AppArmor name means the same bytes");
}

/* With placeholders: as many patterns, and one for /proc. */
static void check_given_text(const char *text)
{
	AUTO_BUF struct buf name = BUF_INIT, back = BUF_INIT;
	size_t words = 0;

	if (!escape_is_text(text))
		return;
	for (const char *at = strstr(text, "\\{"); at; at = strstr(at + 1, "\\{"))
		words++;
	if (words > 0 && strncmp(text, "/proc/", 6) == 0)
		words++;
	escape_apparmor(&name, text);
	require(decode_apparmor(&name, &back) == words, "one pattern a placeholder");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_FREE char *given = xstrndup((const char *)data, size);

	escape_text(&text, data, size);
	check_text(&text, data, size);
	check_apparmor(buf_text(&text), data, size);
	check_given_text(given);
	return 0;
}
