#include <enforce/container.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <whittle/arch.h>
#include <whittle/escape.h>
#include <whittle/file.h>

/* ---- the program ---- */

/*
 * A whole program that makes two calls only, so that a filter need allow no libc's: alone it exits
 * with STARTED, with an argument it waits. At its start the stack holds argc.
 */
static const unsigned char code_x86_64[] = {
	0x48, 0x83,    0x3c, 0x24, 0x01, /*       cmpq   $1, (%rsp) */
	0x77, 0x0c,                      /*       ja     1f */
	0xbf, STARTED, 0x00, 0x00, 0x00, /*       mov    $STARTED, %edi */
	0xb8, 0xe7,    0x00, 0x00, 0x00, 0x0f,
	0x05,                                  /*       mov    $231, %eax; syscall (exit_group) */
	0x31, 0xff,    0x31, 0xf6, 0x31, 0xd2, /* 1:    xor    %edi, %esi, %edx */
	0x4d, 0x31,    0xd2,                   /*       xor    %r10, %r10 */
	0xb8, 0x0f,    0x01, 0x00, 0x00, 0x0f,
	0x05,       /*       mov    $271, %eax; syscall (ppoll) */
	0xeb, 0xee, /*       jmp    1b */
};
static const uint32_t code_aarch64[] = {
	0xf94003e0,                          /*    ldr  x0, [sp] */
	0xf100041f,                          /*    cmp  x0, #1 */
	0x54000088,                          /*    b.hi 1f */
	0x52800000 | (uint32_t)STARTED << 5, /*    mov  w0, #STARTED */
	0x52800bc8,
	0xd4000001, /*    mov  w8, #94; svc #0 (exit_group) */
	0xd2800000,
	0xd2800001, /* 1: mov  x0, #0; mov x1, #0 */
	0xd2800002,
	0xd2800003, /*    mov  x2, #0; mov x3, #0 */
	0x52800928,
	0xd4000001, /*    mov  w8, #73; svc #0 (ppoll) */
	0x17fffffa, /*    b    1b */
};
static const struct program {
	const char *abi;
	uint16_t machine;
	const void *code;
	size_t length;
} programs[] = {
	{ "x86_64", EM_X86_64, code_x86_64, sizeof(code_x86_64) },
	{ "aarch64", EM_AARCH64, code_aarch64, sizeof(code_aarch64) },
};
/* A ppoll(2) that was stopped goes on by restart_syscall(2). */
const char *const container_calls[] = { "exit_group", "ppoll", "restart_syscall", NULL };

static int write_program(int dir, const struct program *program, struct error *err)
{
	static const uint64_t base = 0x400000;
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segment;
		unsigned char code[64];
	} file = {
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					 ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_EXEC,
			    .e_machine = program->machine,
			    .e_version = EV_CURRENT,
			    .e_entry = base + offsetof(__typeof__(file), code),
			    .e_phoff = offsetof(__typeof__(file), segment),
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 1 },
		.segment = { .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_X,
			     .p_vaddr = base,
			     .p_paddr = base,
			     .p_filesz = sizeof(file),
			     .p_memsz = sizeof(file),
			     .p_align = 0x1000 },
	};

	memcpy(file.code, program->code, program->length);
	if (file_replace(dir, "program", &file, sizeof(file), err) < 0)
		return -1;
	if (fchmodat(dir, "program", 0755, 0) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot make the program of the container");
	return 0;
}

static const struct program *find_program(void)
{
	const struct abi *native = abi_of_machine(NULL);

	for (size_t i = 0; native && i < ARRAY_SIZE(programs); i++)
		if (strcmp(programs[i].abi, native->name) == 0)
			return &programs[i];
	return NULL;
}

/* ---- the directory ---- */

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *at)
{
	(void)info;
	(void)flag;
	(void)at;
	remove(path);
	return 0;
}

void container_free(struct container *container)
{
	/* FTW_MOUNT: nothing that is still mounted below is emptied. */
	if (container->dir)
		nftw(container->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(STEAL(container->dir));
}

static int fill_root(const struct container *container, const struct program *program,
		     struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/rootfs", container->dir);
	AUTO_CLOSE int root = -1;

	/* The user of the container must get through. */
	if (chmod(container->dir, 0755) < 0 || mkdir(path, 0755) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot make %s", path);
	if (file_open_dir(path, &root, err) < 0)
		return -1;
	return write_program(root, program, err);
}

int container_make(const char *runtime, struct container *ret, struct error *err)
{
	const char *above = getenv("TMPDIR");
	struct container container = { .runtime = runtime };
	const struct program *program = find_program();

	if (!program)
		return fail(err, ERROR_REFUSED, 0, "floors cannot be measured on this machine yet");
	container.dir = xasprintf("%s/whittle-floor.XXXXXX", above && *above ? above : "/tmp");
	if (!mkdtemp(container.dir)) {
		fail(err, ERROR_SYSTEM, errno, "cannot make %s", container.dir);
		free(container.dir);
		return -1;
	}
	if (fill_root(&container, program, err) < 0) {
		container_free(&container);
		return -1;
	}
	*ret = container;
	return 0;
}

/* ---- the bundle ---- */

/* A capability that the program keeps, for another user than root by the ambient set. */
#define CAPABILITY "\"CAP_KILL\""

static void add_process(const struct container_plan *plan, bool waits, struct buf *out)
{
	int id = plan->user ? 1000 : 0;
	const char *kept = plan->user ? CAPABILITY : "";

	buf_addf(out,
		 "{\"terminal\": false, \"cwd\": \"/\", \"args\": [\"/program\"%s], \"env\": [], "
		 "\"noNewPrivileges\": %s, \"user\": {\"uid\": %d, \"gid\": %d, "
		 "\"additionalGids\": [%s], \"umask\": 18}, \"capabilities\": {\"bounding\": "
		 "[" CAPABILITY "], \"effective\": [" CAPABILITY "], \"permitted\": [" CAPABILITY
		 "], \"inheritable\": [%s], \"ambient\": [%s]}}",
		 waits ? ", \"wait\"" : "", plan->no_new_privileges ? "true" : "false", id, id,
		 plan->user ? "3, 4" : "", kept, kept);
}

static const char *const phases[] = {
	[FLOOR_RUN] = "run", [FLOOR_CREATE] = "create", [FLOOR_EXEC] = "exec"
};
/*
 * Standard streams are files: runc hands over what belongs to somebody else. create has no
 * status of the program; whether it was started its /proc/PID/exe says.
 */
static const char script[] = "runtime=$1 dir=$2 id=${2##*/}\n"
			     "cd \"$dir\" || exit 125\n"
			     ": >in\n"
			     ": >log\n"
			     "r() { \"$runtime\" --root \"$dir/state\" \"$@\" <in >>log 2>&1; }\n"
			     "if [ \"$3\" = run ]; then r run --bundle \"$dir\" \"$id\"; exit; fi\n"
			     "r create --bundle \"$dir\" --pid-file \"$dir/pid\" \"$id\" || exit\n"
			     "r start \"$id\" || exit\n"
			     "if [ \"$3\" = exec ]; then\n"
			     "	r exec --process \"$dir/exec.json\" \"$id\"; exit\n"
			     "fi\n"
			     "while exe=$(readlink \"/proc/$(cat pid)/exe\"); do\n"
			     "	case $exe in */program) exit 42 ;; esac\n"
			     "	sleep 0.01\n"
			     "done\n"
			     "exit 1\n";

int container_prepare(const struct container *container, const struct container_plan *plan,
		      char *argv[8], struct error *err)
{
	AUTO_BUF struct buf config = BUF_INIT, process = BUF_INIT;
	AUTO_CLOSE int dir = -1;

	buf_adds(&config, "{\"ociVersion\": \"1.0.2\", \"process\": ");
	add_process(plan, plan->phase != FLOOR_RUN, &config);
	buf_addf(&config,
		 ", \"root\": {\"path\": \"rootfs\"}, \"mounts\": [{\"destination\": \"/proc\", "
		 "\"type\": \"proc\", \"source\": \"proc\"}, {\"destination\": \"/dev\", \"type\": "
		 "\"tmpfs\", \"source\": \"tmpfs\"}], \"linux\": {\"namespaces\": [{\"type\": "
		 "\"pid\"}, {\"type\": \"mount\"}, {\"type\": \"ipc\"}, {\"type\": \"uts\"}], "
		 "\"seccomp\": %s}}\n",
		 plan->seccomp);
	add_process(plan, false, &process);
	if (file_open_dir(container->dir, &dir, err) < 0 ||
	    file_replace(dir, "config.json", buf_text(&config), config.length, err) < 0 ||
	    file_replace(dir, "exec.json", buf_text(&process), process.length, err) < 0)
		return -1;
	char *const words[] = { "/bin/sh",
				"-c",
				(char *)script,
				"sh",
				(char *)container->runtime,
				container->dir,
				(char *)phases[plan->phase],
				NULL };
	memcpy(argv, words, sizeof(words));
	return 0;
}

/* ---- starts ---- */

/* Runs a command to its end, or until the time is over: *ret_status as of waitpid(2), or -1. */
static int run(const struct supervisor *supervisor, char *const *argv, double timeout,
	       int *ret_status, struct error *err)
{
	struct child_plan plan = { .argv = argv, .out = -1, .err = -1 };
	struct output none = { .fd = -1 };
	struct child child;
	int status = -1;

	if (child_start(supervisor, &plan, &child, err) < 0)
		return -1;
	if (child.number) {
		child_close(&child);
		return fail(err, ERROR_SYSTEM, child.number, "cannot execute %s", argv[0]);
	}
	int ended =
		supervisor_wait(supervisor, &child, &none, monotonic_now() + timeout, &status, err);
	child_close(&child);
	if (ended < 0)
		return -1;
	*ret_status = ended ? status : -1;
	return 0;
}

/* Its name is in the name of its cgroups, so it is nobody else's. */
static const char *container_id(const struct container *container)
{
	return strrchr(container->dir, '/') + 1;
}

/*
 * runc leaves a directory in the version 2 hierarchy beside those of version 1. Only an empty
 * cgroup can be removed so.
 */
static void remove_cgroups(const struct container *container)
{
	AUTO_FREE char *pattern = xasprintf("/sys/fs/cgroup/*/%s", container_id(container));
	glob_t found;

	if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		rmdir(found.gl_pathv[i]);
	globfree(&found);
}

int container_clear(const struct container *container, const struct supervisor *supervisor,
		    struct error *err)
{
	static const double delete_for = 30;
	AUTO_FREE char *state = xasprintf("%s/state", container->dir);
	char *argv[] = { (char *)container->runtime,      "--root", state, "delete", "--force",
			 (char *)container_id(container), NULL };
	int status;

	if (supervisor_clear(supervisor, err) < 0)
		return -1;
	int result = run(supervisor, argv, delete_for, &status, err);
	if (result < 0) { /* a signal to whittle, which is taken now: the container goes first */
		struct error again = { .kind = ERROR_NONE };

		run(supervisor, argv, delete_for, &status, &again);
	}
	if (supervisor_clear(supervisor, err) < 0)
		return -1;
	remove_cgroups(container);
	return result;
}

int container_try(const struct container *container, const struct supervisor *supervisor,
		  const struct container_plan *plan, double timeout, bool *ret_started,
		  struct error *err)
{
	char *argv[8];
	int status = -1;

	if (container_prepare(container, plan, argv, err) < 0)
		return -1;
	int result = run(supervisor, argv, timeout, &status, err);
	struct error later = { .kind = ERROR_NONE };
	int cleared = container_clear(container, supervisor, result < 0 ? &later : err);
	if (result < 0 || cleared < 0)
		return -1;
	*ret_started = status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == STARTED;
	return 0;
}

char *container_says(const struct container *container)
{
	static const size_t most = 1 << 20;
	AUTO_FREE char *path = xasprintf("%s/log", container->dir), *text = NULL;
	struct error ignored;
	size_t length;

	if (file_read(AT_FDCWD, path, most, &text, &length, &ignored) < 0)
		return xstrdup("");
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	const char *line = strrchr(text, '\n');
	AUTO_BUF struct buf safe = BUF_INIT;
	const char *last = line ? line + 1 : text;
	escape_text(&safe, last, strlen(last));
	return buf_steal(&safe);
}
