#!/usr/bin/env bash
# whittle record -- podman run ... by a user without rights, for whom podman needs no root: ids and
# capabilities are those of the container's own user namespace.
. "$(dirname "$0")/../lib-container.bash"
c_init
cd "$T" || exit 1
t_have podman newuidmap || t_skip_all "$t_missing is not installed"

# The user is in copies of the system's files that only this script sees.
user=whittle-test uid=60123
for name in passwd group subuid subgid; do
	cp "/etc/$name" "$name" 2>/dev/null || : >"$name"
	[ -e "/etc/$name" ] || t_skip_all "there is no /etc/$name"
done
echo "$user:x:$uid:$uid::$T/home:/bin/sh" >>passwd
echo "$user:x:$uid:" >>group
echo "$user:1000000:65536" | tee -a subuid >>subgid
for name in passwd group subuid subgid; do mount --bind "$name" "/etc/$name" || exit 1; done
mkdir -p bin/runtimes home "/run/user/$uid"
chown "$uid:$uid" home "/run/user/$uid"
# where the user may go
cp "$WHITTLE" bin/whittle
ln -s whittle bin/whittle-runtime
for name in crun runc; do ln -s ../whittle "bin/runtimes/$name"; done
c_busybox busybox
chmod -R a+rX busybox

as_user()
{
	(cd home && exec timeout -s KILL "$c_limit" setpriv --reuid "$uid" --regid "$uid" --clear-groups \
		env HOME="$T/home" TMPDIR="$T/home" XDG_RUNTIME_DIR="/run/user/$uid" "$@")
}
podman=(podman --storage-driver vfs)
if ! tar -C busybox -c . | as_user "${podman[@]}" import -q - localhost/busybox >out 2>&1; then
	t_skip_all "podman cannot run here without root: $(tail -n 1 out)"
fi

for runtime in crun runc; do
	if ! as_user "${podman[@]}" --runtime "$runtime" run --rm localhost/busybox true >out 2>&1; then
		t_skip "$runtime" "it cannot run here without root: $(tail -n 1 out)"
		continue
	fi
	as_user "$T/bin/whittle" record -o "$runtime" -- "${podman[@]}" --runtime "$runtime" run --rm \
		localhost/busybox sh -c 'id -u; echo hi >/tmp/w; chown 1:1 /tmp/w; cat /tmp/w' >out 2>err
	t_is "$runtime: status and output" "$? $(xargs <out)" '0 0 hi'
	t_is "$runtime: nothing lost" "$(jq -c '[.runs[].complete]' "home/$runtime/evidence.json" 2>&1)" '[true]'
	t_is "$runtime: the capability is the container's" "$(cat "home/$runtime/capabilities.txt")" \
		'CAP_CHOWN  # inferred; chown /tmp/w by /bin/busybox'
	t_is "$runtime: the owner is the container's" "$(jq -r '.paths[] | select(.path == "/tmp/w") |
		"\(.access) \(.owner)"' "home/$runtime/evidence.json" | sort | xargs -d '\n' | xargs)" \
		'chown owner create owner read other truncate owner write owner'
	t_ok "$runtime: the profile starts it again" as_user "${podman[@]}" --runtime "$runtime" run --rm \
		--security-opt "seccomp=$runtime/seccomp.json" localhost/busybox \
		sh -c 'id -u; echo hi >/tmp/w; chown 1:1 /tmp/w; cat /tmp/w'
	as_user "$T/bin/whittle" record --engine ptrace -o "$runtime-traced" -- "${podman[@]}" --runtime "$runtime" run --rm \
		localhost/busybox sh -c 'id -u; echo hi >/tmp/w; chown 1:1 /tmp/w; cat /tmp/w' >out 2>err
	t_is "$runtime: traced, status and output" "$? $(xargs <out)" '0 0 hi'
	t_is "$runtime: traced, nothing lost" "$(jq -c '[.runs[] | .engine, .complete]' "home/$runtime-traced/evidence.json" 2>&1)" \
		'["ptrace",true]'
	t_is "$runtime: traced, the capability is the container's" "$(cat "home/$runtime-traced/capabilities.txt")" \
		'CAP_CHOWN  # inferred; chown /tmp/w by /bin/busybox'
done

as_user env TMPDIR=/proc "$T/bin/whittle" record -o nowhere -- "${podman[@]}" run --rm localhost/busybox true >out 2>err
t_is 'a temporary directory that cannot be written' $? 125
t_ok 'what may be done is said' grep -q 'in /proc (TMPDIR may name another one)' err

# What gives the engine rights that whittle lacks is refused, and not run to ask the engine first.
printf '#!/bin/sh\ntouch "$HOME/asked"\n' >bin/sudo
chmod +x bin/sudo
as_user "$T/bin/whittle" record -o refused -- env A=b "$T/bin/sudo" docker run x >out 2>err
t_is "sudo is refused" $? 125
t_ok "sudo is named" grep -q "$T/bin/sudo gives docker rights.* run whittle by it: $T/bin/sudo whittle record -- docker" err
t_ok "sudo is not run" test ! -e home/asked
t_end
