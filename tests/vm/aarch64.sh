#!/usr/bin/env bash
# The tree builds for aarch64, and records a static program on an aarch64 kernel under qemu. What
# it needs is fetched once into build/vm by apt, unpacked and not installed.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$ROOT" || exit 1

t_have qemu-system-aarch64 apt-get dpkg-deb depmod cpio jq || t_skip_all "no $t_missing here"
export WHITTLE_VM_CACHE=$ROOT/build/vm
export VM_PACKAGES="libc6-dev libseccomp-dev libjansson-dev libunwind-dev libelf-dev libcap-dev uthash-dev
	busybox-static"
cc=$(tests/vm/arch-vm --cc arm64 2>"$T/prepare") ||
	t_skip_all "the aarch64 kernel and compiler cannot be fetched: $(tail -n 1 "$T/prepare")"
root=$(tests/vm/arch-vm --prepare arm64) || exit 1

cross_build()
{
	# An absolute search path keeps pkg-config from this machine's own libraries.
	PKG_CONFIG_SYSROOT_DIR=$root \
		PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig \
		"${MAKE:-make}" --no-print-directory CC="$cc" SANITIZE= build/aarch64-linux-gnu-gcc/whittle
}

cross_smoke()
{
	mkdir -p build/vm/smoke
	"$cc" -static -O1 -o build/vm/smoke/smoke tests/vm/smoke.c
}

t_ok "the tree cross-builds for aarch64 without a warning" cross_build
t_ok "so does a static program" cross_smoke
[ "$t_failures" -eq 0 ] || t_end

out=build/vm/smoke/out
rm -rf $out
tests/vm/arch-vm arm64 -- build/aarch64-linux-gnu-gcc/whittle record -o $out --expect 7 -- build/vm/smoke/smoke \
	>"$T/stdout" 2>"$T/stderr"
t_is "the program's status is passed on" "$?" 7
t_is "its output is its own" "$(cat "$T/stdout")" hello

granted()
{
	jq -e --arg name "$1" 'any(.syscalls[].names[]; . == $name)' "$out/seccomp.json"
}

not_granted()
{
	jq -e --arg name "$1" 'all(.syscalls[].names[]; . != $name)' "$out/seccomp.json"
}

called()
{
	jq -e --arg name "$1" 'any(.. | objects; .name? == $name)' "$out/evidence.json"
}

t_is "the profile is for aarch64" "$(jq -c .architectures $out/seccomp.json)" '["SCMP_ARCH_AARCH64"]'
for call in execve openat write close exit_group; do
	t_ok "$call is granted" granted "$call"
	t_ok "$call is in the evidence" called "$call"
done
t_ok "open, which aarch64 lacks, is not" not_granted open
t_like "the file that it read is in the evidence" "$(cat $out/evidence.json)" '/etc/passwd'
[ "$t_failures" -eq 0 ] || sed 's/^/# vm: /' "$T/stderr"
t_end
