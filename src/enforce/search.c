/*
 * U. Junker, "QuickXplain: preferred explanations and relaxations for over-constrained problems"
 * (AAAI 2004): halves are tried at once, so that the many that nobody needs cost few attempts.
 */
#include <enforce/search.h>

static uint64_t bit(int member)
{
	return (uint64_t)1 << member;
}

static uint64_t mask_of(const int *list, size_t count)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < count; i++)
		mask |= bit(list[i]);
	return mask;
}

/* The members of a set as a list, the preferred ones first. */
static size_t list_of(uint64_t set, const int *first, size_t count, int list[static 64])
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++)
		if (set & bit(first[i])) {
			list[length++] = first[i];
			set &= ~bit(first[i]);
		}
	for (int member = 0; member < 64; member++)
		if (set & bit(member))
			list[length++] = member;
	return length;
}

static int minimize(const struct search *search, uint64_t kept, const int *list, size_t count,
		    uint64_t *ret_minimal, struct error *err)
{
	uint64_t front = 0, back = 0;
	bool passed = false;
	size_t half = count / 2;

	if (count == 0) {
		*ret_minimal = 0;
		return 0;
	}
	if (search->attempt(search->context, kept, &passed, err) < 0)
		return -1;
	if (passed || count == 1) {
		*ret_minimal = passed ? 0 : bit(list[0]);
		return 0;
	}
	/* What the back half has to give is settled while all of the preferred front is there. */
	if (minimize(search, kept | mask_of(list, half), list + half, count - half, &back, err) <
		    0 ||
	    minimize(search, kept | back, list, half, &front, err) < 0)
		return -1;
	*ret_minimal = front | back;
	return 0;
}

int search_minimal(const struct search *search, uint64_t kept, uint64_t rest, const int *first,
		   size_t count, uint64_t *ret_minimal, struct error *err)
{
	int list[64];
	size_t length = list_of(rest, first, count, list);

	return minimize(search, kept, list, length, ret_minimal, err);
}

static int find_singles(const struct search *search, uint64_t kept, const int *list, size_t count,
			uint64_t *singles, struct error *err)
{
	bool passed = false;

	if (count == 0)
		return 0;
	if (search->attempt(search->context, kept | mask_of(list, count), &passed, err) < 0)
		return -1;
	if (!passed)
		return 0;
	if (count == 1) {
		*singles |= bit(list[0]);
		return 0;
	}
	if (find_singles(search, kept, list, count / 2, singles, err) < 0)
		return -1;
	return find_singles(search, kept, list + count / 2, count - count / 2, singles, err);
}

int search_singles(const struct search *search, uint64_t kept, uint64_t rest, uint64_t *ret_singles,
		   struct error *err)
{
	uint64_t singles = 0;
	int list[64];
	size_t length = list_of(rest, NULL, 0, list);

	if (find_singles(search, kept, list, length, &singles, err) < 0)
		return -1;
	*ret_singles = singles;
	return 0;
}
