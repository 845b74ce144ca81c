/* System V IPC and message queues: ipc/. */
#include <observe/capable_rules.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <whittle/file.h>

#define SYS_ADMIN CAP_BIT(CAP_SYS_ADMIN)

struct ipc_object {
	uint32_t key, id, mode, uid, gid, cuid, cgid;
	uint64_t size; /* of shared memory */
};

/*
 * The object by id, or by key, of /proc/sysvipc/KIND. The lines differ in what stands between the
 * mode and the ids: sizes and pids, of which there are skip.
 */
static bool find_ipc(const char *file, int skip, bool by_key, uint32_t wanted,
		     struct ipc_object *ret)
{
	AUTO_FREE char *text = NULL;
	size_t length;
	struct error err;

	if (file_read(AT_FDCWD, file, 64 << 20, &text, &length, &err) < 0)
		return false;
	for (char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
		char *at = line + 1;
		struct ipc_object perm;

		perm.key = (uint32_t)strtol(at, &at, 10);
		perm.id = (uint32_t)strtol(at, &at, 10);
		perm.mode = (uint32_t)strtoul(at, &at, 8);
		perm.size = strtoull(at, &at, 10);
		for (int i = 1; i < skip; i++)
			strtoull(at, &at, 10);
		perm.uid = (uint32_t)strtoul(at, &at, 10);
		perm.gid = (uint32_t)strtoul(at, &at, 10);
		perm.cuid = (uint32_t)strtoul(at, &at, 10);
		perm.cgid = (uint32_t)strtoul(at, &at, 10);
		if ((by_key ? perm.key : perm.id) == wanted) {
			*ret = perm;
			return true;
		}
	}
	return false;
}

/* ipcperms() in ipc/util.c */
static void need_ipc(struct needs *needs, const struct ipc_object *perm, unsigned int flag)
{
	const struct creds *creds = needs->call->creds;
	unsigned int wanted = (flag >> 6 | flag >> 3 | flag) & 7, granted = perm->mode;

	if (creds->euid == perm->uid || creds->euid == perm->cuid)
		granted >>= 6;
	else if (creds_in_group(creds, perm->gid) || creds_in_group(creds, perm->cgid))
		granted >>= 3;
	if (wanted & ~granted)
		need_add(needs, CAP_BIT(CAP_IPC_OWNER), "an IPC object");
}

/* ipcctl_obtain_check() in ipc/util.c */
static void need_ipc_owner(struct needs *needs, const struct ipc_object *perm)
{
	uid_t euid = needs->call->creds->euid;

	if (euid != perm->uid && euid != perm->cuid)
		need_add(needs, SYS_ADMIN, "another user's IPC object");
}

/* What a call wants of its object. */
struct ipc_row {
	const char *name;
	const char *file;
	int skip;
	enum { IPC_GET, IPC_CONTROL, IPC_READ, IPC_WRITE, IPC_ATTACH, IPC_OPERATE } how;
	int flags; /* index of the argument with flags or the command; semop: of the operations */
};
static const struct ipc_row ipc_rows[] = {
	{ "msgctl", "/proc/sysvipc/msg", 4, IPC_CONTROL, 1 },
	{ "msgget", "/proc/sysvipc/msg", 4, IPC_GET, 1 },
	{ "msgrcv", "/proc/sysvipc/msg", 4, IPC_READ, 0 },
	{ "msgsnd", "/proc/sysvipc/msg", 4, IPC_WRITE, 0 },
	{ "semctl", "/proc/sysvipc/sem", 1, IPC_CONTROL, 2 },
	{ "semget", "/proc/sysvipc/sem", 1, IPC_GET, 2 },
	{ "semop", "/proc/sysvipc/sem", 1, IPC_OPERATE, 1 },
	{ "semtimedop", "/proc/sysvipc/sem", 1, IPC_OPERATE, 1 },
	{ "shmat", "/proc/sysvipc/shm", 4, IPC_ATTACH, 2 },
	{ "shmctl", "/proc/sysvipc/shm", 4, IPC_CONTROL, 1 },
	{ "shmget", "/proc/sysvipc/shm", 4, IPC_GET, 2 },
};

/* shmctl_do_lock() in ipc/shm.c; the owner may lock as much as user_shm_lock() in mm/mlock.c lets
 */
static void need_shm_lock(struct needs *needs, const struct ipc_object *perm, uint32_t command)
{
	uid_t euid = needs->call->creds->euid;

	if (euid != perm->uid && euid != perm->cuid)
		need_add(needs, CAP_BIT(CAP_IPC_LOCK), "another user's shared memory");
	else if (command == SHM_LOCK && perm->size > call_limit(needs->call, RLIMIT_MEMLOCK))
		need_add(needs, CAP_BIT(CAP_IPC_LOCK), "locked memory");
}

static void need_control(struct needs *needs, const struct ipc_object *perm, uint32_t command)
{
	command &= ~(uint32_t)0x100; /* IPC_64 */
	switch (command) {
	case IPC_SET:
	case IPC_RMID:
		need_ipc_owner(needs, perm);
		return;
	case SHM_LOCK:
	case SHM_UNLOCK:
		/* the numbers are semctl's GETPID and GETVAL too */
		if (needs->call->name[1] != 'h')
			break;
		need_shm_lock(needs, perm, command);
		return;
	case SETVAL:
	case SETALL:
		need_ipc(needs, perm, 0222);
		return;
	default:
		break;
	}
	need_ipc(needs, perm, 0444);
}

/* do_semtimedop(): operations that alter want write, others read */
static bool alters(const struct call *call)
{
	struct sembuf operations[64];
	size_t count =
		call->args[2] < ARRAY_SIZE(operations) ? call->args[2] : ARRAY_SIZE(operations);

	if (tracee_read(call->tid, call->args[1], operations, count * sizeof *operations) < 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (operations[i].sem_op)
			return true;
	return false;
}

/* can_do_hugetlb_shm() in fs/hugetlbfs/inode.c */
static void need_huge_pages(struct needs *needs)
{
	long group = sysctl_number("/proc/sys/vm/hugetlb_shm_group", 0);

	if (!creds_in_group(needs->call->creds, (gid_t)group))
		need_add(needs, CAP_BIT(CAP_IPC_LOCK), "SHM_HUGETLB");
}

void rule_sysvipc(struct needs *needs)
{
	const struct call *call = needs->call;
	const struct ipc_row *row = ipc_rows;
	struct ipc_object perm;

	/* semtimedop_time64 is semtimedop */
	while (strncmp(row->name, call->name, strlen(row->name)) != 0)
		if (++row == ipc_rows + ARRAY_SIZE(ipc_rows))
			return;
	uint32_t flags = call_u32(call, row->flags);
	if (strcmp(row->name, "shmget") == 0 && flags & SHM_HUGETLB)
		need_huge_pages(needs);
	if (row->how == IPC_GET && call_u32(call, 0) == IPC_PRIVATE)
		return;
	if (!find_ipc(row->file, row->skip, row->how == IPC_GET, call_u32(call, 0), &perm))
		return;
	if (row->how == IPC_CONTROL)
		need_control(needs, &perm, flags);
	else if (row->how == IPC_GET)
		need_ipc(needs, &perm, flags & 0777);
	else if (row->how == IPC_ATTACH) /* do_shmat() */
		need_ipc(needs, &perm,
			 (flags & SHM_RDONLY ? 0444u : 0666u) | (flags & SHM_EXEC ? 0111u : 0));
	else
		need_ipc(needs, &perm,
			 row->how == IPC_READ || (row->how == IPC_OPERATE && !alters(call)) ? 0444
											    : 0222);
}

/*
 * prepare_open() in ipc/mqueue.c: permissions as of files. Which those are is seen where the file
 * system of the queues is mounted, as mq_overview(7) and every container runtime have it.
 */
void rule_mq_open(struct needs *needs)
{
	static const unsigned int masks[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
					      MAY_READ | MAY_WRITE };
	const struct call *call = needs->call;
	AUTO_PATH struct path path = PATH_INIT;
	AUTO_BUF struct buf name = BUF_INIT;
	uint32_t flags = call_u32(call, 1);

	buf_adds(&name, "/dev/mqueue/");
	if (tracee_read_string(call->tid, call->args[0], NAME_MAX, &name) < 0 ||
	    path_walk(call->tid, call->tgid, AT_FDCWD, buf_text(&name), name.length, 0, &path) <
		    0 ||
	    path.error || (flags & O_CREAT && flags & O_EXCL))
		return;
	need_dac(needs, &path, PATH_OBJECT, masks[flags & O_ACCMODE]);
}
