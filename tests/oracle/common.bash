# shellcheck shell=bash
# What the oracles share: the kernel's own record of a run beside whittle's evidence of the same run.
# A test that uses it sources ../lib.sh first. Of whittle it uses the program only: numbers come from
# the kernel's headers.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

# oracle_build: compiles the helpers into $T; and waits until no other test watches the kernel: its
# recorders are one set for the whole machine, and each would see the other's programs.
oracle_build()
{
	local name

	exec 7>"${TMPDIR:-/tmp}/whittle-oracle.lock" && flock 7 || exit 1

	# shellcheck disable=SC2154 # by t_have
	t_have cc jq || t_skip_all "$t_missing is not installed"
	for name in kernel_calls audit_calls kinds; do
		cc -O1 -g -std=gnu11 -Wall -Wextra -D_GNU_SOURCE -o "$T/$name" "$here/$name.c" -pthread || exit 1
	done
	# programs of unprivileged users are started from there too
	chmod 0755 "$T"
	export KERNEL_CALLS=$T/kernel_calls NUMBERS=$T/numbers
	oracle_numbers >"$NUMBERS"
	[ -s "$NUMBERS" ] || { echo "# the kernel's headers name no calls" >&2; exit 1; }
}

# oracle_numbers: "ABI AUDIT_ARCH NAME NUMBER" of each call that the kernel's headers name; then the
# newer ones (include/uapi/asm-generic/unistd.h, Linux 6.8, and profiles/newer.tsv), as the installed
# headers may be older than the kernel.
oracle_numbers()
{
	local abi arch header bit

	oracle_abis | while read -r abi arch header bit; do
		echo "#include <$header>" | cc -E -dM - 2>/dev/null | tr -d '()' |
			awk -v abi="$abi" -v arch="$arch" -v bit="$bit" '
			/^#define __NR_[a-z0-9_]+ (__X32_SYSCALL_BIT \+ )?[0-9]+$/ {
				print abi, arch, substr($2, 6), $NF + bit
			}'
		printf '%s\n' cachestat.451 fchmodat2.452 map_shadow_stack.453 futex_wake.454 futex_wait.455 \
			futex_requeue.456 |
			awk -F. -v abi="$abi" -v arch="$arch" -v bit="$bit" '{ print abi, arch, $1, $2 + bit }'
		awk -F'\t' -v abi="$abi" -v arch="$arch" -v bit="$bit" '
			!/^#/ && ($3 == "*" || $3 == abi) { print abi, arch, $1, $2 + bit }' \
			"$ROOT/profiles/newer.tsv"
	done
}

oracle_abis()
{
	case $(uname -m) in
	x86_64)
		echo 'x86_64 c000003e asm/unistd_64.h 0'
		echo 'i386 40000003 asm/unistd_32.h 0'
		echo 'x32 c000003e asm/unistd_x32.h 1073741824'
		;;
	aarch64) echo 'aarch64 c00000b7 asm/unistd.h 0' ;;
	esac
}

# evidence_calls EVIDENCE LAUNCHER: "ARCH NUMBER COUNT" of each call that whittle recorded, but those
# of the launcher: the kernel counts from its execve on. That is the second one that whittle lays to
# the launcher: the first is the one that started it.
# $T/unfinished gets "ARCH NUMBER COUNT" of those that whittle never saw a result of.
evidence_calls()
{
	jq -r --arg launcher "$2" '.syscalls[] | (.counts | add) as $count |
		if .program != $launcher then "\(.abi) \(.name) \($count) \(.result)"
		elif .name == "execve" and .result == "ok" and $count > 1
		then "\(.abi) \(.name) \($count - 1) \(.result)" else empty end' "$1" >"$T/evidence.names" || return 1
	awk -v unfinished="$T/unfinished" '
	FNR == NR {
		if (!(($1, $3) in number)) number[$1, $3] = $4
		arch[$1] = $2
		next
	}
	!($1 in arch) { print "unknown ABI:", $0 >"/dev/stderr"; bad = 1; next }
	$2 ~ /^#/ { add(substr($2, 2)); next }
	!(($1, $2) in number) { print "the headers have no such call:", $0 >"/dev/stderr"; bad = 1; next }
	{ add(number[$1, $2]) }
	function add(nr) {
		nr = arch[$1] " " nr
		calls[nr] += $3
		if ($4 != "unknown") finished[nr] = 1
	}
	END {
		printf "" >unfinished
		for (key in calls) print key, calls[key]
		for (key in calls) if (!(key in finished)) print key, calls[key] >unfinished
		exit bad
	}' "$NUMBERS" "$T/evidence.names"
}

# oracle_compare NAME: files of "KEY… COUNT", one key of one or two words a line: $T/whittle, what
# whittle recorded; $T/ran, what ran as the kernel says; $T/denied, what the workload's own filter
# denied as the kernel says; $T/unfinished. Prints the figures; fails if anything was missed or
# invented. A call whose thread was killed while ptrace stopped it at the entry never ran: whittle has
# no result of it, the kernel nothing at all; it is listed apart. Where a filter let known calls run
# ($LEAST is yes), whittle's counts are "at least", and the kernel saw the calls that installed it; a
# call that was put off for that has the number -1 until it is made anew.
oracle_compare()
{
	awk -v name="$1" -v names="$NUMBERS" -v least="${LEAST:-no}" '
	function label(key) { return key in called ? key "(" called[key] ")" : key }
	BEGIN {
		while ((getline line <names) > 0) {
			split(line, field, " ")
			called[field[2] " " field[4]] = field[3]
			if (field[4] in called) called[field[4]] = called[field[4]] "|" field[3]
			else called[field[4]] = field[3]
		}
	}
	{ count = $NF; sub(/ [0-9]+$/, ""); key = $0 }
	FILENAME == ARGV[1] { recorded[key] += count; calls += count; distinct++ }
	FILENAME == ARGV[2] { ran[key] += count; truth += count }
	FILENAME == ARGV[3] { denied[key] = 1 }
	FILENAME == ARGV[4] { unfinished[key] = 1 }
	END {
		if (least == "yes") {
			called["18446744073709551615"] = "put off"
			for (key in ran) if (!(key in recorded) && called[key] ~ /(^|\|)(seccomp|mmap|munmap|prctl|put off)($|\|)/) {
				delete ran[key]; own = own " " label(key)
			}
		}
		for (key in ran) if (!(key in recorded)) { missed++; missing = missing " " label(key) }
		for (key in ran) if (key in recorded && ran[key] != recorded[key]) {
			# more than the kernel may be: killed at the entry, or denied that time only
			if (ran[key] > recorded[key] && least != "yes") { missed++; missing = missing " some of " label(key) }
			differ++
			counts = counts " " label(key) ":" recorded[key] "/" ran[key]
		}
		for (key in recorded) if (!(key in ran)) {
			if (key in denied) { refused++; apart = apart " " label(key) }
			else if (key in unfinished) { killed++; ended = ended " " label(key) }
			else { invented++; extra = extra " " label(key) }
		}
		printf "# figure: %s: %d recorded, %d missed, %d invented; %d calls, the kernel %d", \
			name, distinct, missed, invented, calls, truth
		if (refused) printf "; denied by its own filter:%s", apart
		if (killed) printf "; killed at the entry:%s", ended
		if (own) printf "; to install the filter:%s", own
		print ""
		if (missed) print "# missed:" missing
		if (invented) print "# invented:" extra
		if (differ) print "# counts differ (whittle/kernel):" counts
		exit missed || invented || !distinct || !truth
	}' "$T/whittle" "$T/ran" "$T/denied" "$T/unfinished"
}

# evidence_lost EVIDENCE: what it says that it lost, "kind:count kind:count"; fails if nothing.
evidence_lost()
{
	jq -er '.runs[0].losses | to_entries | map("\(.key):\(.value)") | join(" ") |
		if . == "" then null else . end' "$1"
}

# evidence_least EVIDENCE: yes if a filter let known calls run in it, or the process made calls for one
# in vain (it has no memory left for it), else no.
evidence_least()
{
	jq -r '.runs[0] | if .filter == "none" and (.limitations | has("filter-failed") | not)
		then "no" else "yes" end' "$1"
}

# oracle_point NAME EVIDENCE: the point of a comparison, with its figures. What was missed may be what
# the evidence itself says that it lost (children that clone(2) was told to keep from tracers); nothing
# may be invented.
oracle_point()
{
	local lost LEAST

	LEAST=$(evidence_least "$2")
	if oracle_compare "$1" >"$T/verdict"; then
		t_pass "$1: the same calls"
	elif ! grep -q '^# invented' "$T/verdict" && lost=$(evidence_lost "$2"); then
		t_pass "$1: missed only what the evidence calls lost"
		echo "# figure: $1: lost, says the evidence: $lost"
	else
		t_fail "$1: the same calls"
	fi
	cat "$T/verdict"
}

# tracepoint_split EVIDENCE KERNEL: from the evidence and what kernel_calls wrote to $T/whittle,
# $T/ran, $T/denied: by number alone, since the tracepoint carries no architecture. What left the
# kernel but never entered was denied by a seccomp filter.
tracepoint_split()
{
	evidence_calls "$1" "$KERNEL_CALLS" >"$T/calls" || return 1
	awk '{ print $2, $3 }' "$T/calls" >"$T/whittle"
	cut -d ' ' -f 2- "$T/unfinished" >"$T/unfinished.numbers" && mv "$T/unfinished.numbers" "$T/unfinished"
	awk '$1 == "enter" { print $2, $3 }' "$2" >"$T/ran"
	awk '$1 == "enter" { ran[$2] = 1 } $1 == "exit" { left[$2] = $3 }
		END { for (nr in left) if (!(nr in ran)) print nr, left[nr] }' "$2" >"$T/denied"
}

# tracefs_mount DIR: a mount of our own (nothing on the machine has to be mounted, and nothing stays;
# the caller unmounts). Fails, and leaves in $tracefs_why, why the kernel's tracepoints are not there.
tracefs_mount()
{
	mkdir -p "$1"
	if ! tracefs_why=$(mount -t tracefs -o mode=755 tracefs "$1" 2>&1); then
		tracefs_why="cannot mount tracefs: $tracefs_why"
		return 1
	fi
	[ ! -d "$1/events/raw_syscalls" ] || return 0
	umount "$1"
	tracefs_why='the kernel has no raw_syscalls tracepoints'
	return 1
}

# oracle_have_32: is there a kinds32 now, an i386 program?
oracle_have_32()
{
	[ "$(uname -m)" = x86_64 ] &&
		cc -m32 -O1 -std=gnu11 -D_GNU_SOURCE -o "$T/kinds32" "$here/kinds.c" -pthread 2>/dev/null &&
		"$T/kinds32" end
}
