/* The command lines that whittle makes of a user's. */
#include <whittle/container.h>

#include <string.h>

struct list {
	char **words;
	size_t count;
};

static void add(struct list *list, char *word)
{
	list->words = xrealloc(list->words, list->count + 2, sizeof(*list->words));
	list->words[list->count++] = word;
	list->words[list->count] = NULL;
}

static void add_copies(struct list *list, char *const *words, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		add(list, xstrdup(words[i]));
}

/* The word with what it stands for in place of "{...}"; NULL if that is not known. */
static char *fill_in(const char *template, const struct container_words *words)
{
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "{link}", words->link },
		{ "{socket}", words->socket },
		{ "{runtime}", words->runtime },
		{ "{name}", words->name },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *at = strstr(template, rows[i].name);

		if (at && !rows[i].value)
			return NULL;
		if (at)
			return xasprintf("%.*s%s%s", (int)(at - template), template, rows[i].value,
					 at + strlen(rows[i].name));
	}
	return xstrdup(template);
}

/* Where it says so behind the verb, an engine takes a runtime only for a container that it makes.
 */
static bool takes_words(const struct container_command *command)
{
	return command->engine->place != PLACE_VERB || command->verb == VERB_RUN ||
	       command->verb == VERB_CREATE;
}

char **container_argv(const struct container_command *command, char *const *argv,
		      const struct container_words *words)
{
	size_t places[] = {
		[PLACE_GLOBAL] = command->globals_end,
		[PLACE_VERB] = command->options_end,
		[PLACE_COMMAND] = command->start,
	};
	size_t at = places[command->engine->place], count = 0;
	struct list list = { NULL, 0 };

	while (argv[count])
		count++;
	add_copies(&list, argv, 0, at);
	for (const char *const *word = command->engine->words; takes_words(command) && *word;
	     word++) {
		char *filled = fill_in(*word, words);

		if (filled)
			add(&list, filled);
	}
	add_copies(&list, argv, command->engine->place == PLACE_COMMAND ? at + 1 : at, count);
	return list.words;
}

char **container_ask(const struct container_command *command, char *const *argv,
		     const char *const *ask, const char *last)
{
	struct list list = { NULL, 0 };

	add_copies(&list, argv, 0, command->globals_end);
	for (; *ask; ask++)
		add(&list, xstrdup(*ask));
	if (last)
		add(&list, xstrdup(last));
	return list.words;
}

void container_argv_free(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}
