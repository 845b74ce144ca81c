#!/usr/bin/env bash
# The tree builds without warnings (they are errors) with gcc and with clang.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$ROOT" || exit 1

for compiler in gcc clang; do
	if t_have "$compiler"; then
		t_ok "$compiler builds everything without a warning" \
			"${MAKE:-make}" --no-print-directory CC="$compiler" SANITIZE= WERROR=-Werror binaries
	else
		t_skip "$compiler builds everything without a warning" "no $compiler here"
	fi
done
t_end
