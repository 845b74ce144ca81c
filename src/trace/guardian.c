#include <trace/guardian.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <whittle/proc.h>

enum {
	WARDS_MAX = 65536,
	AGAIN = 20, /* milliseconds until the wards are looked at again */
	LISTENER = 0,
	LIFELINE = 1 /* its descriptors */
};

/* pid 0: a free slot, and started is the next one. Written by whittle, read by its guardian. */
struct ward {
	_Atomic pid_t pid;
	_Atomic uint64_t started;
};

struct wards {
	_Atomic bool ended;  /* by guardian_end(), not by whittle's death */
	_Atomic size_t used; /* slots ever used */
	struct ward slots[WARDS_MAX];
};

/* ---- in the guardian: only calls that are safe after fork(2) ---- */

static void kill_ward(const struct ward *ward)
{
	pid_t pid = atomic_load(&ward->pid);
	AUTO_CLOSE int fd = pid ? pidfd_open(pid, 0) : -1;

	if (fd >= 0 && proc_started(pid) == atomic_load(&ward->started))
		pidfd_send_signal(fd, SIGKILL, NULL, 0);
}

/*
 * Kills the caller of a notification, which no id of can be given anew meanwhile. False if it has
 * no id here: it is of a pid namespace that is not below this one.
 */
static bool kill_caller(int listener, void *request, size_t size)
{
	struct seccomp_notif *notif = request;

	memset(request, 0, size);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, request) < 0)
		return true;
	if (notif->pid)
		kill((pid_t)notif->pid, SIGKILL); /* of a thread it is that of the process */
	return notif->pid;
}

static void kill_all(const struct wards *wards, int fd)
{
	struct pollfd listener = { .fd = fd, .events = POLLIN };
	union {
		struct seccomp_notif notif;
		unsigned char room[4096];
	} request;

	do {
		for (size_t i = 0; wards && i < atomic_load(&wards->used); i++)
			kill_ward(&wards->slots[i]);
		while (poll(&listener, 1, AGAIN) > 0 && (listener.revents & POLLIN))
			if (!kill_caller(fd, &request, sizeof(request)))
				return;
	} while (!(listener.revents & (POLLHUP | POLLNVAL)));
}

static void __attribute__((noreturn))
guard(const struct guardian *guardian, int listener, int lifeline)
{
	char byte;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid(); /* neither the terminal's signals nor those to whittle's group are for it */
	prctl(PR_SET_NAME, "whittle-guard");
	/* Descriptors 0 and 1 may be either of these. */
	int high_listener = fcntl(listener, F_DUPFD, 3),
	    high_lifeline = fcntl(lifeline, F_DUPFD, 3);
	dup2(high_listener, LISTENER);
	dup2(high_lifeline, LIFELINE);
	closefrom(guardian->farewell ? STDERR_FILENO + 1 : LIFELINE + 1);
	if (chdir("/") < 0)
		_exit(EXIT_WHITTLE);
	while (read(LIFELINE, &byte, 1) < 0 && errno == EINTR)
		continue;
	kill_all(guardian->wards, LISTENER);
	if (!guardian->farewell || atomic_load(&guardian->wards->ended))
		_exit(0);
	size_t length = strlen(guardian->farewell);
	_exit(write(STDERR_FILENO, guardian->farewell, length) == (ssize_t)length ? 0
										  : EXIT_WHITTLE);
}

/* ---- in whittle ---- */

int guardian_init(struct guardian *guardian, const char *farewell, struct error *err)
{
	*guardian = (struct guardian){ .lifeline = -1, .farewell = farewell };
	void *wards = mmap(NULL, sizeof(struct wards), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (wards == MAP_FAILED)
		return fail(err, ERROR_SYSTEM, errno, "cannot share memory with the guardian");
	guardian->wards = wards;
	return 0;
}

int guardian_start(struct guardian *guardian, int listener, struct error *err)
{
	int lifeline[2];

	auto_close(&guardian->lifeline);
	guardian->lifeline = -1;
	if (pipe2(lifeline, O_CLOEXEC) < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot create a pipe");
	guardian->pid = fork();
	if (guardian->pid == 0) {
		close(lifeline[1]);
		guard(guardian, listener, lifeline[0]);
	}
	close(lifeline[0]);
	guardian->lifeline = lifeline[1];
	if (guardian->pid > 0)
		return 0;
	guardian->pid = 0;
	return fail(err, ERROR_SYSTEM, errno, "cannot start the guardian of the workload");
}

size_t guardian_watch(struct guardian *guardian, pid_t tgid, uint64_t started)
{
	size_t slot = guardian->spare;

	if (slot == WARDS_MAX)
		return SIZE_MAX;
	struct ward *ward = &guardian->wards->slots[slot];
	bool fresh = slot == atomic_load(&guardian->wards->used);
	guardian->spare = fresh ? slot + 1 : atomic_load(&ward->started);
	atomic_store(&ward->started, started);
	atomic_store(&ward->pid, tgid);
	if (fresh)
		atomic_store(&guardian->wards->used, slot + 1);
	return slot;
}

void guardian_unwatch(struct guardian *guardian, size_t slot)
{
	if (slot == SIZE_MAX || !guardian->wards)
		return;
	atomic_store(&guardian->wards->slots[slot].pid, 0);
	atomic_store(&guardian->wards->slots[slot].started, guardian->spare);
	guardian->spare = slot;
}

void guardian_kill(int listener)
{
	kill_all(NULL, listener);
}

void guardian_end(struct guardian *guardian)
{
	if (guardian->wards)
		atomic_store(&guardian->wards->ended, true);
	auto_close(&guardian->lifeline);
	guardian->lifeline = -1;
	if (guardian->pid)
		while (waitpid(guardian->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	guardian->pid = 0;
	if (guardian->wards)
		munmap(guardian->wards, sizeof(struct wards));
	guardian->wards = NULL;
}
