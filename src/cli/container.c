/* Reads the state of a container's process. Its bytes may come from anywhere. */
#include <cli/container.h>

#include <jansson.h>
#include <string.h>
#include <whittle/escape.h>

enum {
	TEXT_MAX = 1024, /* bytes of a name: what is longer is refused */
	LABEL_MAX = 200, /* of a file name (NAME_MAX is 255), since others are made of it */
	APART_MAX = 240  /* of container_label_apart(), without the number behind it */
};

static void auto_decref(json_t **value)
{
	json_decref(*value);
}
#define AUTO_JSON __attribute__((cleanup(auto_decref)))

/* ---- the end of a text ---- */

static void scan_byte(struct state_scan *scan, char byte)
{
	if (scan->escape) {
		scan->escape = false;
	} else if (scan->string) {
		scan->escape = byte == '\\';
		scan->string = byte != '"';
	} else if (byte == '"') {
		scan->string = true;
	} else if (byte == '{' || byte == '[') {
		scan->depth++;
	} else if (byte == '}' || byte == ']') {
		scan->depth -= scan->depth > 0;
		scan->whole = scan->depth == 0;
	}
}

void state_scan(struct state_scan *scan, const char *text, size_t length)
{
	for (size_t i = 0; i < length && !scan->whole; i++)
		scan_byte(scan, text[i]);
}

/* ---- fields ---- */

/* Where each field may stand, the first that is there first. */
static const struct {
	const char *annotation;
	enum container_field field;
} annotations[] = {
	{ "io.kubernetes.container.name", CONTAINER_NAME },     /* CRI-O, dockershim */
	{ "io.kubernetes.cri.container-name", CONTAINER_NAME }, /* containerd */
	{ "io.kubernetes.cri-o.ImageName", CONTAINER_IMAGE },
	{ "io.kubernetes.cri.image-name", CONTAINER_IMAGE },
	{ "org.opencontainers.image.ref.name", CONTAINER_IMAGE },
	{ "io.kubernetes.cri-o.ImageRef", CONTAINER_DIGEST },
};

static const struct {
	const char *key;
	enum container_field field;
} metadata_keys[] = {
	{ "unseen", CONTAINER_UNSEEN },   { "runtime", CONTAINER_RUNTIME },
	{ "version", CONTAINER_VERSION }, { "name", CONTAINER_NAME },
	{ "image", CONTAINER_IMAGE },     { "digest", CONTAINER_DIGEST },
};

static int refuse(struct error *err, const char *what)
{
	fail(err, ERROR_INPUT, 0, "a container's state was refused: %s", what);
	fail_hint(err, "the runtime must send what the OCI runtime specification calls a "
		       "ContainerProcessState");
	return -1;
}

/* The first value that is given stays. */
static int set_field(struct container_state *state, enum container_field field, const char *text,
		     size_t length, struct error *err)
{
	AUTO_BUF struct buf out = BUF_INIT;

	if (state->field[field] || length == 0)
		return 0;
	if (length > TEXT_MAX)
		return refuse(err, "a text in it is too long");
	escape_text(&out, text, length);
	state->field[field] = buf_steal(&out);
	return 0;
}

static const char *get_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* 0 if there is none: crun knows none of an exec session. */
static json_int_t get_pid(const json_t *object)
{
	return json_integer_value(json_object_get(object, "pid"));
}

/* A name of an unseen call, or "#". */
static bool is_call_name(const char *name, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	return (length == 1 && name[0] == '#') ||
	       (length > 0 && length < 64 && strspn(name, letters) >= length);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The list as evidence has it: sorted, each name once. */
static int set_unseen(struct container_state *state, const char *list, size_t length,
		      struct error *err)
{
	AUTO_FREE char *copy = xstrndup(list, length);
	AUTO_FREE char **names = xcalloc(length + 1, sizeof(*names));
	AUTO_BUF struct buf out = BUF_INIT;
	size_t count = 0, at = 0;

	while (at < length) {
		size_t size = strcspn(copy + at, ",");

		if (!is_call_name(copy + at, size))
			return refuse(err, "its metadata lists what is no name of a call");
		copy[at + size] = '\0';
		names[count++] = copy + at;
		at += size + 1;
	}
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
			buf_addf(&out, "%s%s", out.length ? "," : "", names[i]);
	free(state->field[CONTAINER_UNSEEN]);
	state->field[CONTAINER_UNSEEN] = xstrdup(buf_text(&out));
	return 0;
}

static bool is_word(const char *word, size_t length, const char *other)
{
	return length == strlen(other) && strncmp(word, other, length) == 0;
}

/* What says how the filter is. */
static bool take_how(struct container_state *state, const char *word, size_t length)
{
	state->attach |= is_word(word, length, "engine=ptrace");
	state->known |= is_word(word, length, "known=1");
	return is_word(word, length, "engine=ptrace") || is_word(word, length, "known=1");
}

static int take_word(struct container_state *state, const char *word, size_t length,
		     struct error *err)
{
	if (take_how(state, word, length))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(metadata_keys); i++) {
		size_t key = strlen(metadata_keys[i].key);

		if (length <= key || word[key] != '=' ||
		    strncmp(word, metadata_keys[i].key, key) != 0)
			continue;
		if (metadata_keys[i].field == CONTAINER_UNSEEN)
			return set_unseen(state, word + key + 1, length - key - 1, err);
		return set_field(state, metadata_keys[i].field, word + key + 1, length - key - 1,
				 err);
	}
	return refuse(err, "its metadata has a key that this whittle does not know");
}

static int read_metadata(struct container_state *state, const char *text, struct error *err)
{
	static const char prefix[] = "whittle:";

	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	for (text += sizeof(prefix) - 1; *text; text += *text == ';') {
		size_t length = strcspn(text, ";");

		if (length && take_word(state, text, length, err) < 0)
			return -1;
		text += length;
	}
	return 0;
}

/* An exec session's process is another than the container's, which runs already. */
static const char *layer_of(const json_t *root, const json_t *inner)
{
	json_int_t own = get_pid(root), container = get_pid(inner);

	if (own && container && own != container)
		return "exec";
	return strcmp(get_string(inner, "status"), "running") == 0 ? "exec" : "container";
}

static int read_inner(struct container_state *state, const json_t *root, struct error *err)
{
	const json_t *inner = json_object_get(root, "state");
	const char *id = get_string(inner, "id"), *layer = layer_of(root, inner);
	const json_t *notes = json_object_get(inner, "annotations");

	if (!*id)
		return refuse(err, "it has no id");
	if (set_field(state, CONTAINER_ID, id, strlen(id), err) < 0 ||
	    set_field(state, CONTAINER_LAYER, layer, strlen(layer), err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(annotations); i++) {
		const char *text = get_string(notes, annotations[i].annotation);

		if (set_field(state, annotations[i].field, text, strlen(text), err) < 0)
			return -1;
	}
	return 0;
}

/* Which of the descriptors that came along is the listener. */
static int read_fds(struct container_state *state, const json_t *root, struct error *err)
{
	const json_t *fds = json_object_get(root, "fds");
	const json_t *name;
	size_t i;

	json_array_foreach(fds, i, name)
	{
		const char *text = json_string_value(name);

		if (text && strcmp(text, "seccompFd") == 0) {
			state->listener = i;
			return 0;
		}
	}
	return refuse(err, "it names no seccompFd");
}

/* Two names never become one. */
static void add_label(struct buf *out, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-.";

	for (const char *at = name; *at; at++) {
		if (strchr(plain, *at) && (at != name || *at != '.'))
			buf_addc(out, *at);
		else
			buf_addf(out, "%%%02x", (unsigned char)*at);
	}
}

char *container_label(const char *name)
{
	AUTO_BUF struct buf out = BUF_INIT;

	add_label(&out, name);
	return out.length <= LABEL_MAX ? buf_steal(&out) : NULL;
}

/* The end of an image's name tells most: tag or digest. */
char *container_label_apart(const char *label, const char *image, unsigned int number)
{
	AUTO_BUF struct buf suffix = BUF_INIT;
	char more[16] = "";

	add_label(&suffix, image);
	size_t room = APART_MAX - strlen("@") - strlen(label);
	size_t cut = suffix.length > room ? suffix.length - room : 0;
	if (number > 1)
		snprintf(more, sizeof(more), "~%u", number);
	return xasprintf("%s@%s%s", label, buf_text(&suffix) + cut, more);
}

static int set_label(struct container_state *state, struct error *err)
{
	const char *name = state->field[CONTAINER_NAME];

	state->label = name ? container_label(name) : NULL;
	if (!state->label)
		state->label = container_label(state->field[CONTAINER_ID]);
	return state->label ? 0 : refuse(err, "its id is too long");
}

static int read_state(struct container_state *state, const json_t *root, struct error *err)
{
	state->asks = strcmp(get_string(root, "whittle"), "how") == 0;
	if (state->asks)
		return 0;
	/* What whittle was told outranks what annotations say. */
	if (read_fds(state, root, err) < 0 ||
	    read_metadata(state, get_string(root, "metadata"), err) < 0 ||
	    read_inner(state, root, err) < 0 || set_label(state, err) < 0)
		return -1;
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		if (!state->field[i])
			state->field[i] = xstrdup("");
	return 0;
}

int container_state_parse(const char *text, size_t length, struct container_state *ret_state,
			  struct error *err)
{
	struct container_state state = { .listener = 0 };
	json_error_t where;
	AUTO_JSON json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);

	if (!root)
		return refuse(err, "it is not JSON, or not whole");
	if (read_state(&state, root, err) < 0) {
		container_state_release(&state);
		return -1;
	}
	*ret_state = state;
	return 0;
}

void container_state_release(struct container_state *state)
{
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		free(state->field[i]);
	free(state->label);
	*state = (struct container_state){ .listener = 0 };
}
