#!/usr/bin/env bash
# `whittle verify --ablate=caps`: what it proves of real programs, what it says of a recorded list,
# and when it says that it cannot decide. The many rows are those of tests/oracle/ablate.sh.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1
chmod 755 "$T"

t_status 'no command is a mistake' 2 "$WHITTLE" verify
t_status 'no command after -- is one' 2 "$WHITTLE" verify --
t_status 'what is not to be taken away is one' 2 "$WHITTLE" verify --ablate=luck -- true
t_status '--exercise without --ready is one' 2 "$WHITTLE" verify --exercise true -- true
t_status 'a comparison that does not exist is one' 2 "$WHITTLE" verify --compare luck -- true
t_status '--help' 0 "$WHITTLE" verify --help

t_have jq python3 setpriv unshare || t_skip_all "$t_missing is not installed"
[ "$(id -u)" -eq 0 ] || t_skip_all 'needs root: it takes away what only root has'
as_user=(setpriv --reuid 1000 --regid 1000 --clear-groups)
py=/usr/bin/python3
[ -x $py ] || py=python3

# verify ARG…: the output in $out, what is said in $said, the status in $got. On a loaded machine a
# run may take more than ten times what the first one did.
verify()
{
	got=0
	out=$("$WHITTLE" verify --timeout 60 "$@" 2>said </dev/null) || got=$?
	said=$(cat said)
}

head='CAPABILITY               VERDICT      WITHOUT IT'
head_recorded='CAPABILITY               VERDICT      RECORDED  WITHOUT IT'
line() { printf '%-24s %-12s %s' "$@"; }
line_recorded() { printf '%-24s %-12s %-9s %s' "$@"; }

# proves NAME TABLE ARG…: this table, byte for byte, and status 0. An empty table: nothing is needed.
proves()
{
	local table="$head"$'\n'$2

	[ -n "$2" ] || table='no capability is needed'
	verify "${@:3}"
	t_is "$1" "$got $out" "0 $table"
}

# undecided NAME WHAT-IS-SAID ARG…: status 2, nothing on standard output.
undecided()
{
	verify "${@:3}"
	t_is "$1" "$got $out" '2 '
	t_like "$1, and why" "$said" "$2"
}

# ---- one capability, none, several ----

touch own other f
chown 1000 other
chmod 600 other
setpriv --reuid 1000 --clear-groups sleep 100000 &
stranger=$!
wait_for 10 grep -qx sleep "/proc/$stranger/comm"
low_port='import socket; socket.socket().bind(("127.0.0.1", 99))'
packet='import socket; socket.socket(17, 3)'
if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 99 ]; then
	proves 'a port below 1024' "$(line CAP_NET_BIND_SERVICE required 'exit status 1')" -- $py -c "$low_port"
else
	t_skip 'a port below 1024' 'it is unprivileged here'
fi
proves 'a port above' '' -- $py -c "${low_port/99/0}"
proves 'true' '' -- true
proves 'reading an own file' '' -- cat own
proves 'an own file to its owner' '' -- chown 0 own
proves 'an own file to another' "$(line CAP_CHOWN required 'exit status 1')" -- chown 1000 f
proves 'chmod of another'\''s file' "$(line CAP_FOWNER required 'exit status 1')" -- chmod 600 other
proves 'reading what only another may read' \
	"$(line CAP_DAC_READ_SEARCH alternative 'exit status 1 (would do too: CAP_DAC_OVERRIDE)')" -- cat other
proves 'writing to it' "$(line CAP_DAC_OVERRIDE required 'exit status 1')" -- truncate -s 0 other
proves 'a signal to another' "$(line CAP_KILL required 'exit status 1')" -- sh -c "kill -0 $stranger"
proves 'a signal to its own child' '' -- sh -c 'sleep 100 & kill $!'
proves 'becoming another' \
	"$(line CAP_SETGID required 'exit status 127'; echo; line CAP_SETUID required 'exit status 127')" \
	-- "${as_user[@]}" true
proves 'chroot' "$(line CAP_SYS_CHROOT required 'exit status 125')" -- chroot / true
proves 'a new UTS namespace' "$(line CAP_SYS_ADMIN required 'exit status 1')" -- unshare --uts true
proves 'one inside a new user namespace' '' -- unshare --user --uts true
proves 'a device' "$(line CAP_MKNOD required 'exit status 1')" --setup 'rm -f node' -- mknod node c 1 3
proves 'a FIFO' '' --setup 'rm -f node' -- mknod node p
proves 'two at once, or a third' \
	"$(line CAP_KILL alternative 'exit status 1 (would do too, together: CAP_MKNOD, CAP_SYS_CHROOT)')" \
	--setup 'rm -f node' -- sh -c "kill -0 $stranger || { mknod node c 1 3 && chroot / true; }"

# What execve(2) would give back is taken too: out of the bounding set, and of the ambient one.
# net_raw_and_setuid STATUS: the table of a program that setpriv(1) starts as another user.
net_raw_and_setuid()
{
	line CAP_NET_RAW required "exit status $1"
	echo
	line CAP_SETUID required 'exit status 127'
}
cp "$(realpath $py)" setuid
chmod 4755 setuid
proves 'a set-user-id program' "$(net_raw_and_setuid 1)" -- setpriv --reuid 1000 ./setuid -c "$packet"
cp "$(realpath $py)" capable
if t_have setcap && setcap cap_net_raw+p capable; then
	proves 'a capable file' "$(net_raw_and_setuid 1)" -- setpriv --reuid 1000 ./capable -c "
import ctypes
ctypes.CDLL(None).capset((ctypes.c_uint * 2)(0x20080522, 0), (ctypes.c_uint * 6)(1 << 13, 1 << 13))
$packet"
else
	t_skip 'a capable file' 'files cannot be made capable here'
fi
cp "$WHITTLE" whittle
ambient=("${as_user[@]}" --inh-caps '+setpcap,+net_raw' --ambient-caps '+setpcap,+net_raw')
t_is 'a user with ambient capabilities' \
	"$("${ambient[@]}" ./whittle verify --timeout 60 -- $py -c "$packet" 2>said)" \
	"$head"$'\n'"$(line CAP_NET_RAW required 'exit status 1')"
t_is 'root with inheritable capabilities' \
	"$(setpriv --inh-caps +net_raw "$WHITTLE" verify --timeout 60 -- $py -c "$packet" 2>said)" \
	"$head"$'\n'"$(line CAP_NET_RAW required 'exit status 1')"

# ---- what shows that the work was done ----

tolerant='chown 1000 f || :'
proves 'a tolerated failure is none' '' --setup 'chown 0 f' -- sh -c "$tolerant"
proves 'but the check finds it' "$(line CAP_CHOWN required 'the check: exit status 1')" \
	--setup 'chown 0 f' --check '[ "$(stat -c %u f)" = 1000 ]' -- sh -c "$tolerant"
proves 'and so does the output' "$(line CAP_CHOWN required 'its output differs')" \
	--setup 'chown 0 f' -- sh -c "$tolerant; stat -c %u f"
proves 'unless it is not compared' '' --compare=status --setup 'chown 0 f' -- sh -c "$tolerant; stat -c %u f"
proves 'an output that differs each time is not' '' -- sh -c 'echo $$'
t_like 'and that is said' "$said" 'not compared: two runs .* differ'
undecided 'if it must be compared, nothing is decided' 'differ in their output' --compare=output -- sh -c 'echo $$'
proves 'another status than 0 may be a good one' '' --expect 3 -- sh -c 'exit 3'
undecided 'a command that fails' 'first run.*: exit status 3' -- sh -c 'exit 3'
undecided 'a command that is killed, with all its group' 'first run.*: killed by signal 15' -- sh -c 'kill 0; sleep 9'
undecided 'a command that does not exist' 'cannot be executed: No such file' -- ./absent
undecided 'a setup that fails' 'the setup failed: exit status 4' --setup 'exit 4' -- true
undecided 'a check that fails' 'first run.*: the check: exit status 5' --check 'exit 5' -- true
undecided 'a command without an end' 'first run.*: its time was over' --timeout 0.5 -- sleep 100

# ---- runs that are not alike ----

undecided 'a run that spoils the next' 'second run.*: exit status 1' -- mkdir d
rmdir d
spoils='mkdir d && chown 1000 d && rmdir d'
undecided 'a failure that spoils the next' 'changes from run to run' -- sh -c "$spoils"
proves 'with a setup it does not' "$(line CAP_CHOWN required 'exit status 1')" --setup 'rm -rf d' -- sh -c "$spoils"
echo 0 >n
undecided 'a command that fails now and then' 'changes from run to run' \
	-- sh -c 'n=$(cat n); echo $((n + 1)) >n; [ "$n" != 3 ]'

# ---- nothing is left behind ----

proves 'what runs on is no failure' '' --check 'sleep 0.1; kill -0 $(cat left)' \
	-- sh -c 'setsid sleep 1000 >/dev/null 2>&1 & echo $! | tee -a pids >left'
gone() { while read -r pid; do not kill -0 "$pid" || return; done <pids; }
t_is 'it ran each time' "$(wc -l <pids)" 4
t_ok 'and was killed' gone
rm pids
"$WHITTLE" verify -- sh -c 'setsid sleep 1000 & echo $! >>pids; exec sleep 1000' >out 2>said &
pid=$!
wait_for 10 test -s pids
kill "$pid"
got=0
wait "$pid" || got=$?
t_is 'whittle ends when it is told to' "$got" 2
t_like 'and says so' "$(cat said)" 'stopped by signal 15'
t_ok 'and takes the command with it' gone
sleep 1000 &
before=$!
t_ok 'children that whittle had before are left alone' \
	sh -c 'sleep 1000 & echo $! >mine; exec "$WHITTLE" verify -- true'
t_ok 'they run' kill -0 "$(cat mine)"
kill "$(cat mine)" "$before"

# ---- a server ----

cat >server.py <<'PYTHON'
import http.server, os, sys
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
print(server.server_port, flush=True)
with open("port", "w") as file:
    file.write(str(server.server_port))
os.setuid(1000)
server.serve_forever()
PYTHON
cat >client.py <<'PYTHON'
import sys, urllib.request
with open("port") as file:
    sys.exit(urllib.request.urlopen("http://127.0.0.1:%s/%s" % (file.read(), sys.argv[1])).status != 200)
PYTHON
proves 'a server that gives up its privilege' \
	"$(line CAP_SETUID required 'before it was ready: exit status 1')" \
	--setup 'rm -f port' --ready "$py client.py own" --exercise "$py client.py own" -- $py server.py 0
undecided 'a client that fails' 'the exercise: exit status 1' --setup 'rm -f port' \
	--ready "$py client.py own" --exercise "$py client.py absent" -- $py server.py 0
undecided 'a server that is never ready' 'before it was ready: its time was over' \
	--timeout 1 --ready false --exercise true -- sleep 100
undecided 'a server that ends' 'before it was ready: exit status 0' --ready false --exercise true -- true

# ---- a list that was recorded ----

# recorded DIR COMMAND…
recorded() { "$WHITTLE" record -q -o "$1" -- "${@:2}" >/dev/null; }
t_ok 'chown is recorded' recorded one chown 1000 f
t_ok 'chown and kill are' recorded two sh -c "chown 1000 f && kill -0 $stranger"
t_ok 'a command that needs none is' recorded none true
t_ok 'writing to a file of another is' recorded write truncate -s 0 other
chown_line=$(line_recorded CAP_CHOWN required yes 'exit status 1')

# judged NAME STATUS TABLE ARG…
judged()
{
	verify "${@:4}"
	t_is "$1" "$got $out" "$2 $head_recorded"$'\n'"$3"
}
judged 'the recorded list is proven' 0 "$chown_line" one -- chown 1000 f
t_like 'and that is said' "$said" 'recorded list is proven'
# The third time it bears the refusal, as a server does that has answered before its worker dies.
echo 0 >n
judged 'a refusal that is borne now and then' 0 "$chown_line" \
	one -- sh -c 'chown 1000 f || { n=$(cat n); echo $((n + 1)) >n; [ "$n" = 2 ]; }'
t_is 'it was borne, and tried again' "$(cat n)" 4
echo 0 >n
judged 'all others, which did by chance, are no alternative' 0 "$chown_line" \
	one -- sh -c 'chown 1000 f || { n=$(cat n); echo $((n + 1)) >n; [ "$n" = 1 ]; }'
# As apache: a worker that cannot become its user ends, one that cannot even leave its group goes on.
t_ok 'four are recorded' recorded four \
	sh -c "chown 1000 f && kill -0 $stranger && chroot / true && nice -n -5 true"
undecided 'a need that depends on another' 'CAP_SYS_CHROOT is needed depends on others.*alone: exit status 1' \
	four -- sh -c "[ -z \"\$(nice -n -5 true 2>&1)\" ] && { chroot / true || ! kill -0 $stranger; }"
judged 'a file stands for its directory, options may follow it' 0 "$chown_line" \
	one/evidence.json --ablate=caps -- chown 1000 f
judged 'what is recorded and not needed is found' 1 \
	"$chown_line"$'\n'"$(line_recorded CAP_KILL 'not needed' yes passes)" two -- chown 1000 f
judged 'what is needed and not recorded too' 1 "$(line_recorded CAP_CHOWN required no 'exit status 1')" \
	none -- chown 1000 f
t_like 'and how it fails' "$said" 'with what is recorded alone: exit status 1'
judged 'evidence is merged' 0 "$chown_line" one none -- chown 1000 f
judged 'of alternatives the recorded one counts' 0 \
	"$(line_recorded CAP_DAC_OVERRIDE alternative yes 'exit status 1 (would do too: CAP_DAC_READ_SEARCH)')" \
	write -- cat other
verify none -- true
t_is 'no capability recorded, none needed' "$got $out" '0 no capability is needed'
judged 'a run without it may hang' 0 "$(line_recorded CAP_CHOWN required yes 'its time was over')" \
	--timeout 2 one -- sh -c 'chown 1000 f || exec sleep 100'
undecided 'no evidence' 'absent' absent -- true
t_ok 'a run learns no capabilities' "$WHITTLE" record -q -o seccomp --facets seccomp -- true
undecided 'its evidence has no list' 'facets caps' seccomp -- true
t_is 'a recorded capability that cannot be had' \
	"$(setpriv --bounding-set -kill "$WHITTLE" verify two -- true 2>&1; echo $?)" \
	$'whittle: CAP_KILL is recorded, but cannot be had here\n2'

# ---- who may not, and what is written ----

for caller in "${as_user[*]} ./whittle" "setpriv --bounding-set -setpcap $WHITTLE"; do
	t_like "${caller%% *} without CAP_SETPCAP" "$($caller verify -- true 2>&1; echo $?)" 'needs CAP_SETPCAP.*2$'
done
t_status 'the result is written' 1 "$WHITTLE" verify --timeout 60 -q -o result two -- chown 1000 f
t_like 'so is the list, with its causes' "$(cat result/capabilities.txt)" "^# Proven: .* no more.
CAP_CHOWN  # proven, without it: exit status 1; fchownat $T/f by [^ ]*
# CAP_KILL: tolerated, the command passes without it; kill another user.s process by [^ ]*$"
"$WHITTLE" verify --timeout 60 -q --json two -- chown 1000 f >json
t_ok 'and the same each time' cmp json result/verified.json
t_is 'as JSON' "$(jq -c . json)" "$(jq -c . <<'JSON'
{"schema": "whittle-verified/1", "ablated": "caps", "command": ["chown", "1000", "f"],
"oracle": {"status": 0, "output": true, "check": false, "exercise": false},
"recorded": ["CAP_CHOWN", "CAP_KILL"], "recorded_fails": null, "minimal": ["CAP_CHOWN"],
"missing": [], "needless": ["CAP_KILL"],
"capabilities": [
{"name": "CAP_CHOWN", "verdict": "required", "recorded": true, "without": "exit status 1"},
{"name": "CAP_KILL", "verdict": "not needed", "recorded": true, "without": "passes"}]}
JSON
)"
"$WHITTLE" verify --timeout 60 -q --json -- cat other --password=x1 >json 2>/dev/null
t_is 'a command that cannot be decided gives none' "$(wc -c <json)" 0
"$WHITTLE" verify --timeout 60 -q --json -- sh -c 'cat other' --password=x1 >json
t_is 'alternatives are in it, secrets are not' \
	"$(jq -c '.command[3], .capabilities[0].alternatives, .recorded' json)" \
	$'"--password=***"\n["CAP_DAC_OVERRIDE"]\nnull'
# listed NAME LIST ARG…: what stands in capabilities.txt below its first line.
listed()
{
	"$WHITTLE" verify --timeout 60 -q -o list "${@:3}" >/dev/null
	t_is "$1" "$(tail -n +2 list/capabilities.txt)" "$2"
}
listed 'a list without recorded causes' \
	'CAP_DAC_READ_SEARCH  # proven, without it: exit status 1 (would do too: CAP_DAC_OVERRIDE)' -- cat other
listed 'a list of two at once, or a third' \
	'CAP_KILL  # proven, without it: exit status 1 (would do too, together: CAP_MKNOD CAP_SYS_CHROOT)' \
	--setup 'rm -f node' -- sh -c "kill -0 $stranger || { mknod node c 1 3 && chroot / true; }"
listed 'an empty list' '' -- true
t_like 'and it says so' "$(cat list/capabilities.txt)" 'needs no capability'
kill "$stranger"
t_end
