#!/usr/bin/env bash
# The notification engine: the same calls as by ptrace, the same behaviour as without whittle, what
# ptrace cannot record, and nothing left behind however it ends.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1

# record ENGINE DIR COMMAND…
record()
{
	local engine=$1 dir=$2

	shift 2
	timeout -s KILL 120 "$WHITTLE" record -q --engine "$engine" -o "$dir" --replace -- "$@"
}

# calls DIR: the calls as "ABI NAME". Whether a thread has to wait for another is chance.
calls()
{
	jq -r '.syscalls[] | .abi + " " + .name' "$1/evidence.json" | grep -v ' futex$' | sort -u
}

# notes DIR losses|limitations
notes()
{
	jq -c ".runs[0].$2" "$1/evidence.json"
}

# behaves NAME COMMAND…: the same output and status as without whittle, nothing lost; evidence in out
behaves()
{
	local name=$1 plain=0 traced=0

	shift
	timeout -s KILL 120 "$@" >plain.out 2>plain.err </dev/null || plain=$?
	record notify out "$@" >traced.out 2>traced.err </dev/null || traced=$?
	t_is "$name: status" "$traced" "$plain"
	t_ok "$name: output" diff plain.out traced.out
	t_ok "$name: errors" diff plain.err traced.err
	t_is "$name: nothing lost" "$(notes out losses)" '{}'
}

# same NAME COMMAND…: also the same calls as by ptrace
same()
{
	local name=$1

	behaves "$@"
	shift
	record ptrace by-ptrace "$@" >by-ptrace.out 2>by-ptrace.err </dev/null
	calls by-ptrace >wanted
	calls out >got
	t_ok "$name: something was recorded" test -s wanted
	t_ok "$name: the calls are those of ptrace" diff wanted got
}

# helpers: the engine's own processes that belong to whittle $1 or to nobody any more
helpers()
{
	ps -eo ppid=,stat=,comm= | awk -v pid="$1" '$2 !~ /Z/ && $3 ~ /^whittle-(guard|witnes)/ && $1 == pid'
}

has_helpers() { [ "$(helpers "$1" | wc -l)" = 2 ]; }

alive()
{
	local pid

	for pid; do
		[ -d "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null && return 0
	done
	return 1
}

if ! record notify out true 2>err; then
	grep -q 'needs Linux\|Device or resource busy\|ptrace.s permission' err &&
		t_skip_all "$(head -n 1 err)"
fi

same 'true' true
t_is 'the engine is in the evidence' "$(jq -r '.runs[0].engine' out/evidence.json)" notify
mkdir repository
git init -q repository 2>/dev/null
echo 'int main(void){return 0;}' >small.c
if t_have python3; then same 'python3' python3 -c 'import json; print(json.dumps({}))'; fi
if t_have gcc; then same 'gcc' gcc -o small small.c; fi
if t_have git; then same 'git' git -C repository status; fi
same 'threads' "$WORKLOADS/threads" 200
t_is 'threads: each call of each' "$(jq -c '.syscalls[] | select(.name == "gettid") | .counts' out/evidence.json)" '[4000]'
same 'exec from a thread' "$WORKLOADS/thread_exec" /bin/echo hi
t_ok 'exec from a thread: the new program is known' jq -e \
	'.syscalls[] | select(.name == "write" and (.program | endswith("/echo")))' out/evidence.json
same 'vfork' "$WORKLOADS/vfork_chain" 30
same '500 processes at once' bash -c 'for i in {1..500}; do /bin/true & done; wait; echo done'
same '4000 processes' "$WORKLOADS/exec_storm" 4000
t_is '4000 processes: each execve' "$(jq -c '[.syscalls[] | select(.name == "execve") | .counts[]] | add' out/evidence.json)" \
	"$(jq -c '[.syscalls[] | select(.name == "execve") | .counts[]] | add' by-ptrace/evidence.json)"
same 'job control' "$WORKLOADS/stops"
same 'killed from within' "$WORKLOADS/kill_thread_storm"
(ulimit -n 40; behaves 'more processes than descriptors' bash -c 'for i in {1..100}; do sleep 0.3 & done; wait; echo done'
	t_end) >nested.tap
t_ok 'more processes than descriptors' not grep '^not ok' nested.tap

if [ "$(uname -m)" = x86_64 ]; then
	same 'int 0x80' "$WORKLOADS/int80"
	t_ok 'int 0x80: as i386' grep -q '^i386 getuid32$' got
	same 'x32' "$WORKLOADS/x32"
	if gcc -m32 -o small32 small.c 2>err; then
		same 'a 32-bit program' ./small32
		t_ok 'a 32-bit program: as i386' grep -q '^i386 exit_group$' got
	else
		t_skip 'a 32-bit program' 'there is no 32-bit C library (gcc-multilib)'
	fi
else
	t_skip 'other ABIs of x86_64' "this is $(uname -m)"
fi

# ---- what ptrace cannot record ----

record notify out "$WORKLOADS/tracer" >got 2>&1
t_is 'a workload may trace its child' "$(cat got)" traced
if t_have strace; then
	strace -f -o plain.strace sh -c '/bin/true; /bin/true'
	record notify out strace -f -o traced.strace sh -c '/bin/true; /bin/true'
	t_is 'strace -f works' "$?" 0
	t_is 'strace -f sees as many processes' "$(grep -c 'exited with' traced.strace)" \
		"$(grep -c 'exited with' plain.strace)"
	t_ok 'strace and what it traces are recorded' jq -e \
		'[.syscalls[] | select(.name == "ptrace" or (.program | endswith("/true"))) | .name] | index("ptrace") and index("brk")' \
		out/evidence.json
else
	t_skip 'strace -f' 'there is no strace'
fi
if t_have gdb; then
	record notify out gdb -batch -ex 'break main' -ex run -ex continue "$WORKLOADS/threads" >got 2>err </dev/null
	t_ok 'gdb stops at a breakpoint' grep -q '^Breakpoint 1, ' got
	t_ok 'gdb: the program goes on to its end' grep -q 'exited normally' got
else
	t_skip 'gdb' 'there is no gdb'
fi
behaves 'filters of its own' "$WORKLOADS/own_filter"
t_like 'filters of its own: that they hide calls is said' "$(notes out limitations)" own-refusals
record notify out "$WHITTLE" record --engine notify -o inner --replace -- true >got 2>err
t_is 'whittle in itself: there is one listener only' "$?" 125
t_like 'and it says so' "$(cat err)" 'under a listener itself'

# ---- signals ----

behaves 'a storm of signals' "$WORKLOADS/notify_storm" 20000 "$T/interrupted"
t_figure "calls that fail with EINTR under a timer of 5 kHz without SA_RESTART: $(cat interrupted)"

# A signal that comes before whittle has received a call takes it back: it may never be seen.

# in_call OTHER: does the workload wait in a call, but not in that of this number? It is in $call.
in_call()
{
	read -r call _ <"/proc/$workload/syscall" && [[ $call =~ ^[0-9]+$ ]] && [ "$call" != "$1" ]
}

# Does the workload wait in read(2), and has whittle, which sleeps, answered that?
reads()
{
	in_call none && [ "$call" = "$number" ] && [[ $(ps -o stat= -p "$whittle") == S* ]]
}

mkfifo input
setsid "$WHITTLE" record -q --engine notify -o out --replace -- "$WORKLOADS/notify_interrupted" <input >got 2>err &
whittle=$!
exec 9>input
wait_for 10 grep -q ready got
read -r _ workload number <got
if wait_for 10 reads; then
	kill -STOP "$whittle"
	echo >&9
	t_ok 'a call waits for whittle' wait_for 10 in_call "$number"
	kill -USR1 "$workload"
	t_ok 'a signal takes it back' wait_for 10 in_call "$call"
	kill -CONT "$whittle"
	wait "$whittle"
	t_is 'it failed with EINTR' "$?" 0
	t_is 'that it may be missing is said' "$(notes out limitations)" '{"interrupted-calls":1}'
	t_is 'but nothing is lost' "$(notes out losses)" '{}'
else
	t_skip 'a call that a signal takes back' "the kernel does not say in which call a process is"
	echo >&9
	kill -USR1 "$workload"
	wait "$whittle"
fi
exec 9>&-

# start OPTION… -- COMMAND…: whittle in a session of its own, the output in got; sets $whittle
start()
{
	: >got
	setsid env --default-signal=INT,QUIT "$WHITTLE" record -q --engine notify -o out --replace "$@" >got 2>err &
	whittle=$!
	wait_for 10 grep -q ready got
}

start -- "$WORKLOADS/handler"
for signal in HUP INT QUIT TERM USR1 USR2; do
	kill -"$signal" "$whittle"
	wait_for 5 grep -q "^$signal\$" got
done
wait "$whittle"
t_is 'each signal is passed on, once' "$?" 6
start -- "$WORKLOADS/handler"
kill -TERM -- "-$whittle"
wait_for 5 grep -q TERM got
sleep 0.3
kill -USR2 "$whittle"
wait "$whittle"
t_is 'a signal sent to the whole group is not doubled' "$?" 2

# ---- what is inherited ----

state()
{
	env -u _ "$@" </dev/null | grep -v '^SigQ'
}
[ "$(id -u)" = 0 ] || filter='^NoNewPrivs'
state "$WORKLOADS/state" a | grep -v "${filter:-^$}" >plain.out
state "$WHITTLE" record -q --engine notify -o out --replace -- "$WORKLOADS/state" a | grep -v "${filter:-^$}" >traced.out
t_ok 'all that a process inherits is as without whittle' diff plain.out traced.out
record notify out ls -l /proc/self/fd >got
t_ok 'the workload has no listener' not grep -q seccomp got
t_ok 'nor is it traced' test "$(record notify out grep TracerPid: /proc/self/status | cut -f 2)" = 0
if [ "$(id -u)" = 0 ]; then
	cp /usr/bin/id set-id
	chown 65534 set-id
	chmod u+s set-id
	behaves 'a set-id program under root' ./set-id -u
	if t_have setpriv; then
		chmod 711 "$T"
		mkdir open
		chmod 777 open
		setpriv --reuid 65534 --regid 65534 --clear-groups "$WHITTLE" record -q --engine notify \
			-o open/out --replace -- grep NoNewPrivs: /proc/self/status >got 2>err
		t_is 'no_new_privs is set for a user without privilege' "$(cut -f 2 got)" 1
		t_like 'and the evidence says so' "$(notes open/out limitations)" no-new-privs
	else
		t_skip 'a user without privilege' 'there is no setpriv'
	fi
else
	t_skip 'set-id programs' 'this needs root'
fi

# ---- ends ----

t_status 'a file that cannot be executed' 126 record notify out /etc/passwd
printf '#!/nowhere\n' >script
chmod +x script
t_status 'an interpreter that is not there' 127 record notify out ./script
t_status 'a daemon: the status is the command'\''s' 4 record notify out "$WORKLOADS/daemon" "$T/d" "$T/dir"
t_is 'a daemon: it did its work' "$(cat d)" 'done'
t_ok 'a daemon: its last call is recorded' jq -e '.syscalls[] | select(.name == "mkdir")' out/evidence.json
begin=$SECONDS
"$WHITTLE" record -q --engine notify --timeout 1 -o out --replace -- sleep 100
t_is '--timeout: status' "$?" 143
t_ok '--timeout: in time' test $((SECONDS - begin)) -le 4
record notify out sh -c 'kill -KILL $$'
t_is 'killed by a signal' "$?" 137

for how in plain leaves-session; do
	# shellcheck disable=SC2046 # without an argument it stays
	start -- "$WORKLOADS/notify_quiet" $([ "$how" = plain ] || echo apart)
	mapfile -t pids < <(grep '^[0-9]' got)
	t_is "whittle is killed ($how): four processes spin" "${#pids[@]} $(alive "${pids[@]}" && echo alive)" '4 alive'
	t_ok "whittle is killed ($how): it had its helpers" wait_for 10 has_helpers "$whittle"
	ps -eo pid=,ppid=,comm= | awk -v pid="$whittle" '$2 == pid && $3 ~ /^whittle-/ { print $1 }' >helper-pids
	kill -KILL "$whittle"
	wait "$whittle" 2>/dev/null
	t_ok "whittle is killed ($how): the workload is gone within a second" wait_for 1 not alive "${pids[@]}"
	# shellcheck disable=SC2046 # one id a word
	t_ok "whittle is killed ($how): so are the helpers" wait_for 1 not alive $(cat helper-pids)
done

# The guardian is killed: another one takes its place.
start -- "$WORKLOADS/notify_quiet"
mapfile -t pids < <(grep '^[0-9]' got)
first=$(ps -eo pid=,ppid=,comm= | awk -v pid="$whittle" '$2 == pid && $3 == "whittle-guard" { print $1 }')
kill -KILL "$first"
second()
{
	ps -eo pid=,ppid=,stat=,comm= |
		awk -v pid="$whittle" -v first="$first" '$1 != first && $2 == pid && $3 !~ /Z/ && $4 == "whittle-guard" { found = 1 } END { exit !found }'
}
t_ok 'a guardian that was killed is replaced' wait_for 2 second
kill -KILL "$whittle"
wait "$whittle" 2>/dev/null
t_ok 'which ends the workload' wait_for 1 not alive "${pids[@]}"

# ---- servers ----

if t_have python3; then
	port=$((20000 + RANDOM % 10000))
	timeout -s KILL 60 "$WHITTLE" record -q --engine notify -o out --replace --exercise \
		"ls -l /proc/self/fd >fds; python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:$port/\").status)'" \
		-- python3 -m http.server "$port" --bind 127.0.0.1 >got 2>err </dev/null
	t_is 'a server and its exercise: status' "$?" 0
	t_ok 'a server and its exercise: it answered' grep -q '^200$' got
	t_ok 'a server and its exercise: its socket' grep -q "\"port\": \"$port\"" out/evidence.json
	t_ok 'the client has no listener' not grep -q seccomp fds
else
	t_skip 'a server and its exercise' 'there is no python3'
fi

t_end
