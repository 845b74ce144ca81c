#!/usr/bin/env bash
# 10,000 injections of a filter, each into a process that checks itself (workloads/inject_check.c), under
# a 5 kHz timer: no call is lost or made twice, and nothing of the process is changed.
# INJECTIONS=N: another number.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib-engine.sh"
t_init
check=$WORKLOADS/inject_check
total=${INJECTIONS:-10000}
# a sanitized whittle is some five times slower
[ -n "${INJECTIONS-}" ] || ! grep -qa __asan_init "$WHITTLE" || total=1500

"$check" chain 20 >"$T/plain" 2>&1
case $? in
77) t_skip_all "$(cat "$T/plain")" ;;
0) t_pass "the program finds nothing alone" ;;
*) t_fail "the program finds nothing alone" "$T/plain" ;;
esac

# injected NAME KIND N ENGINE [AS…]: N processes; all but a few have had a filter at their end
injected()
{
	local name=$1 kind=$2 count=$3 engine=$4 status=0 begin=$SECONDS filtered
	local -a options

	shift 4
	mapfile -t options < <(engine_options "$engine" "$T/known/evidence.json")
	rm -rf "$T/out"
	mkdir -m 0777 "$T/out"
	timeout -s KILL 400 "$@" "$WHITTLE" record -q -o "$T/out" --replace "${options[@]}" -- \
		"$check" "$kind" "$count" >"$T/log" 2>&1 || status=$?
	echo "status $status" >>"$T/log"
	if [ "$status" -eq 0 ]; then
		t_pass "$name: $count processes find nothing changed"
	else
		t_fail "$name: $count processes find nothing changed" "$T/log"
	fi
	t_ok "$name: the evidence is complete" grep -q '"complete": true, "losses": {}' "$T/out/evidence.json"
	filtered=$(sed -n "s/^$kind: .* \([0-9]*\) filtered.*/\1/p" "$T/log")
	t_figure "$name: $count processes, ${filtered:-?} under a filter at their end, $((SECONDS - begin)) s"
	t_ok "$name: at least 99 of 100 had a filter" [ "${filtered:-0}" -ge $((count * 99 / 100)) ]
	grep -q '"filter": "[^"]*learned' "$T/out/evidence.json" || [ "$engine" != learned ] ||
		t_fail "$name: the evidence says that a filter was learned"
}

injected 'one thread' chain $((total * 6 / 10)) learned
injected 'four threads' threads $((total * 3 / 10)) learned
injected 'stopped and continued' stops $((total / 20)) learned
if [ "$(id -u)" -eq 0 ] && t_have setpriv; then
	chmod 0755 "$T"
	nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	injected 'drops its privileges' drops $((total / 10)) learned
	if "${nobody[@]}" test -x "$WHITTLE" -a -x "$check"; then
		injected 'not root' chain $((total / 10)) learned "${nobody[@]}"
	else
		t_skip 'not root' 'the build cannot be reached by others than root'
	fi
else
	t_skip 'not root' 'is not root, or has no setpriv'
fi
cp -r "$T/out" "$T/known"
for engine in exact known notify; do
	engine_have "$engine" || continue
	mapfile -t options < <(engine_options "$engine" "$T/known/evidence.json")
	for kind in chain threads; do
		t_status "$engine: $kind: nothing is changed either" 0 timeout -s KILL 100 "$WHITTLE" record -q \
			-o "$T/out" --replace "${options[@]}" -- "$check" "$kind" 10
	done
done
t_end
