#!/usr/bin/env bash
# Under an emitted profile every runtime answers the same, for each number from 0 to 600: those that
# the profile does not name are not there (ENOSYS), be they known to the tool and to libseccomp or
# newer than both. runc answers so by a filter of its own before the profile's, crun has none.
. "$(dirname "$0")/../lib-container.bash"
c_init
probe=$WORKLOADS/errnos_static
[ -x "$probe" ] || t_skip_all "no static C library: errnos_static is not built"

recorded()
{
	"$WHITTLE" record -q -o "$T/out" -- "$probe" nothing &&
		"$WHITTLE" emit oci "$T/out" >"$T/oci.json" && "$WHITTLE" emit docker "$T/out" >"$T/docker.json"
}
t_ok "what the probe itself needs is recorded" recorded

# answers FILE: one line a number, and what the profile denies answers 38: no more than it names do
# otherwise.
answers()
{
	[ "$(wc -l <"$1")" -eq 601 ] &&
		[ "$(awk '$2 != 38' "$1" | wc -l)" -le "$(jq '[.syscalls[] |
			select(.action == "SCMP_ACT_ALLOW").names[]] | unique | length' "$T/oci.json")" ] &&
		grep -qx '435 38' "$1" && grep -qx '600 38' "$1" && grep -qx '462 38' "$1" &&
		grep -Eq '^1 (9|ok)$' "$1"
}
plain()
{
	[ -d "$C/bundles/errnos/rootfs" ] || c_scratch "$C/bundles/errnos/rootfs" "$probe" &&
		c_bundle errnos /errnos_static || return
	c_edit errnos --slurpfile p "$T/oci.json" --argjson on "$2" \
		'.linux.seccomp = $p[0] | .process.noNewPrivileges = $on'
	c_run "$1" errnos >"$T/$1-$2" && answers "$T/$1-$2"
}
engine()
{
	"${@:2}" --network none --security-opt "seccomp=$T/docker.json" localhost/errnos /errnos_static \
		>"$T/$1" && answers "$T/$1"
}
image() { [ -d "$C/image" ] || c_scratch "$C/image" "$probe" && c_image "$1" errnos "$C/image"; }
# Users and capabilities differ from one engine to the other, and so what is granted answers.
denials() { awk '{ print $1, $2 == 38 ? "denied" : "not denied" }' "$1"; }
same() { diff "$T/$1" "$T/$2"; }
same_denials() { diff <(denials "$T/$1") <(denials "$T/$2"); }

first=
for runtime in crun runc; do
	for on in false true; do
		name="oci, $runtime, no-new-privileges $on"
		if ! c_have "$runtime"; then
			t_skip "$name" "$c_reason"
			continue
		fi
		t_ok "$name: 601 answers" plain "$runtime" "$on"
		if [ -z "$first" ]; then
			first=$runtime-$on
		else
			t_ok "$name: the same as $first" same "$first" "$runtime-$on"
		fi
	done
done
for runtime in crun runc; do
	name="docker's form, podman with $runtime"
	if [ -z "$first" ] || ! c_have podman "$runtime"; then
		t_skip "$name" "${c_reason:-neither crun nor runc runs here}"
		continue
	fi
	t_ok "$name: an image" image podman
	t_ok "$name: 601 answers" engine "podman-$runtime" c_podman --runtime "$runtime" run --rm
	t_ok "$name: the same are denied" same_denials "$first" "podman-$runtime"
done
# Docker before 23 knows no defaultErrnoRet (github.com/moby/moby/pull/42604): EPERM, under runc's own
# filter.
old_docker() { [ "$(docker version -f '{{.Server.Version}}' | cut -d. -f1)" -lt 23 ]; }
old_answers()
{
	"${@:2}" --network none --security-opt "seccomp=$T/docker.json" localhost/errnos /errnos_static \
		>"$T/$1" || return
	diff <(denials "$T/$first") <(sed 's/ 1$/ 38/' "$T/$1" >"$T/$1-38" && denials "$T/$1-38")
}
# Calls without which programs do only if they are told so: ENOSYS by rules of their own, whatever
# becomes of the default. Newer ones than libseccomp's are beyond what runc's own filter lets pass.
missing()
{
	local name number count=0

	for name in $(jq -r '.syscalls[] | select(.errnoRet == 38).names[]' "$T/docker.json"); do
		number=$(echo "__NR_$name" | "${CC:-cc}" -E -include asm/unistd.h -x c - | tail -n 1)
		[ -z "${number##*[!0-9]*}" ] || grep -qx "$number 38" "$T/$1" || { echo "$name"; return 1; }
		count=$((count + 1))
	done
	[ "$count" -gt 15 ]
}
name="docker's form, docker"
if [ -z "$first" ] || ! c_have docker; then
	t_skip "$name" "${c_reason:-neither crun nor runc runs here}"
elif old_docker; then
	t_ok "$name: an image" image docker
	t_ok "$name, before 23: the same are denied, by EPERM or ENOSYS" old_answers docker c_docker run --rm
	t_ok "$name, before 23: calls that libraries fall back from are not there" missing docker
	t_skip "$name: the same answers" "this docker is older than 23 and knows no defaultErrnoRet"
else
	t_ok "$name: an image" image docker
	t_ok "$name: 601 answers" engine docker c_docker run --rm
	t_ok "$name: the same are denied" same_denials "$first" docker
fi

# The comparison can fail: a profile whose default answers EPERM is one of those on which they
# differ, since runc's own filter says ENOSYS above the highest number that is named.
differs()
{
	jq '.defaultErrnoRet = 1' "$T/oci.json" >"$T/eperm.json" && cp "$T/eperm.json" "$T/oci.json" || return
	for runtime in crun runc; do
		plain "$runtime" false
		[ -s "$T/$runtime-false" ] || return
	done
	not diff -q "$T/crun-false" "$T/runc-false"
}
if c_have crun && c_have runc; then
	t_ok "with EPERM as the default they differ" differs
else
	t_skip "with EPERM as the default they differ" "$c_reason"
fi
t_end
