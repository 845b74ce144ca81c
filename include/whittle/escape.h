/*
 * One escaper a sink. What the workload chose (file names, arguments, socket names) is hostile
 * until it went through the escaper of the place it is written to.
 *
 * Evidence text: how whittle keeps such bytes in memory and in evidence.json. Plain UTF-8 text is
 * itself; control bytes, DEL, backslash, NUL and bytes that are no valid UTF-8 are `\xHH` (lower
 * case). Since a backslash is always escaped, `\{word}` cannot come from a workload: it is a
 * placeholder that whittle put in for what varies by construction:
 *   \{pid}   digits of the process's own /proc directory     \{tid}   of one of its threads
 *   \{pids}  digits of another process's /proc directory     \{inode} the number of an O_TMPFILE
 *   \{random} what mkstemp(3) or the like made up
 *   \{digits:N} \{hex:N} \{word:N}  what differs from run to run: 1 to N digits; N of 0-9 and a-f;
 * N letters, digits and underscores
 */
#ifndef WHITTLE_ESCAPE_H
#define WHITTLE_ESCAPE_H

#include <whittle/buf.h>

/* Appends bytes as evidence text. */
void escape_text(struct buf *out, const void *bytes, size_t length);

/* Is this well-formed evidence text (only \xHH and the placeholders above, UTF-8, no controls)? */
bool escape_is_text(const char *text);

/*
 * Walks evidence text piece by piece: returns false at its end; otherwise advances *text and gives
 * either one byte (*ret_byte) with *ret_word NULL, or a placeholder: *ret_word points at its word
 * (borrowed, *ret_length bytes, without the braces). text must satisfy escape_is_text().
 */
bool escape_next(const char **text, unsigned char *ret_byte, const char **ret_word,
		 size_t *ret_length);

/*
 * How many bytes at text, at most length, does the placeholder word (as escape_next() gives it)
 * stand for? 0 if what is there is not what it stands for.
 */
size_t escape_placeholder_match(const char *word, const char *text, size_t length);

/*
 * Appends a message for a terminal, on one line: as escape_text(), but backslashes stay, so that
 * evidence text in it is not escaped twice. Not reversible.
 */
void escape_terminal(struct buf *out, const void *bytes, size_t length);

/*
 * Appends evidence text as one AppArmor name: bare where each byte is in [A-Za-z0-9/._-], else in
 * double quotes with every other byte as `\NNN` (apparmor.d(5); proven literal for all bytes by an
 * enforcing kernel). Placeholders become @{pid}, @{tid}, @{pids}, [0-9]* and the like; a leading
 * /proc/ in a name with a placeholder becomes @{PROC}/.
 */
void escape_apparmor(struct buf *out, const char *text);

#endif
