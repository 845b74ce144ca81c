/* System calls by number, and the facts of calls themselves: results and call sites. */
#include <observe/known.h>

#include <string.h>

/* A syscall fact that was built once; later ones are counted through it. */
struct seen_key {
	const struct known_call *known;
	const struct program *program;
	int64_t result;   /* 0 or -errno */
	const char *word; /* constant, instead of a result */
};

struct seen_call {
	struct seen_key key;
	char *result;
	struct fact fact;
	UT_hash_handle hh;
};

struct site_key {
	const struct known_call *known;
	const struct program *program;
};

struct seen_site {
	struct site_key key;
	UT_hash_handle hh;
};

struct known_call *call_of_number(struct observer *observer, const struct abi *abi, uint64_t nr)
{
	struct known_call *known, *fresh;
	AUTO_BUF struct buf name = BUF_INIT;
	__typeof__(known->key) key;

	memset(&key, 0, sizeof(key));
	key.abi = abi;
	key.nr = nr;
	HASH_FIND(hh, observer->calls, &key, sizeof(key), known);
	if (known)
		return known;
	fresh = xcalloc(1, sizeof(*fresh));
	fresh->key = key;
	if (!abi_syscall_name(abi, nr, &name))
		emit_limitation(observer, "unknown-syscall");
	fresh->row = syscall_desc_find(name.data);
	if (!fresh->row && name.data[0] != '#')
		emit_limitation(observer, "undecoded-syscall");
	if (fresh->row && abi == observer->native)
		fresh->keys = call_keys_new(observer, fresh->row);
	fresh->name = buf_steal(&name);
	observer->landlocked |= strcmp(fresh->name, "landlock_restrict_self") == 0;
	HASH_ADD(hh, observer->calls, key, sizeof(key), fresh);
	return fresh;
}

/* word (a constant) stands for what is no result. */
static struct seen_key seen_key(const struct thread *thread, int64_t result, const char *word)
{
	struct seen_key key;

	memset(&key, 0, sizeof(key));
	key.known = thread->known;
	key.program = thread->process->program;
	key.result = word || args_outcome(result).ok ? 0 : result;
	key.word = word;
	return key;
}

bool call_was_seen(const struct observer *observer, const struct thread *thread, int64_t result)
{
	struct seen_key key = seen_key(thread, result, NULL);
	struct seen_call *seen;

	HASH_FIND(hh, observer->seen_calls, &key, sizeof(key), seen);
	return seen != NULL;
}

/* Counts the call: word (a constant) instead of the result's name if given. */
void record_call(struct observer *observer, struct thread *thread, int64_t result, const char *word)
{
	struct seen_call *seen;
	struct seen_key key = seen_key(thread, result, word);
	AUTO_BUF struct buf text = BUF_INIT;

	HASH_FIND(hh, observer->seen_calls, &key, sizeof(key), seen);
	if (!seen) {
		seen = xcalloc(1, sizeof(*seen));
		memcpy(&seen->key, &key, sizeof(key)); /* with its padding */
		if (word)
			buf_adds(&text, word);
		else
			args_result_name(key.result, &text);
		seen->result = buf_steal(&text);
		seen->fact = (struct fact){ .kind = FACT_SYSCALL,
					    .field = { thread->abi->name, thread->known->name,
						       thread_program(thread), seen->result, "", "",
						       "" } };
		HASH_ADD(hh, observer->seen_calls, key, sizeof(key), seen);
	}
	observer->sink->fact(observer->sink->context, &seen->fact);
}

/* With its padding. */
static void make_site_key(const struct thread *thread, struct site_key *ret_key)
{
	memset(ret_key, 0, sizeof(*ret_key));
	ret_key->known = thread->known;
	ret_key->program = thread->process->program;
}

bool site_was_seen(const struct observer *observer, const struct thread *thread)
{
	struct seen_site *seen;
	struct site_key key;

	make_site_key(thread, &key);
	HASH_FIND(hh, observer->seen_sites, &key, sizeof(key), seen);
	return seen != NULL;
}

void record_site(struct observer *observer, struct thread *thread, uint64_t ip)
{
	struct seen_site *seen;
	struct site_key key;
	AUTO_BUF struct buf frames = BUF_INIT;

	make_site_key(thread, &key);
	HASH_FIND(hh, observer->seen_sites, &key, sizeof(key), seen);
	if (seen)
		return;
	seen = xcalloc(1, sizeof(*seen));
	seen->key = key;
	HASH_ADD(hh, observer->seen_sites, key, sizeof(key), seen);
	stacks_unwind(observer->stacks, thread->process->tgid, thread->tid, thread->abi, ip,
		      &frames);
	emit_fact(observer, FACT_SITE, thread->abi->name, thread->known->name,
		  thread_program(thread), buf_text(&frames));
}

void calls_forget(struct observer *observer)
{
	struct seen_call *seen, *next;
	struct seen_site *site, *next_site;
	struct known_call *known, *next_known;

	HASH_ITER (hh, observer->seen_calls, seen, next) {
		HASH_DEL(observer->seen_calls, seen);
		free(seen->result);
		free(seen);
	}
	HASH_ITER (hh, observer->seen_sites, site, next_site) {
		HASH_DEL(observer->seen_sites, site);
		free(site);
	}
	HASH_ITER (hh, observer->calls, known, next_known) {
		HASH_DEL(observer->calls, known);
		free(known->name);
		free(known->keys);
		free(known);
	}
}
