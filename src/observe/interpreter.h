/* Private to the room: the "#!" line of a file (execve(2), "Interpreter scripts"). */
#ifndef OBSERVE_INTERPRETER_H
#define OBSERVE_INTERPRETER_H

#include <observe/path.h>

enum { INTERPRETERS_MAX = 5 /* exec_binprm() in fs/exec.c */ };

/* The interpreter that a "#!" line names: its start, and *ret_length; NULL if it is none. */
const char *exec_interpreter(const char *head, size_t length, size_t *ret_length);

/* Opens the regular file that a walk led to, for reading; -1 if that is not possible. */
int interpreter_open(pid_t tid, const struct path *path);

/*
 * The walk of the interpreter that the script at path names; relative names begin at the working
 * directory of tid. -1 if it is no script, or if the name leads nowhere (ret_next is then as
 * path_walk() leaves it).
 */
int interpreter_of(pid_t tid, pid_t tgid, const struct path *path, struct path *ret_next);

#endif
