/* Facts: their fields, and which the observer is asked for and has given already. */
#include <observe/observe.h>

#include <string.h>

const struct fact_desc fact_descs[FACT_KINDS] = {
	[FACT_PROGRAM] = { "programs", { "path", "loader", "privilege", "attribution" } },
	[FACT_SYSCALL] = { "syscalls", { "abi", "name", "program", "result" } },
	[FACT_ARGUMENT] = { "arguments", { "abi", "name", "index", "value", "program" } },
	[FACT_SITE] = { "sites", { "abi", "name", "program", "frames" } },
	[FACT_PATH] = { "paths", { "path", "access", "owner", "program", "target" } },
	[FACT_EXEC] = { "execs", { "path", "by", "interpreters" } },
	[FACT_SOCKET] = { "sockets",
			  { "operation", "family", "type", "protocol", "address", "port",
			    "program" } },
	[FACT_CAPABILITY] = { "capabilities",
			      { "name", "verdict", "syscall", "object", "program", "source" } },
	[FACT_SIGNAL] = { "signals", { "name", "to", "program" } },
	[FACT_PTRACE] = { "ptraces", { "request", "to", "program", "result" } },
	[FACT_MOUNT] = { "mounts",
			 { "operation", "fstype", "options", "source", "target", "program" } },
	[FACT_NAMESPACE] = { "namespaces", { "operation", "kinds", "program" } },
	[FACT_RUNTIME] = { "runtime", { "abi", "name" } },
};

/* A fact that was given, by its bytes: kind and fields, each ended by a NUL. */
struct seen_fact {
	UT_hash_handle hh;
	char key[];
};

/* The facet that a kind belongs to; 0: it is always asked for, and known elsewhere. */
static unsigned int facet_of(enum fact_kind kind)
{
	switch (kind) {
	case FACT_PROGRAM:
	case FACT_SYSCALL:
	case FACT_ARGUMENT:
	case FACT_SITE:
	case FACT_EXEC:
	case FACT_RUNTIME:
		return 0;
	case FACT_CAPABILITY:
		return OBSERVE_CAPS;
	default:
		return OBSERVE_PATHS;
	}
}

static void build_key(struct fact *fact, struct buf *out)
{
	buf_addc(out, (char)fact->kind);
	for (size_t i = 0; i < FACT_FIELDS; i++) {
		if (!fact->field[i])
			fact->field[i] = "";
		buf_add(out, fact->field[i], strlen(fact->field[i]) + 1);
	}
}

/* Was it given before? It is from now on, if add. */
static bool seen_before(struct observer *observer, struct fact *fact, bool add)
{
	struct seen_fact *seen;

	buf_truncate(&observer->fact_key, 0);
	build_key(fact, &observer->fact_key);
	HASH_FIND(hh, observer->seen_facts, observer->fact_key.data, observer->fact_key.length,
		  seen);
	if (seen || !add)
		return seen != NULL;
	seen = xcalloc(1, sizeof(*seen) + observer->fact_key.length);
	memcpy(seen->key, observer->fact_key.data, observer->fact_key.length);
	HASH_ADD_KEYPTR(hh, observer->seen_facts, seen->key, observer->fact_key.length, seen);
	return false;
}

void emit_fields(struct observer *observer, struct fact *fact)
{
	unsigned int facet = facet_of(fact->kind);

	if (facet && !(observer->flags & facet))
		return;
	bool known = seen_before(observer, fact, facet && !observer->rehearsal);
	if (observer->rehearsal)
		observer->surprise |= !known;
	else
		observer->sink->fact(observer->sink->context, fact);
}

void emit_loss(struct observer *observer, const char *kind)
{
	observer->surprise = true;
	if (!observer->rehearsal)
		observer->sink->loss(observer->sink->context, kind);
}

void emit_limitation(struct observer *observer, const char *kind)
{
	observer->surprise = true;
	if (!observer->rehearsal)
		observer->sink->limitation(observer->sink->context, kind);
}

void set_once(struct observer *observer, bool *state)
{
	observer->surprise |= !*state;
	if (!observer->rehearsal)
		*state = true;
}

void emit_refusal(struct observer *observer, enum refuser refusal)
{
	if (refusal == REFUSER_OUTER)
		emit_limitation(observer, "outer-refused");
	if (refusal == REFUSER_UNTOLD && !observer->refusals_untold) {
		emit_limitation(observer, "outer-untold");
		set_once(observer, &observer->refusals_untold);
	}
}

size_t facts_count(const struct observer *observer)
{
	return HASH_COUNT(observer->seen_facts);
}

void facts_forget(struct observer *observer)
{
	struct seen_fact *seen, *next;

	HASH_ITER (hh, observer->seen_facts, seen, next) {
		HASH_DEL(observer->seen_facts, seen);
		free(seen);
	}
	buf_free(&observer->fact_key);
}
