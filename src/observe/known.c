#include <observe/known.h>

#include <errno.h>
#include <string.h>

/* What was seen of a call in a program; program NULL: what observer_know() said. */
struct learned {
	struct learned_key {
		const struct known_call *call;
		const struct program *program;
	} key;
	bool ok; /* it succeeded */
	struct value_set sets[KEYS_MAX];
	struct value_set wholes; /* of TOGETHER: pack() */
	UT_hash_handle hh;
};

/* ---- sets ---- */

static bool set_has(const struct value_set *set, uint64_t value)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->values[i] == value)
			return true;
	return false;
}

static void set_add(struct value_set *set, uint64_t value)
{
	if (set_has(set, value))
		return;
	if (set->count == VALUES_MAX) {
		set->many = true;
		return;
	}
	if ((set->count & (set->count - 1)) == 0) /* 0 or a power of two: full */
		set->values = xrealloc(set->values, set->count ? set->count * 2 : 1,
				       sizeof(*set->values));
	set->values[set->count++] = value;
}

static void set_merge(struct value_set *into, const struct value_set *from)
{
	for (size_t i = 0; i < from->count; i++)
		set_add(into, from->values[i]);
	into->many |= from->many;
}

void value_set_release(struct value_set *set)
{
	free(set->values);
	*set = (struct value_set){ .values = NULL };
}

void value_set_copy(struct value_set *to, const struct value_set *from)
{
	value_set_release(to);
	set_merge(to, from);
}

/* ---- what a call is known by ---- */

struct call_keys *call_keys_new(const struct observer *observer, const struct syscall_desc *row)
{
	struct call_keys *keys = xcalloc(1, sizeof(*keys));
	const struct free_rule *rule = free_rules, *end = free_rules + free_rule_count;

	while (rule < end && strcmp(rule->name, row->name) != 0)
		rule++;
	keys->rule = rule < end ? rule : NULL;
	keys->lessons = known_lessons(row);
	for (size_t i = 0; keys->rule && i < ARRAY_SIZE(rule->keys) && rule->keys[i].mask; i++)
		keys->key[keys->count++] = rule->keys[i];
	for (unsigned int i = 0; i < ARGS; i++) {
		size_t at = 0;

		if (row->args[i] < ARG_FAMILY)
			continue;
		while (at < keys->count && keys->key[at].index != i)
			at++;
		if (at == keys->count && keys->count < KEYS_MAX)
			keys->key[keys->count++] =
				(struct free_key){ i, args_mask((enum arg_kind)row->args[i]) };
		keys->is_fact[at] = true;
	}
	for (size_t i = 0; i < observer->recheck_count; i++)
		keys->recheck |= strcmp(observer->rechecks[i], row->name) == 0;
	return keys;
}

static uint64_t key_value(const struct thread *thread, const struct free_key *key)
{
	return thread->raw[key->index] & key->mask;
}

static void key_values(const struct thread *thread, uint64_t values[KEYS_MAX])
{
	const struct call_keys *keys = thread->known->keys;

	for (size_t i = 0; i < keys->count; i++)
		values[i] = key_value(thread, &keys->key[i]);
}

/* Family, type and protocol of a socket; what needs more bits than these is no socket. */
static uint64_t pack(const uint64_t *values)
{
	return (values[0] & 0xffff) << 48 | (values[1] & 0xffff) << 32 | (values[2] & UINT32_MAX);
}

static void unpack(uint64_t whole, uint64_t *ret_values)
{
	ret_values[0] = whole >> 48;
	ret_values[1] = whole >> 32 & 0xffff;
	ret_values[2] = whole & UINT32_MAX;
}

static struct learned *find_learned(const struct observer *observer, const struct known_call *call,
				    const struct program *program)
{
	struct learned_key key;
	struct learned *learned;

	memset(&key, 0, sizeof(key));
	key.call = call;
	key.program = program;
	HASH_FIND(hh, observer->learned, &key, sizeof(key), learned);
	return learned;
}

static struct learned *get_learned(struct observer *observer, const struct known_call *call,
				   const struct program *program)
{
	struct learned *learned = find_learned(observer, call, program);

	if (learned)
		return learned;
	learned = xcalloc(1, sizeof(*learned));
	learned->key = (struct learned_key){ call, program };
	HASH_ADD(hh, observer->learned, key, sizeof(learned->key), learned);
	return learned;
}

void known_learn(struct observer *observer, struct thread *thread, bool ok)
{
	const struct call_keys *keys = thread->known->keys;
	uint64_t values[KEYS_MAX] = { 0 };

	if (!keys)
		return;
	struct learned *learned = get_learned(observer, thread->known, thread->process->program);
	learned->ok |= ok;
	key_values(thread, values);
	for (size_t i = 0; i < keys->count; i++)
		set_add(&learned->sets[i], values[i]);
	if (!ok || !keys->rule)
		return;
	if (keys->rule->how == TOGETHER)
		set_add(&learned->wholes, pack(values));
	if (keys->rule->how == BY_PROCESS)
		set_add(&thread->process->accepts, values[0]);
}

bool known_fails_plainly(const struct thread *thread, int64_t result)
{
	const struct syscall_desc *row = thread->known->row;

	return result == -ENOTTY && row && args_index(row, ARG_IOCTL) >= 0;
}

/* ---- is it free? ---- */

/* Of whom the question is asked. */
struct asker {
	unsigned int wanted;             /* lessons */
	bool netlink;                    /* there are such sockets */
	const struct value_set *accepts; /* descriptors; NULL: all */
};

static bool is_possible(const struct asker *asker, const struct call_keys *keys, bool ok)
{
	const struct free_rule *rule = keys->rule;
	unsigned int teaches = keys->lessons & asker->wanted;

	if (!ok || keys->recheck || (teaches & ~(rule ? rule->answers : 0)))
		return false;
	return !teaches || !rule->sends || !(teaches & LESSON_CAPS) || !asker->netlink;
}

/* Does the rule have to be asked, or is there nothing that the call could teach? */
static bool is_ruled(const struct asker *asker, const struct call_keys *keys)
{
	return keys->rule && (keys->lessons & asker->wanted);
}

static bool is_plain(const struct asker *asker, const struct call_keys *keys,
		     const uint64_t *values)
{
	return !keys->rule->plain || keys->rule->plain(asker->wanted, values);
}

static bool zero_applies(const struct free_rule *rule, uint64_t first)
{
	return rule->zero.mask && (rule->zero.when == FOR_ALL || rule->zero.value == first);
}

static bool obeys_rule(const struct asker *asker, const struct thread *thread,
		       const struct learned *learned, const uint64_t *values)
{
	const struct call_keys *keys = thread->known->keys;
	const struct free_rule *rule = keys->rule;

	if (rule->how == TOGETHER && !set_has(&learned->wholes, pack(values)))
		return false;
	if (rule->how == BY_PROCESS && asker->accepts && !set_has(asker->accepts, values[0]))
		return false;
	if (zero_applies(rule, values[0]) && thread->raw[rule->zero.index] & rule->zero.mask)
		return false;
	return is_plain(asker, keys, values);
}

static bool is_free(const struct asker *asker, const struct thread *thread,
		    const struct learned *learned)
{
	const struct call_keys *keys = thread->known->keys;
	uint64_t values[KEYS_MAX] = { 0 };
	bool ruled = is_ruled(asker, keys);

	if (!is_possible(asker, keys, learned->ok))
		return false;
	key_values(thread, values);
	for (size_t i = 0; i < keys->count; i++) {
		const struct value_set *set = &learned->sets[i];

		if ((keys->is_fact[i] || ruled) && !set_has(set, values[i]) &&
		    !(set->many && keys->is_fact[i]))
			return false;
	}
	return !ruled || obeys_rule(asker, thread, learned, values);
}

bool known_free(const struct observer *observer, const struct thread *thread)
{
	const struct asker asker = { known_wanted(observer, thread->process), observer->netlink,
				     &thread->process->accepts };
	const struct learned *learned;

	if (!thread->known->keys)
		return false;
	learned = find_learned(observer, thread->known, thread->process->program);
	return learned && is_free(&asker, thread, learned);
}

/* ---- the list of them ---- */

struct free_list {
	struct free_call *calls;
	size_t count, room;
};

static struct free_call *list_add(struct free_list *list, uint64_t nr)
{
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 64;
		list->calls = xrealloc(list->calls, list->room, sizeof(*list->calls));
	}
	struct free_call *call = &list->calls[list->count++];
	*call = (struct free_call){ .nr = nr };
	return call;
}

static void call_add_arg(struct free_call *call, const struct free_key *key, const uint64_t *values,
			 size_t count)
{
	struct free_arg *arg = &call->args[call->arg_count++];

	*arg = (struct free_arg){ .index = key->index, .mask = key->mask, .count = count };
	arg->values = xcalloc(count, sizeof(*values));
	memcpy(arg->values, values, count * sizeof(*values));
}

static void call_add_zero(struct free_call *call, const struct free_rule *rule)
{
	const struct free_key key = { rule->zero.index, rule->zero.mask };
	const uint64_t zero = 0;

	call_add_arg(call, &key, &zero, 1);
}

/* Nothing is left to be learned but the arguments that are facts. */
static void list_unruled(struct free_list *list, const struct learned *learned)
{
	const struct call_keys *keys = learned->key.call->keys;

	for (size_t i = 0; i < keys->count; i++)
		if (keys->is_fact[i] && !learned->sets[i].many && !learned->sets[i].count)
			return;
	struct free_call *call = list_add(list, learned->key.call->key.nr);
	for (size_t i = 0; i < keys->count; i++)
		if (keys->is_fact[i] && !learned->sets[i].many)
			call_add_arg(call, &keys->key[i], learned->sets[i].values,
				     learned->sets[i].count);
}

/* A socket of an earlier run may have been another ABI's: facts of sockets do not say. */
static bool knows_arguments(const struct learned *learned, const uint64_t *values)
{
	const struct call_keys *keys = learned->key.call->keys;

	for (size_t i = 0; i < keys->count; i++)
		if (keys->is_fact[i] && !learned->sets[i].many &&
		    !set_has(&learned->sets[i], values[i]))
			return false;
	return true;
}

static void list_wholes(struct free_list *list, const struct asker *asker,
			const struct learned *learned)
{
	const struct call_keys *keys = learned->key.call->keys;

	for (size_t i = 0; i < learned->wholes.count; i++) {
		uint64_t values[3];

		unpack(learned->wholes.values[i], values);
		if (!is_plain(asker, keys, values) || !knows_arguments(learned, values))
			continue;
		struct free_call *call = list_add(list, learned->key.call->key.nr);
		for (size_t k = 0; k < ARRAY_SIZE(values); k++)
			call_add_arg(call, &keys->key[k], &values[k], 1);
	}
}

/* Two keys: for each value of the first those of the second that teach nothing with it. */
static void list_pairs(struct free_list *list, const struct asker *asker,
		       const struct learned *learned)
{
	const struct call_keys *keys = learned->key.call->keys;
	const struct value_set *first = &learned->sets[0], *second = &learned->sets[1];

	for (size_t i = 0; i < first->count; i++) {
		uint64_t plain[VALUES_MAX];
		size_t count = 0;

		for (size_t k = 0; k < second->count; k++) {
			const uint64_t values[] = { first->values[i], second->values[k] };

			if (is_plain(asker, keys, values))
				plain[count++] = second->values[k];
		}
		if (!count)
			continue;
		struct free_call *call = list_add(list, learned->key.call->key.nr);
		call_add_arg(call, &keys->key[0], &first->values[i], 1);
		call_add_arg(call, &keys->key[1], plain, count);
	}
}

/* One key; its values with and without the condition of the rule are two calls. */
static void list_values(struct free_list *list, const struct asker *asker,
			const struct learned *learned, const struct value_set *set)
{
	const struct call_keys *keys = learned->key.call->keys;

	for (int zero = 0; zero < 2; zero++) {
		uint64_t plain[VALUES_MAX];
		size_t count = 0;

		for (size_t i = 0; i < set->count; i++)
			if (zero_applies(keys->rule, set->values[i]) == (bool)zero &&
			    is_plain(asker, keys, &set->values[i]))
				plain[count++] = set->values[i];
		if (!count)
			continue;
		struct free_call *call = list_add(list, learned->key.call->key.nr);
		call_add_arg(call, &keys->key[0], plain, count);
		if (zero)
			call_add_zero(call, keys->rule);
	}
}

static void list_learned(struct free_list *list, const struct asker *asker,
			 const struct learned *learned)
{
	const struct call_keys *keys = learned->key.call->keys;
	const struct free_rule *rule = keys->rule;

	if (!is_possible(asker, keys, learned->ok))
		return;
	if (!is_ruled(asker, keys))
		list_unruled(list, learned);
	else if (rule->how == TOGETHER)
		list_wholes(list, asker, learned);
	else if (rule->how == BY_PROCESS && !asker->accepts)
		list_add(list, learned->key.call->key.nr);
	else if (rule->how == BY_PROCESS)
		list_values(list, asker, learned, asker->accepts);
	else if (keys->count == 0)
		call_add_zero(list_add(list, learned->key.call->key.nr), rule);
	else if (keys->count == 1)
		list_values(list, asker, learned, &learned->sets[0]);
	else
		list_pairs(list, asker, learned);
}

static void release_learned(struct learned *learned)
{
	for (size_t i = 0; i < KEYS_MAX; i++)
		value_set_release(&learned->sets[i]);
	value_set_release(&learned->wholes);
}

/* What all programs, and observer_know(), know of a call. */
static void merge_all(const struct observer *observer, const struct known_call *call,
		      struct learned *ret_all)
{
	*ret_all = (struct learned){ .key = { call, NULL } };
	for (const struct learned *one = observer->learned; one; one = one->hh.next) {
		if (one->key.call != call)
			continue;
		ret_all->ok |= one->ok;
		for (size_t i = 0; i < KEYS_MAX; i++)
			set_merge(&ret_all->sets[i], &one->sets[i]);
		set_merge(&ret_all->wholes, &one->wholes);
	}
}

/* An earlier run accepted connections: a new socket to accept them on shows by its listen(2). */
static struct asker ask_for_all(const struct observer *observer)
{
	static const struct value_set none;
	unsigned int wanted = known_wanted(observer, NULL) | LESSON_LISTEN;

	return (struct asker){ wanted, observer->taught_netlink || observer->netlink,
			       observer->taught_accept ? NULL : &none };
}

static void list_all(struct free_list *list, const struct observer *observer)
{
	const struct asker asker = ask_for_all(observer);

	for (const struct known_call *call = observer->calls; call; call = call->hh.next) {
		struct learned all;

		if (!call->keys)
			continue;
		merge_all(observer, call, &all);
		list_learned(list, &asker, &all);
		release_learned(&all);
	}
}

static void list_process(struct free_list *list, const struct observer *observer, pid_t tgid)
{
	const struct process *process;

	HASH_FIND_INT(observer->processes, &tgid, process);
	if (!process)
		return;
	const struct asker asker = { known_wanted(observer, process), observer->netlink,
				     &process->accepts };
	for (const struct learned *one = observer->learned; one; one = one->hh.next)
		if (one->key.program == process->program)
			list_learned(list, &asker, one);
}

struct free_call *observer_free_calls(const struct observer *observer, pid_t tgid,
				      size_t *ret_count)
{
	struct free_list list = { .calls = NULL };

	if (tgid)
		list_process(&list, observer, tgid);
	else
		list_all(&list, observer);
	*ret_count = list.count;
	return list.calls;
}

void known_forget(struct observer *observer)
{
	struct learned *learned = observer->learned, *next;

	HASH_CLEAR(hh, observer->learned);
	for (; learned; learned = next) {
		next = learned->hh.next;
		release_learned(learned);
		free(learned);
	}
	for (size_t i = 0; i < observer->recheck_count; i++)
		free(observer->rechecks[i]);
	free(observer->rechecks);
}

/* ---- facts of earlier runs ---- */

/* What was learned of the native call of that name by observer_know(); NULL if there is none. */
static struct learned *taught(struct observer *observer, const char *abi, const char *name)
{
	const struct abi *native = observer->native;
	int64_t nr;

	if (!native || strcmp(abi, native->name) != 0)
		return NULL;
	nr = syscall_desc_find(name) ? abi_syscall_number(native, name) : -1;
	if (nr < 0)
		return NULL;
	struct known_call *call = call_of_number(observer, native, (uint64_t)nr);
	return call->keys ? get_learned(observer, call, NULL) : NULL;
}

static void know_argument(struct observer *observer, const struct fact *fact)
{
	const char *index = fact->field[ARGUMENT_INDEX], *value = fact->field[ARGUMENT_VALUE];
	struct learned *learned =
		taught(observer, fact->field[ARGUMENT_ABI], fact->field[ARGUMENT_NAME]);

	if (!learned || index[0] < '0' || index[0] > '5' || index[1])
		return;
	const struct call_keys *keys = learned->key.call->keys;
	for (size_t i = 0; i < keys->count; i++) {
		char *end;
		uint64_t number = strtoull(value, &end, 16);

		if (keys->key[i].index != (unsigned int)(index[0] - '0'))
			continue;
		if (strcmp(value, "many") == 0)
			learned->sets[i].many = true;
		else if (end != value && !*end)
			set_add(&learned->sets[i], number & keys->key[i].mask);
	}
}

/* The number behind a name of socket_family_name() or socket_type_name(); -1 if there is none. */
static int number_of_name(const char *(*name_of)(int, char[16]), const char *name)
{
	char scratch[16];

	for (int number = 0; number < 256; number++)
		if (strcmp(name_of(number, scratch), name) == 0)
			return number;
	return -1;
}

static void know_socket(struct observer *observer, const struct fact *fact)
{
	const char *operation = fact->field[SOCKET_OPERATION];
	const char *protocol = fact->field[SOCKET_PROTOCOL];
	int family = number_of_name(socket_family_name, fact->field[SOCKET_FAMILY]);
	int type = number_of_name(socket_type_name, fact->field[SOCKET_TYPE]);
	char *end;
	long number = strtol(protocol, &end, 10);

	if (strcmp(fact->field[SOCKET_FAMILY], "netlink") == 0)
		observer->taught_netlink = true;
	if (strcmp(operation, "accept") == 0)
		observer->taught_accept = true;
	if ((strcmp(operation, "socket") != 0 && strcmp(operation, "socketpair") != 0) ||
	    family < 0 || type < 0 || end == protocol || *end)
		return;
	struct learned *learned = taught(observer, observer->native->name, operation);
	if (learned)
		set_add(&learned->wholes, pack((const uint64_t[]){ (uint64_t)family, (uint64_t)type,
								   (uint64_t)number }));
}

/* The workload looks at files of processes: see looked_meet(). */
static bool is_meeting(const struct fact *fact)
{
	if (fact->kind == FACT_PTRACE)
		return strcmp(fact->field[PTRACE_REQUEST], "read") == 0;
	return fact->kind == FACT_PATH && strcmp(fact->field[PATH_PATH], "/proc/") == 0 &&
	       strcmp(fact->field[PATH_ACCESS], "list") == 0;
}

void observer_know(struct observer *observer, const struct fact *fact, uint64_t count)
{
	struct learned *learned;
	const char *result = fact->field[SYSCALL_RESULT];

	observer->taught = true;
	observer->taught_meets |= is_meeting(fact);
	if (fact->kind == FACT_ARGUMENT)
		know_argument(observer, fact);
	if (fact->kind == FACT_SOCKET)
		know_socket(observer, fact);
	if (fact->kind != FACT_SYSCALL)
		return;
	const struct syscall_desc *row = syscall_desc_find(fact->field[SYSCALL_NAME]);
	if (row && free_is_search(row))
		observer->taught_searches += count;
	bool unknown = strcmp(result, "unknown") == 0 && (observer->flags & OBSERVE_RESULTLESS);
	bool plain = row && args_index(row, ARG_IOCTL) >= 0 && strcmp(result, "ENOTTY") == 0;
	if (strcmp(result, "ok") != 0 && strcmp(result, "none") != 0 && !unknown && !plain)
		return;
	learned = taught(observer, fact->field[SYSCALL_ABI], fact->field[SYSCALL_NAME]);
	if (!learned)
		return;
	learned->ok = true;
}

void observer_recheck(struct observer *observer, const char *name)
{
	observer->rechecks = xrealloc(observer->rechecks, observer->recheck_count + 1,
				      sizeof(*observer->rechecks));
	observer->rechecks[observer->recheck_count++] = xstrdup(name);
	for (struct known_call *call = observer->calls; call; call = call->hh.next)
		if (call->keys && strcmp(call->name, name) == 0)
			call->keys->recheck = true;
}

/* ---- what a filter of observer_free_calls(0) hides ---- */

/* Which argument of a call a fact is about, and its value. */
struct about {
	const char *abi, *name;
	int index; /* -1: the call itself */
	uint64_t value;
};

static bool arg_allows(const struct free_call *call, const struct about *about)
{
	for (size_t i = 0; i < call->arg_count; i++) {
		const struct free_arg *arg = &call->args[i];

		if ((int)arg->index != about->index)
			continue;
		for (size_t k = 0; k < arg->count; k++)
			if (arg->values[k] == (about->value & arg->mask))
				return true;
		return false;
	}
	return true;
}

static bool is_hidden(const struct observer *observer, const struct about *about)
{
	const struct asker asker = ask_for_all(observer);
	const struct abi *native = observer->native;
	struct free_list list = { .calls = NULL };
	const struct learned *learned;
	bool found = false;

	if (!native || strcmp(about->abi, native->name) != 0)
		return false;
	for (learned = observer->learned; learned; learned = learned->hh.next)
		if (!learned->key.program && strcmp(learned->key.call->name, about->name) == 0)
			list_learned(&list, &asker, learned);
	for (size_t i = 0; i < list.count; i++) {
		found |= about->index < 0 || arg_allows(&list.calls[i], about);
		for (size_t k = 0; k < list.calls[i].arg_count; k++)
			free(list.calls[i].args[k].values);
	}
	free(list.calls);
	return found;
}

static bool hides_argument(const struct observer *observer, const struct fact *fact)
{
	const char *index = fact->field[ARGUMENT_INDEX], *value = fact->field[ARGUMENT_VALUE];
	struct about about = { fact->field[ARGUMENT_ABI], fact->field[ARGUMENT_NAME], -1, 0 };
	char *end;

	if (index[0] < '0' || index[0] > '5' || index[1])
		return false;
	about.value = strtoull(value, &end, 16);
	if (end != value && !*end)
		about.index = index[0] - '0';
	return is_hidden(observer, &about);
}

static bool hides_socket(const struct observer *observer, const struct fact *fact)
{
	const char *operation = fact->field[SOCKET_OPERATION];
	struct about about = { observer->native->name, operation, 0, 0 };
	struct about accept4 = { about.abi, "accept4", -1, 0 };

	if (strcmp(operation, "accept") == 0) {
		about.index = -1;
		return is_hidden(observer, &about) || is_hidden(observer, &accept4);
	}
	int family = number_of_name(socket_family_name, fact->field[SOCKET_FAMILY]);
	about.value = family < 0 ? UINT64_MAX : (uint64_t)family;
	return (observer->flags & OBSERVE_PATHS) && is_hidden(observer, &about);
}

bool observer_hides(const struct observer *observer, const struct fact *fact)
{
	switch (fact->kind) {
	case FACT_SYSCALL:
	case FACT_SITE: /* its first two fields are the same */
		return is_hidden(observer, &(struct about){ fact->field[SYSCALL_ABI],
							    fact->field[SYSCALL_NAME], -1, 0 });
	case FACT_ARGUMENT:
		return hides_argument(observer, fact);
	case FACT_SOCKET:
		return hides_socket(observer, fact);
	default: /* calls that give these report */
		return false;
	}
}
