#!/usr/bin/env bash
# Files for engines really start a container: Compose's service by docker-compose, the Pod by
# `podman play kube`. It does its work there, under what the files say, and no more.
. "$(dirname "$0")/../lib-container.bash"
c_init
cd "$T" || exit 1
c_have podman crun || t_skip_all "$c_reason"
t_have busybox || t_skip_all "$t_missing is not installed"

# The work; and a file where no run wrote, a call that no run made.
work='echo one >/tmp/w && cat /tmp/w'
more='echo two >/srv/w; echo three >/tmp/w && chroot / true; echo done'
refused='Read-only file system|Function not implemented|Operation not permitted'
c_busybox root
c_image podman files root || t_skip_all "no image can be made"
recorded()
{
	timeout -s KILL "$c_limit" "$WHITTLE" record -q -o out -- "${podman[@]}" --runtime crun run \
		"${podman_run[@]}" --rm --user 1234:1234 localhost/files sh -c "$work; true"
}
emit() { "$WHITTLE" emit "$@" -q --name work --seccomp seccomp.json out; }
t_is "recorded" "$(recorded)" one
t_ok "the filter" emit oci -o seccomp.json
t_ok "Compose's service" emit compose -o whittle.yaml
t_ok "the Pod" emit kubernetes -o whittle.pod

# --- Compose
compose()
{
	COMPOSE_HTTP_TIMEOUT=60 timeout -s KILL "$c_limit" docker-compose --ansi never -p files -f compose.yaml \
		-f whittle.yaml "$@" 2>&1
}
# up COMMAND: what the service said
up()
{
	printf 'version: "2.4"\nservices:\n  work:\n    image: localhost/files\n    cgroup_parent: %s
    command: ["sh", "-c", %s]\n' "$c_cgroup" "$(jq -n --arg text "$1" '$text')" >compose.yaml
	compose up
}
if ! t_have docker-compose; then
	t_skip "docker-compose up" "$t_missing is not installed"
elif ! c_have docker; then
	t_skip "docker-compose up" "$c_reason"
else
	t_ok "an image for Docker" c_image docker files root
	up "$work" >up.log
	t_ok "docker-compose up: it does its work" grep -q '| one$' up.log
	t_ok "docker-compose up: it ends well" grep -q 'exited with code 0' up.log
	t_is "docker-compose up: memory, processes, user, network, root" \
		"$(docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.Config.User}} {{.HostConfig.NetworkMode}} {{.HostConfig.ReadonlyRootfs}}' "$(compose ps -q work)")" \
		'67108864 64 1234:1234 none true'
	up "$more" >up.log
	t_is "docker-compose up: more is refused" "$(grep -cE "$refused" up.log) $(grep -c '| done$' up.log)" '2 1'
	compose down -v >down.log
fi

# --- a Pod. Podman 4.3 reads the filter from an annotation only, not from seccompProfile; takes the
# limits of files the wrong way round; and needs a program for its pause image, unless it is given one.
sed 's|^\[engine\]|&\ninfra_image = "localhost/pause"|; s|nofile=[0-9]*:\([0-9]*\)|nofile=\1:\1|' \
	"$CONTAINERS_CONF" >pod.conf
export CONTAINERS_CONF=$T/pod.conf
parents() { find /sys/fs/cgroup -maxdepth 2 -name libpod_parent; }
pause() { tar -C root -c . | c_podman import -q --change 'CMD ["sleep", "1000"]' - localhost/pause; }
# play COMMAND: what it says is in pod.log
play()
{
	jq -nr --arg text "($1) 2>&1" '"    command: [/bin/sh, -c, \($text | tojson)]"' >words
	sed '/- image: IMAGE/ { s|IMAGE|localhost/files|; r words
		}; s|^spec:|&\n  restartPolicy: Never|
		0,/^metadata:/ s|^metadata:|&\n  annotations:\n    seccomp.security.alpha.kubernetes.io/pod: localhost/seccomp.json|' \
		whittle.pod >pod.yaml
	c_podman --runtime "$runtime" play kube --network none --seccomp-profile-root "$T" --log-driver k8s-file \
		pod.yaml &&
		c_podman wait work-work && c_podman logs work-work >pod.log 2>&1
}
# Pods are not below $c_cgroup: what is left of theirs is removed if it was not there before.
remove()
{
	c_podman pod rm -f -t 0 work
	[ -n "$before" ] || parents | xargs -r -I {} find {} -depth -type d -exec rmdir {} +
}
before=$(parents)
for runtime in crun runc; do
	if ! c_have podman "$runtime"; then
		t_skip "play kube by $runtime" "$c_reason"
		continue
	fi
	t_ok "play kube by $runtime: a pause image" pause
	t_ok "play kube by $runtime: the Pod starts" play "$work"
	t_is "play kube by $runtime: it does its work" "$(cat pod.log)" one
	t_is "play kube by $runtime: memory, root, user, no new privileges" \
		"$(c_podman inspect work-work | jq -c '.[0] | [.HostConfig.Memory,
			.HostConfig.ReadonlyRootfs, .Config.User, (.HostConfig.SecurityOpt | index("no-new-privileges"))]')" \
		'[67108864,true,"1234:1234",0]'
	remove >removed 2>&1
	t_ok "play kube by $runtime: the Pod starts to do more" play "$more"
	t_is "play kube by $runtime: more is refused" \
		"$(grep -cE "$refused" pod.log) $(grep -c '^done$' pod.log)" '2 1'
	t_ok "play kube by $runtime: by the filter too" grep -q 'Function not implemented' pod.log
	remove >removed 2>&1
done
t_end
