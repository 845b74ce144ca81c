#!/usr/bin/env bash
# `whittle explain --syscalls`: whom each call is granted for, which argument rules are void.
# UPDATE=1 rewrites CASE/explain.expect.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$ROOT/tests/golden" || exit 1

explain() { "$WHITTLE" explain --syscalls "$@"; }

matches()
{
	explain -v "$1/evidence.json" >"$T/got" || return
	[ -z "${UPDATE-}" ] || cp "$T/got" "$1/explain.expect"
	diff -u "$1/explain.expect" "$T/got"
}

for case in minimal two-abis; do
	t_ok "$case: as expected" matches "$case"
done

# The filter itself is the judge of the numbers: an entry of its own is what only the runtime needs.
explain two-abis/evidence.json >"$T/table"
t_is "what is for the runtime only" \
	"$(awk '$1 == "runtime" { print $2 }' "$T/table" | sort)" \
	"$("$WHITTLE" emit docker two-abis/evidence.json |
		jq -r '.syscalls[] | select(.comment // "" | test("runtime.s own start")) | .names[]' | sort -u)"
t_is "and how many" "$(explain -q two-abis/evidence.json | sed -n 's/.*, \([0-9]*\) for the runtime only.*/\1/p')" \
	"$(grep -c '^runtime ' "$T/table")"
t_is "without a runtime there are none" \
	"$(explain --runtime none two-abis/evidence.json | grep -c runtime)" 1
# A program that makes the floor's calls with arguments of its own: the floor's conditions say nothing.
sed 's/"name": "read"/"name": "prctl"/' minimal/evidence.json >"$T/prctl.json"
t_ok "void argument rules are said" grep -q '^ *# void: 0=8|24|47 of the floor of crun: the program makes' \
	<(explain "$T/prctl.json")
t_is "by the policy too" "$("$WHITTLE" emit policy "$T/prctl.json" |
	jq -c '[.seccomp[] | select(.void != []) | .name, (.void | length)]')" '["mmap",1,"prctl",2]'
t_is "and counted" "$(explain -q "$T/prctl.json" | sed 's/.*; //')" "3 void argument rules"
t_status "both at once" 2 "$WHITTLE" explain --syscalls --paths minimal/evidence.json
t_status "neither" 2 "$WHITTLE" explain minimal/evidence.json
t_status "a runtime that there is not" 2 "$WHITTLE" explain --syscalls --runtime lxc minimal/evidence.json
t_end
