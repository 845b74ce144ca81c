#!/usr/bin/env bash
# `whittle emit` as a command: options, refusals, where it writes.
. "$(dirname "$0")/../lib.sh"
t_init

good=$ROOT/tests/golden/minimal/evidence.json
bad=$ROOT/tests/golden/incomplete/evidence.json

emit()
{
	"$WHITTLE" emit "$@"
}

# says REGEX STATUS ARGUMENT…: emit ends so, says this on standard error, and writes nothing.
says()
{
	local regex=$1 wanted=$2 got=0

	shift 2
	emit "$@" >"$T/out" 2>"$T/err" || got=$?
	cat "$T/err"
	[ "$got" -eq "$wanted" ] && [ ! -s "$T/out" ] && grep -Eq -- "$regex" "$T/err"
}

t_ok "an unknown target lists the known" says 'apparmor, bpf, caps, caps-oci, compose, daemon-json,.* oci' 2 selinux "$good"
t_ok "no target lists the known" says 'apparmor, bpf, caps, caps-oci, compose, daemon-json,.* oci' 2
t_ok "no evidence" says 'which evidence' 2 oci
t_ok "an unknown runtime" says 'lxc; there are: any, crun, docker, kubernetes, podman, runc, none' 2 oci --runtime lxc "$good"
t_ok "an unknown start" says 'any, on or off' 2 oci --no-new-privileges=maybe "$good"
t_ok "an unknown option" says 'wrong' 2 oci --wrong "$good"
t_ok "a file that is not there" says 'No such file' 2 oci "$T/none.json"
t_ok "incomplete evidence" says 'allow-incomplete' 2 oci "$bad"
for target in oci caps apparmor bpf; do
	t_status "incomplete $target, allowed" 0 emit "$target" --allow-incomplete "$bad"
done
emit caps --allow-incomplete "$bad" >"$T/out" 2>"$T/err"
t_ok "allowed, it says so on standard error" grep -q incomplete "$T/err"
t_ok "and in the file" grep -q '^# INCOMPLETE' "$T/out"
# A run that was not to learn what the target needs, alone and beside one that was.
build_facets()
{
	"$WHITTLE" merge -q -o - "$good" | sed 's/"facets": "[^"]*"/"facets": "'"$2"'"/
		s/"id": "0/"id": "'"$3"'/' >"$T/$1.json"
}
build_facets calls seccomp a
build_facets files seccomp,paths b
for target in apparmor caps; do
	t_ok "$target of calls alone says what to do" \
		says 'needs the facets caps.*not to learn|again with --facets seccomp,caps' 2 \
		"$target" "$T/calls.json"
	t_ok "$target of one such run among others" says 'needs the facets' 2 "$target" \
		"$good" "$T/calls.json"
	t_ok "--allow-incomplete does not help" says 'needs the facets' 2 "$target" \
		--allow-incomplete "$T/calls.json"
	t_ok "$target needs capabilities" says "$target needs the facets caps," 2 "$target" \
		"$T/files.json"
done
for target in oci bpf policy; do
	t_status "$target needs the calls alone" 0 emit "$target" "$T/calls.json" "$T/files.json"
done
t_is "the filter is the same" "$(emit oci "$T/calls.json" | cksum)" "$(emit oci "$good" | cksum)"
emit policy "$good" "$T/calls.json" >"$T/policy"
t_ok "the policy says what all were to learn" grep -q '^"facets": "seccomp",$' "$T/policy"
t_ok "and holds no rules of what one was not to" grep -q '^"apparmor": \[\],$' "$T/policy"

# A proven list takes the place of the recorded one, in every target.
proven() { printf '{"schema": "%s", "ablated": "%s", "minimal": %s}' "$@" >"$T/verified.json"; }
either=$(dirname "$good")/../either-or/evidence.json
proven whittle-verified/1 caps '["CAP_FOWNER", "CAP_KILL"]'
t_is "only what is proven is listed" "$(emit caps --proven "$T/verified.json" "$either")" \
	"CAP_FOWNER  # proven; utimensat /x by /usr/sbin/nginx (would do too: CAP_DAC_OVERRIDE)
CAP_KILL  # proven; not seen by a rule"
t_is "and added" "$(emit docker-flags -q --seccomp "$T/f.json" --proven "$T/verified.json" "$either" |
	grep -- --cap-add | paste -sd' ')" "--cap-add CAP_FOWNER --cap-add CAP_KILL"
t_is "and set" "$(emit caps-oci --proven "$T/verified.json" "$either" |
	jq -c '.process.capabilities | .bounding, .effective, .ambient')" '["CAP_FOWNER","CAP_KILL"]
["CAP_FOWNER","CAP_KILL"]
[]'
t_ok "the policy says what is tolerated" grep -q 'CAP_NET_ADMIN is tolerated: proven not to be' \
	<(emit policy --proven "$T/verified.json" "$either")
proven whittle-verified/1 caps '[]'
t_is "nothing may be needed" "$(emit caps --proven "$T/verified.json" "$either")" \
	"# No capability was needed: all can be dropped."
proven whittle-verified/1 caps '["CAP_NONE"]'
t_ok "an unknown name" says 'CAP_NONE is no capability' 2 caps --proven "$T/verified.json" "$either"
proven whittle-verified/2 caps '[]'
t_ok "a newer form" says 'is no list of proven capabilities' 2 caps --proven "$T/verified.json" "$either"
t_ok "another file" says 'is no list of proven capabilities|verify -o DIR' 2 caps --proven "$good" "$either"
t_ok "no file" says 'No such file' 2 caps --proven "$T/none.json" "$either"

# The filter beside the evidence: made if it is not there, never replaced unless it is named.
mkdir "$T/beside" "$T/a b"
cp "$good" "$T/beside/evidence.json"
cp "$good" "$T/a b/evidence.json"
flags=$(emit docker-flags -q "$T/beside")
t_is "the flags name the filter beside the evidence" "${flags%%$'\n'*}" \
	"--security-opt seccomp=$T/beside/seccomp.json"
t_is "which is made" "$(cksum <"$T/beside/seccomp.json")" "$(emit oci "$good" | cksum)"
t_status "again is the same" 0 emit docker-flags "$T/beside/evidence.json"
t_is "of a file in this directory" "$(cd "$T/beside" && emit podman -q evidence.json | head -n 1)" \
	"--security-opt seccomp=seccomp.json"
t_ok "another filter is not replaced" says 'is not the filter of|--seccomp FILE' 2 docker-flags \
	--runtime none "$T/beside"
t_is "it is as it was" "$(cksum <"$T/beside/seccomp.json")" "$(emit oci "$good" | cksum)"
t_status "unless it is named" 0 emit docker-flags --runtime none --seccomp "$T/beside/seccomp.json" \
	"$T/beside"
t_is "then it is of these options" "$(cksum <"$T/beside/seccomp.json")" \
	"$(emit oci --runtime none "$good" | cksum)"
t_ok "evidence of several directories" says 'several directories' 2 docker-flags "$T/beside" "$good"
t_ok "a path that is no word" says 'cannot be a word' 2 docker-flags "$T/a b"
t_ok "nothing is left there" not test -e "$T/a b/seccomp.json"
t_ok "Kubernetes has its own folder" says 'below /var/lib/kubelet' 2 kubernetes --seccomp /x "$good"
t_ok "what to decide is said beside the flags" sh -c '
	"$1" emit docker-flags --seccomp "$2" "$3" 2>&1 >/dev/null | grep -q "needs decision: .*user"' \
	sh "$WHITTLE" "$T/named.json" "$good"
t_is "no AppArmor profile unless asked for" "$(emit podman -q --seccomp "$T/named.json" "$good" |
	grep -c apparmor)" 0
t_is "asked for" "$(emit podman -q --seccomp "$T/named.json" --apparmor --name n "$good" |
	grep apparmor)" "--security-opt apparmor=n"
for target in docker-flags kubernetes systemd; do
	t_ok "$target of calls alone" says 'needs the facets' 2 "$target" "$T/calls.json"
done
t_ok "no-new-privileges as evidence has it" grep -q no-new-privileges <<<"$flags"
t_is "or as it is said" "$(emit podman -q --seccomp "$T/named.json" --no-new-privileges=off "$good" |
	grep -c no-new-privileges)" 0

t_ok "a bad profile name" says 'no profile name' 2 apparmor --name 'a b' "$good"
t_ok "an unwritable place" says "$T/none/out" 2 oci -o "$T/none/out" "$good"

# narrower: the floor that the options choose.
narrower()
{
	emit oci "$@" "$good" >"$T/narrow" && emit oci "$good" >"$T/wide" &&
		[ "$(wc -l <"$T/narrow")" -lt "$(wc -l <"$T/wide")" ]
}
t_ok "--runtime crun has less" narrower --runtime crun
t_ok "--no-new-privileges alone means on" narrower --no-new-privileges
t_ok "--runtime none has the program's calls only" narrower --runtime none
t_is "--runtime none allows by one entry" \
	"$(emit oci --runtime none "$good" | grep -c SCMP_ACT_ALLOW)" 1

# The same to a file; a file there before is replaced.
to_file()
{
	echo old >"$T/file"
	emit oci -o "$T/file" "$good" && emit oci "$good" | cmp - "$T/file"
}
t_ok "-o writes the same to a file" to_file
t_ok "options may stand before the target" emit --runtime none oci "$good"
t_status "standard output that is full" 2 sh -c '"$1" emit oci "$2" >/dev/full' sh "$WHITTLE" "$good"
# Two shards that did the same: nothing changes but who is asked.
sed 's/"id": "0/"id": "f/' "$good" >"$T/second.json"
t_is "two runs that did the same are as one" "$(emit policy "$good" "$T/second.json")" "$(emit policy "$good")"

# script(1) gives it a terminal.
on_terminal()
{
	script -qec "'$WHITTLE' emit bpf '$good'" /dev/null >"$T/tty" 2>&1
	[ $? -eq 2 ] && grep -q terminal "$T/tty"
}
if t_have script; then
	t_ok "binary is not for a terminal" on_terminal
else
	t_skip "binary is not for a terminal" "no script(1)"
fi

ln -s /bin/sh "$T/innocent"
cp /bin/true "$T/prog ram"
for path in /bin/sh /bin/bash /usr/bin/python3 /opt/python3.12 /usr/bin/env /bin/busybox "$T/innocent"; do
	t_ok "--attach refuses ${path##*/}" says 'would confine every' 2 apparmor --attach "$path" "$good"
done
t_ok "--attach wants an absolute path" says 'absolute' 2 apparmor --attach true "$good"
attached=$(emit apparmor --name x --attach "$T/prog ram" "$good" | grep '^profile')
t_is "options may stand behind the evidence" \
	"$("$WHITTLE" emit --name first apparmor "$good" --attach /opt/x | grep '^profile')" \
	"profile first /opt/x flags=(attach_disconnected,mediate_deleted) {"
t_is "--attach quotes" "$attached" \
	"profile x \"${T}/prog\\040ram\" flags=(attach_disconnected,mediate_deleted) {"
# Programs that have a profile of their own: tests/golden/exec has the bytes of cx.
several=$ROOT/tests/golden/exec/evidence.json
exec_rules()
{
	emit apparmor --name main "$@" "$several" | grep -E ' [PpCc]x -> |^profile' | sed 's/ flags.*//'
}
t_is "px: each is to have its own, by the name that emit would give it" "$(exec_rules --exec=px)" 'profile main
  "/srv/a\040b\052" Px -> whittle-a_b_,
  /usr/bin/tool Px -> whittle-tool,'
t_is "child-profiles: beside the first" "$(exec_rules --exec=child-profiles | grep -v tool-2)" 'profile main
  "/srv/a\040b\052" Px -> main.srv.a_b_,
profile main.opt.tool
  /usr/bin/dash Px -> main,
profile main.srv.a_b_
  /usr/bin/python3.11 Px -> main.usr.bin.python3.11,
profile main.usr.bin.tool
profile main.usr.bin.python3.11
  /opt/tool Px -> main.opt.tool,
  /srv/s.py Px -> main.usr.bin.python3.11,
  /usr/bin.tool Px -> main.usr.bin.tool,'
t_is "ix: one profile, and what is inherited is not asked for" "$(exec_rules)" 'profile main'
t_is "--keep-environment is said in lower case" \
	"$(exec_rules --exec=cx --keep-environment | grep -c '[PC]x')/$(exec_rules --exec=cx --keep-environment | grep -c '[pc]x')" 0/7
t_ok "and in words" grep -q '^# Lower case' <(emit apparmor --exec=cx --keep-environment "$several")
t_ok "an unknown way to execute" says '--exec takes ix, px, cx or child-profiles' 2 apparmor --exec=ux "$several"
t_is "abi 4.0 has its classes" "$(emit apparmor --abi=4.0 --name m "$several" | grep '^abi\|userns')" 'abi <abi/4.0>,
  userns create,'
t_is "abi 3.0 has not" "$(emit apparmor --abi=3.0 "$several" | grep -c userns)" 0
t_ok "an unknown abi" says '--abi takes 3.0 or 4.0' 2 apparmor --abi=5.0 "$several"
t_ok "an unknown form" says '--form takes container or host' 2 apparmor --form=vm "$several"
t_is "complain is a flag of every profile" "$(emit apparmor --exec=child-profiles --complain "$several" |
	grep -c '^profile.*flags=(attach_disconnected,mediate_deleted,complain) {')" 6
t_is "a host needs neither flags nor runtimes" "$(emit apparmor --form=host "$good" | grep 'profile w\|runc')" \
	"profile whittle-true {"
t_is "but names, where the mount namespace is left" "$(emit apparmor --form=host --name m "$several" | grep '^profile')" \
	"profile m flags=(attach_disconnected) {"
if t_have apparmor_parser; then
	for mode in ix px cx child-profiles; do
		emit apparmor --exec="$mode" --complain --form=host "$several" >"$T/profile"
		t_ok "apparmor_parser takes $mode" apparmor_parser -Q -K -T "$T/profile"
	done
else
	t_skip "apparmor_parser takes all ways to execute" "no apparmor_parser"
fi
t_is "nothing is attached unless asked" "$(emit apparmor "$good" | grep '^profile')" \
	"profile whittle-true flags=(attach_disconnected,mediate_deleted) {"
t_end
