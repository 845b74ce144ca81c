#!/usr/bin/env bash
# What recording costs: whole-process time alone, under whittle and under `strace -f -o /dev/null`,
# side by side in the same run. Where the scheduler puts tracer and tracee makes a difference of six,
# so each workload is measured as the scheduler likes and with both on one CPU.
#
# ROUNDS (5): each round runs every tool once, so that noise meets all alike; medians are printed.
# The status is 1 if whittle was slower than strace anywhere.
. "$(dirname "$0")/../lib.sh"
t_init

rounds=${ROUNDS:-5}
cpu=$(taskset -cp $$ | sed 's/.*[^0-9]//')
here=$(cd "$(dirname "$0")" && pwd -P)
for tool in strace taskset cc; do
	command -v "$tool" >/dev/null || { echo "bench: $tool is not installed" >&2; exit 2; }
done
cc -O2 -D_GNU_SOURCE -o "$T/getppid" "$here/getppid.c" || exit 2
printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' >"$T/hello.c"

# tool NAME COMMAND…: the command alone, or under a recorder.
tool()
{
	local name=$1

	shift
	case $name in
	native) exec "$@" ;;
	whittle) exec "$WHITTLE" record -o "$T/out" --replace -- "$@" ;;
	strace) exec strace -f -o /dev/null "$@" ;;
	esac
}

# The workloads: each takes the words that pin it, then the tool. They run in a subshell.
run_getppid() { tool "$1" "$T/getppid" 50000; }
run_dd() { tool "$1" dd if=/dev/zero of=/dev/null bs=1 count=25000; }
run_gcc() { tool "$1" gcc -O2 -o "$T/hello" "$T/hello.c"; }
run_python() { tool "$1" "$python" -c 'import json, re, subprocess'; }
run_redis_server()
{
	tool "$1" redis-server --port 0 --unixsocket "$T/redis.sock" --save '' --appendonly no
}

# seconds COMMAND…: how long it took; its output goes to $T/log.
seconds()
{
	local begin=$EPOCHREALTIME

	("$@") >"$T/log" 2>&1 </dev/null || { echo "bench: failed: $*" >&2; tail -n 20 "$T/log" >&2; return 1; }
	awk -v begin="$begin" -v end="$EPOCHREALTIME" 'BEGIN { printf "%.6f\n", end - begin }'
}

# The time is the client's: the server is what is recorded.
seconds_redis()
{
	local server status=0

	rm -f "$T/redis.sock"
	run_redis_server "$1" >"$T/server.log" 2>&1 </dev/null &
	server=$!
	wait_for 10 redis-cli -s "$T/redis.sock" ping || { cat "$T/server.log" >&2; return 1; }
	seconds redis-benchmark -s "$T/redis.sock" -q -n 5000 -c 20 -t set,get || status=1
	redis-cli -s "$T/redis.sock" shutdown nosave >"$T/log" 2>&1
	wait "$server"
	return "$status"
}

# measure WORKLOAD TOOL
measure()
{
	if [ "$1" = redis ]; then seconds_redis "$2"; else seconds "run_$1" "$2"; fi
}

median()
{
	sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

workloads=()
python=$(command -v /usr/bin/python3 || command -v python3)
for workload in getppid:true dd:dd gcc:gcc python:python3 redis:redis-benchmark; do
	if command -v "${workload#*:}" >/dev/null; then
		workloads+=("${workload%:*}")
	else
		echo "bench: ${workload%:*} is left out: ${workload#*:} is not installed" >&2
	fi
done

slower=0
printf '%-9s %-9s %10s %9s %9s %15s\n' workload placement native/s whittle strace whittle/strace
for placement in default pinned; do
	# The placement is this shell's, and so everybody's; the redis client shares it too.
	[ "$placement" = default ] || taskset -cp "$cpu" $$ >"$T/log" || exit 2
	for workload in "${workloads[@]}"; do
		rm -f "$T"/times.*
		for ((round = 0; round < rounds; round++)); do
			for tool in native whittle strace; do
				measure "$workload" "$tool" >>"$T/times.$tool" || exit 2
			done
		done
		awk -v workload="$workload" -v placement="$placement" -v native="$(median <"$T/times.native")" \
			-v whittle="$(median <"$T/times.whittle")" -v strace="$(median <"$T/times.strace")" '
		BEGIN {
			printf "%-9s %-9s %10.4f %9.2f %9.2f %15.2f\n", workload, placement, native,
				whittle / native, strace / native, whittle / strace
			exit whittle > strace
		}' || slower=1
	done
done
exit "$slower"
