# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables for the scripts, and from them
# The round trip through the container engines. Each workload is recorded on the host, and then
# started in containers under what `whittle emit` says, unchanged:
#	podman-crun podman-runc  $(whittle emit podman …), the host's root as a copy-on-write view
#	docker                   $(whittle emit docker-flags …), an image with the fixture and /etc,
#	                         the host's /usr
#	crun runc                a bundle with seccomp.json, the capabilities, the mounts
# The client must see the same as with the program as it is. A script sets for each workload:
#	command=(PROGRAM ARG…)   run in $W
#	account=root|nobody                who runs it, here and in the container
#	setup                              function: makes the fixture in $W, which is empty
#	client                             function, of a server: asks it; prints what it got
#	port=N                             of a server: ready once it listens there
#	runs=N                             recordings to unite
#	needs=(PATH…)                      outside of /usr and $W: what docker's image must have
# and calls roundtrip, then perhaps denials. $W is the same path everywhere; the environment is $environment only.

. "$(dirname "${BASH_SOURCE[0]}")/lib-deny.bash"

modes=(podman-crun podman-runc docker crun runc)
usable=()
bits=64

roundtrip_init()
{
	local mode engine

	c_init
	W=$c_root/work F=$c_root/files P=$T/profile S=$T/run
	environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
		HOME="$W" TMPDIR="$W" W="$W" F="$F")
	mkdir -p "$W" "$F" "$S"
	install -m 755 "$WHITTLE" "$F/whittle"
	for mode in "${modes[@]}"; do
		IFS=- read -ra engine <<<"$mode"
		if c_have "${engine[@]}"; then usable+=("$mode"); else t_skip "$mode" "$c_reason"; fi
	done
	build_probe || t_skip_all "the probe cannot be built here"
	make_foreign "$F/foreign"
}

workload()
{
	program=$1 account=root port='' runs=1 command=() needs=()
	setup() { :; }
	unset -f client
}

is_server() { declare -F client >/dev/null; }

fixture()
{
	find "$W" -mindepth 1 -delete
	(cd "$W" && setup) >"$S/setup" 2>&1 || { t_fail "$program: the fixture" "$S/setup"; return 1; }
	chown -R "$account" "$W"
}

as_account()
{
	local ids=()

	[ "$account" = root ] || ids=(setpriv --reuid="$account" --regid="$(id -g "$account")" --clear-groups)
	cd "$W" && exec "${ids[@]}" env -i "${environment[@]}" "$@"
}

# listens PORT: something does, of either family (proc(5)).
listens() { grep -qi ":$(printf '%04X' "$1") [0:F]* *[0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6; }

listens_or_ended() { listens "$1" || ! kill -0 "$2"; }

# --- one run: "launch MODE" replaces the subshell; what the client or the program said is the outcome

launch_native() { as_account "${command[@]}"; }

launch_podman-crun() { launch_podman crun "$@"; }
launch_podman-runc() { launch_podman runc "$@"; }

# engine_options: what the command line says besides whittle's words.
engine_options()
{
	local variable

	printf '%s\n' --rm --name "$container" --user "$(id -u "$account"):$(id -g "$account")" --workdir "$W"
	for variable in "${environment[@]}"; do printf '%s\n' --env "$variable"; done
	# The client comes through the network of the script.
	grep -q -- '^--network' "$P/flags" || printf '%s\n' --network host
}

launch_podman()
{
	local options

	mapfile -t options < <(engine_options)
	# shellcheck disable=SC2046 # the words are whittle's
	exec timeout -s KILL "$c_limit" "${podman[@]}" --runtime "$1" run "${podman_run[@]}" "${options[@]}" \
		$(cat "$P/flags") --rootfs "$C/host:O" "${@:2}"
}

launch_docker()
{
	local options

	mapfile -t options < <(engine_options)
	# shellcheck disable=SC2046
	exec timeout -s KILL "$c_limit" docker run "${options[@]}" --volume /usr:/usr:ro \
		$(cat "$P/flags") "localhost/$program" "$@"
}

launch_crun() { launch_bundle crun "$@"; }
launch_runc() { launch_bundle runc "$@"; }

launch_bundle()
{
	exec timeout -s KILL "$c_limit" "$1" --root "/run/whittle-$1" run --bundle "$C/bundles/$container" \
		"$container"
}

# stop MODE PID: SIGTERM to the program.
stop()
{
	case $1 in
	native) kill -TERM "$2" ;;
	podman-*) "${podman[@]}" kill --signal TERM "$container" ;;
	docker) docker kill --signal TERM "$container" ;;
	*) "$1" --root "/run/whittle-$1" kill "$container" TERM ;;
	esac
}

# remove MODE: what a killed client of the engine leaves.
remove()
{
	case $1 in
	podman-*) "${podman[@]}" rm -f "$container" ;;
	docker) docker rm -f "$container" ;;
	crun | runc) "$1" --root "/run/whittle-$1" delete -f "$container" ;;
	esac
}

# run_once MODE [COMMAND…]: to $S/outcome; what was said to standard error to $S/err.
run_once()
{
	local mode=$1 status=0 pid

	container=$program-$mode
	prepare "$@" >"$S/prepare" 2>&1 || { cat "$S/prepare"; return; }
	if [ $# -gt 1 ] || ! is_server; then
		[ $# -gt 1 ] || set -- "$mode" "${command[@]}"
		("launch_$mode" "${@:2}") </dev/null 2>"$S/err" || status=$?
		echo "status $status"
	else
		("launch_$mode" "${command[@]}") </dev/null >"$S/err" 2>&1 &
		pid=$!
		wait_for 30 listens_or_ended "$port" "$pid"
		if listens "$port"; then
			(cd "$W" && timeout -s KILL 60 "$F/client" 2>&1)
			echo "client ended with $?"
		else
			echo "it does not listen"
		fi
		stop "$mode" "$pid" >/dev/null 2>&1
		wait "$pid" || status=$?
	fi >"$S/outcome"
	remove "$mode" >/dev/null 2>&1
}

# The bundle of this run: what the policy says, in terms of the runtime's specification.
prepare()
{
	case $1 in crun | runc) ;; *) return 0 ;; esac
	local bundle=$C/bundles/$container nnp volume

	set -- "$1" "${@:2}"
	[ $# -gt 1 ] || set -- "$1" "${command[@]}"
	c_unmount "$bundle"
	rm -rf --one-file-system "$bundle"
	c_bundle "$container" "${@:2}" || return
	while read -r volume; do
		mkdir -p "$bundle/volumes$volume" && cp -a "$volume/." "$bundle/volumes$volume/" &&
			chown --reference "$volume" "$bundle/volumes$volume" || return
	done < <(sed -n 's/^--volume //p' "$P/flags")
	c_edit "$container" --slurpfile seccomp "$P/seccomp.json" --rawfile flags "$P/flags" \
		--argjson uid "$(id -u "$account")" --argjson gid "$(id -g "$account")" --arg cwd "$W" \
		--arg bundle "$bundle" --arg env "$(printf '%s\n' "${environment[@]}")" '
		def values(option): $flags | split("\n") | map(select(startswith(option + " ")) |
			ltrimstr(option + " "));
		def has(option): $flags | split("\n") | any(. == option);
		values("--cap-add") as $caps |
		.process.cwd = $cwd | .process.user = { uid: $uid, gid: $gid } |
		.process.env = ($env | split("\n")) |
		.process.capabilities |= (.bounding = $caps | .effective = $caps | .permitted = $caps) |
		.process.noNewPrivileges = has("--security-opt no-new-privileges") |
		.root.readonly = has("--read-only") |
		.mounts += (values("--tmpfs") | map({ destination: (. / ":")[0], type: "tmpfs", source: "tmpfs",
			options: (["nosuid", "nodev", "mode=1777"] + (if endswith(":exec") then [] else ["noexec"] end)) })) |
		.mounts += (values("--volume") | map({ destination: ., type: "bind",
			source: ($bundle + "/volumes" + .), options: ["rbind", "rw"] })) |
		if has("--network none") then .linux.namespaces += [{ type: "network" }] else . end |
		.linux.resources = {
			memory: (values("--memory") | map({ limit: (rtrimstr("M") | tonumber * 1048576) }) | add),
			pids: (values("--pids-limit") | map({ limit: tonumber }) | add)
		} | del(.linux.resources[] | nulls) |
		.linux.seccomp = $seccomp[0]'
}

# Anew for each workload: an overlay does not follow what changes below it.
host_root()
{
	c_unmount "$C"/host
	rm -rf --one-file-system "$C"/host*
	c_host_root "$C/host"
}

# An image that has what the workload needs besides /usr; owners and modes as on the host.
make_image()
{
	local root=$T/root path

	rm -rf "$root"
	mkdir -p "$root"/{usr,proc,sys,dev,etc,run,tmp,var/tmp} && cp -a /bin /lib* /sbin "$root" &&
		ln -s /run "$root/var/run" && chmod 1777 "$root/tmp" "$root/var/tmp" || return
	for path in /etc/{passwd,group,nsswitch.conf,ld.so.cache,mime.types,localtime} "${needs[@]}" "$c_root"; do
		[ ! -e "$path" ] || { mkdir -p "$root${path%/*}" && cp -a "$path" "$root$path"; } || return
	done
	c_image docker "$program" "$root"
}

# --- recording ---

record()
{
	local options=(--append -q --output "$P") i

	rm -rf "$P"
	mkdir "$P"
	chown "$account" "$P" "$T"
	chmod 711 "$T"
	if is_server; then options+=(--exercise "$F/client"); fi
	for ((i = 1; i <= runs; i++)); do
		fixture || return
		t_ok "$program: recorded" as_account timeout -s KILL 120 "$F/whittle" record "${options[@]}" -- \
			"${command[@]}"
	done
}

write_client()
{
	{
		echo '#!/bin/bash'
		declare -f client
		declare -p W F PATH
		echo "cd \$W && client"
	} >"$F/client"
	chmod 755 "$F/client"
}

# emit_flags TARGET [OPTION…]: whittle's words, for podman, docker and (translated) the bundles.
emit_flags()
{
	"$WHITTLE" emit "$1" -q --seccomp "$P/seccomp.json" "${@:2}" -o "$P/flags" "$P" 2>"$S/err" ||
		t_fail "$program: whittle emit $1" "$S/err"
}

same()
{
	if cmp -s "$S/outcome" "$S/native"; then
		t_pass "$1"
	else
		{ diff "$S/native" "$S/outcome"; echo '--- its standard error'; tail -n 25 "$S/err"; } >"$S/diff"
		t_fail "$1" "$S/diff"
	fi
}

target_of() { case $1 in docker) echo docker-flags ;; *) echo podman ;; esac; }

# --- denials ---

# probe_status MODE ARG…: as tests/lib-deny.bash asks. $P/flags are the mode's.
probe_status()
{
	emit_flags "$(target_of "$1")"
	run_once "$1" "$F/probe" "${@:2}"
	sed -n 's/^status //p' "$S/outcome"
}

no_new_privileges() { grep -c '^--security-opt no-new-privileges' "$P/flags"; }
granted_by() { echo "$S/calls"; }
has_bounding() { true; }

# Docker drops defaultErrnoRet before version 23, and the kernel is told EPERM.
denied_by()
{
	if [ "$1" = docker ] && [ "$(docker version -f '{{.Server.Version}}' | cut -d . -f 1)" -lt 23 ]; then
		echo "$said_eperm"
	else
		echo "$said_enosys"
	fi
}

# Where nothing was written a root that is read-only refuses it.
deny_write()
{
	local mode

	for mode in "${usable[@]}"; do
		emit_flags "$(target_of "$mode")"
		grep -qx -e --read-only "$P/flags" || continue
		t_is "$program: a file beside the fixture cannot be made by $mode" \
			"$(probe_status "$mode" create "$c_root/new")" "$said_erofs"
	done
}

# --- the whole ---

# start MODES [EMIT-OPTION…]: the client must see what it saw of the program as it is. $TIMES
# (environment) says how many starts of each: runtimes make some calls irregularly.
start()
{
	local mode i

	for mode in $1; do
		emit_flags "$(target_of "$mode")" "${@:2}"
		for ((i = 0; i < ${TIMES:-1}; i++)); do
			run_once "$mode"
			same "$program by $mode${2+ (${*:2})}"
		done
	done
}

# Where a mode is off that the evidence would have turned on the runtimes make more calls of their
# own; podman's runtimes make the same ones.
roundtrip()
{
	if is_server; then write_client; fi
	fixture || return
	run_once native
	cp "$S/outcome" "$S/native"
	record
	fixture || return
	t_ok "$program: a view of the root" host_root
	case " ${usable[*]} " in *" docker "*) t_ok "$program: an image" make_image ;; esac
	start "${usable[*]}"
	start "$(tr ' ' '\n' <<<"${usable[*]}" | grep -v podman | xargs)" --no-new-privileges=off
}

# denials: of the workload that was just tried.
denials()
{
	emit_flags podman
	granted_calls "$P/seccomp.json" >"$S/calls"
	deny_call
	deny_capability "$F/foreign"
	deny_write
}
