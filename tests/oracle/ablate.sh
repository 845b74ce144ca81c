#!/usr/bin/env bash
# `whittle verify --ablate=caps` against proven answers: for each row of caps/corpus.tsv it must find
# the very sets, alternatives included, by exit status and standard output alone.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/caps.bash"

t_init
caps_init

# Rows whose exit status and output are the same without the capability: no outcome can prove it.
declare -A blind=(
	[drop_then_kill_denied]='prints "FAIL EPERM" whichever of its two calls is refused'
	[keep_denied_probe]='prints "FAIL EPERM" whichever of its two calls is refused'
)

# Before each run the directory is emptied, and an address of an earlier one removed.
fresh='! command -v chattr || chattr -f -R -i . ; rm -rf ./* ./.[!.]*
! command -v ip || ip addr flush dev lo
'
rows=0 exact=0 skipped=()
while IFS=$'\t' read -r name setup command needed status _ when; do
	case $name in '#'* | '') continue ;; esac
	rows=$((rows + 1))
	if ! holds_here "$when"; then
		skipped+=("$name")
		continue
	fi
	got=0
	in_fixture "$name" : "$WHITTLE" verify --json --expect "$status" \
		--setup "$fresh($setup
		) || :" -- sh -c "$command" >"$T/json" 2>"$T/err" || got=$?
	wanted=$(sorted "$needed")
	if [ "${blind[$name]+is}" ]; then
		t_is "$name needs $needed, but ${blind[$name]}" "$got $(proven "$T/json")" "0 -"
	else
		t_is "$name needs $needed" "$got $(proven "$T/json") $(grep -vE ' runs: |output was not compared' "$T/err")" "0 $wanted "
		exact=$((exact + 1))
	fi
	remove "$T/$name"
done <"$ROOT/tests/oracle/caps/corpus.tsv"

t_figure "of $rows rows: $exact tried for the exact sets, ${#blind[@]} that no outcome tells, ${#skipped[@]} not for this machine"
for name in "${skipped[@]}"; do t_skip "$name" "its answer is not proven for this machine"; done
t_ok "there were rows" [ "$exact" -gt 100 ]
t_end
