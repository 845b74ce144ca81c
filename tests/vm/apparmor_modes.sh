#!/usr/bin/env bash
# The options of `whittle emit apparmor` under a kernel with AppArmor in qemu: --exec=px with profiles of
# their own, --keep-environment (what the program sees of it), --form=host with --attach, --complain,
# and local/NAME. Each program may do what it was recorded to do, and no more.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/apparmor/compile.bash"
t_init
cd "$ROOT" || exit 1
t_have cc jq unshare apparmor_parser qemu-system-x86_64 apt-get dpkg-deb depmod cpio || t_skip_all "no $t_missing here"
[ "$(id -u)" -eq 0 ] || t_skip_all "needs root: profiles are loaded"
[ "$(uname -m)" = x86_64 ] || t_skip_all "only tried on x86_64"
unshare --mount true 2>/dev/null || t_skip_all "cannot make namespaces here"

here=$ROOT/tests/vm/apparmor
dir=$ROOT/build/vm/apparmor_modes
export WHITTLE_VM_CACHE=${WHITTLE_VM_CACHE:-$ROOT/build/vm} VM_ROOT=host VM_MEM=1024 VM_TIMEOUT=300
export VM_APPEND="apparmor=1 security=apparmor log_buf_len=8M"
tests/vm/arch-vm --prepare amd64 >"$T/prepare" 2>&1 ||
	t_skip_all "the kernel cannot be fetched: $(tail -n 1 "$T/prepare")"
rm -rf "$dir"
mkdir -p "$dir/h" "$dir/include/local" || exit 1
cc -std=gnu11 -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -static -o "$dir/h/hs" "$here"/helper*.c || exit 1
for name in main other alone; do cp "$dir/h/hs" "$dir/h/$name" || exit 1; done

# emit NAME EVIDENCE OPTION…
emit()
{
	"$WHITTLE" emit apparmor --quiet --name "$1" "${@:3}" "$dir/$2" || echo "failed: $1" >>"$T/failed"
}

profiles()
{
	printf 'abi <abi/3.0>,\ninclude <tunables/global>\nprofile fence { }\n'
	{
		emit px main --exec=px
		emit px_keep main --exec=px --keep-environment
		emit whittle-other other
		emit cx main --exec=cx
		emit cx_keep main --exec=cx --keep-environment
		emit sep main --exec=child-profiles
		emit hosted alone --form=host --attach=/mnt/h/alone
		emit local alone
		emit no_local alone
		emit complain alone --complain
		emit missing main --exec=px | sed 's/-> whittle-other,/-> whittle-none,/'
	} | grep -v '^abi\|^include <tun'
}

# said NAME: what it said, and how it ended
said() { sed -n "s/^$1: //p" "$dir/said"; }

t_ok "the programs can be recorded" env -i WHITTLE="$WHITTLE" PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
	unshare --mount --propagation private "$here/modes" record "$dir"
: >"$T/failed"
profiles >"$dir/profiles"
t_is "each has its profile" "$(cat "$T/failed")" ""
echo '/mnt/w/extra r,' >"$dir/include/local/local"
t_ok "the profiles compile for the machine's kernel" compile "$dir" --Include "$dir/include"
t_ok "the machine runs them" tests/vm/arch-vm amd64 -- "$here/modes" enforce "$dir"
[ "$t_failures" -eq 0 ] || t_end

t_is "px: the other program has its own profile, and a scrubbed environment" "$(said px)" \
	"secure 1 none; whittle-other (enforce) status 0"
t_is "px: --keep-environment keeps it" "$(said px_keep)" "secure 0 preload; whittle-other (enforce) status 0"
t_is "cx: the same with a child profile" "$(said cx)" "secure 1 none; cx//mnt.h.other (enforce) status 0"
t_is "cx: --keep-environment" "$(said cx_keep)" "secure 0 preload; cx_keep//mnt.h.other (enforce) status 0"
t_is "child-profiles: the same with one beside it" "$(said sep)" "secure 1 none; sep.mnt.h.other (enforce) status 0"
t_is "--form=host --attach: whoever starts it, it has its profile" "$(said attached)" \
	"secure 0 preload; hosted (enforce) status 0"
t_is "and nothing else has" "$(said not_attached)" "unconfined status 0"
t_is "nothing of that is denied" "$(grep -c 'apparmor="DENIED"' <(grep -v 'profile="fence"' "$dir/log.used"))" 0
for name in px px_keep cx cx_keep sep; do
	t_is "$name: the other program may not do what the first did" "$(said "$name other")" "open: EACCES status 1"
	t_is "$name: nor the first what the other did" "$(said "$name main")" "open: EACCES status 1"
done
t_is "--form=host: no more than was recorded" "$(said attached_more)" "open: EACCES status 1"
t_is "local/NAME adds a rule" "$(said local)" " status 0"
t_is "to that profile only" "$(said no_local)" "open: EACCES status 1"
t_is "--complain refuses nothing" "$(said complain)" "complain (complain) status 0"
t_ok "but logs it" grep -q 'apparmor="ALLOWED".*profile="complain" name="/mnt/w/extra"' "$dir/log"
t_like "px: without the other's profile its program does not start" "$(said missing)" '^exec: E[A-Z]* status 1$'
t_end
