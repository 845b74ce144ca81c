#!/usr/bin/env bash
# What is done through an io_uring is not seen, and is a loss. --deny-io-uring has a program do
# without: it is seen in full then, by every engine, and its profile does not grant io_uring.
. "$(dirname "$0")/../lib.sh"
t_init
t_have jq || t_skip_all "no $t_missing here"
cd "$T" || exit 1
uring=$WORKLOADS/uring_static
echo hello >file
by_ring=$'by a ring\nhello'
by_openat=$'by openat: ENOSYS\nhello'

# recorded OPTION… -- ARG…: what the program says, and then whittle in said.
recorded()
{
	local options=()

	while [ "$1" != -- ]; do options+=("$1") && shift; done
	timeout -s KILL 60 "$WHITTLE" record "${options[@]}" -o out --replace -- "$uring" "$T/file" "${@:2}" 2>said
}

losses() { jq -c '.runs[0].losses | keys' out/evidence.json; }
denied() { jq '.runs[0].limitations["io-uring-denied"] // 0' out/evidence.json; }
seen() { jq -r --arg path "$T/file" '.paths[] | select(.path == $path) | .access' out/evidence.json | xargs; }
uring_calls() { jq -r '.syscalls[].name | select(startswith("io_uring"))' out/evidence.json | sort -u | xargs; }
granted() { jq -r '.syscalls[] | select(.action == "SCMP_ACT_ALLOW") | .names[]' out/seccomp.json; }

[ "$("$uring" file)" = "$by_ring" ] || t_skip_all "there is no io_uring here"

# is_denied NAME TIMES OUTPUT OPTION… -- ARG…
is_denied()
{
	local name=$1 times=$2 output=$3

	shift 3
	t_is "$name: it falls back" "$(recorded --deny-io-uring "$@")" "$output"
	t_is "$name: nothing is lost" "$(losses)" '[]'
	t_is "$name: how often it asked" "$(denied)" "$times"
	t_ok "$name: that is said" grep -q 'told that there is no io_uring.*io-uring-denied' said
	t_is "$name: what it opened is seen" "$(seen)" read
	t_is "$name: the ring is no call of it" "$(uring_calls)" ''
	t_ok "$name: nor granted" test "$(granted | grep -c -e '^openat$' -e io_uring)" -eq 1
}

# is_lost NAME OPTION… -- ARG…
is_lost()
{
	local name=$1

	shift
	rm -rf out
	t_is "$name: a ring" "$(recorded "$@")" "$by_ring"
	t_is "$name: is a loss" "$(losses)" '["io-uring"]'
	t_is "$name: what was opened is not seen" "$(seen)" ''
	t_ok "$name: the way out is named" grep -q 'lost:.*--deny-io-uring' said
	t_ok "$name: no profile is made" test ! -e out/seccomp.json
}

i386="i386: ENOSYS"$'\n'"$by_openat"
machine=$(uname -m)
for options in '--engine ptrace' --exact '--engine notify'; do
	read -ra words <<<"$options"
	is_lost "$options" "${words[@]}" --
	is_denied "$options" 1 "$by_openat" "${words[@]}" --
	if [ "$machine" = x86_64 ] && [ "$("$uring" file i386 | head -n 1)" = "i386: EFAULT" ]; then
		is_denied "$options, by i386 too" 2 "$i386" "${words[@]}" -- i386
	else
		t_skip "$options, by i386 too" "no calls of i386 here"
	fi
done
# The filter that ptrace learned meanwhile lets the calls before it run.
recorded --deny-io-uring --engine ptrace -- >/dev/null
t_is "a filter was learned before it asked" "$(jq -r '.runs[0].filter' out/evidence.json)" learned
# A filter that is there from the start.
cp -r out known
is_denied known 1 "$by_openat" --engine ptrace --known known --
is_denied "known, notified" 1 "$by_openat" --engine notify --known known --
# Its own filter is asked for the call as it is: it would kill for a number that it does not know.
for options in '--engine ptrace' --exact '--engine notify'; do
	read -ra words <<<"$options"
	is_denied "$options, with its own filter" 1 "$by_openat" "${words[@]}" -- filter
done
# What that answers stays.
t_is "its own filter refuses it" "$("$uring" file refuse)" $'by openat: EPERM\nhello'
t_is "and does so while it is recorded" "$(recorded --deny-io-uring --engine ptrace -- refuse)" \
	$'by openat: EPERM\nhello'
t_is "with nothing lost" "$(losses)" '[]'
# What the profile says is what it was told.
recorded --deny-io-uring -- >/dev/null
if t_have bwrap && bwrap --dev-bind / / true 2>said; then
	"$WHITTLE" emit bpf -o filter out
	t_is "under its profile it does the same" \
		"$(bwrap --dev-bind / / --seccomp 9 "$uring" "$T/file" 9<filter)" "$by_openat"
else
	t_skip "under its profile it does the same" "bwrap cannot be used here"
fi
t_end
