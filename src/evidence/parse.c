/* Reads evidence.json. Its bytes may come from anywhere: whatever is not as written is refused. */
#include <evidence/store.h>

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <whittle/escape.h>

#define RUNS_MAX  ((size_t)100000)
#define NOTES_MAX ((size_t)1000) /* kinds of loss: whittle has a few dozen */

/* Bytes of one word of a command: what execve(2) takes (MAX_ARG_STRLEN), four times that escaped.
 */
#define WORD_MAX ((size_t)4 * 131072)

/* Where the reader is, for messages. */
struct reader {
	const char *name;    /* of the file */
	const char *section; /* "runs", "syscalls", ... or NULL */
	size_t index;        /* in the section */
	unsigned int schema; /* the number behind "whittle-evidence/" */
	struct error *err;
};

static void auto_decref(json_t **value)
{
	json_decref(*value);
}
#define AUTO_JSON __attribute__((cleanup(auto_decref)))

static void auto_evidence(struct evidence **evidence)
{
	evidence_free(*evidence);
}
#define AUTO_EVIDENCE __attribute__((cleanup(auto_evidence)))

/* Says where and what; the detail may hold bytes of the file, so it is escaped for a terminal. */
static int PRINTF_LIKE(2, 3) refuse(const struct reader *reader, const char *format, ...)
{
	AUTO_BUF struct buf safe = BUF_INIT;
	char detail[256];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	escape_text(&safe, detail, strlen(detail));
	if (!reader->section)
		return fail(reader->err, ERROR_INPUT, 0, "%s: %s", reader->name, buf_text(&safe));
	return fail(reader->err, ERROR_INPUT, 0, "%s: %s[%zu]: %s", reader->name, reader->section,
		    reader->index, buf_text(&safe));
}

static const char *type_name(const json_t *value)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
		[JSON_INTEGER] = "a number", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",      [JSON_NULL] = "null",
	};

	return names[json_typeof(value)];
}

/* The value of a field that must be there, of a type that must be type. */
static int get(const struct reader *reader, const json_t *object, const char *key, json_type type,
	       json_t **ret_value)
{
	json_t *value = json_object_get(object, key);

	if (!value)
		return refuse(reader, "field \"%s\" is missing", key);
	bool boolean = json_is_boolean(value) && (type == JSON_TRUE || type == JSON_FALSE);
	if (json_typeof(value) != type && !boolean)
		return refuse(reader, "field \"%s\" must not be %s", key, type_name(value));
	*ret_value = value;
	return 0;
}

static bool is_listed(const char *key, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

static int check_keys(const struct reader *reader, json_t *object, const char *const *keys,
		      size_t count, const char *what)
{
	const char *key;
	json_t *value = NULL;

	json_object_foreach(object, key, value) if (!is_listed(key, keys, count)) return refuse(
		reader, "unknown %s \"%s\"", what, key);
	return 0;
}

static int get_text(const struct reader *reader, const json_t *object, const char *key,
		    const char **ret_text)
{
	json_t *value = NULL;

	if (get(reader, object, key, JSON_STRING, &value) < 0)
		return -1;
	if (json_string_length(value) > FIELD_MAX)
		return refuse(reader, "field \"%s\" has more than %zu bytes", key, FIELD_MAX);
	if (!escape_is_text(json_string_value(value)))
		return refuse(reader,
			      "field \"%s\" is not evidence text: a control byte or a "
			      "backslash that is no \\xHH",
			      key);
	*ret_text = json_string_value(value);
	return 0;
}

static int copy_text(const struct reader *reader, const json_t *object, const char *key,
		     char **ret_text)
{
	const char *text = NULL;

	if (get_text(reader, object, key, &text) < 0)
		return -1;
	*ret_text = xstrdup(text);
	return 0;
}

static int get_bool(const struct reader *reader, const json_t *object, const char *key,
		    bool *ret_value)
{
	json_t *value = NULL;

	if (get(reader, object, key, JSON_TRUE, &value) < 0)
		return -1;
	*ret_value = json_is_true(value);
	return 0;
}

static int get_count(const struct reader *reader, const json_t *value, const char *what,
		     uint64_t *ret_count)
{
	if (!json_is_integer(value))
		return refuse(reader, "%s: a count must be a whole number", what);
	if (json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > COUNT_MAX)
		return refuse(reader, "%s: a count must be from 0 to %llu", what,
			      (unsigned long long)COUNT_MAX);
	*ret_count = (uint64_t)json_integer_value(value);
	return 0;
}

static int get_number(const struct reader *reader, const json_t *object, const char *key,
		      uint64_t *ret_number)
{
	json_t *value = NULL;

	if (get(reader, object, key, JSON_INTEGER, &value) < 0)
		return -1;
	return get_count(reader, value, key, ret_number);
}

static int read_id(const struct reader *reader, const json_t *object, struct evidence_run *run)
{
	const char *id = NULL;

	if (get_text(reader, object, "id", &id) < 0)
		return -1;
	if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32)
		return refuse(reader, "field \"id\" is not 32 hexadecimal digits");
	memcpy(run->id, id, sizeof(run->id));
	return 0;
}

static int read_command(const struct reader *reader, const json_t *object, struct evidence_run *run)
{
	json_t *array = NULL;

	if (get(reader, object, "command", JSON_ARRAY, &array) < 0)
		return -1;
	size_t count = json_array_size(array);
	run->command = xcalloc(count + 1, sizeof(*run->command));
	for (size_t i = 0; i < count; i++) {
		const json_t *word = json_array_get(array, i);

		if (!json_is_string(word) || json_string_length(word) > WORD_MAX ||
		    !escape_is_text(json_string_value(word)))
			return refuse(reader, "field \"command\"[%zu] is not evidence text", i);
		run->command[i] = xstrdup(json_string_value(word));
	}
	return 0;
}

static int read_signal(const struct reader *reader, const json_t *value, int *ret_signal)
{
	int signal = json_is_string(value) ? signal_of_name(json_string_value(value)) : 0;

	if (!signal)
		return refuse(reader, "field \"outcome\" names no signal");
	*ret_signal = signal;
	return 0;
}

static int read_outcome(const struct reader *reader, const json_t *object, struct evidence_run *run)
{
	static const struct {
		const char *word;
		enum outcome outcome;
	} rows[] = {
		{ "unknown", OUTCOME_UNKNOWN },
		{ "exited", OUTCOME_EXITED },
		{ "signaled", OUTCOME_SIGNALED },
		{ "stopped", OUTCOME_STOPPED },
	};
	json_t *outcome = NULL, *value = NULL;

	if (get(reader, object, "outcome", JSON_OBJECT, &outcome) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !value; i++) {
		value = json_object_get(outcome, rows[i].word);
		run->outcome = rows[i].outcome;
	}
	if (!value || json_object_size(outcome) != 1)
		return refuse(reader, "field \"outcome\" is none that whittle knows");
	if (run->outcome == OUTCOME_UNKNOWN)
		return json_is_true(value)
			       ? 0
			       : refuse(reader, "field \"outcome\": unknown must be true");
	if (run->outcome != OUTCOME_EXITED)
		return read_signal(reader, value, &run->status);
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > 255)
		return refuse(reader, "field \"outcome\": an exit status is from 0 to 255");
	run->status = (int)json_integer_value(value);
	return 0;
}

static int read_notes(const struct reader *reader, const json_t *object, const char *key,
		      struct evidence_note **notes, size_t *note_count)
{
	json_t *map = NULL, *value;
	const char *kind;
	uint64_t count = 0;

	if (get(reader, object, key, JSON_OBJECT, &map) < 0)
		return -1;
	if (json_object_size(map) > NOTES_MAX)
		return refuse(reader, "field \"%s\" has more than %zu kinds", key, NOTES_MAX);
	json_object_foreach(map, kind, value)
	{
		size_t length = strlen(kind);

		if (!length || strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
			return refuse(reader, "field \"%s\": \"%s\" is no kind", key, kind);
		if (get_count(reader, value, key, &count) < 0)
			return -1;
		if (count == 0)
			return refuse(reader, "field \"%s\": \"%s\" never happened", key, kind);
		notes_add(notes, note_count, kind, count);
	}
	return 0;
}

static int read_filter(const struct reader *reader, const json_t *object, struct evidence_run *run)
{
	const char *filter = "";

	if (get_text(reader, object, "filter", &filter) < 0)
		return -1;
	for (int i = 0; i < 4; i++) {
		run->filter_learned = i & 1;
		run->filter_known = i & 2;
		if (strcmp(filter, filter_to_name(run->filter_learned, run->filter_known)) == 0)
			return 0;
	}
	return refuse(reader, "field \"filter\" is none that whittle knows");
}

/* Only the one way to write the list is taken: what is read is printed as it was. */
static int read_facets(const struct reader *reader, const json_t *object, struct evidence_run *run)
{
	AUTO_BUF struct buf list = BUF_INIT;
	const char *facets = "";

	if (get_text(reader, object, "facets", &facets) < 0)
		return -1;
	if (!facets_parse(facets, &run->facets))
		return refuse(reader, "field \"facets\" has a word that whittle does not know");
	facets_print(run->facets, &list);
	if (strcmp(facets, buf_text(&list)) != 0)
		return refuse(reader, "field \"facets\" should read \"%s\"", buf_text(&list));
	return 0;
}

/* Before schema 2 no call ran unreported, and all there was to learn was learned. */
static int read_extent(const struct reader *reader, const json_t *object, struct evidence_run *run)
{
	if (reader->schema < 2) {
		run->facets = FACETS_DEFAULT | FACET_STAT;
		return 0;
	}
	if (read_filter(reader, object, run) < 0)
		return -1;
	return read_facets(reader, object, run);
}

/* The length of the decimal number of a user or group at the start of text; 0: there is none. */
static size_t id_length(const char *text)
{
	size_t length = strspn(text, "0123456789");
	bool canonical = length == 1 || *text != '0';

	return canonical && length < 11 && strtoull(text, NULL, 10) < UINT32_MAX ? length : 0;
}

/* "UID:GID", or nothing. */
static bool is_user(const char *text)
{
	size_t uid = id_length(text);
	size_t gid = uid && text[uid] == ':' ? id_length(text + uid + 1) : 0;

	return !*text || (gid && !text[uid + 1 + gid]);
}

/* Numbers with "," between, ascending, or nothing. */
static bool is_groups(const char *text)
{
	unsigned long long last = 0;

	for (const char *from = text; *text; text++) {
		size_t length = id_length(text);
		unsigned long long group = strtoull(text, NULL, 10);

		if (!length || (text != from && group <= last))
			return false;
		last = group;
		text += length;
		if (!*text)
			return true;
		if (*text != ',' || !text[1])
			return false;
	}
	return true;
}

/* Before schema 5 the user of a run that was in further groups was not known. */
static int read_groups(const struct reader *reader, const json_t *object, struct evidence_run *run)
{
	if (reader->schema < 5) {
		run->groups = xstrdup("");
		return 0;
	}
	if (copy_text(reader, object, "groups", &run->groups) < 0)
		return -1;
	if (!is_groups(run->groups) || (*run->groups && !*run->user))
		return refuse(reader, "field \"groups\" is no list of a user's groups");
	return 0;
}

static int read_peak(const struct reader *reader, const json_t *object, struct evidence_peak *peak)
{
	static const char *const keys[] = { "memory", "tasks", "of" };
	const char *of = "";
	json_t *value = NULL;

	if (get(reader, object, "peak", JSON_OBJECT, &value) < 0 ||
	    check_keys(reader, value, keys, ARRAY_SIZE(keys), "field") < 0 ||
	    get_number(reader, value, "memory", &peak->memory) < 0 ||
	    get_number(reader, value, "tasks", &peak->tasks) < 0 ||
	    get_text(reader, value, "of", &of) < 0)
		return -1;
	peak->of_cgroup = strcmp(of, "cgroup") == 0;
	if (strcmp(of, peak_to_name(peak)) != 0)
		return refuse(reader, "field \"of\" is neither cgroup nor processes");
	return 0;
}

/* Before schema 4 nothing was measured. */
static int read_use(const struct reader *reader, const json_t *object, struct evidence_run *run)
{
	if (reader->schema < 4) {
		run->user = xstrdup("");
		run->groups = xstrdup("");
		return 0;
	}
	if (copy_text(reader, object, "user", &run->user) < 0)
		return -1;
	if (!is_user(run->user))
		return refuse(reader, "field \"user\" is not UID:GID");
	if (read_groups(reader, object, run) < 0)
		return -1;
	return read_peak(reader, object, &run->peak);
}

static int check_container(const struct reader *reader, const struct evidence_run *run)
{
	const char *layer = run->container[CONTAINER_LAYER];

	if (strcmp(layer, "container") == 0 || strcmp(layer, "exec") == 0)
		return 0;
	return refuse(reader, "field \"layer\" is neither container nor exec");
}

/* Before schema 3 every run was of a program on the host. */
static int read_container(const struct reader *reader, const json_t *object,
			  struct evidence_run *run)
{
	json_t *value = json_object_get(object, "container");

	if (reader->schema < 3 || json_is_null(value))
		return 0;
	if (get(reader, object, "container", JSON_OBJECT, &value) < 0 ||
	    check_keys(reader, value, evidence_container_names, CONTAINER_FIELDS, "field") < 0)
		return -1;
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		if (copy_text(reader, value, evidence_container_names[i], &run->container[i]) < 0)
			return -1;
	return check_container(reader, run);
}

static int read_run_fields(const struct reader *reader, const json_t *object,
			   struct evidence_run *run)
{
	bool complete;

	if (read_id(reader, object, run) < 0 || copy_text(reader, object, "name", &run->name) < 0 ||
	    read_command(reader, object, run) < 0 || read_outcome(reader, object, run) < 0 ||
	    get_bool(reader, object, "expected", &run->expected) < 0 ||
	    copy_text(reader, object, "engine", &run->engine) < 0 ||
	    read_extent(reader, object, run) < 0 ||
	    copy_text(reader, object, "kernel", &run->kernel) < 0 ||
	    copy_text(reader, object, "machine", &run->machine) < 0 ||
	    copy_text(reader, object, "libc", &run->libc) < 0 ||
	    get_bool(reader, object, "privileged", &run->privileged) < 0 ||
	    read_use(reader, object, run) < 0 || read_container(reader, object, run) < 0 ||
	    get_bool(reader, object, "complete", &complete) < 0 ||
	    read_notes(reader, object, "losses", &run->losses, &run->loss_count) < 0 ||
	    read_notes(reader, object, "limitations", &run->limitations, &run->limitation_count) <
		    0)
		return -1;
	if (complete != evidence_run_complete(run))
		return refuse(reader, "field \"complete\" contradicts \"expected\" and \"losses\"");
	return 0;
}

static int read_run(const struct reader *reader, json_t *object, struct evidence *evidence)
{
	static const char *const keys[] = {
		"id",        "name",   "command",     "outcome", "expected",
		"engine",    "kernel", "machine",     "libc",    "privileged",
		"complete",  "losses", "limitations", "filter",  "facets",
		"container", "user",   "peak",        "groups",
	};
	/* The last six came with schemas 2, 2, 3, 4, 4 and 5. */
	size_t count = ARRAY_SIZE(keys) - (reader->schema < 2   ? 6
					   : reader->schema < 3 ? 4
					   : reader->schema < 4 ? 3
					   : reader->schema < 5 ? 1
								: 0);

	if (!json_is_object(object))
		return refuse(reader, "a run must not be %s", type_name(object));
	if (check_keys(reader, object, keys, count, "field") < 0)
		return -1;
	struct evidence_run *run = xcalloc(1, sizeof(*run));
	table_add_run(evidence, run);
	return read_run_fields(reader, object, run);
}

static int check_ids(struct reader *reader, const struct evidence *evidence)
{
	AUTO_FREE size_t *order = table_run_order(evidence);

	for (size_t i = 1; i < evidence->run_count; i++) {
		reader->index = order[i];
		if (strcmp(evidence->runs[order[i - 1]]->id, evidence->runs[order[i]]->id) == 0)
			return refuse(reader, "the id of this run is that of runs[%zu]",
				      order[i - 1]);
	}
	return 0;
}

static int read_runs(struct reader *reader, const json_t *root, struct evidence *evidence)
{
	json_t *array = NULL;

	if (get(reader, root, "runs", JSON_ARRAY, &array) < 0)
		return -1;
	size_t count = json_array_size(array);
	if (count > RUNS_MAX)
		return refuse(reader, "more than %zu runs", RUNS_MAX);
	reader->section = "runs";
	for (reader->index = 0; reader->index < count; reader->index++)
		if (read_run(reader, json_array_get(array, reader->index), evidence) < 0)
			return -1;
	return check_ids(reader, evidence);
}

/* "carried" needs a run in which a filter that was known before could hide the fact. */
static int read_run_count(const struct reader *reader, const json_t *value,
			  const struct evidence_run *run, uint64_t *ret_count)
{
	bool carried = json_is_string(value) && strcmp(json_string_value(value), "carried") == 0;

	if (!carried || reader->schema < 2)
		return get_count(reader, value, "field \"counts\"", ret_count);
	if (!run->filter_known)
		return refuse(reader,
			      "field \"counts\": run %s had no filter that was known before",
			      run->id);
	*ret_count = COUNT_CARRIED;
	return 0;
}

static int read_counts(const struct reader *reader, const json_t *object,
		       const struct evidence *evidence, uint64_t *counts)
{
	size_t runs = evidence->run_count;
	bool any = false;
	json_t *array = NULL;

	if (get(reader, object, "counts", JSON_ARRAY, &array) < 0)
		return -1;
	if (json_array_size(array) != runs)
		return refuse(reader, "field \"counts\" has %zu numbers for %zu runs",
			      json_array_size(array), runs);
	for (size_t i = 0; i < runs; i++) {
		if (read_run_count(reader, json_array_get(array, i), evidence->runs[i],
				   &counts[i]) < 0)
			return -1;
		any |= counts[i] != 0;
	}
	return any ? 0 : refuse(reader, "no run showed this fact");
}

static int check_attribution(const struct reader *reader, const struct fact *fact)
{
	const char *word = fact->field[PROGRAM_ATTRIBUTION];

	if (fact->kind != FACT_PROGRAM)
		return 0;
	if (word && (strcmp(word, "complete") == 0 || strcmp(word, "incomplete") == 0))
		return 0;
	return refuse(reader, "field \"attribution\" is neither complete nor incomplete");
}

static int read_fields(const struct reader *reader, json_t *object, enum fact_kind kind,
		       struct fact *fact)
{
	const char *keys[FACT_FIELDS + 1];
	size_t fields = table_fields(kind);

	if (kind == FACT_PROGRAM && reader->schema < 2) {
		fields = PROGRAM_ATTRIBUTION; /* it is the last */
		fact->field[PROGRAM_ATTRIBUTION] = "complete";
	}
	memcpy(keys, fact_descs[kind].field, fields * sizeof(*keys));
	keys[fields] = "counts";
	if (check_keys(reader, object, keys, fields + 1, "field") < 0)
		return -1;
	for (size_t i = 0; i < fields; i++)
		if (get_text(reader, object, keys[i], &fact->field[i]) < 0)
			return -1;
	return check_attribution(reader, fact);
}

static int read_fact(const struct reader *reader, json_t *object, enum fact_kind kind,
		     struct evidence *evidence)
{
	struct fact fact = { .kind = kind };
	bool is_new;

	if (!json_is_object(object))
		return refuse(reader, "a fact must not be %s", type_name(object));
	if (read_fields(reader, object, kind, &fact) < 0)
		return -1;
	struct record *record = table_record(evidence, &fact, &is_new);
	if (!is_new)
		return refuse(reader, "this fact is there twice");
	return read_counts(reader, object, evidence, record->fact.counts);
}

/* The first schema that has the kind. */
static unsigned int section_since(enum fact_kind kind)
{
	return kind == FACT_RUNTIME ? 3 : 1;
}

static int read_facts(struct reader *reader, const json_t *root, enum fact_kind kind,
		      struct evidence *evidence)
{
	json_t *array = NULL;

	reader->section = NULL;
	if (reader->schema < section_since(kind))
		return 0;
	if (get(reader, root, fact_descs[kind].section, JSON_ARRAY, &array) < 0)
		return -1;
	reader->section = fact_descs[kind].section;
	size_t count = json_array_size(array);
	for (reader->index = 0; reader->index < count; reader->index++)
		if (read_fact(reader, json_array_get(array, reader->index), kind, evidence) < 0)
			return -1;
	return 0;
}

static const char schema_prefix[] = "whittle-evidence/";
enum { SCHEMA_NOW = 5 }; /* EVIDENCE_SCHEMA's */

/* The number of a schema of ours, at most UINT_MAX; 0 if it is none. */
static unsigned int schema_number(const char *schema)
{
	size_t prefix = strlen(schema_prefix);
	const char *number = schema + prefix;

	if (strncmp(schema, schema_prefix, prefix) != 0 || number[0] < '1' || number[0] > '9' ||
	    number[strspn(number, "0123456789")])
		return 0;
	unsigned long value = strtoul(number, NULL, 10);
	return value > UINT_MAX ? UINT_MAX : (unsigned int)value;
}

static int check_schema(struct reader *reader, json_t *root)
{
	const char *schema = "";

	if (!json_is_object(root))
		return refuse(reader, "this is %s, not evidence", type_name(root));
	if (!json_object_get(root, "schema"))
		return refuse(reader, "this is not evidence: it names no schema");
	if (get_text(reader, root, "schema", &schema) < 0)
		return -1;
	reader->schema = schema_number(schema);
	if (reader->schema == 0)
		return refuse(reader, "schema \"%s\" is not " EVIDENCE_SCHEMA, schema);
	if (reader->schema <= SCHEMA_NOW)
		return 0;
	refuse(reader, "%s: made by a newer whittle; upgrade", schema);
	return fail_hint(reader->err, "this whittle reads up to " EVIDENCE_SCHEMA);
}

static int check_sections(const struct reader *reader, json_t *root)
{
	const char *keys[FACT_KINDS + 2] = { "schema", "runs" };
	size_t count = 2;

	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++)
		if (reader->schema >= section_since(kind))
			keys[count++] = fact_descs[kind].section;
	return check_keys(reader, root, keys, count, "section");
}

int evidence_parse(const char *name, const char *text, size_t length,
		   struct evidence **ret_evidence, struct error *err)
{
	struct reader reader = { .name = name, .err = err };
	AUTO_EVIDENCE struct evidence *evidence = evidence_new();
	json_error_t where;

	if (length == 0)
		return refuse(&reader, "the file is empty");
	/* Nesting ends at JSON_PARSER_MAX_DEPTH (2048); NUL is refused without JSON_ALLOW_NUL. */
	AUTO_JSON json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	if (!root)
		return refuse(&reader, "line %d, column %d: %s", where.line, where.column,
			      where.text);
	if (check_schema(&reader, root) < 0 || check_sections(&reader, root) < 0 ||
	    read_runs(&reader, root, evidence) < 0)
		return -1;
	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++)
		if (read_facts(&reader, root, kind, evidence) < 0)
			return -1;
	table_sort_runs(evidence);
	*ret_evidence = STEAL(evidence);
	return 0;
}
