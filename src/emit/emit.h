/* Private to the room: the renderers, one file each, as targets[] lists them. */
#ifndef EMIT_EMIT_H
#define EMIT_EMIT_H

#include <whittle/target.h>

/* Each appends the whole file to out; on failure out holds what was written so far. */
int emit_oci(const struct policy *policy, struct buf *out, struct error *err);
int emit_bpf(const struct policy *policy, struct buf *out, struct error *err);
int emit_caps(const struct policy *policy, struct buf *out, struct error *err);
int emit_apparmor(const struct policy *policy, struct buf *out, struct error *err);
int emit_policy(const struct policy *policy, struct buf *out, struct error *err);

/* Appends text as a JSON string with its quotes; text is UTF-8. */
void emit_json_string(struct buf *out, const char *text);

/* A line per reason to be careful with this policy, each after prefix ("# "); none if complete. */
void emit_warnings(const struct policy *policy, const char *prefix, struct buf *out);

#endif
