#!/usr/bin/env bash
# On the same run, the (architecture, number) pairs that whittle recorded are those of the kernel's
# audit records: a filter that answers LOG to everything makes one of each call. What a filter of the
# workload's own denied (it asks for records too) is listed apart.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/common.bash"
t_init
oracle_build
"$T/audit_calls" "$T/kernel" "$T/audit_calls" --join "$T/kinds" end >"$T/log" 2>&1 ||
	t_skip_all "no audit records here: $(tail -n 1 "$T/log")"

# observed NAME COMMAND…: records it with the filter around it.
observed()
{
	local name=$1 program status=0

	program=$(type -P "$2") || { t_skip "$name: the same calls" "$2 is not installed"; return; }
	shift 2
	rm -rf "$T/evidence" "$T/kernel"
	(cd "$T/work" && exec "$T/audit_calls" "$T/kernel" timeout 120 "$WHITTLE" record -o "$T/evidence" --replace -- \
		"$T/audit_calls" --join "$program" "$@") >"$T/log" 2>&1 </dev/null || status=$?
	if [ "$status" -eq 125 ] || [ ! -s "$T/kernel" ] ||
		! evidence_calls "$T/evidence/evidence.json" "$T/audit_calls" >"$T/whittle" 2>>"$T/log"; then
		echo "status $status" >>"$T/log"
		t_fail "$name: the same calls" "$T/log"
		return
	fi
	awk '$4 == "log" { print $1, $2, $3 }' "$T/kernel" >"$T/ran"
	awk '$4 != "log" { print $1, $2, $3 }' "$T/kernel" >"$T/denied"
	oracle_point "$name" "$T/evidence/evidence.json"
	[ "$status" -eq 0 ] || echo "# $name ended with status $status"
}

mkdir "$T/work"
printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' >"$T/work/hello.c"

observed true true
observed python3 python3 -c 'import json, subprocess; subprocess.run(["true"])'
observed gcc gcc -O2 -o hello hello.c
for kind in threads vfork thread-exec mixed filter stopped daemon forks; do
	observed "$kind" "$T/kinds" "$kind"
done
if oracle_have_32; then
	for kind in threads vfork thread-exec mixed filter stopped daemon forks; do
		observed "i386 $kind" "$T/kinds32" "$kind"
	done
	observed "both" sh -c "$T/kinds mixed; $T/kinds32 mixed; $T/kinds32 vfork"
else
	t_skip "i386: the same calls" "the compiler or the kernel cannot"
fi
if t_have stress-ng; then
	observed "stress-ng syscall" stress-ng --quiet --temp-path "$T/work" --timeout 1 --syscall 1
else
	t_skip "stress-ng: the same calls" "$t_missing is not installed"
fi
t_end
