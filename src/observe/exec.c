/* New images: the program, its interpreters, its loader, and the privilege that it asks for. */
#include <observe/interpreter.h>
#include <observe/observe.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <whittle/file.h>

static const char deleted[] = " (deleted)";

/*
 * d_path() appends " (deleted)" to an unlinked name. A file may also be called so: it is still
 * there under that name.
 */
static size_t strip_deleted(const char *name, size_t length, const struct stat *exe)
{
	size_t mark = sizeof(deleted) - 1;
	struct stat found;

	if (length <= mark || strcmp(name + length - mark, deleted) != 0)
		return length;
	if (exe->st_nlink && lstat(name, &found) == 0 && found.st_ino == exe->st_ino)
		return length;
	return length - mark;
}

static int stat_exe(pid_t tid, struct stat *ret_stat)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/%d/exe", tid);
	return path_stat(link, ret_stat);
}

int exec_name(pid_t tid, pid_t tgid, struct buf *out)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	struct stat exe;

	if (tracee_read_link(tid, "exe", &raw) < 0 || stat_exe(tid, &exe) < 0)
		return -1;
	path_to_text(tgid, raw.data, strip_deleted(raw.data, raw.length, &exe), out);
	return 0;
}

/* ---- interpreters ---- */

/* A semicolon of a name is escaped, lest it look like the end of one (see fact.h). */
static void add_to_chain(struct buf *chain, const char *name)
{
	if (chain->length)
		buf_adds(chain, "; ");
	for (; *name; name++) {
		if (*name == ';')
			buf_adds(chain, "\\x3b");
		else
			buf_addc(chain, *name);
	}
}

/*
 * Appends the chain of "#!" interpreters of the file that path leads to, as exec_binprm() follows
 * it; *path becomes the last file of the chain. Names in it are relative to the working directory.
 */
static void add_interpreters(struct thread *thread, struct path *path, struct buf *out)
{
	for (int depth = 0; depth < INTERPRETERS_MAX; depth++) {
		AUTO_PATH struct path next = PATH_INIT;

		if (interpreter_of(thread->tid, thread->process->tgid, path, &next) < 0 ||
		    !next.name)
			return;
		add_to_chain(out, next.name);
		path_release(path);
		*path = next;
		next = (struct path)PATH_INIT;
	}
}

/* ---- what was executed ---- */

/* The bytes of a long of the new image. */
static size_t image_word(pid_t tid)
{
	char link[32];
	unsigned char ident[EI_NIDENT];

	snprintf(link, sizeof(link), "/proc/%d/exe", tid);
	AUTO_CLOSE int fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, ident, sizeof(ident)) != (ssize_t)sizeof(ident))
		return sizeof(long);
	return ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
}

/* The entry of that type (AT_*, getauxval(3)) of the image that tid runs; 0 if there is none. */
static uint64_t auxv_find(pid_t tid, uint64_t wanted)
{
	char name[32];
	AUTO_FREE char *auxv = NULL;
	size_t length, word = image_word(tid);
	struct error err;

	snprintf(name, sizeof(name), "/proc/%d/auxv", tid);
	if (file_read(AT_FDCWD, name, 65536, &auxv, &length, &err) < 0)
		return 0;
	for (size_t at = 0; at + 2 * word <= length; at += 2 * word) {
		uint64_t type = 0, value = 0;

		memcpy(&type, auxv + at, word); /* little-endian, as all ABIs of abis[] are */
		memcpy(&value, auxv + at + word, word);
		if (type == wanted)
			return value;
	}
	return 0;
}

/*
 * The walk of the file that the call named. The call that made whittle's launcher the workload was
 * not read at its entry: the new image still has the name.
 */
static int executed_path(struct thread *thread, struct path *ret_path)
{
	AUTO_BUF struct buf name = BUF_INIT;
	pid_t tid = thread->tid, tgid = thread->process->tgid;

	if (thread->in_call && thread->operand_count && thread->operands[0].walked &&
	    thread->operands[0].walk == 0 && thread->paths[0].name) {
		*ret_path = thread->paths[0];
		thread->paths[0] = (struct path)PATH_INIT;
		return 0;
	}
	uint64_t address = auxv_find(tid, AT_EXECFN);
	if (!address || tracee_read_string(tid, address, PATH_MAX, &name) < 0)
		return -1;
	if (path_walk(tid, tgid, AT_FDCWD, buf_text(&name), name.length, 0, ret_path) < 0)
		return -1;
	return ret_path->name ? 0 : -1;
}

static bool is_image(const struct path *path, const struct stat *exe)
{
	return path->error == 0 && path->inode == exe->st_ino && path->device == exe->st_dev;
}

static void emit_exec(struct observer *observer, struct thread *thread, const char *by,
		      const struct stat *exe)
{
	AUTO_PATH struct path path = PATH_INIT;
	AUTO_BUF struct buf chain = BUF_INIT;
	const char *image = thread_program(thread);

	if (thread->guarded || executed_path(thread, &path) < 0) {
		emit_fact(observer, FACT_EXEC, image, by);
		return;
	}
	AUTO_FREE char *name = xstrdup(path.name);
	if (!is_image(&path, exe))
		add_interpreters(thread, &path, &chain);
	/* What is left is binfmt_misc's (Documentation/admin-guide): its interpreter is the image.
	 */
	if (!is_image(&path, exe) && strcmp(path.name, image) != 0)
		add_to_chain(&chain, image);
	emit_fact(observer, FACT_EXEC, name, by, buf_text(&chain));
}

/* ---- the program ---- */

/* One line of /proc/TID/maps: is it the executable mapping of a file other than the image? */
static const char *loader_of_line(const char *line, const struct stat *exe, size_t *ret_length)
{
	char permissions[8];
	unsigned int major, minor;
	uint64_t inode;
	int at = 0;

	if (sscanf(line, "%*x-%*x %7s %*x %x:%x %" SCNu64 " %n", permissions, &major, &minor,
		   &inode, &at) < 4 ||
	    !at || permissions[2] != 'x' || !inode)
		return NULL;
	if (inode == exe->st_ino && makedev(major, minor) == exe->st_dev)
		return NULL;
	*ret_length = strcspn(line + at, "\n");
	return line[at] == '/' ? line + at : NULL;
}

/*
 * The ELF interpreter: at the exec event only the image and its loader are mapped. On file systems
 * that give stat(2) another device than the mapping (overlayfs, btrfs) the name decides.
 */
static char *find_loader(const struct thread *thread, const struct stat *exe, const char *image)
{
	AUTO_FREE char *line = NULL;
	size_t size = 0, length;
	char name[32];
	char *found = NULL;

	snprintf(name, sizeof(name), "/proc/%d/maps", thread->tid);
	FILE *maps = fopen(name, "re");
	if (!maps)
		return xstrdup("");
	while (!found && getline(&line, &size, maps) > 0) {
		const char *file = loader_of_line(line, exe, &length);
		AUTO_BUF struct buf text = BUF_INIT;

		if (!file)
			continue;
		path_to_text(thread->process->tgid, file, length, &text);
		if (strcmp(buf_text(&text), image) != 0)
			found = buf_steal(&text);
	}
	fclose(maps);
	return found ? found : xstrdup("");
}

static char *find_privilege(const struct thread *thread, const struct stat *exe)
{
	AUTO_BUF struct buf words = BUF_INIT;
	char link[32];

	snprintf(link, sizeof(link), "/proc/%d/exe", thread->tid);
	if (exe->st_mode & S_ISUID)
		buf_adds(&words, "setuid");
	/* without group x the bit once meant mandatory locking (bprm_fill_uid() in fs/exec.c) */
	if ((exe->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		buf_addf(&words, "%ssetgid", words.length ? "," : "");
	if (!thread->guarded && getxattr(link, "security.capability", NULL, 0) > 0)
		buf_addf(&words, "%sfile-caps", words.length ? "," : "");
	return buf_steal(&words);
}

/* Looks at the file of the image, unless it is the one that was looked at last. */
static void refresh_program(struct thread *thread, const struct stat *exe)
{
	struct program *program = thread->process->program;

	if (program->privilege && program->device == exe->st_dev && program->inode == exe->st_ino &&
	    program->changed.tv_sec == exe->st_ctim.tv_sec &&
	    program->changed.tv_nsec == exe->st_ctim.tv_nsec)
		return;
	free(program->loader);
	free(program->privilege);
	program->loader = find_loader(thread, exe, program->name);
	program->privilege = find_privilege(thread, exe);
	program->device = exe->st_dev;
	program->inode = exe->st_ino;
	program->changed = exe->st_ctim;
}

/*
 * A tracer without CAP_SYS_PTRACE makes execve(2) ignore set-id bits and file capabilities
 * (cap_bprm_creds_from_file() in security/commoncap.c). So does a nosuid mount, tracer or not.
 */
static bool lost_privilege(struct thread *thread, const struct stat *exe,
			   const struct creds *before)
{
	const struct program *program = thread->process->program;
	char link[32];
	struct statvfs mount;

	snprintf(link, sizeof(link), "/proc/%d/exe", thread->tid);
	if (thread->guarded || !program->privilege[0] ||
	    (statvfs(link, &mount) == 0 && mount.f_flag & ST_NOSUID))
		return false;
	const struct creds *now = thread_creds(thread);
	if (!now)
		return true;
	if (strstr(program->privilege, "setuid") && now->euid != exe->st_uid)
		return true;
	if (strstr(program->privilege, "setgid") && now->egid != exe->st_gid)
		return true;
	return strstr(program->privilege, "file-caps") &&
	       now->permitted == (before ? before->permitted : 0);
}

uint64_t exec_loader_base(pid_t pid)
{
	return auxv_find(pid, AT_BASE);
}

void exec_done(struct observer *observer, struct thread *thread, const char *by,
	       const struct creds *before)
{
	struct program *program = thread->process->program;
	struct stat exe;

	if (stat_exe(thread->tid, &exe) < 0)
		return; /* killed since, or its name could not be read either, which was counted */
	emit_exec(observer, thread, by, &exe);
	refresh_program(thread, &exe);
	emit_fact(observer, FACT_PROGRAM, program->name, program->loader, program->privilege,
		  thread->process->filtered || observer->taught ? "incomplete" : "complete");
	if (*by)
		exec_inherit(observer, thread);
	if (!observer->privileged && lost_privilege(thread, &exe, before))
		emit_limitation(observer, "set-id-ignored");
}

/* The permission to execute: asked once, of the file that was named (fs/exec.c). */
void exec_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	const struct path *path;

	if (!thread->operand_count || !(observer->flags & OBSERVE_PATHS) ||
	    !(outcome->checked || refused_late(thread, outcome, ACCESS_EXEC, 0)))
		return;
	path = operand_path(observer, thread, 0);
	if (path)
		emit_path(observer, thread, path->name, ACCESS_EXEC,
			  path->error ? OWNER_UNKNOWN : owner_of(thread, path->object.uid), NULL);
}
