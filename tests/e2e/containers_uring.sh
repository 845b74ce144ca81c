#!/usr/bin/env bash
# --deny-io-uring while a container is recorded: its program does without a ring and is seen in full,
# by each engine and runtime, and by an agent. Its profile then has it do the same.
. "$(dirname "$0")/../lib-container.bash"
c_init
cd "$T" || exit 1
mkdir tmp && export TMPDIR=$T/tmp
by_ring=$'by a ring\nhello'
by_openat=$'by openat: ENOSYS\nhello'
echo hello >file
[ "$("$WORKLOADS/uring_static" file)" = "$by_ring" ] || t_skip_all "there is no io_uring here"
root=$c_root/root
c_scratch "$root" "$WORKLOADS/uring_static" file

# judge NAME OUT EVIDENCE: what the program said, and what is known of it.
judge()
{
	t_is "$1: it falls back" "$2" "$by_openat"
	t_is "$1: nothing is lost" "$(jq -c '.runs[0].losses' "$3")" '{}'
	t_is "$1: it was denied once" "$(jq -c '.runs[0].limitations["io-uring-denied"]' "$3")" 1
	t_is "$1: what it opened is seen" \
		"$(jq -r '.paths[] | select(.path == "/file") | .access' "$3" | xargs)" read
	t_is "$1: the ring is no call of it" \
		"$(jq -r '.syscalls[].name | select(startswith("io_uring"))' "$3" | xargs)" ''
}

# in_podman RUNTIME ENGINE OPTION…
in_podman()
{
	timeout -s KILL "$c_limit" "$WHITTLE" record -o out --replace --engine "$2" "${@:3}" -- \
		"${podman[@]}" --runtime "$1" run "${podman_run[@]}" --rm --rootfs "$root" \
		/uring_static /file </dev/null 2>err
}

for runtime in crun runc; do
	if ! c_have podman "$runtime"; then
		t_skip "podman $runtime" "$c_reason"
		continue
	fi
	t_is "podman $runtime: while it is recorded there is a ring" "$(in_podman "$runtime" notify)" "$by_ring"
	t_is "podman $runtime: that is a loss" "$(jq -c '.runs[0].losses | keys' out/evidence.json)" '["io-uring"]'
	for engine in notify ptrace; do
		judge "podman $runtime, $engine" "$(in_podman "$runtime" "$engine" --deny-io-uring)" out/evidence.json
	done
	t_is "podman $runtime: under its profile it does the same" \
		"$(c_podman --runtime "$runtime" run --rm --security-opt seccomp=out/seccomp.json \
			--rootfs "$root" /uring_static /file)" "$by_openat"
done

# Whittle in a container, under podman's own filter, which refuses a ring itself, and without one.
if c_have podman; then
	mkdir "$c_root/inside" && cp "$WHITTLE" "$WORKLOADS/uring_static" "$c_root/inside"
	for security in '' --security-opt=seccomp=unconfined; do
		c_podman run --rm ${security:+"$security"} --rootfs /:O sh -c "cd '$c_root/inside' &&
			./whittle record -q -o /tmp/out --deny-io-uring -- ./uring_static '$root/file' &&
			cat /tmp/out/evidence.json" >inside 2>err
		t_is "inside${security:+, unconfined}: it falls back" "$(head -n 2 inside)" "$by_openat"
		t_is "inside${security:+, unconfined}: it was denied once" \
			"$(tail -n +3 inside | jq -c '.runs[0] | .losses, .limitations["io-uring-denied"]' | xargs)" '{} 1'
	done
else
	t_skip "inside" "$c_reason"
fi

if c_have crun; then
	"$WHITTLE" agent --socket "$C/agent" -o agent --deny-io-uring >log 2>&1 &
	agent=$!
	t_ok "agent: it listens" wait_for 20 test -S "$C/agent"
	mkdir -p "$C/bundles/ring" && cp -r "$root" "$C/bundles/ring/rootfs"
	c_bundle ring /uring_static /file
	c_edit ring --arg socket "$C/agent" '.linux.seccomp = { defaultAction: "SCMP_ACT_NOTIFY",
		listenerPath: $socket, listenerMetadata: "whittle:runtime=crun" }'
	said=$(c_run crun ring)
	kill "$agent"
	wait "$agent"
	judge agent "$said" agent/ring/evidence.json
else
	t_skip "agent" "$c_reason"
fi
t_end
