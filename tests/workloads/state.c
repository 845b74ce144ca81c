/* Prints all that a process inherits, so that a traced run can be compared with a plain one. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void print_status(void)
{
	char line[512];
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "Sig", 3) == 0 || strncmp(line, "Shd", 3) == 0 ||
		    strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0 ||
		    strncmp(line, "Uid", 3) == 0 || strncmp(line, "Groups", 6) == 0)
			fputs(line, stdout);
	if (file)
		fclose(file);
}

int main(int argc, char **argv)
{
	char directory[4096];
	mode_t mask = umask(0);

	for (int i = 0; i < argc; i++)
		printf("arg %s\n", argv[i]);
	for (char **variable = environ; *variable; variable++)
		printf("env %s\n", *variable);
	for (int fd = 0; fd < 1024; fd++) {
		struct stat st;
		if (fstat(fd, &st) == 0)
			printf("fd %d tty %d\n", fd, isatty(fd));
	}
	printf("cwd %s umask %o\n", getcwd(directory, sizeof(directory)), mask);
	printf("group leader %d session leader %d\n", getpgrp() == getpid(), getsid(0) == getpid());
	for (int i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit limit;
		if (getrlimit(i, &limit) == 0)
			printf("limit %d %lu %lu\n", i, (unsigned long)limit.rlim_cur,
			       (unsigned long)limit.rlim_max);
	}
	printf("nice %d dumpable %d pdeathsig ", getpriority(PRIO_PROCESS, 0),
	       prctl(PR_GET_DUMPABLE));
	int deathsig = 0;
	prctl(PR_GET_PDEATHSIG, &deathsig);
	printf("%d\n", deathsig);
	print_status();
	return 0;
}
