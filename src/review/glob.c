/*
 * AppArmor's patterns as a nondeterministic automaton. What they mean is what apparmor_parser makes
 * of them (convert_aaregex_to_pcre() in parser/parser_regex.c):
 *   ?    one byte that is no slash
 *   *    any number of such bytes, a dot at the beginning too
 *   **   any number of any bytes
 * but where one of the latter two is a whole component (behind a slash, and before one or the end)
 * it is at least one byte long, which is no slash: a directory is not matched by what is below it.
 */
#include <review/glob.h>

#include <string.h>

enum {
	DEPTH_MAX = 50, /* of braces: MAX_ALT_DEPTH of the parser */
	NODES_MAX = 1 << 20
};

struct node {
	enum { NODE_JOINT, NODE_BYTE, NODE_SPLIT } kind;
	uint32_t next, other; /* 0: none. NODE_SPLIT has both, and takes no byte */
	unsigned char set[32];
};

struct glob {
	struct node *nodes; /* the first one is no node */
	uint32_t count, size;
	uint32_t start, end;
	bool literal;
};

struct glob_state {
	uint32_t count;
	uint32_t list[]; /* of nodes, each once */
};

struct parser {
	struct glob *glob;
	const char *at;
	unsigned char last; /* what was written before, for the stars */
	unsigned int depth; /* of braces */
	bool quoted;
	struct error *err;
};

static uint32_t add_node(struct glob *glob)
{
	if (glob->count == glob->size) {
		glob->size = glob->size ? 2 * glob->size : 64;
		glob->nodes = xrealloc(glob->nodes, glob->size, sizeof(*glob->nodes));
	}
	glob->nodes[glob->count] = (struct node){ .kind = NODE_JOINT };
	return glob->count++;
}

/* ---- sets of bytes ---- */

static void set_add(unsigned char *set, unsigned char byte)
{
	set[byte / 8] |= (unsigned char)(1U << (byte % 8));
}

static bool set_has(const unsigned char *set, unsigned char byte)
{
	return set[byte / 8] & (1U << (byte % 8));
}

static void set_invert(unsigned char *set)
{
	for (size_t i = 0; i < 32; i++)
		set[i] = (unsigned char)~set[i];
}

/* All that a name can hold, with slashes or without. */
static void set_any(unsigned char *set, bool slash)
{
	memset(set, 0, 32);
	set_add(set, 0);
	if (!slash)
		set_add(set, '/');
	set_invert(set);
}

/* ---- parsing ---- */

/* One byte of set behind the node at; returns the node behind it. */
static uint32_t add_byte(struct glob *glob, uint32_t at, const unsigned char *set)
{
	uint32_t next = add_node(glob);

	glob->nodes[at].kind = NODE_BYTE;
	glob->nodes[at].next = next;
	memcpy(glob->nodes[at].set, set, 32);
	return next;
}

static uint32_t add_star(struct glob *glob, uint32_t at, const unsigned char *set)
{
	uint32_t loop = add_node(glob), next = add_node(glob);

	glob->nodes[at].kind = NODE_SPLIT;
	glob->nodes[at].next = loop;
	glob->nodes[at].other = next;
	glob->nodes[loop].kind = NODE_BYTE;
	glob->nodes[loop].next = at;
	memcpy(glob->nodes[loop].set, set, 32);
	return next;
}

static int bad(const struct parser *parser, const char *what)
{
	return fail(parser->err, ERROR_INPUT, 0, "no AppArmor name: %s", what);
}

static uint32_t add_literal(struct parser *parser, uint32_t at, unsigned char byte)
{
	unsigned char set[32] = { 0 };

	set_add(set, byte);
	parser->last = byte;
	return add_byte(parser->glob, at, set);
}

/* Behind a backslash: three octal digits, or the byte itself. */
static int take_escape(struct parser *parser, unsigned char *ret_byte)
{
	unsigned int value = 0;
	int digits = 0;

	parser->at++;
	while (digits < 3 && parser->at[digits] >= '0' && parser->at[digits] <= '7')
		value = 8 * value + (unsigned int)(parser->at[digits++] - '0');
	if (digits != 3 && !*parser->at)
		return bad(parser, "a backslash ends it");
	*ret_byte = digits == 3 ? (unsigned char)value : (unsigned char)*parser->at;
	parser->at += digits == 3 ? 3 : 1;
	return 0;
}

/* A byte of a class, at the place where it begins; *ret_byte is what it stands for. */
static int take_class_byte(struct parser *parser, unsigned char *ret_byte)
{
	if (*parser->at == '\\')
		return take_escape(parser, ret_byte);
	*ret_byte = (unsigned char)*parser->at++;
	return 0;
}

static int parse_class(struct parser *parser, uint32_t *at)
{
	unsigned char set[32] = { 0 }, from, to;
	bool inverted = *++parser->at == '^';

	parser->at += inverted;
	while (*parser->at && *parser->at != ']') {
		if (take_class_byte(parser, &from) < 0)
			return -1;
		to = from;
		if (parser->at[0] == '-' && parser->at[1] && parser->at[1] != ']') {
			parser->at++;
			if (take_class_byte(parser, &to) < 0)
				return -1;
		}
		for (unsigned int byte = from; byte <= to; byte++)
			set_add(set, (unsigned char)byte);
	}
	if (*parser->at++ != ']')
		return bad(parser, "a class without its end");
	if (inverted) {
		set_add(set, 0);
		set_invert(set);
	}
	parser->glob->literal = false;
	parser->last = ']';
	*at = add_byte(parser->glob, *at, set);
	return 0;
}

static void parse_stars(struct parser *parser, uint32_t *at)
{
	unsigned char set[32];
	bool two = parser->at[1] == '*';
	size_t stars = strspn(parser->at, "*");
	char behind = parser->at[stars];

	if (parser->quoted && behind == '"' && !parser->at[stars + 1])
		behind = '\0';
	if (parser->last == '/' && (behind == '/' || !behind)) {
		set_any(set, false);
		*at = add_byte(parser->glob, *at, set);
	}
	set_any(set, two);
	*at = add_star(parser->glob, *at, set);
	parser->at += two ? 2 : 1;
	parser->last = '*';
	parser->glob->literal = false;
}

static int parse_sequence(struct parser *parser, uint32_t *at);

/* "{a,b}" is a chain of splits, whose branches meet again. */
static int parse_braces(struct parser *parser, uint32_t *at)
{
	struct glob *glob = parser->glob;
	uint32_t meet = add_node(glob), split = *at;
	bool single = true;

	if (++parser->depth >= DEPTH_MAX)
		return bad(parser, "too many braces in each other");
	glob->literal = false;
	parser->last = '{';
	for (parser->at++;; parser->at++) {
		uint32_t branch = add_node(glob), rest = add_node(glob), end = branch;

		glob->nodes[split].kind = NODE_SPLIT;
		glob->nodes[split].next = branch;
		glob->nodes[split].other = rest;
		if (parse_sequence(parser, &end) < 0)
			return -1;
		glob->nodes[end].next = meet;
		split = rest;
		if (*parser->at != ',')
			break;
		single = false;
		parser->last = ',';
	}
	if (*parser->at++ != '}' || single)
		return bad(parser, "braces without two branches or without their end");
	parser->depth--;
	parser->last = '}';
	*at = meet;
	return 0;
}

/* What the parser puts in their place before it looks at slashes (tunables/proc, /kernelvars). */
static int parse_variable(struct parser *parser, uint32_t *at)
{
#define NUMBER                                                                                     \
	"{[1-9],[1-9][0-9],[1-9][0-9][0-9],[1-9][0-9][0-9][0-9],[1-9][0-9][0-9][0-9][0-9],"        \
	"[1-9][0-9][0-9][0-9][0-9][0-9],[1-4][0-9][0-9][0-9][0-9][0-9][0-9]}"
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ "@{PROC}", "/proc/" },
		{ "@{pid}", NUMBER },
		{ "@{pids}", NUMBER },
		{ "@{tid}", NUMBER },
	};
#undef NUMBER

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t length = strlen(rows[i].name);
		const char *behind = parser->at + length;

		if (strncmp(parser->at, rows[i].name, length) != 0)
			continue;
		parser->at = rows[i].value;
		if (parse_sequence(parser, at) < 0)
			return -1;
		parser->at = behind;
		return 0;
	}
	return bad(parser, "an unknown variable");
}

static bool ends_sequence(const struct parser *parser)
{
	if (!*parser->at || (parser->quoted && parser->at[0] == '"' && !parser->at[1]))
		return true;
	return parser->depth && strchr(",}", *parser->at);
}

static int parse_sequence(struct parser *parser, uint32_t *at)
{
	unsigned char byte, set[32];

	while (!ends_sequence(parser)) {
		if (parser->glob->count > NODES_MAX)
			return bad(parser, "too long");
		switch (*parser->at) {
		case '*':
			parse_stars(parser, at);
			continue;
		case '?':
			set_any(set, false);
			*at = add_byte(parser->glob, *at, set);
			parser->at++;
			parser->last = '?';
			parser->glob->literal = false;
			continue;
		case '[':
			if (parse_class(parser, at) < 0)
				return -1;
			continue;
		case '{':
			if (parse_braces(parser, at) < 0)
				return -1;
			continue;
		}
		if (parser->at[0] == '@' && parser->at[1] == '{') {
			if (parse_variable(parser, at) < 0)
				return -1;
			continue;
		}
		if (take_class_byte(parser, &byte) < 0)
			return -1;
		/* One slash of several: filter_slashes() of the parser. */
		if (byte != '/' || parser->last != '/')
			*at = add_literal(parser, *at, byte);
	}
	return 0;
}

int glob_compile(const char *text, struct glob **ret_glob, struct error *err)
{
	struct glob *glob = xcalloc(1, sizeof(*glob));
	struct parser parser = { .glob = glob, .at = text, .err = err };

	glob->literal = true;
	add_node(glob);
	glob->start = glob->end = add_node(glob);
	parser.quoted = *text == '"';
	parser.at += parser.quoted;
	int rc = parse_sequence(&parser, &glob->end);
	if (rc == 0 && strcmp(parser.at, parser.quoted ? "\"" : "") != 0)
		rc = bad(&parser, "quotes or braces that do not match");
	if (rc < 0) {
		glob_free(glob);
		return -1;
	}
	*ret_glob = glob;
	return 0;
}

void glob_free(struct glob *glob)
{
	if (!glob)
		return;
	free(glob->nodes);
	free(glob);
}

bool glob_is_literal(const struct glob *glob)
{
	return glob->literal;
}

/* ---- matching ---- */

/* A state that is being made, and which nodes are in it already. */
struct growing {
	struct glob_state *state;
	bool *seen; /* of each node */
};

static void grow_begin(const struct glob *glob, struct growing *growing)
{
	growing->state =
		xcalloc(1, sizeof(*growing->state) + glob->count * sizeof(growing->state->list[0]));
	growing->seen = xcalloc(glob->count, sizeof(*growing->seen));
}

static void grow_by(struct growing *growing, uint32_t node)
{
	if (!node || growing->seen[node])
		return;
	growing->seen[node] = true;
	growing->state->list[growing->state->count++] = node;
}

/* Adds a node and what is reached from it without a byte: the list is its own queue. */
static void grow(const struct glob *glob, struct growing *growing, uint32_t first)
{
	struct glob_state *state = growing->state;
	uint32_t at = state->count;

	grow_by(growing, first);
	while (at < state->count) {
		const struct node *node = &glob->nodes[state->list[at++]];

		if (node->kind == NODE_BYTE)
			continue;
		grow_by(growing, node->next);
		grow_by(growing, node->other);
	}
}

static struct glob_state *grow_end(struct growing *growing)
{
	free(growing->seen);
	if (growing->state->count)
		return growing->state;
	free(growing->state);
	return NULL;
}

struct glob_state *glob_start(const struct glob *glob)
{
	struct growing growing;

	grow_begin(glob, &growing);
	grow(glob, &growing, glob->start);
	return grow_end(&growing);
}

struct glob_state *glob_step(const struct glob *glob, const struct glob_state *state,
			     const char *bytes, size_t length)
{
	const struct glob_state *from = state;
	struct glob_state *next = NULL;

	for (size_t i = 0; i < length; i++) {
		struct growing growing;

		grow_begin(glob, &growing);
		for (uint32_t k = 0; k < from->count; k++) {
			const struct node *node = &glob->nodes[from->list[k]];

			if (node->kind == NODE_BYTE && set_has(node->set, (unsigned char)bytes[i]))
				grow(glob, &growing, node->next);
		}
		free(next);
		next = grow_end(&growing);
		if (!next)
			return NULL;
		from = next;
	}
	if (!next) {
		size_t size = sizeof(*next) + state->count * sizeof(next->list[0]);

		next = xcalloc(1, size);
		memcpy(next, state, size);
	}
	return next;
}

bool glob_accepts(const struct glob *glob, const struct glob_state *state)
{
	for (uint32_t i = 0; i < state->count; i++)
		if (state->list[i] == glob->end)
			return true;
	return false;
}
