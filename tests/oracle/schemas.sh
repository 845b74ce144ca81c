#!/usr/bin/env bash
# What whittle emits as YAML, judged by published schemas: Compose's, and Kubernetes' own API.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../lib.sh"
t_init
t_have node npm || t_skip_all "$t_missing is not installed"

python=
for try in python3 /usr/bin/python3; do
	if "$try" -c 'import yaml' 2>/dev/null; then
		python=$try
		break
	fi
done
[ -n "$python" ] || t_skip_all "no PyYAML"

# The schemas are kept in build/, so that they are fetched once for a checkout.
export MODULES=$ROOT/build/schemas
mkdir -p "$MODULES" && cp "$ROOT/tests/oracle/schemas/package.json" "$MODULES" || exit 1
cd "$MODULES" || exit 1
timeout 300 npm install --ignore-scripts --no-package-lock --no-audit --no-fund >"$T/npm" 2>&1 ||
	t_skip_all "npm cannot fetch the schemas: $(grep -m 1 -i error "$T/npm")"

# put KIND NAME: documents on standard input, to be judged under that name.
put()
{
	mkdir -p "$T/$1" && "$python" -c 'import json, sys, yaml
print(json.dumps(list(yaml.safe_load_all(sys.stdin))))' >"$T/$1/$2.json"
}

# put_case DIR KIND NAME [OPTION…]
put_case()
{
	local case=$1 kind=$2 name=$3 options=()

	shift 3
	[ ! -e "$case/options" ] || read -ra options <"$case/options"
	"$WHITTLE" emit "$kind" "${options[@]}" "$@" "$case/evidence.json" | put "$kind" "$name"
}

# put_bad KIND NAME SED: what sed makes of a good document.
put_bad()
{
	"$WHITTLE" emit "$1" "$ROOT/tests/golden/containers/evidence.json" | sed "$3" | put "$1" "$2"
}

takes()
{
	[ "$(cat "$T/$1/$2.json.verdict")" = ok ] || ! cat "$T/$1/$2.json.verdict"
}

refuses()
{
	[ -s "$T/$1/$2.json.verdict" ] && ! takes "$1" "$2"
}

cases=()
for case in "$ROOT"/tests/golden/*/evidence.json; do
	case=${case%/evidence.json}
	cases+=("$(basename "$case")")
	for kind in compose kubernetes spo; do
		put_case "$case" "$kind" "${case##*/}"
	done
	put_case "$case" spo "older-${case##*/}" --spo-api v1beta1
done
put_bad compose bad-type 's/cap_drop:/cap_drop: ALL\n    x-rest:/'
put_bad compose bad-field 's/security_opt:/security_options:/'
put_bad kubernetes bad-type 's/readOnlyRootFilesystem: .*/readOnlyRootFilesystem: "yes"/'
put_bad kubernetes bad-field 's/readOnlyRootFilesystem:/readOnlyRoot:/'
put_bad spo bad-type 's/errnoRet: .*/errnoRet: ENOSYS/'
put_bad spo bad-field 's/readOnlyPaths/readPaths/'

for kind in compose kubernetes spo; do
	node "$ROOT/tests/oracle/schemas/validate.js" "$kind" "$T/$kind"/*.json
	for name in "${cases[@]}"; do
		t_ok "$name: the schema takes $kind" takes "$kind" "$name"
	done
	for name in bad-type bad-field; do
		t_ok "the schema of $kind refuses a $name" refuses "$kind" "$name"
	done
done
for name in "${cases[@]}"; do
	t_ok "$name: the schema takes older resources" takes spo "older-$name"
done
t_end
