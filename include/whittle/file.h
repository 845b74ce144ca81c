/* Files: read with a ceiling, replaced atomically, locked. */
#ifndef WHITTLE_FILE_H
#define WHITTLE_FILE_H

#include <whittle/base.h>

/*
 * Reads a whole file below dirfd (AT_FDCWD as usual). More than max bytes is an error. *ret_data is
 * NUL-terminated and freed by the caller; *ret_length counts without the NUL.
 */
int file_read(int dirfd, const char *name, size_t max, char **ret_data, size_t *ret_length,
	      struct error *err);

/* A small file of /proc or /sys as text without its final newline; NULL if it cannot be read. */
char *file_read_line(const char *path);

/*
 * Replaces dirfd/name by length bytes of data: a temporary file beside it, fsync, rename(2). Either
 * the old content or the new is there, never a part; on failure the temporary file is removed. A
 * character device or a FIFO is written to instead; a symbolic link is ERROR_REFUSED. A file that
 * holds these bytes already is not touched.
 */
int file_replace(int dirfd, const char *name, const void *data, size_t length, struct error *err);

/* Creates path (mode 0777 & ~umask) unless it is there and opens it as a directory. */
int file_open_dir(const char *path, int *ret_fd, struct error *err);

/*
 * Takes an exclusive flock(2) on an open file or directory, waiting for another holder. It lasts
 * until fd is closed. name is for the message.
 */
int file_lock(int fd, const char *name, struct error *err);

#endif
