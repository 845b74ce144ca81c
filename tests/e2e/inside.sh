#!/usr/bin/env bash
# whittle inside a container, as a test stage runs it: under the engine's own filter and capabilities,
# as root and as nobody. What that filter refuses is told apart from what the kernel refuses.
. "$(dirname "$0")/../lib-container.bash"
. "$(dirname "$0")/../lib-deny.bash"
c_init
F=$c_root bits=64
build_probe || t_skip_all "the probe cannot be built here"
install -m 755 "$WHITTLE" "$F/whittle"
mkdir "$F/out"
chmod 1777 "$F/out"

# The kernel refuses pivot_root to whoever asks so; some engines' filters refuse it before. Nobody's
# filter lets swapon pass that does not know CAP_SYS_ADMIN.
cat >"$F/work.sh" <<'END'
for name in swapon acct pivot_root openat2; do
	"$F/probe" call "$name"
	echo "$name $?"
done
END

# inside MODE USER COMMAND…: in a container, $F/out being the host's.
inside()
{
	local user=$2

	case $1 in
	podman-*)
		c_podman --runtime "${1#podman-}" run --rm --user "$user" --env F="$F" \
			--volume "$F/out:$F/out" --rootfs /:O "${@:3}"
		;;
	docker)
		c_docker run --rm --network none --user "$user" --env F="$F" --volume /usr:/usr:ro \
			--volume "$F:$F" localhost/base "${@:3}"
		;;
	*)
		c_bundle "$1" "${@:3}" && c_edit "$1" --arg f "$F" --argjson user "$user" \
			--argjson seccomp "$profile" '.process.user = { uid: $user, gid: $user } |
			.process.env += ["F=" + $f, "ASAN_OPTIONS=detect_leaks=0"] | .linux.seccomp = $seccomp |
			.mounts += [{ destination: ($f + "/out"), type: "bind", source: ($f + "/out"),
				options: ["rbind", "rw"] }]' && c_run "$1" "$1"
		;;
	esac
}

# What the probe says in there without whittle, of each call: "NAME STATUS".
truth() { inside "$1" "$2" sh "$F/work.sh"; }

record()
{
	find "$F/out" -mindepth 1 -delete
	inside "$1" "$2" "$F/whittle" record -q -o "$F/out/w" "${@:3}" -- sh "$F/work.sh" \
		>"$T/said" 2>"$T/err"
}

result() { jq -r --arg name "$1" '[.syscalls[] | select(.name == $name) | .result] | join(" ")' "$F/out/w/evidence.json"; }
limitations() { jq -r '.runs[0].limitations | keys | join(" ")' "$F/out/w/evidence.json"; }

# Where the kernel was not asked it cannot have said so: swapon passes a filter only with
# CAP_SYS_ADMIN, and what is refused by the kernel too tells nothing.
by_ptrace()
{
	record "$1" "$2" --engine ptrace || { cat "$T/said" "$T/err"; return 1; }
	[ "$(cat "$T/said")" = "$(cat "$T/truth")" ] || { diff "$T/truth" "$T/said"; return 1; }
	[ "$(result swapon) $(result acct)" = "filtered filtered" ] &&
		[ "$(result openat2)" = E2BIG ] && [[ " $(limitations) " = *" outer-refused "* ]] &&
		grep -q '"swapon".*refused by a filter' "$F/out/w/policy.json"
}

# The notify engine sees nothing of what an older filter refuses, and says so. Docker's filter has no
# pidfd_getfd(2) before version 23.
by_notify()
{
	if ! record "$1" "$2" --engine notify; then
		cat "$T/said" "$T/err"
		[ "$1" = docker ] && grep -q "the notify engine needs ptrace's permission" "$T/err"
		return
	fi
	[ "$(cat "$T/said")" = "$(cat "$T/truth")" ] && [ -z "$(result swapon)" ] &&
		[ "$(result openat2)" = unknown ] && [[ " $(limitations) " = *" outer-unseen "* ]]
}

# A root for docker, which takes none of the host's.
base_image()
{
	local root=$T/root

	mkdir -p "$root"/{usr,proc,sys,dev,etc,tmp} && cp -a /bin /lib* /sbin "$root" &&
		cp /etc/passwd /etc/ld.so.cache "$root/etc" && c_image docker base "$root"
}

for mode in podman-crun podman-runc docker; do
	IFS=- read -ra engine <<<"$mode"
	if ! c_have "${engine[@]}"; then
		t_skip "$mode" "$c_reason"
		continue
	fi
	[ "$mode" != docker ] || base_image || t_fail "an image for docker"
	for user in 0 65534; do
		truth "$mode" "$user" >"$T/truth" 2>&1
		t_ok "$mode, user $user: the filter's refusals are told" by_ptrace "$mode" "$user"
		t_ok "$mode, user $user: --engine notify says what it does not see" by_notify "$mode" "$user"
	done
done

# Filters of our own (LeakSanitizer uses ptrace itself, and is off): each takes away something that whittle needs.
allow_but() { jq -nc '{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: $ARGS.positional, action: "SCMP_ACT_ERRNO", errnoRet: 1 }] }' --args "$@"; }

no_ptrace()
{
	record "$1" 0 || { cat "$T/said" "$T/err"; return 1; }
	[ "$(jq -r '.runs[0].engine' "$F/out/w/evidence.json")" = notify ] &&
		[[ " $(limitations) " = *" outer-unseen "* ]]
}

no_oracle()
{
	record "$1" 0 || { cat "$T/said" "$T/err"; return 1; }
	[ "$(result swapon)" = EPERM ] && [[ " $(limitations) " = *" outer-untold "* ]]
}

nothing_left()
{
	local status=0

	record "$1" 0 || status=$?
	cat "$T/err"
	[ "$status" -eq 125 ] && grep -q 'ptrace' "$T/err" && [ ! -e "$F/out/w/evidence.json" ]
}

for mode in crun runc; do
	if ! c_have "$mode"; then
		t_skip "$mode" "$c_reason"
		continue
	fi
	profile=$(allow_but ptrace)
	t_ok "$mode: without ptrace the other engine is taken" no_ptrace "$mode"
	profile=$(allow_but swapon acct seccomp)
	t_ok "$mode: without seccomp(2) it is said that refusals cannot be told apart" no_oracle "$mode"
	profile=$(allow_but ptrace seccomp)
	t_ok "$mode: without both it is refused, and said" nothing_left "$mode"
done
t_end
