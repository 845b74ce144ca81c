/* Commands that run another one, which may be a container engine: "sudo podman run ...". */
#include <whittle/container.h>

#include <string.h>

/*
 * Options that take no word, and those that take the next one; what may be elsewhere then (another
 * directory, another user) is in neither: such a command line is not understood.
 */
static const struct prefix {
	const char *name, *flags, *valued;
	bool assigns;          /* words with "=" stand before the command */
	unsigned int operands; /* other words that do */
	bool gains;            /* the command has other rights */
} prefixes[] = {
	{ "env", "-i --ignore-environment -v --debug", "-u --unset", true, 0, false },
	{ "sudo", "-E --preserve-env -H --set-home -n --non-interactive -b --background", "", true,
	  0, true },
	{ "doas", "-n", "", false, 0, true },
	{ "nice", "", "-n --adjustment", false, 0, false },
	{ "nohup", "", "", false, 0, false },
	{ "timeout", "--foreground --preserve-status -v --verbose", "-k --kill-after -s --signal",
	  false, 1, false },
};

static const struct prefix *find(const char *command)
{
	const char *slash = strrchr(command, '/');
	const char *name = slash ? slash + 1 : command;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strcmp(prefixes[i].name, name) == 0)
			return &prefixes[i];
	return NULL;
}

/* Behind the options of argv[0]; 0 if one of them is not known. */
static size_t skip_options(const struct prefix *prefix, char *const *argv)
{
	size_t at = 1;

	for (; argv[at] && argv[at][0] == '-' && argv[at][1]; at++) {
		size_t length = strcspn(argv[at], "=");

		if (strcmp(argv[at], "--") == 0)
			return at + 1;
		if (container_in_list(prefix->valued, argv[at], length))
			at += !argv[at][length] && argv[at + 1];
		else if (!container_in_list(prefix->flags, argv[at], length))
			return 0;
	}
	return at;
}

size_t container_prefix(char *const *argv, const char **ret_gains)
{
	size_t start = 0;
	const char *gains = NULL;

	for (const struct prefix *prefix; argv[start] && (prefix = find(argv[start]));) {
		size_t at = skip_options(prefix, argv + start);

		if (at == 0)
			return 0;
		if (prefix->gains && !gains)
			gains = argv[start];
		for (start += at; prefix->assigns && argv[start] && strchr(argv[start], '=');)
			start++;
		for (unsigned int i = 0; i < prefix->operands && argv[start]; i++)
			start++;
	}
	if (!argv[start])
		return 0;
	*ret_gains = gains;
	return start;
}
