/* Evidence -> how to run the program: one row a rule, the facts beside the settings they give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <string.h>
#include <whittle/policy.h>

#define ADD(evidence, kind, ...) evidence_add(evidence, 0, &(struct fact){ kind, { __VA_ARGS__ } })

static struct evidence *new_evidence(void)
{
	struct evidence *evidence = evidence_new();
	struct evidence_run *run = evidence_run(evidence, evidence_begin_run(evidence, "run"));

	run->machine = xstrdup("x86_64");
	run->outcome = OUTCOME_EXITED;
	run->expected = true;
	ADD(evidence, FACT_SYSCALL, "x86_64", "read", "/p", "ok");
	return evidence;
}

static struct policy *derive(struct evidence *evidence)
{
	struct policy_options options = { .runtime = "none", .no_new_privileges = "any" };
	struct policy *policy = NULL;
	struct error err;

	assert_int_equal(policy_derive(evidence, &options, &policy, &err), 0);
	evidence_free(evidence);
	return policy;
}

/* Does one of the words begin so? */
static bool is_among(const char *words, const char *name)
{
	const char *at = words;

	for (size_t length = strlen(name); (at = strstr(at, name)) != NULL; at += length)
		if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
			return true;
	return false;
}

/* The settings of these names: "name value detail", "?" where a person must decide, "; " between.
 */
static void assert_settings(const struct policy *policy, const char *names, const char *wanted)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < policy->setting_count; i++) {
		const struct setting *setting = &policy->settings[i];

		if (!is_among(names, setting->name))
			continue;
		buf_addf(&text, "%s%s%s%s%s%s%s", text.length ? "; " : "", setting->name,
			 *setting->value ? " " : "", setting->value, *setting->detail ? " " : "",
			 setting->detail, setting->label == SETTING_DECIDE ? "?" : "");
		assert_true(setting->why.count > 0);
	}
	assert_string_equal(text.length ? text.data : "", wanted);
	buf_free(&text);
}

static const struct setting *find_setting(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->setting_count; i++)
		if (strcmp(policy->settings[i].name, name) == 0)
			return &policy->settings[i];
	return NULL;
}

/* ---- what is written ---- */

enum { ACCESSES = 6 };

struct path_row {
	struct {
		const char *access, *path;
	} list[ACCESSES];
	const char *wanted;
};

static void assert_paths(const struct path_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct evidence *evidence = new_evidence();

		for (size_t k = 0; k < ACCESSES && rows[i].list[k].path; k++)
			ADD(evidence, FACT_PATH, rows[i].list[k].path, rows[i].list[k].access,
			    "other", "/p", "");
		struct policy *policy = derive(evidence);

		assert_settings(policy, "read-only tmpfs volume", rows[i].wanted);
		policy_free(policy);
	}
}

static void test_places(void **state)
{
	static const struct path_row rows[] = {
		/* Nothing is written, or only what no read-only root changes. */
		{ { { "read", "/etc/f" } }, "read-only true" },
		{ { { "write", "/dev/null" }, { "write", "/proc/self/comm" } }, "read-only true" },
		{ { { "write", "/memfd:x" }, { "write", "pipe:[1]" } }, "read-only true" },
		{ { { "lock-write", "/srv/f" }, { "map-exec", "/srv/f" } }, "read-only true" },
		/* It would be refused in a /dev that is read-only. */
		{ { { "bind", "/dev/log" } }, "read-only true dev" },
		{ { { "write", "/dev/shm/f" } }, "read-only true dev" },
		/* Scratch may begin empty: a tmpfs will do. Elsewhere a person must decide. */
		{ { { "create", "/tmp/f" } }, "read-only true; tmpfs /tmp" },
		{ { { "create", "/run/f" }, { "delete", "/run/f" } },
		  "read-only true; tmpfs /run" },
		{ { { "create", "/srv/f" } }, "read-only true; volume /srv?" },
		{ { { "create", "/var/tmp/f" }, { "create", "/var/log/f" } },
		  "read-only true; tmpfs /var/tmp; volume /var/log?" },
		/* A directory that only begins with such a name is none. */
		{ { { "create", "/tmpfiles/f" } }, "read-only true; volume /tmpfiles?" },
		/* The root itself is written to: no more is to be said. */
		{ { { "create", "/f" }, { "create", "/tmp/f" } }, "read-only false" },
		{ { { "chmod", "/" } }, "read-only false" },
		/* What changes a directory itself needs that one, of a file the one that holds it.
		 */
		{ { { "chmod", "/srv/d/" } }, "read-only true; volume /srv/d?" },
		{ { { "rmdir", "/srv/d/" } }, "read-only true; volume /srv?" },
		{ { { "chown", "/srv/d/f" } }, "read-only true; volume /srv/d?" },
	};

	(void)state;
	assert_paths(rows, ARRAY_SIZE(rows));
}

static void test_what_was_there(void **state)
{
	static const struct path_row rows[] = {
		/* What was there before the run is used: it must be there again. */
		{ { { "create", "/tmp/f" }, { "read", "/tmp/g" } },
		  "read-only true; volume /tmp filled?" },
		{ { { "append", "/var/log/f" } }, "read-only true; volume /var/log filled?" },
		/* To read what it made itself, or to list the directory, an empty one will do. */
		{ { { "create", "/tmp/f" }, { "read", "/tmp/f" } }, "read-only true; tmpfs /tmp" },
		{ { { "create", "/tmp/f" }, { "list", "/tmp/" } }, "read-only true; tmpfs /tmp" },
		{ { { "rename-to", "/tmp/f" }, { "read", "/tmp/f" } },
		  "read-only true; tmpfs /tmp" },
		/* To write to an existing file is to use it. */
		{ { { "write", "/tmp/f" } }, "read-only true; volume /tmp filled?" },
		{ { { "create", "/tmp/f" }, { "write", "/tmp/f" } }, "read-only true; tmpfs /tmp" },
		/* An executable in a tmpfs needs it mounted so. */
		{ { { "create", "/tmp/f" }, { "exec", "/tmp/f" } },
		  "read-only true; tmpfs /tmp exec" },
		{ { { "create", "/tmp/f" }, { "map-exec", "/tmp/f" } },
		  "read-only true; tmpfs /tmp exec" },
		/* A secret is mounted there by whoever starts it. */
		{ { { "create", "/run/f" }, { "read", "/run/secrets/s" } },
		  "read-only true; tmpfs /run" },
		{ { { "create", "/run/f" }, { "read", "/run/secret" } },
		  "read-only true; volume /run filled?" },
	};

	(void)state;
	assert_paths(rows, ARRAY_SIZE(rows));
}

static void test_nested_places(void **state)
{
	static const struct path_row rows[] = {
		/* What the workload makes itself will not be there beforehand. */
		{ { { "mkdir", "/tmp/d/" }, { "create", "/tmp/d/f" }, { "read", "/tmp/d/f" } },
		  "read-only true; tmpfs /tmp" },
		{ { { "mkdir", "/srv/d/" }, { "mkdir", "/srv/d/e/" }, { "create", "/srv/d/e/f" } },
		  "read-only true; volume /srv?" },
		/* A name that varies cannot be a mount point: the directory above it. */
		{ { { "create", "/tmp/\\{random}/f" } }, "read-only true; tmpfs /tmp" },
		{ { { "create", "/srv/a/\\{pid}/b/f" } }, "read-only true; volume /srv/a?" },
		/* A volume keeps what was there: it covers what is below. */
		{ { { "create", "/srv/f" }, { "create", "/srv/d/f" } },
		  "read-only true; volume /srv filled?" },
		/* In a tmpfs a directory that must be there is a mount of its own. */
		{ { { "create", "/run/f" }, { "create", "/run/d/f" } },
		  "read-only true; tmpfs /run; tmpfs /run/d" },
		{ { { "create", "/tmp/f" }, { "create", "/tmp/d/f" }, { "read", "/tmp/d/g" } },
		  "read-only true; tmpfs /tmp; volume /tmp/d filled?" },
		/* What is used belongs to the innermost; scratch in a volume is scratch. */
		{ { { "create", "/tmp/f" }, { "create", "/tmp/d/f" }, { "read", "/tmp/g" } },
		  "read-only true; tmpfs /tmp/d; volume /tmp filled?" },
		/* Names of one beginning are not below each other. */
		{ { { "create", "/srv/f" }, { "create", "/srv-d/f" } },
		  "read-only true; volume /srv?; volume /srv-d?" },
	};

	(void)state;
	assert_paths(rows, ARRAY_SIZE(rows));
}

/* Each place says once who did what. */
static void test_reasons(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_PATH, "/tmp/f", "create", "other", "/p", "");
	ADD(evidence, FACT_PATH, "/tmp/g", "create", "other", "/p", "");
	ADD(evidence, FACT_PATH, "/tmp/g", "delete", "other", "/q", "");
	struct policy *policy = derive(evidence);
	const struct setting *place = find_setting(policy, "tmpfs");

	assert_int_equal(place->why.count, 2);
	assert_string_equal(place->why.line[0], "create by /p");
	assert_string_equal(place->why.line[1], "delete by /q");
	assert_string_equal(place->cis, "5.13");
	policy_free(policy);
}

/* ---- findings ---- */

static void test_findings(void **state)
{
	static const struct {
		const char *access, *path, *wanted;
	} rows[] = {
		{ "connect", "/run/docker.sock", "engine-socket /run/docker.sock" },
		{ "connect", "/run/user/1000/podman/podman.sock",
		  "engine-socket /run/user/1000/podman/podman.sock" },
		{ "connect", "/run/containerd/containerd.sock",
		  "engine-socket /run/containerd/containerd.sock" },
		/* To look at it is not to talk to it, nor is another name one of them. */
		{ "read", "/run/docker.sock", "" },
		{ "connect", "/run/mydocker.sock", "" },
		{ "connect", "/run/docker.sock.old", "" },
		{ "read", "/run/secrets/token", "secret /run/secrets/token" },
		{ "map-exec", "/var/run/secrets/lib.so", "secret /var/run/secrets/lib.so" },
		/* Looked at, or made there. */
		{ "stat", "/run/secrets/token", "" },
		{ "read", "/run/secretstuff", "" },
		{ "read", "/home/run/secrets/token", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		ADD(evidence, FACT_PATH, rows[i].path, rows[i].access, "other", "/p", "");
		struct policy *policy = derive(evidence);

		assert_settings(policy, "engine-socket secret", rows[i].wanted);
		policy_free(policy);
	}
}

/* ---- network ---- */

struct socket_row {
	struct {
		const char *operation, *family, *type, *protocol, *address, *port;
	} list[3];
	const char *wanted;
};

static void assert_sockets(const struct socket_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct evidence *evidence = new_evidence();

		for (size_t k = 0; k < ARRAY_SIZE(rows->list) && rows[i].list[k].operation; k++)
			ADD(evidence, FACT_SOCKET, rows[i].list[k].operation,
			    rows[i].list[k].family, rows[i].list[k].type, rows[i].list[k].protocol,
			    rows[i].list[k].address, rows[i].list[k].port, "/p");
		struct policy *policy = derive(evidence);

		assert_settings(policy, "network", rows[i].wanted);
		policy_free(policy);
	}
}

static void test_network(void **state)
{
	static const struct socket_row rows[] = {
		{ { { .operation = NULL } }, "network none" },
		{ { { "bind", "unix", "stream", "0", "/run/s", "" } }, "network none" },
		{ { { "socket", "alg", "seqpacket", "0", "", "" } }, "network none" },
		/* getaddrinfo(3) asks for the addresses; uevents come from the machine. */
		{ { { "socket", "netlink", "raw", "0", "", "" } }, "network none" },
		{ { { "socket", "netlink", "raw", "15", "", "" } }, "network used" },
		/* Its own loopback every namespace has: whether another one is meant is not known.
		 */
		{ { { "socket", "inet", "stream", "6", "", "" } }, "network none?" },
		{ { { "connect", "inet6", "stream", "6", "loopback", "80" } }, "network none?" },
		{ { { "connect", "inet", "stream", "6", "loopback", "80" },
		    { "bind", "inet", "stream", "6", "any", "80" } },
		  "network used" },
		{ { { "connect", "inet", "dgram", "17", "public", "53" } }, "network used" },
		{ { { "socket", "inet", "raw", "1", "", "" } }, "network used" },
		{ { { "socket", "packet", "raw", "768", "", "" } }, "network used" },
		/* Abstract names belong to the network namespace: who is there to answer? */
		{ { { "connect", "unix", "stream", "0", "@dbus", "" } }, "network used" },
		{ { { "bind", "unix", "stream", "0", "@own", "" },
		    { "connect", "unix", "stream", "0", "@own", "" } },
		  "network none" },
		{ { { "bind", "unix", "stream", "0", "@own", "" },
		    { "send", "unix", "dgram", "0", "@other", "" } },
		  "network used" },
	};

	(void)state;
	assert_sockets(rows, ARRAY_SIZE(rows));
}

/* Only what decided is the reason; a port that the kernel chose is none. */
static void test_network_reasons(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	ADD(evidence, FACT_SOCKET, "socket", "inet", "stream", "6", "", "", "/p");
	ADD(evidence, FACT_SOCKET, "bind", "inet", "stream", "6", "any", "80", "/p");
	ADD(evidence, FACT_SOCKET, "bind", "inet", "dgram", "17", "any", "40001", "/p");
	ADD(evidence, FACT_SOCKET, "bind", "inet", "dgram", "17", "any", "40002", "/p");
	struct policy *policy = derive(evidence);
	const struct setting *network = find_setting(policy, "network");

	assert_int_equal(network->why.count, 2);
	assert_string_equal(network->why.line[0], "bind inet dgram any:ephemeral by /p");
	assert_string_equal(network->why.line[1], "bind inet stream any:80 by /p");
	assert_settings(policy, "address-family", "address-family inet");
	policy_free(policy);
}

/* ---- privileges ---- */

static void test_new_privileges(void **state)
{
	static const struct {
		const char *privilege, *wanted;
	} rows[] = {
		{ "", "no-new-privileges true" },
		{ "set-user-id", "no-new-privileges false" },
		{ "file capabilities", "no-new-privileges false" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		ADD(evidence, FACT_PROGRAM, "/p", "", "", "complete");
		ADD(evidence, FACT_PROGRAM, "/q", "", rows[i].privilege, "complete");
		struct policy *policy = derive(evidence);

		assert_settings(policy, "no-new-privileges", rows[i].wanted);
		policy_free(policy);
	}
}

/* chroot(2) makes no namespace. */
static void test_namespaces(void **state)
{
	static const struct {
		const char *operation, *wanted;
	} rows[] = {
		{ "chroot", "namespaces none" },
		{ "unshare", "namespaces used" },
		{ "setns", "namespaces used" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		ADD(evidence, FACT_NAMESPACE, rows[i].operation, "mnt", "/p");
		struct policy *policy = derive(evidence);

		assert_settings(policy, "namespaces", rows[i].wanted);
		policy_free(policy);
	}
}

static void test_open_questions(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	struct policy *policy = derive(evidence);
	assert_settings(policy, "memory pids-limit user", "memory?; pids-limit?; user?");
	assert_settings(policy, "cap-drop", "cap-drop ALL");
	assert_non_null(strstr(find_setting(policy, "user")->why.line[0], "no capability"));
	policy_free(policy);

	evidence = new_evidence();
	ADD(evidence, FACT_CAPABILITY, "CAP_CHOWN", "required", "chown", "", "/p", "");
	policy = derive(evidence);
	assert_non_null(strstr(find_setting(policy, "user")->why.line[0], "capabilities were"));
	policy_free(policy);
}

/* ---- limits ---- */

/* What two runs had, and were; an executable of the workload writes to a path. */
static const struct {
	struct evidence_peak peaks[2];
	const char *users[2], *capability, *written, *wanted;
} limit_rows[] = {
	/* The larger of the runs, half as much again, the next power of two. */
	{ { { 1, 1, true }, { 2, 2, true } },
	  { "7:8", "7:8" },
	  NULL,
	  NULL,
	  "memory 64M; pids-limit 64; user 7:8" },
	{ { { 44564480, 42, true }, { 44740266, 43, true } },
	  { "7:8", "7:8" },
	  NULL,
	  NULL,
	  "memory 64M; pids-limit 64; user 7:8" },
	{ { { 45088769, 44, true }, { 1, 1, true } },
	  { "7:8", "7:8" },
	  NULL,
	  NULL,
	  "memory 128M; pids-limit 128; user 7:8" },
	/* What is in a tmpfs a control group counts, but no process shows. */
	{ { { 1, 1, true }, { 1, 1, true } },
	  { "7:8", "7:8" },
	  NULL,
	  "/tmp/f",
	  "memory 64M; pids-limit 64; user 7:8" },
	{ { { 1, 1, true }, { 1, 1, false } },
	  { "7:8", "7:8" },
	  NULL,
	  "/tmp/f",
	  "memory 64M?; pids-limit 64; user 7:8" },
	{ { { 1, 1, false }, { 1, 1, false } },
	  { "7:8", "7:8" },
	  NULL,
	  "/srv/f",
	  "memory 64M; pids-limit 64; user 7:8" },
	{ { { 1, 1, false }, { 1, 1, false } },
	  { "7:8", "7:8" },
	  NULL,
	  "/dev/shm/f",
	  "memory 64M?; pids-limit 64; user 7:8" },
	{ { { 1, 1, false }, { 1, 1, false } },
	  { "7:8", "7:8" },
	  NULL,
	  "/memfd:f",
	  "memory 64M?; pids-limit 64; user 7:8" },
	/* One that was not measured may have had more. */
	{ { { 0, 0, false }, { 1, 1, true } },
	  { "", "7:8" },
	  NULL,
	  NULL,
	  "memory 64M?; pids-limit 64?; user?" },
	{ { { 1, 1, true }, { 0, 0, false } },
	  { "7:8", "" },
	  NULL,
	  NULL,
	  "memory 64M?; pids-limit 64?; user?" },
	/* A number that Docker refuses. */
	{ { { 0 }, { 0 } },
	  { "2147483648:8", "2147483648:8" },
	  NULL,
	  NULL,
	  "memory?; pids-limit?; user 2147483648:8?" },
	/* Users differ; root is never a user to set. */
	{ { { 0 }, { 0 } }, { "7:8", "7:9" }, NULL, NULL, "memory?; pids-limit?; user?" },
	{ { { 0 }, { 0 } }, { "0:0", "0:0" }, NULL, NULL, "memory?; pids-limit?; user?" },
	{ { { 0 }, { 0 } }, { "0:5", "0:5" }, "CAP_CHOWN", NULL, "memory?; pids-limit?; user?" },
};

static void set_container(struct evidence_run *run)
{
	for (size_t i = 0; i < CONTAINER_FIELDS; i++)
		run->container[i] = xstrdup(i == CONTAINER_LAYER ? "container" : "");
}

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limit_rows); i++) {
		struct evidence *evidence = new_evidence();

		evidence_begin_run(evidence, "other");
		for (size_t k = 0; k < 2; k++) {
			evidence_run(evidence, k)->peak = limit_rows[i].peaks[k];
			evidence_run(evidence, k)->user = xstrdup(limit_rows[i].users[k]);
			set_container(evidence_run(evidence, k));
		}
		if (limit_rows[i].capability)
			ADD(evidence, FACT_CAPABILITY, limit_rows[i].capability, "required",
			    "chown", "", "/p", "");
		if (limit_rows[i].written)
			ADD(evidence, FACT_PATH, limit_rows[i].written, "create", "other", "/p",
			    "");
		struct policy *policy = derive(evidence);

		assert_settings(policy, "memory pids-limit user", limit_rows[i].wanted);
		policy_free(policy);
	}
}

/* What two runs' user was in besides. */
static void test_groups(void **state)
{
	static const struct {
		const char *user, *groups[2], *wanted;
	} rows[] = {
		{ "7:8", { "", "" }, "user 7:8" },
		{ "7:8", { NULL, "" }, "user 7:8" },
		{ "7:8", { "27,44", "27,44" }, "group-add 27; group-add 44; user 7:8" },
		{ "7:8", { "27,44", "27" }, "user?" },
		{ "7:8", { "27", "" }, "user?" },
		/* A number that Docker refuses. */
		{ "7:8", { "27,2147483648", "27,2147483648" }, "user 7:8?" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		evidence_begin_run(evidence, "other");
		for (size_t k = 0; k < 2; k++) {
			struct evidence_run *run = evidence_run(evidence, k);

			run->user = xstrdup(rows[i].user);
			run->groups = rows[i].groups[k] ? xstrdup(rows[i].groups[k]) : NULL;
			set_container(run);
		}
		struct policy *policy = derive(evidence);

		assert_settings(policy, "group-add user", rows[i].wanted);
		policy_free(policy);
	}
}

/* Who ran whittle on the host is nobody in an image. */
static void test_user_of_host(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	evidence_run(evidence, 0)->user = xstrdup("7:8");
	struct policy *policy = derive(evidence);

	assert_settings(policy, "user", "user 7:8?");
	policy_free(policy);
}

/* Why root must decide: what the suggested user has to be able to do. */
static void test_root(void **state)
{
	static const struct {
		const char *written, *reason;
	} rows[] = {
		{ NULL, "will do (65534:65534) that may read" },
		{ "/tmp/f", "will do (65534:65534) that may read" },
		{ "/srv/f", "owns the volumes" },
		{ "/f", "writes where only root may" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct evidence *evidence = new_evidence();

		evidence_run(evidence, 0)->user = xstrdup("0:0");
		if (rows[i].written)
			ADD(evidence, FACT_PATH, rows[i].written, "create", "owner", "/p", "");
		struct policy *policy = derive(evidence);

		assert_non_null(strstr(find_setting(policy, "user")->why.line[0], rows[i].reason));
		policy_free(policy);
	}
}

/* Without the facet of paths nothing is known of files: no setting is made of that. */
static void test_facets(void **state)
{
	struct evidence *evidence = new_evidence();

	(void)state;
	evidence_run(evidence, 0)->facets = FACET_SECCOMP | FACET_CAPS;
	struct policy *policy = derive(evidence);
	assert_settings(policy, "read-only tmpfs volume network", "");
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_what_was_there),
		cmocka_unit_test(test_nested_places),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_network_reasons),
		cmocka_unit_test(test_new_privileges),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_open_questions),
		cmocka_unit_test(test_facets),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_user_of_host),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
