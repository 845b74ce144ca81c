#!/usr/bin/env bash
# Small programs made up from seeds (workloads/random_program.c) run under each engine, and under the
# kernel's tracepoints with no tracer at all: what a policy needs of the evidence is the same.
#
# Known before is, for every second seed, the evidence of the same program, for the others that of the
# next seed: with calls that never come, and without calls that do. COUNT=N seeds, FULL=1 300 of them,
# SEEDS="7 9" these. A seed with a difference is shown with it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib-engine.sh"
. "$(dirname "$0")/common.bash"

# run ENGINE SEED KNOWN [WORD…]: its evidence is in $T/ENGINE; the program is run by those words.
run()
{
	local -a options

	mapfile -t options < <(engine_options "$1" "$3")
	rm -rf "$T/dir"
	mkdir -m 0777 "$T/dir"
	timeout -s KILL 60 "$WHITTLE" record -q -o "$T/$1" --replace "${options[@]}" -- \
		"${@:4}" "$WORKLOADS/random_program" "$T/dir" "$2" >"$T/$1.out" 2>&1 || {
		echo "$1: ended with status $?"
		sed "s/^/$1: /" "$T/$1.out"
		return 1
	}
	jq -e '.runs[0] | .losses == {} and .complete' "$T/$1/evidence.json" >/dev/null || {
		echo "$1: incomplete: $(jq -c '.runs[0].losses' "$T/$1/evidence.json")"
		return 1
	}
}

# kernel SEED: is the set of numbers of the exact run the one that the tracepoints see alone?
kernel()
{
	rm -rf "$T/dir"
	mkdir "$T/dir"
	timeout -s KILL 60 "$KERNEL_CALLS" "$TRACEFS" "$T/kernel" "$KERNEL_CALLS" --join \
		"$WORKLOADS/random_program" "$T/dir" "$1" >"$T/kernel.out" 2>&1 || {
		echo "kernel: ended with status $?"
		sed 's/^/kernel: /' "$T/kernel.out"
		return 1
	}
	awk '$1 == "enter" { print $2 }' "$T/kernel" | sort -u >"$T/kernel.numbers"
	evidence_calls "$T/exact/evidence.json" none | awk '{ print $2 }' | sort -u >"$T/exact.numbers"
	diff "$T/kernel.numbers" "$T/exact.numbers" | sed -n 's/^</kernel: missed: number/p
		s/^>/kernel: invented: number/p' >"$T/numbers.diff"
	cat "$T/numbers.diff"
	[ ! -s "$T/numbers.diff" ]
}

# dropped SEED: likewise of one that drops root's privileges at first, by a program before it.
dropped()
{
	local -a drop

	read -r -a drop <<<"$DROP"
	run exact "$1" '' "${drop[@]}" && run learned "$1" '' "${drop[@]}" &&
		engine_compare dropped "$T/learned/evidence.json" '' "$T/exact/evidence.json"
}

# judge SEED: prints the differences; the last line is "same FILTER" or "differs".
judge()
{
	local seed=$1 engine bad=0 known=$T/exact/evidence.json

	run exact "$seed" '' || { echo differs; return; }
	if [ $((seed % 2)) -eq 1 ]; then
		mv "$T/exact" "$T/this"
		run exact $((seed + 1)) '' || { echo differs; return; }
		mv "$T/exact" "$T/next"
		mv "$T/this" "$T/exact"
		known=$T/next/evidence.json
	fi
	[ -z "$TRACEFS" ] || kernel "$seed" || bad=1
	for engine in $ENGINES; do
		run "$engine" "$seed" "$known" || { bad=1; continue; }
		case $engine in
		*known) engine_compare "$engine" "$T/$engine/evidence.json" "$known" "$T/exact/evidence.json" ;;
		*) engine_compare "$engine" "$T/$engine/evidence.json" '' "$T/exact/evidence.json" ;;
		esac || bad=1
	done
	if [ "$bad" -eq 0 ]; then
		engine_facts "$T/exact/evidence.json" '' >"$RESULTS/$seed.facts"
		echo "same $(jq -r '.runs[0].filter // "none"' "$T/learned/evidence.json" 2>/dev/null)"
		[ -z "$DROP" ] || dropped "$seed" >"$T/dropped" || { cat "$T/dropped"; echo differs; }
	else
		echo differs
	fi
}

# A worker: the script calls itself, with what it shares in the environment.
if [ "${1-}" = --one ]; then
	T=$(mktemp -d "$T/one.XXXXXX") && chmod 0711 "$T" || exit 1
	judge "$2" >"$RESULTS/$2" 2>&1
	rm -rf "$T"
	exit 0
fi

t_init
[ -x "$WORKLOADS/random_program" ] || { echo "# the workloads are not built" >&2; exit 1; }
oracle_build
export TRACEFS=$T/tracefs RESULTS=$T/results RANDOM_PROGRAM_32='' DROP=''
mkdir "$RESULTS"
if tracefs_mount "$TRACEFS"; then
	trap 'umount "$TRACEFS"; t_cleanup' EXIT
else
	t_skip "the same calls as the tracepoints" "$tracefs_why"
	TRACEFS=
fi
if oracle_have_32 && cc -m32 -O1 -std=gnu11 -D_GNU_SOURCE -o "$T/random_program_32" \
	"$ROOT/tests/workloads/random_program.c" -pthread; then
	RANDOM_PROGRAM_32=$T/random_program_32
else
	t_skip "i386 programs among them" "the compiler or the kernel cannot"
fi
[ -n "$RANDOM_PROGRAM_32" ] || unset RANDOM_PROGRAM_32
engine_have exact || t_skip_all "no engine to compare: $(head -n 1 "$T/engine-why")"
engine_list learned known notify notify-known
export ENGINES="${engines[*]}"
chmod 0711 "$T"
DROP="setpriv --reuid 65534 --regid 65534 --clear-groups"
# shellcheck disable=SC2086 # words
if [ "$(id -u)" -ne 0 ] || ! t_have setpriv; then
	t_skip "programs that drop their privileges" "is not root, or has no setpriv"
	DROP=
elif ! $DROP test -x "$WORKLOADS/random_program"; then
	t_skip "programs that drop their privileges" "the build cannot be reached by others than root"
	DROP=
fi
count=${COUNT:-40}
[ -z "${FULL-}" ] || count=300
begin=$SECONDS
# shellcheck disable=SC2086 # words
printf '%s\n' ${SEEDS:-$(seq "$count")} >"$T/seeds"
xargs -P "$(nproc)" -n 1 "$0" --one <"$T/seeds"

same=0 filtered=0
while read -r seed; do
	read -r verdict filter < <(tail -n 1 "$RESULTS/$seed")
	if [ "$verdict" = same ]; then
		same=$((same + 1))
		case $filter in *learned*) filtered=$((filtered + 1)) ;; esac
	else
		t_fail "seed $seed: the same facts" "$RESULTS/$seed"
	fi
done <"$T/seeds"
t_is "the same facts under: exact${TRACEFS:+, the tracepoints}${engines:+,} ${engines[*]}${DROP:+, dropped}" \
	"$same" "$(wc -l <"$T/seeds")"
# of what there is nothing, nothing was compared
cat "$RESULTS"/*.facts 2>/dev/null | cut -f 1 | sort | uniq -c | awk '{ print $2, $1 }' >"$T/kinds-of-facts"
for kind in syscalls arguments paths sockets execs signals; do
	t_ok "there were $kind to compare" grep -q "^$kind " "$T/kinds-of-facts"
done
if [ "$(id -u)" -eq 0 ]; then
	t_ok "there were capabilities to compare" grep -q '^capabilities ' "$T/kinds-of-facts"
else
	t_skip "there were capabilities to compare" "needs root"
fi
t_figure "$same of $(wc -l <"$T/seeds") seeds alike in $((SECONDS - begin)) s, under each of: exact" \
	"${TRACEFS:+tracepoints }${engines[*]}"
t_figure "facts compared under each: $(xargs <"$T/kinds-of-facts")"
t_figure "a filter was learned in $filtered of the runs that might"
t_ok "filters were learned at all" [ "$filtered" -gt 0 ]
t_end
