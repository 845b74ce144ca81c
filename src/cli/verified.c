#include <cli/verified.h>

#include <cli/record.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <whittle/file.h>

#define VERIFIED_SCHEMA "whittle-verified/1"

/* A capability that is proven or was recorded. */
struct row {
	char *name;
	int cap;
	const char *verdict;
	bool recorded;
	const struct ablate_proof *proof; /* NULL: it is not needed */
};

uint64_t verified_missing(const struct ablate_options *options, const struct ablation *found)
{
	return options->has_recorded ? found->minimal & ~options->recorded : 0;
}

uint64_t verified_needless(const struct ablate_options *options, const struct ablation *found)
{
	return options->has_recorded ? options->recorded & ~found->minimal : 0;
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static struct row row_of(const struct ablate_options *options, const struct ablation *found,
			 int cap)
{
	const struct ablate_proof *proof = found->minimal >> cap & 1 ? &found->proof[cap] : NULL;
	struct row row = { .name = capability_name(cap), .cap = cap, .proof = proof };

	row.recorded = options->has_recorded && (options->recorded >> cap & 1);
	if (!proof)
		row.verdict = "not needed";
	else
		row.verdict = proof->others || proof->together ? "alternative" : "required";
	return row;
}

static size_t rows_of(const struct ablate_options *options, const struct ablation *found,
		      struct row rows[static 64])
{
	uint64_t all = found->minimal | (options->has_recorded ? options->recorded : 0);
	size_t count = 0;

	for (int cap = 0; cap < 64; cap++)
		if (all >> cap & 1)
			rows[count++] = row_of(options, found, cap);
	if (count)
		qsort(rows, count, sizeof(*rows), compare_rows);
	return count;
}

/* The names of a set, sorted. */
static json_t *names_json(uint64_t set)
{
	struct row rows[64];
	size_t count = 0;
	json_t *names = json_array();

	for (int cap = 0; cap < 64; cap++)
		if (set >> cap & 1)
			rows[count++] = (struct row){ .name = capability_name(cap), .cap = cap };
	if (count)
		qsort(rows, count, sizeof(*rows), compare_rows);
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(names, json_string(rows[i].name));
		free(rows[i].name);
	}
	return names;
}

/* ---- the table ---- */

static void add_names(const char *before, uint64_t set, const char *between, const char *after,
		      struct buf *out)
{
	json_t *names = set ? names_json(set) : NULL;

	if (!names)
		return;
	buf_adds(out, before);
	for (size_t i = 0; i < json_array_size(names); i++)
		buf_addf(out, "%s%s", i ? between : "",
			 json_string_value(json_array_get(names, i)));
	buf_adds(out, after);
	json_decref(names);
}

static void add_row(const struct row *row, bool has_recorded, struct buf *out)
{
	buf_addf(out, "%-24s %-12s", row->name, row->verdict);
	if (has_recorded)
		buf_addf(out, " %-9s", row->recorded ? "yes" : "no");
	buf_addc(out, ' ');
	if (!row->proof) {
		buf_adds(out, "passes\n");
		return;
	}
	buf_adds(out, row->proof->without);
	add_names(" (would do too: ", row->proof->others, ", ", ")", out);
	add_names(" (would do too, together: ", row->proof->together, ", ", ")", out);
	buf_addc(out, '\n');
}

void verified_table(const struct ablate_options *options, const struct ablation *found,
		    struct buf *out)
{
	struct row rows[64];
	size_t count = rows_of(options, found, rows);

	if (!count) {
		buf_adds(out, "no capability is needed\n");
		return;
	}
	buf_addf(out, "%-24s %-12s%s WITHOUT IT\n", "CAPABILITY", "VERDICT",
		 options->has_recorded ? " RECORDED " : "");
	for (size_t i = 0; i < count; i++) {
		add_row(&rows[i], options->has_recorded, out);
		free(rows[i].name);
	}
}

/* ---- the list ---- */

/* What it was recorded for, as src/emit/caps.c says it. */
static void add_cause(const struct policy *policy, const char *name, struct buf *out)
{
	for (size_t i = 0; policy && i < policy->capability_count; i++) {
		const struct reasons *why = &policy->capabilities[i].why;

		if (strcmp(policy->capabilities[i].name, name) != 0 || !why->count)
			continue;
		buf_addf(out, "; %s", why->line[0]);
		if (why->count > 1)
			buf_addf(out, " and %zu more", why->count - 1);
	}
}

static void add_entry(const struct row *row, const struct policy *policy, struct buf *out)
{
	if (!row->proof) {
		buf_addf(out, "# %s: tolerated, the command passes without it", row->name);
		add_cause(policy, row->name, out);
		buf_addc(out, '\n');
		return;
	}
	buf_addf(out, "%s  # proven, without it: %s", row->name, row->proof->without);
	add_cause(policy, row->name, out);
	add_names(" (would do too: ", row->proof->others, " ", ")", out);
	add_names(" (would do too, together: ", row->proof->together, " ", ")", out);
	buf_addc(out, '\n');
}

void verified_list(const struct ablate_options *options, const struct ablation *found,
		   const struct policy *policy, struct buf *out)
{
	struct row rows[64];
	size_t count = rows_of(options, found, rows);

	buf_adds(out, found->minimal
			      ? "# Proven: the command of verified.json needs these, and no more.\n"
			      : "# Proven: the command of verified.json needs no capability.\n");
	for (size_t i = 0; i < count; i++) {
		add_entry(&rows[i], policy, out);
		free(rows[i].name);
	}
}

/* ---- JSON ---- */

static json_t *command_json(const struct ablate_options *options)
{
	char **words = secrets_mask(options->argv);
	json_t *list = json_array();

	for (char **word = words; *word; word++) {
		json_array_append_new(list, json_string(*word));
		free(*word);
	}
	free(words);
	return list;
}

static json_t *row_json(const struct row *row)
{
	json_t *json = json_pack("{s:s, s:s, s:b, s:s}", "name", row->name, "verdict", row->verdict,
				 "recorded", (int)row->recorded, "without",
				 row->proof ? row->proof->without : "passes");

	if (row->proof && row->proof->others)
		json_object_set_new(json, "alternatives", names_json(row->proof->others));
	if (row->proof && row->proof->together)
		json_object_set_new(json, "together", names_json(row->proof->together));
	return json;
}

/* One line of the outermost object; the value is taken. */
static void add_line(const char *name, json_t *value, struct buf *out)
{
	AUTO_FREE char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_PRESERVE_ORDER);

	json_decref(value);
	buf_addf(out, "\"%s\": %s,\n", name, text ? text : "null");
}

static json_t *oracle_json(const struct ablate_options *options, const struct ablation *found)
{
	return json_pack("{s:i, s:b, s:b, s:b}", "status", options->expect, "output",
			 (int)found->output_compared, "check", options->check != NULL, "exercise",
			 options->exercise != NULL);
}

void verified_json(const struct ablate_options *options, const struct ablation *found,
		   struct buf *out)
{
	struct row rows[64];
	size_t count = rows_of(options, found, rows);

	buf_adds(out, "{\n\"schema\": \"" VERIFIED_SCHEMA "\",\n\"ablated\": \"caps\",\n");
	add_line("command", command_json(options), out);
	add_line("oracle", oracle_json(options, found), out);
	add_line("recorded", options->has_recorded ? names_json(options->recorded) : json_null(),
		 out);
	add_line("recorded_fails",
		 found->recorded_why ? json_string(found->recorded_why) : json_null(), out);
	add_line("minimal", names_json(found->minimal), out);
	add_line("missing", names_json(verified_missing(options, found)), out);
	add_line("needless", names_json(verified_needless(options, found)), out);
	buf_adds(out, "\"capabilities\": [");
	for (size_t i = 0; i < count; i++) {
		json_t *json = row_json(&rows[i]);
		AUTO_FREE char *text = json_dumps(json, JSON_PRESERVE_ORDER);

		buf_addf(out, "%s%s", i ? ",\n" : "\n", text ? text : "null");
		json_decref(json);
		free(rows[i].name);
	}
	buf_addf(out, "%s]\n}\n", count ? "\n" : "");
}

/* ---- and back ---- */

enum { VERIFIED_MAX = 1 << 20 };

static int take_names(const char *path, const json_t *names, uint64_t *ret_minimal,
		      struct error *err)
{
	uint64_t minimal = 0;
	size_t index;
	json_t *name;

	json_array_foreach(names, index, name)
	{
		cap_value_t cap;

		if (!json_is_string(name) || cap_from_name(json_string_value(name), &cap) < 0 ||
		    cap > 63)
			return fail(err, ERROR_INPUT, 0, "%s: %s is no capability known here", path,
				    json_is_string(name) ? json_string_value(name) : "a name");
		minimal |= (uint64_t)1 << cap;
	}
	*ret_minimal = minimal;
	return 0;
}

int verified_load(const char *path, uint64_t *ret_minimal, struct error *err)
{
	AUTO_FREE char *text = NULL;
	json_error_t where;
	size_t length;

	if (file_read(AT_FDCWD, path, VERIFIED_MAX, &text, &length, err) < 0)
		return -1;
	json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	const char *schema = json_string_value(json_object_get(root, "schema"));
	const char *ablated = json_string_value(json_object_get(root, "ablated"));
	const json_t *minimal = json_object_get(root, "minimal");
	int result = -1;
	if (!schema || strcmp(schema, VERIFIED_SCHEMA) != 0 || !ablated ||
	    strcmp(ablated, "caps") != 0 || !json_is_array(minimal)) {
		fail(err, ERROR_INPUT, 0, "%s is no list of proven capabilities", path);
		fail_hint(err, "whittle verify -o DIR writes one, DIR/verified.json");
	} else {
		result = take_names(path, minimal, ret_minimal, err);
	}
	json_decref(root);
	return result;
}
