#!/usr/bin/env bash
# The project's own rules: layers, limits, order of tables, headers that compile alone, no mutable
# globals. CC, OWN_CFLAGS and OBJECTS come from the Makefile.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$ROOT" || exit 1

sources=(include/whittle/*.h src/*/*.[ch])

headers_alone()
{
	local header bad=0

	for header in include/whittle/*.h src/*/*.h; do
		# A file of two lines: the header twice, so that its guard is tried too.
		# shellcheck disable=SC2086 # words
		printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
			${CC:-gcc} $OWN_CFLAGS -I. -fsyntax-only -xc - || bad=1
	done
	return "$bad"
}

# The sections of variables that can be written; constant tables with pointers are in .data.rel.ro.
# Allowed: what signal handlers set, and how much cli says.
mutable_globals()
{
	local found

	# shellcheck disable=SC2086 # words
	objdump -t $OBJECTS >"$T/symbols" && grep -q ' \.text' "$T/symbols" || return
	found=$(awk '/file format/ { file = $1 }
		/ O \.(data|bss)[ \t]/ && (file $NF) !~ /cli\/signals\.o:|cli\/say\.o:level$/ {
			print file " " $NF
		}' "$T/symbols")
	echo "$found"
	[ -z "$found" ]
}

sorted_table()
{
	sed -n "s/^S(\([a-z0-9_]*\),.*/\1/p" src/observe/syscalls.def >"$T/names"
	[ -s "$T/names" ] && sort -c -u "$T/names"
}

t_ok "rooms include only what stands left of them" awk -f tests/lint/layers.awk "${sources[@]}"
t_ok "files, functions and banned words keep to the limits" \
	awk -f tests/lint/limits.awk "${sources[@]}" tests/*/*.c
t_ok "every header compiles alone" headers_alone
t_ok "no mutable globals" mutable_globals
t_ok "syscalls.def is sorted, each name once" sorted_table
t_end
