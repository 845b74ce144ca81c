/*
 * deny_path: asks a compiled AppArmor policy, as a kernel would be given it (apparmor_parser -S),
 * what it grants on a path.
 *
 *	deny_path POLICY PATH…        one line a path: "OWNER OTHER PATH"
 *
 * OWNER are the letters granted to a process that owns the file, OTHER to any other, "-" for none.
 * Walks the DFA of the file rules just as aa_dfa_match_len() does (security/apparmor/match.c);
 * the policy must hold one profile, without hats.
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* security/apparmor/include/match.h: table ids are from 1, the numbers are big endian. */
enum { ACCEPT = 1, BASE, CHECK, DEFAULT, CLASSES, META, ACCEPT2, NEXT, TABLES };
enum { HEADER = 12, MAGIC = 0x1b5e783d, START = 1, POLICY_MAX = 1 << 26 };
static const uint32_t base_index = 0xffffff, base_differential = 0x80000000;

struct table {
	const unsigned char *data;
	uint32_t width, length;
};

struct dfa {
	struct table table[TABLES];
};

static uint32_t big_endian(const unsigned char *at, uint32_t width)
{
	uint32_t value = 0;

	while (width--)
		value = value << 8 | *at++;
	return value;
}

static uint32_t cell(const struct dfa *dfa, int id, uint32_t index)
{
	const struct table *table = &dfa->table[id];

	if (index >= table->length)
		errx(2, "index %u is outside table %d", index, id);
	return big_endian(table->data + (size_t)index * table->width, table->width);
}

/* The tables stand one after another, each padded to 8 bytes. */
static void dfa_read(struct dfa *dfa, const unsigned char *at, const unsigned char *end)
{
	uint32_t header = big_endian(at + 4, 4), size = big_endian(at + 8, 4);

	if (header > size || size > (size_t)(end - at))
		errx(2, "the DFA is truncated");
	end = at + size;
	for (at += header; at + HEADER < end;) {
		uint32_t id = big_endian(at, 2);
		struct table table = { at + HEADER, big_endian(at + 2, 2), big_endian(at + 8, 4) };
		size_t bytes = HEADER + (size_t)table.width * table.length;

		if (id < ACCEPT || id >= TABLES || bytes > (size_t)(end - at))
			errx(2, "the DFA has a table that cannot be read");
		dfa->table[id] = table;
		at += (bytes + 7) & ~(size_t)7;
	}
}

/* A policy has one DFA for everything but files, and then one for files: the last. */
static void policy_find(struct dfa *dfa, const unsigned char *text, size_t size)
{
	static const char name[] = "aadfa";
	const unsigned char *last = NULL, *end = text + size;

	for (const unsigned char *at = text;
	     (at = memmem(at, (size_t)(end - at), name, sizeof name)); at++)
		last = at;
	for (const unsigned char *at = last; at && at + HEADER < end; at++) {
		if (big_endian(at, 4) == MAGIC) {
			dfa_read(dfa, at, end);
			return;
		}
	}
	errx(2, "the policy has no file rules");
}

static uint32_t dfa_step(const struct dfa *dfa, uint32_t state, unsigned char byte)
{
	uint32_t class = dfa->table[CLASSES].data ? cell(dfa, CLASSES, byte) : byte;

	for (;;) {
		uint32_t base = cell(dfa, BASE, state), at = (base & base_index) + class;

		if (cell(dfa, CHECK, at) == state)
			return cell(dfa, NEXT, at);
		state = cell(dfa, DEFAULT, state);
		if (!(base & base_differential))
			return state;
	}
}

/* Seven bits for the owner, seven that say how to exec, and the same for others (3.x layout). */
static const char *letters(uint32_t accept, int shift, char *out)
{
	static const char names[] = "xwralkm";
	char *end = out;

	for (int i = 0; i < 7; i++) {
		if (accept >> shift >> i & 1)
			*end++ = names[i];
	}
	if (end == out)
		*end++ = '-';
	*end = '\0';
	return out;
}

int main(int argc, char **argv)
{
	struct dfa dfa = { 0 };
	static unsigned char text[POLICY_MAX];
	char owner[8], other[8];

	if (argc < 3)
		errx(2, "usage: deny_path POLICY PATH...");
	FILE *file = fopen(argv[1], "r");
	if (!file)
		err(2, "%s", argv[1]);
	size_t size = fread(text, 1, sizeof text, file);
	if (ferror(file) || size == sizeof text)
		errx(2, "%s cannot be read", argv[1]);
	fclose(file);
	policy_find(&dfa, text, size);
	for (char **path = argv + 2; *path; path++) {
		uint32_t state = START;

		for (const char *at = *path; *at; at++)
			state = dfa_step(&dfa, state, (unsigned char)*at);
		uint32_t accept = cell(&dfa, ACCEPT, state);
		printf("%s %s %s\n", letters(accept, 0, owner), letters(accept, 14, other), *path);
	}
	return 0;
}
