#!/usr/bin/env bash
# Real programs, and those that use seccomp themselves, under each engine: the same outcome as alone, and
# in the evidence, all that a policy needs, the same as with every call looked at. Then what is said of
# what a filter hides.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib-engine.sh"
t_init
t_have jq || t_skip_all "$t_missing is not installed"
engine_have exact || t_skip_all "no engine to compare: $(head -n 1 "$T/engine-why")"
engine_list learned known notify notify-known
chmod 0755 "$T"
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin # no wrappers in somebody's home
export PATH GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' HOME=$T/home
mkdir "$HOME"
own=$WORKLOADS/engine_own storm=$WORKLOADS/engine_storm

# within DIR COMMAND…: in a fresh copy of $fixture, always of the same name
within()
{
	local name=$1

	shift
	rm -rf "$T/work"
	cp -r "$T/fixture" "$T/work"
	(cd "$T/work" && exec timeout -s KILL 120 "$@") >"$T/$name.out" 2>"$T/$name.err" </dev/null
}

# record NAME ENGINE COMMAND…: its evidence is in $T/NAME
record()
{
	local name=$1 engine=$2
	local -a options

	shift 2
	mapfile -t options < <(engine_options "$engine" "$T/exact1/evidence.json")
	within "$name" "$WHITTLE" record -q --expect "$expect" -o "$T/$name" --replace "${options[@]}" -- "$@"
}

# said ENGINE: what it cannot see of a workload's own use of seccomp is in the evidence
said()
{
	jq -e '.runs[0].limitations |
		has("own-refusals") or has("own-listener") or has("strict-mode-refused")' "$T/$1/evidence.json"
}

# same_evidence ENGINE COMMAND…: what differs is compared with more exact runs before it counts: what
# one run has and another has not varies by itself.
same_evidence()
{
	local engine=$1 known='' run
	local -a runs=("$T/exact1/evidence.json" "$T/exact2/evidence.json")

	shift
	case $engine in *known) known=$T/exact1/evidence.json ;; esac
	engine_compare "$engine" "$T/$engine/evidence.json" "$known" "${runs[@]}" >"$T/difference" && return
	! said "$engine" >/dev/null || return 0
	for run in exact3 exact4 exact5 exact6; do
		[ -e "$T/$run/evidence.json" ] || record "$run" exact "$@"
		runs+=("$T/$run/evidence.json")
	done
	engine_compare "$engine" "$T/$engine/evidence.json" "$known" "${runs[@]}" >"$T/difference" && return
	cat "$T/difference"
	return 1
}

# compare NAME COMMAND…: alone, exactly, and under each engine
compare()
{
	local name=$1 engine status

	shift
	rm -rf "$T"/exact?
	expect=0
	within plain "$@" || expect=$?
	record exact1 exact "$@"
	record exact2 exact "$@"
	for engine in "${engines[@]}"; do
		status=0
		record "$engine" "$engine" "$@" || status=$?
		if [ "$status" -eq "$expect" ] && { [ -n "${VARIES-}" ] || cmp -s "$T/plain.out" "$T/$engine.out"; }; then
			t_pass "$name, $engine: the same outcome"
		else
			{ echo "status $status, alone $expect"
			diff "$T/plain.out" "$T/$engine.out"
			cat "$T/$engine.err"; } >"$T/difference"
			t_fail "$name, $engine: the same outcome" "$T/difference"
		fi
		t_ok "$name, $engine: the same facts" same_evidence "$engine" "$@"
		t_ok "$name, $engine: complete" jq -e '.runs[0] | .complete and .losses == {}' "$T/$engine/evidence.json"
	done
}

# ---- real programs ----

mkdir "$T/fixture"
cat >"$T/fixture/hello.c" <<'C'
#include <stdio.h>
int answer(void);
int main(void) { return printf("%d\n", answer()) < 0; }
C
echo 'int answer(void) { return 42; }' >"$T/fixture/answer.c"
cat >"$T/fixture/work.py" <<'PYTHON'
import json, os, socket, sqlite3, subprocess, threading
def work(number):
    for i in range(100):
        os.stat("work.py")
    with open("file%d" % number, "w") as file:
        file.write(json.dumps(list(range(number))))
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
for t in threads: t.start()
for t in threads: t.join()
print(subprocess.run(["sh", "-c", "cat file2; exit 3"], capture_output=True))
server = socket.socket()
server.bind(("127.0.0.1", 0))
a, b = socket.socketpair()
os.rename("file1", "renamed")
os.unlink("file0")
PYTHON
cat >"$T/fixture/work.sh" <<'SH'
for i in 1 2 3 4 5 6 7 8; do
	seq $i 100 | sort -r | uniq -c | head -n 2
	echo $i >>log
	[ -e "none$i" ] || test -r log
done
(cd / && pwd) && mkdir -p a/b/c && mv log a/b && rm -r a
awk 'BEGIN { for (i = 0; i < 100; i++) print i > "numbers" }' && wc -l <numbers
SH
cat >"$T/fixture/work.pl" <<'PERL'
for my $i (0 .. 60) { open(my $file, '>', "f" . $i % 4) or die; print $file $i; close $file; -e "f$i"; }
opendir(my $dir, '.'); print join(' ', sort readdir $dir), "\n";
my $pid = fork; if ($pid == 0) { exec 'true' } waitpid $pid, 0; print `echo $?`; unlink 'f0'; kill 0, $$;
PERL
for i in $(seq 40); do
	mkdir -p "$T/fixture/tree/d$((i % 7))"
	echo "$i" >"$T/fixture/tree/d$((i % 7))/f$i"
done

# program NAME NEEDED COMMAND…
program()
{
	local name=$1 needed=$2

	shift 2
	if t_have "$needed"; then compare "$name" "$@"; else t_skip "$name" "$needed is not installed"; fi
}

program python3 /usr/bin/python3 /usr/bin/python3 work.py
program gcc gcc sh -c 'gcc -O1 -c hello.c && gcc -O1 -c answer.c && gcc -o hello hello.o answer.o && ./hello'
program git git sh -c 'git init -q && git add . && git -c user.name=n -c user.email=e commit -qm m &&
	echo more >>hello.c && git --no-optional-locks status --short && git diff --stat && git log --format=%H'
program find find find tree -name 'f*' -newer hello.c -o -type d -size +0
program tar tar sh -c 'tar -czf t.gz tree && gzip -t t.gz && mkdir x && tar -C x -xf t.gz && ls x/tree/d1'
program sqlite3 sqlite3 sqlite3 base.db 'create table t(a); begin; insert into t values(1),(2); commit;
	update t set a = a + 1; select sum(a) from t; vacuum;'
program bash bash bash work.sh
program perl perl perl work.pl
program dd dd dd if=/dev/zero of=zeros bs=1 count=3000 status=none
VARIES=1
# shellcheck disable=SC2016 # the inner shell's
program redis redis-benchmark sh -c 'redis-server --port 0 --unixsocket s --save "" --daemonize no >/dev/null &
	sleep 0.1; until redis-cli -s s ping >/dev/null 2>&1; do sleep 0.1; done
	redis-benchmark -s s -n 500 -c 4 -t set,get -q >/dev/null; redis-cli -s s shutdown nosave'
VARIES=

# ---- looks at names, of which most are not followed again ----

all=("${engines[@]}")
engines=()
for engine in learned known; do
	case " ${all[*]} " in *" $engine "*) engines+=("$engine") ;; esac
done
for kind in nothing chmod fchmod rename symlink last chdir chroot setfsuid child thread process inspect linkless drop attributes; do
	compare "looks, $kind" "$WORKLOADS/looks" new "$kind" 20 90 # so few of its calls that it is not watched
done
for kind in nothing chmod rename symlink inspect linkless drop attributes; do # so many that they are watched
	compare "many looks, $kind" "$WORKLOADS/looks" new "$kind" 60
done
expect=0
record late learned "$WORKLOADS/looks" new late 60
t_ok 'learned: looks at processes that were let run are said' jq -e \
	'.ptraces == [] and .runs[0].limitations["links-unwatched"] == 1' "$T/late/evidence.json"
engines=("${all[@]}")

# ---- those that use seccomp themselves ----

run() { jq -r ".runs[0].$1" "$T/$2/evidence.json"; }
# What notify cannot do for them it says: it never sees what their filters refuse (they outrank it), and
# a process has one listener, so that they cannot have their own.
all=("${engines[@]}")
engines=()
for engine in "${all[@]}"; do
	case $engine in notify*) ;; *) engines+=("$engine") ;; esac
done
for kind in query errno trap trace tsync strict stacked listener; do
	compare "own $kind, at once" "$own" "$kind" 2
	compare "own $kind, later" "$own" "$kind" 150
done
said()
{
	jq -e '.runs[0].limitations | keys | any(startswith("own-") or . == "strict-mode-refused")' \
		"$T/notify/evidence.json"
}
same_or_said()
{
	cmp "$T/plain.out" "$T/notify.out" || said
}
for kind in query errno trap trace tsync strict stacked listener; do
	case " ${all[*]} " in *' notify '*) ;; *) break ;; esac
	expect=6
	within plain "$own" "$kind" 20
	record exact1 exact "$own" "$kind" 20
	record notify notify "$own" "$kind" 20
	t_is "own $kind, notify: its status" "$?" 6
	t_ok "own $kind, notify: the same outcome, or it is said" same_or_said
	if ! said notify >/dev/null; then
		t_ok "own $kind, notify: the same facts, or it is said" \
			engine_compare notify "$T/notify/evidence.json" '' "$T/exact1/evidence.json"
	fi
done

case " ${all[*]} " in
*' notify '*)
	record notify notify "$own" probe 20
	t_is 'own probe, notify: no filter comes of it: no limitation' "$(run limitations notify)" '{}' ;;
esac

# ---- what is said ----

expect=0
# attribution NAME PROGRAM
attribution()
{
	jq -r --arg program "$2" '[.programs[] | select(.path == $program) | .attribution] | unique | join(",")' \
		"$T/$1/evidence.json"
}
expect=7
record one learned "$storm" execs 1
record two learned "$storm" execs 2
record exact1 exact "$storm" execs 2
t_is 'learned: the run says so' "$(run filter one)" learned
t_is 'exact: no filter' "$(run filter exact1)" none
t_is 'a program that no other has taught: its attribution is complete' "$(attribution one "$storm")" complete
t_like 'a program executed under a filter: incomplete' "$(attribution two "$storm")" incomplete
t_is 'exact: complete' "$(attribution exact1 "$storm")" complete
record dead known "$storm" execs 2
t_like 'known: the run says so' "$(run filter dead)" known
t_is 'known: incomplete' "$(attribution dead "$storm")" incomplete

# counts EVIDENCE CALL: of the run
counts() { jq -r --arg name "$2" '[.syscalls[] | select(.name == $name) | .counts[]] | unique | join(",")' \
	"$T/$1/evidence.json"; }
record exact1 exact "$storm" timer 1000
record other known "$storm" locked 1000
t_is 'known: a call that came no more is carried' "$(counts other setitimer)" carried
t_is 'known: a call that was let run is carried' "$(counts other lseek)" carried
t_like 'known: a call that was not known is recorded' "$(counts other mlockall)" '^[0-9]+$'
t_ok 'known: so is its path' jq -e --arg program "$storm" 'any(.execs[]; .path == $program)' \
	"$T/other/evidence.json"
within checked "$WHITTLE" record -q --expect 7 -o "$T/checked" --replace --known "$T/exact1/evidence.json" \
	--recheck lseek,setitimer -- "$storm" locked 1000
t_like '--recheck: a call that came is seen' "$(counts checked lseek)" '^[0-9]+$'
t_is '--recheck: one that did not is no longer there' "$(counts checked setitimer)" ''
t_is '--recheck: others are carried' "$(counts checked getppid)" carried

expect=0
# shellcheck disable=SC2016 # the inner shell's
twice='"$0" timer 2000 && { [ -z "$1" ] || "$0" timer 2000; }'
record one learned sh -c "$twice" "$storm" ''
record two learned sh -c "$twice" "$storm" again
t_ok 'learned: a program that was met before is let run at once' \
	test "$(counts two lseek)" -le $(($(counts one lseek) + 8))
t_is 'learned: its attribution is complete' "$(attribution two "$storm")" complete

# An interpreter loads its modules, by calls that are known soon, before its work begins.
if t_have python3; then
	record loads learned python3 -c 'import json, re, socket, subprocess
ends = socket.socketpair()
for i in range(3000): ends[0].send(b"x"); ends[1].recv(1)'
	t_ok 'learned: the work of an interpreter is let run' test "$(counts loads recvfrom)" -le 300
else
	t_skip 'learned: the work of an interpreter is let run' 'has no python3'
fi

# One that makes few calls is let run if it is run again and again. The program of its filter is
# written below its stack, for a moment.
below=$WORKLOADS/below_stack
# shellcheck disable=SC2016 # the inner shell's
often='i=0; while [ $i -lt 12 ]; do "$0" || exit; i=$((i + 1)); done'
record exact1 exact sh -c "$often" "$below"
record brief learned sh -c "$often" "$below"
t_is 'learned: a program that is run again and again has its filter from the fourth time on' \
	"$(paste -sd ' ' "$T/brief.out")" '0 0 0 1 1 1 1 1 1 1 1 1'
t_ok 'learned: what it does then teaches the same' engine_compare learned \
	"$T/brief/evidence.json" '' "$T/exact1/evidence.json"
t_is 'learned: its attribution is complete' "$(attribution brief "$below")" complete

# The child that keeps the kernel's watch for a next run keeps nothing else.
t_ok 'the end of a run releases its directory' flock -n "$T/brief" true

# shellcheck disable=SC2016 # the inner shell's
script='for i in 1 2 3 4 5 6 7 8 9 10; do [ -r hello.c ]; read line <hello.c; done; eval "$1"'
record exact1 exact sh -c "$script" sh :
record more known sh -c "$script" sh 'mkdir made; read line <answer.c; umask 077; kill -CONT $$'
t_like 'known: one more call' "$(counts more mkdir)" '^[0-9]+$'
t_is 'known: one more path' "$(jq -r --arg path "$T/work/answer.c" '.paths[] | select(.path == $path) |
	"\(.access) \(.counts[])"' "$T/more/evidence.json")" 'read 1'
t_is 'known: one more signal' "$(jq -r '.signals[] | "\(.name) \(.counts[])"' "$T/more/evidence.json")" 'cont 1'

# ---- privileges ----

if [ "$(id -u)" -ne 0 ] || ! t_have setpriv; then
	t_skip 'set-id programs, other users' 'is not root, or has no setpriv'
	t_end
fi
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
cp "$(command -v id)" "$T/fixture/id"
chmod 4755 "$T/fixture/id"
cp -p "$T/fixture/id" "$T/id"
for engine in exact "${all[@]}"; do
	record setuid "$engine" "$own" exec 200 "${nobody[@]}" "$T/id" -u
	t_is "$engine: a set-uid program has its privilege behind a filter" "$(tail -n 1 "$T/setuid.out")" 0
done
rm "$T/fixture/id"

# The kernel ends the watch of what becomes set-id: looks that are let run need a capability there.
install -d -o 65533 -m 0700 "$T/shut"
touch "$T/shut/file"
install -m 4755 /usr/bin/test "$T/test"
# shellcheck disable=SC2016 # the inner shell's
looks='i=0; while [ $i -lt 200 ]; do [ -e hello.c ] && i=$((i + 1)); done; exec "$@"'
looking=(sh -c "$looks" sh "${nobody[@]}" "$T/test" -e "$T/shut/file")
record exact1 exact "${looking[@]}"
for engine in learned known; do
	case " ${all[*]} " in *" $engine "*) ;; *) continue ;; esac
	record watched "$engine" "${looking[@]}"
	t_ok "$engine: a set-uid program that is executed under watch is watched" engine_compare "$engine" \
		"$T/watched/evidence.json" "$([ "$engine" = learned ] || echo "$T/exact1/evidence.json")" \
		"$T/exact1/evidence.json"
done
# shellcheck disable=SC2016 # the inner shell's
many='i=0; while [ $i -lt 40 ]; do "$@" || exit; i=$((i + 1)); done'
within many bash -c 'ulimit -n 40; exec "$@"' bash "$WHITTLE" record -q -o "$T/many" --replace -- \
	sh -c "${looks%exec*}$many" sh "${nobody[@]}" "$T/test" -e /etc/passwd
t_is 'learned: many of them: its status' "$?" 0
t_ok 'learned: many of them: descriptors of those that ended are used again' jq -e \
	'.runs[0] | .complete and .losses == {}' "$T/many/evidence.json"
# What drops its privileges can take no filter any more: it gets one at that call.
cat >"$T/fixture/worker.py" <<'PYTHON'
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind("socket")
server.listen()
if os.fork() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    a, b = socket.socketpair()
    for i in range(3000):
        a.send(b"x")
        b.recv(1)
    os._exit(0)
sys.exit(os.wait()[1] >> 8)
PYTHON
engines=()
for engine in learned known; do
	case " ${all[*]} " in *" $engine "*) engines+=("$engine") ;; esac
done
if "${nobody[@]}" test -x "$own"; then
	expect=0
	compare 'drops its privileges' "${nobody[@]}" sh -c 'for i in 1 2 3 4; do id -u; ls / >/dev/null; done'
	compare 'a worker that drops its privileges' /usr/bin/python3 worker.py
	compare 'loses them as it executes' setpriv --bounding-set=-sys_admin sh -c 'id -u; ls / >/dev/null'
	t_is 'loses them as it executes: a filter before' "$(run filter learned)" learned
	for kind in query probe errno trap trace strict listener stacked; do
		compare "own $kind, behind dropped privileges" "${nobody[@]}" "$own" "$kind" 20
	done
	record dropped learned "${nobody[@]}" dd if=/dev/zero of=/dev/null bs=1 count=3000 status=none
	t_is 'dropped privileges: a filter before' "$(run filter dropped)" learned
	t_ok 'dropped privileges: nothing runs unreported' jq -e \
		'all(.programs[]; .attribution == "complete")' "$T/dropped/evidence.json"
else
	t_skip 'dropped privileges' 'the build cannot be reached by others than root'
fi
engines=("${all[@]}")
if "${nobody[@]}" test -x "$WHITTLE" -a -x "$own"; then
	mkdir -m 0777 "$T/theirs"
	(cd "$T/theirs" && exec "${nobody[@]}" "$WHITTLE" record -o "$T/theirs/out" --expect 6 -- "$own" query 200) \
		>"$T/theirs.out" 2>"$T/theirs.err"
	t_is 'not root: its status' "$?" 6
	t_is 'not root: a filter was learned' "$(jq -r '.runs[0].filter' "$T/theirs/out/evidence.json")" learned
	t_ok 'not root: no_new_privs is said' grep -q no_new_privs "$T/theirs.err"
	t_ok 'not root: and written' jq -e '.runs[0].limitations["no-new-privs"] == 1' "$T/theirs/out/evidence.json"
	"$own" query 200 >"$T/plain.out"
	t_is 'not root: of seccomp it sees nothing' "$(grep mode "$T/theirs.out")" 'mode: 0'
	(cd "$T/theirs" && exec "${nobody[@]}" "$WHITTLE" record -q -o "$T/theirs/exact" --exact --expect 6 -- \
		"$own" query 200) >"$T/theirs.exact" 2>&1
	"$own" probe 200 >"$T/plain.out"
	(cd "$T/theirs" && exec "${nobody[@]}" "$WHITTLE" record -q -o "$T/theirs/probe" --expect 6 -- "$own" \
		probe 200) >"$T/theirs.probe" 2>&1
	t_ok 'not root: who asks for flags of seccomp is answered as alone' diff "$T/plain.out" "$T/theirs.probe"
	t_is 'not root, exact: no_new_privs is not set' "$(grep privs "$T/theirs.exact")" 'no_new_privs: 0'
	t_ok 'not root, exact: nor said' jq -e '.runs[0].limitations["no-new-privs"] == null' \
		"$T/theirs/exact/evidence.json"
else
	t_skip 'not root' 'the build cannot be reached by others than root'
fi
# ---- what a run changes under itself ----

# in_mounts ENGINE: opens by links of a mount, which refuses to follow them from the 201st on
in_mounts()
{
	local -a options

	mapfile -t options < <(engine_options "$1")
	# shellcheck disable=SC2016 # of the shells inside
	within mounts unshare -m --propagation private sh -c 'mount --bind links links && exec "$@"' sh \
		"$WHITTLE" record -q --expect 1 -o "$T/$1" --replace "${options[@]}" -- bash -c '
			for ((n = 1; n <= 200; n++)); do : <links/link$n; done
			mount -o remount,bind,nosymfollow links
			for ((; n <= 205; n++)); do : <links/link$n; done'
	jq -r '.paths[] | select(.path | contains("/links/file")) | .path' "$T/$1/evidence.json" | sort
}

if [ "$(id -u)" -eq 0 ] && t_have unshare mount && mkdir "$T/links" &&
	unshare -m --propagation private sh -c 'mount --bind "$1" "$1" &&
		mount -o remount,bind,nosymfollow "$1" && grep -q nosymfollow /proc/self/mountinfo' sh "$T/links"; then
	mkdir "$T/fixture/links"
	for n in {1..205}; do
		: >"$T/fixture/links/file$n"
		ln -s "file$n" "$T/fixture/links/link$n"
	done
	in_mounts exact >"$T/exact.paths"
	in_mounts learned >"$T/learned.paths"
	t_is 'exact: a mount refuses links from some time on' "$(wc -l <"$T/exact.paths")" 200
	t_ok 'learned: no open by a link is foretold from then on' diff "$T/exact.paths" "$T/learned.paths"
	t_ok 'but before it is' jq -e '.runs[0].limitations.foretold > 100' "$T/learned/evidence.json"
	rm -r "$T/fixture/links"
else
	t_skip 'a mount that refuses links' 'needs root, and a mount(8) and kernel with nosymfollow'
fi

# ---- how they report ----

# told WORD: how many "stops" or "notifications" the engine told of
told()
{
	sed -n "s/.*engine: ptrace.* \([0-9]*\) $1\>.*/\1/p" "$T/told.err"
}

# notifications ENGINE [COMMAND…]: how many of the calls of a process that has a filter came without a stop
notifications()
{
	local -a options

	[ $# -gt 1 ] || set -- "$1" "$storm" timer 3000
	mapfile -t options < <(engine_options "$1" "$T/learned/evidence.json")
	within told "$WHITTLE" record -v --expect "$expect" -o "$T/$1" --replace "${options[@]}" -- "${@:2}"
	told notifications
}

expect=7
# A listener that waits for no signal is Linux 5.19; what a signal interrupts can be mended on x86_64.
if [ "$(uname -m)" != x86_64 ] || ! printf '5.19\n%s\n' "$(uname -r)" | sort -C -V; then
	t_skip 'looks at names are notified' "$(uname -sr), $(uname -m)"
else
	t_like 'learned: looks at names are notified' "$(notifications learned)" '^[1-9]'
	t_like 'known: so they are' "$(notifications known)" '^[1-9]'
	expect=6
	record exact1 exact "$own" probe 200
	t_ok 'known: so they are behind a question of libseccomp, which asks for a listener without a program' \
		test "$(notifications known "$own" probe 200)" -ge 400 # opens: 200 before it, 200 behind
	expect=0
	bytes=(dd if=/dev/zero of=/dev/null bs=1 count=3000 status=none)
	t_ok 'dropped privileges: all calls are' test "$(notifications learned "${nobody[@]}" "${bytes[@]}")" -ge 6000
	t_ok 'a worker that drops its privileges: those are that its server did not make' \
		test "$(notifications learned /usr/bin/python3 worker.py)" -ge 6000
	# readlink(2) of 300 names that are missing, and of 900 that are no links; src/observe/filesystem.c
	cat >"$T/fixture/attributes.py" <<'PYTHON'
import os
for name in ["/usr", "/usr/bin", "/etc/passwd"] * 300:
    try:
        os.getxattr(name, "security.whittle")
    except OSError:
        pass
PYTHON
	case $(stat -f -c %T "$T") in
	btrfs | ext2/ext3 | overlayfs | tmpfs | xfs)
		notifications learned "$WORKLOADS/looks" new linkless 300 >/dev/null
		notifications known "$WORKLOADS/looks" new linkless 300 >/dev/null
		t_ok 'known: links that were looked for and not there stop nothing' test "$(told stops)" -lt 200
		# below a directory that was just made, so that what it grants is not remembered
		notifications learned "$WORKLOADS/looks" new attributes 300 >/dev/null
		notifications known "$WORKLOADS/looks" new attributes 300 >/dev/null
		t_ok 'known: attributes of new files that are not there stop nothing' test "$(told stops)" -lt 200
		notifications learned /usr/bin/python3 attributes.py >/dev/null
		notifications known /usr/bin/python3 attributes.py >/dev/null
		t_ok 'known: attributes that were asked for and not there stop nothing' test "$(told stops)" -lt 200
		;;
	*) t_skip 'known: what was looked for and not there stops nothing' "$T is on no plain file system" ;;
	esac
	expect=7
fi
t_is 'exact: all calls are stopped' "$(notifications exact)" 0

# site ENGINE [OPTION…]: the call stack of a call that comes for the first time once there is a filter
site()
{
	local -a options

	mapfile -t options < <(engine_options "$1")
	within site "$WHITTLE" record -q -o "$T/site" --replace "${options[@]}" "${@:2}" -- \
		bash -c 'for ((n = 0; n < 200; n++)); do : </dev/null; done; cd /usr; cd /'
	jq -r '.sites[] | select(.name == "chdir") | .frames' "$T/site/evidence.json"
}
t_like 'exact: a call site is the whole stack' "$(site exact)" ';.*;'
t_is 'learned: so it is where the call is notified' "$(site learned)" "$(site exact)"
t_is 'but not if nobody wants it' "$(site learned --no-stacks)" ''

# Two programs whose functions stand at the same addresses, with frames of another size, take turns.
cat >"$T/room.c" <<'C'
#include <unistd.h>
static void __attribute__((noinline)) inner(int turn)
{
	volatile char room[ROOM];

	room[0] = (char)turn;
	if (turn)
		getppid();
	else
		getuid();
	room[1] = 0;
}
int main(void)
{
	for (int turn = 0; turn < 2; turn++) {
		inner(turn);
		usleep(20000);
	}
	return 0;
}
C
# how many calls of the two have their whole stack
rooms()
{
	within rooms "$WHITTLE" record --exact -q -o "$T/rooms" --replace -- setarch -R \
		sh -c "'$T/small' & sleep 0.01; '$T/large'; wait"
	jq -r --arg t "$T/" '.sites[] | select((.name | IN("getppid", "getuid")) and (.program | startswith($t)))
		| .frames' "$T/rooms/evidence.json" | grep -c '(inner);.*(main);.*(_start)'
}
if ! cc -O1 -fno-stack-protector -DROOM=400 -o "$T/small" "$T/room.c" 2>"$T/told.out" ||
	! cc -O1 -fno-stack-protector -DROOM=4000 -o "$T/large" "$T/room.c" ||
	! setarch -R true; then
	t_skip 'what is known of an address is that of its process' 'no compiler, or no setarch -R'
else
	chmod 755 "$T/small" "$T/large"
	t_is 'what is known of an address is that of its process' "$(rooms)" 4
fi

# names_read: how often the names of the kernel's functions are read, which takes longer than a small program
names_read()
{
	strace -o "$T/opens" -e trace=openat "$WHITTLE" record -q -o "$T/names" --replace -- ls -l / >"$T/told.out" 2>&1
	grep -c /proc/kallsyms "$T/opens"
}

# reports_left: how often whittle slept for the next SIGCHLD without having heard that no report is left;
# "none" if it never slept for one
reports_left()
{
	local -a options

	"$WHITTLE" record -q -o "$T/names" --replace -- sh -c 'true; ls /etc; ls /' >"$T/told.out" 2>&1
	mapfile -t options < <(engine_options known "$T/names/evidence.json")
	strace -o "$T/waits" -e trace=wait4,ppoll "$WHITTLE" record -q -o "$T/known" --replace "${options[@]}" -- \
		sh -c 'true; ls /etc; ls /' >"$T/told.out" 2>&1
	awk '/^wait4\(/ { left = !/ = (0|-1)/ }
		/^ppoll\(/ { sleeps++; count += left }
		END { print sleeps ? count + 0 : "none" }' "$T/waits"
}

if t_have strace; then
	t_is "learned: no program's memory makes whittle look up names of the kernel" "$(names_read)" 0
	left=$(reports_left)
	if [ "$left" = none ]; then
		t_skip 'known: no report is left behind' 'nothing is notified here'
	else
		t_is 'known: no report is left behind where SIGCHLD is waited for' "$left" 0
	fi
else
	t_skip 'no look at names of the kernel, no report left behind' "$t_missing is not installed"
fi

# sources COMMAND…: how it is known that unshare(1) needs CAP_SYS_ADMIN
sources()
{
	"$WHITTLE" record -q -o "$T/names" --replace -- "$@" >"$T/told.out" 2>&1
	jq -r '.capabilities[] | select(.syscall == "unshare") | .source' "$T/names/evidence.json" | paste -sd' '
}

if [ "$(sources unshare -m true)" != 'inferred measured' ]; then
	t_skip 'what is asked for is measured behind a filter' 'the kernel does not tell here'
else
	# Their rings are full some thirty times. A question of which the kernel's functions are to be looked up
	# takes whittle a while, for the first time.
	within asks "$WHITTLE" record -q -o "$T/asks" --replace -- "$WORKLOADS/looks" new asks 60
	t_ok 'what is asked for without end is heard before the ring is full' \
		jq -e '.runs[0].losses["capability-events"] // 0 | . < 8' "$T/asks/evidence.json"
	t_is 'what is asked for is measured behind the filter of another program' \
		"$(sources sh -c 'ls -lR /usr/share/doc >/dev/null; unshare -m true')" 'inferred measured'
fi
t_end
