#!/usr/bin/env bash
# A container's user who is in further groups: recorded, and given them by what emit says. Its file
# can be read by such a group only.
. "$(dirname "$0")/../lib-container.bash"
c_init
cd "$T" || exit 1
mkdir tmp && export TMPDIR=$T/tmp
root=$c_root/root
c_busybox "$root"
echo hello >"$root/srv/file"
chown 0:1027 "$root/srv/file"
chmod 040 "$root/srv/file"
command=(sh -c 'cat /srv/file && id -G')

# in_podman RUNTIME OPTION…
in_podman()
{
	c_podman --runtime "$1" run --rm "${@:2}" --rootfs "$root" "${command[@]}" 2>err
}

c_have podman crun || t_skip_all "$c_reason"
is_refused() { ! in_podman crun --user 1001:1002 && grep -q 'Permission denied' err; }
t_ok "the file is not for every user" is_refused
for engine in notify ptrace; do
	t_is "$engine: recorded" "$(timeout -s KILL "$c_limit" "$WHITTLE" record -q -o out --replace --engine "$engine" \
		-- "${podman[@]}" --runtime crun run "${podman_run[@]}" --rm --user 1001:1002 --group-add 1027 \
		--group-add 44 --rootfs "$root" "${command[@]}" </dev/null 2>err | xargs)" "hello 1002 44 1027"
	t_is "$engine: the evidence has the user and the groups" \
		"$(jq -r '.runs[0] | .user, .groups' out/evidence.json | xargs)" "1001:1002 44,1027"
done
"$WHITTLE" emit podman -q --seccomp "$T/filter.json" -o podman out
t_is "the groups are said beside the user" "$(grep -e --user -e --group-add podman | xargs)" \
	"--user 1001:1002 --group-add 1027 --group-add 44"
for runtime in crun runc; do
	if c_have podman "$runtime"; then
		# shellcheck disable=SC2046 # the words are whittle's
		t_is "podman $runtime" "$(in_podman "$runtime" $(cat podman) | xargs)" "hello 1002 44 1027"
	else
		t_skip "podman $runtime" "$c_reason"
	fi
done
if c_have docker; then
	c_image docker groups "$root"
	"$WHITTLE" emit docker-flags -q --seccomp "$T/filter.json" -o docker out
	# shellcheck disable=SC2046
	t_is "docker" "$(c_docker run --rm $(cat docker) localhost/groups "${command[@]}" 2>err | xargs)" \
		"hello 1002 44 1027"
else
	t_skip "docker" "$c_reason"
fi
# Another run without them: which it is a person must say.
timeout -s KILL "$c_limit" "$WHITTLE" record -q -o out --append -- "${podman[@]}" --runtime crun run \
	"${podman_run[@]}" --rm --user 1001:1002 --rootfs "$root" true </dev/null
t_is "runs in other groups are of another user" "$(jq -c '[.runs[].groups] | sort' out/evidence.json)" '["","44,1027"]'
t_is "and leave the user to a person" "$("$WHITTLE" emit policy -q out | jq -r '.settings[] |
	select(.name == "user" or .name == "group-add") | .name, .label' | xargs)" "user needs decision"
t_end
