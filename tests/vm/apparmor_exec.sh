#!/usr/bin/env bash
# `whittle emit apparmor --exec`: workloads of several programs (apparmor/exec.tsv) are recorded here.
# Under a kernel with AppArmor in qemu each runs with a profile for each program, inside the first (cx)
# and beside it (child-profiles): it must end as unconfined, with nothing denied; and no program may do
# what only another did.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/apparmor/compile.bash"
t_init
cd "$ROOT" || exit 1
t_have cc jq unshare apparmor_parser qemu-system-x86_64 apt-get dpkg-deb depmod cpio || t_skip_all "no $t_missing here"
[ "$(id -u)" -eq 0 ] || t_skip_all "needs root: profiles are loaded, and users changed"
[ "$(uname -m)" = x86_64 ] || t_skip_all "only tried on x86_64"
unshare --mount true 2>/dev/null || t_skip_all "cannot make namespaces here"

here=$ROOT/tests/vm/apparmor
dir=$ROOT/build/vm/apparmor_exec
export WHITTLE_VM_CACHE=${WHITTLE_VM_CACHE:-$ROOT/build/vm} VM_ROOT=host VM_MEM=1024 VM_TIMEOUT=300
export VM_APPEND="apparmor=1 security=apparmor log_buf_len=8M"
tests/vm/arch-vm --prepare amd64 >"$T/prepare" 2>&1 ||
	t_skip_all "the kernel cannot be fetched: $(tail -n 1 "$T/prepare")"
rm -rf "$dir"
mkdir -p "$dir/h" "$dir/rows" || exit 1
cc -std=gnu11 -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -static -o "$dir/h/hs" "$here"/helper*.c || exit 1

# Without the rows whose program is not here.
absent=
for program in make git perl; do
	t_have "$program" && continue
	t_skip "the row of $program" "no $program here"
	absent+="$program "
done
awk -F '\t' -v absent="$absent" '!/^#/ { row = $1 == "socket" ? "perl " : $1 " " } !/^#/ && index(absent, row) == 0' \
	"$here/exec.tsv" >"$dir/corpus"
names=$(cut -f 1 "$dir/corpus")

profiles()
{
	local name

	printf 'abi <abi/3.0>,\ninclude <tunables/global>\nprofile fence { }\n'
	for name in $names; do
		"$WHITTLE" emit apparmor -q --exec=cx --name "cx_$name" "$dir/rows/$name/out" &&
			"$WHITTLE" emit apparmor -q --exec=child-profiles --name "sep_$name" \
				"$dir/rows/$name/out" || echo "failed: $name" >&2
	done | grep -v '^abi\|^include <tun'
}

# confined NAME MODE: as unconfined, and nothing denied?
confined()
{
	local wanted got

	wanted=$(cat "$dir/rows/$1/status")
	got=$(awk -F '\t' -v name="$2_$1" '$1 == name { print $2 }' "$dir/ends")
	echo "unconfined it ended with $wanted, under its profiles with $got"
	cat "$dir/rows/$1/enforced.$2"
	! grep "apparmor=\"DENIED\".*profile=\"$2_$1[\"./]" "$dir/log.rows" && [ "$got" = "$wanted" ]
}

t_ok "the rows can be recorded" env -i WHITTLE="$WHITTLE" PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root \
	unshare --mount --propagation private "$here/record" "$dir" "$dir/corpus"
profiles >"$dir/profiles" 2>"$T/failed"
t_is "every row has profiles" "$(cat "$T/failed")" ""
t_ok "the profiles compile for the machine's kernel" compile "$dir"
t_ok "the machine runs the rows" tests/vm/arch-vm amd64 -- "$here/enforce-exec" "$dir" "$dir/corpus"
[ "$t_failures" -eq 0 ] || t_end
for name in $names; do
	t_ok "$name: with child profiles it does the same" confined "$name" cx
	t_ok "$name: with separate profiles it does the same" confined "$name" sep
done
t_is "no program may do what only another did" "$(grep -v 'EACCES$' "$dir/forbidden")" ""
t_is "each refusal was logged as such" "$(grep -c 'apparmor="DENIED".*profile="\(cx\|sep\)_' "$dir/log")" \
	"$(wc -l <"$dir/forbidden")"
t_figure "$(wc -l <"$dir/ends") runs with nothing denied, $(wc -l <"$dir/forbidden") things of other programs refused"
t_end
