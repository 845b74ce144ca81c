/* Arguments of options that several commands take. */
#include <cli/cli.h>
#include <cli/record.h>

#include <string.h>

int parse_seconds(const char *text, double *ret_seconds)
{
	char *end;
	double seconds = strtod(text, &end);

	if (!*text || *end || !(seconds > 0) || seconds > 1e9)
		return -1;
	*ret_seconds = seconds;
	return 0;
}

int parse_status(const char *text, int *ret_status)
{
	char *end;
	long status = strtol(text, &end, 10);

	if (!*text || *end || status < 0 || status > 255)
		return -1;
	*ret_status = (int)status;
	return 0;
}

int parse_engine(const char *text, enum engine_choice *ret_engine)
{
	static const struct {
		const char *name;
		enum engine_choice engine;
	} rows[] = {
		{ "auto", CHOOSE_AUTO },
		{ "notify", CHOOSE_NOTIFY },
		{ "ptrace", CHOOSE_PTRACE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].name, text) == 0) {
			*ret_engine = rows[i].engine;
			return 0;
		}
	return -1;
}
