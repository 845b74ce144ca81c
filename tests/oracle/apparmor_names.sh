#!/usr/bin/env bash
# Hostile names in AppArmor profiles: 10,000 files whose names are all bytes, patterns, quotes,
# placeholders and rules are recorded and rendered. apparmor_parser must take the profiles; then the
# automata that it made, which are what the kernel matches, are read: their language must be these
# names and no other. The same for links, executables, sockets, mounts and attachments. The names are
# the same in every run (apparmor_names.py).
. "$(dirname "$0")/../lib.sh"

chunks=5 # a profile has 65,535 states at most

t_init
t_have apparmor_parser python3 || t_skip_all "no $t_missing here"
features=/etc/apparmor.d/abi/3.0 # of a kernel that mediates mounts
[ -r "$features" ] || t_skip_all "no $features here"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 7))' || t_skip_all "python3 is too old"
if mount_ns=$(unshare --mount true 2>&1); then mount_ns=yes; fi

judge()
{
	PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/oracle/apparmor_names.py" "$@"
}

# compile IN… OUT
compile()
{
	apparmor_parser -Q -K --stdout --kernel-features="$features" "${@:1:$#-1}" >"${*: -1}"
}

# record CHUNK COMMAND…: the workload, in the directory of the files; COMMAND starts whittle
record()
{
	local chunk=$1

	shift
	cd "$T/files" && "$@" "$WHITTLE" record -q -o "$T/out.$chunk" -- "$WORKLOADS/names" "$T/$chunk.do"
}

# render CHUNK
render()
{
	"$WHITTLE" emit apparmor "$T/out.$1" >"$T/$1.profile" && "$WHITTLE" emit policy "$T/out.$1" >"$T/$1.policy" &&
		"$WHITTLE" emit oci "$T/out.$1" >"$T/$1.oci" && "$WHITTLE" emit caps "$T/out.$1" >"$T/$1.caps"
}

# judge_language files|kinds CHUNK: its figures go to $T/figures
judge_language()
{
	if [ "$1" = kinds ]; then set -- kinds; fi
	judge "$1" "$T" "${@:2}" >"$T/verdict" || { cat "$T/verdict"; return 1; }
	head -n 1 "$T/verdict" >>"$T/figures"
}

# judge_all files|kinds CHUNK [COMMAND…]
judge_all()
{
	local kind=$1 chunk=$2

	shift 2
	t_ok "$chunk: they can be recorded" record "$chunk" "$@"
	t_ok "$chunk: they can be rendered" render "$chunk"
	t_ok "$chunk: apparmor_parser takes the profile" compile "$T/$chunk.profile" "$T/$chunk.bin"
	t_ok "$chunk: it grants what was used and nothing else" judge_language "$kind" "$chunk"
	t_ok "$chunk: no name leaves its place in a profile, policy or list" judge text "$T" "$chunk"
}

# catches SED REGEX: does the judge see what was changed in one rule? In many, patterns would take
# the parser an hour.
catches()
{
	sed "$1" "$T/0.profile" >"$T/control.profile"
	cmp -s "$T/0.profile" "$T/control.profile" && return 1
	cp "$T/0.wanted" "$T/control.wanted"
	compile "$T/control.profile" "$T/control.bin" && ! judge files "$T" control >"$T/verdict" &&
		grep "$2" "$T/verdict"
}

# attached PATH…: a profile each
attached()
{
	local path profiles=()

	for path; do
		profiles+=("$T/attach.${#profiles[@]}.profile")
		"$WHITTLE" emit apparmor --name "n${#profiles[@]}" --attach "$path" "$T/out.0" >"${profiles[-1]}" || return
	done
	apparmor_parser -Q -K --jobs=1 --stdout "${profiles[@]}" >"$T/attach.bin" && judge attached "$T/attach.bin" "$@"
}

# refuses NAME
refuses()
{
	local status=0

	"$WHITTLE" emit apparmor --name "$1" "$T/out.0" >"$T/refused" || status=$?
	[ "$status" -eq 2 ] && [ ! -s "$T/refused" ]
}

# A script of which the interpreter stands in "DIR; /" and is called like a file that it never opens.
interpreter()
{
	mkdir "$T/x; /" "$T/x; /etc" && cp "$WORKLOADS/names" "$T/x; /etc/shadow" &&
		ln -s "x; /etc/shadow" "$T/interpreter" && printf '#!%s\n' "$T/interpreter" >"$T/script" &&
		chmod +x "$T/script" || return
	# names takes the script for what it is to do, and says no
	"$WHITTLE" record -q --expect 101 -o "$T/out.script" -- "$T/script" || [ $? -eq 101 ] || return
	"$WHITTLE" emit apparmor "$T/out.script" >"$T/script.profile" || return
	cat "$T/script.profile"
	grep -F "  \"$T/x\\073\\040/etc/shadow\" mr," "$T/script.profile" && ! grep ' /etc/shadow' "$T/script.profile"
}

judge make "$T" "$chunks" "$WORKLOADS/names" >"$T/made" || { cat "$T/made"; exit 1; }
for ((chunk = 0; chunk < chunks; chunk++)); do
	judge_all files "$chunk"
done
t_figure "$(awk '{ granted += $1; refused += $2; states += $3 }
	END { print granted " names granted by " NR " profiles, " refused " like them refused, " states " states" }' \
	"$T/figures")"

: >"$T/figures"
if [ "$(id -u)" -ne 0 ]; then
	t_skip "links, executables, sockets and mounts" "needs root: it mounts, and changes owners"
elif [ "$mount_ns" != yes ]; then
	t_skip "links, executables, sockets and mounts" "no mount namespace: $mount_ns"
else
	judge_all kinds kinds unshare --mount
	t_figure "$(awk '{ print $1 " names of links, executables and sockets granted, " $2 " like them refused" }' \
		"$T/figures")"
fi

t_ok "a star that is no star is seen" catches '0,/\\052/s/\\052/*/' 'no end of names'
t_ok "a question mark that is none is seen" catches '0,/\\077/s/\\077/?/' 'nobody asked'
t_ok "a name that is left out is seen" catches '0,/^  owner ".* r,$/{//d}' 'wanted 0x'
t_ok "a letter too many is seen" catches '0,/^  owner ".* r,$/s/ r,$/ rk,/' 'wanted 0x4'
t_ok "profiles attach to such a name and no other" attached "$T"/'a b' "$T/"$'new\nline' "$T"/'st*r**' \
	"$T"/'q?' "$T"/'{a,b}' "$T"/'[x]^' "$T"/'@{PROC}' "$T"/'"quote"' "$T"/'back\052' "$T/"$'\xff\xc3' \
	"$T"/'\{pid}' "$T"/'x,' "$T"/'#include <x>' "$T"/'end '
for name in 'a b' $'a\nb' 'a"b' 'a{b' 'a//b' 'a/b' a:b 'a*' '@{x}' .x -x é '' unconfined; do
	t_ok "no profile is called $(printf %q "$name")" refuses "$name"
done
t_ok "an interpreter's name makes no second rule" interpreter
t_end
