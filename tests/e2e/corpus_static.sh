#!/usr/bin/env bash
# A static binary: files, directories, threads, children, pipes, signals, sockets, a timer.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init cc

command=("$F/program" "$W")
used=("$W/file")
unused=(/etc/shadow "$W/file.bak" /etc/ld.so.cache)

cc -O1 -std=gnu11 -D_GNU_SOURCE -static -pthread -o "$F/program" "$ROOT/tests/workloads/corpus_small.c" ||
	t_skip_all "there is no static C library"

corpus_main
