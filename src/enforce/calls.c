#include <enforce/calls.h>

#include <string.h>
#include <sys/mman.h>

/* Arguments on which a program's own rule may depend: the floor must not void it. */
static const struct {
	const char *name;
	unsigned int index;
	uint64_t mask;
} matters[] = {
	{ "fcntl", 1, UINT32_MAX },   { "ioctl", 1, UINT32_MAX }, { "mmap", 2, PROT_EXEC },
	{ "mprotect", 2, PROT_EXEC }, { "prctl", 0, UINT32_MAX },
};
enum { NOT_THERE = ARRAY_SIZE(matters) };

static size_t what_matters(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(matters) && strcmp(matters[i].name, name) != 0)
		i++;
	return i;
}

void calls_free(struct calls *calls)
{
	for (size_t i = 0; i < calls->count; i++)
		free(calls->list[i].name);
	free(calls->list);
	*calls = (struct calls){ NULL, 0, 0 };
}

static struct call *find_or_add(struct calls *calls, const char *name)
{
	size_t at = 0;

	while (at < calls->count && strcmp(calls->list[at].name, name) < 0)
		at++;
	if (at < calls->count && strcmp(calls->list[at].name, name) == 0)
		return &calls->list[at];
	calls->list = xrealloc(calls->list, calls->count + 1, sizeof(*calls->list));
	memmove(&calls->list[at + 1], &calls->list[at], (calls->count - at) * sizeof(*calls->list));
	calls->count++;
	calls->list[at] = (struct call){ .name = xstrdup(name) };
	return &calls->list[at];
}

static void add_value(struct call *call, uint64_t value)
{
	size_t at = 0;

	while (at < call->value_count && call->values[at] < value)
		at++;
	if (call->any_value || (at < call->value_count && call->values[at] == value))
		return;
	if (call->value_count == ARRAY_SIZE(call->values)) {
		call->any_value = true;
		return;
	}
	memmove(&call->values[at + 1], &call->values[at],
		(call->value_count - at) * sizeof(*call->values));
	call->values[at] = value;
	call->value_count++;
}

void calls_add(struct calls *calls, const char *name, const uint64_t args[6], bool on, bool user,
	       unsigned int phase, size_t serial)
{
	struct call *call = find_or_add(calls, name);
	size_t matter = what_matters(name);

	if (matter == NOT_THERE)
		call->any_value = true;
	else
		add_value(call, args[matters[matter].index] & matters[matter].mask);
	if (call->last[phase] == serial)
		return;
	call->last[phase] = serial;
	call->seen[on][user][phase]++;
}

bool call_seen(const struct call *call, bool on, unsigned int phase)
{
	return call->seen[on][0][phase] || call->seen[on][1][phase];
}

bool call_regular(const struct calls *calls, const struct call *call, bool on, unsigned int phase)
{
	return call->seen[on][0][phase] == calls->runs || call->seen[on][1][phase] == calls->runs;
}

/* ---- rows ---- */

bool is_go_margin(const struct floor_row *row)
{
	static const char margin[] = "margin of the Go runtime";

	return strncmp(row->source, margin, strlen(margin)) == 0;
}

bool in_go_margin(const char *name)
{
	size_t count;
	const struct floor_row *rows = floor_rows("runc", &count);

	for (size_t i = 0; i < count; i++)
		if (is_go_margin(&rows[i]) && strcmp(rows[i].name, name) == 0)
			return true;
	return false;
}

/* Kinds of starts: bit PHASES * on + phase. */
static unsigned int kinds_seen(const struct call *call)
{
	unsigned int kinds = 0;

	for (unsigned int kind = 0; kind < STARTS * PHASES; kind++)
		if (call_seen(call, kind >= PHASES, kind % PHASES))
			kinds |= 1U << kind;
	return kinds;
}

static void print_arguments(const struct call *call, struct buf *out)
{
	size_t matter = what_matters(call->name);
	bool flags = matter < NOT_THERE && matters[matter].mask != UINT32_MAX;

	if (call->any_value || (flags && call->value_count > 1)) {
		buf_addc(out, '-');
		return;
	}
	buf_addf(out, "%u", matters[matter].index);
	if (flags)
		buf_addf(out, "&0x%llx", (unsigned long long)matters[matter].mask);
	for (size_t i = 0; i < call->value_count; i++)
		buf_addf(out, "%c%llu", i ? '|' : '=', (unsigned long long)call->values[i]);
}

static void print_phases(unsigned int phases, struct buf *out)
{
	static const char *const names[PHASES] = { "run", "create", "exec" };
	bool some = false;

	if (phases == (1U << PHASES) - 1) {
		buf_adds(out, "any");
		return;
	}
	for (unsigned int i = 0; i < PHASES; i++)
		if (phases & 1U << i) {
			buf_addf(out, "%s%s", some ? "," : "", names[i]);
			some = true;
		}
}

/* Over the kinds of starts of a row: the gravest lack, whether it is in each start, and root's. */
struct row {
	const struct call *call;
	const char *no_new_privileges;
	unsigned int kinds;
};

static const char *row_lack(const struct row *row)
{
	static const char *const names[] = {
		[LACK_FAILS] = "fails",
		[LACK_ENOSYS] = "enosys",
		[LACK_KILLS] = "killed",
		[LACK_SOMETIMES] = "sometimes",
	};
	enum floor_lack worst = LACK_SOMETIMES;

	for (unsigned int kind = 0; kind < STARTS * PHASES; kind++)
		if ((row->kinds & 1U << kind) &&
		    row->call->lack[kind >= PHASES][kind % PHASES] < worst)
			worst = row->call->lack[kind >= PHASES][kind % PHASES];
	return names[worst];
}

static void print_source(const struct calls *calls, const struct row *row, struct buf *out)
{
	bool regular = false, root = false;

	for (unsigned int kind = 0; kind < STARTS * PHASES; kind++) {
		if (!(row->kinds & 1U << kind))
			continue;
		regular |= call_regular(calls, row->call, kind >= PHASES, kind % PHASES);
		root |= row->call->seen[kind >= PHASES][0][kind % PHASES] > 0;
	}
	buf_addf(out, "measured: in %s%s", regular ? "every start" : "some starts",
		 root ? "" : ", not as root");
}

/* Nothing is printed for no kinds. */
static void print_row(const struct calls *calls, const struct row *row, const char *version,
		      bool tried, struct buf *out)
{
	unsigned int phases = (row->kinds | row->kinds >> PHASES) & ((1U << PHASES) - 1);

	if (!row->kinds)
		return;
	buf_addf(out, "%s\t", row->call->name);
	print_arguments(row->call, out);
	buf_addf(out, "\t%s\t", row->no_new_privileges);
	print_phases(phases, out);
	buf_addf(out, "\t%s\t%s\t", tried ? row_lack(row) : "untried", version);
	print_source(calls, row, out);
	buf_addc(out, '\n');
}

/* What is called with and without no-new-privileges, then what is called in one case only. */
static void print_call(const struct calls *calls, const struct call *call, const char *version,
		       bool tried, struct buf *out)
{
	unsigned int kinds = kinds_seen(call), all = (1U << PHASES) - 1;
	unsigned int off = kinds & all, on = kinds >> PHASES;
	unsigned int both = off & on;
	const struct row rows[] = {
		{ call, "any", both | both << PHASES },
		{ call, "off", off & ~both },
		{ call, "on", (on & ~both) << PHASES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		print_row(calls, &rows[i], version, tried, out);
}

static void print_margin(struct buf *out)
{
	size_t count;
	const struct floor_row *rows = floor_rows("runc", &count);

	for (size_t i = 0; i < count; i++)
		if (is_go_margin(&rows[i]))
			buf_addf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", rows[i].name,
				 rows[i].arguments, rows[i].no_new_privileges, rows[i].phases,
				 rows[i].lack, rows[i].versions, rows[i].source);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The rows that begin at from, in order of name. */
static void sort_lines(struct buf *out, size_t from)
{
	AUTO_FREE char *text = xstrdup(buf_text(out) + from);
	AUTO_FREE char **lines = NULL;
	size_t count = 0;

	buf_truncate(out, from);
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		lines = xrealloc(lines, count + 1, sizeof(*lines));
		lines[count++] = line;
	}
	if (count)
		qsort(lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < count; i++)
		buf_addf(out, "%s\n", lines[i]);
}

void calls_print(const struct calls *calls, const char *name, const char *version, bool go,
		 bool tried, struct buf *out)
{
	buf_addf(out,
		 "# What %s %s calls itself between loading the filter and the execve of the "
		 "program.\n"
		 "# name\targuments\tno_new_privileges\tphases\twithout\tversions\tsource\n",
		 name, version);
	size_t from = out->length;
	for (size_t i = 0; i < calls->count; i++)
		if (!go || !in_go_margin(calls->list[i].name))
			print_call(calls, &calls->list[i], version, tried, out);
	if (go)
		print_margin(out);
	sort_lines(out, from);
}
