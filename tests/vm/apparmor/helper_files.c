/* Operations of the rows' helper on files; see helper.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "helper.h"

/* ---- by name ---- */

OP(openat2)
{
	struct open_how how = { .flags = (unsigned int)open_flags(args[0]),
				.resolve = strtoul(args[2], NULL, 0) };

	if (how.flags & O_CREAT)
		how.mode = 0644;
	return state->fd = (int)syscall(SYS_openat2, AT_FDCWD, args[1], &how, sizeof(how));
}

CALL(creat, state->fd = creat(args[0], 0644))
CALL(openunder, state->fd = openat(state->fd, args[1], open_flags(args[0]), 0644))
CALL(mkdirunder, mkdirat(state->fd, args[0], 0755))
CALL(unlinkunder, unlinkat(state->fd, args[1], atoi(args[0])))
CALL(renameunder, renameat(state->fd, args[0], state->fd, args[1]))
CALL(symlinkunder, symlinkat(args[0], state->fd, args[1]))
CALL(rmdir, rmdir(args[0]))
CALL(linkat, linkat(AT_FDCWD, args[1], AT_FDCWD, args[2], atoi(args[0])))
CALL(linkempty, linkat(state->fd, "", AT_FDCWD, args[0], AT_EMPTY_PATH))
CALL(mkfifo, mkfifo(args[0], 0644))
CALL(mkreg, mknod(args[0], S_IFREG | 0644, 0))
CALL(mksock, mknod(args[0], S_IFSOCK | 0644, 0))
CALL(whiteout, mknod(args[0], S_IFCHR, 0))
CALL(chmodto, chmod(args[1], (mode_t)strtoul(args[0], NULL, 8)))
CALL(fchmodat, fchmodat(AT_FDCWD, args[0], 0700, 0))
CALL(chownto, fchownat(AT_FDCWD, args[0], (uid_t)atoi(args[1]), (gid_t)atoi(args[2]), 0))
CALL(chownempty, fchownat(state->fd, "", 0, 0, AT_EMPTY_PATH))
CALL(setxattr, setxattr(args[0], args[1], "v", 1, 0))
CALL(lsetxattr, lsetxattr(args[0], args[1], "v", 1, 0))
CALL(fsetxattr, fsetxattr(state->fd, args[0], "v", 1, 0))
CALL(rmxattr, removexattr(args[0], args[1]))
CALL(listxattr, listxattr(args[0], NULL, 0))
CALL(access, access(args[0], R_OK | W_OK))
CALL(chdir, chdir(args[0]))
CALL(fchdir, fchdir(state->fd))

/* Other than now, and by descriptor. */
OP(utimesto)
{
	struct timespec times[2] = { { 1, 0 }, { 2, 0 } };

	return utimensat(AT_FDCWD, args[0], times, 0);
}

/* user::rw-, user:1000:r--, group::r--, mask::r--, other::--- (linux/posix_acl_xattr.h) */
OP(setacl)
{
	static const struct {
		unsigned int version;
		struct {
			unsigned short tag, perm;
			unsigned int id;
		} entries[5];
	} acl = { 2,
		  { { 0x01, 6, -1U },
		    { 0x02, 4, 1000 },
		    { 0x04, 4, -1U },
		    { 0x10, 4, -1U },
		    { 0x20, 0, -1U } } };

	return setxattr(args[0], args[1], &acl, sizeof(acl), 0);
}

OP(getxattr)
{
	char value[64];

	return (int)getxattr(args[0], args[1], value, sizeof(value));
}

OP(statfs)
{
	struct statfs statfs_;

	return statfs(args[0], &statfs_);
}

/* open_by_handle_at(2) of a file, below the directory that is open. */
OP(openhandle)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} name = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount;

	if (name_to_handle_at(AT_FDCWD, args[0], &name.handle, &mount, 0) < 0)
		return -1;
	return state->fd = open_by_handle_at(state->fd, &name.handle, O_RDONLY);
}

CALL(inotify, inotify_add_watch(inotify_init1(0), args[0], IN_MODIFY))
CALL(fanotify, fanotify_mark(fanotify_init(0, O_RDONLY), FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, args[0]))
CALL(acct, acct(args[0]))
CALL(acctoff, acct(NULL))
CALL(swapon, swapon(args[0], 0))

/* ---- by descriptor ---- */

CALL(fallocate, fallocate(state->fd, 0, 0, 8192))
CALL(punch, fallocate(state->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1))
CALL(fsync, fsync(state->fd))
CALL(readahead, readahead(state->fd, 0, 1))
CALL(lockf, lockf(state->fd, F_LOCK, 1))
CALL(dnotify, fcntl(state->fd, F_NOTIFY, DN_MODIFY))
CALL(pread, pread(state->fd, (char[8]){ 0 }, 8, 0))
CALL(pwrite, pwrite(state->fd, "x", 1, 0))
CALL(lseek, lseek(state->fd, 0, SEEK_SET))

/* From a file that is opened for it. */
OP(copyrange)
{
	int from = open(args[0], O_RDONLY);

	return from < 0 ? -1 : (int)copy_file_range(from, NULL, state->fd, NULL, 1, 0);
}

OP(sendfile)
{
	int from = open(args[0], O_RDONLY);

	return from < 0 ? -1 : (int)sendfile(state->fd, from, NULL, 1);
}

OP(splice)
{
	int ends[2];

	if (pipe(ends) < 0)
		return -1;
	return (int)splice(state->fd, NULL, ends[1], NULL, 1, 0);
}

static short lock_type(const char *name)
{
	static const struct word words[] = { { "w", F_WRLCK }, { "r", F_RDLCK }, { "u", F_UNLCK } };

	return (short)word_value(words, COUNT(words), name, 1);
}

OP(ofdlock)
{
	struct flock lock = { .l_type = lock_type(args[0]) };

	return fcntl(state->fd, F_OFD_SETLK, &lock);
}

OP(setlkw)
{
	struct flock lock = { .l_type = lock_type(args[0]) };

	return fcntl(state->fd, F_SETLKW, &lock);
}

OP(ofdget)
{
	struct flock lock = { .l_type = F_WRLCK };

	return fcntl(state->fd, F_OFD_GETLK, &lock);
}

CALL(lease, fcntl(state->fd, F_SETLEASE, lock_type(args[0])))
CALL(flocknb, flock(state->fd, LOCK_EX | LOCK_NB))

/* The peer of a pseudo terminal. */
OP(ptspeer)
{
	int zero = 0;

	if (ioctl(state->fd, TIOCSPTLCK, &zero) < 0)
		return -1;
	return state->fd = ioctl(state->fd, TIOCGPTPEER, O_RDWR | O_NOCTTY);
}

OP(ptsname)
{
	char name[64];

	if (unlockpt(state->fd) < 0 || ptsname_r(state->fd, name, sizeof(name)) != 0)
		return -1;
	return state->fd = open(name, O_RDWR | O_NOCTTY);
}

/* ---- memory ---- */

OP(mapnone)
{
	state->map = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE, state->fd, 0);
	return state->map == MAP_FAILED ? -1 : 0;
}

CALL(mremap, mremap(state->map, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0)
CALL(msync, msync(state->map, 4096, MS_SYNC))
CALL(munmap, munmap(state->map, 4096))
CALL(pkeyx, syscall(SYS_pkey_mprotect, state->map, 4096, PROT_READ | PROT_EXEC, -1))
CALL(readimpliesexec, personality(READ_IMPLIES_EXEC))

OP(shmat)
{
	int id = shmget(IPC_PRIVATE, 4096, 0700);
	void *at = shmat(id, NULL, SHM_EXEC);

	shmctl(id, IPC_RMID, NULL);
	return at == (void *)-1 ? -1 : 0; /* NOLINT(performance-no-int-to-ptr): shmat(2) */
}

OP(sealedmemfd)
{
	state->fd = memfd_create("sealed", MFD_ALLOW_SEALING);
	if (state->fd < 0 || ftruncate(state->fd, 4096) < 0 || fchmod(state->fd, 0700) < 0)
		return -1;
	return fcntl(state->fd, F_ADD_SEALS, F_SEAL_GROW);
}

const struct op file_ops[] = {
	{ "access", 1, do_access },
	{ "acct", 1, do_acct },
	{ "acctoff", 0, do_acctoff },
	{ "chdir", 1, do_chdir },
	{ "chmodto", 2, do_chmodto },
	{ "chownempty", 0, do_chownempty },
	{ "chownto", 3, do_chownto },
	{ "copyrange", 1, do_copyrange },
	{ "creat", 1, do_creat },
	{ "dnotify", 0, do_dnotify },
	{ "fallocate", 0, do_fallocate },
	{ "fanotify", 1, do_fanotify },
	{ "fchdir", 0, do_fchdir },
	{ "fchmodat", 1, do_fchmodat },
	{ "flocknb", 0, do_flocknb },
	{ "fsetxattr", 1, do_fsetxattr },
	{ "fsync", 0, do_fsync },
	{ "getxattr", 2, do_getxattr },
	{ "inotify", 1, do_inotify },
	{ "lease", 1, do_lease },
	{ "linkat", 3, do_linkat },
	{ "linkempty", 1, do_linkempty },
	{ "listxattr", 1, do_listxattr },
	{ "lockf", 0, do_lockf },
	{ "lseek", 0, do_lseek },
	{ "lsetxattr", 2, do_lsetxattr },
	{ "mapnone", 0, do_mapnone },
	{ "mkdirunder", 1, do_mkdirunder },
	{ "mkfifo", 1, do_mkfifo },
	{ "mkreg", 1, do_mkreg },
	{ "mksock", 1, do_mksock },
	{ "mremap", 0, do_mremap },
	{ "msync", 0, do_msync },
	{ "munmap", 0, do_munmap },
	{ "ofdget", 0, do_ofdget },
	{ "ofdlock", 1, do_ofdlock },
	{ "openat2", 3, do_openat2 },
	{ "openhandle", 1, do_openhandle },
	{ "openunder", 2, do_openunder },
	{ "pkeyx", 0, do_pkeyx },
	{ "pread", 0, do_pread },
	{ "ptsname", 0, do_ptsname },
	{ "ptspeer", 0, do_ptspeer },
	{ "punch", 0, do_punch },
	{ "pwrite", 0, do_pwrite },
	{ "readahead", 0, do_readahead },
	{ "readimpliesexec", 0, do_readimpliesexec },
	{ "renameunder", 2, do_renameunder },
	{ "rmdir", 1, do_rmdir },
	{ "rmxattr", 2, do_rmxattr },
	{ "sealedmemfd", 0, do_sealedmemfd },
	{ "sendfile", 1, do_sendfile },
	{ "setacl", 2, do_setacl },
	{ "setlkw", 1, do_setlkw },
	{ "setxattr", 2, do_setxattr },
	{ "shmat", 0, do_shmat },
	{ "splice", 0, do_splice },
	{ "statfs", 1, do_statfs },
	{ "swapon", 1, do_swapon },
	{ "symlinkunder", 2, do_symlinkunder },
	{ "unlinkunder", 2, do_unlinkunder },
	{ "utimesto", 1, do_utimesto },
	{ "whiteout", 1, do_whiteout },
	{ NULL, 0, NULL },
};
