#!/usr/bin/env bash
# `whittle emit apparmor --abi=4.0`: by the parser and the kernel of Debian testing (AppArmor 4) under
# qemu. A static program is recorded here; there it runs under its profile, under one without its newer
# rules, and under the one of abi 3.0.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$ROOT" || exit 1
t_have cc unshare qemu-system-x86_64 apt-get dpkg-deb depmod cpio || t_skip_all "no $t_missing here"
[ "$(id -u)" -eq 0 ] || t_skip_all "needs root"
[ "$(uname -m)" = x86_64 ] || t_skip_all "only tried on x86_64"
unshare --user true 2>/dev/null || t_skip_all "cannot make user namespaces here"

dir=$ROOT/build/vm/apparmor_abi4
export WHITTLE_VM_CACHE=${WHITTLE_VM_CACHE:-$ROOT/build/vm} VM_SUITE=testing VM_ROOT=debs VM_TIMEOUT=200
export VM_PACKAGES="apparmor dash coreutils util-linux busybox-static"
export VM_APPEND="apparmor=1 security=apparmor log_buf_len=8M"
tests/vm/arch-vm --prepare amd64 >"$T/prepare" 2>&1 ||
	t_skip_all "the kernel cannot be fetched: $(tail -n 1 "$T/prepare")"
rm -rf "$dir"
mkdir -p "$dir" || exit 1
cc -std=gnu11 -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -static -o "$dir/hs" tests/vm/apparmor/helper*.c || exit 1
cd "$dir" || exit 1
rows='userns unshare user
mq mqopen /whittle -- mqunlink /whittle
sysv msgget -- msgctl
unix usock stream
uring uringcreds'

# render NAME OPERATIONS: the profiles NAME (abi 4.0), old_NAME (3.0), and without_NAME: no newer rules.
render()
{
	# shellcheck disable=SC2086 # words
	"$WHITTLE" record -q --no-stacks -o "$1" -- "$dir/hs" $2 &&
		"$WHITTLE" emit apparmor -q --allow-incomplete --abi=4.0 --name "$1" "$1" >"$1.profile" &&
		"$WHITTLE" emit apparmor -q --allow-incomplete --name "old_$1" "$1" >"old_$1.profile" &&
		sed "s/^profile $1 /profile without_$1 /; /^  \(userns\|mqueue\|network\|io_uring\|owner .whittle\) /d" \
			"$1.profile" >"without_$1.profile"
}

while read -r name operations; do
	t_ok "$name is recorded" render "$name" "$operations"
done <<<"$rows"
"$WHITTLE" emit apparmor --abi=4.0 --exec=cx --name cx "$ROOT/tests/golden/exec" >cx.profile
# The parser's abi 4.0 (4.1.8) has no io_uring, so that nothing is asked. By the kernel's own features
# something is; sqpoll is never emitted, since its flag is in memory.
for name in uring without_uring; do
	sed "/^abi /d; s/^profile $name /profile full_$name /" "$name.profile" >"full_$name.full"
done
sed 's/^profile full_uring /profile full_poll /; /io_uring override_creds,/a\  io_uring sqpoll,' \
	full_uring.full >full_poll.full
for rule in 'userns create' 'mqueue (delete) type=posix' 'mqueue (create, open) type=posix "/a\040b"' 'io_uring override_creds' 'io_uring sqpoll'; do
	echo "  $rule,"
done | sed '1iabi <abi/4.0>,\ninclude <tunables/global>\nprofile words {\n' | sed '$a}' >words.profile

# In the machine: what a parser says of each profile, and how each row ends under it.
cat >run <<'END'
for profile in *.profile; do
	apparmor_parser --replace --skip-cache "$profile" >"$profile.said" 2>&1
	echo "$? ${profile%.profile}" >>parsed
done
while read -r name operations; do
	for profile in "$name" "old_$name" "without_$name"; do
		./hs confine "$profile" ./hs $operations >"$profile.out" 2>&1
		echo "$profile $?" >>ends
	done
done <rows
for name in uring without_uring poll; do
	apparmor_parser --replace --skip-cache --policy-features=/sys/kernel/security/apparmor/features \
		"full_$name.full" >"full_$name.profile.said" 2>&1
	./hs confine "full_$name" ./hs uringcreds >"full_$name.out" 2>&1
	echo "full_$name $?" >>ends
	./hs confine "full_$name" ./hs uringpoll >"sqpoll_$name.out" 2>&1
	echo "sqpoll_$name $?" >>ends
done
ls /sys/kernel/security/apparmor/features /sys/kernel/security/apparmor/features/namespaces >features
dmesg | grep DENIED >log
END
echo "$rows" >rows
t_ok "the machine runs them" "$ROOT/tests/vm/arch-vm" amd64 -- sh run
t_is "its parser takes every profile" "$(grep -v '^0 ' parsed; cat ./*.profile.said)" ""
ends() { grep "^$1 " ends; }
# The class mqueue is in no mainline kernel (7.2): a POSIX queue is a file there, System V ones are free.
t_ok "mq: a queue is asked for as a file" grep -q 'class="file" profile="without_mq" name="/whittle"' log
t_ok "mq: the rule of the newer class has its name" grep -q '^  mqueue .* type=posix /whittle,$' mq.profile
while read -r name _; do
	t_is "$name: it may under abi 4.0" "$(ends "$name")" "$name 0"
	t_is "$name: nothing is denied then" "$(grep -c "profile=\"$name\"" log)" 0
	t_is "$name: it may under abi 3.0" "$(ends "old_$name")" "old_$name 0"
done <rows
for name in mq userns unix; do
	t_is "$name: without the rule it may not" "$(ends "without_$name" | grep -c ' 0$')" 0
	t_ok "$name: and that is logged" grep -q "profile=\"without_$name\"" log
done
t_is "io_uring by the kernel's features: other credentials with the rule only" \
	"$(ends full_uring) $(ends full_without_uring)" "full_uring 0 full_without_uring 1"
t_is "io_uring by the kernel's features: a thread that polls with the rule only" \
	"$(ends sqpoll_poll) $(ends sqpoll_uring)" "sqpoll_poll 0 sqpoll_uring 1"
t_figure "without their rules $(awk '/^without/ && $2 == 0 { print substr($1, 9) }' ends | paste -sd ' ') are allowed: only parsed, not enforced there"
t_end
