#!/usr/bin/env bash
# whittle agent: containers of crun and runc, recorded by the listener that the runtime hands over.
# shellcheck source=tests/lib-container.bash
. "$(dirname "$0")/../lib-container.bash"
c_init

socket=$C/agent out=$T/out agent=
# Names that runc and crun can resolve; those that their libseccomp lacks they skip. runc lets
# neither "write" nor the default action be NOTIFY.
names=$(echo '#include <sys/syscall.h>' | cc -E -dM - |
	sed -n 's/^#define SYS_\([a-z0-9_]*\) .*/\1/p' | grep -vx write | sort | jq -R . | jq -s .)

# start_agent [OPTION…]
start_agent()
{
	"$WHITTLE" agent --socket "$socket" -o "$out" "$@" >"$T/agent.log" 2>&1 &
	agent=$!
	wait_for 20 test -S "$socket"
}

# stop_agent NAME: it ends well when it is told to.
stop_agent()
{
	local status=0

	kill "$agent"
	wait "$agent" || status=$?
	t_is "$1" "$status" 0
}

# listen RUNTIME NAME: the bundle's filter notifies the agent of all that the runtime lets it.
listen()
{
	case $1 in
	crun) c_edit "$2" --arg socket "$socket" '.linux.seccomp = {
		defaultAction: "SCMP_ACT_NOTIFY", listenerPath: $socket,
		listenerMetadata: "whittle:runtime=crun" }' ;;
	runc) c_edit "$2" --arg socket "$socket" --argjson names "$names" '.linux.seccomp = {
		defaultAction: "SCMP_ACT_ALLOW", listenerPath: $socket,
		listenerMetadata: "whittle:runtime=runc;unseen=write,#",
		syscalls: [{ names: $names, action: "SCMP_ACT_NOTIFY" }] }' ;;
	esac
}

# calls EVIDENCE: the calls of the program layer.
calls() { jq -r '.syscalls[].name' "$1" | sort -u; }
runtime_calls() { jq -r '.runtime[].name' "$1" | sort -u; }

"$WHITTLE" record -q --engine notify -o "$T/host" -- "$WORKLOADS/nothing_static" ||
	t_skip_all "the notify engine cannot be used here"
# Only the launch by whittle is the host program's own call there.
calls "$T/host/evidence.json" | grep -vx execve >"$T/host.calls"

start_agent
for runtime in crun runc; do
	name="$runtime: a program that does nothing"
	if ! c_have "$runtime"; then
		t_skip "$name" "$c_reason"
		continue
	fi
	c_scratch "$C/bundles/$runtime/rootfs" "$WORKLOADS/nothing_static"
	c_bundle "$runtime" /nothing_static && listen "$runtime" "$runtime"
	t_ok "$name runs" c_run "$runtime" "$runtime"
	evidence=$out/$runtime/evidence.json
	t_ok "$name: evidence" wait_for 20 test -s "$out/$runtime/policy.json"
	calls "$evidence" >"$T/calls"
	t_ok "$name makes the calls that it makes on the host" diff "$T/host.calls" "$T/calls"
	t_ok "$name: the runtime's own calls are apart" \
		grep -qx execve <(runtime_calls "$evidence")
	t_is "$name: how it ended" "$(jq -c '.runs[0] | [.complete, .command, .container.layer,
		.container.id, .container.runtime]' "$evidence")" \
		"[true,[\"/nothing_static\"],\"container\",\"$runtime\",\"$runtime\"]"
done
stop_agent "the agent ends when it is told to"
t_ok "its socket is gone" test ! -e "$socket"
t_end
