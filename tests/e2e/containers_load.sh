#!/usr/bin/env bash
# No notification and no stop is lost under load: three containers at once (Redis under its benchmark,
# 200 threads and 200 children, a storm of short processes), and each call that can be counted otherwise
# is there as often as it was made. By notification and by ptrace.
# shellcheck source=tests/lib-container.bash
. "$(dirname "$0")/../lib-container.bash"
c_init
requests=2000 processes=150
t_have redis-server redis-benchmark redis-cli || t_skip_all "$t_missing is not installed"
cp "$WORKLOADS"/{crowd_static,engine_storm} "$c_root" || exit 1

# record NAME OPTION… -- COMMAND…: in a bundle of that name, in the background; its status in NAME.status
record()
{
	local name=$1 options=()

	shift
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	c_bundle "$name" "${@:2}"
	{
		local status=0
		timeout -s KILL "$c_limit" "$WHITTLE" record -q --replace -o "$T/$name" "${options[@]}" -- \
			"$runtime" --root "/run/whittle-$runtime" run -b "$C/bundles/$name" "$name" >"$T/$name.log" 2>&1 || status=$?
		echo "$status" >"$T/$name.status"
	} &
}

# count NAME CALL: how often it was made, whichever program made it
count() { jq --arg name "$2" '[.syscalls[] | select(.name == $name).counts[]] | add' "$T/$1/evidence.json"; }
run_of() { jq -c '.runs[0] | [.complete, .losses]' "$T/$1/evidence.json"; }

load()
{
	local name="$runtime, $1" options=("${@:2}")

	record redis "${options[@]}" -- redis-server --port 6390 --save '' --appendonly no --dir /tmp
	wait_for 30 redis-cli -p 6390 ping >"$T/ping" 2>&1
	record crowd "${options[@]}" -- "$c_root/crowd_static" 200
	record forks "${options[@]}" --expect 7 -- "$c_root/engine_storm" forks "$processes"
	t_ok "$name: Redis serves its benchmark" redis-benchmark -p 6390 -q -n "$requests" -c 20 -t set
	redis-cli -p 6390 shutdown nosave >"$T/ping" 2>&1
	wait
	t_is "$name: how they ended" "$(cat "$T"/{redis,crowd,forks}.status | xargs)" '0 0 7'
	t_is "$name: nothing is lost" "$(run_of redis) $(run_of crowd) $(run_of forks)" '[true,{}] [true,{}] [true,{}]'
	t_ok "$name: every answer of Redis" test "$(count redis write)" -ge "$requests"
	t_is "$name: every thread and child" "$(count crowd getsid)" 400
	t_is "$name: the end of every process" "$(count forks exit_group)" $((processes + 1))
	rm -rf "$T"/{redis,crowd,forks}{,.status}
}

runtime=crun
if c_have crun; then
	load notification --engine notify
	load ptrace --exact
else
	t_skip crun "$c_reason"
fi
runtime=runc # by notification write(2) is not to be had there
if c_have runc; then load ptrace --exact; else t_skip runc "$c_reason"; fi
t_end
