#!/usr/bin/env bash
# Moments that a run missed, and that come under its own profile (profiles/implied.tsv).
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1
t_have bwrap dash jq || t_skip_all "$t_missing is not installed"
bwrap --ro-bind / / true 2>said || t_skip_all "bwrap cannot run here: $(tail -n 1 said)"

# enforced DIR COMMAND…: under the profile of DIR
enforced()
{
	"$WHITTLE" emit bpf -q -o "$1/filter" "$1" &&
		timeout -s KILL 20 bwrap --ro-bind / / --dev /dev --proc /proc --seccomp 9 -- "${@:2}" 9<"$1/filter"
}

called() { jq -e --arg name "$2" '.syscalls | any(.name == $name)' "$1/evidence.json"; }

# The job has ended when the shell waits for it; later it has not.
ended='true & p=$!; while [ -d /proc/$p ]; do sleep 0.05; done; wait; echo done'
"$WHITTLE" record -q -o wait -- dash -c "$ended" >/dev/null
t_ok "a shell's wait for what has ended does not sleep" not called wait rt_sigsuspend
t_is 'under that profile it may' "$(enforced wait dash -c 'sleep 0.5 & wait; echo done')" 'done'
t_end
