#include <observe/capable.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static bool read_ids(const char *status, const char *name, uint32_t *real, uint32_t *effective,
		     uint32_t *saved, uint32_t *filesystem)
{
	const char *text = proc_field(status, name);

	return text && sscanf(text, "%u %u %u %u", real, effective, saved, filesystem) == 4;
}

static bool read_mask(const char *status, const char *name, uint64_t *ret_mask)
{
	const char *text = proc_field(status, name);
	char *end;

	if (!text)
		return false;
	*ret_mask = strtoull(text, &end, 16);
	return end != text;
}

static void read_groups(const char *text, struct creds *creds)
{
	size_t room = 0;

	for (char *end; text && *text && *text != '\n'; text = end + strspn(end, " ")) {
		unsigned long group = strtoul(text, &end, 10);

		if (end == text)
			return;
		if (creds->group_count == room) {
			room = room ? room * 2 : 8;
			creds->groups = xrealloc(creds->groups, room, sizeof *creds->groups);
		}
		creds->groups[creds->group_count++] = (gid_t)group;
	}
}

/*
 * A namespace that cannot be looked at counts as foreign: its capabilities must not be taken for
 * the host's.
 */
static bool is_foreign(pid_t tid)
{
	char name[32];
	struct stat own, its;

	snprintf(name, sizeof name, "/proc/%d/ns/user", tid);
	if (stat("/proc/self/ns/user", &own) < 0)
		return false; /* a kernel without user namespaces */
	return stat(name, &its) < 0 || its.st_dev != own.st_dev || its.st_ino != own.st_ino;
}

int creds_read(pid_t tid, struct creds *creds)
{
	struct creds found = { .groups = NULL };
	AUTO_FREE char *status = proc_status(tid);

	if (!status)
		return -1;
	if (!read_ids(status, "Uid", &found.ruid, &found.euid, &found.suid, &found.fsuid) ||
	    !read_ids(status, "Gid", &found.rgid, &found.egid, &found.sgid, &found.fsgid) ||
	    !read_mask(status, "CapInh", &found.inheritable) ||
	    !read_mask(status, "CapPrm", &found.permitted) ||
	    !read_mask(status, "CapEff", &found.effective) ||
	    !read_mask(status, "CapBnd", &found.bounding)) {
		errno = EIO;
		return -1;
	}
	found.foreign_userns = is_foreign(tid);
	read_groups(proc_field(status, "Groups"), &found);
	creds_release(creds);
	*creds = found;
	return 0;
}

void creds_copy(struct creds *creds, const struct creds *from)
{
	size_t size = from->group_count * sizeof(*from->groups);
	gid_t *groups = NULL;

	if (size) {
		groups = xcalloc(1, size);
		memcpy(groups, from->groups, size);
	}
	creds_release(creds);
	*creds = *from;
	creds->groups = groups;
}

void creds_release(struct creds *creds)
{
	free(creds->groups);
	*creds = (struct creds){ .groups = NULL };
}
