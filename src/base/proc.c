#include <whittle/proc.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <whittle/file.h>

char *proc_status(pid_t tid)
{
	char name[32];
	char *status = NULL;
	size_t length;
	struct error err;

	snprintf(name, sizeof(name), "/proc/%d/status", tid);
	if (file_read(AT_FDCWD, name, STATUS_MAX, &status, &length, &err) == 0)
		return status;
	errno = err.number ? err.number : EIO;
	return NULL;
}

const char *proc_field(const char *status, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = status; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, "\t ");
	}
	return NULL;
}

int64_t proc_number(pid_t tid, const char *name)
{
	AUTO_FREE char *status = proc_status(tid);
	const char *text = status ? proc_field(status, name) : NULL;

	return text ? strtoll(text, NULL, 10) : -1;
}
