/*
 * Containers: which commands start one, and what makes an OCI runtime hand the system calls of a
 * container to whittle.
 */
#ifndef WHITTLE_CONTAINER_H
#define WHITTLE_CONTAINER_H

#include <whittle/buf.h>

/* ---- the bundle ---- */

/* What a runtime is to do with the system calls of a container. */
struct recording {
	const char *socket;  /* absolute path of whittle's, which gets the listener */
	const char *version; /* the first line of `RUNTIME --version`: "crun version 1.8.1" */
	bool wait_killable;  /* the kernel knows SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV */
	bool attach;         /* only execve and execveat are to be reported: whittle traces */
	const char *known;   /* rules of an OCI filter that let calls run, a JSON array; or NULL */
};

/*
 * The largest config.json that is read. What engines write has some 10 kB.
 */
#define CONFIG_MAX (16 << 20)

/*
 * Appends the text of a config.json (config.md of the runtime specification) with another
 * linux.seccomp: a filter that reports the calls to the socket, in the form that the runtime takes.
 * Every other byte stays as it is. name is for messages. Text that two readers could take for two
 * configurations is an ERROR_INPUT, as is text that is none.
 */
int recording_config(const char *name, const char *text, size_t length,
		     const struct recording *recording, struct buf *ret_text, struct error *err);

/*
 * Appends the filter alone. Its listenerMetadata says what it could not report, and which runtime
 * took it (src/cli/container.h has the form).
 */
void recording_filter(const struct recording *recording, struct buf *ret_text);

/* ---- commands that start containers ---- */

enum container_verb {
	VERB_RUN,    /* makes a container and starts it */
	VERB_START,  /* starts one that is there */
	VERB_EXEC,   /* starts a process in one that runs */
	VERB_CREATE, /* makes one that is started later */
	VERBS
};

/* Where the words go that make an engine use whittle's runtime. */
enum container_place {
	PLACE_GLOBAL, /* before the verb, as the last of the engine's options */
	PLACE_VERB,   /* behind it, as the last of its options */
	PLACE_COMMAND /* they take the place of the command, which is a runtime itself */
};

/* A container engine: one row of the table. Lists in a string are words with blanks between. */
struct container_engine {
	const char *name;         /* of the command */
	const char *run;          /* how a user starts a container by it; NULL: of a bundle */
	bool played;              /* another engine may go by this name: podman-docker */
	const char *verbs[VERBS]; /* NULL: it has no such verb */
	const char *noun;         /* a word that may stand before the verb, or NULL */
	const char *valued;       /* options before the verb that take the next word */
	const char *flags[VERBS]; /* options behind each verb that take none */
	enum container_place place;
	/*
	 * The words. {link} is the path of whittle's runtime, {socket} that of the socket,
	 * {runtime} that of the real runtime, {name} what the engine calls whittle's runtime.
	 */
	const char *const *words;
	/*
	 * Arguments of the engine that make it print a line about itself, the image or the
	 * container whose name stands behind them; NULL: it cannot be asked.
	 */
	const char *const *ask_runtime;   /* the path of the runtime that it uses by default */
	const char *const *ask_runtimes;  /* JSON: all that its configuration names */
	const char *const *ask_digest;    /* of an image */
	const char *const *ask_container; /* "IMAGE RUNTIME" */
};

extern const struct container_engine container_engines[]; /* ended by a row without a name */

/* The row of that name, or NULL; the same for a command, by its file name. */
const struct container_engine *container_engine_by_name(const char *name);
const struct container_engine *container_engine_of(const char *command);

/* A command line that has to do with a container. Strings are borrowed from it, or NULL. */
struct container_command {
	const struct container_engine *engine;
	enum container_verb verb;
	size_t start;        /* index in argv of the engine: behind what runs it, as sudo */
	const char *gains;   /* the word of that which gives it other rights */
	size_t globals_end;  /* index in argv of the first word behind the engine's own options */
	size_t options_end;  /* index of the first word behind the options of the verb */
	const char *runtime; /* of the user's own --runtime */
	const char *image;   /* of a run, unless it takes a root directory */
	const char
		*container; /* its name, or its id for a runtime; NULL: the engine makes one up */
	const char *bundle; /* PLACE_COMMAND only: the directory; "." if it is not said */
	const char *config; /* the same: the file in it; "config.json" */
	bool detached;
};

/*
 * Does argv start a container, or a process in one? Its first word tells the engine, behind those
 * of container_prefix(). False for an engine's other verbs ("podman ps"), and where the name is
 * missing.
 */
bool container_parse(char *const *argv, struct container_command *ret_command);
/* The same for the command line of that engine, whatever the word at `start` is. */
bool container_parse_as(const struct container_engine *engine, size_t start, char *const *argv,
			struct container_command *ret_command);

/*
 * How many words of argv only run the command behind them: "env A=b sudo", "timeout 5". 0 also if
 * they have options that whittle does not know. *ret_gains (borrowed, or NULL; untouched for 0):
 * the first of them that gives it other rights, as sudo does.
 */
size_t container_prefix(char *const *argv, const char **ret_gains);

/* Is the word, the first length bytes of it, in the list of words with blanks between? */
bool container_in_list(const char *list, const char *word, size_t length);

/* The index in argv of the first word behind the engine's own options. */
size_t container_globals_end(const struct container_engine *engine, char *const *argv);
/*
 * The value of the last of the engine's own options of that name, in argv before end; NULL if it is
 * not there.
 */
const char *container_global(char *const *argv, size_t end, const char *name);

/* What {link}, {socket}, {runtime} and {name} stand for; a word with one that is NULL is left out.
 */
struct container_words {
	const char *link, *socket, *runtime, *name;
};

/* argv with the words of the engine. An array ended by NULL, freed by container_argv_free(). */
char **container_argv(const struct container_command *command, char *const *argv,
		      const struct container_words *words);
/* The same: the engine with its own options of argv, the words of an ask_, and last (or NULL). */
char **container_ask(const struct container_command *command, char *const *argv,
		     const char *const *ask, const char *last);
void container_argv_free(char **argv);

#endif
