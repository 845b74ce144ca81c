/* Private to the room: what the commands share. Only this room prints and exits. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>
#include <whittle/evidence.h>

/* How much is said on standard error: -q 0, default 1, -v 2. Set once, before a command runs. */
void set_verbosity(int level);
int verbosity(void);

/* One line "whittle: ..." to standard error, unless quiet. */
void say(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same, quiet or not. */
void warn(const char *format, ...) PRINTF_LIKE(1, 2);
/* "whittle: TEXT: STRERROR" and, on a line of its own, the hint. */
void report_error(const struct error *err);
/* "whittle COMMAND: ..." and where help is; returns 2. */
int usage_error(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

/* One row a command; args begin with the command's own name. */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage; /* the arguments, one line */
	const char *help;  /* what it does, then its options; ends with a newline */
};
const struct command *command_by_name(const char *name);
void print_help(const struct command *command);
void print_general_help(FILE *out);

/* The options that commands share, and the end of the table. */
#define COMMON_OPTIONS                                                                             \
	{ "output", required_argument, NULL, 'o' }, { "quiet", no_argument, NULL, 'q' },           \
		{ "verbose", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' },         \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}
#define COMMON_LETTERS "o:qvh"

/*
 * The options of a command by getopt_long(3).
 * Handles -h, -q, -v and what is unknown; returns as getopt_long does, or '?' after a message, or
 * 'h' after the help was printed.
 */
struct option;
int next_option(const char *command, int argc, char **argv, const char *letters,
		const struct option *options);

/*
 * Loads and merges evidence files; a directory stands for the evidence.json in it. *ret_evidence is
 * freed by evidence_free().
 */
int cli_load_evidence(char *const *paths, size_t count, struct evidence **ret_evidence,
		      struct error *err);

struct policy;
/*
 * The file of the filter that a command line made of this evidence names: seccomp.json beside it,
 * which `whittle record` writes. ERROR_INPUT if the evidence lies in several directories.
 * *ret_path is freed by the caller.
 */
int filter_beside(char *const *paths, size_t count, char **ret_path, struct error *err);
/*
 * Sees to it that options.seccomp holds the filter of this policy, and says what a person must
 * decide, since words for a command line cannot. Another content is replaced if the user named the
 * file, else it is an ERROR_REFUSED.
 */
int filter_write(const struct policy *policy, bool named, struct error *err);

/* Arguments of options: a number of seconds above 0; an exit status. -1 if text is none. */
int parse_seconds(const char *text, double *ret_seconds);
int parse_status(const char *text, int *ret_status);

int cmd_record(int argc, char **argv);
int cmd_emit(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_agent(int argc, char **argv);
int cmd_floor(int argc, char **argv);

#endif
