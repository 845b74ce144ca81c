#!/usr/bin/env bash
# The tracer on programs that are hard to trace: each behaves as without whittle, nothing of it is
# missed, nothing is left behind.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1

# record [--exact] COMMAND…: its evidence is in $T/out
record()
{
	local exact=()

	[ "$1" != --exact ] || { exact=(--exact); shift; }
	timeout -s KILL 60 "$WHITTLE" record -q -o "$T/out" --replace "${exact[@]}" -- "$@"
}

# same NAME COMMAND…: same standard output, error and status as without whittle
same()
{
	local name=$1 plain=0 traced=0

	shift
	timeout -s KILL 60 "$@" >plain.out 2>plain.err || plain=$?
	record "$@" >traced.out 2>traced.err || traced=$?
	t_is "$name: status" "$traced" "$plain"
	t_ok "$name: standard output" diff plain.out traced.out
	t_ok "$name: standard error" diff plain.err traced.err
}

# recorded ABI NAME [RESULT]
recorded()
{
	grep -q "{\"abi\": \"$1\", \"name\": \"$2\", .*\"result\": \"${3:-}" out/evidence.json
}

limited()
{
	grep -q "\"limitations\": {[^}]*\"$1\": " out/evidence.json
}

# lossless: the run lost nothing, whatever its outcome
lossless()
{
	grep -q '"losses": {}' out/evidence.json
}

same 'exec from a thread' "$WORKLOADS/thread_exec" /bin/echo hi
t_ok 'exec from a thread: the new program is followed' recorded x86_64 write ok
t_ok 'exec from a thread: nothing lost' lossless

same 'vfork, 30 deep' "$WORKLOADS/vfork_chain" 30
t_ok 'vfork: recorded' recorded x86_64 vfork ok

same '200 threads' "$WORKLOADS/threads" 200
record --exact "$WORKLOADS/threads" 200 >/dev/null 2>&1
t_ok '200 threads: each call of each is counted, with --exact' grep -q \
	'"name": "gettid", .*"counts": \[4000\]' out/evidence.json

same 'job control and group-stops' "$WORKLOADS/stops"
t_ok 'a stopped sleep goes on by restart_syscall' recorded x86_64 restart_syscall

same 'filters of its own' "$WORKLOADS/own_filter"
t_ok 'a call that its own filter refuses is recorded' recorded x86_64 mkdir ENOTTY
t_ok 'a call that its own filter traps is recorded' recorded x86_64 getpgrp

same '4000 short processes' "$WORKLOADS/exec_storm" 4000
t_ok '4000 short processes: nothing lost' lossless
same 'busy processes killed from within' "$WORKLOADS/kill_thread_storm"
same 'a shell with many children' bash -c 'for i in {1..200}; do /bin/true & done; wait; echo done'

if [ "$(uname -m)" = x86_64 ]; then
	same 'int 0x80 in a 64-bit program' "$WORKLOADS/int80"
	t_ok 'int 0x80: recorded as i386' recorded i386 getuid32 ok
	t_ok 'int 0x80: the rest as x86_64' recorded x86_64 write ok
	t_ok 'int 0x80: not as the x86_64 call of that number' not recorded x86_64 mkdirat
	same 'an x32 call' "$WORKLOADS/x32"
	t_ok 'x32: recorded as x32' recorded x32 getpid
else
	t_skip 'other ABIs of x86_64' "this is $(uname -m)"
fi

"$WHITTLE" record -o out --replace -- "$WORKLOADS/tracer" >traced.out 2>err
t_is 'a workload that traces its child is refused' "$(cat traced.out)" refused
t_ok 'the refusal is a limitation' limited ptrace-refused
t_like 'and is said, with what helps' "$(cat err)" 'wanted to trace a process itself.*--engine notify'

# Names in a file system that the workload serves: a look at one would wait for the workload.
mkdir served
if [ "$(id -u)" = 0 ] && [ "$(timeout 9 "$WORKLOADS/fuse_server" "$T/served" 2>/dev/null)" = served ]; then
	same 'a workload that serves files' "$WORKLOADS/fuse_server" "$T/served"
	t_ok 'a workload that serves files: it is a loss' grep -q '"losses": {"served-files": ' \
		out/evidence.json
	t_ok 'a workload that serves files: what it opened is known' grep -q \
		"\"path\": \"$T/served/file\", \"access\": \"read\"" out/evidence.json
else
	t_skip 'a workload that serves files' 'this needs root and FUSE'
fi

# A daemon outlives its command, which exits 4; record waits and sees what it does.
t_status 'a daemon: the status is the command'\''s' 4 record "$WORKLOADS/daemon" "$T/d" "$T/dir"
t_is 'a daemon: it did its work' "$(cat d)" 'done'
t_ok 'a daemon: its last call is recorded' recorded x86_64 mkdir ok

# What a process inherits. `_` is the shell's; SigQ counts the user's queued signals.
state()
{
	env -u _ "$@" </dev/null | grep -v '^SigQ'
}
state "$WORKLOADS/state" a 'b c' >plain.out
state "$WHITTLE" record -q -o out --replace -- "$WORKLOADS/state" a 'b c' >traced.out
t_ok 'all that a process inherits is as without whittle' diff plain.out traced.out
(trap '' HUP INT CHLD; umask 077; ulimit -n 100; exec 7</dev/null 9>&1; cd /usr || exit
	state "$WORKLOADS/state" >"$T/plain.out")
(trap '' HUP INT CHLD; umask 077; ulimit -n 100; exec 7</dev/null 9>&1; cd /usr || exit
	state "$WHITTLE" record -q -o "$T/out" --replace -- "$WORKLOADS/state" >"$T/traced.out")
t_ok 'also ignored signals, umask, limits, descriptors, directory' diff plain.out traced.out
t_ok 'a program still gets its terminal' bash -c \
	"script -qec \"$WHITTLE record -q -o out --replace -- tty\" /dev/null </dev/null | grep -q ^/dev/pts/"

# SIGKILL from outside, in the middle of everything.
record "$WORKLOADS/catcher" >traced.out &
wait_for 10 grep -q ready traced.out
kill -KILL "$(sed -n 's/ready //p' traced.out)"
wait $! 2>/dev/null
t_is 'SIGKILL from outside: status' $? 137
t_ok 'SIGKILL from outside: evidence says so' grep -q '"outcome": {"signaled": "SIGKILL"}' out/evidence.json

# whittle itself killed: the workload goes with it, and what was on disk stays.
record true
cp out/evidence.json before.json
: >traced.out
"$WHITTLE" record -q -o out --replace -- "$WORKLOADS/catcher" >traced.out &
wait_for 10 grep -q ready traced.out
pid=$(sed -n 's/ready //p' traced.out)
kill -KILL $!
wait $! 2>/dev/null
t_ok 'whittle killed: no workload is left behind' wait_for 5 not kill -0 "$pid"
t_ok 'whittle killed: older evidence is untouched' cmp before.json out/evidence.json
t_is 'whittle killed: no partial file' "$(find out -name '*.tmp')" ''

# Set-id programs: root's tracer leaves them their privilege.
if [ "$(id -u)" = 0 ] && t_have setpriv su; then
	t_is 'a set-id program keeps its privilege under root' \
		"$(record setpriv --reuid 65534 --clear-groups su --version | head -c 2)" su
	chmod 755 "$T"
	install -d -m 777 nobody
	t_ok 'an unprivileged user can record' setpriv --reuid 65534 --clear-groups \
		env HOME=/ "$WHITTLE" record -q -o "$T/nobody/out" -- ls /
	setpriv --reuid 65534 --clear-groups "$WHITTLE" record -q -o "$T/nobody/suid" --expect 1 -- \
		sh -c 'su --version >/dev/null; exit 1' || true
	t_ok 'an ignored set-id bit is a limitation' grep -q '"set-id-ignored": ' nobody/suid/evidence.json
else
	t_skip 'set-id programs and other users' 'this needs root, setpriv and su'
fi
t_end
