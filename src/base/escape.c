#include <whittle/escape.h>

#include <string.h>

/* The length of the valid UTF-8 sequence at bytes (Unicode 15, table 3-7), or 0. */
static size_t utf8_length(const unsigned char *bytes, size_t length)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t length;
	} rows[] = {
		{ 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (bytes[0] < rows[i].first || bytes[0] > rows[i].last)
			continue;
		if (rows[i].length > length)
			return 0;
		if (rows[i].length > 1 && (bytes[1] < rows[i].low || bytes[1] > rows[i].high))
			return 0;
		for (size_t k = 2; k < rows[i].length; k++)
			if ((bytes[k] & 0xc0) != 0x80)
				return 0;
		return rows[i].length;
	}
	return 0;
}

/*
 * Must this sequence be escaped in evidence text? Also the C1 controls (U+0080-U+009F), which some
 * terminals obey, and the bidirectional and line separators that reorder what a reviewer sees
 * (U+200E, U+200F, U+2028-U+202E, U+2066-U+2069).
 */
static bool is_unsafe(const unsigned char *bytes, size_t length)
{
	if (length == 1)
		return bytes[0] < 0x20 || bytes[0] == 0x7f || bytes[0] == '\\';
	if (length == 2)
		return bytes[0] == 0xc2 && bytes[1] < 0xa0;
	if (length == 3 && bytes[0] == 0xe2 && bytes[1] == 0x80)
		return bytes[2] == 0x8e || bytes[2] == 0x8f ||
		       (bytes[2] >= 0xa8 && bytes[2] <= 0xae);
	return length == 3 && bytes[0] == 0xe2 && bytes[1] == 0x81 && bytes[2] >= 0xa6 &&
	       bytes[2] <= 0xa9;
}

static void escape_bytes(struct buf *out, const void *data, size_t length, bool backslashes)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < length;) {
		size_t n = utf8_length(bytes + i, length - i);
		bool plain = !backslashes && bytes[i] == '\\';

		if (n && (plain || !is_unsafe(bytes + i, n))) {
			buf_add(out, bytes + i, n);
			i += n;
			continue;
		}
		for (size_t end = i + (n ? n : 1); i < end; i++)
			buf_addf(out, "\\x%02x", bytes[i]);
	}
}

void escape_text(struct buf *out, const void *data, size_t length)
{
	escape_bytes(out, data, length, true);
}

void escape_terminal(struct buf *out, const void *data, size_t length)
{
	escape_bytes(out, data, length, false);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct placeholder {
	const char *word;
	const char *pattern; /* in an AppArmor name */
	const char *class;   /* of one character, if a number says how many; else NULL */
	bool fewer;          /* or fewer of them */
};

/* The number behind the ":" of a placeholder's word: 1 to 255, else 0. */
static size_t placeholder_size(const char *word, size_t length)
{
	enum { LARGEST = 255 }; /* NAME_MAX */
	size_t size = 0;

	for (size_t i = 0; i < length; i++) {
		if (word[i] < '0' || word[i] > '9' || (i == 0 && word[i] == '0'))
			return 0;
		size = size * 10 + (size_t)(word[i] - '0');
		if (size > LARGEST)
			return 0;
	}
	return size;
}

/*
 * The placeholder of that word, and its number, or 0; NULL: what whittle does not know is no
 * evidence text.
 */
static const struct placeholder *find_placeholder(const char *word, size_t length, size_t *ret_size)
{
	static const struct placeholder rows[] = {
		{ "pid", "@{pid}", NULL, false },
		{ "tid", "@{tid}", NULL, false },
		{ "pids", "@{pids}", NULL, false },
		{ "inode", "[0-9]*", NULL, false },
		{ "random", "[0-9A-Za-z_]*", NULL, false },
		{ "digits", "[0-9]", "0123456789", true },
		{ "hex", "[0-9a-f]", "0123456789abcdef", false },
		{ "word", "[0-9A-Za-z_]",
		  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz", false },
	};
	enum { FEWER_MAX = 20 }; /* digits of 64 bits; a pattern of them grows with the square */
	const char *colon = memchr(word, ':', length);
	size_t base = colon ? (size_t)(colon - word) : length;
	size_t size = colon ? placeholder_size(colon + 1, length - base - 1) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strlen(rows[i].word) != base || memcmp(word, rows[i].word, base) != 0)
			continue;
		if (!rows[i].class != !colon || !size != !colon ||
		    (rows[i].fewer && size > FEWER_MAX))
			return NULL;
		*ret_size = size;
		return &rows[i];
	}
	return NULL;
}

/* The length of the escape at text ("\xHH" or "\{word}"), or 0 if it is none. */
static size_t escape_length(const char *text)
{
	if (text[1] == 'x')
		return hex_value(text[2]) >= 0 && hex_value(text[3]) >= 0 ? 4 : 0;
	if (text[1] != '{')
		return 0;
	size_t word = strspn(text + 2, "abcdefghijklmnopqrstuvwxyz0123456789:"), size;
	return text[2 + word] == '}' && find_placeholder(text + 2, word, &size) ? word + 3 : 0;
}

bool escape_is_text(const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = *text == '\\' ? escape_length(text)
					 : utf8_length((const unsigned char *)text, left);

		if (n == 0 || (*text != '\\' && is_unsafe((const unsigned char *)text, n)))
			return false;
		text += n;
		left -= n;
	}
	return true;
}

bool escape_next(const char **text, unsigned char *ret_byte, const char **ret_word,
		 size_t *ret_length)
{
	const char *at = *text;
	size_t n = *at == '\\' ? escape_length(at) : 0;

	*ret_word = NULL;
	if (!*at)
		return false;
	if (n == 0) {
		*ret_byte = (unsigned char)*at;
		*text = at + 1;
		return true;
	}
	if (at[1] == 'x') {
		*ret_byte = (unsigned char)(hex_value(at[2]) * 16 + hex_value(at[3]));
	} else {
		*ret_word = at + 2;
		*ret_length = n - 3;
	}
	*text = at + n;
	return true;
}

size_t escape_placeholder_match(const char *word, const char *text, size_t length)
{
	size_t size, run = 0;
	const struct placeholder *row = find_placeholder(word, strcspn(word, "}"), &size);

	if (!row || !row->class)
		return 0;
	while (run < length && text[run] && strchr(row->class, text[run]) && run <= size)
		run++;
	if (row->fewer)
		return run <= size ? run : 0;
	return run >= size ? size : 0;
}

/* Patterns repeat nothing: "{[0-9],[0-9][0-9]}" is one digit or two. */
static void add_placeholder(struct buf *out, const char *word, size_t length)
{
	size_t size;
	const struct placeholder *row = find_placeholder(word, length, &size);

	if (!row->class) {
		buf_adds(out, row->pattern);
		return;
	}
	if (row->fewer)
		buf_addc(out, '{');
	for (size_t count = row->fewer ? 1 : size; count <= size; count++) {
		for (size_t i = 0; i < count; i++)
			buf_adds(out, row->pattern);
		if (row->fewer)
			buf_addc(out, count < size ? ',' : '}');
	}
}

static bool is_bare(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || (byte && strchr("/._-", byte));
}

/* A byte as an AppArmor pattern that matches it alone; returns whether that needs quotes. */
static bool add_byte(struct buf *out, unsigned char byte)
{
	size_t length = out->length;
	const char *end = buf_text(out) + length;

	/*
	 * The parser makes one slash of two that follow each other, however they are written, but
	 * leaves a class of characters alone. No path has two, but the source of a mount may.
	 */
	if (byte == '/' &&
	    ((length && end[-1] == '/') || (length > 2 && strncmp(end - 3, "[/]", 3) == 0)))
		buf_adds(out, "[/]");
	else if (is_bare(byte))
		buf_addc(out, (char)byte);
	else
		buf_addf(out, "\\%03o", byte);
	return out->length > length + 1;
}

void escape_apparmor(struct buf *out, const char *text)
{
	bool has_word = strstr(text, "\\{") != NULL;
	bool quoted = false;
	AUTO_BUF struct buf body = BUF_INIT;
	const char *word;
	unsigned char byte;
	size_t length;

	if (has_word && strncmp(text, "/proc/", 6) == 0) {
		buf_adds(&body, "@{PROC}");
		text += 5;
	}
	while (escape_next(&text, &byte, &word, &length)) {
		if (word)
			add_placeholder(&body, word, length);
		else
			quoted |= add_byte(&body, byte);
	}
	buf_addf(out, quoted || !body.length ? "\"%s\"" : "%s", buf_text(&body));
}
