#!/usr/bin/env bash
# What reads the files for container engines: Compose merges the service, Podman's generator makes a
# unit of the drop-in. Each must end up with the words that `whittle emit docker-flags` has.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1

compose=()
if t_have docker-compose; then
	compose=(docker-compose)
elif docker compose version >/dev/null 2>&1; then
	compose=(docker compose)
fi
quadlet=
for try in /usr/libexec/podman/quadlet /usr/lib/systemd/system-generators/podman-system-generator; do
	if [ -x "$try" ]; then
		quadlet=$try
		break
	fi
done

emit()
{
	local options=()

	[ ! -e "$case/options" ] || read -ra options <"$case/options"
	"$WHITTLE" emit "$1" -q "${options[@]}" "${@:2}" "$case/evidence.json"
}

# The options that a user would see of it, one a line, sorted: those that both forms can say.
flags()
{
	emit docker-flags --seccomp "$T/seccomp.json" | grep -E '^--(cap-add|cap-drop|network|read-only|security-opt)' |
		sort
}

# Its service with the one of a project, which names the image.
compose_file()
{
	local name

	mkdir -p project && emit oci -o project/seccomp.json && emit compose -o project/whittle.yaml || return
	name=$(sed -n 's/^  \("[^"]*"\):$/\1/p' project/whittle.yaml)
	printf 'version: "3.9"\nservices:\n  %s:\n    image: localhost/app\n' "$name" >project/compose.yaml
	(cd project && "${compose[@]}" -f compose.yaml -f whittle.yaml config) >merged
}

# What Compose made of both, in YAML.
composed()
{
	compose_file || return
	[ "$(grep -oE 'CAP_[A-Z_]+' merged | sort)" = "$(flags | grep -oE 'CAP_[A-Z_]+' | sort)" ] &&
		[ "$(grep -cE '^ *network_mode: "?none' merged)" = "$(flags | grep -c '^--network none')" ] &&
		[ "$(grep -cE '^ *read_only: true' merged)" = "$(flags | grep -c '^--read-only')" ] &&
		[ "$(grep -c 'no-new-privileges' merged)" = "$(flags | grep -c no-new-privileges)" ] &&
		grep -qE 'seccomp[:=]seccomp.json' merged
}

# The generator's `podman run`, its words as docker-flags has them.
generated()
{
	mkdir -p units/app.container.d || return
	printf '[Container]\nImage=localhost/app\n' >units/app.container
	emit quadlet --seccomp "$T/seccomp.json" -o units/app.container.d/whittle.conf || return
	QUADLET_UNIT_DIRS=$PWD/units "$quadlet" -dryrun >unit 2>err || return
	sed -n 's/^ExecStart=.* podman run //p; s/^ExecStart=[^ ]*podman run //p' unit |
		sed 's/--security-opt=/--security-opt /g; s/ -/\n-/g; s/ localhost\/app$//' |
		grep -E '^--(cap-add|cap-drop|network|read-only|security-opt)' |
		sed '/=false/d; s/cap_[a-z_]*/\U&/; s/--cap-drop all/--cap-drop ALL/; s/ *$//' | sort >words
	flags | diff - words
}

[ ${#compose[@]} -gt 0 ] || t_skip "Compose merges the service" "docker-compose is not installed"
[ -n "$quadlet" ] || t_skip "Podman's generator takes the drop-in" "Podman before 4.4 has none"
for case in "$ROOT"/tests/golden/*/evidence.json; do
	case=${case%/evidence.json}
	name=$(basename "$case")
	[ ${#compose[@]} -eq 0 ] || t_ok "$name: Compose merges the service" composed
	[ -z "$quadlet" ] || t_ok "$name: Podman's generator takes the drop-in" generated
done
t_end
