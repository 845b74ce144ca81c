#!/usr/bin/env bash
# Two runs that did the same give the same bytes in every profile, whatever their pids, times and
# address layouts were; and the order in which evidence is merged does not matter.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1
# Here as anywhere: of names in a directory that all share no prefix is told.
mkdir -m 1777 shared && export TMPDIR=$T/shared
mkdir work

profiles='policy.json seccomp.json capabilities.txt apparmor.profile'

# same FILE: in both runs. Whether threads met at a lock is luck, and policy.json says who called futex.
same()
{
	diff <(grep -v '"name": "futex"' "first/$1") <(grep -v '"name": "futex"' "second/$1")
}

# twice NAME COMMAND…: records it twice, in the same circumstances
twice()
{
	local name=$1 run file

	shift
	for run in first second; do
		rm -rf work && mkdir work
		"$WHITTLE" record -q -o $run --replace -- "$@" >/dev/null
	done
	for file in $profiles; do
		t_ok "$name: same $file" same "$file"
	done
	for file in oci bpf caps apparmor policy; do
		t_ok "$name: emit $file does not depend on the order of runs" bash -c "
			cmp <($WHITTLE emit $file first second) <($WHITTLE emit $file second first)"
	done
}

twice 'a shell pipeline' sh -c 'cat /proc/self/status /proc/$$/stat | sort | head -3 >work/out'
twice 'threads' "$WORKLOADS/threads" 8
if t_have python3; then
	twice 'python' python3 -c '
import os, socket, subprocess, tempfile, threading
made, name = tempfile.mkstemp()
if os.getuid() == 0: os.chown(name, 1000, 1000)
os.unlink(name)
open("work/file", "w").write(str(os.getpid()))
os.rename("work/file", "work/other")
threading.Thread(target=lambda: open("/proc/thread-self/comm").read()).start()
subprocess.run(["true"])
socket.create_server(("127.0.0.1", 0))'
else
	t_skip 'python' 'python3 is missing'
fi
t_ok 'no pid is in a profile' not grep -rE '/proc/[0-9]+' first second --include='*.profile' \
	--include=policy.json
# In a shared directory all of such a name is made up, whoever makes it: root's names are looked up
# before the call, others' are not.
chmod 711 .
rule() { grep -F "$T/shared/" "$1/apparmor.profile"; }
made="$T/shared/ccXXXXXX.s"
"$WHITTLE" record -q -o own -- mktemp "$made" >/dev/null
t_is 'a temporary file in a shared directory' "$(rule own)" "  owner $T/shared/[0-9A-Za-z_]*.s rw,"
if [ "$(id -u)" -eq 0 ]; then
	install -m 755 "$WHITTLE" whittle
	mkdir -m 777 others
	setpriv --reuid=65534 --clear-groups ./whittle record -q -o others/out -- mktemp "$made" >/dev/null
	t_is 'it is the same of another user' "$(rule others/out)" "$(rule own)"
else
	t_skip 'it is the same of another user' 'needs root'
fi
"$WHITTLE" record -q -o both -- true
cp -r both again
t_ok 'an evidence file is rendered as record rendered it' bash -c "
	cmp <($WHITTLE emit oci both) both/seccomp.json &&
	cmp <($WHITTLE emit apparmor both) both/apparmor.profile &&
	cmp <($WHITTLE emit caps both) both/capabilities.txt"
t_end
