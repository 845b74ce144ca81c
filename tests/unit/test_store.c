/* evidence.json: the bytes written, and each way in which a file is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* base.h has one of its own */

#include <evidence/store.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* One run, one fact; the refusals below change one place of it. */
static const char good[] =
	"{\n"
	"\"schema\": \"whittle-evidence/5\",\n"
	"\"runs\": [\n"
	"{\"id\": \"00112233445566778899aabbccddeeff\", \"name\": \"run\", "
	"\"command\": [\"/bin/a\", \"x\\\"y\", \"\\\\x0a\"], \"outcome\": {\"exited\": 0}, "
	"\"expected\": true, \"engine\": \"ptrace\", \"filter\": \"learned+known\", "
	"\"facets\": \"seccomp,paths\", \"kernel\": \"6.1.0\", "
	"\"machine\": \"x86_64\", \"libc\": \"glibc 2.36\", \"privileged\": false, "
	"\"user\": \"0:65534\", \"groups\": \"27,44\", "
	"\"peak\": {\"memory\": 1048576, \"tasks\": 3, \"of\": \"cgroup\"}, "
	"\"container\": {\"layer\": \"exec\", \"id\": \"c1\", \"name\": \"web\", \"image\": "
	"\"a:1\", "
	"\"digest\": \"\", \"runtime\": \"runc\", \"version\": \"1.1.5\", \"unseen\": "
	"\"#,write\"}, "
	"\"complete\": true, \"losses\": {}, \"limitations\": {\"set-id-ignored\": 2}}\n"
	"],\n"
	"\"programs\": [\n"
	"{\"path\": \"/bin/\xc3\xa9\", \"loader\": \"\", \"privilege\": \"\", "
	"\"attribution\": \"incomplete\", \"counts\": [\"carried\"]}\n"
	"],\n"
	"\"syscalls\": [],\n"
	"\"arguments\": [],\n"
	"\"sites\": [],\n"
	"\"paths\": [\n"
	"{\"path\": \"/proc/\\\\{pid}/a\\\\xff\", \"access\": \"read\", \"owner\": \"owner\", "
	"\"program\": \"/bin/a\", \"target\": \"\", \"counts\": [3]}\n"
	"],\n"
	"\"execs\": [],\n"
	"\"sockets\": [],\n"
	"\"capabilities\": [],\n"
	"\"signals\": [],\n"
	"\"ptraces\": [],\n"
	"\"mounts\": [],\n"
	"\"namespaces\": [],\n"
	"\"runtime\": []\n"
	"}\n";

static struct evidence *parse(const char *text, size_t length)
{
	struct evidence *evidence = NULL;
	struct error err = { 0 };

	if (evidence_parse("e", text, length, &evidence, &err) < 0)
		print_error("%s\n", err.text);
	assert_non_null(evidence);
	return evidence;
}

static char *print(struct evidence *evidence)
{
	struct buf out = BUF_INIT;

	evidence_print(evidence, &out);
	return buf_steal(&out);
}

static void test_round_trip(void **state)
{
	struct evidence *evidence = parse(good, sizeof(good) - 1);

	(void)state;
	const struct evidence_run *run = evidence_run_at(evidence, 0);
	assert_string_equal(run->command[1], "x\"y");
	assert_string_equal(run->command[2], "\\x0a");
	assert_null(run->command[3]);
	assert_true(run->outcome == OUTCOME_EXITED && run->status == 0 && run->expected);
	assert_int_equal(run->limitation_count, 1);
	assert_int_equal(run->limitations[0].count, 2);
	assert_true(run->filter_learned && run->filter_known);
	assert_int_equal(run->facets, FACET_SECCOMP | FACET_PATHS);
	AUTO_FREE char *text = print(evidence);
	assert_string_equal(text, good);
	evidence_free(evidence);
}

/* good, as whittle wrote it before schema 2. */
static const char version_1[] =
	"{\"schema\": \"whittle-evidence/1\", \"runs\": ["
	"{\"id\": \"00112233445566778899aabbccddeeff\", \"name\": \"run\", \"command\": [], "
	"\"outcome\": {\"exited\": 0}, \"expected\": true, \"engine\": \"ptrace\", "
	"\"kernel\": \"6.1.0\", \"machine\": \"x86_64\", \"libc\": \"glibc 2.36\", "
	"\"privileged\": false, \"complete\": true, \"losses\": {}, \"limitations\": {}}], "
	"\"programs\": [{\"path\": \"/bin/a\", \"loader\": \"\", \"privilege\": \"\", "
	"\"counts\": [1]}], \"syscalls\": [], \"arguments\": [], \"sites\": [], \"paths\": [], "
	"\"execs\": [], \"sockets\": [], \"capabilities\": [], \"signals\": [], "
	"\"ptraces\": [], \"mounts\": [], \"namespaces\": []}";

static void test_version_1(void **state)
{
	struct evidence *evidence = parse(version_1, strlen(version_1));
	const struct evidence_run *run = evidence_run_at(evidence, 0);
	size_t count;

	(void)state;
	assert_false(run->filter_learned || run->filter_known);
	assert_int_equal(run->facets, FACET_SECCOMP | FACET_CAPS | FACET_PATHS | FACET_STAT);
	AUTO_FREE const struct evidence_fact **facts =
		evidence_facts(evidence, FACT_PROGRAM, &count);
	assert_int_equal(count, 1);
	assert_string_equal(facts[0]->fact.field[PROGRAM_ATTRIBUTION], "complete");
	AUTO_FREE char *text = print(evidence);
	assert_non_null(strstr(text, "\"whittle-evidence/5\""));
	assert_non_null(strstr(text, "\"filter\": \"none\", "
				     "\"facets\": \"seccomp,caps,paths,stat\""));
	assert_non_null(strstr(text, "\"user\": \"\", \"groups\": \"\", "
				     "\"peak\": {\"memory\": 0, \"tasks\": 0, "
				     "\"of\": \"processes\"}"));
	assert_non_null(strstr(text, "\"attribution\": \"complete\", \"counts\": [1]"));
	/* The run as it was and as it is written now are the same run. */
	struct evidence *again = parse(text, strlen(text));
	struct error err;
	assert_int_equal(evidence_merge(again, evidence, &err), 0);
	AUTO_FREE char *same = print(again);
	assert_string_equal(text, same);
	evidence_free(evidence);
	evidence_free(again);
}

static void test_empty_evidence(void **state)
{
	struct evidence *evidence = evidence_new();

	(void)state;
	AUTO_FREE char *text = print(evidence);
	struct evidence *again = parse(text, strlen(text));
	AUTO_FREE char *same = print(again);
	assert_string_equal(text, same);
	evidence_free(evidence);
	evidence_free(again);
}

/* Every kind of fact, every outcome, runs out of order, in memory and back. */
static struct evidence *make_all(void)
{
	static const struct {
		enum outcome outcome;
		int status;
	} ends[] = {
		{ OUTCOME_EXITED, 0 },         { OUTCOME_EXITED, 255 },
		{ OUTCOME_SIGNALED, SIGKILL }, { OUTCOME_STOPPED, SIGTERM },
		{ OUTCOME_SIGNALED, 34 + 3 },  { OUTCOME_SIGNALED, 32 },
		{ OUTCOME_UNKNOWN, 0 },
	};
	struct evidence *evidence = evidence_new();

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct evidence_run *run =
			evidence_run(evidence, evidence_begin_run(evidence, "a \"name\""));

		run->outcome = ends[i].outcome;
		run->status = ends[i].status;
		evidence_add_loss(evidence, i, "event-lost");
	}
	for (enum fact_kind kind = 0; kind < FACT_KINDS; kind++) {
		const char *fourth = kind == FACT_PROGRAM ? "complete" : "\\x00";
		const struct fact one = { kind, { "a", "\"", "'", fourth, "\xc3\xa9", "", "/" } };
		const struct fact two = { kind, { "", "", "", fourth, "", "", "" } };

		evidence_add(evidence, kind % ARRAY_SIZE(ends), &one);
		evidence_add(evidence, 1, &one);
		evidence_add(evidence, 2, &two);
		evidence_carry(evidence, 3, kind % 2 ? &one : &two);
	}
	return evidence;
}

static void test_round_trip_all(void **state)
{
	struct evidence *evidence = make_all();

	(void)state;
	AUTO_FREE char *text = print(evidence);
	struct evidence *again = parse(text, strlen(text));
	AUTO_FREE char *same = print(again);
	assert_string_equal(text, same);
	for (size_t i = 1; i < evidence_run_count(again); i++)
		assert_true(strcmp(evidence_run_at(again, i - 1)->id,
				   evidence_run_at(again, i)->id) < 0);
	assert_non_null(strstr(text, "{\"stopped\": \"SIGTERM\"}"));
	assert_non_null(strstr(text, "{\"signaled\": \"SIGRTMIN+3\"}"));
	assert_non_null(strstr(text, "{\"unknown\": true}"));
	assert_non_null(strstr(text, "\"carried\""));
	evidence_free(evidence);
	evidence_free(again);
}

/* Names nobody escaped cannot break the file. */
static void test_raw_label(void **state)
{
	struct evidence *evidence = evidence_new();

	(void)state;
	evidence_begin_run(evidence, "a\nb\xff\\");
	AUTO_FREE char *text = print(evidence);
	struct evidence *again = parse(text, strlen(text));
	assert_string_equal(evidence_run_at(again, 0)->name, "a\\x0ab\\xff\\x5c");
	evidence_free(evidence);
	evidence_free(again);
}

static void test_signal_names(void **state)
{
	(void)state;
	for (int signal = 1; signal <= 64; signal++) {
		AUTO_FREE char *name = signal_to_name(signal);

		assert_int_equal(signal_of_name(name), signal);
	}
	assert_int_equal(signal_of_name("TERM"), 0);
	assert_int_equal(signal_of_name(""), 0);
	assert_int_equal(signal_of_name("SIG65"), 0);
	assert_int_equal(signal_of_name("SIGRTMIN+31"), 0);
}

struct refusal {
	const char *old, *new; /* the first old of good becomes new */
	const char *message;   /* after "e: " */
};

static char *change_in(const char *whole, const char *old, const char *new)
{
	struct buf text = BUF_INIT;
	const char *at = strstr(whole, old);

	assert_non_null(at);
	buf_add(&text, whole, (size_t)(at - whole));
	buf_adds(&text, new);
	buf_adds(&text, at + strlen(old));
	return buf_steal(&text);
}

static char *change(const struct refusal *refusal)
{
	return change_in(good, refusal->old, refusal->new);
}

static void assert_refused(const char *text, size_t length, const char *message)
{
	struct evidence *evidence = NULL;
	struct error err = { 0 };

	assert_int_equal(evidence_parse("e", text, length, &evidence, &err), -1);
	assert_int_equal(err.kind, ERROR_INPUT);
	assert_null(evidence);
	assert_int_equal(strncmp(err.text, "e: ", 3), 0);
	if (strncmp(err.text + 3, message, strlen(message)) != 0)
		assert_string_equal(err.text + 3, message);
}

static const struct refusal schema_refusals[] = {
	{ "evidence/5", "evidence/6", "whittle-evidence/6: made by a newer whittle; upgrade" },
	{ "evidence/5", "evidence/99999999999999999999",
	  "whittle-evidence/99999999999999999999: made by a newer whittle; upgrade" },
	{ "evidence/5", "evidence/17", "whittle-evidence/17: made by a newer whittle; upgrade" },
	{ "evidence/5", "evidence/", "schema \"whittle-evidence/\" is not" },
	{ "evidence/5", "evidence/5x", "schema \"whittle-evidence/5x\" is not" },
	{ "evidence/5", "evidence/0", "schema \"whittle-evidence/0\" is not" },
	{ "evidence/5", "evidence/1", "unknown section \"runtime\"" },
	{ "evidence/5", "evidence/2", "unknown section \"runtime\"" },
	{ "evidence/5", "evidence/3", "runs[0]: unknown field \"user\"" },
	{ "evidence/5", "evidence/4", "runs[0]: unknown field \"groups\"" },
	{ "evidence/5", "evidence/02", "schema \"whittle-evidence/02\" is not" },
	{ "evidence/5", "policy/1", "schema \"whittle-policy/1\" is not" },
	{ "\"whittle-evidence/5\"", "1", "field \"schema\" must not be a number" },
	{ "\"schema\"", "\"scheme\"", "this is not evidence: it names no schema" },
	{ "\"syscalls\": [],\n", "", "field \"syscalls\" is missing" },
	{ "\"runs\": [\n", "\"runs\": {}, \"more\": [\n", "unknown section \"more\"" },
	{ "\"syscalls\": []", "\"syscalls\": {}", "field \"syscalls\" must not be an object" },
	{ "\"syscalls\": []", "\"syscalls\": [], \"syscalls\": []", "line " },
	{ "\"runtime\": []\n}", "\"runtime\": []\n",
	  "line 24, column 0: '}' expected near end of file" },
	{ "\"runtime\": []\n}", "\"runtime\": []\n}x", "line 23, column 2: end of file" },
	{ "\"/bin/a\"", "\"/bin/\\u0000\"", "line 4, column " },
	{ "\"/bin/a\"", "\"/bin/\xff\"", "line 4, column " },
	{ "\"/bin/a\"", "\"/bin/\n\"", "line 4, column " },
	{ "[3]", "[99999999999999999999]", "line 13, column " },
};

static const struct refusal run_refusals[] = {
	{ "aabbccddeeff", "AABBCCDDEEFF", "runs[0]: field \"id\" is not 32 hexadecimal digits" },
	{ "aabbccddeeff", "aabbcc", "runs[0]: field \"id\" is not 32 hexadecimal digits" },
	{ "\"engine\": \"ptrace\", ", "", "runs[0]: field \"engine\" is missing" },
	{ "\"engine\"", "\"pid\": 1, \"engine\"", "runs[0]: unknown field \"pid\"" },
	{ "\"engine\"", "\"\\u001b[31m\": 1, \"engine\"", "runs[0]: unknown field \"\\x1b[31m\"" },
	{ "\"6.1.0\"", "6.1", "runs[0]: field \"kernel\" must not be a number" },
	{ "\"6.1.0\"", "\"6\\t1\"", "runs[0]: field \"kernel\" is not evidence text" },
	{ "\"expected\": true", "\"expected\": 1",
	  "runs[0]: field \"expected\" must not be a number" },
	{ "\"filter\": \"learned+known\", ", "", "runs[0]: field \"filter\" is missing" },
	{ "\"learned+known\"", "\"known+learned\"",
	  "runs[0]: field \"filter\" is none that whittle knows" },
	{ "\"learned+known\"", "\"\"", "runs[0]: field \"filter\" is none that" },
	{ "\"learned+known\"", "null", "runs[0]: field \"filter\" must not be null" },
	{ "\"seccomp,paths\"", "7", "runs[0]: field \"facets\" must not be a number" },
	{ "\"seccomp,paths\"", "\"\"", "runs[0]: field \"facets\" has a word" },
	{ "\"seccomp,paths\"", "\"seccomp,paths,\"", "runs[0]: field \"facets\" has a word" },
	{ "\"seccomp,paths\"", "\"seccomp,pathss\"", "runs[0]: field \"facets\" has a word" },
	{ "\"seccomp,paths\"", "\"seccomp,path\"", "runs[0]: field \"facets\" has a word" },
	{ "\"seccomp,paths\"", "\"paths,seccomp\"",
	  "runs[0]: field \"facets\" should read \"seccomp,paths\"" },
	{ "\"seccomp,paths\"", "\"seccomp,paths,paths\"", "runs[0]: field \"facets\" should read" },
	{ "\"seccomp,paths\"", "\"paths\"", "runs[0]: field \"facets\" should read" },
	{ "\"seccomp,paths\"", "\"seccomp,stat\"",
	  "runs[0]: field \"facets\" should read \"seccomp,paths,stat\"" },
	{ "\"user\": \"0:65534\", ", "", "runs[0]: field \"user\" is missing" },
	{ "0:65534", "0", "runs[0]: field \"user\" is not UID:GID" },
	{ "0:65534", "0:", "runs[0]: field \"user\" is not UID:GID" },
	{ "0:65534", ":0", "runs[0]: field \"user\" is not UID:GID" },
	{ "0:65534", "0:0 --privileged", "runs[0]: field \"user\" is not UID:GID" },
	{ "0:65534", "00:0", "runs[0]: field \"user\" is not UID:GID" },
	{ "0:65534", "1:9999999999", "runs[0]: field \"user\" is not UID:GID" },
	{ "\"0:65534\"", "0", "runs[0]: field \"user\" must not be a number" },
	{ "\"groups\": \"27,44\", ", "", "runs[0]: field \"groups\" is missing" },
	{ "27,44", "44,27", "runs[0]: field \"groups\" is no list" },
	{ "27,44", "27,27", "runs[0]: field \"groups\" is no list" },
	{ "27,44", "27,", "runs[0]: field \"groups\" is no list" },
	{ "27,44", ",27", "runs[0]: field \"groups\" is no list" },
	{ "27,44", "27 44", "runs[0]: field \"groups\" is no list" },
	{ "27,44", "27,44 --privileged", "runs[0]: field \"groups\" is no list" },
	{ "27,44", "27,044", "runs[0]: field \"groups\" is no list" },
	{ "27,44", "27,9999999999", "runs[0]: field \"groups\" is no list" },
	{ "0:65534", "", "runs[0]: field \"groups\" is no list" },
	{ "\"peak\"", "\"peek\"", "runs[0]: unknown field \"peek\"" },
	{ "\"tasks\": 3", "\"tasks\": -3", "runs[0]: tasks: a count must be from 0" },
	{ "\"tasks\": 3", "\"tasks\": \"3\"", "runs[0]: field \"tasks\" must not be a string" },
	{ "\"tasks\": 3", "\"tasks\": 3, \"cpu\": 1", "runs[0]: unknown field \"cpu\"" },
	{ "1048576", "9007199254740992", "runs[0]: memory: a count must be from 0" },
	{ "\"cgroup\"", "\"group\"", "runs[0]: field \"of\" is neither cgroup nor processes" },
	{ "\"layer\": \"exec\"", "\"layer\": \"\"", "runs[0]: field \"layer\" is neither" },
	{ "\"layer\": \"exec\", ", "", "runs[0]: field \"layer\" is missing" },
	{ "\"layer\": ", "\"pid\": 1, \"layer\": ", "runs[0]: unknown field \"pid\"" },
	{ "\"container\": {", "\"contained\": {", "runs[0]: unknown field \"contained\"" },
	{ "\"complete\": true", "\"complete\": false", "runs[0]: field \"complete\" contradicts" },
	{ "\"expected\": true", "\"expected\": false", "runs[0]: field \"complete\" contradicts" },
	{ "\"losses\": {}", "\"losses\": {\"event-lost\": 1}",
	  "runs[0]: field \"complete\" contrad" },
	{ "\"losses\": {}", "\"losses\": []", "runs[0]: field \"losses\" must not be an array" },
	{ "\"losses\": {}", "\"losses\": {\"Event\": 1}",
	  "runs[0]: field \"losses\": \"Event\" is no" },
	{ "\"losses\": {}", "\"losses\": {\"\": 1}", "runs[0]: field \"losses\": \"\" is no kind" },
	{ "ignored\": 2", "ignored\": 0",
	  "runs[0]: field \"limitations\": \"set-id-ignored\" never" },
	{ "ignored\": 2", "ignored\": -1", "runs[0]: limitations: a count must be from 0" },
	{ "ignored\": 2", "ignored\": 1.5",
	  "runs[0]: limitations: a count must be a whole number" },
	{ "{\"exited\": 0}", "{\"exited\": 256}", "runs[0]: field \"outcome\": an exit status" },
	{ "{\"exited\": 0}", "{\"exited\": \"0\"}", "runs[0]: field \"outcome\": an exit status" },
	{ "{\"exited\": 0}", "{}", "runs[0]: field \"outcome\" is none that whittle knows" },
	{ "{\"exited\": 0}", "{\"vanished\": 0}", "runs[0]: field \"outcome\" is none that" },
	{ "{\"exited\": 0}", "{\"exited\": 0, \"unknown\": true}",
	  "runs[0]: field \"outcome\" is none" },
	{ "{\"exited\": 0}", "{\"signaled\": 9}", "runs[0]: field \"outcome\" names no signal" },
	{ "{\"exited\": 0}", "{\"stopped\": \"SIGWHAT\"}", "runs[0]: field \"outcome\" names no" },
	{ "{\"exited\": 0}", "{\"unknown\": 0}",
	  "runs[0]: field \"outcome\": unknown must be true" },
	{ "{\"exited\": 0}", "0", "runs[0]: field \"outcome\" must not be a number" },
	{ "[\"/bin/a\", ", "[1, ", "runs[0]: field \"command\"[0] is not evidence text" },
	{ "\"\\\\x0a\"", "\"\\\\n\"", "runs[0]: field \"command\"[2] is not evidence text" },
	{ "\"runs\": [\n", "\"runs\": [\n7, ", "runs[0]: a run must not be a number" },
};

static const struct refusal fact_refusals[] = {
	{ "\"counts\": [3]", "\"counts\": []",
	  "paths[0]: field \"counts\" has 0 numbers for 1 runs" },
	{ "\"counts\": [3]", "\"counts\": [3, 1]", "paths[0]: field \"counts\" has 2 numbers" },
	{ "\"counts\": [3]", "\"counts\": [-3]",
	  "paths[0]: field \"counts\": a count must be from 0" },
	{ "\"counts\": [3]", "\"counts\": [3.0]",
	  "paths[0]: field \"counts\": a count must be a whole" },
	{ "\"counts\": [3]", "\"counts\": [true]",
	  "paths[0]: field \"counts\": a count must be a" },
	{ "\"counts\": [3]", "\"counts\": [9007199254740992]",
	  "paths[0]: field \"counts\": a count" },
	{ "\"counts\": [3]", "\"counts\": [0]", "paths[0]: no run showed this fact" },
	{ "\"counts\": [3]", "\"counts\": 3", "paths[0]: field \"counts\" must not be a number" },
	{ "\"counts\": [3]", "\"counts\": [\"Carried\"]",
	  "paths[0]: field \"counts\": a count must be a" },
	{ "\"learned+known\"", "\"learned\"",
	  "programs[0]: field \"counts\": run 00112233445566778899aabbccddeeff had no filter" },
	{ "\"incomplete\"", "\"\"", "programs[0]: field \"attribution\" is neither" },
	{ "\"incomplete\"", "\"Complete\"", "programs[0]: field \"attribution\" is neither" },
	{ ", \"attribution\": \"incomplete\"", "",
	  "programs[0]: field \"attribution\" is missing" },
	{ ", \"counts\": [3]", "", "paths[0]: field \"counts\" is missing" },
	{ "\"loader\": \"\", ", "", "programs[0]: field \"loader\" is missing" },
	{ "\"loader\": \"\"", "\"loader\": null",
	  "programs[0]: field \"loader\" must not be null" },
	{ "\"loader\"", "\"x\": 1, \"loader\"", "programs[0]: unknown field \"x\"" },
	{ "{pid}/a", "{who}/a", "paths[0]: field \"path\" is not evidence text" },
	{ "\\\\xff", "\\\\xFF", "paths[0]: field \"path\" is not evidence text" },
	{ "\"owner\": \"owner\"", "\"owner\": \"\\u202e\"", "paths[0]: field \"owner\" is not" },
	{ "\"execs\": [", "\"execs\": [[]", "execs[0]: a fact must not be an array" },
	{ "\"execs\": [",
	  "\"execs\": [{\"path\": \"\", \"by\": \"\", \"interpreters\": \"\", \"counts\": [1]},"
	  "{\"path\": \"\", \"by\": \"\", \"interpreters\": \"\", \"counts\": [1]}",
	  "execs[1]: this fact is there twice" },
};

static void check_refusals(const struct refusal *refusals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *text = change(&refusals[i]);

		assert_refused(text, strlen(text), refusals[i].message);
	}
}

static void test_schema_refusals(void **state)
{
	(void)state;
	check_refusals(schema_refusals, ARRAY_SIZE(schema_refusals));
}

static void test_run_refusals(void **state)
{
	(void)state;
	check_refusals(run_refusals, ARRAY_SIZE(run_refusals));
}

static void test_fact_refusals(void **state)
{
	(void)state;
	check_refusals(fact_refusals, ARRAY_SIZE(fact_refusals));
}

/* What schema 2 brought is unknown in a file of schema 1. */
static void test_version_1_refusals(void **state)
{
	static const struct refusal rows[] = {
		{ "\"kernel\"", "\"facets\": \"seccomp\", \"kernel\"",
		  "runs[0]: unknown field \"facets\"" },
		{ "\"counts\": [1]", "\"attribution\": \"complete\", \"counts\": [1]",
		  "programs[0]: unknown field \"attribution\"" },
		{ "[1]", "[\"carried\"]", "programs[0]: field \"counts\": a count must be" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = change_in(version_1, rows[i].old, rows[i].new);

		assert_refused(text, strlen(text), rows[i].message);
	}
}

static void test_duplicate_run(void **state)
{
	const char *begin = strstr(good, "{\"id\"");
	const char *end = strstr(good, "\n],");
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	buf_add(&text, good, (size_t)(end - good));
	buf_adds(&text, ",\n");
	buf_add(&text, begin, (size_t)(end - begin));
	buf_adds(&text, end);
	assert_refused(text.data, text.length, "runs[1]: the id of this run is that of runs[0]");
}

static void test_long_strings(void **state)
{
	AUTO_FREE char *path = xcalloc(FIELD_MAX + 2, 1);

	(void)state;
	memset(path, 'p', FIELD_MAX + 1);
	const struct refusal refusal = { "/bin/\xc3\xa9", path,
					 "programs[0]: field \"path\" has more than" };
	AUTO_FREE char *text = change(&refusal);
	assert_refused(text, strlen(text), refusal.message);
	path[FIELD_MAX] = '\0';
	AUTO_FREE char *shorter = change(&refusal);
	evidence_free(parse(shorter, strlen(shorter)));
}

/* Any beginning of a file is refused, never taken for the whole. */
static void test_truncated(void **state)
{
	(void)state;
	assert_refused(good, 0, "the file is empty");
	for (size_t length = 1; length < sizeof(good) - 2; length++)
		assert_refused(good, length, "line ");
}

static void test_deep_nesting(void **state)
{
	AUTO_FREE char *text = xcalloc(1000001, 1);

	(void)state;
	memset(text, '[', 1000000);
	assert_refused(text, 1000000, "line 1, column 2049: maximum parsing depth reached");
	assert_refused("[]", 2, "this is an array, not evidence");
	assert_refused("\"\\u001b\"", 8, "line 1, column ");
}

static void test_newer_has_hint(void **state)
{
	static const char text[] = "{\"schema\": \"whittle-evidence/6\", \"other\": 1}";
	struct evidence *evidence = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(evidence_parse("e", text, strlen(text), &evidence, &err), -1);
	assert_string_equal(err.text, "e: whittle-evidence/6: made by a newer whittle; upgrade");
	assert_string_equal(err.hint, "this whittle reads up to whittle-evidence/5");
}

static void test_save_and_load(void **state)
{
	char place[] = "/tmp/whittle-store.XXXXXX";
	struct evidence *evidence = make_all();
	struct evidence *again = NULL;
	struct error err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(place));
	AUTO_CLOSE int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *path = xasprintf("%s/evidence.json", place);
	assert_int_equal(evidence_load(path, &again, &err), -1);
	assert_true(err.kind == ERROR_SYSTEM && err.number == ENOENT);
	assert_int_equal(evidence_save(evidence, fd, "evidence.json", &err), 0);
	assert_int_equal(evidence_load(path, &again, &err), 0);
	AUTO_FREE char *one = print(evidence);
	AUTO_FREE char *two = print(again);
	assert_string_equal(one, two);
	/* a sparse file that is too large is refused without being kept in memory */
	AUTO_CLOSE int file = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(file, (off_t)257 << 20), 0);
	evidence_free(again);
	again = NULL;
	assert_int_equal(evidence_load(path, &again, &err), -1);
	assert_int_equal(err.kind, ERROR_INPUT);
	assert_null(again);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(place), 0);
	evidence_free(evidence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_empty_evidence),
		cmocka_unit_test(test_round_trip_all), cmocka_unit_test(test_raw_label),
		cmocka_unit_test(test_signal_names),   cmocka_unit_test(test_schema_refusals),
		cmocka_unit_test(test_run_refusals),   cmocka_unit_test(test_fact_refusals),
		cmocka_unit_test(test_duplicate_run),  cmocka_unit_test(test_long_strings),
		cmocka_unit_test(test_truncated),      cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_newer_has_hint), cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_version_1),      cmocka_unit_test(test_version_1_refusals),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
