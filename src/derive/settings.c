/*
 * Evidence -> how to run the program: read-only root and what must stay writable, network, set-id
 * programs, and what a person must decide. A restriction is made only if no fact contradicts it.
 * The numbers are those of the CIS Docker Benchmark 1.6.0.
 */
#include <derive/derive.h>

#include <string.h>

const struct setting *policy_setting(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->setting_count; i++)
		if (strcmp(policy->settings[i].name, name) == 0)
			return &policy->settings[i];
	return NULL;
}

struct setting *setting_add(struct policy *policy, const char *name, const char *value,
			    enum setting_label label, const char *cis)
{
	policy->settings =
		xrealloc(policy->settings, policy->setting_count + 1, sizeof(*policy->settings));
	struct setting *setting = &policy->settings[policy->setting_count++];

	*setting = (struct setting){
		.name = name, .value = xstrdup(value), .detail = "", .label = label, .cis = cis
	};
	return setting;
}

static bool is_word(const char *const *list, const char *word)
{
	for (; *list; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool begins_any(const char *text, const char *const *starts)
{
	for (; *starts; starts++)
		if (begins(text, *starts))
			return true;
	return false;
}

/* ---- what is written ---- */

/* These fail on a read-only file system (mnt_want_write(), sb_permission()). */
static const char *const changes[] = {
	"append",   "bind",    "chmod",    "chown", "create",      "delete",
	"exchange", "link",    "mkdir",    "mknod", "rename-from", "rename-to",
	"rmdir",    "symlink", "truncate", "write", "xattr",       NULL,
};
/* Afterwards there is something of that name that the workload made, or brought there. */
static const char *const makes[] = {
	"bind", "create", "exchange", "link", "mkdir", "mknod", "rename-to", "symlink", NULL,
};
/* Change a directory itself, not what is in it. */
static const char *const attributes[] = { "chmod", "chown", "xattr", NULL };
/* Take something to be there. */
static const char *const uses[] = {
	"append",   "exec", "list",     "lock",  "lock-write",
	"map-exec", "read", "truncate", "write", NULL,
};
/* The kernel's own file systems, which every container has, and which no read-only root changes. */
static const char *const kernel_places[] = { "/dev/",    "/proc/", "/sys/", "/memfd:",
					     "/mqueue:", "/ns:",   NULL };
/* A read-only /dev refuses these; what writes to a device, or to shared memory, does so all the
 * same. */
static const char *const dev_places[] = { "/dev/", NULL };
static const char *const shm_places[] = { "/dev/mqueue/", "/dev/shm/", NULL };
/* What is here may vanish at each boot, or whenever it is old: file-hierarchy(7), hier(7). */
static const char *const scratch_places[] = { "/run/", "/tmp/", "/var/run/", "/var/tmp/", NULL };

/* What an engine or an orchestrator mounts there. */
static const char *const secret_places[] = { "/run/secrets/", "/var/run/secrets/", NULL };

/* A directory that must be writable; path ends in "/". */
struct place {
	char *path;
	bool filled;   /* what was there before the run is used */
	bool executed; /* files there are executed, or mapped so */
	struct reasons why;
};

struct places {
	struct place *list;
	size_t count;
	struct reasons made; /* names that the workload made, sorted */
};

static int compare_text(const void *key, const void *line)
{
	return strcmp(key, *(char *const *)line);
}

static bool is_made(const struct places *places, const char *path, size_t length)
{
	AUTO_FREE char *name = xstrndup(path, length);

	return places->made.count && bsearch(name, places->made.line, places->made.count,
					     sizeof(*places->made.line), compare_text);
}

/* The length of the path up to and with the slash that follows at, or 0 if there is none. */
static size_t next_part(const char *path, size_t at)
{
	const char *slash = strchr(path + at, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Is the file, or a directory above it, the workload's own work? */
static bool is_own(const struct places *places, const char *path)
{
	for (size_t part = next_part(path, 1); part; part = next_part(path, part))
		if (is_made(places, path, part))
			return true;
	return is_made(places, path, strlen(path));
}

/*
 * The directory that has to be writable for a change of path: the one that holds it, or itself if
 * it is a directory whose own attributes change; but what the workload made itself, and what has no
 * fixed name (a placeholder), will not be there beforehand: then the one above that.
 */
static char *holder(const struct places *places, const char *path, bool itself)
{
	size_t length = 1, end = strlen(path);

	if (!itself && end > 1 && path[end - 1] == '/')
		end--;
	for (size_t part = next_part(path, 1); part && part <= end; part = next_part(path, part)) {
		if (is_made(places, path, part) || memmem(path, part, "\\{", 2))
			break;
		length = part;
	}
	return xstrndup(path, length);
}

static bool is_file(const struct fact *fact)
{
	const char *path = fact->field[PATH_PATH];

	return path[0] == '/' && !begins_any(path, kernel_places);
}

static int compare_places(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->path, ((const struct place *)b)->path);
}

static struct place *find_place(const struct places *places, const char *path, size_t length)
{
	AUTO_FREE char *name = xstrndup(path, length);
	struct place key = { .path = name };

	if (!places->count)
		return NULL;
	return bsearch(&key, places->list, places->count, sizeof(*places->list), compare_places);
}

static void free_places(struct places *places)
{
	for (size_t i = 0; i < places->count; i++) {
		free(places->list[i].path);
		reasons_free(&places->list[i].why);
	}
	free(places->list);
	reasons_free(&places->made);
}

/* Places of the same path become one. */
static void unite_places(struct places *places)
{
	size_t kept = 0;

	if (places->count)
		qsort(places->list, places->count, sizeof(*places->list), compare_places);
	for (size_t i = 0; i < places->count; i++) {
		struct place *place = &places->list[i];

		if (!kept || strcmp(places->list[kept - 1].path, place->path) != 0) {
			places->list[kept++] = *place;
			continue;
		}
		reasons_add(&places->list[kept - 1].why, place->why.line[0]);
		free(place->why.line);
		free(place->path);
	}
	places->count = kept;
}

/* Must /dev, or what is mounted in it, be writable? */
static bool changes_dev(const struct fact *fact)
{
	const char *access = fact->field[PATH_ACCESS];

	if (!is_word(changes, access))
		return false;
	return begins_any(fact->field[PATH_PATH], shm_places) ||
	       (begins_any(fact->field[PATH_PATH], dev_places) && !is_word(uses, access));
}

/* All directories that are written to, each once, sorted. */
static void collect_places(const struct evidence_fact *const *facts, size_t count,
			   struct places *places)
{
	for (size_t i = 0; i < count; i++)
		if (is_word(makes, facts[i]->fact.field[PATH_ACCESS]))
			reasons_add(&places->made, xstrdup(facts[i]->fact.field[PATH_PATH]));
	reasons_sort(&places->made);
	places->list = xcalloc(count, sizeof(*places->list));
	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;
		const char *access = field[PATH_ACCESS];

		if (!is_word(changes, access) || !is_file(&facts[i]->fact))
			continue;
		struct place *place = &places->list[places->count++];

		place->path = holder(places, field[PATH_PATH], is_word(attributes, access));
		reasons_add(&place->why, xasprintf("%s by %s", access, field[PATH_PROGRAM]));
	}
	unite_places(places);
}

/* The innermost of the places that hold the path, or NULL. */
static struct place *place_of(const struct places *places, const char *path)
{
	struct place *found = NULL;

	for (size_t part = next_part(path, 1); part; part = next_part(path, part)) {
		struct place *place = find_place(places, path, part);

		if (place)
			found = place;
	}
	return found;
}

/* What is used in the places, and was not made there, nor is mounted there (a secret). */
static void look_inside(const struct evidence_fact *const *facts, size_t count,
			struct places *places)
{
	for (size_t i = 0; i < count; i++) {
		const char *path = facts[i]->fact.field[PATH_PATH];
		const char *access = facts[i]->fact.field[PATH_ACCESS];
		struct place *place = place_of(places, path);

		if (!place || !is_word(uses, access) || begins_any(path, secret_places))
			continue;
		place->executed |= strcmp(access, "exec") == 0 || strcmp(access, "map-exec") == 0;
		/* To list it or to lock it, the directory itself is enough. */
		place->filled |= !is_own(places, path) && strcmp(place->path, path) != 0;
	}
}

static bool is_scratch(const struct place *place)
{
	return !place->filled && begins_any(place->path, scratch_places);
}

/* A volume keeps what was in the directory: one in another is not needed. */
static bool is_covered(const struct places *places, const struct place *place)
{
	for (size_t part = next_part(place->path, 1); part && place->path[part];
	     part = next_part(place->path, part)) {
		struct place *above = find_place(places, place->path, part);

		if (!above || is_scratch(above))
			continue;
		above->filled = true; /* the directory was there before */
		return true;
	}
	return false;
}

static struct reasons steal_reasons(struct reasons *reasons)
{
	struct reasons stolen = *reasons;

	*reasons = (struct reasons){ NULL, 0 };
	reasons_sort(&stolen);
	return stolen;
}

/* The root itself is written to: then it cannot be read-only, and no more is to be said. */
static void add_writable_root(struct policy *policy, struct place *root)
{
	setting_add(policy, "read-only", "false", SETTING_OBSERVED, "5.13")->why =
		steal_reasons(&root->why);
}

static void add_places(struct policy *policy, struct places *places, bool dev)
{
	/* Coverings first: they say what is filled. */
	AUTO_FREE bool *covered = xcalloc(places->count, sizeof(*covered));

	for (size_t i = 0; i < places->count; i++)
		covered[i] = !is_scratch(&places->list[i]) && is_covered(places, &places->list[i]);
	for (size_t i = 0; i < places->count; i++) {
		struct place *place = &places->list[i];
		bool scratch = is_scratch(place);
		AUTO_FREE char *path = xstrndup(place->path, strlen(place->path) - 1);

		if (covered[i])
			continue;
		struct setting *setting =
			setting_add(policy, scratch ? "tmpfs" : "volume", path,
				    scratch ? SETTING_OBSERVED : SETTING_DECIDE, "5.13");
		if (scratch)
			setting->detail = place->executed ? "exec" : "";
		else
			setting->detail = place->filled ? "filled" : "";
		setting->why = steal_reasons(&place->why);
	}
	struct setting *root = setting_add(policy, "read-only", "true", SETTING_ABSENT, "5.13");
	root->detail = dev ? "dev" : "";
	reasons_add(&root->why, xstrdup(places->count ? "nothing is written outside of what is "
							"listed as tmpfs and volume"
						      : "no file is written"));
}

static void derive_writes(const struct evidence_fact *const *facts, size_t count,
			  struct policy *policy)
{
	struct places places = { NULL, 0, { NULL, 0 } };
	bool dev = false;

	for (size_t i = 0; i < count; i++)
		dev |= changes_dev(&facts[i]->fact);
	collect_places(facts, count, &places);
	look_inside(facts, count, &places);
	if (places.count && strcmp(places.list[0].path, "/") == 0)
		add_writable_root(policy, &places.list[0]);
	else
		add_places(policy, &places, dev);
	free_places(&places);
}

/* ---- findings ---- */

/* Who can talk to the engine is root on its machine. */
static const char *const engine_sockets[] = {
	"/containerd.sock", "/crio.sock", "/docker.sock", "/podman.sock", NULL,
};

static bool ends_any(const char *text, const char *const *ends)
{
	size_t length = strlen(text);

	for (; *ends; ends++)
		if (length >= strlen(*ends) && strcmp(text + length - strlen(*ends), *ends) == 0)
			return true;
	return false;
}

/* One finding a path, with who did what; the facts of a path are neighbours. */
static void derive_findings(const struct evidence_fact *const *facts, size_t count,
			    struct policy *policy)
{
	struct setting *last = NULL;

	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;
		const char *path = field[PATH_PATH];
		bool engine = ends_any(path, engine_sockets);

		if (engine ? strcmp(field[PATH_ACCESS], "connect") != 0
			   : !begins_any(path, secret_places) || !is_word(uses, field[PATH_ACCESS]))
			continue;
		if (!last || strcmp(last->value, path) != 0)
			last = setting_add(policy, engine ? "engine-socket" : "secret", path,
					   SETTING_OBSERVED, engine ? "5.32" : "");
		reasons_add(&last->why,
			    xasprintf("%s by %s", field[PATH_ACCESS], field[PATH_PROGRAM]));
		reasons_sort(&last->why);
	}
}

/* ---- network ---- */

/* What a socket fact asks of the network namespace (network_namespaces(7)). */
enum network_use { NETWORK_NONE, NETWORK_LOCAL, NETWORK_USED };

/* Is an abstract name, which belongs to the network namespace, bound by the workload itself? */
static bool is_bound(const struct evidence_fact *const *facts, size_t count, const char *address)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(facts[i]->fact.field[SOCKET_OPERATION], "bind") == 0 &&
		    strcmp(facts[i]->fact.field[SOCKET_FAMILY], "unix") == 0 &&
		    strcmp(facts[i]->fact.field[SOCKET_ADDRESS], address) == 0)
			return true;
	return false;
}

static enum network_use unix_use(const struct evidence_fact *const *facts, size_t count,
				 const struct fact *fact)
{
	const char *address = fact->field[SOCKET_ADDRESS];
	const char *operation = fact->field[SOCKET_OPERATION];
	bool reaches = strcmp(operation, "connect") == 0 || strcmp(operation, "send") == 0;

	if (!reaches || address[0] != '@' || is_bound(facts, count, address))
		return NETWORK_NONE;
	return NETWORK_USED;
}

static enum network_use network_use(const struct evidence_fact *const *facts, size_t count,
				    const struct fact *fact)
{
	const char *family = fact->field[SOCKET_FAMILY], *address = fact->field[SOCKET_ADDRESS];

	if (strcmp(family, "unix") == 0)
		return unix_use(facts, count, fact);
	if (strcmp(family, "alg") == 0)
		return NETWORK_NONE; /* the kernel's ciphers: no network */
	/* NETLINK_ROUTE: getaddrinfo(3) asks which addresses there are; it does without any. */
	if (strcmp(family, "netlink") == 0)
		return strcmp(fact->field[SOCKET_PROTOCOL], "0") == 0 ? NETWORK_NONE : NETWORK_USED;
	if (!begins(family, "inet") || strcmp(fact->field[SOCKET_TYPE], "raw") == 0)
		return NETWORK_USED;
	return !*address || strcmp(address, "loopback") == 0 ? NETWORK_LOCAL : NETWORK_USED;
}

/* Ports that the kernel chooses differ from run to run: ip(7), ip_local_port_range's default. */
enum { EPHEMERAL_PORT = 32768 };

static char *describe_socket(const struct fact *fact)
{
	const char *const *field = fact->field;
	const char *address = field[SOCKET_ADDRESS], *port = field[SOCKET_PORT];

	if (strtol(port, NULL, 10) >= EPHEMERAL_PORT)
		port = "ephemeral";
	return xasprintf("%s %s %s%s%s%s%s by %s", field[SOCKET_OPERATION], field[SOCKET_FAMILY],
			 field[SOCKET_TYPE], *address ? " " : "", address, *port ? ":" : "", port,
			 field[SOCKET_PROGRAM]);
}

/* One setting a family; the facts of an operation are in order of family. */
static void derive_families(const struct evidence_fact *const *facts, size_t count,
			    struct policy *policy)
{
	AUTO_FREE struct reasons *why = NULL;
	struct reasons families = { NULL, 0 };

	for (size_t i = 0; i < count; i++)
		reasons_add(&families, xstrdup(facts[i]->fact.field[SOCKET_FAMILY]));
	reasons_sort(&families);
	why = xcalloc(families.count, sizeof(*why));
	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;
		char **family = bsearch(field[SOCKET_FAMILY], families.line, families.count,
					sizeof(*families.line), compare_text);

		reasons_add(&why[family - families.line],
			    xasprintf("%s by %s", field[SOCKET_OPERATION], field[SOCKET_PROGRAM]));
	}
	for (size_t i = 0; i < families.count; i++)
		setting_add(policy, "address-family", families.line[i], SETTING_OBSERVED, "")->why =
			steal_reasons(&why[i]);
	reasons_free(&families);
}

static void derive_network(const struct evidence_fact *const *facts, size_t count,
			   struct policy *policy)
{
	enum network_use use = NETWORK_NONE;
	struct reasons why = { NULL, 0 };

	for (size_t i = 0; i < count; i++) {
		enum network_use this = network_use(facts, count, &facts[i]->fact);

		if (this > use) {
			reasons_free(&why);
			use = this;
		}
		if (use && this == use)
			reasons_add(&why, describe_socket(&facts[i]->fact));
	}
	static const struct {
		const char *value;
		enum setting_label label;
	} rows[] = {
		[NETWORK_NONE] = { "none", SETTING_ABSENT },
		[NETWORK_LOCAL] = { "none", SETTING_DECIDE },
		[NETWORK_USED] = { "used", SETTING_OBSERVED },
	};
	if (use == NETWORK_NONE)
		reasons_add(&why, xstrdup("no socket of a network was used"));
	reasons_sort(&why);
	setting_add(policy, "network", rows[use].value, rows[use].label, "")->why = why;
}

/* ---- privileges ---- */

/* By mode and attributes of what was executed: the tracer may have kept them without effect. */
static void derive_new_privileges(const struct evidence *evidence, struct policy *policy)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_PROGRAM, &count);
	struct reasons why = { NULL, 0 };

	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;

		if (*field[PROGRAM_PRIVILEGE])
			reasons_add(&why, xasprintf("%s is %s", field[PROGRAM_PATH],
						    field[PROGRAM_PRIVILEGE]));
	}
	bool needed = why.count > 0;
	if (!needed)
		reasons_add(&why, xstrdup("nothing with a set-id bit or file capabilities was "
					  "executed"));
	reasons_sort(&why);
	setting_add(policy, "no-new-privileges", needed ? "false" : "true",
		    needed ? SETTING_OBSERVED : SETTING_ABSENT, "5.26")
		->why = why;
}

static void derive_namespaces(const struct evidence *evidence, struct policy *policy)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_NAMESPACE, &count);
	struct reasons why = { NULL, 0 };

	for (size_t i = 0; i < count; i++) {
		const char *const *field = facts[i]->fact.field;

		if (strcmp(field[NAMESPACE_OPERATION], "chroot") != 0)
			reasons_add(&why,
				    xasprintf("%s %s by %s", field[NAMESPACE_OPERATION],
					      field[NAMESPACE_KINDS], field[NAMESPACE_PROGRAM]));
	}
	bool used = why.count > 0;
	if (!used)
		reasons_add(&why, xstrdup("no namespace was made or entered"));
	reasons_sort(&why);
	setting_add(policy, "namespaces", used ? "used" : "none",
		    used ? SETTING_OBSERVED : SETTING_ABSENT, "")
		->why = why;
}

static void derive_cap_drop(struct policy *policy)
{
	struct setting *drop = setting_add(policy, "cap-drop", "ALL", SETTING_OBSERVED, "5.4");

	reasons_add(&drop->why, xstrdup(policy->capability_count ? "all but the capabilities listed"
								 : "no capability was needed"));
}

static int compare_settings(const void *a, const void *b)
{
	const struct setting *one = a, *two = b;
	int order = strcmp(one->name, two->name);

	return order ? order : strcmp(one->value, two->value);
}

/* An inherited socket is one that another fact tells of already. Returns how many are left. */
static size_t drop_inherited(const struct evidence_fact **facts, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (strcmp(facts[i]->fact.field[SOCKET_OPERATION], "inherit") != 0)
			facts[kept++] = facts[i];
	return kept;
}

void derive_settings(const struct evidence *evidence, struct policy *policy)
{
	size_t count;
	AUTO_FREE const struct evidence_fact **paths = evidence_facts(evidence, FACT_PATH, &count);

	derive_writes(paths, count, policy);
	derive_findings(paths, count, policy);
	AUTO_FREE const struct evidence_fact **sockets =
		evidence_facts(evidence, FACT_SOCKET, &count);
	count = drop_inherited(sockets, count);
	derive_families(sockets, count, policy);
	derive_network(sockets, count, policy);
	derive_new_privileges(evidence, policy);
	derive_namespaces(evidence, policy);
	derive_cap_drop(policy);
	derive_limits(evidence, policy);
	qsort(policy->settings, policy->setting_count, sizeof(*policy->settings), compare_settings);
}
