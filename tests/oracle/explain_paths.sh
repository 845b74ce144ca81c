#!/usr/bin/env bash
# `whittle explain --paths` counts what a profile's patterns match. apparmor_parser compiles the same
# profile; the automaton that it made, which is what the kernel matches, is asked of every name in the
# tree. Both must grant the same number.
. "$(dirname "$0")/../lib.sh"
t_init
t_have apparmor_parser python3 jq || t_skip_all "no $t_missing here"
features=/etc/apparmor.d/abi/3.0
[ -r "$features" ] || t_skip_all "no $features here"

# Numbers of processes as the tunables of apparmor_parser 3.0.8 have them; older ones end at six digits.
make_tree()
{
	local pid

	for pid in 1 23 999999 0 01 a1 1a self 5000000 12345678; do
		mkdir -p "$1/proc/$pid/task/$pid" "$1/proc/$pid/task/x" && touch "$1/proc/$pid/stat" || return
	done
	mkdir -p "$1/t/dir" "$1/t/.dirA" "$1/t/Xdir" "$1/t/d.r" "$1/t/é" || return
	touch "$1"/t/{a.x,aB.x,a_.x,a-.x,aB,.aB.x,'#1','#12','#x','#',dir/f,.dirA/f,Xdir/f,d.r/f} "$1/t/a"$'\n'.x \
		"$1"/t/{'a*.x','aZ*.x','a].x'} &&
		mkfifo "$1/t/aF.x" && ln -s / "$1/t/aL.x" && mkdir "$1/t/aD.x"
}

# with PATH…: the evidence of a program that read these.
with()
{
	jq -c --args '.runs[0] as $run | .paths += [$ARGS.positional[] |
		{path: ., access: "read", owner: "owner", program: "/usr/bin/true", target: "", counts: [1]}]' \
		"$@" <"$ROOT/tests/golden/minimal/evidence.json"
}

# agrees: of $T/evidence.json and $T/tree
agrees()
{
	"$WHITTLE" explain --paths --root "$T/tree" "$T/evidence.json" >"$T/explained" || return
	"$WHITTLE" emit apparmor "$T/evidence.json" >"$T/profile" && "$WHITTLE" emit policy "$T/evidence.json" >"$T/policy" &&
		apparmor_parser -Q -K --stdout --kernel-features="$features" "$T/profile" >"$T/profile.bin" || return
	PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/oracle/granted.py" "$T/profile.bin" "$T/policy" "$T/explained" \
		"$T/tree" 10
}

refuses()
{
	local wanted=$1 status=0

	shift
	"$WHITTLE" explain "$@" >"$T/out" 2>"$T/err" || status=$?
	cat "$T/out" "$T/err"
	[ "$status" -eq 2 ] && [ ! -s "$T/out" ] && grep -q -- "$wanted" "$T/err"
}

make_tree "$T/tree" || exit 1
with '/t/a\{random}.x' '/t/\{random}/f' '/proc/\{pid}/stat' '/proc/\{pids}/stat' '/proc/\{pids}/task/\{tid}/' \
	'/t/#\{inode}' '/t/none\{random}' '/t/aB.x' >"$T/evidence.json"
t_ok "as many names as the parser's automaton accepts" agrees
t_is "a name that begins with a dot has no such beginning" "$(grep -c '^ *3  owner /t/\[0-9A-Za-z_\]\*/f r$' "$T/explained")" 1
t_is "a process's number is one" "$(grep -c '^ *3  owner @{PROC}/@{pid}/stat r$' "$T/explained")" 1
t_is "what is gone counts as the one that it was" "$(grep -c '^ *0  owner /t/none' "$T/explained")" 1
t_is "-q prints the figure alone" "$("$WHITTLE" explain --paths -q --root "$T/tree" "$T/evidence.json")" \
	"$(tail -n 1 "$T/explained")"
t_is "without patterns nothing is granted that was not used" \
	"$("$WHITTLE" explain --paths "$ROOT/tests/golden/minimal")" \
	"over-grant: 4 granted / 4 used = 1.00"
t_ok "it works on this system" "$WHITTLE" explain --paths "$T/evidence.json"
t_ok "what is to be explained must be said" refuses '--syscalls or --paths' "$T/evidence.json"
t_ok "and of which evidence" refuses 'which evidence' --paths
t_ok "a root that is not there" refuses 'cannot read the directory' --paths --root "$T/none" "$T/evidence.json"
"$WHITTLE" merge -q -o - "$T/evidence.json" | sed 's/"facets": "[^"]*"/"facets": "seccomp"/' >"$T/calls.json"
t_ok "evidence of calls alone" refuses 'needs the facets' --paths "$T/calls.json"
t_end
