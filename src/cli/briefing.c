#include <cli/briefing.h>

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ANSWER_MAX = 1 << 20,
	PATIENCE_MS = 20000, /* the agent may have as many recordings as it can have at once */
	COMBINATIONS_MAX = 64,
	RULES_MAX = 600 /* a filter of the kernel has at most 4096 instructions (BPF_MAXINSNS) */
};

static const char question[] = "{\"whittle\":\"how\"}";

bool briefing_attaches(const struct record_options *options)
{
	return options->engine == CHOOSE_PTRACE ||
	       (options->exact && options->engine == CHOOSE_AUTO);
}

/* ---- rules for what is known ---- */

static json_t *string(const char *text)
{
	return xchecked(json_string_nocheck(text));
}

/* NULL if JSON's integers cannot hold the value: they are signed. */
static json_t *compare(const struct free_arg *arg, uint64_t value)
{
	bool whole = arg->mask == UINT64_MAX;
	uint64_t first = whole ? value : arg->mask;

	if (first > INT64_MAX || value > INT64_MAX)
		return NULL;
	json_t *row = xchecked(json_object());
	json_object_set_new(row, "index", json_integer(arg->index));
	json_object_set_new(row, "value", json_integer((json_int_t)first));
	json_object_set_new(row, "op", string(whole ? "SCMP_CMP_EQ" : "SCMP_CMP_MASKED_EQ"));
	if (!whole)
		json_object_set_new(row, "valueTwo", json_integer((json_int_t)value));
	return row;
}

/* The nth combination: the numbers of its values are the digits of n. */
static json_t *combination(const struct free_call *call, size_t n)
{
	json_t *args = xchecked(json_array());

	for (size_t i = 0; i < call->arg_count; i++) {
		const struct free_arg *arg = &call->args[i];
		json_t *row = compare(arg, arg->values[n % arg->count] & arg->mask);

		if (!row) {
			json_decref(args);
			return NULL;
		}
		json_array_append_new(args, row);
		n /= arg->count;
	}
	return args;
}

static size_t combinations(const struct free_call *call)
{
	size_t product = 1;

	for (size_t i = 0; i < call->arg_count; i++)
		product = product > COMBINATIONS_MAX ? product : product * call->args[i].count;
	return product;
}

static void add_rule(json_t *rules, const char *name, json_t *args)
{
	json_t *rule = xchecked(json_object()), *names = xchecked(json_array());

	json_array_append_new(names, string(name));
	json_object_set_new(rule, "names", names);
	json_object_set_new(rule, "action", string("SCMP_ACT_ALLOW"));
	if (json_array_size(args))
		json_object_set(rule, "args", args);
	json_array_append_new(rules, rule);
}

static void add_call(json_t *rules, const struct free_call *call)
{
	const struct abi *native = abi_of_machine(NULL);
	size_t product = combinations(call);
	AUTO_BUF struct buf name = BUF_INIT;

	if (product > COMBINATIONS_MAX || json_array_size(rules) + product > RULES_MAX ||
	    !abi_syscall_name(native, call->nr, &name) ||
	    seccomp_syscall_resolve_name(buf_text(&name)) == __NR_SCMP_ERROR)
		return;
	/* The end of a thread is always told. */
	if (strcmp(buf_text(&name), "exit") == 0 || strcmp(buf_text(&name), "exit_group") == 0)
		return;
	for (size_t n = 0; n < product; n++) {
		json_t *args = combination(call, n);

		if (args)
			add_rule(rules, buf_text(&name), args);
		json_decref(args);
	}
}

static json_t *known_rules(const struct record_options *options)
{
	struct evidence *nowhere = evidence_new();
	struct run_target to = { nowhere, evidence_begin_run(nowhere, "none") };
	struct fact_sink sink = run_sink(&to);
	struct observer *observer =
		observer_new(&sink, options->facets | OBSERVE_ADOPTED | OBSERVE_RESULTLESS);
	json_t *rules = xchecked(json_array());
	size_t count = 0;

	known_teach(options, observer);
	struct free_call *calls = observer_free_calls(observer, 0, &count);
	for (size_t i = 0; i < count; i++)
		add_call(rules, &calls[i]);
	free_calls_release(calls, count);
	observer_free(observer);
	evidence_free(nowhere);
	return rules;
}

void briefing_answer(const struct record_options *options, int socket)
{
	bool attach = briefing_attaches(options);
	json_t *answer = xchecked(json_object());

	json_object_set_new(answer, "engine", string(attach ? "ptrace" : "notify"));
	if (options->known && !attach)
		json_object_set_new(answer, "known", known_rules(options));
	AUTO_FREE char *text = xchecked(json_dumps(answer, JSON_COMPACT));
	json_decref(answer);
	for (size_t at = 0, length = strlen(text); at < length;) {
		ssize_t sent = send(socket, text + at, length - at, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return;
		at += sent > 0 ? (size_t)sent : 0;
	}
}

/* ---- the runtime's side ---- */

static int receive(int socket, struct buf *text, struct error *err)
{
	struct pollfd ready = { .fd = socket, .events = POLLIN };
	char bytes[16384];

	while (text->length < ANSWER_MAX) {
		int more = poll(&ready, 1, PATIENCE_MS);
		if (more < 0 && errno == EINTR)
			continue;
		if (more == 0)
			return fail(err, ERROR_SYSTEM, ETIMEDOUT,
				    "the agent does not say how to record the container");
		ssize_t got = recv(socket, bytes, sizeof(bytes), 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) /* an agent that refused the question may reset the connection */
			return 0;
		buf_add(text, bytes, (size_t)got);
	}
	return fail(err, ERROR_INPUT, 0, "the agent's answer is too long");
}

int briefing_ask(int socket, struct briefing *ret_briefing, struct error *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct briefing briefing = { false, NULL };

	if (send(socket, question, strlen(question), MSG_NOSIGNAL) != (ssize_t)strlen(question))
		return fail(err, ERROR_SYSTEM, errno, "cannot ask the agent");
	if (receive(socket, &text, err) < 0)
		return -1;
	json_t *answer = json_loadb(text.data ? text.data : "", text.length, 0, NULL);
	if (text.length && !json_is_object(answer)) {
		json_decref(answer);
		return fail(err, ERROR_INPUT, 0, "the agent's answer cannot be read");
	}
	const char *engine = json_string_value(json_object_get(answer, "engine"));
	const json_t *known = json_object_get(answer, "known");
	briefing.attach = engine && strcmp(engine, "ptrace") == 0;
	if (json_is_array(known))
		briefing.known = xchecked(json_dumps(known, JSON_COMPACT));
	json_decref(answer);
	*ret_briefing = briefing;
	return 0;
}

void briefing_release(struct briefing *briefing)
{
	free(briefing->known);
	briefing->known = NULL;
}
