#!/usr/bin/env bash
# tests/fresh.sh [TARGET…]: tries `make TARGET` (demo and check) in a minimal Debian root with
# nothing but make in it, where no service may be left running. Needs root and debootstrap. The
# root is made once (build/fresh/base); each try has a copy of it and of the files that git knows
# or would (not the ignored ones), with this machine's sources for apt.
set -euo pipefail
cd "$(dirname "$0")/.."
targets=("$@")
[ $# -gt 0 ] || targets=(demo check)
base=$PWD/build/fresh/base root=$PWD/build/fresh/root
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" -eq 0 ] || { echo "check-fresh: only root can enter a root of its own" >&2; exit 1; }
.ci/deps fresh
if [ ! -e "$base.ready" ]; then
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | sort -u | head -n 1)
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	rm -rf "$base"
	mkdir -p "$base"
	debootstrap --variant=minbase --include=make,ca-certificates "$suite" "$base" "$mirror"
	touch "$base.ready"
fi
[ ! -d "$root" ] || ! mountpoint -q "$root/proc" || { echo "check-fresh: $root is in use" >&2; exit 1; }
rm -rf "$root"
cp -a "$base" "$root"
rm -rf "$root"/etc/apt/sources.list*
cp -a /etc/apt/sources.list* "$root/etc/apt/"
grep -l Acquire /etc/apt/apt.conf.d/* 2>/dev/null | xargs -r cp -t "$root/etc/apt/apt.conf.d/"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir "$root/whittle"
git ls-files -z -co --exclude-standard | xargs -0 cp --parents -at "$root/whittle"

# left_running: the processes whose root is the tried one.
left_running()
{
	local pid

	for pid in /proc/[0-9]*; do
		if [ "$pid/root/." -ef "$root" ]; then
			tr '\0' ' ' <"$pid/cmdline"
			echo "(${pid#/proc/})"
		fi
	done
}

# Mounts of its own end with the shell that made them. Not chroot: there, the kernel forbids user
# namespaces (user_namespaces(7)), and / must be a mount for the tests to unshare.
enter='
mount --bind "$0" "$0" && cd "$0" && mount --rbind /dev dev && mount --rbind /sys sys &&
mount -t proc proc proc && mkdir -p .host && pivot_root . .host && cd / && umount -l /.host || exit 1
exec /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
	http_proxy="${http_proxy-}" https_proxy="${https_proxy-}" make -C /whittle "$1"'

failed=0
for target in "${targets[@]}"; do
	begin=$SECONDS status=0
	unshare -m --propagation private sh -c "$enter" "$root" "$target" </dev/null || status=$?
	echo "check-fresh: make $target: status $status after $((SECONDS - begin)) s"
	[ "$status" -eq 0 ] || failed=1
	left=$(left_running)
	if [ -n "$left" ]; then
		echo "check-fresh: make $target left processes running: $left"
		failed=1
	fi
	if [ -e "$root/usr/sbin/policy-rc.d" ]; then
		echo "check-fresh: make $target left a policy-rc.d behind"
		failed=1
	fi
done
exit "$failed"
