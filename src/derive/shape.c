/* What a name could be one of: the shapes that vary.c tries, and the names that are of a shape. */
#include <derive/shape.h>

#include <ctype.h>
#include <string.h>
#include <whittle/escape.h>

enum {
	RANDOM_LEAST = 6, /* the X of mkstemp(3)'s templates */
	PID_DIGITS = 7,   /* of PID_MAX_LIMIT */
	DIGITS_MAX = 20   /* of 64 bits; \{digits:N} goes no further */
};

size_t path_component(const char *path, size_t *ret_end)
{
	size_t end = strlen(path), start;

	end -= end && path[end - 1] == '/';
	start = end;
	while (start && path[start - 1] != '/')
		start--;
	*ret_end = end;
	return start;
}

static size_t word_run(const char *path, size_t at, size_t end)
{
	size_t run = 0;

	while (at + run < end && (isalnum((unsigned char)path[at + run]) || path[at + run] == '_'))
		run++;
	return run;
}

static size_t random_match(const char *text, size_t length)
{
	size_t run = word_run(text, 0, length);

	return run >= RANDOM_LEAST ? run : 0;
}

static const char random_word[] = "\\{random}"; /* src/observe/temporary.c */

/* The component at text, with as many letters as one that was made up has at least. */
static void spell_out(const char *text, size_t length, struct buf *out)
{
	const size_t word = strlen(random_word);
	const char *end = text + length, *random;

	while ((random = memmem(text, (size_t)(end - text), random_word, word)) != NULL) {
		buf_add(out, text, (size_t)(random - text));
		buf_addf(out, "%.*s", RANDOM_LEAST, "XXXXXXXXXXXX");
		text = random + word;
	}
	buf_add(out, text, (size_t)(end - text));
}

bool component_is_plain(const char *text, size_t length)
{
	const size_t word = strlen(random_word);
	const char *end = text + length, *escape;

	while ((escape = memchr(text, '\\', (size_t)(end - text))) != NULL) {
		if ((size_t)(end - escape) < word || memcmp(escape, random_word, word) != 0)
			return false;
		text = escape + word;
	}
	return true;
}

static bool spelled_matches(const char *shape, const char *shape_end, const char *text,
			    size_t length)
{
	const char *end = text + length, *word;
	unsigned char byte;
	size_t word_length;

	while (shape < shape_end && escape_next(&shape, &byte, &word, &word_length)) {
		size_t left = (size_t)(end - text), taken;

		if (!word)
			taken = left && (unsigned char)*text == byte;
		else if (strncmp(word, "random}", 7) == 0)
			taken = random_match(text, left);
		else
			taken = escape_placeholder_match(word, text, left);
		if (!taken)
			return false;
		text += taken;
	}
	return text == end;
}

bool shape_matches(const char *shape, const char *shape_end, const char *text, size_t length)
{
	AUTO_BUF struct buf spelled = BUF_INIT;

	if (!memchr(text, '\\', length))
		return spelled_matches(shape, shape_end, text, length);
	spell_out(text, length, &spelled);
	return spelled_matches(shape, shape_end, buf_text(&spelled), spelled.length);
}

static void add_shape(struct shapes *shapes, char *shape)
{
	shapes->list = xrealloc(shapes->list, shapes->count + 1, sizeof(*shapes->list));
	shapes->list[shapes->count++] = shape;
}

/* The path with "\{WORD:SIZE}" for what is at start, length bytes long. */
static void add_place(struct shapes *shapes, const char *path, size_t start, size_t length,
		      const char *word, size_t size)
{
	add_shape(shapes, xasprintf("%.*s\\{%s:%zu}%s", (int)start, path, word, size,
				    path + start + length));
}

static size_t digits_size(size_t run)
{
	return run > PID_DIGITS ? run : PID_DIGITS;
}

static size_t digit_run(const char *path, size_t at, size_t end)
{
	size_t run = 0;

	while (at + run < end && isdigit((unsigned char)path[at + run]))
		run++;
	return run;
}

static void add_digits(struct shapes *shapes, const char *path, size_t start, size_t end,
		       size_t size)
{
	(void)size;
	for (size_t at = start, run; at < end; at += run ? run : 1) {
		run = digit_run(path, at, end);
		if (run && run <= DIGITS_MAX)
			add_place(shapes, path, at, run, "digits", digits_size(run));
	}
}

static size_t hex_run(const char *path, size_t at, size_t end)
{
	size_t run = strspn(path + at, "0123456789abcdef");

	return run < end - at ? run : end - at;
}

static bool is_mixed_hex(const char *text, size_t length)
{
	static const char digits[] = "0123456789", letters[] = "abcdef";
	bool digit = false, letter = false;

	for (size_t i = 0; i < length; i++) {
		digit |= strchr(digits, text[i]) != NULL;
		letter |= strchr(letters, text[i]) != NULL;
		if (!strchr(digits, text[i]) && !strchr(letters, text[i]))
			return false;
	}
	return digit && letter;
}

/* All of a word, or its end: "CMakeCache.txt.tmp96dcf" is CMake's. */
static void add_hex(struct shapes *shapes, const char *path, size_t start, size_t end, size_t size)
{
	enum { TAIL_LEAST = 5 }; /* shorter ones are words: "a64", "sha256" */

	(void)size;
	for (size_t at = start, run; at < end; at += run ? run : 1) {
		size_t tail = 0;

		run = word_run(path, at, end);
		while (tail < run && hex_run(path, at + run - tail - 1, end))
			tail++;
		size_t least = tail == run ? RANDOM_LEAST : TAIL_LEAST;
		if (tail >= least && is_mixed_hex(path + at + run - tail, tail))
			add_place(shapes, path, at + run - tail, tail, "hex", tail);
	}
}

static int kind_of(char c)
{
	if (isdigit((unsigned char)c))
		return 0;
	return isupper((unsigned char)c) ? 1 : 2;
}

/* Words change from letters to digits, or from small to capital letters, once: "base64", "MyFile".
 */
static bool is_mixed(const char *text, size_t length)
{
	size_t changes = 0;

	for (size_t i = 1; i < length; i++)
		changes += kind_of(text[i]) != kind_of(text[i - 1]);
	return changes >= 3;
}

/*
 * Of a longer word that was made up one run takes the last six for it, and what is before them for
 * a prefix that stays, unless that is mixed (src/observe/temporary.c).
 */
static void add_longer_random(struct shapes *shapes, const char *path, size_t start, size_t end,
			      size_t size)
{
	const char *random = memmem(path + start, end - start, random_word, strlen(random_word));
	size_t at = random ? (size_t)(random - path) : start, before = size - RANDOM_LEAST;

	if (at - start < before || word_run(path, at - before, at) < before)
		return;
	add_shape(shapes, xasprintf("%.*s\\{word:%zu}%s", (int)(at - before), path, size,
				    random + strlen(random_word)));
}

/* The last size bytes of a word; 0: all of it. */
static void add_words(struct shapes *shapes, const char *path, size_t start, size_t end,
		      size_t size)
{
	for (size_t at = start, run; at < end; at += run ? run : 1) {
		run = word_run(path, at, end);
		size_t length = size ? size : run;
		size_t from = at + run - length;
		if (run >= RANDOM_LEAST && run >= length && is_mixed(path + from, length))
			add_place(shapes, path, from, length, "word", length);
	}
	if (size > RANDOM_LEAST)
		add_longer_random(shapes, path, start, end, size);
}

static void add_all_digits(struct shapes *shapes, const char *path, size_t start, size_t end,
			   size_t size)
{
	(void)size;
	AUTO_BUF struct buf shape = BUF_INIT;
	size_t runs = 0;

	buf_add(&shape, path, start);
	for (size_t at = start, run; at < end; at += run ? run : 1) {
		run = digit_run(path, at, end);
		if (run > DIGITS_MAX)
			return;
		runs += run != 0;
		if (run)
			buf_addf(&shape, "\\{digits:%zu}", digits_size(run));
		else
			buf_addc(&shape, path[at]);
	}
	if (runs < 2)
		return;
	buf_adds(&shape, path + end);
	add_shape(shapes, buf_steal(&shape));
}

/* 8-4-4-4-12 of 0-9 and a-f (RFC 9562). */
static void add_uuid(struct shapes *shapes, const char *path, size_t start, size_t end, size_t size)
{
	static const size_t groups[] = { 8, 4, 4, 4, 12 };
	enum { UUID_LENGTH = 36 };

	(void)size;
	for (size_t at = start; at + UUID_LENGTH <= end; at++) {
		AUTO_BUF struct buf shape = BUF_INIT;
		size_t from = at;

		if (at > start && isalnum((unsigned char)path[at - 1]))
			continue;
		buf_add(&shape, path, at);
		for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
			if (hex_run(path, from, end) != groups[i] || (i && path[from - 1] != '-'))
				break;
			buf_addf(&shape, "%s\\{hex:%zu}", i ? "-" : "", groups[i]);
			from += groups[i] + 1;
		}
		if (from != at + UUID_LENGTH + 1)
			continue;
		buf_adds(&shape, path + at + UUID_LENGTH);
		add_shape(shapes, buf_steal(&shape));
	}
}

/* Every word that may be made up or a number, if there are several: "job-4711-ab12cd34". */
static void add_every(struct shapes *shapes, const char *path, size_t start, size_t end,
		      size_t size)
{
	AUTO_BUF struct buf shape = BUF_INIT;
	size_t places = 0;

	(void)size;
	buf_add(&shape, path, start);
	for (size_t at = start, run; at < end; at += run ? run : 1) {
		run = word_run(path, at, end);
		places++;
		if (run && digit_run(path, at, at + run) == run && run <= DIGITS_MAX)
			buf_addf(&shape, "\\{digits:%zu}", digits_size(run));
		else if (run >= RANDOM_LEAST && is_mixed_hex(path + at, run))
			buf_addf(&shape, "\\{hex:%zu}", run);
		else if (run >= RANDOM_LEAST && is_mixed(path + at, run))
			buf_addf(&shape, "\\{word:%zu}", run);
		else {
			buf_add(&shape, path + at, run ? run : 1);
			places--;
		}
	}
	if (places < 2)
		return;
	buf_adds(&shape, path + end);
	add_shape(shapes, buf_steal(&shape));
}

/*
 * The kinds in the order in which they are tried, the narrowest first. Made up words are as long as
 * mkstemp(3), Python's tempfile and mktemp(1) make them, or all of the word.
 */
static const struct kind {
	void (*add)(struct shapes *shapes, const char *path, size_t start, size_t end, size_t size);
	size_t size;
} kinds[SHAPE_KINDS] = {
	{ add_digits, 0 },     { add_hex, 0 },    { add_words, RANDOM_LEAST },
	{ add_words, 8 },      { add_words, 10 }, { add_words, 0 },
	{ add_all_digits, 0 }, { add_uuid, 0 },   { add_every, 0 },
};

void shapes_find(size_t kind, const char *path, struct shapes *shapes)
{
	size_t end, start = path_component(path, &end);

	kinds[kind].add(shapes, path, start, end, kinds[kind].size);
}

void shapes_find_shards(const char *path, struct shapes *shapes)
{
	enum { HASH_LEAST = 16, SHARD_MOST = 3 };
	size_t end, start = path_component(path, &end);

	if (path[end] || end - start < HASH_LEAST || hex_run(path, start, end) != end - start ||
	    !is_mixed_hex(path + start, end - start))
		return;
	while (start > 1) {
		size_t above_end = start - 1, above = above_end;

		while (above && path[above - 1] != '/')
			above--;
		size_t length = above_end - above;
		if (!length || length > SHARD_MOST || hex_run(path, above, above_end) != length)
			return;
		add_shape(shapes, xasprintf("%.*s\\{hex:%zu}/", (int)above, path, length));
		start = above;
	}
}
