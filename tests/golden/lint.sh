#!/usr/bin/env bash
# whittle lint: lint/NAME.json is judged with the options in lint/NAME.options, and what is said
# compared with lint/NAME.expect. UPDATE=1 rewrites what differs; read the diff before you commit it.
#
# docker-default.json is the default profile of Docker, seccomp/default.json of moby/profiles at
# cd3bed8061c7b7378b61fc6827c7885779417a75 (June 2026), Apache License 2.0, as it is.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$ROOT/tests/golden/lint" || exit 1

# lint NAME [OPTION…]: to standard output; the file is called as it is here.
lint()
{
	local name=$1 options=()

	shift
	[ ! -e "$name.options" ] || read -ra options <"$name.options"
	"$WHITTLE" lint "${options[@]}" "$@" "$name.json"
}

# What an installed libseccomp of another version says otherwise.
by_version()
{
	grep -vE '\[(newer-name|arch-unsupported)\]$|no call riscv_hwprobe' || true
}

# The last line is the exit status.
matches()
{
	local status=0

	lint "$1" 2>"$T/err" >"$T/all" || status=$?
	[ "$status" -lt 2 ] || cat "$T/err"
	{ by_version <"$T/all" && echo "status $status"; } >"$T/got"
	if [ -n "${UPDATE-}" ]; then
		cmp -s "$T/got" "$1.expect" || cp "$T/got" "$1.expect"
	fi
	diff -u "$1.expect" "$T/got"
}

# JSON says the same: as many findings, and the same status.
same_json()
{
	local status=0 lines

	lint "$1" >"$T/lines" 2>"$T/err" || status=$?
	lines=$(wc -l <"$T/lines")
	[ "$(lint "$1" --json >"$T/json" 2>>"$T/err"; echo $?)" -eq "$status" ] &&
		jq -e --argjson lines "$lines" --arg name "$1.json" '
			length == 1 and .[0].file == $name and (.[0].findings | length == $lines) and
			all(.[0].findings[]; .text and .advice and .id and .location and
				(.severity | IN("error", "warning", "note")))' "$T/json"
}

for file in *.json; do
	t_ok "${file%.json} is judged as expected" matches "${file%.json}"
	if t_have jq; then
		t_ok "${file%.json}: the same in JSON" same_json "${file%.json}"
	else
		t_skip "${file%.json}: the same in JSON" "no jq"
	fi
done

# Every kind that the linter has is in some expectation: none is untried.
untried()
{
	sed -n 's/^\tKIND([A-Z0-9_]*, "\([a-z0-9-]*\)".*/\1/p' "$ROOT/src/review/finding.c" |
		sort >"$T/kinds"
	[ "$(wc -l <"$T/kinds")" -gt 50 ] || return
	{
		sed -n 's/.* \[\([a-z0-9-]*\)\]$/\1/p' ./*.expect
		# Of versions, or made below.
		printf '%s\n' newer-name arch-unsupported too-many-findings too-many-rules
	} | sort -u >"$T/seen"
	comm -23 "$T/kinds" "$T/seen" >"$T/untried"
	cat "$T/untried"
	[ ! -s "$T/untried" ]
}
t_ok "each kind of finding is in an expectation" untried

# What whittle emits has no errors and no warnings; the options of emit say for which start. Where
# mseal is not allowed it is answered as by the default, which needs no libseccomp that knows it.
emitted_is_clean()
{
	local words=() starts=() i status

	[ ! -e "$1/options" ] || read -ra words <"$1/options"
	for i in "${!words[@]}"; do
		case ${words[i]} in
		--runtime) starts+=(--runtime "${words[i + 1]}") ;;
		--runtime=* | --no-new-privileges*) starts+=("${words[i]}") ;;
		esac
	done
	"$WHITTLE" emit "$2" "${words[@]}" "$1/evidence.json" >"$T/emitted.json" || return
	"$WHITTLE" lint "${starts[@]}" "$T/emitted.json" >"$T/emitted"
	status=$?
	cat "$T/emitted"
	if ! grep -q '"mseal"' "$1/evidence.json" && grep '\<mseal\>.*\[newer-name\]$' "$T/emitted"; then
		return 1
	fi
	return "$status"
}
for case in ../*/evidence.json; do
	case=${case%/evidence.json}
	for target in oci docker; do
		t_ok "what is emitted for ${case#../} as $target is clean" emitted_is_clean "$case" $target
	done
done

# says REGEX STATUS ARGUMENT…: lint ends so, and says this on standard error.
says()
{
	local regex=$1 wanted=$2 got=0

	shift 2
	"$WHITTLE" lint "$@" >"$T/out" 2>"$T/err" || got=$?
	cat "$T/err"
	[ "$got" -eq "$wanted" ] && grep -Eq -- "$regex" "$T/err"
}
# undecided NAME TEXT REGEX: this is no profile, alone and beside one that is.
undecided()
{
	printf '%b' "$2" >"$T/bad.json"
	t_ok "$1 cannot be judged" says "bad.json: .*$3" 2 "$T/bad.json"
}
undecided "an empty file" '' 'the file is empty'
undecided "a truncated file" '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{' 'line 1, column [0-9]+'
undecided "text" 'hello\n' 'line 1, column'
undecided "a NUL" '{"defaultAction": "a\\u0000b"}' 'u0000'
undecided "bytes that are no UTF-8" '{"defaultAction": "\xff"}' 'line 1'
undecided "an array" '[1, 2]' 'no seccomp profile'
undecided "another object" '{"kind": "Pod"}' 'no seccomp profile'
undecided "a config.json without seccomp" '{"ociVersion": "1.0.2", "linux": {}}' 'without linux.seccomp'
undecided "a number of 65 bits" '{"syscalls": [{"args": [{"value": 18446744073709551616}]}]}' 'too big integer'
printf '%0100000d' 0 | tr 0 '[' >"$T/deep.json"
t_ok "deep nesting cannot be judged" says 'maximum parsing depth' 2 "$T/deep.json"
truncate -s 17M "$T/huge.json"
t_ok "nor can a huge file" says 'huge.json' 2 "$T/huge.json"
t_ok "nor one that is not there" says 'No such file' 2 "$T/none.json"
t_ok "the worst of several files counts" says 'line 1' 2 clean.json "$T/bad.json" floor.json
t_ok "no profile" says 'which profile' 2
t_ok "an unknown target" says 'unknown target lxc; there are: oci, docker' 2 --target lxc clean.json
t_ok "an unknown runtime" says 'unknown runtime lxc' 2 --runtime lxc clean.json
t_ok "an unknown start" says 'no-new-privileges is any, on or off, not maybe' 2 --no-new-privileges=maybe clean.json
t_status "standard output that is full" 2 sh -c '"$1" lint floor.json >/dev/full' sh "$WHITTLE"
t_status "standard input" 0 sh -c '"$1" lint --runtime none - <clean.json' sh "$WHITTLE"
t_is "-q leaves notes out" "$("$WHITTLE" lint -q --runtime none arch-none.json 2>&1)" ""

# Many rules and many findings: bounded, and said.
{
	printf '{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "syscalls": ['
	for ((i = 0; i < 50000; i++)); do
		printf '{"names": ["read", "nosuch%d"], "action": "SCMP_ACT_LOG"},\n' "$i"
	done
	printf '{"names": ["write"], "action": "SCMP_ACT_ALLOW"}]}\n'
} >"$T/many.json"
timeout 60 "$WHITTLE" lint --runtime none "$T/many.json" >"$T/many" 2>/dev/null
t_is "many findings end" $? 1
t_ok "they are bounded" test "$(wc -l <"$T/many")" -lt 3000
t_ok "it is said" grep -q '\[too-many-findings\]$' "$T/many"
t_ok "too many rules for one call" grep -q '\[too-many-rules\]$' "$T/many"

t_ok "risk.tsv is sorted, each name once" sh -c \
	'grep -v "^#" "$1" | cut -f1 | sort -c -u' sh "$ROOT/profiles/risk.tsv"
t_ok "int_args.tsv too" sh -c \
	'grep -v "^#" "$1" | cut -f1 | sort -c -u' sh "$ROOT/profiles/int_args.tsv"

# The default of Podman, where its package is installed or can be fetched.
podman=/usr/share/containers/seccomp.json
if [ ! -e "$podman" ] && t_have apt-get dpkg-deb; then
	(cd "$T" && timeout 60 apt-get -qq download golang-github-containers-common 2>/dev/null &&
		dpkg-deb -x golang-github-containers-common_*.deb podman) >/dev/null
	podman=$T/podman/usr/share/containers/seccomp.json
fi
# judged: it is containers/common's, starts under both runtimes, and its known weakness is found.
judged()
{
	"$WHITTLE" lint --json "$podman" >"$T/podman.json" 2>"$T/err"
	[ $? -le 1 ] && jq -e '.[0].form == "containers-common" and
		all(.[0].findings[]; .id != "floor" and .id != "wrong-type" and .id != "unknown-field") and
		any(.[0].findings[]; .id == "socketcall")' "$T/podman.json"
}
if [ ! -e "$podman" ]; then
	t_skip "Podman's default" "no /usr/share/containers/seccomp.json, and its package cannot be fetched"
elif ! t_have jq; then
	t_skip "Podman's default" "no jq"
else
	t_ok "Podman's default" judged
fi
t_end
