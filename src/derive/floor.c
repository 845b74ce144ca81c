/* Floors: the tables of profiles/floors, and what their columns mean. */
#include <whittle/floor.h>

#include <string.h>
#include <whittle/buf.h>

static const struct floor_row crun_rows[] = {
#include "floors/crun.inc"
};
static const struct floor_row runc_rows[] = {
#include "floors/runc.inc"
};
static const struct {
	const char *family;
	const struct floor_row *rows;
	size_t count;
} families[] = {
	{ "crun", crun_rows, ARRAY_SIZE(crun_rows) },
	{ "runc", runc_rows, ARRAY_SIZE(runc_rows) },
};

static const struct runtime_row {
	const char *runtime;
	const char *family;
	const char *source;
} runtimes[] = {
#include "runtimes.inc"
};

const char *floor_family(const char *runtime, size_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++)
		if (strcmp(runtimes[i].runtime, runtime) == 0 && index-- == 0)
			return runtimes[i].family;
	return NULL;
}

int floor_check_runtime(const char *runtime, struct error *err)
{
	AUTO_BUF struct buf list = BUF_INIT;

	if (floor_family(runtime, 0) || strcmp(runtime, "none") == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++)
		if (i == 0 || strcmp(runtimes[i].runtime, runtimes[i - 1].runtime) != 0)
			buf_addf(&list, "%s, ", runtimes[i].runtime);
	return fail(err, ERROR_INPUT, 0, "unknown runtime %s; there are: %snone", runtime,
		    buf_text(&list));
}

static const char *const starts[] = { "any", "on", "off" };

int floor_check_start(const char *no_new_privileges, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (strcmp(no_new_privileges, starts[i]) == 0)
			return 0;
	return fail(err, ERROR_INPUT, 0, "no-new-privileges is any, on or off, not %s",
		    no_new_privileges);
}

const struct floor_row *floor_rows(const char *family, size_t *ret_count)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (strcmp(families[i].family, family) == 0) {
			*ret_count = families[i].count;
			return families[i].rows;
		}
	return NULL;
}

bool floor_applies(const struct floor_row *row, const char *no_new_privileges)
{
	return strcmp(no_new_privileges, "any") == 0 ||
	       strcmp(row->no_new_privileges, "any") == 0 ||
	       strcmp(no_new_privileges, row->no_new_privileges) == 0;
}

static const char *const phase_names[] = { "run", "create", "exec", "listener" };

/* "create,exec"; any: a start of any kind, with a listener or not. */
bool floor_phases(const struct floor_row *row, unsigned int *ret_phases)
{
	const char *word = row->phases;
	unsigned int phases = 0;

	if (strcmp(word, "any") == 0) {
		*ret_phases = FLOOR_RUN | FLOOR_CREATE | FLOOR_EXEC;
		return true;
	}
	for (;;) {
		size_t length = strcspn(word, ","), i = 0;

		while (i < ARRAY_SIZE(phase_names) && (strlen(phase_names[i]) != length ||
						       strncmp(phase_names[i], word, length) != 0))
			i++;
		if (i == ARRAY_SIZE(phase_names))
			return false;
		phases |= 1U << i;
		if (!word[length])
			break;
		word += length + 1;
	}
	*ret_phases = phases;
	return true;
}

static const char *const lacks[] = {
	[LACK_FAILS] = "fails",   [LACK_ENOSYS] = "enosys",       [LACK_KILLS] = "killed",
	[LACK_SPARED] = "spared", [LACK_SOMETIMES] = "sometimes", [LACK_UNSEEN] = "unseen",
};

bool floor_lack(const struct floor_row *row, enum floor_lack *ret_lack)
{
	for (size_t i = 0; i < ARRAY_SIZE(lacks); i++)
		if (strcmp(row->lack, lacks[i]) == 0) {
			*ret_lack = (enum floor_lack)i;
			return true;
		}
	return false;
}

static bool read_number(const char **text, uint64_t *ret_number)
{
	char *end;

	*ret_number = strtoull(*text, &end, 0);
	if (end == *text)
		return false;
	*text = end;
	return true;
}

/* "0=8|24": argument 0 is 8 or 24, as an int; "2&0x4=0": under that mask; "-": any arguments. */
bool floor_condition(const struct floor_row *row, struct floor_condition *ret_condition)
{
	struct floor_condition condition = { .mask = UINT32_MAX };
	const char *text = row->arguments;
	uint64_t index;

	if (strcmp(text, "-") == 0) {
		*ret_condition = condition;
		return true;
	}
	if (!read_number(&text, &index) || index > 5)
		return false;
	condition.index = (unsigned int)index;
	if (*text == '&') {
		text++;
		if (!read_number(&text, &condition.mask))
			return false;
	}
	if (*text != '=')
		return false;
	do {
		text++;
		if (condition.count == ARRAY_SIZE(condition.values) ||
		    !read_number(&text, &condition.values[condition.count++]))
			return false;
	} while (*text == '|');
	*ret_condition = condition;
	return *text == '\0';
}

char *floor_reason(const char *family, const struct floor_row *row)
{
	return xasprintf("floor of %s %s, no-new-privileges %s, phase %s: %s", family,
			 row->versions, row->no_new_privileges, row->phases, row->source);
}
