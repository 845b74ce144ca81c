/* Signals, ptrace, and other looks into another process. */
#include <observe/observe.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <whittle/file.h>

/* ---- names ---- */

void signal_name(int number, struct buf *out)
{
	/* apparmor.d(5), "Signal rules"; numbers of x86 and ARM */
	static const char *const names[] = {
		"exists", "hup",  "int",    "quit", "ill",   "trap", "abrt", "bus",
		"fpe",    "kill", "usr1",   "segv", "usr2",  "pipe", "alrm", "term",
		"stkflt", "chld", "cont",   "stop", "stp",   "ttin", "ttou", "urg",
		"xcpu",   "xfsz", "vtalrm", "prof", "winch", "io",   "pwr",  "sys",
	};
	enum { RTMIN = 32 }; /* the kernel's, not the C library's */

	if (number >= 0 && number < (int)ARRAY_SIZE(names))
		buf_adds(out, names[number]);
	else
		buf_addf(out, "rtmin+%d", number - RTMIN);
}

struct request_name {
	uint64_t request;
	const char *name;
};

const char *ptrace_request_name(uint64_t request, char scratch[32])
{
	static const struct request_name names[] = {
		{ PTRACE_TRACEME, "traceme" },
		{ PTRACE_PEEKTEXT, "peektext" },
		{ PTRACE_PEEKDATA, "peekdata" },
		{ PTRACE_PEEKUSER, "peekuser" },
		{ PTRACE_POKETEXT, "poketext" },
		{ PTRACE_POKEDATA, "pokedata" },
		{ PTRACE_POKEUSER, "pokeuser" },
		{ PTRACE_CONT, "cont" },
		{ PTRACE_KILL, "kill" },
		{ PTRACE_SINGLESTEP, "singlestep" },
		{ PTRACE_ATTACH, "attach" },
		{ PTRACE_DETACH, "detach" },
		{ PTRACE_SYSCALL, "syscall" },
		{ PTRACE_SETOPTIONS, "setoptions" },
		{ PTRACE_GETEVENTMSG, "geteventmsg" },
		{ PTRACE_GETSIGINFO, "getsiginfo" },
		{ PTRACE_SETSIGINFO, "setsiginfo" },
		{ PTRACE_GETREGSET, "getregset" },
		{ PTRACE_SETREGSET, "setregset" },
		{ PTRACE_SEIZE, "seize" },
		{ PTRACE_INTERRUPT, "interrupt" },
		{ PTRACE_LISTEN, "listen" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].request == request)
			return names[i].name;
	snprintf(scratch, 32, "0x%llx", (unsigned long long)request);
	return scratch;
}

/* ---- whom a number means ---- */

/* Numbers of a tracee in whittle's own pid namespace are whittle's; NULL status: cannot tell. */
static bool in_own_namespace(pid_t tid)
{
	char name[32];
	struct stat own, its;

	snprintf(name, sizeof(name), "/proc/%d/ns/pid", tid);
	if (stat("/proc/self/ns/pid", &own) < 0 || stat(name, &its) < 0)
		return true;
	return own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

/* The thread's own tgid (or tid) in its innermost pid namespace. */
static pid_t innermost_id(const struct thread *thread, const char *field)
{
	AUTO_FREE char *status = proc_status(thread->tid);
	const char *ids = status ? proc_field(status, field) : NULL;
	pid_t id = 0;

	while (ids && *ids >= '0' && *ids <= '9') {
		char *end;

		id = (pid_t)strtol(ids, &end, 10);
		ids = *end == '\t' ? end + 1 : NULL;
	}
	return id;
}

/*
 * A number that the workload had once and that nobody has now, or a zombie, was meant for the
 * workload: a shell that kills a child which has just ended.
 */
static bool is_gone(pid_t pid)
{
	AUTO_FREE char *status = proc_status(pid);
	const char *state = status ? proc_field(status, "State") : NULL;

	return !state || *state == 'Z' || *state == 'X';
}

const char *process_class(const struct observer *observer, const struct thread *thread, pid_t pid)
{
	const struct thread *target;
	const struct process *process;

	if (pid == 0 || pid < -1)
		return "group";
	if (pid == -1)
		return "all";
	if (!in_own_namespace(thread->tid)) {
		/* Only the workload is in a pid namespace that the workload made. */
		bool self = pid == innermost_id(thread, "NStgid") ||
			    pid == innermost_id(thread, "NSpid");
		return self ? "self" : "workload";
	}
	target = thread_find(observer, pid);
	if (target)
		return target->process == thread->process ? "self" : "workload";
	HASH_FIND_INT(observer->processes, &pid, process);
	if (process)
		return process == thread->process ? "self" : "workload";
	return pids_have(observer->pids, pid) && is_gone(pid) ? "workload" : "outside";
}

/* The process behind a pidfd, as whittle numbers it; 0 if it is none. */
static pid_t pid_of_pidfd(const struct thread *thread, int fd)
{
	char name[48];
	AUTO_FREE char *info = NULL;
	size_t length;
	struct error err;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", thread->tid, fd);
	if (file_read(AT_FDCWD, name, 65536, &info, &length, &err) < 0)
		return 0;
	const char *pid = proc_field(info, "Pid");
	return pid ? (pid_t)strtol(pid, NULL, 10) : 0;
}

/* As process_class(), of a number that is whittle's own. */
static const char *class_of_pidfd(const struct observer *observer, const struct thread *thread,
				  int fd)
{
	pid_t pid = pid_of_pidfd(thread, fd);
	const struct process *process;

	HASH_FIND_INT(observer->processes, &pid, process);
	if (process)
		return process == thread->process ? "self" : "workload";
	/* -1: it has been reaped */
	return pid < 0 || pids_have(observer->pids, pid) ? "workload" : "outside";
}

/* ---- signals ---- */

/* Keeps the class of the target in thread->word: the call may end its own thread. */
void kill_enter(struct observer *observer, struct thread *thread)
{
	pid_t pid = (pid_t)thread->args[0];

	if (thread->row->topic == TOPIC_KILL_PIDFD)
		thread->word = class_of_pidfd(observer, thread, (int)thread->args[0]);
	else if (thread->row->topic == TOPIC_KILL_THREAD && pid <= 0)
		thread->word = NULL; /* EINVAL */
	else
		thread->word = process_class(observer, thread, pid);
}

static void emit_signal(struct observer *observer, struct thread *thread, int number,
			const char *class)
{
	AUTO_BUF struct buf name = BUF_INIT;

	signal_name(number, &name);
	emit_fact(observer, FACT_SIGNAL, name.data, class, thread_program(thread));
}

/* Who died in the call sent it to itself, or was killed at that moment: the call was let through.
 */
void kill_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	if ((outcome->ok || outcome->unknown) && thread->word)
		emit_signal(observer, thread, (int)args_value(thread, ARG_SIGNAL), thread->word);
}

/* The signal at the parent's death is checked as one between the two (kernel/exit.c). */
void prctl_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	int number = (int)thread->args[1];

	if (outcome->ok && (int)thread->args[0] == PR_SET_PDEATHSIG && number > 0)
		emit_signal(observer, thread, number, "workload");
}

/* ---- ptrace ---- */

void ptrace_enter(struct observer *observer, struct thread *thread)
{
	enum topic topic = thread->row->topic;
	pid_t pid = (pid_t)args_value(thread, ARG_PID);

	if (topic == TOPIC_PTRACE_PIDFD)
		thread->word = class_of_pidfd(observer, thread, (int)thread->args[0]);
	else if (topic == TOPIC_PTRACE && thread->args[0] == PTRACE_TRACEME)
		thread->word = "workload"; /* its parent */
	else /* 0 is the caller wherever it is not an error; perf_event_open(2): -1 is nobody */
		thread->word = pid > 0 ? process_class(observer, thread, pid) : "self";
	if (strcmp(thread->row->name, "kcmp") == 0 && strcmp(thread->word, "self") == 0)
		thread->word = process_class(observer, thread, (pid_t)thread->args[1]);
}

static const char *request_of_call(const struct thread *thread, char scratch[32])
{
	static const struct {
		const char *call, *request;
	} rows[] = {
		{ "get_robust_list", "read" },     { "kcmp", "kcmp" },
		{ "migrate_pages", "read" },       { "move_pages", "read" },
		{ "perf_event_open", "read" },     { "pidfd_getfd", "getfd" },
		{ "prlimit64", "set-limit" },      { "process_madvise", "read" },
		{ "process_vm_readv", "vm-read" }, { "process_vm_writev", "vm-write" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].call, thread->row->name) == 0)
			return rows[i].request;
	return ptrace_request_name(thread->args[0], scratch);
}

static void emit_ptrace(struct observer *observer, struct thread *thread, const char *request,
			const char *class, int64_t result)
{
	AUTO_BUF struct buf text = BUF_INIT;

	args_result_name(result, &text);
	emit_fact(observer, FACT_PTRACE, request, class, thread_program(thread), buf_text(&text));
}

/* Calls that may mean another process: the own one is no fact, and neither are limits just read. */
static bool is_no_look(const struct thread *thread)
{
	static const char *const others[] = { "get_robust_list", "migrate_pages", "move_pages",
					      "perf_event_open", "prlimit64" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(others[i], thread->row->name) == 0)
			return strcmp(thread->word, "self") == 0 ||
			       (strcmp(others[i], "prlimit64") == 0 && !thread->args[2]);
	return false;
}

void ptrace_leave(struct observer *observer, struct thread *thread, const struct outcome *outcome)
{
	char scratch[32];
	const char *request = request_of_call(thread, scratch);

	if (outcome->unknown || is_no_look(thread))
		return;
	emit_ptrace(observer, thread, request, thread->word, outcome->value);
	if (outcome->value != -EPERM || thread->row->topic != TOPIC_PTRACE ||
	    strcmp(thread->word, "outside") == 0)
		return;
	/* A thread has one tracer, and that of the workload is whittle. */
	uint64_t number = thread->args[0];
	if (number == PTRACE_TRACEME || number == PTRACE_ATTACH || number == PTRACE_SEIZE)
		emit_limitation(observer, "ptrace-refused");
}

/*
 * What is below /proc/PID and asks ptrace_may_access() when it is opened or read (fs/proc/base.c),
 * or if link, when it is read as a link. Most ask for the right to read the process; "vm-read" are
 * those that take the right to attach to it, as process_vm_readv(2) does. stat shows less without
 * (do_task_stat() in fs/proc/array.c), but the refusal is logged.
 */
static const struct guarded_file {
	const char *name;
	bool link;
	const char *request;
} guarded_files[] = {
	{ "auxv", false, "read" },
	{ "environ", false, "read" },
	{ "io", false, "read" },
	{ "map_files/", true, "read" },
	{ "maps", false, "read" },
	{ "mem", false, "vm-read" },
	{ "mountstats", false, "read" },
	{ "numa_maps", false, "read" },
	{ "pagemap", false, "read" },
	{ "patch_state", false, "read" },
	{ "personality", false, "vm-read" },
	{ "smaps", false, "read" },
	{ "smaps_rollup", false, "read" },
	{ "stack", false, "vm-read" },
	{ "stat", false, "read" },
	{ "syscall", false, "vm-read" },
	{ "timers", false, "read" },
	{ "wchan", false, "read" },
	{ "cwd", true, "read" },
	{ "exe", true, "read" },
	{ "fd/", true, "read" },
	{ "ns/", true, "read" },
	{ "root", true, "read" },
};

/* What name, below the directory of another process, asks for; NULL if nothing. */
static const char *asked_request(const char *name, bool link)
{
	static const char process[] = "/proc/\\{pids}/", task[] = "task/\\{tid}/";

	if (strncmp(name, process, sizeof(process) - 1) != 0)
		return NULL;
	name += sizeof(process) - 1;
	if (strncmp(name, task, sizeof(task) - 1) == 0)
		name += sizeof(task) - 1;
	for (size_t i = 0; i < ARRAY_SIZE(guarded_files); i++) {
		const struct guarded_file *guarded = &guarded_files[i];
		size_t length = strlen(guarded->name);
		bool directory = guarded->name[length - 1] == '/';

		if (guarded->link == link && strncmp(name, guarded->name, length) == 0 &&
		    (directory ? name[length] != '\0' : name[length] == '\0'))
			return guarded->request;
	}
	return NULL;
}

static void emit_look(struct observer *observer, struct thread *thread, const char *request,
		      pid_t pid)
{
	const char *class = process_class(observer, thread, pid);

	if (strcmp(class, "self") != 0)
		emit_ptrace(observer, thread, request, class, 0);
}

void proc_accessed(struct observer *observer, struct thread *thread, const struct path *path,
		   bool link)
{
	const char *request = NULL;

	if (path->linked)
		emit_look(observer, thread, "read", path->linked);
	if (path->process && path->name)
		request = asked_request(path->name, link);
	if (request)
		emit_look(observer, thread, request, path->process);
}
