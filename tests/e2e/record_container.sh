#!/usr/bin/env bash
# whittle record -- podman run ...: the container is recorded, not the engine, by every engine and
# runtime; what was learned starts it on the others; nothing is left behind.
. "$(dirname "$0")/../lib-container.bash"
c_init
cd "$T" || exit 1
mkdir tmp && export TMPDIR=$T/tmp
program=$(dirname "$WHITTLE")
printf '{"runtimes":{"whittle":{"path":"%s","runtimeArgs":["--whittle-socket=%s"]}}}' \
	"$program/whittle-runtime" /run/whittle.sock >daemon.json
dockerd_options=(--config-file "$T/daemon.json")

# The work; and what was not recorded: another call, another file.
work='echo one >/tmp/w && cat /tmp/w && rm /tmp/w'
c_busybox busybox
mkdir busybox/www && echo hello >busybox/www/index.html
for name in work again nothing; do mkdir -p "$C/bundles/$name"; done
cp -r busybox "$C/bundles/work/rootfs"
cp -r busybox "$C/bundles/again/rootfs"
c_scratch "$C/bundles/nothing/rootfs" "$WORKLOADS/nothing_static"

# record DIR OPTION… -- COMMAND…: its output in DIR.out, what whittle says in DIR.err
record()
{
	local dir=$1

	shift
	timeout -s KILL "$c_limit" "$WHITTLE" record -o "$dir" "$@" >"$dir.out" 2>"$dir.err" </dev/null
}

# calls DIR: those of the program, a name a line
calls()
{
	jq -r '.syscalls[].name' "$1/evidence.json" | sort -u
}

# of_run DIR FIELD: what the record of the first run says of its container
of_run()
{
	jq -r ".runs[0].container.$2" "$1/evidence.json"
}

# clean NAME: no socket, directory, container or process of the recording is there any more
clean()
{
	t_ok "$1: no process is left" wait_for 30 no_process
	t_ok "$1: no container is left" wait_for 30 is_empty "${podman[@]}" ps -aq
	t_ok "$1: no temporary file is left" wait_for 30 is_empty ls -A tmp
}

is_empty()
{
	[ -z "$("$@")" ]
}

# All that runs is this script, a daemon, and zombies that wait for nobody.
no_process()
{
	ps -eo stat=,args= | awk '!/^Z/ && /whittle record|conmon|httpd|runc init/ && !/awk/ { print; bad = 1 }
		END { exit bad }'
}

# good DIR RUNTIME: a whole run of the work, by that runtime
good()
{
	t_is "$1: the container's output" "$(cat "$1.out")" one
	t_is "$1: nothing lost" "$(jq -c '[.runs[].complete]' "$1/evidence.json" 2>&1)" '[true]'
	t_is "$1: the runtime" "$(of_run "$1" runtime)" "$2"
	t_ok "$1: there is a profile" test -s "$1/seccomp.json"
	t_ok "$1: whittle says what it records" grep -q 'recording the container, not' "$1.err"
}

# start WAY PROFILE COMMAND…: the command in a container under that profile
start()
{
	local profile=$T/$2

	case $1 in
	podman-*) c_podman --runtime "${1#*-}" run --rm --security-opt "seccomp=$profile" \
		localhost/busybox "${@:3}" ;;
	docker-*) c_docker run --rm --network none --security-opt "seccomp=$profile" \
		localhost/busybox "${@:3}" ;;
	plain-*) c_bundle again "${@:3}" && c_edit again --slurpfile s "$profile" '.linux.seccomp = $s[0]' &&
		c_run "${1#*-}" again ;;
	esac
}

# record_way WAY: the work, recorded that way, into WAY
record_way()
{
	local runtime=${1#*-}

	case $1 in
	podman-*) record "$1" -- "${podman[@]}" --runtime "$runtime" run --rm "${podman_run[@]}" \
		localhost/busybox sh -c "$work" ;;
	docker-*) record "$1" -- docker run --rm --network none localhost/busybox sh -c "$work" ;;
	plain-*)
		c_bundle work sh -c "$work" && cp "$C/bundles/work/config.json" config.before &&
			record "$1" -- "$runtime" --root "/run/whittle-$runtime" run -b "$C/bundles/work" work
		t_ok "$1: config.json is as before" cmp config.before "$C/bundles/work/config.json"
		;;
	esac
}

# way ENGINE RUNTIME: adds it to $ways if it can be used here
ways=()
way()
{
	if c_have "${1/plain/$2}" "$2"; then ways+=("$1-$2"); else t_skip "$1 $2" "$c_reason"; fi
}
way podman crun
way podman runc
way plain crun
way plain runc
way docker runc
case " ${ways[*]}" in *' podman'*) c_image podman busybox busybox ;; esac
case " ${ways[*]}" in *' docker'*) c_image docker busybox busybox ;; esac

for way in "${ways[@]}"; do
	record_way "$way"
	case $way in
	docker-*) good "$way" crun ;; # whittle-runtime chose: the daemon's configuration names none
	*) good "$way" "${way#*-}" ;;
	esac
done

# What one of them learned starts it on all; without a call that was not recorded there is no directory.
for way in "${ways[@]}"; do
	t_is "learned by ${ways[0]}, started by $way" "$(start "$way" "${ways[0]}/seccomp.json" sh -c "$work" 2>&1)" one
	t_ok "learned by ${ways[0]}, denied by $way" not start "$way" "${ways[0]}/seccomp.json" \
		sh -c "$work && mkdir /tmp/d"
done

# The runtime's own calls are not the program's: a program that does nothing has what it has on the
# host, where the execve that starts it is its own.
record host --engine notify -- "$WORKLOADS/nothing_static"
for way in plain-crun plain-runc; do
	case " ${ways[*]} " in *" $way "*) ;; *) continue ;; esac
	c_bundle nothing /nothing_static
	record "nothing-$way" -- "${way#*-}" --root "/run/whittle-${way#*-}" run -b "$C/bundles/nothing" nothing
	t_is "$way: the runtime's calls are not the program's" "$(calls "nothing-$way" | xargs)" "$(calls host | grep -vx execve | xargs)"
	t_ok "$way: they are kept apart" jq -e '[.runtime[].name] | index("execve")' "nothing-$way/evidence.json"
done

if c_have podman crun; then
	run=("${podman[@]}" --runtime crun run --rm "${podman_run[@]}")

	record server --exercise 'busybox wget -qO- http://127.0.0.1:8080/' -- "${run[@]}" --name web --network host \
		localhost/busybox httpd -f -p 8080 -h /www
	t_is "a server: what its client got" "$? $(cat server.out)" '0 hello'
	t_is "a server: its run" "$(jq -c '.runs[] | [.outcome, .expected]' server/evidence.json)" \
		'[{"stopped":"SIGTERM"},true]'
	t_is "a server: its name and image" "$(of_run server name) $(of_run server image)" 'web localhost/busybox'
	t_like "a server: the digest of its image" "$(of_run server digest)" '^sha256:[0-9a-f]{64}$'
	t_ok "a server: what it read is in its own root" jq -e 'any(.paths[]; .path == "/www/index.html")' \
		server/evidence.json

	record background -- "${run[@]}" -d localhost/busybox sh -c 'sleep 1; cat /www/index.html; exit 3'
	t_is "in the background: followed to the end" \
		"$? $(jq -c '.runs[] | [.outcome, .expected]' background/evidence.json)" '0 [{"exited":3},false]'

	record status -- "${run[@]}" localhost/busybox sh -c 'exit 7'
	t_is "the status is the container's" $? 7
	record missing -- "${run[@]}" --pull never localhost/none true
	t_is "no container: the engine's status" $? 125
	t_ok "no container: it is said" grep -q 'no container was recorded' missing.err
	t_ok "no container: no evidence" test ! -e missing/evidence.json
	clean "after all this"

	"${podman[@]}" create -q --name other "${podman_run[@]}" localhost/busybox true >/dev/null
	record refused -- "${podman[@]}" start other
	t_is "a container that was not made to be recorded" $? 125
	t_ok "it is said how to make one" grep -q 'create' refused.err
	"${podman[@]}" rm other >/dev/null
	record made -- "${podman[@]}" --runtime crun create --name later "${podman_run[@]}" localhost/busybox \
		sh -c 'cat /www/index.html; until [ -e /tmp/end ]; do sleep 0.1; done'
	record started -- "${podman[@]}" start later &
	if wait_for 30 "${podman[@]}" exec later true; then
		record session -- "${podman[@]}" exec later sh -c 'mkdir /tmp/d && touch /tmp/end'
	fi
	wait $!
	t_is "made, then started: recorded" "$? $(of_run started image)" '0 localhost/busybox:latest'
	t_is "a session in it is kept apart" \
		"$(jq -r '[.runs[].container.layer] | unique | join(" ")' started/evidence.json)" 'container exec'
	"${podman[@]}" rm -f later >/dev/null

	trapped='trap "exit 5" INT TERM; echo ready; while :; do sleep 0.1; done'
	record told -- "${run[@]}" localhost/busybox sh -c "$trapped" &
	wait_for 30 grep -q ready told.out && kill -TERM "$(pgrep -o -x whittle)"
	wait $!
	t_is "a signal is the container's" $? 5
	record slow --timeout 3 -- "${run[@]}" localhost/busybox sleep 1000
	t_is "a time limit ends it" "$(jq -c '.runs[] | [.outcome, .expected]' slow/evidence.json)" \
		'[{"stopped":"SIGTERM"},true]'
	record killed -- "${run[@]}" localhost/busybox sh -c "$trapped" &
	wait_for 30 grep -q ready killed.out && kill -KILL "$(pgrep -o -x whittle)"
	wait $!
	clean "whittle was killed"
	t_ok "whittle was killed: it is said" grep -q 'was ended' killed.err

	record traced --engine ptrace -- env A=one "${run[@]}" --env A localhost/busybox sh -c 'echo "$A" >/tmp/w; cat /tmp/w'
	good traced crun
	t_is "traced: the engine" "$(jq -r '.runs[0].engine' traced/evidence.json)" ptrace
	t_ok "traced: results are known" jq -e 'all(.syscalls[]; .result != "unknown")' traced/evidence.json
	record traced-told --engine ptrace -- "${run[@]}" localhost/busybox sh -c "$trapped" &
	wait_for 30 grep -q ready traced-told.out && kill -INT "$(pgrep -o -x whittle)"
	wait $!
	t_is "traced: a signal is the container's" $? 5
	record traced-slow --engine ptrace --timeout 3 -- "${run[@]}" localhost/busybox sleep 1000
	t_is "traced: a time limit ends it" "$(jq -c '.runs[] | [.outcome, .expected]' traced-slow/evidence.json)" \
		'[{"stopped":"SIGTERM"},true]'
	record traced-killed --engine ptrace -- "${run[@]}" localhost/busybox sh -c "$trapped" &
	wait_for 30 grep -q ready traced-killed.out && kill -KILL "$(pgrep -o -x whittle)"
	wait $!
	clean "whittle was killed while it traced"
	t_ok "whittle was killed while it traced: it is said" grep -q 'was ended' traced-killed.err

	mkdir played
	printf '#!/bin/sh\nexec %s "$@"\n' "${podman[*]@Q}" >played/docker
	chmod +x played/docker
	record played -- env A=b "$T/played/docker" --runtime=crun run --rm "${podman_run[@]}" localhost/busybox sh -c "$work"
	good played crun
	t_ok "podman that plays docker: it is podman" grep -q 'not podman (--host)' played.err
fi

if c_have podman crun && c_have buildah; then
	container=$("${buildah[@]}" from --pull-never localhost/busybox)
	record buildah -- "${buildah[@]}" run --runtime crun "$container" sh -c "$work"
	good buildah crun
	"${buildah[@]}" rm "$container" >/dev/null
else
	t_skip buildah "$c_reason"
fi

if c_have docker; then
	record other -- docker run --runtime runc localhost/busybox true
	t_ok "docker: another runtime is refused" grep -q 'no runtime runc that is whittle' other.err
	docker create --runtime whittle --name later --network none localhost/busybox \
		sh -c 'until [ -e /tmp/end ]; do sleep 0.1; done' >/dev/null
	record started-docker -- docker start -a later &
	wait_for 30 docker exec later touch /tmp/end
	wait $!
	t_is "docker: made, then started; a session is kept apart" \
		"$(jq -r '[.runs[].container.layer] | unique | join(" ")' started-docker/evidence.json)" 'container exec'
	docker rm -f later >/dev/null
	t_ok "docker: what its configuration needs is said" grep -q '"runtimeArgs": \["--whittle-socket=' other.err
	DOCKER_HOST=unix:///nothing record other -- docker run localhost/busybox true
	t_is "docker: no daemon" $? 125
fi

# Nobody listens: it fails, and says so.
if c_have runc; then
	c_bundle work true
	t_status "nobody listens" 125 timeout -s KILL 20 "$program/runtimes/runc" --whittle-socket "$T/none" \
		run -b "$C/bundles/work" work
fi
if c_have runc; then
	record engine -- runc --version
	t_is "an engine's other commands are recorded as any program's" "$?" 0
	t_ok "an engine's other commands: it is said" grep -q 'recording runc itself' engine.err
fi
clean "at the end"
t_end
