#!/usr/bin/env bash
# strace's own test programs, a program or more for each syscall: each ends under whittle with the
# status and the standard output that it has without, and whittle's calls are those of the kernel's
# tracepoints. They come from Debian's source package, fetched through apt with a state of its own,
# and are built once into build/strace-tests.
#
# A program is run alone twice: what then differs (process ids, times) is not compared. They run as
# nobody where the test is root: some would change the machine.
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

# alone NAME NUMBER: runs it in a fresh directory without whittle; its status.
alone()
{
	local status=0

	mkdir -m 0777 "$T/alone$2" &&
		cd "$T/alone$2" || exit 1
	"${as[@]}" setarch -R timeout -k 1 "$seconds" "$programs/$1" \
		>"$T/alone$2.out" 2>"$T/alone$2.err" </dev/null || status=$?
	return "$status"
}

# recorded NAME: the same under whittle, and in the kernel's eyes too where $TRACEFS is given. The
# launcher and all that stands before whittle are not the program's.
recorded()
{
	local status=0
	local -a kernel=() join=()

	mkdir -m 0777 "$T/recorded" "$T/evidence" &&
		cd "$T/recorded" || exit 1
	if [ -n "$TRACEFS" ]; then
		kernel=("$KERNEL_CALLS" "$TRACEFS" "$T/kernel")
		join=("$KERNEL_CALLS" --join)
	fi
	timeout -k 1 $((seconds * 6)) "${kernel[@]}" "${as[@]}" setarch -R "$WHITTLE" record \
		-o "$T/evidence" --replace -- "${join[@]}" "$programs/$1" \
		>"$T/recorded.out" 2>"$T/recorded.err" </dev/null || status=$?
	return "$status"
}

# blank FILE: without its numbers.
blank()
{
	sed -E 's/0x[0-9a-f]+|[0-9]+/N/g' "$1"
}

# same_output: of the runs alone and the recorded one. Says how exactly it could compare.
same_output()
{
	if cmp -s "$T/alone1.out" "$T/alone2.out"; then
		echo exact
		cmp -s "$T/alone1.out" "$T/recorded.out"
	elif [ "$(blank "$T/alone1.out")" = "$(blank "$T/alone2.out")" ]; then
		echo numbers
		[ "$(blank "$T/alone1.out")" = "$(blank "$T/recorded.out")" ]
	else
		echo varies
	fi
}

# judge NAME: one line "VERDICT NAME OUTPUT STATUS", verdicts: same; endless, flaky, refused (not
# compared); status, output, calls (failures, with the reasons in the lines that follow).
judge()
{
	local first=0 second=0 third=0 output

	(alone "$1" 1) || first=$?
	[ "$first" -ne 124 ] || { echo "endless $1 - $first"; return; }
	(alone "$1" 2) || second=$?
	[ "$first" -eq "$second" ] || { echo "flaky $1 - $first,$second"; return; }
	(recorded "$1") || third=$?
	output=$(same_output) || output=differs
	if { [ "$first" -ne "$third" ] || [ "$output" = differs ]; } &&
		jq -e '.runs[0].limitations["ptrace-refused"]' "$T/evidence/evidence.json" >/dev/null 2>&1; then
		echo "refused $1 $output $first"
	elif [ "$first" -ne "$third" ]; then
		echo "status $1 $output $first"
		echo "# $1: status $first alone, $third recorded"
		tail -n 5 "$T/recorded.err" | sed 's/^/# /'
	elif [ "$output" = differs ]; then
		echo "output $1 $output $first"
		diff "$T/alone1.out" "$T/recorded.out" | head -n 6 | sed 's/^/# /'
	elif ! same_calls "$1" >"$T/verdict" 2>&1; then
		echo "calls $1 $output $first"
		sed 's/^#* */# /' "$T/verdict"
	else
		echo "same $1 $output $first"
	fi
}

same_calls()
{
	[ -s "$T/evidence/evidence.json" ] || { echo "no evidence"; return 1; }
	jq -r '.syscalls[].name' "$T/evidence/evidence.json" | sort -u >"$RESULTS/$1.names"
	[ -n "$TRACEFS" ] || return 0
	tracepoint_split "$T/evidence/evidence.json" "$T/kernel" &&
		oracle_compare "$1"
}

as=()
if [ "$(id -u)" -eq 0 ] && t_have setpriv; then
	as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
fi

# A worker: the script calls itself, two at a time, with what it shares in the environment.
if [ "${1-}" = --one ]; then
	T=$(mktemp -d "$T/one.XXXXXX") || exit 1
	chmod 0755 "$T"
	judge "$2" >"$RESULTS/$2" 2>&1
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
	grep -Ev '\.(sh|test|gen|awk|la)$' | sort >"$T/programs"
begin=$SECONDS
xargs -P 2 -n 1 "$0" --one <"$T/programs"

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
	endless | flaky | refused) ;;
	*)
		t_fail "$program: $verdict"
		sed 1d "$RESULTS/$program"
		;;
	esac
done <"$T/programs"

echo "# figure: $(wc -l <"$T/programs") programs in $((SECONDS - begin)) s: $(names same | wc -w) alike" \
	"($(awk '$1 == "same" && $4 == 0' "$T/verdicts" | wc -l) of them with status 0; output compared" \
	"exactly: $(names same exact | wc -w), but for its numbers: $(names same numbers | wc -w), not," \
	"since it varies: $(names same varies | wc -w))"
echo "# figure: $(cat "$RESULTS"/*.names | sort -u | wc -l) distinct syscalls recorded;" \
	"compared with the kernel's: $([ -n "$TRACEFS" ] && echo yes || echo no)"
echo "# figure: not compared, wait for a tracer or for arguments: $(names endless)"
echo "# figure: not compared, status varies when alone: $(names flaky)"
echo "# figure: not compared, ptrace was refused to it: $(names refused)"
t_end
