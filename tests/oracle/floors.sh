#!/usr/bin/env bash
# profiles/floors against the runtimes that are installed: what each really calls between its filter
# and the program, as `whittle floor measure` sees it and proves it by taking calls away, must be
# there. What the data has besides is of other versions.
. "$(dirname "$0")/../lib-container.bash"
c_init

# Columns: name, arguments, no-new-privileges, phases, without. Says what the second file (measured)
# has and the first has not.
cat >"$T/missing.awk" <<'AWK'
BEGIN {
	FS = "\t"
	split("sometimes unseen spared killed enosys fails", order, " ")
	for (i in order) grave[order[i]] = i
	grave["spared"] = grave["killed"]
}
/^#/ || NF < 7 { next }
{
	starts = split($3 == "any" ? "on,off" : $3, start, ",")
	phases = split($4 == "any" ? "run,create,exec" : $4, phase, ",")
	values = split($2, value, /[=|]/)
	for (s = 1; s <= starts; s++)
		for (p = 1; p <= phases; p++) {
			place = $1 " in " phase[p] " with no-new-privileges " start[s]
			if (FNR == NR) {
				lack[place] = grave[$5] > lack[place] ? grave[$5] : lack[place]
				for (v = 2; v <= values; v++) argument[place, value[1], value[v]] = 1
				if ($2 == "-") argument[place] = 1
				continue
			}
			rows++
			if (!(place in lack)) { print "missing: " place ": " $7; bad = 1; continue }
			if ($5 != "sometimes" && grave[$5] > lack[place]) {
				print "without " place ": " $5 ", not as the data says"; bad = 1
			}
			for (v = 2; v <= values; v++)
				if (!(place in argument) && !((place, value[1], value[v]) in argument)) {
					print "missing: argument " value[1] "=" value[v] " of " place; bad = 1
				}
			if ($2 == "-" && !(place in argument)) {
				print "missing: all arguments of " place; bad = 1
			}
		}
}
END { print rows " places measured"; exit bad || rows < 10 }
AWK

measured()
{
	timeout -s KILL 600 "$WHITTLE" floor measure -q --runtime "$1" --runs 3 -o "$T/$1.tsv"
}
complete() { awk -f "$T/missing.awk" "$ROOT/profiles/floors/$1.tsv" "$T/$1.tsv"; }
# The comparison can fail: a floor without one of its rows is not complete.
notices()
{
	grep -v "^$2	" "$ROOT/profiles/floors/$1.tsv" >"$T/less.tsv"
	not awk -f "$T/missing.awk" "$T/less.tsv" "$T/$1.tsv"
}
clean()
{
	# In "unified" is what hides the cgroups of version 2 here (lib-container.bash).
	[ -z "$(find "$T" /sys/fs/cgroup -maxdepth 2 -path '*/unified' -prune -o \
		-name '*whittle-floor*' -print -quit)" ] &&
		! grep -q whittle-floor /proc/self/mountinfo
}

export TMPDIR=$T
for runtime in crun runc; do
	if ! c_have "$runtime"; then
		t_skip "the floor of $runtime" "$c_reason"
		continue
	fi
	t_ok "$runtime: its floor is measured, and is enough" measured "$runtime"
	t_ok "$runtime: the data lacks nothing of it" complete "$runtime"
	t_ok "$runtime: a lack would be noticed" notices "$runtime" capset
	t_ok "$runtime: nothing is left behind" clean
	t_figure "$(sed -n 's/^# What \([^ ]* [^ ]*\) .*/\1/p' "$T/$runtime.tsv"): $(grep -vc '^#' "$T/$runtime.tsv") rows"
done

# What is no runtime is said, quickly, and leaves nothing.
says()
{
	local status=0

	timeout 60 "$WHITTLE" floor "${@:2}" 2>"$T/err" >/dev/null || status=$?
	cat "$T/err"
	[ "$status" -eq 2 ] && grep -q -- "$1" "$T/err"
}
printf '#!/bin/sh\n[ "$1" = --version ] && { echo "fake version 1"; exit; }\necho no such thing; exit 1\n' >"$T/fake"
printf '#!/bin/sh\n[ "$1" = --version ] && { echo "fake version 1"; exit; }\n[ "$3" != run ] || sleep 100\n' >"$T/slow"
chmod 755 "$T/fake" "$T/slow"
t_ok "no such runtime" says 'no runtime that runs here' measure --runtime "$T/none"
t_ok "a program that is none" says 'says no name and version' measure --runtime true
t_ok "a runtime that fails" says 'fake starts no container here: no such thing' measure --runtime "$T/fake"
t_ok "a runtime that hangs" says 'starts no container' measure --runtime "$T/slow" --timeout 2
t_ok "no runtime" says 'which runtime' measure
t_ok "no measure" says 'there is: measure' --runtime runc
t_ok "no number" says 'runs is a number' measure --runtime runc --runs 0
t_ok "nothing is left behind by failures" clean
t_end
