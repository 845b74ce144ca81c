# shellcheck shell=bash
# The enforced round trip. A corpus script says how a real program is driven; corpus_main runs it
#	native   as it is, for the outcome wanted
#	record   under whittle, for the profiles
#	bwrap    under `whittle emit bpf`, with the capabilities of capabilities.txt
#	crun-on crun-off runc-on runc-off
#	         in a container of that runtime, with no-new-privileges on and off, under
#	         seccomp.json and the sets of `whittle emit caps-oci` as they are
# and every outcome must be the native one. Then what the program did not use must be denied: a
# call and a capability for real, a path by the compiled AppArmor policy.
#
# A corpus script sets (all but command have a default):
#	command=(PROGRAM ARG…)   run in $W with the environment of $environment only
#	setup                    function: makes the fixture in $W, which is empty before each run
#	client                   function: for a server; runs untraced in $W once it listens
#	report                   function: prints what else belongs to the outcome
#	account=NAME             runs as this user, if root runs the script (root)
#	runs=N                   recordings to unite (1): programs with timing of their own need more
#	used=(PATH…) unused=(PATH…)  for the AppArmor policy; $W/… or the host's
#	bits=64|32               which ABI the probe uses (64)
# and calls corpus_main. Given: $W the work directory, the same path everywhere; $F files that stay
# from run to run (a compiled program, the client's files).
#
# CORPUS_KEEP=DIR (environment) keeps the profiles and what each run said there.
#
# Root runs all of it in private mount, network and process namespaces: ports and mounts are its
# own, and no container outlives a script that is killed.

if [ "$(id -u)" -eq 0 ] && [ -z "${CORPUS_PRIVATE-}" ]; then
	CORPUS_PRIVATE=1 exec unshare --mount --net --pid --fork --kill-child --mount-proc \
		--propagation private -- bash "$0" "$@"
fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib-deny.bash"

command=()
account=$(id -un)
runs=1
used=()
unused=()
bits=64
modes=(bwrap crun-on crun-off runc-on runc-off)
run_limit=60
program=$(basename "$0" .sh)
program=${program#corpus_}

setup() { :; }
report() { :; }
is_server() { declare -F client >/dev/null; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# Debian keeps some of these outside an ordinary user's path.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# corpus_init COMMAND…: skips the whole script if a command is missing; makes $W, $F and the network.
corpus_init()
{
	t_init
	t_have "$@" jq setpriv || t_skip_all "$t_missing is not installed"
	S=$T
	if is_root; then
		private_system
		S=/mnt
	fi
	trap corpus_cleanup EXIT
	W=$S/work F=$S/files P=$S/profile B=$S/bundle
	mkdir -p "$W" "$F" "$P" "$B"
	chmod 755 "$S" "$F" "$B"
	# The account may not be let into the checkout.
	install -m 755 "$WHITTLE" "$F/whittle"
	environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
		HOME="$W" TMPDIR="$W" W="$W" F="$F")
}

corpus_cleanup()
{
	local status=$? runtime

	for runtime in crun runc; do
		if is_root && t_have "$runtime"; then
			"$runtime" --root "$S/state" delete -f "$(container)" >/dev/null 2>&1
		fi
	done
	if [ -n "${CORPUS_KEEP-}" ]; then
		mkdir -p "$CORPUS_KEEP/$program"
		cp -r "$P/." "$S"/log.* "$S"/outcome.* "$CORPUS_KEEP/$program"
	fi
	(exit "$status")
	t_cleanup
}

# In our own mount namespace: a tmpfs for the work, and no half-mounted cgroup2, which crun takes
# for a hybrid hierarchy and refuses ("cgroups in hybrid mode not supported").
private_system()
{
	mount -t tmpfs -o mode=755 whittle /mnt || exit 1
	if [ -d /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified || exit 1; fi
	ip link set lo up || exit 1
}

# fixture: an empty $W, then the script's own.
fixture()
{
	find "$W" -mindepth 1 -delete
	(cd "$W" && setup) || return 1
	[ "$account" = "$(id -un)" ] || chown -R "$account" "$W"
}

as_account()
{
	if [ "$account" = "$(id -un)" ]; then
		exec env -i "${environment[@]}" "$@"
	fi
	exec setpriv --reuid="$account" --regid="$(id -g "$account")" --clear-groups \
		env -i "${environment[@]}" "$@"
}

# --- launching: each replaces the (sub)shell by "$@" run that way; standard output is its ---

launch_native() { as_account timeout --foreground -s KILL "$run_limit" "$@"; }

launch_record()
{
	local options=(--output "$P" --append)

	if is_server; then options+=(--exercise "$F/client"); fi
	as_account timeout -s KILL "$run_limit" "$F/whittle" record "${options[@]}" -- "$@"
}

launch_bwrap()
{
	local options=(--ro-bind / / --dev /dev --proc /proc --bind "$W" "$W" --die-with-parent
		--seccomp 9 --info-fd 8) capability

	if [ "$account" = root ]; then
		options+=(--cap-drop ALL)
		for capability in $(capabilities); do options+=(--cap-add "$capability"); done
	fi
	as_account timeout --foreground -s KILL "$run_limit" bwrap "${options[@]}" -- "$@" 9<"$P/filter.bpf" 8>"$S/info"
}

# launch_container RUNTIME on|off COMMAND…: a rootfs that is the host's, written to in memory only.
launch_container()
{
	local runtime=$1

	mkdir -p "$B/rootfs"
	bundle "$2" "${@:3}" >"$B/config.json"
	exec timeout -s KILL "$run_limit" "$runtime" --root "$S/state" run --bundle "$B" "$(container)"
}
launch_crun-on() { launch_container crun on "$@"; }
launch_crun-off() { launch_container crun off "$@"; }
launch_runc-on() { launch_container runc on "$@"; }
launch_runc-off() { launch_container runc off "$@"; }
container() { echo "whittle-$program-${T##*.}"; }

# bundle on|off COMMAND…: the config.json of a container, with the profile's files unchanged in it.
bundle()
{
	local no_new_privileges=false

	if [ "$1" = on ]; then no_new_privileges=true; fi
	"$WHITTLE" emit caps-oci "$P" >"$B/sets.json" || return
	shift
	jq -n --argjson nnp "$no_new_privileges" --arg work "$W" --arg files "$F" \
		--argjson uid "$(id -u "$account")" --argjson gid "$(id -g "$account")" \
		--slurpfile seccomp "$P/seccomp.json" --slurpfile sets "$B/sets.json" \
		--arg id "$(container)" --arg environment "$(printf '%s\n' "${environment[@]}")" \
		--arg command "$(printf '%s\n' "$@")" '
		{
			ociVersion: "1.0.2",
			process: {
				terminal: false, cwd: $work, args: ($command | split("\n")),
				env: ($environment | split("\n")), user: { uid: $uid, gid: $gid },
				noNewPrivileges: $nnp
			},
			root: { path: "rootfs", readonly: false },
			hostname: "whittle",
			mounts: [
				{ destination: "/proc", type: "proc", source: "proc" },
				{ destination: "/dev", type: "tmpfs", source: "tmpfs",
					options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
				{ destination: "/dev/pts", type: "devpts", source: "devpts",
					options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666"] },
				{ destination: "/dev/shm", type: "tmpfs", source: "shm",
					options: ["nosuid", "nodev", "mode=1777"] },
				{ destination: "/sys", type: "bind", source: "/sys",
					options: ["rbind", "ro"] },
				{ destination: $work, type: "bind", source: $work,
					options: ["bind", "rw"] },
				{ destination: $files, type: "bind", source: $files,
					options: ["bind", "ro"] }
			],
			linux: {
				namespaces: (["pid", "mount", "ipc", "uts"] | map({ type: . })),
				cgroupsPath: ("/" + $id), seccomp: $seccomp[0]
			}
		} * $sets[0]'
}

# --- one run ---

# The client of a server, as a command of its own: whittle takes one, and so do we.
write_client()
{
	{
		echo '#!/bin/bash'
		declare -f client
		declare -p W F PATH
		echo "cd \$W && client >$S/client.out 2>&1"
	} >"$F/client"
	chmod 755 "$F/client"
}

# stop_server MODE PID: SIGTERM to the program itself.
stop_server()
{
	case $1 in
	native) kill -TERM "$2" ;;
	bwrap) kill -TERM "$(jq '."child-pid"' "$S/info")" ;;
	*) "${1%-*}" --root "$S/state" kill "$(container)" TERM ;;
	esac
}

# serve MODE: the server in the background, the client, the end. Prints the client's status.
serve()
{
	local pid

	launch "$1" "${command[@]}" >"$S/out" 2>"$S/err" &
	pid=$!
	timeout -s KILL "$run_limit" "$F/client"
	echo "client ended with $?"
	stop_server "$1" "$pid"
	wait "$pid"
}

launch()
{
	cd "$W" && "launch_$1" "${@:2}"
}

# run_once MODE: one run on a fresh fixture; its outcome goes to $S/outcome.MODE, what it said to
# $S/log.MODE.
run_once()
{
	local status=0

	fixture || return 1
	: >"$S/client.out"
	: >"$S/err"
	{
		if is_server && [ "$1" != record ]; then
			serve "$1" </dev/null || status=$?
		else
			(launch "$1" "${command[@]}") </dev/null >"$S/out" 2>"$S/err" || status=$?
			# An exercised server is stopped by whittle, whose status is the client's.
			if is_server; then echo "client ended with $status"; fi
		fi
		is_server || echo "status $status"
		cat "$S/client.out"
		is_server || cat "$S/out"
		(cd "$W" && report)
	} >"$S/outcome.$1" 2>&1
	{
		echo "--- outcome of $1 (status $status)"
		cat "$S/outcome.$1"
		echo "--- its standard error"
		tail -n 25 "$S/err"
	} >"$S/log.$1"
}

# same_outcome NAME MODE: the outcome of MODE is the native one.
same_outcome()
{
	if cmp -s "$S/outcome.native" "$S/outcome.$2"; then
		t_pass "$1"
	else
		diff "$S/outcome.native" "$S/outcome.$2" >"$S/diff"
		t_fail "$1" "$S/diff" "$S/log.$2"
	fi
}

# --- recording ---

record()
{
	local i

	[ "$account" = "$(id -un)" ] || chown "$account" "$P"
	for ((i = 1; i <= runs; i++)); do
		run_once record
		same_outcome "$program: recorded run $i ends as a native one" record
	done
}

# --- denials: what tests/lib-deny.bash asks of us ---

# probe_status MODE ARG…: the exit status of the probe run that way with the profiles unchanged.
probe_status()
{
	(launch "$1" "$F/probe" "${@:2}") </dev/null >/dev/null 2>"$S/err"
	echo $?
}

no_new_privileges() { case $1 in *-off) echo 0 ;; *) echo 1 ;; esac; }

# The BPF has no runtime floor.
granted_by() { if [ "$1" = bwrap ]; then echo "$S/calls.bare"; else echo "$S/calls"; fi; }

# bwrap leaves the bounding set alone, and counts on no-new-privileges.
has_bounding() { [ "$1" != bwrap ]; }

denied_by() { echo "$said_enosys"; }

# --- AppArmor ---

# grants PATH: what the compiled policy grants on it: "OWNER OTHER".
grants() { "$WORKLOADS/deny_path" "$S/policy" "$1" | cut -d ' ' -f 1,2; }

deny_path()
{
	local path

	if ! t_have apparmor_parser; then
		t_skip "$program: the compiled AppArmor policy" "$t_missing is not installed"
		return
	fi
	if ! apparmor_parser -Q -K -T -S "$P/apparmor.profile" >"$S/policy" 2>"$S/err"; then
		t_fail "$program: apparmor_parser takes the profile" "$S/err"
		return
	fi
	t_pass "$program: apparmor_parser takes the profile"
	for path in "${used[@]}"; do
		t_like "$program: the policy grants $path" "$(grants "$path")" '^[xwralkm]+ '
	done
	for path in "${unused[@]}" /etc/gshadow "$W/never" "${used[0]}x" "${used[0]%/*}/.hidden"; do
		t_is "$program: the policy grants nothing on $path" "$(grants "$path")" '- -'
	done
}

# --- all of it ---

# Modes that this machine can run; the others are skipped by name.
find_usable()
{
	local mode

	usable=()
	for mode in "${modes[@]}"; do
		if ! t_have "${mode%-*}"; then
			t_skip "$program: enforced by $mode" "$t_missing is not installed"
		elif [ "$mode" != bwrap ] && ! is_root; then
			t_skip "$program: enforced by $mode" "needs root"
		else
			usable+=("$mode")
		fi
	done
}

emit_profiles()
{
	if ! "$WHITTLE" emit bpf -o "$P/filter.bpf" "$P" 2>"$S/err" ||
		! "$WHITTLE" emit oci --runtime none -o "$S/bare.json" "$P" 2>"$S/err"; then
		t_fail "$program: whittle emit" "$S/err"
	fi
	granted_calls >"$S/calls"
	granted_calls "$S/bare.json" >"$S/calls.bare"
}

corpus_main()
{
	local mode

	if is_server; then write_client; fi
	if ! is_root; then
		account=$(id -un)
	else
		mkdir -p "$B/rootfs" "$S/upper" "$S/overlay"
		mount -t overlay -o "lowerdir=/,upperdir=$S/upper,workdir=$S/overlay" whittle "$B/rootfs" ||
			exit 1
	fi
	run_once native || t_fail "$program: the fixture"
	t_like "$program: a native run ends well" "$(head -n 1 "$S/outcome.native")" \
		'^(status|client ended with) 0$'
	record
	find_usable
	emit_profiles
	for mode in "${usable[@]}"; do
		run_once "$mode"
		same_outcome "$program: enforced by $mode" "$mode"
	done
	if build_probe 2>"$S/err"; then
		deny_call
		if is_root; then
			find "$W" -mindepth 1 -delete
			make_foreign "$W/foreign"
			deny_capability "$W/foreign"
		fi
	else
		t_fail "$program: the probe builds" "$S/err"
	fi
	deny_path
	echo "# figure: $program: $(wc -l <"$S/calls.bare") calls ($(wc -l <"$S/calls") with the" \
		"runtime floor), $(capabilities | wc -l) capabilities, $(grep -c '^  [^#]' "$P/apparmor.profile")" \
		"AppArmor rules"
	t_end
}
