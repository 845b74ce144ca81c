#!/usr/bin/env bash
# Capabilities against proven answers: each row of caps/corpus.tsv runs under whittle, and
# capabilities.txt must name what the row needs, no less and no more. Then, by the kernel alone, the
# command runs with exactly the capabilities that were granted, and must do what it did with all.
#
# exact   the same sets of alternatives as proven
# missed  a set of which nothing is granted: the profile would break the command
# over    granted, and in no set: rules cannot see that a program tolerates a failure
#         (test -w, find, touch) or that a daemon's message is optional (su)
# narrow  enough, but not all alternatives named
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/caps.bash"

# What the rules reach; fewer is a regression.
exact_wanted=372

t_init
caps_init
here=$ROOT/tests/oracle/caps

# same_outcome: did the run of the row just done end and print as the proven one?
same_outcome()
{
	printf '%b' "${stdout:1:-1}" | cmp -s - "$T/out" && [ "$got" -eq "$status" ]
}

# judge NEEDED FILE: one word. The file is the output of granted.
judge()
{
	awk -v needed="$1" '
	function canon(set, names, n, i, j, swap, text) {
		n = split(set, names, "|")
		for (i = 1; i <= n; i++)
			for (j = i + 1; j <= n; j++)
				if (names[j] < names[i]) { swap = names[i]; names[i] = names[j]; names[j] = swap }
		for (i = 1; i <= n; i++) text = text "|" names[i]
		return text "|"
	}
	{
		gsub(/cap_/, "")
		first[FNR] = $0
		sub(/\|.*/, "", first[FNR])
		sets[canon($0)]
		count = FNR
	}
	END {
		wanted = needed == "-" ? 0 : split(needed, want, ",")
		for (i = 1; i <= wanted; i++) {
			met = 0
			for (j = 1; j <= count; j++)
				if (index(canon(want[i]), "|" first[j] "|")) { met = 1; used[j] }
			missed += !met
			same += canon(want[i]) in sets
		}
		for (j = 1; j <= count; j++) over += !(j in used)
		print missed ? "missed" : over ? "over" : same == wanted && count == wanted ? "exact" : "narrow"
	}' "$2"
}

# check_row: the row in $name … $when
check_row()
{
	local verdict keep got

	got=0
	in_fixture "$name" "$setup" "$WHITTLE" record --quiet --expect "$status" --output "$T/profile" \
		--replace -- sh -c "$command" >"$T/out" 2>"$T/err" || got=$?
	if ! same_outcome; then
		echo "$name: under whittle it ended with $got, wanted $status"
		sed 's/^/  /' "$T/out" "$T/err"
		return 1
	fi
	granted "$T/profile/capabilities.txt" >"$T/granted"
	verdict=$(judge "$needed" "$T/granted")
	echo "$verdict" >>"$T/verdicts"
	[ "$verdict" = exact ] || echo "# $verdict: $name needs $needed, granted: $(paste -sd, "$T/granted")"

	keep=$(sed 's/|.*//' "$T/granted" | paste -sd,)
	got=0
	in_fixture "$name" "$setup" "$H" keep "${keep:--}" sh -c "$command" >"$T/out" 2>"$T/err" || got=$?
	if ! same_outcome; then
		echo "$name: with ${keep:-no capability} alone it ended with $got, wanted $status"
		sed 's/^/  /' "$T/out" "$T/err"
		return 1
	fi
}

: >"$T/verdicts"
rows=0 skipped=()
while IFS=$'\t' read -r name setup command needed status stdout when; do
	case $name in '#'* | '') continue ;; esac
	rows=$((rows + 1))
	if ! holds_here "$when"; then
		skipped+=("$name")
		continue
	fi
	if check_row >"$T/why"; then
		grep '^#' "$T/why"
		t_pass "$name does the same under whittle, and with what it granted alone"
	else
		t_fail "$name does the same under whittle, and with what it granted alone" "$T/why"
	fi
	remove "$T/$name"
done <"$here/corpus.tsv"

count() { grep -cx "$1" "$T/verdicts"; }
exact=$(count exact) missed=$(count missed) over=$(count over) narrow=$(count narrow)
t_figure "of $rows rows: $exact exact, $over over, $narrow narrow, $missed missed, ${#skipped[@]} not for this machine"
for name in "${skipped[@]}"; do t_skip "$name" "its answer is not proven for this machine"; done
t_is "no row misses a capability" "$missed" 0
t_ok "at least $exact_wanted rows are exact (those not for this machine aside)" \
	[ $((exact + ${#skipped[@]})) -ge "$exact_wanted" ]
t_end
