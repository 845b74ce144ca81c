/*
 * Docker's daemon.json: what the daemon gives to containers that do not say otherwise (dockerd(8)).
 * It is for a machine that runs only what the evidence is of; containers of other programs break.
 */
#include <emit/emit.h>

#include <jansson.h>

#define DEFAULT_FILE "/etc/docker/seccomp.json"

int emit_daemon(const struct policy *policy, struct buf *out, struct error *err)
{
	const char *file = policy->options.seccomp ? policy->options.seccomp : DEFAULT_FILE;

	if (file[0] != '/') {
		fail(err, ERROR_INPUT, 0, "%s: the daemon takes an absolute path only", file);
		return fail_hint(err, "name the filter's place with --seccomp /PATH");
	}
	json_t *config = json_pack("{s:s}", "seccomp-profile", file);

	if (emit_no_new_privileges(policy))
		json_object_set_new(config, "no-new-privileges", json_true());
	AUTO_FREE char *text = config ? json_dumps(config, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
	json_decref(config);
	if (!text)
		return fail(err, ERROR_INPUT, 0, "%s: no UTF-8", file);
	buf_addf(out, "%s\n", text);
	return 0;
}
