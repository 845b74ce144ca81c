/* What is asked of open files by descriptor: locks, and mappings that can be executed. */
#include <observe/observe.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <whittle/file.h>

/* F_SETLK64 and F_SETLKW64 of 32-bit ABIs (include/uapi/asm-generic/fcntl.h). */
enum { SETLK64 = 13, SETLKW64 = 14 };

void flock_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	bool exclusive = (thread->args[1] & ~(uint64_t)LOCK_NB) == LOCK_EX;

	/* Unlocking asks for the lock permission too (security_file_lock() in fs/locks.c). */
	if (outcome->checked)
		emit_fd(observer, thread, (int)thread->args[0],
			exclusive ? ACCESS_LOCK_WRITE : ACCESS_LOCK);
}

static bool takes_struct_flock(unsigned int command)
{
	return command == F_SETLK || command == F_SETLKW || command == SETLK64 ||
	       command == SETLKW64 || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

/* Keeps the access in thread->value; ACCESS_NONE if the command is no lock. */
void fcntl_enter(struct observer *observer, struct thread *thread)
{
	unsigned int command = (unsigned int)thread->args[1];
	int16_t type; /* l_type, the first member of all layouts */

	(void)observer;
	if (command == F_SETLEASE)
		thread->value = (int)thread->args[2] == F_WRLCK ? ACCESS_LOCK_WRITE : ACCESS_LOCK;
	else if (takes_struct_flock(command) &&
		 tracee_read(thread->tid, thread->args[2], &type, sizeof(type)) == 0)
		thread->value = type == F_WRLCK ? ACCESS_LOCK_WRITE : ACCESS_LOCK;
}

void fcntl_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	/* F_SETLK says EACCES or EAGAIN for a lock that is held; Linux says EAGAIN. */
	if (outcome->checked && thread->value)
		emit_fd(observer, thread, (int)thread->args[0], (enum access)thread->value);
}

/* What mapping a file is asked for: common_mmap() in security/apparmor/lsm.c. */
static const struct mapping_row {
	uint64_t protection;
	enum access access;
} mapping_rows[] = {
	{ PROT_READ, ACCESS_READ },
	{ PROT_WRITE, ACCESS_WRITE },
	{ PROT_EXEC, ACCESS_MAP_EXEC },
};

/* As mmap_prot() in mm/util.c and do_mprotect_pkey() have it, but for noexec mounts. */
static uint64_t protection_of(const struct thread *thread)
{
	bool executes = thread->process->reads_execute && thread->args[2] & PROT_READ;

	return executes ? thread->args[2] | PROT_EXEC : thread->args[2];
}

/* Is the file, by a link of /proc, one that only READ_IMPLIES_EXEC would let be executed, and not?
 */
static bool stays_unexecuted(const struct thread *thread, const char *link)
{
	struct statvfs mount;

	return !(thread->args[2] & PROT_EXEC) && statvfs(link, &mount) == 0 &&
	       mount.f_flag & ST_NOEXEC;
}

static void emit_mapped_fd(struct observer *observer, struct thread *thread, enum access access)
{
	int fd = (int)thread->args[4];
	char link[48];

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", thread->tid, fd);
	if (access != ACCESS_MAP_EXEC || !stays_unexecuted(thread, link))
		emit_fd(observer, thread, fd, access);
}

static bool is_mapped_for(const struct thread *thread, const struct mapping_row *row)
{
	bool private = (thread->args[3] & MAP_PRIVATE) != 0;

	return (protection_of(thread) & row->protection) &&
	       !(private && row->access == ACCESS_WRITE);
}

/*
 * Anonymous huge pages are a file of hugetlbfs, whose name leads nowhere, and that is mediated
 * (common_mmap() in security/apparmor/lsm.c) before the pages are looked for
 * (hugetlbfs_file_mmap(): ENOMEM).
 */
static void mapped_huge(struct observer *observer, struct thread *thread)
{
	static const char name[] = "/anon_hugepage (deleted)"; /* as in /proc/PID/maps */

	for (size_t i = 0; i < ARRAY_SIZE(mapping_rows); i++)
		if (is_mapped_for(thread, &mapping_rows[i]))
			emit_path(observer, thread, name, mapping_rows[i].access, OWNER_SELF, NULL);
}

/* security_mmap_file() comes before all that do_mmap() refuses: the open mode, a noexec mount. */
static bool was_refused_late(const struct outcome *outcome)
{
	return outcome->value == -EACCES || outcome->value == -EPERM || outcome->value == -ENODEV;
}

void mmap_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	uint64_t huge = MAP_ANONYMOUS | MAP_HUGETLB;

	if ((thread->args[3] & huge) == huge && (outcome->ok || outcome->value == -ENOMEM))
		mapped_huge(observer, thread);
	if (thread->args[3] & MAP_ANONYMOUS)
		return;
	/* What else a mapping takes, the open did, or it fails. */
	for (size_t i = 0; i < ARRAY_SIZE(mapping_rows); i++)
		if (is_mapped_for(thread, &mapping_rows[i]) &&
		    (was_refused_late(outcome) ||
		     (outcome->ok && mapping_rows[i].access == ACCESS_MAP_EXEC)))
			emit_mapped_fd(observer, thread, mapping_rows[i].access);
}

/* ---- mprotect ---- */

struct mapping {
	uint64_t start, end, inode;
	char *name; /* borrowed; the rest of the line */
};

static bool parse_mapping(char *line, struct mapping *mapping)
{
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %" SCNu64 " %n", &mapping->start,
		   &mapping->end, &mapping->inode, &at) < 3 ||
	    !at)
		return false;
	mapping->name = line + at;
	mapping->name[strcspn(mapping->name, "\n")] = '\0';
	return true;
}

/* The file of a mapping, by /proc/TID/map_files, or by its name where that is refused. */
static void emit_mapping(struct observer *observer, struct thread *thread,
			 const struct mapping *mapping)
{
	static const char mark[] = " (deleted)";
	AUTO_BUF struct buf text = BUF_INIT;
	size_t length = strlen(mapping->name);
	char link[96];
	struct stat stat_;

	snprintf(link, sizeof(link), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, thread->tid,
		 mapping->start, mapping->end);
	bool known = path_stat(link, &stat_) == 0 ||
		     (!thread->guarded && stat(mapping->name, &stat_) == 0);
	if (mapping->name[0] != '/' || stays_unexecuted(thread, link))
		return;
	if (length > sizeof(mark) - 1 &&
	    strcmp(mapping->name + length - (sizeof(mark) - 1), mark) == 0) {
		if (strncmp(mapping->name, "/memfd:", 7) == 0 ||
		    strncmp(mapping->name, "/SYSV", 5) == 0 ||
		    strncmp(mapping->name, "/dev/zero", 9) == 0)
			return;
		length -= sizeof(mark) - 1;
	}
	path_to_text(thread->process->tgid, mapping->name, length, &text);
	emit_path(observer, thread, buf_text(&text), ACCESS_MAP_EXEC,
		  known ? owner_of(thread, stat_.st_uid) : OWNER_UNKNOWN, NULL);
}

void mprotect_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	uint64_t start = thread->args[0], end = start + thread->args[1];
	AUTO_FREE char *line = NULL;
	struct mapping mapping;
	size_t size = 0;
	char name[32];

	if (!outcome->ok || !(protection_of(thread) & PROT_EXEC))
		return;
	snprintf(name, sizeof(name), "/proc/%d/maps", thread->tid);
	FILE *maps = fopen(name, "re");
	if (!maps) {
		emit_loss(observer, "unreadable-path");
		return;
	}
	while (getline(&line, &size, maps) > 0) {
		if (!parse_mapping(line, &mapping) || mapping.end <= start)
			continue;
		if (mapping.start >= end)
			break;
		if (mapping.inode)
			emit_mapping(observer, thread, &mapping);
	}
	fclose(maps);
}

/* ---- personality(2) ---- */

/*
 * With READ_IMPLIES_EXEC what can be read of a mapping can be executed. A filter would let those
 * run which are only to be read: the process takes none. Where it may have one, that is said.
 */
static void set_personality(struct observer *observer, struct process *process, uint32_t persona)
{
	process->reads_execute = persona & READ_IMPLIES_EXEC;
	if (!process->reads_execute)
		return;
	if (process->settled || process->filtered)
		emit_limitation(observer, "read-implies-exec");
	process->settled = true;
}

void personality_leave(struct observer *observer, struct thread *thread,
		       const struct outcome *outcome)
{
	uint32_t persona = (uint32_t)thread->args[0];

	if (outcome->ok && persona != UINT32_MAX) /* a question */
		set_personality(observer, thread->process, persona);
}

/* An image keeps it, drops it, or asks for it: SET_PERSONALITY2(), elf_read_implies_exec(). */
void personality_begin(struct observer *observer, struct process *process)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/personality", process->tgid);
	AUTO_FREE char *line = file_read_line(name);
	set_personality(observer, process, line ? (uint32_t)strtoul(line, NULL, 16) : 0);
}
