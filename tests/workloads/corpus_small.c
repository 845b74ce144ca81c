/*
 * corpus_small DIR: a bit of everything that a small program asks of a kernel, with the C library
 * only, so that it can be built static and for other ABIs. Prints what came of each part; all of
 * it is the same from run to run.
 */
#define _FILE_OFFSET_BITS 64 /* for i386 */

#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 1000, CHILDREN = 20 };
static const off_t far_away = (off_t)5 << 30; /* past what 32 bits can say */

static void check(bool ok, const char *what)
{
	if (!ok)
		err(1, "%s", what);
}

static void files(void)
{
	char text[32] = "";
	struct stat status;
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0640);

	check(fd >= 0, "open");
	check(pwrite(fd, "far", 3, far_away) == 3, "pwrite");
	check(lseek(fd, far_away, SEEK_SET) == far_away, "lseek");
	check(read(fd, text, sizeof text) == 3, "read");
	check(fstat(fd, &status) == 0 && status.st_size == far_away + 3, "fstat");
	check(ftruncate(fd, 4096) == 0 && fchmod(fd, 0600) == 0 && fsync(fd) == 0, "ftruncate");
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(map != MAP_FAILED, "mmap");
	strcpy(map, "mapped");
	check(msync(map, 4096, MS_SYNC) == 0 && munmap(map, 4096) == 0, "munmap");
	check(pread(fd, text, sizeof text, 0) > 0 && close(fd) == 0, "pread");
	check(rename("file", "moved") == 0 && link("moved", "file") == 0, "link");
	check(symlink("file", "symlink") == 0 && access("symlink", R_OK) == 0, "symlink");
	printf("files: %s\n", text);
}

static void directories(void)
{
	int count = 0;

	check(mkdir("dir", 0755) == 0 && chdir("dir") == 0, "mkdir");
	for (int i = 0; i < 10; i++) {
		char name[16];

		snprintf(name, sizeof name, "%d", i);
		int fd = creat(name, 0600);
		check(fd >= 0 && close(fd) == 0, "creat");
	}
	DIR *dir = opendir(".");
	check(dir != NULL, "opendir");
	while (readdir(dir))
		count++;
	closedir(dir);
	check(unlink("0") == 0 && chdir("..") == 0 && rmdir("dir") != 0, "unlink");
	printf("directories: %d, %s\n", count, strerror(errno));
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *count_up(void *total)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		++*(int *)total;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void threads(void)
{
	pthread_t thread[THREADS];
	int total = 0;

	/* All threads find the lock taken, so that each run waits on a futex. */
	pthread_mutex_lock(&lock);
	for (int i = 0; i < THREADS; i++)
		check(pthread_create(&thread[i], NULL, count_up, &total) == 0, "pthread_create");
	usleep(10000);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("threads: %d\n", total);
}

static void children(void)
{
	int ends[2], sum = 0, status;
	unsigned char byte;

	check(pipe(ends) == 0, "pipe");
	fflush(stdout);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();

		check(child >= 0, "fork");
		if (child == 0) {
			byte = (unsigned char)i;
			_exit(write(ends[1], &byte, 1) == 1 ? i : 255);
		}
	}
	close(ends[1]);
	while (read(ends[0], &byte, 1) == 1)
		sum += byte;
	close(ends[0]);
	while (wait(&status) > 0)
		sum += WEXITSTATUS(status);
	printf("children: %d\n", sum);
}

static volatile sig_atomic_t caught;

static void catch (int number)
{
	caught += number;
}

static void signals(void)
{
	struct sigaction action = { .sa_handler = catch };
	struct itimerval timer = { .it_value.tv_usec = 1000 };
	sigset_t set, old;

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	raise(SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, &old);
	check(setitimer(ITIMER_REAL, &timer, NULL) == 0, "setitimer");
	while (caught != SIGUSR1 + SIGALRM)
		sigsuspend(&old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("signals: %d\n", (int)caught);
}

static void sockets(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "socket" };
	socklen_t length = sizeof at;
	char text[16] = "";
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1, box = socket(AF_UNIX, SOCK_DGRAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	check(bind(listener, (struct sockaddr *)&at, sizeof at) == 0, "bind");
	check(listen(listener, 4) == 0, "listen");
	check(getsockname(listener, (struct sockaddr *)&at, &length) == 0, "getsockname");
	check(connect(client, (struct sockaddr *)&at, sizeof at) == 0, "connect");
	int server = accept(listener, NULL, NULL);
	check(server >= 0 && send(server, "inet", 4, 0) == 4, "accept");
	struct pollfd ready = { .fd = client, .events = POLLIN };
	check(poll(&ready, 1, -1) == 1 && recv(client, text, sizeof text, 0) == 4, "recv");
	printf("sockets: %s", text);
	check(bind(box, (struct sockaddr *)&local, sizeof local) == 0, "bind unix");
	check(sendto(box, "unix", 4, 0, (struct sockaddr *)&local, sizeof local) == 4, "sendto");
	check(recvfrom(box, text, sizeof text, 0, NULL, NULL) == 4, "recvfrom");
	printf(" %s\n", text);
}

static void limits(void)
{
	struct rlimit limit;
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);

	check(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
	limit.rlim_cur = 64;
	check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	check(id >= 0, "shmget");
	char *memory = shmat(id, NULL, 0);
	check(memory != (void *)-1, "shmat");
	strcpy(memory, "shared");
	printf("limits: %s\n", memory);
	check(shmdt(memory) == 0 && shmctl(id, IPC_RMID, NULL) == 0, "shmdt");
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]) != 0)
		err(2, "usage: corpus_small DIR");
	files();
	directories();
	threads();
	children();
	signals();
	sockets();
	limits();
	return 0;
}
