/* Private to the room: the renderers, one file each, as targets[] lists them. */
#ifndef EMIT_EMIT_H
#define EMIT_EMIT_H

#include <whittle/target.h>

/* Each appends the whole file to out; on failure out holds what was written so far. */
int emit_oci(const struct policy *policy, struct buf *out, struct error *err);
int emit_bpf(const struct policy *policy, struct buf *out, struct error *err);
int emit_caps(const struct policy *policy, struct buf *out, struct error *err);
int emit_caps_oci(const struct policy *policy, struct buf *out, struct error *err);
int emit_apparmor(const struct policy *policy, struct buf *out, struct error *err);
int emit_policy(const struct policy *policy, struct buf *out, struct error *err);
int emit_docker(const struct policy *policy, struct buf *out, struct error *err);
int emit_daemon(const struct policy *policy, struct buf *out, struct error *err);
int emit_docker_flags(const struct policy *policy, struct buf *out, struct error *err);
int emit_podman(const struct policy *policy, struct buf *out, struct error *err);
int emit_quadlet(const struct policy *policy, struct buf *out, struct error *err);
int emit_compose(const struct policy *policy, struct buf *out, struct error *err);
int emit_kubernetes(const struct policy *policy, struct buf *out, struct error *err);
int emit_spo(const struct policy *policy, struct buf *out, struct error *err);
int emit_systemd(const struct policy *policy, struct buf *out, struct error *err);

/* Appends text as a JSON string with its quotes; text is UTF-8. */
void emit_json_string(struct buf *out, const char *text);

enum { ERRNO_ENOSYS = 38 }; /* of the target, not of the machine that renders */

/*
 * Entries of a seccomp profile: the calls of which a group is among groups, and none among not_of.
 * comment may be NULL.
 */
struct entry {
	unsigned int groups; /* enum rule_group */
	unsigned int not_of;
	const char *comment;
};
/*
 * Appends "syscalls": [...] with its newline; what has conditions has an entry for each of them.
 * The last entry is of emit_fallback(), with the comment missing (or NULL).
 */
void emit_entries(const struct policy *policy, const struct entry *entries, size_t count,
		  const char *missing, struct buf *out);
/*
 * The calls that are not allowed, and whose callers take no other answer than ENOSYS for "do
 * without" (profiles/fallback.tsv): by index, NULL behind the last.
 */
const char *emit_fallback(const struct policy *policy, size_t index);

/* A line per reason to be careful with this policy, each after prefix ("# "); none if complete. */
void emit_warnings(const struct policy *policy, const char *prefix, struct buf *out);

/* ---- run settings (settings.c) ---- */

/* Is the setting there with this value, and nothing left to decide? */
bool emit_has_setting(const struct policy *policy, const char *name, const char *value);
/* The value of a setting that is to be set; NULL if there is none, or a person must decide. */
const char *emit_value(const struct policy *policy, const char *name);
/* The group that the user is in besides, behind that one (NULL: the first); NULL: no more. */
const char *emit_next_group(const struct policy *policy, const char *group);
/* Is no-new-privileges to be set? The option decides, else the evidence. */
bool emit_no_new_privileges(const struct policy *policy);
/* Is it a grant of that capability ("CAP_SYS_ADMIN")? */
bool emit_has_capability(const struct policy *policy, const char *name);
/* One comment a setting, with its label and reasons; each line begins with "# ". */
void emit_setting_comments(const struct policy *policy, struct buf *out);

/* What a sink can say of a path. */
enum path_sink {
	SINK_WORD, /* one word of a shell that neither splits nor expands it, nor an engine's "a:b"
		    */
	SINK_TEXT  /* any text, but no colon */
};

struct emit_mount {
	char *path;
	bool tmpfs;    /* else a volume: kept, and filled from the image */
	bool executed; /* of a tmpfs: files there are executed */
	bool filled;   /* of a volume: what was there is used */
};

/*
 * What stays writable below a read-only root, sorted by path, each once. A directory whose name the
 * sink cannot say is replaced by the nearest above it that it can. read_only is false if the root
 * cannot be read-only, and the list is empty then.
 */
struct emit_mounts {
	struct emit_mount *list;
	size_t count;
	bool read_only;
};
void emit_mounts_make(const struct policy *policy, enum path_sink sink, struct emit_mounts *mounts);
void emit_mounts_free(struct emit_mounts *mounts);

/* Is it one word of that sink? */
bool emit_is_word(const char *text);
/* ERROR_INPUT unless the names in the options (AppArmor profile, file of the filter) are words. */
int emit_check_words(const struct policy *policy, struct error *err);
/* options.name as Kubernetes' and Compose's names are (RFC 1123 label); appended. */
void emit_label(const struct policy *policy, struct buf *out);

/* ---- Kubernetes (kubernetes.c) ---- */

struct yaml;
/*
 * A document of one resource, up to its spec, whose map is left open. It is called label, and with
 * label_key labelled so too (NULL: not).
 */
void emit_begin_object(struct yaml *yaml, const char *version, const char *kind, const char *label,
		       const char *label_key);
void emit_end_object(struct yaml *yaml);

/* ---- YAML (yaml.c) ---- */

/* A document stream that is appended to out; ended and freed by yaml_close(). */
struct yaml *yaml_open(struct buf *out);
int yaml_close(struct yaml *yaml, struct error *err);
void yaml_begin_document(struct yaml *yaml);
void yaml_end_document(struct yaml *yaml);
/* Nodes of the open collection. Keys, and words that are whittle's own, are plain. */
void yaml_begin_map(struct yaml *yaml);
void yaml_end_map(struct yaml *yaml);
void yaml_begin_list(struct yaml *yaml);
void yaml_end_list(struct yaml *yaml);
void yaml_word(struct yaml *yaml, const char *word);
/* Any UTF-8: quoted, so that no reader takes it for a number or a truth value. */
void yaml_text(struct yaml *yaml, const char *text);
/* A key and its value. */
void yaml_pair(struct yaml *yaml, const char *key, const char *word);
void yaml_pair_text(struct yaml *yaml, const char *key, const char *text);

#endif
