#!/usr/bin/env bash
# An i386 binary on its own ABI: socketcall, ipc, mmap2, 64-bit offsets in two registers.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init gcc

command=("$F/program" "$W")
# shellcheck disable=SC2034 # of lib-deny.bash
bits=32
used=("$W/file")
unused=(/etc/shadow "$W/file.bak")

gcc -m32 -O1 -std=gnu11 -D_GNU_SOURCE -pthread -o "$F/program" "$ROOT/tests/workloads/corpus_small.c" ||
	t_skip_all "there is no 32-bit C library (gcc-multilib)"

corpus_main
