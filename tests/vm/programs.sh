#!/usr/bin/env bash
# Real programs under their own AppArmor profiles. Each is recorded here; then, by a kernel with AppArmor
# under qemu, it runs under the profile that whittle made: it must do the same work, with nothing denied,
# and what it did not do must be denied. The machine boots while the programs are recorded, and runs
# each one as soon as its profile is there.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/programs/programs.bash"

t_init
cd "$ROOT" || exit 1
t_have cc jq unshare ip apparmor_parser qemu-system-x86_64 apt-get dpkg-deb depmod cpio busybox ||
	t_skip_all "no $t_missing here"
[ "$(id -u)" -eq 0 ] || t_skip_all "needs root: the programs are those of root"
[ "$(uname -m)" = x86_64 ] || t_skip_all "the machine is for x86_64"
namespaces=(--mount --net --pid --fork --kill-child --mount-proc --propagation private)
unshare "${namespaces[@]}" true 2>/dev/null || t_skip_all "cannot make namespaces here"

here=$ROOT/tests/vm/programs
dir=$ROOT/build/vm/programs
names=${PROGRAMS:-${programs[*]}} # a few of them, for a try by hand
export WHITTLE_VM_CACHE=$ROOT/build/vm VM_ROOT=host VM_MEM=1536 VM_TIMEOUT=600
export VM_APPEND="apparmor=1 security=apparmor log_buf_len=8M"
tests/vm/arch-vm --prepare amd64 >"$T/prepare" 2>&1 ||
	t_skip_all "the kernel cannot be fetched: $(tail -n 1 "$T/prepare")"
rm -rf "$dir"
mkdir -p "$dir/keep" || exit 1
cc -std=gnu11 -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -static -o "$dir/h" tests/vm/apparmor/helper*.c || exit 1
cc -std=gnu11 -O1 -D_GNU_SOURCE -static -pthread -o "$dir/keep/static" tests/workloads/corpus_small.c 2>/dev/null

# denials FILE NAME: the records of the program's profile
denials()
{
	grep 'apparmor="DENIED".*profile="w_'"$2"'"' "$1"
}

# The same work, and nothing denied.
confined()
{
	cat "$dir/$1/enforcing"
	diff "$dir/$1/outcome" "$dir/$1/enforced" && ! denials "$dir/log.runs" "$1"
}

# Each of the six things was refused, and the kernel's log says so.
forbidden()
{
	local what bad=0

	cat "$dir/$1/forbidden"
	[ "$(wc -l <"$dir/$1/forbidden")" -eq 6 ] || bad=1
	denials "$dir/log" "$1" >"$T/denials"
	for what in 'operation="open".*name="/etc/gshadow"' 'operation="mknod".*name="/mnt/w/never"' \
		'capname="sys_nice"' 'family="packet"' 'class="signal"\|operation="signal"' \
		'operation="exec".*name="/usr/bin/tac"'; do
		grep -q "$what" "$T/denials" && continue
		echo "not denied: $what"
		bad=1
	done
	return "$bad"
}

unshare "${namespaces[@]}" -- env -i WHITTLE="$WHITTLE" "$here/record" "$dir" "$names" >"$T/record" 2>&1 &
t_ok "the machine runs the programs" tests/vm/arch-vm amd64 -- "$here/enforce" "$dir" "$names"
[ "$t_failures" -eq 0 ] || kill $! # the machine may have ended before it
wait $!
t_is "what the programs are to be denied is allowed without a profile" "$(cat "$dir/allowed")" ''
for name in $names; do
	if [ -e "$dir/$name/missing" ]; then
		t_skip "$name" "$(cat "$dir/$name/missing")"
	elif [ -e "$dir/$name/failed" ]; then
		t_fail "$name is recorded, and has a profile" "$dir/$name/failed"
	else
		t_figure "$name: $("$WHITTLE" explain --paths -q "$dir/$name/out" 2>&1)"
		t_ok "$name does the same under its profile, with nothing denied" confined "$name"
		t_ok "$name is denied what it did not do" forbidden "$name"
	fi
done
t_end
