/*
 * Uses seccomp itself, before or after its calls have become a routine, and prints what it sees.
 *
 *	engine_own KIND CALLS
 *
 * KIND: query, probe (as libseccomp asks for flags), errno, trap, trace (to nobody: ENOSYS), tsync,
 * listener, strict, stacked. CALLS known calls are made before the filter, and as many behind it.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int calls;
static volatile sig_atomic_t traps;

static void trapped(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (info->si_syscall == SYS_getpgid)
		traps++;
}

static void routine(const char *when)
{
	int bad = 0;

	for (int i = 0; i < calls; i++) {
		if (syscall(SYS_getppid) != getppid())
			bad++;
		if (lseek(1, 0, SEEK_CUR) < -1 || close(-1) == 0)
			bad++;
		if (access("/", F_OK) < 0 || close(open("/", O_RDONLY)) < 0)
			bad++;
	}
	printf("%s: %d of %d wrong\n", when, bad, calls);
}

static int install(int number, unsigned int action, unsigned int flags)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void say(const char *what, long result)
{
	printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "",
	       result < 0 ? strerror(errno) : "");
}

static void refuse(int number, unsigned int action)
{
	say("install", install(number, action, 0));
	say("mode", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}

static void kind_query(void)
{
	say("mode", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	say("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void kind_probe(void)
{
	say("listener",
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, NULL));
	say("filter", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
	say("prctl", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0));
}

static void kind_errno(void)
{
	refuse(SYS_getpgid, SECCOMP_RET_ERRNO | ENOTTY);
	say("getpgid", syscall(SYS_getpgid, 0) > 0 ? 1 : -1);
	refuse(SYS_mkdir, SECCOMP_RET_ERRNO | EXDEV);
	say("mkdir", mkdir("/nowhere/at/all", 0700));
}

static void kind_trap(void)
{
	struct sigaction action = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO };

	sigaction(SIGSYS, &action, NULL);
	refuse(SYS_getpgid, SECCOMP_RET_TRAP);
	for (int i = 0; i < 100; i++)
		syscall(SYS_getpgid, 0);
	say("traps", traps);
}

static void kind_trace(void)
{
	refuse(SYS_getpgid, SECCOMP_RET_TRACE | 7);
	for (int i = 0; i < 3; i++)
		say("getpgid", syscall(SYS_getpgid, 0) > 0 ? 1 : -1);
}

static atomic_int go;

static void *other(void *arg)
{
	(void)arg;
	while (!go)
		syscall(SYS_getppid);
	return (void *)(intptr_t)(syscall(SYS_getpgid, 0) > 0 ? 0 : errno);
}

static void kind_tsync(void)
{
	pthread_t thread[3];
	void *result;

	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, other, NULL) != 0)
			errx(2, "pthread_create");
	say("install", install(SYS_getpgid, SECCOMP_RET_ERRNO | ENOTTY, SECCOMP_FILTER_FLAG_TSYNC));
	go = 1;
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], &result);
		printf("thread: %s\n", strerror((int)(intptr_t)result));
	}
}

static void kind_listener(void)
{
	struct seccomp_notif request;
	struct seccomp_notif_resp response;
	int listener =
		install(SYS_getpgid, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);

	say("install", listener < 0 ? -1 : 0);
	if (listener < 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		long result = syscall(SYS_getpgid, 0);
		_exit(result == 4321 ? 0 : 1);
	}
	for (int i = 0; i < 1; i++) {
		memset(&request, 0, sizeof request);
		memset(&response, 0, sizeof response);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
			err(2, "receive");
		say("notified", request.data.nr == SYS_getpgid);
		response.id = request.id;
		response.val = 4321;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0)
			err(2, "send");
	}
	int status;
	waitpid(pid, &status, 0);
	say("child", status);
}

/* Only read, write, _exit and sigreturn are left: the child makes no other call. */
static void kind_strict(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		for (int i = 0; i < calls; i++)
			syscall(SYS_getppid);
		long result = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
		if (write(1, result == 0 ? "strict\n" : "refused\n", result == 0 ? 7 : 8) < 0)
			syscall(SYS_exit, 3);
		syscall(SYS_exit, 5);
	}
	waitpid(pid, &status, 0);
	say("status", status);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
		syscall(SYS_getppid);
		syscall(SYS_exit, 5);
	}
	waitpid(pid, &status, 0);
	say("killed by", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void kind_stacked(void)
{
	for (int i = 0; i < 5; i++)
		say("install",
		    install(SYS_getpgid + i, SECCOMP_RET_ERRNO | (unsigned int)(10 + i), 0));
	say("getpgid", syscall(SYS_getpgid, 0) > 0 ? 1 : -1);
	say("mode", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}

static const struct {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{ "query", kind_query },       { "errno", kind_errno },     { "trap", kind_trap },
	{ "trace", kind_trace },       { "tsync", kind_tsync },     { "strict", kind_strict },
	{ "listener", kind_listener }, { "stacked", kind_stacked }, { "probe", kind_probe },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	calls = argc > 2 ? atoi(argv[2]) : 0;
	routine("before");
	if (argc > 3 && strcmp(argv[1], "exec") == 0) {
		execvp(argv[3], argv + 3);
		err(2, "%s", argv[3]);
	}
	if (argc > 1 && strcmp(argv[1], "query") != 0 && strcmp(argv[1], "probe") != 0)
		say("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (argc > 1 && strcmp(argv[1], kinds[i].name) == 0) {
			kinds[i].run();
			routine("behind");
			return 6;
		}
	errx(2, "usage: engine_own KIND CALLS");
}
