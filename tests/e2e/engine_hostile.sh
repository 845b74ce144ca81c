#!/usr/bin/env bash
# Hostile conditions, under each engine: the workload does what it does alone, nothing hangs, and the
# evidence is complete or says what it lost.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib-engine.sh"
t_init
cd "$T" || exit 1
t_have jq || t_skip_all "$t_missing is not installed"
storm=$WORKLOADS/engine_storm

# recorded ENGINE COMMAND…: under whittle with that engine; $AS is a prefix of words for it. $LIMIT seconds.
recorded()
{
	local engine=$1
	local -a options

	shift
	mapfile -t options < <(engine_options "$engine" "$T/known-$kind/evidence.json")
	timeout -s KILL "${LIMIT:-60}" "${AS[@]}" "$WHITTLE" record -q \
		--expect "${plain:-7}" -o "$T/out" --replace "${options[@]}" -- "$@"
}

# accounted: the evidence is there, and complete or with losses that are counted
accounted()
{
	jq -e '.runs[0] | .outcome != null and (if .losses == {} then true
		else .complete == false and all(.losses[]; . > 0) end)' "$T/out/evidence.json"
}

lossless()
{
	jq -e '.runs[0].losses == {}' "$T/out/evidence.json"
}

# has_filter: the learned engine did let calls run
has_filter()
{
	jq -er '.runs[0].filter' "$T/out/evidence.json" | grep -q 'learned\|known'
}

# storms NAME FILTERED COMMAND…: the same under each engine as alone. FILTERED says whether the learned
# engine is to have installed a filter: yes, or "any".
storms()
{
	local kind=$1 filtered=$2 engine plain=0 status

	shift 2
	timeout -s KILL "${LIMIT:-60}" "${AS[@]}" "$@" >plain.out 2>plain.err || plain=$?
	for engine in "${with[@]}"; do
		case $engine in *known)
			[ -e "$T/known-$kind" ] || AS=() recorded learned "$@" >/dev/null 2>&1
			[ -e "$T/known-$kind" ] || cp -r "$T/out" "$T/known-$kind"
			;;
		esac
		status=0
		rm -rf "$T/out"
		[ ${#AS[@]} -eq 0 ] || mkdir -m 0777 "$T/out"
		recorded "$engine" "$@" >traced.out 2>traced.err || status=$?
		if [ "$status" -eq "$plain" ] && cmp -s plain.out traced.out && cmp -s plain.err traced.err; then
			t_pass "$kind, $engine: the same outcome"
		else
			{
				echo "status $status, alone $plain"
				diff plain.out traced.out
				diff plain.err traced.err
			} >difference
			t_fail "$kind, $engine: the same outcome" difference
		fi
		if [ "$engine" = "$may_lose" ]; then
			t_ok "$kind, $engine: complete, or what was lost is counted" accounted
			t_figure "$kind, $engine: $(jq -c '.runs[0].losses' "$T/out/evidence.json")"
		else
			t_ok "$kind, $engine: nothing is lost" lossless
		fi
		if [ "$engine" = learned ] && [ "$filtered" = yes ]; then
			t_ok "$kind, $engine: a filter was installed" has_filter
		fi
	done
}

engine_list learned notify
with=("${engines[@]}")
AS=() may_lose=

storms '5 kHz timer' yes "$storm" timer 20000
# Under notify a signal may interrupt what it would not alone: README, "What it cannot see".
with=(learned)
storms '5 kHz timer, no call is restarted' yes "$storm" interrupts 10000
with=("${engines[@]}")
storms '1,000 threads' yes "$storm" threads 1000
storms '3,000 processes' any "$storm" forks 3000
storms 'executes itself 150 times' any "$storm" execs 150
# By the time that notify asks what the image of an execve(2) was, the next one may be under way.
may_lose=notify
storms 'executes from a thread 50 times' any "$storm" thread-exec 50
storms 'executes from a thread behind a filter 30 times' any "$storm" listened 30
may_lose=
storms '800 that hardly live' any "$storm" brief 100
storms '500 at once' yes "$storm" crowd 500
storms 'closes all descriptors' yes "$storm" closes 500
storms 'no descriptor left' yes "$storm" full 500
storms '200 vfork children' any "$storm" vforks 200
storms 'vfork, 30 deep' any "$WORKLOADS/vfork_chain" 30
storms 'stopped and continued 200 times' yes "$storm" stops 200
storms '200 killed' any "$storm" kills 200
storms 'orphans' any "$storm" orphans 50
storms 'no address space left' any "$storm" memory 1000
storms 'memory is locked' yes "$storm" locked 1000
storms 'descriptors are shared' yes "$storm" shared 25
storms 'the first of a pid namespace makes a fault' any "$storm" first 3
storms 'job control' any "$WORKLOADS/stops"
storms 'waits for signals' any "$storm" waits 100
with=(learned)
for kind_of in waits never own child; do
	storms "interrupts $kind_of" any "$WORKLOADS/interrupts" "$kind_of"
done

# What drops its privileges has a filter from then on under which all calls report.
if [ "$(id -u)" -eq 0 ] && t_have setpriv; then
	chmod 0711 "$T"
	drop=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	if "${drop[@]}" test -x "$storm"; then
		storms 'dropped: 5 kHz timer' yes "${drop[@]}" "$storm" timer 5000
		storms 'dropped: 5 kHz timer, no call is restarted' yes "${drop[@]}" "$storm" interrupts 5000
		for kind_of in waits never own child; do
			storms "dropped: interrupts $kind_of" yes "${drop[@]}" "$WORKLOADS/interrupts" "$kind_of"
		done
		storms 'dropped: waits for signals' yes "${drop[@]}" "$storm" waits 100
		storms 'dropped: 300 threads' yes "${drop[@]}" "$storm" threads 300
		storms 'dropped: executes itself 50 times' yes "${drop[@]}" "$storm" execs 50
		storms 'dropped: executes from a thread 30 times' yes "${drop[@]}" "$storm" thread-exec 30
		storms 'dropped: executes from a thread behind a filter' yes "${drop[@]}" "$storm" listened 30
		storms 'dropped: 200 vfork children' yes "${drop[@]}" "$storm" vforks 200
		storms 'dropped: stopped and continued' yes "${drop[@]}" "$storm" stops 50
		storms 'dropped: 100 killed' yes "${drop[@]}" "$storm" kills 100
		storms 'dropped: no descriptor left' yes "${drop[@]}" "$storm" full 200
		storms 'dropped: descriptors are shared' yes "${drop[@]}" "$storm" shared 10
	else
		t_skip 'dropped privileges' 'the build cannot be reached by others than root'
	fi
else
	t_skip 'dropped privileges' 'is not root, or has no setpriv'
fi
with=("${engines[@]}")

# What traces others runs under notify as alone, and is refused under ptrace: said, not silent.
if engine_have notify; then
	with=(notify)
	storms 'traces its child' any "$storm" ptrace 300
fi
LIMIT=60 kind=ptrace recorded learned "$storm" ptrace 300 >traced.out 2>&1
t_is 'traces its child, learned: its status' "$?" 7
t_ok 'traces its child, learned: the refusal is said' \
	jq -e '.runs[0].limitations["ptrace-refused"] > 0' out/evidence.json

# In a run listeners are given up once, and the exec is seen meanwhile in about half of them.
executes_meanwhile()
{
	local status

	for _ in {1..10}; do
		status=0
		LIMIT=20 recorded learned "$storm" own-exec 1000 || status=$?
		[ "$status" -eq 7 ] && lossless >/dev/null || return
	done
}
t_ok 'a thread executes while the first has listeners given up' executes_meanwhile

# ---- from outside ----

# gone PID…: none of them runs (a zombie does not)
gone()
{
	local pid state

	for pid; do
		state=$(awk '/^State:/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
		case $state in '' | Z | X) ;; *) return 1 ;; esac
	done
}

# descends PID: it and all below
descends()
{
	local pid

	echo "$1"
	while read -r pid; do descends "$pid"; done < <(cat "/proc/$1/task"/*/children 2>/dev/null | xargs -r -n 1)
}

# start ENGINE COMMAND…: in the background; sets $whittle and $workload
start()
{
	local -a options
	local engine=$1

	shift
	mapfile -t options < <(engine_options "$engine")
	rm -rf out got
	"$WHITTLE" record -q -o out --replace "${options[@]}" -- "$@" >got 2>err &
	whittle=$!
	wait_for 10 grep -q ready got || return 1
	workload=$(sed -n 's/ready //p' got)
}

calling()
{
	local before now

	before=$(awk '{ print $14 + $15 }' "/proc/$workload/stat" 2>/dev/null) || return 1
	sleep 0.3
	now=$(awk '{ print $14 + $15 }' "/proc/$workload/stat" 2>/dev/null) || return 1
	[ "$now" -gt "$before" ]
}

for engine in learned notify; do
	engine_have "$engine" || continue
	for delay in 0 0.02 0.1 0.5 0.3; do
		if ! start "$engine" "$storm" endless; then
			t_fail "$engine: starts" err
			continue
		fi
		sleep "$delay"
		if [ "$delay" = 0.3 ]; then # what calls comes to wait for it
			kill -STOP "$whittle"
			sleep 0.3
		fi
		mapfile -t all < <(descends "$whittle")
		kill -KILL "$whittle"
		wait "$whittle" 2>/dev/null
		t_ok "$engine: whittle is killed $delay s after: the workload dies with it" wait_for 10 gone "${all[@]}" "$workload"
		t_ok "$engine: and no call of it has failed for that" not grep wrong got
		gone "$workload" || kill -KILL "$workload"
	done
	if start "$engine" "$storm" endless; then
		sleep 0.3
		kill -STOP "$whittle"
		sleep 0.5
		kill -CONT "$whittle"
		t_ok "$engine: whittle suspended and resumed: the workload goes on" wait_for 10 calling
		kill -KILL "$workload"
		wait "$whittle" 2>/dev/null
		t_is "$engine: and its end is whittle's" "$?" 137
		t_ok "$engine: and is recorded" jq -e '.runs[0].outcome == { "signaled": "SIGKILL" } and
			.runs[0].losses == {}' out/evidence.json
	else
		t_fail "$engine: starts" err
	fi
done

# ---- what a signal takes back ----

# A call that waits for whittle to look at it is not in the kernel's hands yet: a signal never makes it
# fail, also not behind one that a signal did make fail.

# in_call NUMBER: does the workload wait in that call?
in_call()
{
	local call

	read -r call _ <"/proc/$workload/syscall" && [ "$call" = "$1" ]
}

# taken_back: what the signals do to two opens, of which whittle is suspended during the second
taken_back()
{
	local calls

	wait_for 10 grep -q ready got || return
	read -r _ workload calls <got
	# shellcheck disable=SC2086 # numbers
	set -- $calls
	wait_for 10 in_call "$1" && echo >&9 && wait_for 10 in_call "$2" && kill -USR1 "$workload" &&
		wait_for 10 in_call "$1" && kill -STOP "$whittle" && echo >&9 && wait_for 10 in_call "$2" &&
		kill -USR1 "$workload" && wait_for 10 is_stopped
}

is_stopped() { [[ $(ps -o stat= -p "$workload") == t* ]]; }

mkfifo fifo input
echo text >file
exec 9<>input
"$WHITTLE" record -q -o out --replace -- "$WORKLOADS/interrupted_notified" fifo "$T/file" <input >got 2>err &
whittle=$!
if ! read -r _ </proc/self/syscall; then
	t_skip 'a signal takes back what waits for whittle' 'the kernel does not say in which call a process is'
elif taken_back; then
	kill -CONT "$whittle"
	wait "$whittle"
	t_is 'a signal takes back what waits for whittle: only what it finds in the kernel fails' \
		"$(tail -n 1 got)" 'interrupted, then not interrupted'
	t_ok 'and its path is there' jq -e --arg file "$T/file" '.runs[0].losses == {} and
		any(.paths[]; .path == $file and .access == "read")' out/evidence.json
else
	t_fail 'a signal takes back what waits for whittle' got err
fi
kill -KILL "$whittle" 2>/dev/null
wait "$whittle" 2>/dev/null
exec 9>&-

# ---- in a world of its own ----

with=("${engines[@]}")
# Process ids come round every few hundred.
if unshare --pid --fork --mount-proc sh -c 'echo 400 >/proc/sys/kernel/pid_max' 2>/dev/null &&
	[ "$(cat /proc/sys/kernel/pid_max)" -gt 400 ]; then
	AS=(unshare --pid --fork --kill-child --mount-proc sh -c
		'echo 400 >/proc/sys/kernel/pid_max && exec "$@"' sh)
	storms 'process ids wrap around' any "$storm" forks 2000
	AS=()
else
	t_skip 'process ids wrap around' 'no pid_max of a namespace of its own here'
fi
if [ "$(id -u)" -eq 0 ] && t_have setpriv unshare &&
	unshare --mount sh -c 'mount -t proc -o hidepid=2 proc /proc' 2>/dev/null; then
	chmod 0755 "$T"
	AS=(unshare --mount sh -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' sh
		setpriv --reuid 65534 --regid 65534 --clear-groups)
	storms 'hidepid, not root' any "$storm" forks 300
	storms 'hidepid, not root, timer' yes "$storm" timer 3000
	AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	storms 'not root' yes "$storm" threads 100
	AS=()
else
	t_skip 'hidepid' 'needs root, and a proc mount of its own'
fi
t_end
