/*
 * Private to `whittle record`: a container engine runs, and the containers that it starts are
 * recorded.
 */
#ifndef CLI_CONTAINERS_H
#define CLI_CONTAINERS_H

#include <cli/record.h>
#include <whittle/container.h>

/*
 * The rest of `whittle record` for argv, the file at path, which is such a command. 0 with
 * *ret_end, or the exit code of whittle's own failure.
 */
int containers_record(const struct record_options *options, struct container_command *command,
		      const char *path, char **argv, struct session_end *ret_end);

/*
 * What is put into the engine's command line, once it is known: by options, or by asking the
 * engine. All strings are freed by containers_plan_release().
 */
struct containers_plan {
	char *link;    /* of whittle's runtime */
	char *runtime; /* the real one; NULL: whittle's runtime chooses */
	char *name;    /* of whittle's runtime, as the engine calls it; or NULL */
	char *socket;  /* that the engine's configuration names; NULL: any */
};
int containers_plan(const struct container_command *command, char *const *argv, const char *path,
		    struct containers_plan *ret_plan, struct error *err);
void containers_plan_release(struct containers_plan *plan);
/*
 * Asks an engine that another may play (podman-docker's docker is podman) who it is; *command is
 * parsed anew for that one.
 */
void containers_unmask(char *const *argv, struct container_command *command);
/* Is the path of a runtime whittle's (perhaps of another whittle that was installed)? */
bool containers_is_recorder(const char *runtime);
/* The line that the engine answers: container_ask(), run. *ret_line is freed by the caller. */
int containers_ask(const struct container_command *command, char *const *argv,
		   const char *const *ask, const char *last, char **ret_line, struct error *err);

/*
 * Runs argv, the file at path, and the agent at the socket, until the engine and all that is
 * recorded have ended. What was recorded goes into evidence. -1 if the engine could not be started.
 */
int containers_session(const struct record_options *options, const char *path, char **argv,
		       const char *socket, struct evidence *evidence, struct session_end *ret_end,
		       struct error *err);

#endif
