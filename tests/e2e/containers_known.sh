#!/usr/bin/env bash
# --known, --append and --recheck for containers: what is known runs unseen under the runtime's filter
# and is carried, what is new is seen, and the profile is that of a whole recording.
# shellcheck source=tests/lib-container.bash
. "$(dirname "$0")/../lib-container.bash"
c_init
mkdir -p "$C/bundles/work"
c_busybox "$C/bundles/work/rootfs"
ldd "$WORKLOADS/int80" | grep -o '/[^ ]*' | xargs cp --parents -L -t "$C/bundles/work/rootfs" "$WORKLOADS/int80"

# record RUNTIME OUT OPTION… -- COMMAND…: the command in the bundle, recorded
record()
{
	local runtime=$1 out=$2 options=()

	shift 2
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	c_bundle work "${@:2}" && timeout -s KILL "$c_limit" "$WHITTLE" record -v -o "$T/$out" "${options[@]}" -- \
		"$runtime" --root "/run/whittle-$runtime" run -b "$C/bundles/work" work >"$T/$out.log" 2>&1
}

# counts OUT NAME: of a call, one a run, whichever program made it
counts() { jq -c --arg name "$2" '[.syscalls[] | select(.name == $name).counts] | transpose | map(map(select(. != null)) | last)' "$T/$1/evidence.json"; }
calls() { jq -r '.syscalls[] | "\(.abi) \(.name) \(.program)"' "$T/$1/evidence.json" | sort -u; }
run_of() { jq -c '.runs[-1] | [.filter, .complete, .losses]' "$T/$1/evidence.json"; }

copy='dd if=/dev/zero of=/tmp/w bs=1 count=3000; cat /tmp/w >/dev/null; rm /tmp/w'
for runtime in crun runc; do
	if ! c_have "$runtime"; then t_skip "$runtime" "$c_reason"; continue; fi
	t_ok "$runtime: what is to be known" record "$runtime" "$runtime" -- sh -c "$copy"
	t_ok "$runtime: again" record "$runtime" "$runtime-known" --known "$T/$runtime" -- sh -c "$copy; mkdir /tmp/d; rmdir /tmp/d"
	t_is "$runtime: its run" "$(run_of "$runtime-known")" '["known",true,{}]'
	t_is "$runtime: a known call is carried" "$(counts "$runtime-known" read)" '["carried"]'
	t_is "$runtime: a new one is seen" "$(counts "$runtime-known" mkdir)" '[1]'
	t_ok "$runtime: nothing is missing" diff <({ calls "$runtime" && echo "x86_64 mkdir /bin/busybox" && echo "x86_64 rmdir /bin/busybox"; } | sort -u) \
		<(calls "$runtime-known" | sed 's/^[^ ]*/x86_64/')
	t_ok "$runtime: --recheck" record "$runtime" "$runtime-recheck" --known "$T/$runtime-known" --recheck read -- sh -c "$copy"
	t_ok "$runtime: --recheck sees it again" test "$(counts "$runtime-recheck" read | tr -dc 0-9)" -ge 3000
	t_ok "$runtime: --append" record "$runtime" "$runtime" --append -- sh -c "$copy"
	t_is "$runtime: --append carries" "$(jq -c '[.runs[].filter] | sort' "$T/$runtime/evidence.json")" '["known","none"]'
	t_ok "$runtime: the profiles are the same" cmp <(jq -S '.syscalls' "$T/$runtime/seccomp.json") <(jq -S '.syscalls' "$T/$runtime-recheck/seccomp.json")
	# Runtimes take names: what is known of one ABI is let run in all of them.
	if [ "$(uname -m)" = x86_64 ]; then
		t_ok "$runtime: a program that makes i386 calls" record "$runtime" "$runtime-foreign" --known "$T/$runtime-known" -- "$WORKLOADS/int80"
		t_is "$runtime: they are a loss" "$(run_of "$runtime-foreign")" '["known",false,{"known-foreign":1}]'
	fi
	t_status "$runtime: --known is not for ptrace" 125 record "$runtime" none --known "$T/$runtime" --engine ptrace -- true
done
t_end
