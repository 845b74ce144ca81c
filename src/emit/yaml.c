/* YAML by libyaml: events in, text out. The first failure is kept, and said at the end. */
#include <emit/emit.h>

#include <string.h>
#include <yaml.h>

struct yaml {
	yaml_emitter_t emitter;
	struct buf *out;
	bool failed;
};

static int append(void *data, unsigned char *bytes, size_t size)
{
	struct yaml *yaml = data;

	buf_add(yaml->out, bytes, size);
	return 1;
}

/* made: what the initialiser of the event said. The emitter owns the event, also if it fails. */
static void put(struct yaml *yaml, int made, yaml_event_t *event)
{
	if (!made || yaml->failed || !yaml_emitter_emit(&yaml->emitter, event))
		yaml->failed = true;
}

struct yaml *yaml_open(struct buf *out)
{
	struct yaml *yaml = xcalloc(1, sizeof(*yaml));
	yaml_event_t event;

	yaml->out = out;
	if (!yaml_emitter_initialize(&yaml->emitter)) {
		yaml->failed = true;
		return yaml;
	}
	yaml_emitter_set_output(&yaml->emitter, append, yaml);
	yaml_emitter_set_unicode(&yaml->emitter, 1);
	yaml_emitter_set_width(&yaml->emitter, -1);
	put(yaml, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
	return yaml;
}

int yaml_close(struct yaml *yaml, struct error *err)
{
	yaml_event_t event;

	put(yaml, yaml_stream_end_event_initialize(&event), &event);
	bool failed = yaml->failed;

	yaml_emitter_delete(&yaml->emitter);
	free(yaml);
	if (failed)
		return fail(err, ERROR_INPUT, 0, "the policy holds text that YAML cannot");
	return 0;
}

void yaml_begin_document(struct yaml *yaml)
{
	yaml_event_t event;

	put(yaml, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 0), &event);
}

void yaml_end_document(struct yaml *yaml)
{
	yaml_event_t event;

	put(yaml, yaml_document_end_event_initialize(&event, 1), &event);
}

void yaml_begin_map(struct yaml *yaml)
{
	yaml_event_t event;

	put(yaml,
	    yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE),
	    &event);
}

void yaml_end_map(struct yaml *yaml)
{
	yaml_event_t event;

	put(yaml, yaml_mapping_end_event_initialize(&event), &event);
}

void yaml_begin_list(struct yaml *yaml)
{
	yaml_event_t event;

	put(yaml,
	    yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE),
	    &event);
}

void yaml_end_list(struct yaml *yaml)
{
	yaml_event_t event;

	put(yaml, yaml_sequence_end_event_initialize(&event), &event);
}

static void scalar(struct yaml *yaml, const char *text, yaml_scalar_style_t style)
{
	AUTO_FREE char *copy = xstrdup(text); /* libyaml takes no const */
	yaml_event_t event;

	put(yaml,
	    yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)copy, (int)strlen(copy),
					 1, 1, style),
	    &event);
}

void yaml_word(struct yaml *yaml, const char *word)
{
	scalar(yaml, word, YAML_PLAIN_SCALAR_STYLE);
}

void yaml_text(struct yaml *yaml, const char *text)
{
	scalar(yaml, text, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

void yaml_pair(struct yaml *yaml, const char *key, const char *word)
{
	yaml_word(yaml, key);
	yaml_word(yaml, word);
}

void yaml_pair_text(struct yaml *yaml, const char *key, const char *text)
{
	yaml_word(yaml, key);
	yaml_text(yaml, text);
}
