# shellcheck shell=bash
# shellcheck disable=SC2034 # variables for the scripts
# Container engines for tests: podman, docker (a daemon of the test's own), runc and crun. In place
# of lib.sh:
#
#	. "$(dirname "$0")/../lib-container.bash"
#	c_init                  # t_init and all below; skips the script where nothing can run
#	if c_have podman crun; then … "${podman[@]}" --runtime crun run "${podman_run[@]}" …
#	else t_skip "a name" "$c_reason"; fi
#	t_end
#
# The script runs as process 1 of private mount, network and process namespaces, with its own /run
# and /dev/shm: no port, mount, lock, socket or process of it is anyone else's, and all of them end
# with it, however it ends. Cgroups are below $c_cgroup and removed at the end. Given:
#	$C              a directory for bundles and stores, in $T
#	$c_root         an empty directory of the host's root file system: what is written there is
#	                seen in containers whose root is a copy-on-write view of the host's:
#	                "podman run --rootfs /:O", c_bundle, c_host_root
#	podman=(…)      podman with a store of its own; podman_run=(…) belongs behind its "run"
#	buildah=(…)     buildah with the same store
#	dockerd_options=(…)  set it before the first "c_have docker"
#	$c_limit        seconds that a container may run
# Nothing is downloaded: images are made from what is installed.

if [ "$(id -u)" -eq 0 ] && [ -z "${CONTAINER_PRIVATE-}" ]; then
	CONTAINER_PRIVATE=1 exec unshare --mount --net --pid --fork --kill-child --mount-proc \
		--propagation private -- bash "$0" "$@"
fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A docker that somebody put beside the packaged one comes last.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
export PATH
dockerd_options=()
C='' c_root='' c_cgroup='' c_reason='' c_limit=60 c_dockerd=

c_init()
{
	t_init
	[ "$(id -u)" -eq 0 ] || t_skip_all "container engines need root"
	t_have jq setfattr || t_skip_all "$t_missing is not installed"
	trap c_cleanup EXIT
	c_private_system || t_skip_all "no private system: $(tail -n 1 "$T/private")"
	C=$T/containers c_cgroup=/whittle-${T##*.}
	mkdir -p "$C" "$C/bundles"
	chmod 755 "$T" "$C"
	c_root=$(mktemp -d /srv/whittle-test.XXXXXX) || exit 1
	chmod 755 "$c_root"
	c_podman_setup
}

# crun takes a cgroup2 mounted beside the version 1 hierarchies for a hybrid that it refuses; runc
# writes into that directory whatever is mounted there.
c_private_system()
{
	{
		mount -t tmpfs -o mode=755 whittle /run && mount -t tmpfs -o mode=1777 whittle /dev/shm &&
			{ [ ! -d /sys/fs/cgroup/unified ] ||
				mount -t tmpfs -o mode=755 whittle /sys/fs/cgroup/unified; } &&
			ip link set lo up
	} >"$T/private" 2>&1
}

# Process 1 ends all others of its namespace, and nobody else's. What they held goes then.
c_cleanup()
{
	local status=$?

	if [ $$ -eq 1 ]; then
		disown -a
		kill -KILL -1 2>/dev/null
		c_unmount "$T"
		c_unmount /sys/fs/cgroup/unified
		if [ -n "$c_cgroup" ]; then wait_for 10 c_remove_cgroups; fi
		if [ -n "$c_root" ]; then rm -rf --one-file-system "$c_root"; fi
	fi
	(exit "$status")
	t_cleanup
}

# c_unmount DIR: all that is mounted there and below it, the innermost first.
c_unmount()
{
	awk -v dir="$1/" 'index($5 "/", dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
		xargs -r -d '\n' umount -l
}

c_remove_cgroups()
{
	local tops

	mapfile -t tops < <(find /sys/fs/cgroup -maxdepth 2 -name "${c_cgroup#/}")
	[ ${#tops[@]} -eq 0 ] || find "${tops[@]}" -depth -type d -exec rmdir {} +
}

# c_have ENGINE [RUNTIME]: podman, docker, buildah, runc or crun can be used here, with that
# runtime; $c_reason says why not. docker means a daemon too: it is started.
c_have()
{
	local command=("$@")

	c_reason=
	[ "$1" != docker ] || command+=(dockerd containerd)
	[ "$1" != podman ] || command+=(conmon)
	if ! t_have "${command[@]}"; then
		c_reason="$t_missing is not installed"
	elif ! declare -F "c_try_$1" >/dev/null || "c_try_$1" "${@:2}" >"$C/try" 2>&1; then
		return 0
	else
		c_reason="$* cannot run here: $(tail -n 1 "$C/try")"
	fi
	return 1
}

c_try_podman() { c_try_once "podman-${1-}" c_podman ${1+--runtime "$1"} run --rm --rootfs /:O true; }
c_try_runc() { c_try_once runc c_try_bundle runc; }
c_try_crun() { c_try_once crun c_try_bundle crun; }
c_try_docker() { c_dockerd_start; }

# c_try_once NAME COMMAND…: what worked once is not tried again.
c_try_once()
{
	[ ! -e "$C/tried-$1" ] || return 0
	"${@:2}" && : >"$C/tried-$1"
}

c_try_bundle()
{
	c_bundle try-"$1" true && c_run "$1" try-"$1"
}

# --- podman, buildah ---

# Hard limits may be lower here than what podman asks for by default, and root may not raise them.
c_podman_setup()
{
	local files processes

	files=$(ulimit -Hn) processes=$(ulimit -Hu)
	[ "$files" != unlimited ] && [ "$files" -le 4096 ] || files=4096
	[ "$processes" != unlimited ] && [ "$processes" -le 4096 ] || processes=4096
	cat >"$C/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=1024:$files", "nproc=$processes:$processes"]
		netns = "none"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "none"
	END
	export CONTAINERS_CONF=$C/containers.conf BUILDAH_ISOLATION=oci
	podman=(podman --root "$C/store" --runroot /run/whittle-store --storage-driver overlay
		--volumepath "$C/volumes")
	podman_run=(--cgroup-parent "$c_cgroup")
	buildah=(buildah --root "$C/store" --runroot /run/whittle-store --storage-driver overlay)
}

# c_podman [OPTION…] COMMAND ARG…: podman; a "run" or "create" gets ${podman_run[@]}.
c_podman()
{
	local word words=()

	for word; do
		words+=("$word")
		case $word in run | create) words+=("${podman_run[@]}" "${@:${#words[@]}+1}"); break ;; esac
	done
	timeout -s KILL "$c_limit" "${podman[@]}" "${words[@]}"
}

# --- docker ---

# c_dockerd_start: a daemon of our own, once, with ${dockerd_options[@]}; DOCKER_HOST leads to it.
c_dockerd_start()
{
	[ -z "$c_dockerd" ] || return 0
	mkdir -p "$C/docker"
	export DOCKER_HOST=unix://$C/docker/socket
	setsid dockerd --iptables=false --ip6tables=false --bridge=none --data-root "$C/docker/data" \
		--exec-root "$C/docker/exec" --pidfile "$C/docker/pid" -H "$DOCKER_HOST" \
		--exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "$c_cgroup" "${dockerd_options[@]}" \
		>"$C/docker/log" 2>&1 </dev/null &
	c_dockerd=$!
	wait_for 30 docker version && return 0
	tail -n 5 "$C/docker/log"
	c_dockerd_stop
	return 1
}

# SIGTERM ends its containerd too.
c_dockerd_stop()
{
	[ -n "$c_dockerd" ] || return 0
	kill "$c_dockerd" 2>/dev/null
	wait "$c_dockerd" 2>/dev/null
	c_dockerd=
	c_unmount "$C/docker"
}

c_docker() { timeout -s KILL "$c_limit" docker "$@"; }

# --- roots and images ---

# c_host_root DIR: mounts there a copy-on-write view of the host's root; what the host keeps in its
# scratch directories (podman copies it into a tmpfs) is not seen.
c_host_root()
{
	local name

	mkdir -p "$1" "$1.upper" "$1.work" || return
	for name in tmp var/tmp run; do
		mkdir -p "$1.upper/$name" && chmod --reference "/$name" "$1.upper/$name" &&
			setfattr -n trusted.overlay.opaque -v y "$1.upper/$name" || return
	done
	mount -t overlay -o "lowerdir=/,upperdir=$1.upper,workdir=$1.work" whittle "$1"
}

# c_busybox DIR: a root with busybox (static) and a user "nobody".
c_busybox()
{
	local applet

	mkdir -p "$1"/{bin,etc,dev,proc,sys,tmp,run,srv,home} && cp "$(command -v busybox)" "$1/bin/busybox" &&
		chmod 1777 "$1/tmp" || return
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet" || return
	done
	echo 'root:x:0:0:root:/:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:
nogroup:x:65534:' >"$1/etc/group"
}

# c_scratch DIR FILE…: a root with nothing but these files (static programs), in its top directory.
c_scratch()
{
	mkdir -p "$1" && cp "${@:2}" "$1"
}

# c_image ENGINE NAME DIR: an image localhost/NAME of that root, in the store of podman or docker.
c_image()
{
	if [ "$1" = docker ]; then
		tar -C "$3" -c . | c_docker import - "localhost/$2" >/dev/null
	else
		tar -C "$3" -c . | c_podman import -q - "localhost/$2" >/dev/null
	fi
}

# --- bundles ---

# c_bundle NAME COMMAND…: $C/bundles/NAME with a config.json (no filter, no capabilities, root). The
# root is a copy-on-write view of the host's, unless the bundle has a rootfs already. The network is
# the script's own. Change it by c_edit.
c_bundle()
{
	local bundle=$C/bundles/$1

	if [ ! -d "$bundle/rootfs" ]; then c_host_root "$bundle/rootfs" || return; fi
	jq -n --arg id "$c_cgroup/$1" '{
		ociVersion: "1.0.2",
		process: {
			terminal: false, cwd: "/", args: $ARGS.positional, user: { uid: 0, gid: 0 },
			env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
			capabilities: { bounding: [], effective: [], permitted: [], inheritable: [],
				ambient: [] },
			noNewPrivileges: false
		},
		root: { path: "rootfs", readonly: false },
		hostname: "whittle",
		mounts: [
			{ destination: "/proc", type: "proc", source: "proc" },
			{ destination: "/dev", type: "tmpfs", source: "tmpfs",
				options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
			{ destination: "/dev/pts", type: "devpts", source: "devpts",
				options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666"] },
			{ destination: "/dev/shm", type: "tmpfs", source: "shm",
				options: ["nosuid", "nodev", "mode=1777"] },
			{ destination: "/sys", type: "bind", source: "/sys", options: ["rbind", "ro"] }
		],
		linux: {
			namespaces: (["pid", "mount", "ipc", "uts"] | map({ type: . })), cgroupsPath: $id
		}
	}' --args -- "${@:2}" >"$bundle/config.json"
}

# c_edit NAME [OPTION…] FILTER: changes the config.json of a bundle by jq.
c_edit()
{
	local config=$C/bundles/$1/config.json

	jq "${@:2}" "$config" >"$config.new" && mv "$config.new" "$config"
}

# c_run RUNTIME NAME [OPTION…]: runs the bundle; nothing of the container remains. runc hangs where
# nobody listens for its notifications.
c_run()
{
	local status=0

	timeout -s KILL "$c_limit" "$1" --root "/run/whittle-$1" run "${@:3}" --bundle "$C/bundles/$2" \
		"$2" || status=$?
	"$1" --root "/run/whittle-$1" delete -f "$2" >/dev/null 2>&1
	return "$status"
}
