/* Operations of the rows' helper on mounts, profiles, queues and privileges; see helper.c. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
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

/* ---- privileges ---- */

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
	{ "alarmclock", 0, do_alarmclock }, { "dropbound", 1, do_dropbound },
	{ "fsmount", 1, do_fsmount },       { "mlock", 0, do_mlock },
	{ "mountattr", 1, do_mountattr },   { "mountdata", 5, do_mountdata },
	{ "mqflags", 2, do_mqflags },       { "mqsend", 0, do_mqsend },
	{ "nomodule", 0, do_nomodule },     { "realtime", 0, do_realtime },
	{ "rlimit", 0, do_rlimit },         { "setdomain", 0, do_setdomain },
	{ "seteuid", 1, do_seteuid },       { "setgid", 1, do_setgid },
	{ "setgroups", 1, do_setgroups },   { "sysunshare", 1, do_sysunshare },
	{ "umask", 0, do_umask },           { "umount2", 2, do_umount2 },
	{ "writeto", 2, do_writeto },       { NULL, 0, NULL },
};
