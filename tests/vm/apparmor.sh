#!/usr/bin/env bash
# AppArmor profiles against proven answers: each row of apparmor/corpus.tsv and more.tsv is recorded here. Its
# profile must have the rules that the row was proven to need, no less and no more. Then, by a kernel
# with AppArmor under qemu, the command runs under that profile: it must end as it does unconfined,
# with nothing denied, and what it did not do must be denied.
#
# exact   the rules proven
# wider   these and what the row names as there on purpose
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/apparmor/compile.bash"

# What is reached; fewer is a regression.
exact_wanted=256 confined_wanted=269

t_init
cd "$ROOT" || exit 1
t_have cc jq unshare apparmor_parser qemu-system-x86_64 apt-get dpkg-deb depmod cpio || t_skip_all "no $t_missing here"
[ "$(id -u)" -eq 0 ] || t_skip_all "needs root: the rows mount, and change owners"
[ "$(uname -m)" = x86_64 ] || t_skip_all "the answers are proven for x86_64"
unshare --mount true 2>/dev/null || t_skip_all "cannot make namespaces here"

here=$ROOT/tests/vm/apparmor
dir=$ROOT/build/vm/apparmor
export WHITTLE_VM_CACHE=$ROOT/build/vm VM_ROOT=host VM_MEM=1024 VM_TIMEOUT=600
export VM_APPEND="apparmor=1 security=apparmor log_buf_len=8M"
tests/vm/arch-vm --prepare amd64 >"$T/prepare" 2>&1 ||
	t_skip_all "the kernel cannot be fetched: $(tail -n 1 "$T/prepare")"
rm -rf "$dir"
mkdir -p "$dir/h" "$dir/rows" || exit 1
cat "$here/corpus.tsv" "$here/more.tsv" >"$dir/corpus.tsv" || exit 1
while read -r file flags; do
	# shellcheck disable=SC2086 # words
	cc -std=gnu11 -O1 -Wall -Wextra -Werror -D_GNU_SOURCE $flags -o "$dir/h/$file" "$here"/helper*.c || exit 1
done <<'END'
h
hs -static
hs2 -static -Wl,-z,noseparate-code
END

# needed NAME FLAGS RULES: one a line
needed()
{
	local byte

	case ,$2, in
	*,bytes,*) for byte in {1..46} {48..255}; do printf '"/mnt/w/n\\%03o" w,\n' "$byte"; done ;;
	*) printf '%s\n' "${3// ;; /$'\n'}" | sed "s/-> @SELF@/-> q_$1/" ;;
	esac
}

# profile NAME FLAGS: what whittle makes of the row's record
profile()
{
	"$WHITTLE" emit apparmor --quiet --allow-incomplete --name "q_$1" "$dir/rows/$1/out" 2>"$dir/rows/$1/emit" |
		case ,$2, in
		*,kid,*) sed '$s/^}$/  profile kid { }\n}/' ;;
		*) cat ;;
		esac
}

# Judges the rules of every row, and puts all profiles in one file.
judge_rules()
{
	local name flags rules row entry verdict

	printf 'abi <abi/3.0>,\ninclude <tunables/global>\nprofile fence { }\n' >"$dir/profiles"
	while IFS=$'\037' read -r name flags _ _ rules _; do
		row=$dir/rows/$name
		entry=$(jq -r '.execs[] | select(.by == "").path' "$row/out/evidence.json") || return
		needed "$name" "$flags" "$rules" >"$row/needed"
		profile "$name" "$flags" >"$row/profile" || return
		awk -v entry="$entry" -f "$here/judge.awk" "$row/needed" "$row/profile" >"$row/verdict" || return
		verdict=exact
		[ ! -s "$row/verdict" ] || verdict=wider
		! grep -q '^missing\|^surplus' "$row/verdict" || verdict=differs
		echo "$verdict" >>"$T/verdicts"
		[ "$verdict" = exact ] || echo "# $verdict: $name: $(paste -sd, "$row/verdict")"
		grep -v '^abi\|^include <tun' "$row/profile" >>"$dir/profiles"
	done <"$T/rows"
}

# denials FILE NAME: the records of the row's profile
denials()
{
	grep 'apparmor="DENIED".*profile="q_'"$2"'"' "$1"
}

# confined NAME: did the row under its profile end as without, with nothing denied?
confined()
{
	local wanted got

	wanted=$(cat "$dir/rows/$1/status")
	got=$(awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$dir/ends")
	echo "unconfined it ended with $wanted, under its profile with $got"
	cat "$dir/rows/$1/enforced"
	! denials "$dir/log.rows" "$1" && [ "$got" = "$wanted" ]
}

# forbidden NAME: were the three things that the row did not do refused, and logged?
forbidden()
{
	local count

	count=$(denials "$dir/log" "$1" | grep -c 'name="/etc/hostname"\|name="/mnt/w/new/"\|family="inet6"')
	cat "$dir/rows/$1/forbidden"
	[ "$count" -eq 3 ] && [ "$(grep -c 'EACCES$' "$dir/rows/$1/forbidden")" -eq 3 ]
}

grep -v '^#' "$dir/corpus.tsv" | tr '\t' '\037' >"$T/rows"
t_ok "the rows can be recorded" env -i WHITTLE="$WHITTLE" PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root \
	unshare --mount --propagation private "$here/record" "$dir" "$dir/corpus.tsv"
judge_rules >"$T/differences" || t_fail "every row has a profile" "$T/differences"
grep '^#' "$T/differences"
count() { grep -cx "$1" "$T/verdicts"; }
exact=$(count exact) wider=$(count wider) rows=$(wc -l <"$T/rows")
t_figure "rules: of $rows rows $exact exact, $wider wider on purpose"
t_ok "the rules of at least $exact_wanted rows are exact" [ "$exact" -ge "$exact_wanted" ]

t_ok "the profiles compile for the machine's kernel" compile "$dir"
t_ok "the machine runs the rows" tests/vm/arch-vm amd64 -- "$here/enforce" "$dir" "$dir/corpus.tsv"
[ "$t_failures" -eq 0 ] || t_end
good=0 refused=0
while IFS=$'\037' read -r name _; do
	if confined "$name" >"$T/why" 2>&1; then
		good=$((good + 1))
	else
		sed "s/^/# $name: /" "$T/why"
	fi
	if forbidden "$name" >"$T/why" 2>&1; then
		refused=$((refused + 1))
	else
		sed "s/^/# $name, forbidden: /" "$T/why"
	fi
done <"$T/rows"
t_figure "enforced: $good end as unconfined with nothing denied; $refused are refused all that they did not do"
t_ok "at least $confined_wanted rows do the same under their profiles" [ "$good" -ge "$confined_wanted" ]
t_is "what was not recorded is refused" "$refused" "$rows"
t_end
