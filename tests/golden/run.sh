#!/usr/bin/env bash
# Golden files: CASE/evidence.json is rendered for each text target, with the options in
# CASE/options, and compared with CASE/TARGET.expect. UPDATE=1 rewrites what differs; read the diff
# before you commit it.
. "$(dirname "$0")/../lib.sh"
t_init

targets='apparmor caps caps-oci compose daemon-json docker docker-flags kubernetes oci podman policy quadlet spo systemd'

# emit CASE TARGET [EVIDENCE]: to standard output.
emit()
{
	local options=()

	[ ! -e "$1/options" ] || read -ra options <"$1/options"
	case $2 in
	docker-flags | podman) options+=(--quiet --seccomp filter.json) ;; # beside nothing of ours
	esac
	"$WHITTLE" emit "$2" "${options[@]}" "${3-$1/evidence.json}"
}

matches()
{
	emit "$1" "$2" >"$T/got" || return 1
	if [ -n "${UPDATE-}" ]; then
		cmp -s "$T/got" "$1/$2.expect" || cp "$T/got" "$1/$2.expect"
	fi
	diff -u "$1/$2.expect" "$T/got"
}

# The same facts of a run with another id, name and machine's kernel: the same bytes.
is_stable()
{
	sed '/^{"id"/ { s/"id": "[0-9a-f]\{31\}/"id": "0123456789abcdef0123456789abcde/
		s/"name": "run"/"name": "other"/; s/"kernel": "[^"]*"/"kernel": "7"/; }' \
		"$1/evidence.json" >"$T/other.json"
	cmp -s "$1/evidence.json" "$T/other.json" && return 1
	emit "$1" "$2" >"$T/one" && emit "$1" "$2" "$T/other.json" >"$T/two" && cmp "$T/one" "$T/two"
}

# The parser's verdict is its status; without an AppArmor kernel it complains about its cache.
parses()
{
	emit "$1" apparmor >"$T/profile" && apparmor_parser -Q -K -T "$T/profile"
}

is_json()
{
	emit "$1" "$2" >"$T/json" && jq -e . "$T/json"
}

cd "$T" || exit 1
for case in "$ROOT"/tests/golden/*/; do
	case=${case%/}
	name=$(basename "$case")
	if [ "$name" = lint ]; then continue; fi # profiles: lint.sh
	for target in $targets; do
		t_ok "$name: $target is as expected" matches "$case" "$target"
		t_ok "$name: $target does not depend on the run" is_stable "$case" "$target"
	done
	for target in daemon-json docker oci policy; do
		if t_have jq; then
			t_ok "$name: $target is JSON" is_json "$case" "$target"
		else
			t_skip "$name: $target is JSON" "no jq"
		fi
	done
	if t_have apparmor_parser; then
		t_ok "$name: apparmor_parser takes the profile" parses "$case"
	else
		t_skip "$name: apparmor_parser takes the profile" "no apparmor_parser"
	fi
done
t_end
