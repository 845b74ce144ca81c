#!/usr/bin/env bash
# Questions for capabilities that come faster than whittle can read them, where a probe tells of them
# (Debian's kernel, under qemu): the run says so, and whittle goes on. One call makes very many, on
# the machine's only processor, which is not whittle's before the call has ended.
. "$(dirname "$0")/../lib.sh"

t_init
cd "$ROOT" || exit 1
t_have jq python3 chrt qemu-system-x86_64 apt-get dpkg-deb depmod cpio || t_skip_all "no $t_missing here"
[ "$(uname -m)" = x86_64 ] || t_skip_all "the machine is for x86_64"
export WHITTLE_VM_CACHE=$ROOT/build/vm VM_ROOT=host VM_MEM=1024 VM_TIMEOUT=300 VM_ENV=WHITTLE
tests/vm/arch-vm --prepare amd64 >"$T/prepare" 2>&1 ||
	t_skip_all "the kernel cannot be fetched: $(tail -n 1 "$T/prepare")"

burst='import socket, struct
RTM_DELLINK, NLM_F_REQUEST, SO_SNDBUFFORCE = 17, 1, 32
message = struct.pack("IHHII", 20, RTM_DELLINK, NLM_F_REQUEST, 1, 0) + bytes(4)
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
netlink.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
netlink.send(message * 40000)'
tests/vm/arch-vm amd64 -- sh -c 'echo -1 >/proc/sys/kernel/sched_rt_runtime_us
	"$WHITTLE" record -q -o /tmp/out -- chrt -f 10 python3 -c "$1" &&
	cat /tmp/out/evidence.json' sh "$burst" >"$T/evidence.json" 2>"$T/said"
t_is 'whittle and the workload end well' $? 0
t_is 'what was not read is a limitation' "$(jq '.runs[0].limitations["measured-partly"] > 0' \
	"$T/evidence.json")" true
t_is 'and no loss: rules saw the call' "$(jq -c '.runs[0].losses, ([.capabilities[] |
	select(.syscall == "sendto" and .source == "inferred") | .name] | unique)' \
	"$T/evidence.json" | paste -sd' ')" '{} ["CAP_NET_ADMIN"]'
t_end
