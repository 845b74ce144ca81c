#include <trace/filter.h>

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <trace/notified.h>
#include <uthash.h>

/* Each is a rule of its own; a filter of the kernel has at most 4096 instructions (BPF_MAXINSNS).
 */
#define COMBINATIONS_MAX 128
#define RULES_MAX        600

void free_calls_release(struct free_call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < calls[i].arg_count; j++)
			free(calls[i].args[j].values);
	free(calls);
}

static size_t combinations(const struct free_call *call)
{
	size_t product = 1;

	for (size_t i = 0; i < call->arg_count; i++) {
		product *= call->args[i].count;
		if (product > COMBINATIONS_MAX)
			return COMBINATIONS_MAX + 1;
	}
	return product;
}

/* The nth combination: the numbers of its values are the digits of n. */
static int add_combination(scmp_filter_ctx filter, const struct free_call *call, size_t n)
{
	struct scmp_arg_cmp compare[ARRAY_SIZE(call->args)];

	for (size_t i = 0; i < call->arg_count; i++) {
		const struct free_arg *arg = &call->args[i];
		uint64_t value = arg->values[n % arg->count] & arg->mask;

		compare[i] =
			(struct scmp_arg_cmp){ arg->index, SCMP_CMP_MASKED_EQ, arg->mask, value };
		if (arg->mask == UINT64_MAX)
			compare[i] = (struct scmp_arg_cmp){ arg->index, SCMP_CMP_EQ, value, 0 };
		n /= arg->count;
	}
	return seccomp_rule_add_exact_array(filter, SCMP_ACT_ALLOW, (int)call->nr,
					    (unsigned int)call->arg_count, compare);
}

static int add_calls(scmp_filter_ctx filter, const struct free_call *calls, size_t count)
{
	size_t rules = 0;

	for (size_t i = 0; i < count; i++) {
		size_t product = combinations(&calls[i]);

		if (product > COMBINATIONS_MAX || rules + product > RULES_MAX)
			continue;
		rules += product;
		for (size_t n = 0; n < product; n++) {
			int number = add_combination(filter, &calls[i], n);

			if (number < 0 && number != -EEXIST)
				return number;
		}
	}
	return 0;
}

static bool is_listed(const struct free_call *calls, size_t count, int nr)
{
	for (size_t i = 0; i < count; i++)
		if (calls[i].nr == (uint64_t)nr)
			return true;
	return false;
}

/* Rules of one call must exclude each other: a wider one would swallow the others. */
static int add_notified_call(scmp_filter_ctx filter, const struct notified_call *call, int nr,
			     uint64_t pass)
{
	const struct scmp_arg_cmp passes = { NOTIFIED_PASS_INDEX, SCMP_CMP_EQ, pass, 0 };
	const struct scmp_arg_cmp notifies[] = {
		{ NOTIFIED_PASS_INDEX, SCMP_CMP_NE, pass, 0 },
		{ call->index, SCMP_CMP_MASKED_EQ, call->bits, 0 },
	};
	int number = seccomp_rule_add_exact_array(filter, SCMP_ACT_ALLOW, nr, 1, &passes);

	if (number < 0)
		return number;
	return seccomp_rule_add_exact_array(filter, SCMP_ACT_NOTIFY, nr, call->bits ? 2 : 1,
					    notifies);
}

/* pass 0: none. */
static int add_notified(scmp_filter_ctx filter, const struct free_call *calls, size_t count,
			uint64_t pass)
{
	for (size_t i = 0; i < notified_call_count && pass; i++) {
		int nr = seccomp_syscall_resolve_name(notified_calls[i].name);
		int number = 0;

		if (nr >= 0 && !is_listed(calls, count, nr)) /* not every machine has them all */
			number = add_notified_call(filter, &notified_calls[i], nr, pass);
		if (number < 0)
			return number;
	}
	return 0;
}

/* libseccomp writes programs to files only. */
static int read_program(scmp_filter_ctx filter, struct sock_fprog *ret_program)
{
	AUTO_CLOSE int fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	int number = seccomp_export_bpf(filter, fd);
	if (number < 0)
		return number;
	if (fstat(fd, &st) < 0)
		return -errno;
	size_t count = (size_t)st.st_size / sizeof(struct sock_filter);
	if (count == 0 || count > BPF_MAXINSNS)
		return -E2BIG;
	AUTO_FREE struct sock_filter *code = xcalloc(count, sizeof(*code));
	if (pread(fd, code, count * sizeof(*code), 0) != (ssize_t)(count * sizeof(*code)))
		return -EIO;
	*ret_program = (struct sock_fprog){ .len = (unsigned short)count, .filter = STEAL(code) };
	return 0;
}

static int build(scmp_filter_ctx filter, const struct free_call *calls, size_t count,
		 uint32_t action, uint64_t pass, struct sock_fprog *ret_program)
{
	int number = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, action);

	if (number == 0) /* a tree over the numbers: libseccomp 2.5 */
		number = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (number == 0)
		number = add_calls(filter, calls, count);
	if (number == 0)
		number = add_notified(filter, calls, count, pass);
	return number == 0 ? read_program(filter, ret_program) : number;
}

static int build_filter(const struct free_call *calls, size_t count, uint32_t action, uint64_t pass,
			struct sock_fprog *ret_program, struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(action);

	if (!filter)
		return fail(err, ERROR_SYSTEM, 0, "libseccomp refuses the action 0x%x", action);
	int number = build(filter, calls, count, action, pass, ret_program);
	seccomp_release(filter);
	if (number < 0)
		return fail(err, ERROR_SYSTEM, -number, "cannot build a filter");
	return 0;
}

int filter_build(const struct free_call *calls, size_t count, uint32_t action,
		 struct sock_fprog *ret_program, struct error *err)
{
	return build_filter(calls, count, action, 0, ret_program, err);
}

int filter_build_notified(const struct free_call *calls, size_t count, uint64_t pass,
			  struct sock_fprog *ret_program, struct error *err)
{
	return build_filter(calls, count, FILTER_TRACE, pass, ret_program, err);
}

void filter_release(struct sock_fprog *program)
{
	free(program->filter);
	*program = (struct sock_fprog){ .len = 0, .filter = NULL };
}

/* ---- those that were built before ---- */

enum { BUILT_MAX = 64 };

struct built {
	char *key;
	size_t length;
	struct sock_fprog program;
	UT_hash_handle hh;
};

static void add_word(struct buf *key, uint64_t word)
{
	buf_add(key, (const char *)&word, sizeof(word));
}

/* All that the program depends on. */
static void make_key(const struct free_call *calls, size_t count, uint64_t pass,
		     struct buf *ret_key)
{
	add_word(ret_key, pass);
	for (size_t i = 0; i < count; i++) {
		add_word(ret_key, calls[i].nr);
		add_word(ret_key, calls[i].arg_count);
		for (size_t k = 0; k < calls[i].arg_count; k++) {
			const struct free_arg *arg = &calls[i].args[k];

			add_word(ret_key, arg->index);
			add_word(ret_key, arg->mask);
			add_word(ret_key, arg->count);
			buf_add(ret_key, (const char *)arg->values,
				arg->count * sizeof(*arg->values));
		}
	}
}

void filters_free(struct built *built)
{
	struct built *one, *next;

	HASH_ITER (hh, built, one, next) {
		HASH_DEL(built, one);
		filter_release(&one->program);
		free(one->key);
		free(one);
	}
}

int filter_kept(struct built **built, const struct free_call *calls, size_t count, uint64_t pass,
		struct sock_fprog *ret_program, struct error *err)
{
	AUTO_BUF struct buf key = BUF_INIT;
	struct built *one;

	make_key(calls, count, pass, &key);
	HASH_FIND(hh, *built, key.data, key.length, one);
	if (one) {
		*ret_program = one->program;
		return 0;
	}
	if (filter_build_notified(calls, count, pass, ret_program, err) < 0)
		return -1;
	if (HASH_COUNT(*built) == BUILT_MAX) {
		filters_free(*built);
		*built = NULL;
	}
	one = xcalloc(1, sizeof(*one));
	one->program = *ret_program;
	one->length = key.length;
	one->key = buf_steal(&key);
	HASH_ADD_KEYPTR(hh, *built, one->key, one->length, one);
	return 0;
}
