#!/usr/bin/env bash
# --facets, --known, --append, --recheck, --exact: what is learned, what a filter that was known
# before hides, and that the profiles are the same all the same.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1

record()
{
	"$WHITTLE" record "$@"
}

# refused REGEX OPTION…: status 125 and this message, and the command did not run.
refused()
{
	local like=$1 status=0

	shift
	rm -f ran
	record "$@" -- touch ran >/dev/null 2>err || status=$?
	cat err
	[ "$status" -eq 125 ] && [ ! -e ran ] && grep -Eq -- "$like" err
}

# run_field FIELD DIR: what the runs in DIR say, in one line.
run_field()
{
	sed -n 's/^{"id".*"'"$1"'": "\([^"]*\)".*/\1/p' "$2/evidence.json" | sort | paste -sd ' '
}

# has_fact DIR REGEX: is there a line of a fact like this?
has_fact()
{
	grep -Eq "$2" "$1/evidence.json"
}

files()
{
	find "$1" -mindepth 1 -printf '%f\n' | sort | paste -sd ' '
}

# calls_of DIR NAME: how often each run saw that call.
calls_of()
{
	sed -n 's/.*"name": "'"$2"'".*"result".*"counts": \(.*\)}.*/\1/p' "$1/evidence.json"
}

same_profiles()
{
	local target

	for target in oci caps apparmor; do
		cmp <("$WHITTLE" emit "$target" "$1") <("$WHITTLE" emit "$target" "$2") || return 1
	done
}

# ---- facets ----

t_ok 'an unknown facet' refused "not 'seccomp,cap'" --facets seccomp,cap -o none
t_ok 'no facet' refused "not ''" --facets '' -o none
t_ok 'an unknown engine' refused 'auto, ptrace or notify' --engine strace -o none
record -q -o full -- cat /etc/passwd >/dev/null
record -q -o calls --facets seccomp -- cat /etc/passwd >/dev/null
record -q -o looked -- sh -c 'test -e /etc/hostname'
record -q -o stat --facets stat,caps -- sh -c 'test -e /etc/hostname'
t_is 'the evidence says what was to be learned' \
	"$(run_field facets full) $(run_field facets calls) $(run_field facets stat)" \
	'seccomp,caps,paths seccomp seccomp,caps,paths,stat'
t_ok 'paths are learned' has_fact full '"path": "/etc/passwd", "access": "read"'
t_ok 'not with --facets seccomp' not has_fact calls '"access": '
t_ok 'but the same calls' cmp <(grep '"result"' full/evidence.json | sed 's/"counts.*//') \
	<(grep '"result"' calls/evidence.json | sed 's/"counts.*//')
t_ok 'paths that were only looked at, with stat' has_fact stat '"/etc/hostname", "access": "stat"'
t_ok 'not without' not has_fact looked '"access": "(stat|chdir)"'
t_ok 'they make no rule' same_profiles looked stat
t_ok 'the seccomp profile is the same' cmp full/seccomp.json calls/seccomp.json
t_is 'what was not learned is not written' "$(files calls)" \
	'evidence.json policy.json seccomp.json'
record -o said --facets seccomp -- true 2>err
t_ok 'and it is said' grep -q 'did not write apparmor.profile capabilities.txt' err
t_ok 'emit says what to do' bash -c "\"\$WHITTLE\" emit apparmor calls 2>&1 |
	grep -q 'record that run again with --facets seccomp,caps,paths'"

# A profile that would be left from an earlier run.
cksum full/* >before
t_ok 'no stale profile stays' refused 'full holds apparmor.profile of an earlier run' \
	-o full --replace --facets seccomp
t_ok 'nor with --append' refused 'another directory.*or remove' -o full --append --facets seccomp
t_ok 'nothing was touched' cmp before <(cksum full/*)
cp -r full fewer && rm fewer/apparmor.profile fewer/capabilities.txt
t_ok 'removed, it can be' record -q -o fewer --append --facets seccomp -- true
t_is 'what one of the runs lacks is not written' "$(files fewer)" \
	'evidence.json policy.json seccomp.json'

# ---- what is known ----

t_ok '--exact has no use for what is known' refused 'no use for --known' --exact --known full -o none
t_ok 'no such file' refused 'cannot open' --known missing -o none
t_ok 'no evidence' refused 'not evidence|empty|line 1' --known /etc/passwd -o none
sed 's/"machine": "[^"]*"/"machine": "pdp11"/' full/evidence.json >elsewhere.json
t_ok 'another machine' refused 'was recorded on pdp11' --known elsewhere.json -o none
t_ok '--recheck of what is not known' refused '--known or --append' --recheck read -o none
t_ok '--recheck of no call' refused "'reed' is no system call" --recheck read,reed --known full -o none

more='umask 077; i=0; while [ $i -lt 100 ]; do i=$((i + 1)); cat /etc/passwd; done >/dev/null'
record -q -o first -- sh -c "$more"
record -q -o second --known first -- sh -c "$more"
t_is 'the run says so' "$(run_field filter second)" known
t_ok 'what was hidden is carried' has_fact second '"name": "umask", .*"counts": \["carried"\]'
t_ok 'what reports was seen' has_fact second '"name": "execve", .*"counts": \[[0-9]+\]'
t_ok 'the profiles are the same' same_profiles first second
t_ok 'the reason says it' grep -q 'sh: carried, not re-observed' second/policy.json
record -o again --replace --known first -- sh -c "$more" 2>err
t_ok 'and whittle, how many' grep -Eq '\([0-9]+ of them carried, not re-observed\)' err
t_ok 'programs under such a filter are of incomplete attribution' \
	not has_fact second '"attribution": "complete"'
t_ok 'evidence of calls alone is enough' record -q -o third --known calls -- cat /etc/passwd
record -q -o third --replace --known calls -- cat /etc/passwd >/dev/null
t_ok 'for all profiles' same_profiles full third

# New calls, values, files, programs are seen under the filter.
record -q -o new --replace -- sh -c 'true'
change='umask 077; ulimit -n 100; exec ls -l /etc/hostname'
record -q -o plain --exact -- sh -c "$change" >/dev/null
record -q -o changed --known new -- sh -c "$change" >/dev/null
t_ok 'what is new is seen' bash -c 'diff <(grep -oE "\"names?\": \"(umask|prlimit64|statx)\"" plain/policy.json) \
	<(grep -oE "\"names?\": \"(umask|prlimit64|statx)\"" changed/policy.json)'
t_ok 'in the files too' bash -c 'diff <(grep -v "^#" plain/apparmor.profile) changed/apparmor.profile'

# ---- looking again ----

record -q -o less --known first -- sh -c true
t_ok 'what is no longer used is carried' has_fact less '"name": "umask"'
record -q -o checked --known first --recheck umask,read -- sh -c true
t_ok 'looked at again it is gone' not has_fact checked '"name": "umask"'
t_ok 'and what is used was seen' has_fact checked '"name": "read", .*"result": "ok", "counts": \[[0-9]+\]'
t_ok 'the others are carried' has_fact checked '"counts": \["carried"\]'
record -q -o all --known first --recheck all -- sh -c true
t_ok '--recheck all carries nothing' not has_fact all carried
t_is 'and lets nothing run unseen' "$(run_field filter all | sed 's/learned/none/')" none
record -q -o exact -- sh -c 'umask 077'
record -q -o exact --append --exact -- sh -c 'umask 077'
t_like '--exact looks at all' "$(calls_of exact umask)" '^\[[1-9][0-9]*, [1-9][0-9]*\]$'

# --append knows what is there; after ten runs that carried it, the next one looks again.
record -q -o grown -- sh -c 'umask 077'
for _ in 1 2 3 4 5 6 7 8 9 10 11; do
	record -q -o grown --append -- sh -c 'umask 077'
done
t_is 'each run appended carries what it did not look at' \
	"$(calls_of grown umask | grep -o carried | wc -l)" 11
t_ok 'seen once is enough for the reason' not grep -q carried grown/policy.json
record -q -o grown --append -- sh -c 'umask 077'
t_is 'once in a while it is looked at again' \
	"$(calls_of grown umask | grep -oE '[0-9]+' | wc -l)" 2

# ---- what a signal interrupts ----

# Where paths are not learned an open is let run: what it waits for is not whittle.
mkfifo fifo
opens=("$WORKLOADS/interrupted_open" fifo 5)
record -q -o fifo-exact --exact -- "${opens[@]}" >plain.out
t_is 'the open of a FIFO is interrupted' "$(cat plain.out)" '5 of 5 interrupted'
t_is 'and under a filter that lets opens run, known before' "$(timeout -s KILL 60 "$WHITTLE" record -q \
	--facets seccomp --known fifo-exact -o fifo-known -- "${opens[@]}")" '5 of 5 interrupted'
t_is 'and learned' "$(timeout -s KILL 60 "$WHITTLE" record -q --facets seccomp -o fifo-learned -- \
	"${opens[@]}")" '5 of 5 interrupted'
t_end
