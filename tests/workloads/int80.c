/* A 64-bit program that also makes i386 calls: getpid (20) and getuid32 (199) by int $0x80. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	long pid = -1;
#ifdef __x86_64__
	__asm__ volatile("int $0x80" : "=a"(pid) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	long uid;
	__asm__ volatile("int $0x80" : "=a"(uid) : "a"(199) : "memory", "r8", "r9", "r10", "r11");
#else
	pid = getpid();
#endif
	printf("%d\n", pid == getpid());
	return pid == getpid() ? 0 : 1;
}
