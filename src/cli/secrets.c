/* Masks what looks like a secret in a command line: it is kept in evidence and read by reviewers.
 */
#include <cli/record.h>

#include <string.h>
#include <strings.h>
#include <whittle/escape.h>

static const char mask[] = "***";

/* Words that make the name of an option or variable a secret's. */
static const char *const words[] = {
	"password", "passwd",      "passphrase", "secret",     "token",
	"apikey",   "api-key",     "api_key",    "auth",       "credential",
	"pwd",      "private-key", "privatekey", "access-key", "access_key",
};

static bool has_word(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i]);

		for (size_t at = 0; at + n <= length; at++)
			if (strncasecmp(name + at, words[i], n) == 0)
				return true;
	}
	return false;
}

/* The part of argument that is a secret: its start, and *ret_length; NULL if there is none. */
static const char *find_secret(const char *argument, size_t *ret_length)
{
	const char *equals = strchr(argument, '=');
	const char *url = strstr(argument, "://");
	const char *header = strchr(argument, ':');

	if (equals && has_word(argument, (size_t)(equals - argument))) {
		*ret_length = strlen(equals + 1);
		return equals + 1;
	}
	if (url) { /* scheme://user:password@host */
		const char *host = url + 3;
		const char *at = host + strcspn(host, "@/ ");
		const char *colon = memchr(host, ':', (size_t)(at - host));

		if (*at == '@' && colon) {
			*ret_length = (size_t)(at - colon - 1);
			return colon + 1;
		}
	}
	if (header && !url && has_word(argument, (size_t)(header - argument))) {
		*ret_length = strlen(header + 1); /* "Authorization: Bearer ..." */
		return header + 1;
	}
	return NULL;
}

/* Is this an option whose secret is the next argument: "--password", "--api-token"? */
static bool announces_secret(const char *argument)
{
	return argument[0] == '-' && !strchr(argument, '=') && has_word(argument, strlen(argument));
}

char **secrets_mask(char *const *argv)
{
	size_t count = 0;

	while (argv[count])
		count++;
	char **masked = xcalloc(count + 1, sizeof(*masked));
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF struct buf text = BUF_INIT;
		size_t length;
		const char *secret = find_secret(argv[i], &length);

		if (i > 0 && announces_secret(argv[i - 1]) && argv[i][0] != '-') {
			buf_adds(&text, mask);
		} else if (secret) {
			escape_text(&text, argv[i], (size_t)(secret - argv[i]));
			buf_adds(&text, mask);
			escape_text(&text, secret + length, strlen(secret + length));
		} else {
			escape_text(&text, argv[i], strlen(argv[i]));
		}
		masked[i] = buf_steal(&text);
	}
	return masked;
}
