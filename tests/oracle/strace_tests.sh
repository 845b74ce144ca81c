#!/usr/bin/env bash
# strace's own test programs, a program or more for each syscall: each ends under whittle with the
# status and the standard output that it has without, and whittle's calls are those of the kernel's
# tracepoints. They come from Debian's source package, fetched through apt with a state of its own,
# and are built once into build/strace-tests.
#
# A program is run alone twice: what then differs (process ids, times) is not compared. A program that
# ends differently under whittle is run under strace too: if it ends there as it does under whittle, it
# is ptrace that it notices, and it is listed apart. All run as nobody where the test is root: some
# would change the machine.
#
# Many programs are built several times over, for one way of strace's to print each (openat,
# openat-P, openat-Xraw…): only the first of them runs, unless FULL=1.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/common.bash"

cache=$ROOT/build/strace-tests
programs=$cache/build/tests
seconds=5 # one that needs longer alone waits for somebody to trace or to kill it

# fetch: strace_*.orig.tar.* of the Debian release that this machine's apt is set up for. Apt checks
# the signature and the sums.
fetch()
{
	local apt=$cache/apt
	local -a options=(-qq -o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/none"
		-o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)

	mkdir -p "$apt/none" "$apt/lists/partial" "$apt/cache/archives/partial"
	# shellcheck disable=SC2016 # apt's variables
	apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		sort -u >"$apt/sources.list"
	apt-get "${options[@]}" update && (cd "$apt" && apt-get "${options[@]}" source --download-only strace)
}

# build: the programs only; strace itself is not needed.
build()
{
	mkdir -p "$cache/source" "$cache/build" &&
		tar -C "$cache/source" --strip-components=1 -xf "$cache"/apt/strace_*.orig.tar.xz &&
		cd "$cache/build" &&
		"$cache/source/configure" --quiet --disable-mpers --disable-dependency-tracking \
			--enable-gcc-Werror=no CFLAGS='-O1 -w' &&
		make -s -j2 -C tests check TESTS= && touch "$cache/done"
}

prepare()
{
	local begin=$SECONDS

	mkdir -p "$cache"
	exec 8>"$cache/lock"
	flock 8
	if [ ! -e "$cache/done" ]; then
		(fetch) >"$cache/fetch.log" 2>&1 </dev/null || t_skip_all \
			"cannot fetch strace's source package: $(tail -n 1 "$cache/fetch.log")"
		(build) >"$cache/build.log" 2>&1 </dev/null || {
			tail -n 40 "$cache/build.log" | sed 's/^/# /'
			echo "# cannot build strace's test programs"
			exit 1
		}
		echo "# figure: fetched and built in $((SECONDS - begin)) s"
	fi
	exec 8>&-
}

# within NAME COMMAND…: runs it in a fresh directory, the same for all, so that what it prints does not
# differ; its output goes to $T/NAME.out and .err.
within()
{
	local name=$1 status=0

	shift
	rm -rf "$T/run"
	mkdir -m 0777 "$T/run" && cd "$T/run" || exit 1
	# bash puts _ into the environment, whose size the addresses on the stack depend on
	env -u _ "$@" >"$T/$name.out" 2>"$T/$name.err" </dev/null || status=$?
	return "$status"
}

alone() { within "$2" "${as[@]}" setarch -R timeout -k 1 "$seconds" "$programs/$1"; }
straced()
{
	within straced "${as[@]}" setarch -R timeout -k 1 $((seconds * 15)) strace -f -o /dev/null "$programs/$1"
}

# recorded NAME: under whittle, and in the kernel's eyes too where $TRACEFS is given. The launcher and
# all that stands before whittle are not the program's.
recorded()
{
	local -a kernel=() join=()

	mkdir -m 0777 "$T/evidence"
	if [ -n "$TRACEFS" ]; then
		kernel=("$KERNEL_CALLS" "$TRACEFS" "$T/kernel")
		join=("$KERNEL_CALLS" --join)
	fi
	within recorded timeout -k 1 $((seconds * 15)) "${kernel[@]}" "${as[@]}" setarch -R \
		"$WHITTLE" record -o "$T/evidence" --replace -- "${join[@]}" "$programs/$1"
}

# blank FILE: without its numbers.
blank()
{
	sed -E 's/(0x|\\x)[0-9a-f]+|[0-9]+/N/g' "$1"
}

# same_output RUN: as that of both runs alone. Prints how exactly it could compare.
same_output()
{
	if cmp -s "$T/first.out" "$T/second.out"; then
		echo exact
		cmp -s "$T/first.out" "$T/$1.out"
	elif [ "$(blank "$T/first.out")" = "$(blank "$T/second.out")" ]; then
		echo numbers
		[ "$(blank "$T/first.out")" = "$(blank "$T/$1.out")" ]
	else
		echo varies
	fi
}

# refused: does the evidence say that ptrace was refused to the program?
refused()
{
	jq -e '.runs[0].limitations["ptrace-refused"]' "$T/evidence/evidence.json" >/dev/null 2>&1
}

# judge NAME: one line "VERDICT NAME OUTPUT STATUS"; reasons in the lines that follow. Verdicts: same;
# endless, flaky, refused, traced, lossy (not compared, with a reason that was seen in this run);
# status, output, calls (failures).
judge()
{
	local first=0 second=0 third=0 fourth=0 output

	(alone "$1" first) || first=$?
	[ "$first" -ne 124 ] || { echo "endless $1 - $first"; return; }
	(alone "$1" second) || second=$?
	[ "$first" -eq "$second" ] || { echo "flaky $1 - $first,$second"; return; }
	(recorded "$1") || third=$?
	if ! output=$(same_output recorded); then
		# two runs of the same second may agree on the time
		(alone "$1" second) || second=$?
		output=$(same_output recorded) || output=differs
	fi
	if [ "$first" -eq "$third" ] && [ "$output" != differs ]; then
		judge_calls "$1" "$output" "$first"
	elif refused; then
		echo "refused $1 $output $first"
	elif (straced "$1") || fourth=$?; [ "$third" -eq "$fourth" ] && same_as_straced; then
		echo "traced $1 $output $first"
	elif [ "$first" -ne "$third" ]; then
		echo "status $1 $output $first"
		echo "# status $first alone, $third recorded, $fourth under strace"
		tail -n 5 "$T/recorded.err" | cut -c 1-200 | sed 's/^/# /'
	else
		echo "output $1 $output $first"
		diff "$T/first.out" "$T/recorded.out" | head -n 6 | cut -c 1-200 | sed 's/^/# /'
	fi
}

same_as_straced()
{
	cmp -s "$T/straced.out" "$T/recorded.out" ||
		[ "$(blank "$T/straced.out")" = "$(blank "$T/recorded.out")" ]
}

judge_calls()
{
	if same_calls "$1" >"$T/verdict" 2>&1; then
		echo "same $*"
	elif ! grep -q '^# invented' "$T/verdict" && evidence_lost "$T/evidence/evidence.json" >"$T/lost" 2>&1; then
		echo "lossy $*"
	else
		echo "calls $*"
		sed 's/^#* */# /' "$T/verdict"
	fi
}

same_calls()
{
	[ -s "$T/evidence/evidence.json" ] || { echo "no evidence"; return 1; }
	if [ -n "$TRACEFS" ]; then
		tracepoint_split "$T/evidence/evidence.json" "$T/kernel" &&
			LEAST=$(evidence_least "$T/evidence/evidence.json") oracle_compare "$1"
	else
		evidence_calls "$T/evidence/evidence.json" "$KERNEL_CALLS" >"$T/calls"
	fi || return 1
	cut -d ' ' -f 1,2 "$T/calls" >"$RESULTS/$1.calls"
}

as=()
if [ "$(id -u)" -eq 0 ] && t_have setpriv; then
	as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
fi

# A worker: the script calls itself, two at a time, with what it shares in the environment.
if [ "${1-}" = --one ]; then
	T=$(mktemp -d "$T/one.XXXXXX") || exit 1
	chmod 0755 "$T"
	judge "$2" >"$RESULTS/$2" 2>"$RESULTS/$2.err"
	rm -rf "$T"
	exit 0
fi

t_init
prepare
oracle_build
export TRACEFS=$T/tracefs RESULTS=$T/results
mkdir "$RESULTS"
if tracefs_mount "$TRACEFS"; then
	trap 'umount "$TRACEFS"; t_cleanup' EXIT
else
	t_skip "the same calls as the tracepoints" "$tracefs_why"
	TRACEFS=
fi
find "$programs" -maxdepth 1 -type f -executable -printf '%f\n' |
	grep -Ev '\.(sh|test|gen|awk|la)$' | sort >"$T/all"
if [ -n "${FULL-}" ]; then
	cp "$T/all" "$T/programs"
else
	awk '{ all[$0] = 1; name[NR] = $0 }
	function variant(text) {
		while (match(text, /--?[^-]*$/)) {
			text = substr(text, 1, RSTART - 1)
			if (text in all) return 1
		}
		return 0
	}
	END { for (i = 1; i <= NR; i++) if (!variant(name[i])) print name[i] }' "$T/all" >"$T/programs"
fi
begin=$SECONDS
xargs -P "$(nproc)" -n 1 "$0" --one <"$T/programs"

# names VERDICT [OUTPUT]: of the programs that were so judged, on one line.
names()
{
	awk -v verdict="$1" -v output="${2-}" '$1 == verdict && (output == "" || $3 == output) { print $2 }' \
		"$T/verdicts" | sort | xargs
}

while read -r program; do
	verdict=none
	! read -r verdict rest <"$RESULTS/$program" || echo "$verdict $rest" >>"$T/verdicts"
	case $verdict in
	same) t_pass "$program" ;;
	endless | flaky | refused | traced | lossy) ;;
	*)
		t_fail "$program: $verdict"
		sed 1d "$RESULTS/$program"
		[ ! -s "$RESULTS/$program.err" ] || sed 's/^/# /' "$RESULTS/$program.err"
		;;
	esac
done <"$T/programs"

echo "# figure: $(wc -l <"$T/programs") of $(wc -l <"$T/all") programs in $((SECONDS - begin)) s:" \
	"$(names same | wc -w) alike ($(awk '$1 == "same" && $4 == 0' "$T/verdicts" | wc -l) with status 0)"
echo "# figure: output compared exactly: $(names same exact | wc -w), but for its numbers:" \
	"$(names same numbers | wc -w), not, since it varies alone: $(names same varies | wc -w)"
echo "# figure: $(sort -u "$RESULTS"/*.calls | wc -l) distinct calls recorded;" \
	"$([ -n "$TRACEFS" ] || echo "not ")compared with the kernel's in each program"
while IFS=: read -r verdict reason; do
	[ -z "$(names "$verdict")" ] ||
		echo "# figure: not compared, $reason ($(names "$verdict" | wc -w)): $(names "$verdict")"
done <<-'END'
	endless:do not end alone within 5 s
	flaky:status varies alone
	refused:its own ptrace was refused, says the evidence
	traced:the same under strace, which is ptrace too
	lossy:calls were lost, says the evidence
END
t_end
