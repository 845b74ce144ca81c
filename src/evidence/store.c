#include <evidence/store.h>

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <whittle/escape.h>
#include <whittle/file.h>

/* Bytes of an evidence file; a run of a large program writes about one MiB. */
#define FILE_MAX ((size_t)256 << 20)

char *signal_to_name(int signal)
{
	const char *abbreviation = sigabbrev_np(signal);

	if (abbreviation)
		return xasprintf("SIG%s", abbreviation);
	/* 32 and 33 are glibc's own (nptl(7)); SIGRTMIN is therefore 34 in signal(7). */
	if (signal >= 34 && signal <= 64)
		return xasprintf("SIGRTMIN+%d", signal - 34);
	return xasprintf("SIG%d", signal);
}

int signal_of_name(const char *name)
{
	for (int signal = 1; signal <= 64; signal++) {
		AUTO_FREE char *known = signal_to_name(signal);

		if (strcmp(known, name) == 0)
			return signal;
	}
	return 0;
}

/* Evidence text as JSON. What somebody forgot to escape is escaped here: it never breaks a file. */
static json_t *text_value(const char *text)
{
	AUTO_BUF struct buf escaped = BUF_INIT;

	if (!text)
		text = "";
	if (!escape_is_text(text)) {
		escape_text(&escaped, text, strlen(text));
		text = buf_text(&escaped);
	}
	return xchecked(json_string(text));
}

static void set(json_t *object, const char *key, json_t *value)
{
	xchecked(value);
	if (json_object_set_new(object, key, value) < 0)
		xchecked(NULL);
}

static void append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, xchecked(value)) < 0)
		xchecked(NULL);
}

static int add_bytes(const char *bytes, size_t length, void *out)
{
	buf_add(out, bytes, length);
	return 0;
}

/* Takes the reference. jansson does all quoting; it keeps the order in which keys were set. */
static void print_line(struct buf *out, const char *separator, json_t *value)
{
	buf_adds(out, separator);
	if (json_dump_callback(value, add_bytes, out, JSON_ENCODE_ANY) < 0)
		xchecked(NULL);
	json_decref(value);
}

static json_t *outcome_value(const struct evidence_run *run)
{
	json_t *outcome = xchecked(json_object());
	AUTO_FREE char *name = signal_to_name(run->status);

	switch (run->outcome) {
	case OUTCOME_UNKNOWN:
		set(outcome, "unknown", json_true());
		break;
	case OUTCOME_EXITED:
		set(outcome, "exited", json_integer(run->status));
		break;
	case OUTCOME_SIGNALED:
		set(outcome, "signaled", json_string(name));
		break;
	case OUTCOME_STOPPED:
		set(outcome, "stopped", json_string(name));
		break;
	}
	return outcome;
}

static json_t *notes_value(const struct evidence_note *notes, size_t count)
{
	json_t *object = xchecked(json_object());

	for (size_t i = 0; i < count; i++)
		set(object, notes[i].kind, json_integer((json_int_t)notes[i].count));
	return object;
}

const char *filter_to_name(bool learned, bool known)
{
	if (learned)
		return known ? "learned+known" : "learned";
	return known ? "known" : "none";
}

const char *peak_to_name(const struct evidence_peak *peak)
{
	return peak->of_cgroup ? "cgroup" : "processes";
}

static json_t *facets_value(unsigned int facets)
{
	AUTO_BUF struct buf list = BUF_INIT;

	facets_print(facets, &list);
	return json_string(buf_text(&list));
}

/* null: the run is of no container. */
static json_t *container_value(const struct evidence_run *run)
{
	json_t *object;

	if (!run->container[CONTAINER_LAYER])
		return json_null();
	object = xchecked(json_object());
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		set(object, evidence_container_names[i], text_value(run->container[i]));
	return object;
}

static json_t *peak_value(const struct evidence_peak *peak)
{
	json_t *object = xchecked(json_object());

	set(object, "memory", json_integer((json_int_t)peak->memory));
	set(object, "tasks", json_integer((json_int_t)peak->tasks));
	set(object, "of", json_string(peak_to_name(peak)));
	return object;
}

static json_t *run_value(const struct evidence_run *run)
{
	json_t *object = xchecked(json_object());
	json_t *command = xchecked(json_array());

	for (size_t i = 0; run->command && run->command[i]; i++)
		append(command, text_value(run->command[i]));
	set(object, "id", json_string(run->id));
	set(object, "name", text_value(run->name));
	set(object, "command", command);
	set(object, "outcome", outcome_value(run));
	set(object, "expected", json_boolean(run->expected));
	set(object, "engine", text_value(run->engine));
	set(object, "filter", json_string(filter_to_name(run->filter_learned, run->filter_known)));
	set(object, "facets", facets_value(run->facets));
	set(object, "kernel", text_value(run->kernel));
	set(object, "machine", text_value(run->machine));
	set(object, "libc", text_value(run->libc));
	set(object, "privileged", json_boolean(run->privileged));
	set(object, "user", text_value(run->user));
	set(object, "groups", text_value(run->groups));
	set(object, "peak", peak_value(&run->peak));
	set(object, "container", container_value(run));
	set(object, "complete", json_boolean(evidence_run_complete(run)));
	set(object, "losses", notes_value(run->losses, run->loss_count));
	set(object, "limitations", notes_value(run->limitations, run->limitation_count));
	return object;
}

static json_t *count_value(uint64_t count)
{
	return count == COUNT_CARRIED ? json_string("carried") : json_integer((json_int_t)count);
}

static json_t *fact_value(const struct evidence_fact *fact, size_t runs)
{
	const struct fact_desc *desc = &fact_descs[fact->fact.kind];
	size_t fields = table_fields(fact->fact.kind);
	json_t *object = xchecked(json_object());
	json_t *counts = xchecked(json_array());

	for (size_t i = 0; i < fields; i++)
		set(object, desc->field[i], text_value(fact->fact.field[i]));
	for (size_t i = 0; i < runs; i++)
		append(counts, count_value(fact->counts[i]));
	set(object, "counts", counts);
	return object;
}

static void print_facts(const struct evidence *evidence, enum fact_kind kind, struct buf *out)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts = evidence_facts(evidence, kind, &count);

	buf_addf(out, ",\n\"%s\": [", fact_descs[kind].section);
	for (size_t i = 0; i < count; i++)
		print_line(out, i == 0 ? "\n" : ",\n", fact_value(facts[i], evidence->run_count));
	buf_adds(out, count > 0 ? "\n]" : "]");
}

void evidence_print(struct evidence *evidence, struct buf *out)
{
	table_sort_runs(evidence);
	buf_adds(out, "{\n\"schema\": \"" EVIDENCE_SCHEMA "\",\n\"runs\": [");
	for (size_t i = 0; i < evidence->run_count; i++)
		print_line(out, i == 0 ? "\n" : ",\n", run_value(evidence->runs[i]));
	buf_adds(out, evidence->run_count > 0 ? "\n]" : "]");
	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++)
		print_facts(evidence, kind, out);
	buf_adds(out, "\n}\n");
}

int evidence_save(struct evidence *evidence, int dirfd, const char *name, struct error *err)
{
	AUTO_BUF struct buf out = BUF_INIT;

	evidence_print(evidence, &out);
	if (out.length > FILE_MAX) {
		fail(err, ERROR_INPUT, 0, "%s would have %zu bytes; whittle reads no more than %zu",
		     name, out.length, FILE_MAX);
		return fail_hint(err, "merge fewer runs into one file");
	}
	return file_replace(dirfd, name, out.data, out.length, err);
}

int evidence_load(const char *path, struct evidence **ret_evidence, struct error *err)
{
	AUTO_FREE char *text = NULL;
	size_t length;

	if (file_read(AT_FDCWD, path, FILE_MAX, &text, &length, err) < 0)
		return -1;
	return evidence_parse(path, text, length, ret_evidence, err);
}
