/*
 * Resources of the security-profiles-operator: a SeccompProfile, and an AppArmorProfile as far as
 * its abstract form goes (deploy/base-crds of kubernetes-sigs/security-profiles-operator). What the
 * forms cannot say is counted in comments, never left out in silence.
 */
#include <emit/emit.h>

#include <ctype.h>
#include <string.h>
#include <whittle/escape.h>

#define GROUP "security-profiles-operator.x-k8s.io/"

/* Version 1.0 of the operator has v1 of both, and serves the older ones for a while. */
static const struct kind {
	const char *name, *version, *before;
} seccomp_profile = { "SeccompProfile", GROUP "v1", GROUP "v1beta1" },
  apparmor_profile = { "AppArmorProfile", GROUP "v1", GROUP "v1alpha1" };

static void begin_object(struct yaml *yaml, const struct policy *policy, const struct kind *kind,
			 const char *label)
{
	emit_begin_object(yaml, policy->options.spo_beta ? kind->before : kind->version, kind->name,
			  label, NULL);
}

/* ---- SeccompProfile ---- */

static bool is_plain(const struct seccomp_rule *rule)
{
	return syscall_is_named(rule->name) && !rule->condition_count;
}

static void add_number(struct yaml *yaml, const char *key, uint64_t number)
{
	AUTO_FREE char *text = xasprintf("%llu", (unsigned long long)number);

	yaml_pair(yaml, key, text);
}

/* Alternatives are entries of their own, as emit_entries() has them. */
static void add_conditional(const struct seccomp_rule *rule, struct yaml *yaml)
{
	for (size_t i = 0; i < rule->condition_count; i++) {
		yaml_begin_map(yaml);
		yaml_pair(yaml, "action", "SCMP_ACT_ALLOW");
		yaml_word(yaml, "args");
		yaml_begin_list(yaml);
		yaml_begin_map(yaml);
		add_number(yaml, "index", rule->conditions[i].index);
		yaml_pair(yaml, "op", "SCMP_CMP_MASKED_EQ");
		add_number(yaml, "value", rule->conditions[i].mask);
		add_number(yaml, "valueTwo", rule->conditions[i].value);
		yaml_end_map(yaml);
		yaml_end_list(yaml);
		yaml_word(yaml, "names");
		yaml_begin_list(yaml);
		yaml_word(yaml, rule->name);
		yaml_end_list(yaml);
		yaml_end_map(yaml);
	}
}

static void add_allowed(const struct policy *policy, struct yaml *yaml)
{
	yaml_begin_map(yaml);
	yaml_pair(yaml, "action", "SCMP_ACT_ALLOW");
	yaml_word(yaml, "names");
	yaml_begin_list(yaml);
	for (size_t i = 0; i < policy->seccomp_count; i++)
		if (is_plain(&policy->seccomp[i]))
			yaml_word(yaml, policy->seccomp[i].name);
	yaml_end_list(yaml);
	yaml_end_map(yaml);
}

/*
 * The form has no defaultErrnoRet: what is not allowed answers EPERM. These calls are told to be
 * missing, as whittle's other forms tell of all. A list of names has at least one.
 */
static void add_missing(const struct policy *policy, struct yaml *yaml)
{
	const char *name;

	if (!emit_fallback(policy, 0))
		return;
	yaml_begin_map(yaml);
	yaml_pair(yaml, "action", "SCMP_ACT_ERRNO");
	add_number(yaml, "errnoRet", ERRNO_ENOSYS);
	yaml_word(yaml, "names");
	yaml_begin_list(yaml);
	for (size_t i = 0; (name = emit_fallback(policy, i)); i++)
		yaml_word(yaml, name);
	yaml_end_list(yaml);
	yaml_end_map(yaml);
}

static bool allows_some(const struct policy *policy)
{
	for (size_t i = 0; i < policy->seccomp_count; i++)
		if (is_plain(&policy->seccomp[i]))
			return true;
	return false;
}

static void add_seccomp(const struct policy *policy, const char *label, struct yaml *yaml)
{
	begin_object(yaml, policy, &seccomp_profile, label);
	yaml_word(yaml, "architectures");
	yaml_begin_list(yaml);
	for (size_t i = 0; i < policy->abi_count; i++)
		yaml_word(yaml, policy->abis[i]->oci);
	yaml_end_list(yaml);
	yaml_pair(yaml, "defaultAction", "SCMP_ACT_ERRNO");
	yaml_word(yaml, "syscalls");
	yaml_begin_list(yaml);
	if (allows_some(policy))
		add_allowed(policy, yaml);
	for (size_t i = 0; i < policy->seccomp_count; i++)
		if (syscall_is_named(policy->seccomp[i].name))
			add_conditional(&policy->seccomp[i], yaml);
	add_missing(policy, yaml);
	yaml_end_list(yaml);
	emit_end_object(yaml);
}

/* ---- AppArmorProfile ---- */

/*
 * The operator puts names into the rules of its template as they are: only those that AppArmor
 * takes bare may be there.
 */
static char *bare_name(const struct apparmor_rule *rule)
{
	AUTO_BUF struct buf name = BUF_INIT;

	escape_apparmor(&name, rule->name);
	return buf_text(&name)[0] == '"' ? NULL : buf_steal(&name);
}

/* A file and all letters of the rules that name it: with and without owner, of any program. */
struct spo_file {
	const char *name;
	char *bare;
	struct buf perms;
};

struct spo_files {
	struct spo_file *list;
	size_t count;
};

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct spo_file *)a)->name, ((const struct spo_file *)b)->name);
}

static void unite(struct spo_files *files)
{
	size_t kept = 0;

	for (size_t i = 0; i < files->count; i++) {
		struct spo_file file = files->list[i];

		if (kept && strcmp(files->list[kept - 1].name, file.name) == 0) {
			buf_adds(&files->list[kept - 1].perms, buf_text(&file.perms));
			buf_free(&file.perms);
			free(file.bare);
		} else {
			files->list[kept++] = file;
		}
	}
	files->count = kept;
}

static void files_make(const struct policy *policy, struct spo_files *files)
{
	*files = (struct spo_files){
		.list = xcalloc(policy->apparmor_count + 1, sizeof(*files->list)),
	};
	for (size_t i = 0; i < policy->apparmor_count; i++) {
		const struct apparmor_rule *rule = &policy->apparmor[i];
		char *bare = rule->class == APPARMOR_FILE ? bare_name(rule) : NULL;

		if (!bare)
			continue;
		struct spo_file *file = &files->list[files->count++];
		*file = (struct spo_file){ .name = rule->name, .bare = bare };
		buf_adds(&file->perms, rule->perms);
	}
	qsort(files->list, files->count, sizeof(*files->list), compare_files);
	unite(files);
}

static void files_free(struct spo_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		buf_free(&files->list[i].perms);
		free(files->list[i].bare);
	}
	free(files->list);
}

static bool has_any(const char *perms, const char *letters)
{
	return strpbrk(perms, letters) != NULL;
}

static bool is_executable(const char *perms)
{
	return has_any(perms, "x");
}

static bool is_library(const char *perms)
{
	return has_any(perms, "m") && !has_any(perms, "x");
}

static bool is_read_only(const char *perms)
{
	return has_any(perms, "r") && !has_any(perms, "wamx");
}

static bool is_write_only(const char *perms)
{
	return has_any(perms, "wa") && !has_any(perms, "rx");
}

static bool is_read_write(const char *perms)
{
	return has_any(perms, "wa") && has_any(perms, "r") && !has_any(perms, "x");
}

static const struct file_list {
	const char *section, *key; /* rows of one section stand together */
	bool (*takes)(const char *perms);
} file_lists[] = {
	{ "executable", "allowedExecutables", is_executable },
	{ "executable", "allowedLibraries", is_library },
	{ "filesystem", "readOnlyPaths", is_read_only },
	{ "filesystem", "readWritePaths", is_read_write },
	{ "filesystem", "writeOnlyPaths", is_write_only },
};

/* Files in a list, with its heading before the first: *section is the one that is open. */
static void add_files(const struct spo_files *files, const struct file_list *list,
		      const char **section, struct yaml *yaml)
{
	bool some = false;

	for (size_t i = 0; i < files->count; i++) {
		if (!list->takes(buf_text(&files->list[i].perms)))
			continue;
		if (*section && strcmp(*section, list->section) != 0)
			yaml_end_map(yaml);
		if (!*section || strcmp(*section, list->section) != 0) {
			yaml_word(yaml, list->section);
			yaml_begin_map(yaml);
			*section = list->section;
		}
		if (!some) {
			yaml_word(yaml, list->key);
			yaml_begin_list(yaml);
			some = true;
		}
		yaml_text(yaml, files->list[i].bare);
	}
	if (some)
		yaml_end_list(yaml);
}

static bool uses_socket(const struct policy *policy, const char *type)
{
	for (size_t i = 0; i < policy->apparmor_count; i++) {
		const struct apparmor_rule *rule = &policy->apparmor[i];

		if (rule->class == APPARMOR_NETWORK && strncmp(rule->name, "inet", 4) == 0 &&
		    strcmp(rule->target, type) == 0)
			return true;
	}
	return false;
}

static void add_network(const struct policy *policy, struct yaml *yaml)
{
	bool tcp = uses_socket(policy, "stream"), udp = uses_socket(policy, "dgram");
	bool raw = uses_socket(policy, "raw");

	if (!tcp && !udp && !raw)
		return;
	yaml_word(yaml, "network");
	yaml_begin_map(yaml);
	if (tcp || udp) {
		yaml_word(yaml, "allowedProtocols");
		yaml_begin_map(yaml);
		yaml_pair(yaml, "allowTcp", tcp ? "true" : "false");
		yaml_pair(yaml, "allowUdp", udp ? "true" : "false");
		yaml_end_map(yaml);
	}
	yaml_pair(yaml, "allowRaw", raw ? "true" : "false");
	yaml_end_map(yaml);
}

/* Those of the whole policy: an AppArmor rule names no other. */
static void add_capabilities(const struct policy *policy, struct yaml *yaml)
{
	if (!policy->capability_count)
		return;
	yaml_word(yaml, "capability");
	yaml_begin_map(yaml);
	yaml_word(yaml, "allowedCapabilities");
	yaml_begin_list(yaml);
	for (size_t i = 0; i < policy->capability_count; i++) {
		AUTO_BUF struct buf name = BUF_INIT;

		for (const char *c = policy->capabilities[i].name + strlen("CAP_"); *c; c++)
			buf_addc(&name, (char)tolower((unsigned char)*c));
		yaml_text(yaml, buf_text(&name));
	}
	yaml_end_list(yaml);
	yaml_end_map(yaml);
}

static void add_apparmor(const struct policy *policy, const char *label, struct yaml *yaml)
{
	const char *section = NULL;
	struct spo_files files;

	files_make(policy, &files);
	begin_object(yaml, policy, &apparmor_profile, label);
	yaml_word(yaml, "abstract");
	yaml_begin_map(yaml);
	add_capabilities(policy, yaml);
	for (size_t i = 0; i < ARRAY_SIZE(file_lists); i++)
		add_files(&files, &file_lists[i], &section, yaml);
	if (section)
		yaml_end_map(yaml);
	files_free(&files);
	add_network(policy, yaml);
	yaml_end_map(yaml);
	emit_end_object(yaml);
}

/* Is the whole rule, but for its owner, in the form? */
static bool is_said(const struct apparmor_rule *rule)
{
	switch (rule->class) {
	case APPARMOR_CAPABILITY:
		return true;
	case APPARMOR_NETWORK:
		return strncmp(rule->name, "inet", 4) == 0 &&
		       (strcmp(rule->target, "stream") == 0 || strcmp(rule->target, "dgram") == 0 ||
			strcmp(rule->target, "raw") == 0);
	case APPARMOR_FILE: {
		AUTO_FREE char *name = bare_name(rule);

		return name && !has_any(rule->perms, "kl");
	}
	default:
		return false;
	}
}

static void add_comments(const struct policy *policy, const char *label, struct buf *out)
{
	size_t left = 0;

	for (size_t i = 0; i < policy->apparmor_count; i++)
		left += !is_said(&policy->apparmor[i]);
	buf_adds(out, "# Made by whittle, for the security-profiles-operator.\n");
	emit_warnings(policy, "# ", out);
	buf_addf(out, "# seccompProfile: {type: Localhost, localhostProfile: operator/%s.json}\n",
		 label);
	buf_adds(out, "# Calls that are not named answer EPERM: the form has no other default.\n");
	if (left)
		buf_addf(out,
			 "# AppArmorProfile: %zu rules or parts of them are not in it, since its "
			 "form has no links, locks, unix\n# sockets, signals, ptrace, mounts, nor "
			 "names that need quotes: `whittle emit apparmor` has them all.\n",
			 left);
}

/* Neither its form nor its template has a place for child profiles, or for a second profile. */
static void comment_union(const struct policy *policy, struct buf *out)
{
	size_t here = 0;

	for (size_t i = 0; i < policy->apparmor_profile_count; i++)
		here += !policy->apparmor_profiles[i].elsewhere;
	if (here > 1)
		buf_addf(out,
			 "# AppArmorProfile: its form holds one profile: each program may do what "
			 "any of the %zu profiles\n# of --exec %s allows.\n",
			 here, exec_mode_words[policy->options.exec]);
}

/* The API's numbers are int64: what does not fit is refused, not wrapped. */
static int check_numbers(const struct policy *policy, struct error *err)
{
	for (size_t i = 0; i < policy->seccomp_count; i++) {
		const struct seccomp_rule *rule = &policy->seccomp[i];

		for (size_t k = 0; k < rule->condition_count; k++)
			if (rule->conditions[k].mask > INT64_MAX ||
			    rule->conditions[k].value > INT64_MAX)
				return fail(err, ERROR_INPUT, 0,
					    "%s: an argument's value does not fit into the "
					    "resource",
					    rule->name);
	}
	return 0;
}

int emit_spo(const struct policy *policy, struct buf *out, struct error *err)
{
	AUTO_BUF struct buf label = BUF_INIT;

	if (!policy->abi_count)
		return fail(err, ERROR_INPUT, 0, "the evidence names no ABI that whittle knows");
	if (check_numbers(policy, err) < 0)
		return -1;
	emit_label(policy, &label);
	add_comments(policy, buf_text(&label), out);
	if (policy->facets & FACET_PATHS)
		comment_union(policy, out);
	struct yaml *yaml = yaml_open(out);

	add_seccomp(policy, buf_text(&label), yaml);
	if (policy->facets & FACET_PATHS)
		add_apparmor(policy, buf_text(&label), yaml);
	return yaml_close(yaml, err);
}
