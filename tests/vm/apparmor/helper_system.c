/* Operations of the rows' helper on mounts, profiles, queues and privileges; see helper.c. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "helper.h"

/* ---- mounts ---- */

CALL(mountdata, mount(args[0], args[1], args[2], strtoul(args[3], NULL, 0), args[4]))
CALL(umount2, umount2(args[1], atoi(args[0])))

OP(fsmount)
{
	int context = fsopen(args[0], 0);

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return state->fd = fsmount(context, 0, 0);
}

OP(mountattr)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	return mount_setattr(AT_FDCWD, args[0], 0, &attr, sizeof(attr));
}

/* ---- profiles ---- */

static int write_text(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);
	if (fd < 0)
		return -1;
	ssize_t written = write(fd, text, strlen(text));
	close(fd);
	return (int)written;
}

CALL(writeto, write_text(args[0], args[1]))

/* ---- queues ---- */

CALL(mqflags, state->fd = (int)syscall(SYS_mq_open, args[1] + 1, open_flags(args[0]), 0600, NULL))
CALL(mqsend, mq_send(state->fd, "x", 1, 0))

/* ---- io_uring ---- */

/* One that does nothing, with the credentials that were registered; its result is the call's. */
OP(uringcreds)
{
	struct io_uring_params params = { .flags = 0 };
	long ring = syscall(SYS_io_uring_setup, 1, &params);
	long creds = syscall(SYS_io_uring_register, ring, IORING_REGISTER_PERSONALITY, NULL, 0);

	if (ring < 0 || creds < 0)
		return -1;
	int fd = state->fd = (int)ring;
	size_t length = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	char *queue =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	struct io_uring_sqe *sqe =
		mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	if (queue == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .personality = (uint16_t)creds };
	*(unsigned int *)(void *)(queue + params.sq_off.array) = 0;
	*(unsigned int *)(void *)(queue + params.sq_off.tail) = 1;
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	int result = ((struct io_uring_cqe *)(void *)(queue + params.cq_off.cqes))->res;
	errno = -result;
	return result;
}

OP(uringpoll)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 1 };

	return state->fd = (int)syscall(SYS_io_uring_setup, 1, &params);
}

/* ---- privileges ---- */

/* Did execve(2) scrub the environment (AT_SECURE, getauxval(3)), and what did the loader see? */
CALL(secure,
     printf("secure %lu %s\n", getauxval(AT_SECURE), getenv("LD_PRELOAD") ? "preload" : "none"))

CALL(setgid, setgid((gid_t)atoi(args[0])))
CALL(setgroups, setgroups(1, &(gid_t){ (gid_t)atoi(args[0]) }))
CALL(seteuid, seteuid((uid_t)atoi(args[0])))
CALL(setdomain, setdomainname("vm", 2))
CALL(mlock, setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0 }) < 0 ? -1 : mlockall(MCL_CURRENT))
CALL(rlimit, setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }))
CALL(realtime, sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 1 }))
CALL(alarmclock, timerfd_create(CLOCK_REALTIME_ALARM, 0))
CALL(nomodule, syscall(SYS_delete_module, "whittle_none", 0))
CALL(dropbound, prctl(PR_CAPBSET_DROP, atoi(args[0])))
CALL(sysunshare, unshare(atoi(args[0])))
CALL(umask, umask(0) * 0)

const struct op system_ops[] = {
	{ "alarmclock", 0, do_alarmclock },
	{ "dropbound", 1, do_dropbound },
	{ "fsmount", 1, do_fsmount },
	{ "mlock", 0, do_mlock },
	{ "mountattr", 1, do_mountattr },
	{ "mountdata", 5, do_mountdata },
	{ "mqflags", 2, do_mqflags },
	{ "mqsend", 0, do_mqsend },
	{ "nomodule", 0, do_nomodule },
	{ "realtime", 0, do_realtime },
	{ "rlimit", 0, do_rlimit },
	{ "setdomain", 0, do_setdomain },
	{ "secure", 0, do_secure },
	{ "seteuid", 1, do_seteuid },
	{ "setgid", 1, do_setgid },
	{ "setgroups", 1, do_setgroups },
	{ "sysunshare", 1, do_sysunshare },
	{ "umask", 0, do_umask },
	{ "umount2", 2, do_umount2 },
	{ "uringcreds", 0, do_uringcreds },
	{ "uringpoll", 0, do_uringpoll },
	{ "writeto", 2, do_writeto },
	{ NULL, 0, NULL },
};
