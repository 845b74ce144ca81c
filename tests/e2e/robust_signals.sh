#!/usr/bin/env bash
# Signals that reach whittle, time limits, servers: who gets what, and what the run is called after.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1

outcome()
{
	grep -o '"outcome": {[^}]*}, "expected": [a-z]*' out/evidence.json
}

# start COMMAND…: whittle in a session of its own; sets $whittle and $workload
start()
{
	: >got
	# A shell has its background jobs ignore INT and QUIT, and whittle leaves ignored signals be.
	setsid env --default-signal=INT,QUIT "$WHITTLE" record -q -o out --replace "$@" >got 2>err &
	whittle=$!
	wait_for 10 grep -q ready got || return 1
	workload=$(sed -n 's/ready //p' got)
}

start -- "$WORKLOADS/handler"
for signal in HUP INT QUIT TERM USR1 USR2; do
	kill -"$signal" "$whittle"
	wait_for 5 grep -q "^$signal\$" got
done
wait "$whittle"
t_is 'each signal is passed on, once' "$?" 6
t_is 'they arrive in order' "$(tail -n +2 got | xargs)" 'HUP INT QUIT TERM USR1 USR2'
t_is 'a run ended by a forwarded signal is stopped, not failed' "$(outcome)" \
	'"outcome": {"stopped": "SIGTERM"}, "expected": true'
t_ok 'and its profiles are written' test -s out/seccomp.json

start -- "$WORKLOADS/handler"
kill -TERM -- "-$whittle"
wait_for 5 grep -q TERM got
sleep 0.3
kill -USR2 "$whittle"
wait "$whittle"
t_is 'a signal sent to the whole group is not doubled' "$?" 2

start -- "$WORKLOADS/handler"
kill -USR2 "$workload"
wait "$whittle"
t_is 'a signal sent to the workload stays there' "$?" 1

if t_have python3; then
	python3 - "$WHITTLE" "$WORKLOADS/handler" >tty.out <<'PYTHON'
import os, pty, signal, sys, time

pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "record", "-q", "-o", "out", "--replace", "--", sys.argv[2]])
text = b""
def until(word):
    global text
    while word not in text:
        text += os.read(fd, 1000)
until(b"ready")
os.write(fd, b"\x03")
until(b"INT")
os.write(fd, b"\x1c")
until(b"QUIT")
time.sleep(0.3)
os.kill(pid, signal.SIGUSR2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
	t_is 'what the terminal sends to its group is not doubled' "$(cat tty.out)" 3
else
	t_skip 'what the terminal sends to its group' 'python3 is missing'
fi

(trap '' HUP; exec "$WHITTLE" record -q -o out --replace -- sh -c \
	'echo ready $$; kill -HUP $PPID; sleep 0.3; exit 5') >got
t_is 'an ignored signal (nohup) ends nothing' "$?" 5

status()
{
	local status=0

	timeout -s KILL 30 "$WHITTLE" record -q -o out --replace "$@" >got 2>err || status=$?
	echo "$status"
}
t_is '--timeout: TERM first; the status is the signal' "$(status --timeout 0.5 -- sleep 100)" 143
t_is '--timeout: the outcome is stopped' "$(outcome)" \
	'"outcome": {"stopped": "SIGTERM"}, "expected": true'
t_is '--timeout: then KILL, also if the workload is busy' \
	"$(status --timeout 0.5 -- sh -c 'trap "" TERM; while :; do kill -0 $$; done')" 137
t_is '--timeout: a workload that ends before it is judged by its status' \
	"$(status --timeout 30 -- sh -c 'exit 3') $(outcome)" \
	'3 "outcome": {"exited": 3}, "expected": false'
t_is '--expect: another good status' "$(status --expect 3 -- sh -c 'exit 3') $(outcome)" \
	'3 "outcome": {"exited": 3}, "expected": true'
t_is 'a fatal signal is raised again' "$(status -- sh -c 'kill -SEGV $$')" 139
t_is '--wait=main stops what remains' "$(status --wait=main -- sh -c 'sleep 60 & exit 4')" 4
start -- sh -c "echo ready; (sleep 1.7; mkdir $T/late) & exit 6"
wait "$whittle"
t_is '--wait=all (the default) waits for background processes' "$?" 6
t_ok '--wait=all: and records them' grep -q '"name": "mkdir"' out/evidence.json
"$WHITTLE" record -o out --replace -- sh -c 'sleep 1.7 & exit 0' 2>err
t_ok '--wait=all says what it waits for' grep -q 'background' err

# Servers and their clients.
server='import socket, time
listener = socket.create_server(("127.0.0.1", 0))
open("port.new", "w").write(str(listener.getsockname()[1]))
import os; os.rename("port.new", "port")
while True:
    connection, _ = listener.accept()
    connection.recv(100)
    connection.sendall(b"hello")
    connection.close()'
client='wait=0; until test -s port; do sleep 0.05; done; python3 -c "
import os, socket
os.mkdir(\"by-the-client\")
connection = socket.create_connection((\"127.0.0.1\", int(open(\"port\").read())))
connection.sendall(b\"x\")
assert connection.recv(100) == b\"hello\"
"'
if t_have python3; then
	t_is '--exercise: its status is the outcome' \
		"$(status --exercise "$client" -- python3 -c "$server") $(outcome)" \
		'0 "outcome": {"stopped": "SIGTERM"}, "expected": true'
	t_ok '--exercise: it ran' test -d by-the-client
	t_ok '--exercise: its needs are not recorded' not grep -q 'by-the-client\|"mkdir"' out/evidence.json
	t_ok '--exercise: the server is recorded at work' grep -q '"name": "accept4"' out/evidence.json
	rm -f port
	t_is '--exercise: a client that fails makes the run fail' \
		"$(status --exercise 'exit 7' -- python3 -c "$server") $(outcome)" \
		'7 "outcome": {"stopped": "SIGTERM"}, "expected": false'
	t_is '--exercise: a server that never listens is a failure' \
		"$(status --exercise true -- true) $(outcome)" \
		'1 "outcome": {"exited": 0}, "expected": false'
	rm -f port
	mkdir -p read
	t_is '--exercise: the client waits for a server that still begins behind its first port' \
		"$(status --exercise 'test -s port' -- python3 -c 'import socket
first = socket.create_server(("127.0.0.1", 0))
for i in range(3000): open(f"read/{i}", "w").close()
'"$server")" 0
	rm -rf read port
	t_is '--ready: the client waits for it' \
		"$(status --ready 'test -s port' --exercise 'test -s port && exit 8' -- python3 -c "$server")" 8
else
	t_skip 'servers and their clients' 'python3 is missing'
fi
t_end
