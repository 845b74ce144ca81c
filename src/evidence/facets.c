/* The words for what a run is to learn. */
#include <string.h>
#include <whittle/evidence.h>

static const struct {
	const char *word;
	unsigned int facet;
	unsigned int with; /* it, and what it rests on */
} facets[] = {
	{ "seccomp", FACET_SECCOMP, FACET_SECCOMP },
	{ "caps", FACET_CAPS, FACET_SECCOMP | FACET_CAPS },
	{ "paths", FACET_PATHS, FACET_SECCOMP | FACET_PATHS },
	{ "stat", FACET_STAT, FACET_SECCOMP | FACET_PATHS | FACET_STAT },
};

static unsigned int facet_of(const char *word, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(facets); i++)
		if (strlen(facets[i].word) == length && strncmp(facets[i].word, word, length) == 0)
			return facets[i].with;
	return 0;
}

bool facets_parse(const char *list, unsigned int *ret_facets)
{
	unsigned int all = 0;

	for (;;) {
		size_t length = strcspn(list, ",");
		unsigned int facet = facet_of(list, length);

		if (!facet)
			return false;
		all |= facet;
		if (!list[length])
			break;
		list += length + 1;
	}
	*ret_facets = all;
	return true;
}

void facets_print(unsigned int set, struct buf *out)
{
	const char *separator = "";

	for (size_t i = 0; i < ARRAY_SIZE(facets); i++) {
		if (!(set & facets[i].facet))
			continue;
		buf_addf(out, "%s%s", separator, facets[i].word);
		separator = ",";
	}
}
