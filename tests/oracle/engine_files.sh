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
quadlet=()
for try in /usr/libexec/podman/quadlet /usr/lib/systemd/system-generators/podman-system-generator; do
	if [ -x "$try" ]; then
		quadlet=("$try")
		break
	fi
done

# The generator of a newer Debian's Podman, unpacked here with that Debian's C library; nothing is
# installed. The archive is the one that this machine's packages come from.
fetch_quadlet()
{
	local archive lib=newer/root/usr/lib/x86_64-linux-gnu options package

	archive=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
		2>/dev/null | grep -oE '^(URIs:|deb ).*' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1)
	[ -n "$archive" ] && t_have apt-get dpkg-deb && [ "$(uname -m)" = x86_64 ] || return
	mkdir -p newer/lists/partial newer/cache/archives/partial
	echo "deb ${archive% } trixie main" >newer/sources.list
	options=(-qq -o "Dir::Etc::sourcelist=$T/newer/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$T/newer/lists" -o "Dir::Cache=$T/newer/cache" -o APT::Sandbox::User=root)
	timeout 60 apt-get "${options[@]}" update && cd newer &&
		timeout 100 apt-get "${options[@]}" download podman libc6 libgpgme11t64 libsubid5 libseccomp2 &&
		for package in *.deb; do dpkg-deb -x "$package" root || return; done && cd .. || return
	quadlet=("$lib/ld-linux-x86-64.so.2" --library-path "$lib:/usr/lib/x86_64-linux-gnu"
		newer/root/usr/libexec/podman/quadlet)
	"${quadlet[@]}" -version
}
if [ ${#quadlet[@]} -eq 0 ]; then
	fetch_quadlet >fetched 2>&1 || quadlet=()
	cd "$T" || exit 1
fi

emit()
{
	local options=()

	[ ! -e "$case/options" ] || read -ra options <"$case/options"
	"$WHITTLE" emit "$1" -q "${options[@]}" "${@:2}" "$case/evidence.json"
}

said()
{
	grep -E '^--(cap-add|cap-drop|memory|network|pids-limit|read-only|security-opt|user)' | sort
}

# The options that a user would see of it, one a line, sorted: those that both forms can say.
flags()
{
	emit docker-flags --seccomp "$T/seccomp.json" | said
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
		[ "$(sed -n 's/^ *mem_limit: //p' merged)" = "$(flags | sed -n 's/^--memory //p')" ] &&
		[ "$(sed -n 's/^ *pids_limit: //p' merged)" = "$(flags | sed -n 's/^--pids-limit //p')" ] &&
		[ "$(sed -n 's/^ *user: //p' merged | tr -d '"')" = "$(flags | sed -n 's/^--user //p')" ] &&
		[ "$(grep -c 'no-new-privileges' merged)" = "$(flags | grep -c no-new-privileges)" ] &&
		grep -qE 'seccomp[:=]seccomp.json' merged
}

# The generator's `podman run`, its words as docker-flags has them.
generated()
{
	mkdir -p units/app.container.d || return
	printf '[Container]\nImage=localhost/app\n' >units/app.container
	emit quadlet --seccomp "$T/seccomp.json" -o units/app.container.d/whittle.conf || return
	QUADLET_UNIT_DIRS=$PWD/units "${quadlet[@]}" -dryrun >unit 2>err || return
	sed -n 's/^ExecStart=.* podman run //p; s/^ExecStart=[^ ]*podman run //p' unit |
		sed 's/--security-opt=/--security-opt /g; s/ -/\n-/g; s/ localhost\/app$//' |
		sed '/=false/d; s/cap_[a-z_]*/\U&/; s/--cap-drop all/--cap-drop ALL/; s/=/ /; s/^--security-opt seccomp /--security-opt seccomp=/; s/ *$//' |
		said >words
	flags | diff - words
}

[ ${#compose[@]} -gt 0 ] || t_skip "Compose merges the service" "docker-compose is not installed"
[ ${#quadlet[@]} -gt 0 ] || t_skip "Podman's generator takes the drop-in" \
	"Podman before 4.4 has none, and a newer one cannot be fetched"
for case in "$ROOT"/tests/golden/*/evidence.json; do
	case=${case%/evidence.json}
	name=$(basename "$case")
	[ ${#compose[@]} -eq 0 ] || t_ok "$name: Compose merges the service" composed
	[ ${#quadlet[@]} -eq 0 ] || t_ok "$name: Podman's generator takes the drop-in" generated
done
t_end
