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

start_agent()
{
	"$WHITTLE" agent --socket "$socket" -o "$out" >"$T/agent.log" 2>&1 &
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

# until_end RUNTIME NAME: a bundle with busybox whose program waits for /tmp/end; it is up afterwards.
until_end()
{
	c_busybox "$C/bundles/$2/rootfs"
	c_bundle "$2" sh -c 'touch /tmp/up; while [ ! -e /tmp/end ]; do sleep 0.1; done' && listen "$1" "$2"
	c_run "$1" "$2" >"$T/$2.out" 2>&1 &
	container=$!
	wait_for 30 test -e "$C/bundles/$2/rootfs/tmp/up"
}

# has_runs NAME COUNT: the evidence of NAME is written and has so many runs.
has_runs() { [ "$(jq '.runs | length' "$out/$1/evidence.json" 2>/dev/null)" = "$2" ]; }

# in_container RUNTIME NAME COMMAND…
in_container() { timeout -s KILL "$c_limit" "$1" --root "/run/whittle-$1" exec "${@:2}"; }

nothing()
{
	local evidence=$out/$1/evidence.json name="$1: a program that does nothing"

	c_scratch "$C/bundles/$1/rootfs" "$WORKLOADS/nothing_static"
	c_bundle "$1" /nothing_static && listen "$1" "$1"
	t_ok "$name runs" c_run "$1" "$1"
	t_ok "$name: evidence" wait_for 30 has_runs "$1" 1
	calls "$evidence" >"$T/calls"
	t_ok "$name makes the calls that it makes on the host" diff "$T/host.calls" "$T/calls"
	t_ok "$name: the runtime's own calls are apart" grep -qx execve <(runtime_calls "$evidence")
	t_is "$name: how it ended" "$(jq -c '.runs[0] | [.complete, .command, .container.layer,
		.container.id, .container.runtime]' "$evidence")" \
		"[true,[\"/nothing_static\"],\"container\",\"$1\",\"$1\"]"
}

# An exec session is a run of its own: sync(2) is only its.
exec_session()
{
	local name="$1: an exec session" container

	until_end "$1" "exec-$1"
	t_ok "$name" in_container "$1" "exec-$1" sync
	t_ok "$name ends the container" in_container "$1" "exec-$1" touch /tmp/end
	wait "$container"
	t_ok "$name is a run" wait_for 30 has_runs "exec-$1" 3
	t_is "$name is labelled" "$(jq -c '[.runs[].container.layer] | sort' "$out/exec-$1/evidence.json")" \
		'["container","exec","exec"]'
	t_is "$name alone made its call" "$(jq -c '[.runs[].command[0]] as $of | .syscalls[] |
		select(.name == "sync").counts | to_entries | map(select(.value > 0) | $of[.key])' \
		"$out/exec-$1/evidence.json")" '["sync"]'
}

# Ids and capabilities are those of the container's user namespace.
user_namespace()
{
	local name="$1: a user namespace" evidence=$out/user-$1/evidence.json

	c_busybox "$C/bundles/user-$1/rootfs" &&
		cp "$WORKLOADS/kill_other_static" "$C/bundles/user-$1/rootfs" && chown -hR 100000:100000 "$C/bundles/user-$1/rootfs"
	c_bundle "user-$1" sh -c 'touch /tmp/f; chown 1:1 /tmp/f; kill -0 $$; chroot / true; /kill_other_static' &&
		listen "$1" "user-$1" && c_edit "user-$1" '.linux.namespaces += [{ type: "user" }] |
		.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }] |
		.linux.gidMappings = .linux.uidMappings |
		.process.capabilities[] = ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SYS_CHROOT"] |
		.mounts |= map(select(.destination != "/sys" and .destination != "/dev/pts"))'
	t_ok "$name" c_run "$1" "user-$1"
	t_ok "$name: evidence" wait_for 30 has_runs "user-$1" 1
	t_is "$name: nothing was lost" "$(jq -c '.runs[0] | [.losses, (.limitations | del(.["interrupted-calls"]))]' "$evidence")" '[{},{}]'
	t_is "$name: capabilities" "$(jq -r '.capabilities[].name' "$evidence" | sort -u | xargs)" \
		"CAP_CHOWN CAP_KILL CAP_SETUID CAP_SYS_CHROOT"
	t_is "$name: the owner of a file" "$(jq -r '.paths[] | select(.path == "/tmp/f" and
		.access == "create").owner' "$evidence")" owner
	t_is "$name: whom signals meant" "$(jq -r '.signals[] | .name + " " + .to' "$evidence" | xargs)" \
		"exists self term workload"
}

# Two containers at once, with 200 threads and 200 children each: each call is seen once.
crowd()
{
	local name="crowds in two containers" one two status=0 id

	for id in one two; do
		c_scratch "$C/bundles/crowd-$id/rootfs" "$WORKLOADS/crowd_static"
		c_bundle "crowd-$id" /crowd_static 200 && listen "$1" "crowd-$id"
	done
	c_run "$1" crowd-one >"$T/one" 2>&1 & one=$!
	c_run "$1" crowd-two >"$T/two" 2>&1 & two=$!
	wait "$one" && wait "$two" || status=$?
	t_is "$name run" "$status" 0
	for id in one two; do
		t_ok "$name: evidence" wait_for 60 has_runs "crowd-$id" 1
		t_is "$name: no call is lost" "$(jq -c '[.runs[0].losses, (.syscalls[] |
			select(.name == "getsid").counts)]' "$out/crowd-$id/evidence.json")" '[{},[400]]'
	done
}

# image BUNDLE IMAGE: what its engine would say
image() { c_edit "$1" --arg image "$2" '.linux.seccomp.listenerMetadata += ";name=shared;image=" + $image'; }

# Two images under one name are kept apart; the same one is added to.
images()
{
	local name="containers of one name" image
	local end tail directories=("$out/shared" "$out/shared@b%3a1")

	c_scratch "$C/bundles/images/rootfs" "$WORKLOADS/nothing_static"
	for image in a:1 b:1 a:1; do
		c_bundle images /nothing_static && listen "$1" images && image images "$image"
		t_ok "$name: $image" c_run "$1" images
		wait_for 30 has_runs shared 1
	done
	t_ok "$name and image are together" wait_for 30 has_runs shared 2
	t_ok "$name but another image are apart" wait_for 30 has_runs 'shared@b%3a1' 1
	t_is "$name: their images" "$(jq -s -c '[.[].runs[].container.image]' "${directories[@]/%//evidence.json}")" \
		'["a:1","a:1","b:1"]'
	# Too long for a file name, and of one end.
	end=$(printf '%0300d' 0) tail=$(printf '%0233d' 0)
	for image in "x/$end" "y/$end" "x/$end"; do
		c_bundle images /nothing_static && listen "$1" images && image images "$image"
		t_ok "$name: a long name of an image" c_run "$1" images
	done
	t_ok "$name: the one long name" wait_for 30 has_runs "shared@$tail" 2
	t_ok "$name: the other is apart" wait_for 30 has_runs "shared@$tail~2" 1
}

# A program that ends with the status that tells of the signal it was stopped by has not failed.
stopped()
{
	local name="$1: a container that is stopped" container

	c_busybox "$C/bundles/stop-$1/rootfs"
	c_bundle "stop-$1" sh -c 'trap "exit 143" TERM; touch /tmp/up; while :; do sleep 0.1; done' && listen "$1" "stop-$1"
	c_run "$1" "stop-$1" >"$T/stop.out" 2>&1 &
	container=$!
	wait_for 30 test -e "$C/bundles/stop-$1/rootfs/tmp/up"
	"$1" --root "/run/whittle-$1" kill "stop-$1" TERM
	wait "$container"
	t_ok "$name" wait_for 30 has_runs "stop-$1" 1
	t_is "$name has not failed" "$(jq -c '.runs[0] | [.outcome, .expected]' "$out/stop-$1/evidence.json")" \
		'[{"stopped":"SIGTERM"},true]'
}

# What connects may be anything; the container that comes next is recorded.
hostile()
{
	t_ok "hostile clients" timeout 60 python3 - "$socket" <<-'END'
		import os, socket, sys
		good = b'{"fds":["seccompFd"],"pid":1,"state":{"id":"../../x"}}'
		def client(text, fds=()):
		    one = socket.socket(socket.AF_UNIX)
		    one.connect(sys.argv[1])
		    if text:
		        socket.send_fds(one, [text], fds)
		    return one
		slow = client(b"{")
		for text in b"", b"}", b"[" * 100000, b"\0" * 100, b'{"fds":', good:
		    client(text, [0, 1]).close()
		many = client(good, list(range(3)) * 50)
		huge = client(b"{")
		try:
		    for _ in range(64):
		        huge.sendall(b" " * 65536)
		    sys.exit("1 MiB was not enough")
		except OSError:
		    pass
	END
	t_ok "a container after them" c_run "$1" "$1"
	t_ok "it is another run of its own" wait_for 30 has_runs "$1" 2
}

# A killed agent takes the container with it, and says so.
killed()
{
	local name="$1: a killed agent" container status=0

	until_end "$1" "killed-$1"
	kill -KILL "$agent"
	wait "$container" 2>/dev/null || status=$?
	t_ok "$name ends the container" test "$status" -ne 0
	t_ok "$name: that is said" wait_for 20 grep -q "container killed-$1 was ended" "$T/agent.log"
	wait "$agent" 2>/dev/null
	t_ok "$name: nothing is left" no_whittle_runs
}
no_whittle_runs() { wait_for 20 no_process_named whittle; }
no_process_named() { ! cat /proc/[0-9]*/comm 2>/dev/null | grep -q "^$1"; }

# Told to end, it says what still runs; told again it ends that, and keeps the evidence.
told_twice()
{
	local name="$1: an agent that is told to end" container

	until_end "$1" "told-$1"
	kill "$agent"
	t_ok "$name says what runs" wait_for 20 grep -q "waiting for what still runs: told-$1" "$T/agent.log"
	t_ok "$name listens no more" test ! -e "$socket"
	stop_agent "$name ends when it is told again"
	wait "$container"
	t_is "$name keeps the evidence" "$(jq -c '.runs[0].outcome' "$out/told-$1/evidence.json")" \
		'{"stopped":"SIGKILL"}'
}

usable=()
for runtime in crun runc; do
	if c_have "$runtime"; then usable+=("$runtime"); else t_skip "$runtime" "$c_reason"; fi
done
[ ${#usable[@]} -gt 0 ] || t_skip_all "there is no runtime"
start_agent
for runtime in "${usable[@]}"; do
	nothing "$runtime"
	exec_session "$runtime"
	user_namespace "$runtime"
	stopped "$runtime"
done
images "${usable[0]}"
crowd "${usable[0]}"
hostile "${usable[0]}"
told_twice "${usable[-1]}"
for runtime in "${usable[@]}"; do
	start_agent
	killed "$runtime"
	rm -f "$socket"
done
t_end
