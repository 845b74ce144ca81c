#!/usr/bin/env bash
# What others' checkers say. CC and OWN_CFLAGS come from the Makefile.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$ROOT" || exit 1

shell_files()
{
	grep -lE '^#!.*[/ ](ba)?sh$|^# shellcheck shell=' .ci/* tests/* tests/*/* 2>/dev/null
}

format()
{
	find include src tests -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror
}

# error.c and say.c define the functions that analysis.h describes.
tidy()
{
	set -o pipefail
	printf '%s\0' src/*/*.c | xargs -0 -n 1 -P "$(nproc)" sh -c '
		case $1 in
		*/error.c) own=-DDEFINES_FAIL ;;
		*/say.c) ;;
		*/cli/*) own=-DANALYSES_CLI ;;
		esac
		clang-tidy --quiet --warnings-as-errors="*" "$1" -- $OWN_CFLAGS $own \
			-include tests/lint/analysis.h 2>&1' tidy | { grep -vE 'note:|^ |warnings? generated' || true; }
}

check_cpp()
{
	cppcheck -q -j "$(nproc)" --std=c11 --error-exitcode=1 --inline-suppr \
		--enable=warning,portability,performance -DCPPCHECK -D_GNU_SOURCE -D__x86_64__ \
		--include=tests/lint/analysis.h -Iinclude -Isrc \
		--suppress=missingInclude --suppress=unmatchedSuppression src
}

shells()
{
	shell_files | xargs shellcheck -S info
}

# judge TOOL NAME FUNCTION
judge()
{
	if t_have "$1"; then t_ok "$2" "$3"; else t_skip "$2" "no $1 here"; fi
}

export OWN_CFLAGS
judge clang-format "clang-format would change nothing" format
judge clang-tidy "clang-tidy finds nothing" tidy
judge cppcheck "cppcheck finds nothing" check_cpp
judge shellcheck "shellcheck finds nothing" shells
t_end
