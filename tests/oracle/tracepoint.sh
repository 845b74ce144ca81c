#!/usr/bin/env bash
# On the same run, the set of syscall numbers that whittle recorded is the one that the kernel's
# raw_syscalls tracepoints saw. The tracepoint carries no architecture (audit.sh compares that), and
# it comes after seccomp: what left the kernel without having been entered was denied by a filter of
# the workload's own, and is listed apart. By plain ptrace the counts are the same too; with filters
# they are "at least". FULL=1 runs more of stress-ng.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/common.bash"
. "$(dirname "$0")/stressors.bash"
t_init
oracle_build

tracefs=$T/tracefs
tracefs_mount "$tracefs" || t_skip_all "$tracefs_why"
trap 'umount "$tracefs"; t_cleanup' EXIT

# observed NAME [AS…] -- COMMAND…: records the command while the kernel counts, with every call seen
# and with filters; AS is a prefix of words for whittle itself, such as setpriv.
observed()
{
	observed_by --exact "$1, --exact" "${@:2}"
	observed_by --engine=ptrace "$@"
}

# observed_by OPTION NAME [AS…] -- COMMAND…
observed_by()
{
	local option=$1 name=$2 program status=0
	local -a as=()

	shift 2
	while [ "$1" != -- ]; do
		as+=("$1")
		shift
	done
	shift
	program=$(type -P "$1") || { t_skip "$name: the same calls" "$1 is not installed"; return; }
	shift
	rm -rf "$T/evidence" "$T/kernel"
	mkdir -m 0777 "$T/evidence"
	(cd "$T/work" && exec "$KERNEL_CALLS" "$tracefs" "$T/kernel" "${as[@]}" timeout 120 \
		"$WHITTLE" record "$option" -o "$T/evidence" --replace -- "$KERNEL_CALLS" --join "$program" "$@") \
		>"$T/log" 2>&1 </dev/null || status=$?
	if [ "$status" -eq 125 ] ||
		! tracepoint_split "$T/evidence/evidence.json" "$T/kernel" >>"$T/log" 2>&1; then
		echo "status $status" >>"$T/log"
		t_fail "$name: the same calls" "$T/log"
		return
	fi
	oracle_point "$name" "$T/evidence/evidence.json"
	[ "$status" -eq 0 ] || echo "# $name ended with status $status"
}

mkdir -m 0777 "$T/work"
printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' >"$T/work/hello.c"

observed true -- true
observed python3 -- python3 -c 'import json, subprocess, threading; subprocess.run(["true"])'
observed gcc -- gcc -O2 -o hello hello.c
observed git -- sh -c 'git init -q r && cd r && echo a >a && git add a &&
	git -c user.name=n -c user.email=e commit -qm m && git gc -q && git clone -q . ../c'
for kind in threads vfork thread-exec mixed filter stopped daemon forks untraced; do
	observed "$kind" -- "$T/kinds" "$kind"
done
if oracle_have_32; then
	for kind in threads vfork thread-exec mixed filter stopped; do
		observed "i386 $kind" -- "$T/kinds32" "$kind"
	done
else
	t_skip "i386: the same calls" "the compiler or the kernel cannot"
fi
cp "$T/kinds" "$T/kinds-setuid"
chmod 4755 "$T/kinds-setuid"
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
observed "setuid" -- "$(command -v setpriv)" "${nobody[@]:1}" "$T/kinds-setuid" setuid
observed "setuid, whittle unprivileged" "${nobody[@]}" -- "$T/kinds-setuid" setuid
observed "threads, whittle unprivileged" "${nobody[@]}" -- "$T/kinds" threads

if t_have stress-ng; then
	for stressor in $(stressors); do
		observed_by --engine=ptrace "stress-ng $stressor" -- stress-ng --quiet --temp-path "$T/work" --oomable \
			--timeout "$(stressor_seconds "$stressor")" "--$stressor" 1 "--$stressor-ops" 10
	done
else
	t_skip "stress-ng: the same calls" "$t_missing is not installed"
fi
t_end
