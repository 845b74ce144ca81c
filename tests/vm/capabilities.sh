#!/usr/bin/env bash
# The capabilities of real programs on another kernel: Debian's, under qemu, where root has all of them
# and no tracepoint tells what was asked for, but a probe can. Some programs of ../oracle/caps_programs.sh are recorded
# there, and their lists proven: with exactly the recorded list, and with every one of it left out.
. "$(dirname "$0")/../lib.sh"

# Others of them do there too; these take a minute.
programs=${PROGRAMS:-ping_as_root su chown mount option}

t_init
cd "$ROOT" || exit 1
t_have jq unshare setpriv ip qemu-system-x86_64 apt-get dpkg-deb depmod cpio || t_skip_all "no $t_missing here"
[ "$(uname -m)" = x86_64 ] || t_skip_all "the machine is for x86_64"
export WHITTLE_VM_CACHE=$ROOT/build/vm VM_ROOT=host VM_MEM=1024 VM_TIMEOUT=900 VM_ENV=WHITTLE
tests/vm/arch-vm --prepare amd64 >"$T/prepare" 2>&1 ||
	t_skip_all "the kernel cannot be fetched: $(tail -n 1 "$T/prepare")"
# What it says is what this test says, its plan included: without one, tests/run counts a failure.
# shellcheck disable=SC2086 # words
tests/vm/arch-vm amd64 -- tests/oracle/caps_programs.sh $programs
