/* One x32 call (getpid, bit 30 set): ENOSYS where the kernel has no x32. */
#include <errno.h>
#include <unistd.h>

int main(void)
{
	long result = syscall(0x40000000 | 39);

	return result == getpid() || (result < 0 && errno == ENOSYS) ? 0 : 1;
}
