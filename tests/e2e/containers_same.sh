#!/usr/bin/env bash
# One program recorded on the host, and in a container by ptrace and by notification: the same facts
# of the program, or a limitation in the evidence says why not. By crun and by runc, with and without
# no-new-privileges (without it the kernel refuses a learned filter).
# shellcheck source=tests/lib-container.bash
. "$(dirname "$0")/../lib-container.bash"
c_init

# The root is the host's, so that a program has the same files there.
cp "$WORKLOADS"/{engine_storm,random_program,thread_exec,crowd_static,notify_quiet} "$c_root" || exit 1
# No background jobs: a handler without SA_RESTART, as dash's for SIGCHLD, may make a notified call
# fail with EINTR.
cat >"$c_root/script" <<'END'
cd "$1" || exit 1
trap 'echo usr1 >trapped' USR1
kill -USR1 $$
echo 1 >in
for i in 1 2 3; do tr 1-9 2-9 <in >>out; done
ln -s out link; cat link >/dev/null; chmod 600 out; mv out moved; rm in link moved trapped
/nothing/here || true
(exec /bin/true)
END
env=(env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)

# record OUT OPTION… -- COMMAND…
record()
{
	rm -rf "${T:?}/$1"
	(cd / && timeout -s KILL "$c_limit" "${env[@]}" TMPDIR="$T" "$WHITTLE" record -q --replace -o "$T/$1" "${@:2}") \
		>"$T/$1.log" 2>&1 </dev/null
}

# facts OUT: what a program did, a line each. Whether a lock is waited for, or a call that a stop
# interrupted goes on, is chance.
facts()
{
	jq -r '(.syscalls[] | "call \(.abi) \(.name) \(.program)"), (.execs[] | "exec \(.path) \(.by)"),
		(.paths[] | "path \(.path) \(.access)"), (.signals[] | "signal \(.name) \(.to)"),
		(.capabilities[] | "capability \(.name)")' "$T/$1/evidence.json" |
		grep -Ev '^call [^ ]* (futex|restart_syscall) ' | sort -u
}

# whole OUT: the same, whoever made the calls: an image that runs under a filter learned of another one
# has part of its calls there (the evidence says so)
whole() { facts "$1" | sed -E 's/^(call [^ ]* [^ ]*) .*/\1/' | sort -u; }

# calls OUT: names alone, without what the first image needed on the host only
calls() { facts "$1" | awk '$1 == "call" { print $3 }' | sort -u; }

# unseen OUT: the calls that the runtime could not have notified, as a pattern for grep -E
unseen() { jq -r '.runs[0].container.unseen | gsub("#,|,?#$"; "") | gsub(","; "|") | if . == "" then "-" else . end' "$T/$1/evidence.json"; }

complete() { jq -e '[.runs[] | .complete and (.losses == {})] | all' "$T/$1/evidence.json" >/dev/null; }

engine_of() { jq -r '.runs[0] | "\(.engine) \(.filter)"' "$T/$1/evidence.json"; }

# in_container RUNTIME ENGINE NNP NAME OPTION…: the bundle "program", recorded
in_container()
{
	c_edit program ".process.noNewPrivileges = $3"
	rm -rf "$C"/bundles/program/rootfs"$c_root"/dir/*
	record "$4" --engine "$2" "${expect[@]}" "${@:5}" -- "$1" --root "/run/whittle-$1" run -b "$C/bundles/program" program
}

# Nothing is left of a recording: no process but this script's, no container, no file.
clean()
{
	t_ok "$1: no process is left" wait_for 20 no_process
	t_is "$1: no container is left" "$("$2" --root "/run/whittle-$2" list -q)" ''
	t_is "$1: no temporary file is left" "$(find "$T" -mindepth 1 -maxdepth 1 -name 'whittle-*')" ''
}
no_process() { ! cat /proc/[0-9]*/comm 2>/dev/null | grep -Eq '^(whittle|crun|runc|engine_storm)'; }

# The status of a whole run of engine_storm is 7.
expect=() without=-
status_of_good()
{
	local status=0

	"$@" || status=$?
	[ "$status" = "${expect[1]:-0}" ]
}

# program NAME RUNTIMES COMMAND…: recorded in all ways, and compared
program()
{
	local name=$1 runtimes=$2 runtime where

	shift 2
	c_bundle program "$@"
	c_edit program --arg d "$c_root" '.process.capabilities |= map_values(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL"])'
	mkdir -p "$c_root/dir"
	t_ok "$name: on the host" status_of_good record host --engine ptrace --exact "${expect[@]}" -- "$@"
	calls host >"$T/host.calls"
	for runtime in $runtimes; do
		where="$name, $runtime"
		t_ok "$where: by notification" status_of_good in_container "$runtime" notify false notify
		t_ok "$where: by ptrace" status_of_good in_container "$runtime" ptrace false ptrace
		t_ok "$where: by ptrace with filters" status_of_good in_container "$runtime" ptrace true filters
		t_ok "$where: exactly" status_of_good in_container "$runtime" auto false exact --exact
		for out in notify ptrace filters exact; do t_ok "$where: nothing is lost ($out)" complete "$out"; done
		t_is "$where: which engines" "$(engine_of notify), $(engine_of exact)" 'notify none, ptrace none'
		facts exact >"$T/exact.facts"
		t_ok "$where: a learned filter hides nothing" diff <(whole exact) <(whole filters)
		t_ok "$where: a refused filter hides nothing" diff "$T/exact.facts" <(facts ptrace)
		t_ok "$where: notification sees the same, but for what is said" \
			diff <(grep -Ev "^call [^ ]* ($(unseen notify)) |^$without" "$T/exact.facts") \
			<(facts notify | grep -Ev "^call [^ ]* ($(unseen notify)) |^($without)")
		t_ok "$where: the host's calls" diff <(grep -vx execve "$T/host.calls") <(calls exact | grep -vx execve)
	done
	rm -rf "${c_root:?}/dir"
}

# What it takes to look at and to renice processes of the container: of the own user nothing, though
# they hold capabilities; of another one that.
others()
{
	local runtime=$1 engine="$2" look='read -r x </srv/up; cat /proc/$!/environ >/dev/null; renice -n 1 -g 1 >/dev/null; kill $!'
	local name="$1, $2: capabilities"

	c_bundle program sh -c "mkfifo /srv/up; sh -c 'echo >/srv/up; exec sleep 60' & $look"
	c_edit program '.process.capabilities |= map_values(["CAP_CHOWN"])'
	t_ok "$name: the own user's processes" in_container "$runtime" "$engine" false own
	t_is "$name: for them" "$(jq -r '.capabilities[].name' "$T/own/evidence.json" | sort -u | xargs)" ''
	c_bundle program sh -c "mkfifo -m 666 /srv/up2; setpriv --reuid 65534 sh -c 'echo >/srv/up2; exec sleep 60' & ${look//up/up2}"
	c_edit program '.process.capabilities |= map_values(["CAP_DAC_READ_SEARCH", "CAP_KILL", "CAP_SETUID", "CAP_SYS_NICE", "CAP_SYS_PTRACE"])'
	t_ok "$name: another user's processes" in_container "$runtime" "$engine" false other
	t_like "$name: for them too" "$(jq -r '.capabilities[].name' "$T/other/evidence.json" | sort -u | xargs)" \
		'CAP_KILL CAP_SETUID CAP_SYS_NICE CAP_SYS_PTRACE'
	rm -f "$C/bundles/program/rootfs/srv/up" "$C/bundles/program/rootfs/srv/up2"
}

usable=()
for runtime in crun runc; do
	if c_have "$runtime"; then usable+=("$runtime"); else t_skip "$runtime" "$c_reason"; fi
done
[ ${#usable[@]} -gt 0 ] || t_skip_all "there is no runtime"

all=${usable[*]}
one=${usable[0]}
program "a script" "$all" /bin/sh "$c_root/script" "$c_root/dir"
program "python" "$one" /usr/bin/python3 -c 'import json, subprocess; subprocess.run(["true"])'
without='path|capability' # many of its calls fail, which a notification does not know
program "a made-up program" "$one" "$c_root/random_program" "$c_root/dir" 7
without=-
others "$one" notify
others "$one" ptrace
expect=(--expect 7)
program "threads" "$all" "$c_root/engine_storm" threads 20
program "processes" "$one" "$c_root/engine_storm" forks 50
program "images" "$one" "$c_root/engine_storm" execs 10
program "images of other threads" "$one" "$c_root/engine_storm" thread-exec 10
program "vfork" "$one" "$c_root/engine_storm" vforks 20
program "job control" "$one" "$c_root/engine_storm" stops 10
for runtime in "${usable[@]}"; do clean "$runtime" "$runtime"; done
t_end
