# shellcheck shell=bash
# stress-ng's stressors that make system calls and harm nothing: no load on memory, disk or CPU that
# the machine would feel, nothing that sets the clock, fills a file system or runs for long. Left out
# are also those that stress-ng itself takes for dangerous (sysinval) and those that run out of
# operations only after seconds; FULL=1 adds most of these. vm-segv traces its own child and waits for
# what it then never sees.

# stressors: their names, one a line.
stressors()
{
	tr -s ' \t' '\n' <<-'END'
		syscall access affinity aio aiol alarm bad-altstack brk cap chattr chmod chown clock clone
		close context copy-file daemon dentry dir dirdeep dirmany dnotify dup dynlib enosys env epoll
		eventfd exec exit-group fallocate fanotify fault fcntl fiemap fifo file-ioctl flock fork fsize
		fstat full futex get getdent getrandom handle hrtimers io io-uring itimer kcmp key kill klog
		landlock lease locka lockf lockofd membarrier mincore mknod mlock mmapaddr mprotect mq msg msync
		munmap nanosleep netdev netlink-proc netlink-task nice null open opcode peterson personality
		pidfd ping-sock pipe pkey poll prctl priv-instr pthread ptrace rawsock readahead remap rename
		resched revio ring-pipe rlimit rseq rtc schedpolicy seal seccomp seek sem-sysv sendfile
		session set shm shm-sysv sigabrt sigchld sigfd sigfpe signal signest sigpending sigpipe sigq
		sigrt sigsegv sigsuspend sigtrap sleep sock sockabuse sockdiag sockfd sockpair sockmany spawn
		splice switch sysbadaddr sysinfo tee timer timerfd touch tun udp umount unshare urandom
		userfaultfd usersyscall utime vdso vfork vm-rw vm-splice wait x86syscall xattr zero zombie
	END
	[ -z "${FULL-}" ] || tr -s ' \t' '\n' <<-'END'
		af-alg chdir fpunch inode-flags inotify link madvise memfd misaligned mmap mmapfixed mremap mutex
		pipeherd procfs pty resources secretmem sem sigio stack sync-file vforkmany yield
	END
}

# stressor_seconds NAME: when it is told to end, if its operations are not done by then. In "syscall"
# a client connects to a server that its parent may not have bound yet: slowed down, by strace as well,
# it waits for ever until its time is up, and from then on a second for each such call.
stressor_seconds()
{
	case $1 in
	syscall) echo 1 ;;
	*) echo 5 ;;
	esac
}
