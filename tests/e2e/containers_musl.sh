#!/usr/bin/env bash
# An image with musl's loader and C library in place of glibc's, as Alpine's are: a dynamically linked
# program is recorded in it, and started under what emit says by each engine.
. "$(dirname "$0")/../lib-container.bash"
c_init
cd "$T" || exit 1
t_have musl-gcc busybox || t_skip_all "$t_missing is not installed"
loader=$(find /lib/ -maxdepth 1 -name "ld-musl-*.so.1" -printf "/lib/%f\n" | head -n 1)
[ -n "$loader" ] || t_skip_all "musl's loader is not installed"

# Threads, names of users, files that are made: what musl does otherwise than glibc.
cat >work.c <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static void *count(void *sum)
{
	__atomic_add_fetch((int *)sum, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

int main(int argc, char **argv)
{
	char name[] = "/tmp/work.XXXXXX", *words[] = { "echo", "child", NULL };
	pthread_t threads[8];
	int sum = 0, fd, status;
	pid_t pid;

	if (argc > 1 && strcmp(argv[1], "mount") == 0) /* what no run did */
		return mount("none", "/tmp", "tmpfs", 0, NULL) < 0 ? (perror("mount"), 1) : 0;
	if (argc > 1 && strcmp(argv[1], "write") == 0)
		return fopen("/etc/new", "w") ? 0 : (perror("write"), 1);
	for (int i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, count, &sum) != 0)
			return 2;
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	fd = mkstemp(name);
	if (fd < 0 || write(fd, "x", 1) != 1 || unlink(name) < 0)
		return 3;
	if (posix_spawnp(&pid, "echo", NULL, NULL, words, (char *[]){ "PATH=/bin", NULL }) != 0 ||
	    waitpid(pid, &status, 0) != pid)
		return 4;
	printf("%d threads, %s, libc %s\n", sum, getpwuid(getuid())->pw_name,
	       dlsym(RTLD_DEFAULT, "gnu_get_libc_version") ? "glibc" : "musl");
	return 0;
}
END
c_busybox root
# busybox is static: a second program of musl's, which the first executes.
printf '#include <stdio.h>\nint main(int n, char **a) { return puts(n > 1 ? a[1] : "") < 0; }\n' >echo.c
rm -f root/bin/echo
mkdir -p root/lib
t_ok "programs are linked with musl" musl-gcc -O1 -o root/bin/work work.c
t_ok "one to execute too" musl-gcc -O1 -o root/bin/echo echo.c
t_ok "by its loader" sh -c 'readelf -l root/bin/work | grep -q "interpreter: .*ld-musl"'
cp -L "$loader" "root$loader"
wanted='child
8 threads, nobody, libc musl'

container=(run --rm --network none --user 65534:65534)
t_ok "an image" c_image podman musl root
if c_have podman crun; then
	timeout -s KILL "$c_limit" "$WHITTLE" record -q -o out -- "${podman[@]}" --runtime crun run \
		"${podman_run[@]}" --rm --network none --user 65534:65534 localhost/musl /bin/work >said 2>err
	t_is "recorded by crun" "$(cat said)" "$wanted"
else
	t_skip_all "$c_reason"
fi
t_is "the loader is known" "$(jq -r '.programs[] | select(.path == "/bin/work").loader' out/evidence.json)" "$loader"
t_ok "no glibc" sh -c '! grep -q "libc.so.6" out/evidence.json'
t_ok "flags" "$WHITTLE" emit docker-flags -q --seccomp "$T/filter.json" -o flags out
t_ok "the filter lets no mount pass" sh -c '! jq -r ".syscalls[] | select(.action == \"SCMP_ACT_ALLOW\").names[]" filter.json | grep -qx mount'

# start WAY COMMAND…: under whittle's words
start()
{
	# shellcheck disable=SC2046 # the words are whittle's
	case $1 in
	docker) c_docker "${container[@]}" $(grep -v '^--network' flags) localhost/musl "${@:2}" ;;
	*) c_podman --runtime "${1#*-}" "${container[@]}" $(grep -v '^--network' flags) localhost/musl "${@:2}" ;;
	esac
}
for way in podman-crun podman-runc docker; do
	IFS=- read -ra engine <<<"$way"
	if ! c_have "${engine[@]}"; then
		t_skip "$way" "$c_reason"
		continue
	fi
	[ "$way" != docker ] || t_ok "an image for Docker" c_image docker musl root
	t_is "$way: it does its work" "$(start "$way" /bin/work 2>&1)" "$wanted"
	t_ok "$way: mount is refused" not start "$way" /bin/work mount
	t_ok "$way: another file is not written" not start "$way" /bin/work write
done

# The same program on the host, by ptrace: results, stacks and musl's own names.
t_is "recorded on the host" "$(PATH=$T/root/bin:$PATH "$WHITTLE" record -q -o host -- root/bin/work 2>&1 | tail -n 1)" \
	"8 threads, $(id -un), libc musl"
t_ok "call sites name musl" grep -qE "(ld-musl-[a-z0-9_]*.so.1|libc.so)[+]0x" host/evidence.json
t_end
