# shellcheck shell=bash
# What a row of caps/corpus.tsv runs in (caps_init first; then $H $C $SP $RP are there), and how the
# lists that whittle makes are read.

# The two strangers have three descriptors each: a row counts them.
stranger()
{
	(
		exec </dev/null >/dev/null 2>&1
		for fd in /proc/"$BASHPID"/fd/*; do
			fd=${fd##*/}
			[ "$fd" -le 2 ] || eval "exec $fd>&-"
		done
		exec "$@"
	) &
}

# caps_init: skips the file, loudly, where its rows cannot run.
caps_init()
{
	# shellcheck disable=SC2154 # lib.sh's
	t_have cc jq setpriv unshare || t_skip_all "$t_missing is not installed"
	[ "$(id -u)" -eq 0 ] || t_skip_all "needs root: the rows are about root's capabilities"
	chmod 755 "$T"
	H=$T/helper
	cc -O1 -std=gnu11 -Wall -Wextra -D_GNU_SOURCE -o "$H" "$ROOT/tests/oracle/caps/helper.c" -lcap || exit 1
	C=$T/calls
	cc -O1 -std=gnu11 -Wall -Wextra -D_GNU_SOURCE -o "$C" "$ROOT/tests/oracle/caps/calls.c" -lseccomp || exit 1
	unshare --mount --net --ipc --uts true 2>/dev/null || t_skip_all "cannot make namespaces here"
	stranger setpriv --reuid 1000 --regid 1000 --clear-groups sleep 100000
	SP=$!
	stranger sleep 100000
	RP=$!
	wait_for 10 grep -qx sleep "/proc/$SP/comm" "/proc/$RP/comm" || exit 1
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	export H C SP RP PATH
}

# remove DIR: also what a row made immutable.
remove()
{
	if [ -d "$1" ] && t_have chattr; then chattr -f -R -i "$1"; fi
	rm -rf "$1"
}

# in_fixture NAME SETUP COMMAND…: the command in a new directory, after the setup, in namespaces of
# its own: what it does to interfaces, shared memory and the host name ends with it.
in_fixture()
{
	local dir=$T/$1

	remove "$dir"
	mkdir -m 755 "$dir" || return
	# shellcheck disable=SC2016 # the inner shell's
	(cd "$dir" && unshare --mount --net --ipc --uts sh -c '
		setup=$1; shift
		sh -c "$setup" >/dev/null 2>&1 </dev/null
		exec "$@" </dev/null' sh "$2" "${@:3}")
}

# holds_here WHEN: does the answer of a row hold on this machine?
holds_here()
{
	mkdir -p "$T/when"
	(cd "$T/when" && unshare --mount --net --ipc --uts sh -c "$1" >/dev/null 2>&1 </dev/null)
}

# ---- lists ----

# granted FILE: "cap[|other…]" a line of a capabilities.txt: what is granted and would do too.
granted()
{
	awk '/^CAP_/ {
		set = $1
		if (match($0, /\(would do too: [^)]*\)/)) {
			others = substr($0, RSTART + 15, RLENGTH - 16)
			gsub(/ +/, "|", others)
			set = set "|" others
		}
		print tolower(set)
	}' "$1"
}

# proven FILE: the sets that a verified.json calls needed, as the corpus writes them.
proven()
{
	jq -r '[.capabilities[] | select(.verdict != "not needed")
		| [.name] + (.alternatives // []) + ((.together // []) | if . == [] then [] else [join("+")] end)
		| map(ltrimstr("CAP_") | ascii_downcase) | sort | join("|")]
		| sort | join(",") | if . == "" then "-" else . end' "$1"
}

# sorted SETS: the members of each set in order, and the sets.
sorted()
{
	local set

	tr , '\n' <<<"$1" | while IFS= read -r set; do
		tr '|' '\n' <<<"$set" | sort | paste -sd'|'
	done | sort | paste -sd,
}
