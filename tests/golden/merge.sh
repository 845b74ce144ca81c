#!/usr/bin/env bash
# whittle merge: the same bytes whatever the order, one answer for each kind of bad input, and never
# a partial or a wrong file.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
t_init
in=$ROOT/tests/fuzz/corpus/evidence

# merge_to NAME EVIDENCE…
merge_to()
{
	local out=$T/$1

	shift
	"$WHITTLE" merge -q -o "$out" "$@"
}

# refused REGEX EVIDENCE…: status 2, a message that matches, and no file.
refused()
{
	local like=$1 status=0 message

	shift
	message=$("$WHITTLE" merge -o "$T/none" "$@" 2>&1) || status=$?
	echo "$message"
	[ "$status" -eq 2 ] && [[ $message =~ $like ]] && [ -z "$(ls "$T"/none* 2>/dev/null)" ]
}

# kept_when_full: a full disk (a limit of 1 KiB) leaves the old file, and nothing beside.
kept_when_full()
{
	mkdir "$T/full" && echo old >"$T/full/out" || return 1
	(
		trap '' XFSZ
		ulimit -f 1
		"$WHITTLE" merge -o "$T/full/out" "$in/all.json"
	) && return 1
	[ "$(cat "$T/full/out")" = old ] && [ "$(ls "$T/full")" = out ]
}

# evidence of one.json under another id.
sed 's/"id": "0*1"/"id": "f0000000000000000000000000000000"/' "$in/one.json" >"$T/another.json"
mkdir "$T/dir" "$T/bare"
cp "$in/one.json" "$T/dir/evidence.json"

t_ok "one file comes back as it was" merge_to a "$in/all.json"
t_ok "byte for byte" cmp "$T/a" "$in/all.json"
t_ok "runs in another order are the same runs" merge_to b "$in/unsorted.json" "$in/all.json"
t_ok "byte for byte" cmp "$T/b" "$in/all.json"
t_ok "what an older whittle wrote is the same run" merge_to old "$in/version1.json"
t_ok "byte for byte" cmp "$T/old" "$in/one.json"
t_ok "in any order" merge_to old "$in/one.json" "$in/version1.json"
t_ok "byte for byte" cmp "$T/old" "$in/one.json"
t_ok "what was carried stays so" merge_to carried "$in/known.json" "$T/another.json"
t_is "and is no sighting" "$(grep -c '"counts": \[0, "carried", "carried", 0, 0\]' "$T/carried")" 1
t_ok "two runs" merge_to c "$in/one.json" "$T/another.json"
t_ok "in the other order" merge_to d "$T/another.json" "$in/empty.json" "$in/one.json"
t_ok "byte for byte" cmp "$T/c" "$T/d"
t_is "each fact counts once a run" "$(grep -c '"counts": \[3, 3\]' "$T/c")" 1
t_ok "what was merged merges again" merge_to e "$T/c" "$T/another.json"
t_ok "byte for byte" cmp "$T/e" "$T/c"
t_ok "a directory stands for its evidence.json" merge_to f "$T/dir"
t_ok "byte for byte" cmp "$T/f" "$in/one.json"
t_ok "the output may be an input" merge_to dir/evidence.json "$T/dir" "$T/another.json"
t_ok "byte for byte" cmp "$T/dir/evidence.json" "$T/c"
t_is "standard output" "$("$WHITTLE" merge -q -o - "$in/one.json" | cksum)" "$(cksum <"$in/one.json")"

t_ok "a conflict names the run" refused 'run 0+1 is there twice with different' \
	"$in/all.json" "$in/one.json"
t_ok "newer evidence" refused 'made by a newer whittle; upgrade' "$in/newer.json"
t_ok "truncated evidence" refused 'truncated.json: line 6, column [0-9]+: premature end' \
	"$in/one.json" "$in/truncated.json"
t_ok "deep nesting" refused 'maximum parsing depth' "$in/deep.json"
t_ok "a run twice in one file" refused 'runs\[1\]: the id of this run is that of runs\[0\]' \
	"$in/duplicate.json"
t_ok "no JSON" refused 'not-json.json: line 1' "$in/not-json.json"
t_ok "an empty file" refused 'the file is empty' /dev/null
t_ok "no file" refused 'cannot open .*/missing: No such file' "$T/missing"
t_ok "a directory without evidence" refused 'cannot open .*/bare/evidence.json' "$T/bare"
t_ok "no evidence" refused 'no evidence given'
t_status "no output" 2 "$WHITTLE" merge "$in/one.json"
t_status "unknown option" 2 "$WHITTLE" merge -Z -o "$T/none" "$in/one.json"
t_status "no such directory" 2 "$WHITTLE" merge -o "$T/nowhere/x" "$in/one.json"
t_status "a full device" 2 "$WHITTLE" merge -o /dev/full "$in/one.json"
t_ok "a full disk keeps the old file" kept_when_full
t_end
