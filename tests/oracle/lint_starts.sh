#!/usr/bin/env bash
# whittle lint against runc and crun: where it says that no container starts, none does, and where a
# container does not start, it says so. A row: an edit of a good profile, the kind of finding that is
# to be there for runc and for crun ("-": none but notes), and what each does with it.
. "$(dirname "$0")/../lib-container.bash"
c_init
c_limit=20
probe=$WORKLOADS/errnos_static
[ -x "$probe" ] || t_skip_all "no static C library: errnos_static is not built"
for runtime in runc crun; do c_have "$runtime" || t_skip_all "$c_reason"; done

good()
{
	"$WHITTLE" record -q -o "$T/out" -- "$probe" nothing && "$WHITTLE" emit oci "$T/out" >"$T/good.json" &&
		c_scratch "$C/bundles/lint/rootfs" "$probe" && c_bundle lint /errnos_static nothing
}
t_ok "a good profile" good

# The name is nowhere, or is answered otherwise.
lacks='def lacks($n): .syscalls |= map(.names -= [$n]) | .syscalls |= map(select(.names != []));'
rows='
as it is            | .                                                      | -                | starts | starts
no such action      | .syscalls[0].action = "SCMP_ACT_NOPE"                  | unknown-action   | fails  | fails
no action           | del(.syscalls[0].action)                               | unknown-action   | fails  | fails
no such default     | .defaultAction = "SCMP_ACT_NOPE"                       | unknown-action   | fails  | fails
no such flag        | .flags = ["SECCOMP_FILTER_FLAG_NOPE"]                  | unknown-flag     | fails  | fails
no such ABI         | .architectures += ["SCMP_ARCH_Z80"]                    | arch-unknown     | fails  | fails
native ABI          | .architectures = ["SCMP_ARCH_NATIVE"]                  | arch-native      | fails  | fails
no such operator    | .syscalls += [{names: ["acct"], action: "SCMP_ACT_KILL_PROCESS", args: [{index: 0, value: 1, op: "SCMP_CMP_NOPE"}]}] | unknown-operator | fails | fails
argument 6          | .syscalls += [{names: ["acct"], action: "SCMP_ACT_KILL_PROCESS", args: [{index: 6, value: 1, op: "SCMP_CMP_EQ"}]}] | arg-index | fails | fails
errnoRet of ALLOW   | .syscalls[0].errnoRet = 1                              | errno-ignored    | starts | fails
two actions, one condition | .syscalls += [{names: ["acct"], action: "SCMP_ACT_KILL_PROCESS", args: [{index: 0, value: 1, op: "SCMP_CMP_EQ"}]}, {names: ["acct"], action: "SCMP_ACT_ALLOW", args: [{index: 0, value: 1, op: "SCMP_CMP_EQ"}]}] | conflict | fails | fails
two actions         | .syscalls += [{names: ["acct"], action: "SCMP_ACT_KILL_PROCESS"}, {names: ["acct"], action: "SCMP_ACT_ALLOW"}] | conflict | starts | starts
NOTIFY, no listener | .syscalls += [{names: ["acct"], action: "SCMP_ACT_NOTIFY"}] | notify-no-listener | fails | starts
no such call        | .syscalls[0].names += ["nosuchcall"]                   | unknown-name     | starts | starts
all is allowed      | .defaultAction = "SCMP_ACT_ALLOW" \| del(.defaultErrnoRet) \| .syscalls = [] | allow-everything | starts | starts
nothing is allowed  | .syscalls = []                                         | floor            | fails  | fails
no execve           | lacks("execve")                                        | floor            | fails  | fails
no capset           | lacks("capset")                                        | floor            | fails  | fails
no prctl            | lacks("prctl")                                         | floor            | fails  | fails
prctl for one option | lacks("prctl") \| .syscalls += [{names: ["prctl"], action: "SCMP_ACT_ALLOW", args: [{index: 0, value: 24, op: "SCMP_CMP_EQ"}]}] | floor | fails | fails
prctl for its options | lacks("prctl") \| .syscalls += [{names: ["prctl"], action: "SCMP_ACT_ALLOW", args: [{index: 0, value: 47, op: "SCMP_CMP_LE"}]}] | - | starts | starts
no getdents64       | lacks("getdents64")                                    | floor            | fails  | starts
no fstatfs          | lacks("fstatfs")                                       | floor            | fails  | starts
no setresuid        | lacks("setresuid")                                     | floor            | starts | fails
no rt_sigaction     | lacks("rt_sigaction")                                  | floor            | starts | fails
no getpid           | lacks("getpid")                                        | -                | starts | starts
no epoll_ctl        | lacks("epoll_ctl")                                     | -                | starts | starts
no close_range      | lacks("close_range")                                   | -                | starts | starts
no epoll_ctl, killed | lacks("epoll_ctl") \| .defaultAction = "SCMP_ACT_KILL_PROCESS" \| del(.defaultErrnoRet) | floor | fails | starts
no close, killed    | lacks("close") \| .defaultAction = "SCMP_ACT_KILL_PROCESS" \| del(.defaultErrnoRet) | floor | fails | fails
names is no list    | .syscalls[0].names = "read"                            | wrong-type       | fails  | fails
action is a number  | .syscalls[0].action = 7                                | wrong-type       | fails  | fails
'

does()
{
	c_edit lint --slurpfile p "$T/bad.json" '.linux.seccomp = $p[0]' &&
		c_run "$1" lint </dev/null >"$T/said" 2>&1
}
# What lint says of a start by this runtime, as it is installed or of any version.
says() { "$WHITTLE" lint --json --runtime "$1" --no-new-privileges=off --target oci "$T/bad.json" >"$T/lint.json" 2>"$T/err"; }
grave() { jq -r '.[0].findings[] | select(.severity != "note") | .id' "$T/lint.json" | sort -u | xargs; }

# agrees RUNTIME ID fails|starts
agrees()
{
	local does=fails ids

	! does "$1" || does=starts
	says "$1"
	ids=$(grave)
	echo "$1 $does: $(tail -n 1 "$T/said"); lint: $ids"
	[ "$does" = "$3" ] || return
	if [ "$2" = - ]; then
		[ -z "$ids" ]
	elif [ "$2" = floor ] && [ "$3" = starts ]; then
		# The floor is the runtime's own: no word of it for one that starts.
		[[ " $ids " != *" floor "* ]]
	else
		[[ " $ids " == *" $2 "* ]]
	fi
}

while IFS=$'\t' read -r name edit id runc crun; do
	[ -n "$name" ] || continue
	jq "$lacks $edit" "$T/good.json" >"$T/bad.json" || exit 1
	t_ok "$name: runc $runc" agrees runc "$id" "$runc"
	t_ok "$name: crun $crun" agrees crun "$id" "$crun"
done < <(sed -e 's/\\|/\a/g' -e 's/ *| */\t/g' -e 's/\a/|/g' <<<"$rows")
t_end
