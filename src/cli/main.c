#include <cli/cli.h>
#include <cli/runtime.h>

#include <stdio.h>
#include <string.h>

#ifndef VERSION
#define VERSION "0.1"
#endif

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *command = command_by_name(name);

	if (runtime_is_name(argv[0]))
		return runtime_main(argv);
	if (command)
		return command->run(argc - 1, argv + 1);
	if (strcmp(name, "--version") == 0) {
		printf("whittle %s\n", VERSION);
		return 0;
	}
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) {
		print_general_help(stdout);
		return 0;
	}
	if (*name)
		warn("no command '%s'", name);
	print_general_help(stderr);
	return 2;
}
