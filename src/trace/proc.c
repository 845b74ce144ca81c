#include <trace/proc.h>

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <whittle/event.h>
#include <whittle/proc.h>

enum { STATUS_SIZE = 4096, AUXV_SIZE = 2048, RANDOM_SIZE = 16 };

pid_t proc_tgid(pid_t tid)
{
	char text[STATUS_SIZE];
	static const char field[] = "\nTgid:";

	if (!proc_head(tid, "status", text, sizeof(text)))
		return 0;
	const char *at = strstr(text, field); /* the name above it has its newlines escaped */
	return at ? (pid_t)strtol(at + sizeof(field) - 1, NULL, 10) : 0;
}

bool proc_has_thread(pid_t tgid, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", tgid, tid);
	return access(path, F_OK) == 0;
}

bool proc_runs(pid_t tid)
{
	char text[STATUS_SIZE];

	if (!proc_head(tid, "stat", text, sizeof(text)))
		return false;
	const char *at = strrchr(text, ')');
	return at && at[1] == ' ' && (at[2] == 'R' || at[2] == 'D');
}

bool proc_catches(pid_t tid, int signal)
{
	AUTO_FREE char *status = proc_status(tid);
	const char *caught = status ? proc_field(status, "SigCgt") : NULL;

	return caught && strtoull(caught, NULL, 16) >> (signal - 1) & 1;
}

bool proc_is_first(pid_t tgid)
{
	AUTO_FREE char *status = proc_status(tgid);
	const char *pids = status ? proc_field(status, "NSpid") : NULL;

	if (!pids)
		return false;
	size_t length = strcspn(pids, "\n"); /* the innermost is the last, behind a tab */
	return length && pids[length - 1] == '1' && (length == 1 || pids[length - 2] == '\t');
}

/* ---- images ---- */

/* FNV-1a */
static uint64_t hash_add(uint64_t hash, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 0x100000001b3U;
	return hash;
}

/* The entry of that type in a vector of words of that size, or 0. */
static uint64_t auxv_find(const char *auxv, size_t length, size_t word, uint64_t wanted)
{
	for (size_t at = 0; at + 2 * word <= length; at += 2 * word) {
		uint64_t type = 0, value = 0;

		memcpy(&type, auxv + at, word); /* little-endian, as all ABIs of abis[] are */
		memcpy(&value, auxv + at + word, word);
		if (type == wanted)
			return value;
	}
	return 0;
}

/* A type is a small number: as two words of a 32-bit vector it would not look so. */
static size_t auxv_word(const char *auxv, size_t length)
{
	uint64_t type = 0;

	if (length >= sizeof(type))
		memcpy(&type, auxv, sizeof(type));
	return type > UINT32_MAX ? 4 : 8;
}

uint64_t proc_image(pid_t tid)
{
	char auxv[AUXV_SIZE], random[RANDOM_SIZE], link[32];
	struct stat exe;
	uint64_t hash = 0xcbf29ce484222325U;

	size_t length = proc_head(tid, "auxv", auxv, sizeof(auxv));
	hash = hash_add(hash, auxv, length);
	uint64_t address = auxv_find(auxv, length, auxv_word(auxv, length), AT_RANDOM);
	if (address && tracee_read(tid, address, random, sizeof(random)) == 0)
		hash = hash_add(hash, random, sizeof(random));
	snprintf(link, sizeof(link), "/proc/%d/exe", tid);
	bool found = stat(link, &exe) == 0;
	if (found) {
		hash = hash_add(hash, &exe.st_dev, sizeof(exe.st_dev));
		hash = hash_add(hash, &exe.st_ino, sizeof(exe.st_ino));
	}
	return length || found ? hash : 0;
}
