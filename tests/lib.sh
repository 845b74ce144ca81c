# shellcheck shell=bash
# What every shell test shares. A test is a bash script that ends so:
#
#	. "$(dirname "$0")/../lib.sh"
#	t_init
#	t_ok "a name" command arg…
#	t_end
#
# It speaks TAP on standard output. tests/run counts; a test that dies before t_end has no plan
# and counts as a failure, so nothing has to be caught. Given here, all of them absolute paths:
#	$ROOT       the checkout            $WHITTLE    the program under test
#	$WORKLOADS  the built workloads     $T          a private directory, removed at the end

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
WHITTLE=$(realpath -m "${WHITTLE:-$ROOT/build/whittle}")
# $B/workloads stands beside $B/whittle; the link build/whittle leads into the newest build folder.
WORKLOADS=$(realpath -m "${WORKLOADS:-$(dirname "$WHITTLE")/workloads}")
T=
t_count=0
t_failures=0
unset CDPATH
export LC_ALL=C ROOT WHITTLE WORKLOADS

# t_init: makes $T, and arranges that it and all background jobs end with the script.
t_init()
{
	T=$(mktemp -d "${TMPDIR:-/tmp}/whittle-test.XXXXXX") || exit 1
	export T
	trap t_cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	[ -x "$WHITTLE" ] || {
		echo "# $WHITTLE is not built: run make" >&2
		exit 1
	}
}

t_cleanup()
{
	local status=$? pid

	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	[ -z "$T" ] || rm -rf "$T"
	exit "$status"
}

t_pass()
{
	t_count=$((t_count + 1))
	echo "ok $t_count - $1"
}

# t_fail NAME [FILE…]: counts a failure and shows the files as the reason.
t_fail()
{
	t_count=$((t_count + 1))
	t_failures=$((t_failures + 1))
	echo "not ok $t_count - $1"
	shift
	[ $# -eq 0 ] || tail -n 40 -- "$@" | sed 's/^/# /'
}

# t_ok NAME COMMAND…: the command (a shell function will do) must succeed. It runs in a subshell.
t_ok()
{
	local name=$1

	shift
	if ("$@") >"$T/.t_ok" 2>&1; then
		t_pass "$name"
	else
		echo "status $? of: $*" >>"$T/.t_ok"
		t_fail "$name" "$T/.t_ok"
	fi
}

# t_status NAME STATUS COMMAND…: the command must end with exactly this status.
t_status()
{
	local name=$1 wanted=$2 got=0

	shift 2
	("$@") >"$T/.t_ok" 2>&1 || got=$?
	echo "status $got, wanted $wanted, of: $*" >>"$T/.t_ok"
	if [ "$got" -eq "$wanted" ]; then t_pass "$name"; else t_fail "$name" "$T/.t_ok"; fi
}

# t_is NAME GOT WANTED: both strings are the same.
t_is()
{
	if [ "$2" = "$3" ]; then
		t_pass "$1"
	else
		printf 'got:    %s\nwanted: %s\n' "$2" "$3" >"$T/.t_is"
		t_fail "$1" "$T/.t_is"
	fi
}

# t_like NAME TEXT REGEX: the text matches the extended regular expression of bash.
t_like()
{
	if [[ $2 =~ $3 ]]; then
		t_pass "$1"
	else
		printf 'got:    %s\nwanted: match of %s\n' "$2" "$3" >"$T/.t_is"
		t_fail "$1" "$T/.t_is"
	fi
}

# t_skip NAME REASON: counts as skipped; the reason is shown at the end of `make check`.
t_skip()
{
	t_count=$((t_count + 1))
	echo "ok $t_count - $1 # SKIP $2"
}

# t_skip_all REASON: nothing in this file can run here; ends the script.
t_skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

# t_figure TEXT: a measured number; tests/run shows it though the test passes.
t_figure()
{
	echo "# figure: $*"
}

# t_have COMMAND…: true if all are there; the missing one is left in $t_missing for t_skip.
t_have()
{
	for t_missing; do
		command -v "$t_missing" >/dev/null || return 1
	done
	t_missing=
}

# wait_for SECONDS COMMAND…: polls until the command succeeds; false after SECONDS.
wait_for()
{
	local end=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# not COMMAND…: succeeds if the command fails; `!` cannot be passed as a word.
not()
{
	! "$@"
}

# t_end: prints the plan; the script's status says whether all passed.
t_end()
{
	echo "1..$t_count"
	[ "$t_failures" -eq 0 ]
	exit
}
