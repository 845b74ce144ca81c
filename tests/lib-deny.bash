# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables for the scripts, and theirs
# What a profile must deny, tried for real by tests/workloads/deny_probe.c, whatever enforces the
# profile. Who sources this gives:
#	$program $account         what the points are called; who runs in there
#	$P $S $F $usable          profiles, scratch, where the probe is; the modes to try
#	$bits                     which ABI the probe uses
#	probe_status MODE ARG…    prints the exit status of the probe, run with ARG… that way
#	no_new_privileges MODE    prints 0 or 1
#	granted_by MODE           prints a file with the calls that the mode's filter grants
#	has_bounding MODE         the mode sets the bounding set too
#	denied_by MODE            prints what the probe says of a call that the filter denies

# The probe's words for errors.
said_success=100 said_eperm=101 said_eacces=113 said_erofs=130 said_enosys=138

granted_calls() { jq -r '.syscalls[] | select(.action == "SCMP_ACT_ALLOW").names[]' "${1:-$P/seccomp.json}" | sort -u; }

# The capabilities of the profile, one a word.
capabilities() { sed -n 's/^\(CAP_[A-Z_]*\).*/\1/p' "$P/capabilities.txt"; }

# A call that the filter does not grant, and that answers something else than ENOSYS without it.
ungranted_call()
{
	local name

	for name in swapon quotactl keyctl add_key mount pivot_root unshare setns chroot acct; do
		if ! grep -qx "$name" "$S/calls" &&
			[ "$("$F/probe" call "$name"; echo $?)" -ne "$said_enosys" ]; then
			echo "$name"
			return
		fi
	done
	return 1
}

deny_call()
{
	local name mode

	if ! name=$(ungranted_call); then
		t_fail "$program: a call that the profile does not grant"
		return
	fi
	for mode in "${usable[@]}"; do
		t_is "$program: $name is denied by $mode" "$(probe_status "$mode" call "$name")" \
			"$(denied_by "$mode")"
	done
}

has_capability() { capabilities | grep -qx "$1"; }

# Capability masks as /proc/PID/status prints them.
capability_mask()
{
	local mask=0 name number

	for name in $(capabilities); do
		number=$(awk -v name="$name" '$1 == "#define" && $2 == name { print $3 }' \
			/usr/include/linux/capability.h)
		mask=$((mask | 1 << number))
	done
	printf '%016x\n' "$mask"
}

# mode_grants MODE CALL…: the filter of that mode grants them all.
mode_grants()
{
	local call calls

	calls=$(granted_by "$1")
	for call in "${@:2}"; do grep -qx "$call" "$calls" || return 1; done
}

# ungranted_operation MODE FOREIGN: an operation that needs a capability that is not on the list, by
# calls that are. Prints the capability, the status wanted, and the probe's arguments.
ungranted_operation()
{
	if ! has_capability CAP_DAC_OVERRIDE && ! has_capability CAP_DAC_READ_SEARCH &&
		mode_grants "$1" openat; then
		echo "CAP_DAC_READ_SEARCH $said_eacces open $2"
	elif ! has_capability CAP_NET_BIND_SERVICE && mode_grants "$1" socket bind; then
		echo "CAP_NET_BIND_SERVICE $said_eacces bind"
	elif ! has_capability CAP_SETGID && mode_grants "$1" setgroups; then
		echo "CAP_SETGID $said_eperm setgroups"
	elif ! has_capability CAP_SETUID && mode_grants "$1" setuid; then
		echo "CAP_SETUID $said_eperm setuid"
	else
		return 1
	fi
}

# make_foreign FILE: one that is nobody's here.
make_foreign()
{
	printf 'secret\n' >"$1"
	chown 4711:4711 "$1"
	chmod 600 "$1"
}

# deny_capability FOREIGN: what make_foreign made.
deny_capability()
{
	local operation capability wanted mode mask bounding

	mask=$(capability_mask)
	for mode in "${usable[@]}"; do
		if ! operation=$(ungranted_operation "$mode" "$1"); then
			t_fail "$program: an operation that needs a capability not granted by $mode"
			continue
		fi
		read -r capability wanted operation <<<"$operation"
		# shellcheck disable=SC2086 # words
		t_is "$program: $operation passes with all capabilities, and without $capability by $mode not" \
			"$("$F/probe" $operation; echo $?) $(probe_status "$mode" $operation)" \
			"$said_success $wanted"
		bounding=(CapBnd "$mask")
		has_bounding "$mode" || bounding=()
		t_is "$program: $mode grants the listed capabilities and no other" \
			"$(probe_status "$mode" status NoNewPrivs "$(no_new_privileges "$mode")" Seccomp 2 \
				CapEff "$(effective)" CapPrm "$(effective)" "${bounding[@]}")" "$said_success"
	done
}

# What a process of the account has: a user other than root loses all at execve (capabilities(7)).
effective() { if [ "$account" = root ]; then capability_mask; else printf '%016x\n' 0; fi; }

build_probe()
{
	"${CC:-cc}" "-m$bits" -O1 -std=gnu11 -D_GNU_SOURCE -ffreestanding -fno-stack-protector \
		-fno-pie -nostdlib -static -o "$F/probe" "$ROOT/tests/workloads/deny_probe.c"
}
