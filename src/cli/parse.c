/* Arguments of options that several commands take. */
#include <cli/cli.h>

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
