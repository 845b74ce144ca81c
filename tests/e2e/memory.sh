#!/usr/bin/env bash
# whittle's own memory grows with distinct facts, not with calls or processes. FULL=1: 100 million calls
# and 100,000 processes, as a long run has them.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1

[ -x /usr/bin/time ] || t_skip_all 'there is no /usr/bin/time'
calls=5000000 processes=10000 limit=65536
[ "${FULL:-0}" = 0 ] || calls=100000000 processes=100000
case $WHITTLE in
*-address*) calls=$((calls / 10)) processes=$((processes / 5)) limit=$((limit * 4)) ;; # of a sanitizer, mostly
esac

# small NAME CALL COUNT [OPTION…] -- COMMAND…: under the limit, and CALL was seen COUNT times at least
small()
{
	local name=$1 call=$2 count=$3 peak

	shift 3
	/usr/bin/time -o usage -f %M "$WHITTLE" record -q --replace -o out "$@" >log 2>&1
	t_is "$name: recorded to its end" "$?" 0
	t_ok "$name: seen" jq -e --arg call "$call" --argjson count "$count" \
		'.runs[0].losses == {} and ([.syscalls[] | select(.name == $call) | .counts[0]] | add) >= $count' out/evidence.json
	peak=$(tail -n 1 usage)
	t_figure "$name: $peak kB"
	t_ok "$name: under $((limit / 1024)) MB" test "$peak" -lt "$limit"
}

small "$calls calls" read 8 -- dd if=/dev/zero of=/dev/null bs=1 count=$((calls / 2)) status=none
small "$((calls / 100)) calls that report" read $((calls / 200)) --exact -- \
	dd if=/dev/zero of=/dev/null bs=1 count=$((calls / 200)) status=none
for engine in ptrace notify; do
	small "$processes short processes, $engine" exit_group "$processes" --engine "$engine" -- "$WORKLOADS/exec_storm" "$processes"
done
t_end
