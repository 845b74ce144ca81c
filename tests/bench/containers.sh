#!/usr/bin/env bash
# What recording costs in a container (crun, of the host's own root), side by side: the container
# alone, recorded in each way, and under strace. As root.
#
#	ROUNDS=3      each round runs every way once; medians count
#	LOADS=…       some of: redis python gcc dd
#	REPORT=FILE   puts the table into this Markdown file, between the lines <!-- bench-containers -->
#	              and <!-- /bench-containers -->; --markdown is REPORT=docs/performance.md
#
# The status is 2 if something failed.
# shellcheck disable=SC2034,SC2178 # the commands are used by reference
# shellcheck source=tests/lib-container.bash
. "$(dirname "$0")/../lib-container.bash"

[ "$1" = --markdown ] && REPORT=${REPORT:-$ROOT/docs/performance.md}
rounds=${ROUNDS:-3}
ways=(native notify known learned ptrace exact strace)
titles='
native   alone
notify   whittle record, as it comes: every call is notified
known    whittle record --known, of one earlier run
learned  whittle record --engine ptrace, and no-new-privileges set: filters are learned
ptrace   whittle record --engine ptrace, without it: the kernel refuses filters
exact    whittle record --exact
strace   strace -f -o /dev/null, attached to the first process (redis) or around crun
'
loads='
redis  redis-benchmark: SET, 20 clients on the host; a turn
python python3 -c "import json, re, subprocess"; the whole crun run
gcc    a compile and a link; the whole crun run
dd     dd bs=1: 20000 bytes read and written; the whole crun run
'
say() { echo "bench: $*" >&2; }
about() { awk -v name="$2" '$1 == name { sub(/^[^ ]+ +/, ""); print }' <<<"$1"; }
median() { sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

command_redis=(redis-server --port 6390 --save '' --appendonly no --dir /tmp)
command_python=(python3 -c 'import json, re, subprocess')
command_dd=(dd if=/dev/zero of=/dev/null bs=1 count=20000)
command_gcc=() # set once there is a source

# under WAY LOAD: the load's container by that way, in the place of this process
under()
{
	local way=$1 load=$2 run=(crun --root /run/whittle-bench run -b "$C/bundles/bench" bench)
	local record=("$WHITTLE" record -q --replace -o "$T/out.$way.$load")

	case $way in
	native) exec "${run[@]}" ;;
	learn) exec "$WHITTLE" record -q --replace -o "$T/known.$load" -- "${run[@]}" ;;
	notify) exec "${record[@]}" -- "${run[@]}" ;;
	known) exec "${record[@]}" --known "$T/known.$load" -- "${run[@]}" ;;
	learned | ptrace) exec "${record[@]}" --engine ptrace -- "${run[@]}" ;;
	exact) exec "${record[@]}" --exact -- "${run[@]}" ;;
	strace) if [ "$load" = redis ]; then exec "${run[@]}"; else exec strace -f -o /dev/null "${run[@]}"; fi ;;
	esac
}

prepare()
{
	local -n words=command_$2

	c_bundle bench "${words[@]}" && c_edit bench ".process.noNewPrivileges = ($([ "$1" = learned ] && echo true || echo false))"
}

first_process() { crun --root /run/whittle-bench state bench | jq -e .pid; }
client() { redis-benchmark -p 6390 --csv -n "$1" -c 20 -t set | awk -F'"' '$2 == "SET" { print 1 / $4 }'; }

measure_redis()
{
	local server strace='' status=0

	(under "$1" redis) >"$T/log" 2>&1 </dev/null &
	server=$!
	wait_for 20 redis-cli -p 6390 ping >"$T/client" 2>&1 || status=1
	if [ "$1" = strace ]; then
		strace -f -o /dev/null -p "$(first_process)" 2>"$T/strace" &
		strace=$!
		wait_for 20 grep -q attached "$T/strace" || status=1
	fi
	client 1000 >"$T/client" 2>&1
	client 4000 2>"$T/client" | grep . || status=1
	redis-cli -p 6390 shutdown nosave >"$T/client" 2>&1 || kill "$server"
	wait "$server" || status=1
	[ -z "$strace" ] || wait "$strace"
	return "$status"
}

measure()
{
	local begin

	prepare "$1" "$2" || return 1
	if [ "$2" = redis ]; then
		measure_redis "$1"
		return
	fi
	begin=$EPOCHREALTIME
	(under "$1" "$2") >"$T/log" 2>&1 </dev/null || return 1
	awk -v begin="$begin" -v end="$EPOCHREALTIME" 'BEGIN { printf "%.6f\n", end - begin }'
}

# compare LOAD: a row of $T/results: load, way, median (or "-")
compare()
{
	local way round

	measure learn "$1" >"$T/seconds" || say "$1: nothing was learned: $(tail -n 1 "$T/log")"
	rm -f "$T"/times.* "$T"/failed.*
	for ((round = 0; round < rounds; round++)); do
		for way in "${ways[@]}"; do
			[ ! -e "$T/failed.$way" ] || continue
			measure "$way" "$1" >>"$T/times.$way" && continue
			say "$1, $way failed: $(tail -n 2 "$T/log" | tr '\n' ' ')"
			: >"$T/failed.$way"
			failed=1
		done
	done
	for way in "${ways[@]}"; do
		if [ -e "$T/failed.$way" ]; then echo "$1 $way -"; else echo "$1 $way $(median <"$T/times.$way")"; fi
	done >>"$T/results"
}

# rows BAR LOAD…: ratios; with "|" for Markdown if BAR is that
rows()
{
	awk -v bar="$1" -v loads="${*:2}" -v ways="${ways[*]}" '
	function cell(text, width) { printf bar ? "| %s " : "%" width "s ", text }
	function span(s) { return s < 1e-3 ? sprintf("%.2f us", s * 1e6) : sprintf("%.1f ms", s * 1e3) }
	{ value[$1, $2] = $3 }
	END {
		many = split(loads, load, " ")
		count = split(ways, way, " ")
		for (i = 1; i <= many; i++) {
			cell(load[i], -9)
			native = value[load[i], "native"]
			for (j = 1; j <= count; j++) {
				own = value[load[i], way[j]]
				if (way[j] == "native") cell(native == "-" ? "-" : span(native), 10)
				else cell(own == "-" || !native ? "-" : sprintf("%.2f", own / native), 10)
			}
			print bar
		}
	}' "$T/results"
}

markdown()
{
	local name

	echo "$(nproc) CPUs ($(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)), Linux $(uname -r), $(uname -m)," \
		"$(crun --version | head -n 1), $(strace -V | sed 's/ -- version / /;q'); medians of $rounds rounds, where the scheduler likes."
	echo "Each number is how many times as long as native it took."
	printf '\n| workload |'
	printf ' %s |' "${ways[@]}"
	printf '\n|---|'
	for name in "${ways[@]}"; do printf -- '--:|'; done
	echo
	rows '|' "${workloads[@]}"
	echo
	for name in "${ways[@]}"; do echo "- *$name*: $(about "$titles" "$name")"; done
	echo
	for name in "${workloads[@]}"; do echo "- *$name*: $(about "$loads" "$name")"; done
}

# Puts the table between the marks of the report.
report()
{
	markdown >"$T/markdown"
	awk -v tables="$T/markdown" '
	/^<!-- \/bench-containers -->/ { inside = 0 }
	!inside { print }
	/^<!-- bench-containers -->/ { inside = 1; while ((getline line <tables) > 0) print line }' "$1" >"$T/report" &&
		cat "$T/report" >"$1"
}

c_init
c_have crun || t_skip_all "$c_reason"
t_have strace || t_skip_all "$t_missing is not installed"
printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' >"$c_root/hello.c"
command_gcc=(gcc -O2 -o /tmp/hello "$c_root/hello.c")
failed=0 workloads=()
for load in ${LOADS:-redis python gcc dd}; do
	words="command_${load}[0]"
	if t_have "${!words}" && { [ "$load" != redis ] || t_have redis-benchmark redis-cli; }; then
		workloads+=("$load")
	else
		say "$load is left out: $t_missing is not installed"
	fi
done
printf '%-9s ' container
printf '%10s ' "${ways[@]}"
echo
for load in "${workloads[@]}"; do
	compare "$load"
	rows '' "$load"
done
[ -z "$REPORT" ] || report "$REPORT"
[ "$failed" = 0 ] || exit 2
