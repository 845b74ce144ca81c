#!/usr/bin/env bash
# The targets that start a program, read by others: YAML by PyYAML, words by a shell, units by
# systemd-analyze, and compared with the settings of policy.json. tests/golden/run.sh has the bytes.
. "$(dirname "$0")/../lib.sh"
t_init
t_have jq || t_skip_all "jq is not installed"
cd "$T" || exit 1

python=
for try in python3 /usr/bin/python3; do
	if "$try" -c 'import yaml' 2>/dev/null; then
		python=$try
		break
	fi
done

emit()
{
	local options=()

	[ ! -e "$case/options" ] || read -ra options <"$case/options"
	[ "$1" != docker-flags ] || options+=(--quiet --seccomp filter.json)
	"$WHITTLE" emit "$1" "${options[@]}" "$case/evidence.json"
}

# The documents as a JSON list.
parse_yaml()
{
	"$python" -c 'import json, sys, yaml
print(json.dumps(list(yaml.safe_load_all(sys.stdin))))'
}

# Every directory that must be writable is, or one above it: of what the target says, and the policy.
# shellcheck disable=SC2016 # of jq
covered='def below($list): . as $path | any($list[]; . as $d | $path == $d or ($path | startswith($d + "/")));
	def places: [.settings[] | select(.name == "tmpfs" or .name == "volume") | .value];
	def has($name; $value): any(.settings[]; .name == $name and .value == $value and .label != "needs decision");'

# shellcheck disable=SC2016
compose_agrees()
{
	emit compose | parse_yaml | jq -e --slurpfile policy policy.json "$covered"'
		$policy[0] as $p | .[0].services | to_entries[0].value as $s |
		($s.cap_drop == ["ALL"]) and
		(($s.cap_add // []) == [$p.capabilities[].name]) and
		(($s.network_mode == "none") == ($p | has("network"; "none"))) and
		(($s.read_only // false) == ($p | has("read-only"; "true"))) and
		($s.read_only != true or
		 ([($s.volumes // [])[].target, (($s.tmpfs // [])[] | rtrimstr(":exec"))] |
		  map(gsub("[$][$]"; "$")) as $all | all($p | places[]; below($all)))) and
		($s.security_opt | index("seccomp=seccomp.json") == 0) and (length == 1)'
}

# shellcheck disable=SC2016
kubernetes_agrees()
{
	emit kubernetes | parse_yaml | jq -e --slurpfile policy policy.json "$covered"'
		$policy[0] as $p | .[0].spec as $s | $s.containers[0] as $c | $c.securityContext as $x |
		([.[].kind] == (if $p | has("network"; "none") then ["Pod", "NetworkPolicy"]
				else ["Pod"] end)) and
		(.[1] == null or (.[1].spec.podSelector.matchLabels == .[0].metadata.labels and
			.[1].spec.policyTypes == ["Ingress", "Egress"])) and
		($x.capabilities.drop == ["ALL"]) and
		([($x.capabilities.add // [])[] | "CAP_" + .] == [$p.capabilities[].name]) and
		($x.seccompProfile.type == "Localhost") and
		($x.readOnlyRootFilesystem | not or
		 ([$c.volumeMounts[]?.mountPath] as $all | all($p | places[]; below($all)))) and
		([$c.volumeMounts[]?.name] == [$s.volumes[]?.name]) and
		($x.allowPrivilegeEscalation == false or ($p | has("no-new-privileges"; "true") | not) or
		 ($x.capabilities.add | index("SYS_ADMIN") != null) or $p.options.no_new_privileges == "off")'
}

# A shell makes of $( ) what is meant: the words are those of the lines, whatever lies around.
# shellcheck disable=SC2046
splits()
{
	local lines

	emit docker-flags >flags
	lines=$(tr ' ' '\n' <flags)
	(mkdir -p globs && cd globs && touch 'a*' x && printf '%s\n' $(cat ../flags)) >words
	[ "$lines" = "$(cat words)" ] && ! grep -q '[^A-Za-z0-9/._+@:=-]' words
}

# Both are words of getopt: what follows an option that takes a value is one.
flags_agree()
{
	emit docker-flags | jq -Rne --slurpfile policy policy.json "$covered"'
		[inputs | split(" ")] as $f | $policy[0] as $p |
		def of($name): [$f[] | select(.[0] == $name) | .[1]];
		(of("--cap-add") == [$p.capabilities[].name]) and (of("--cap-drop") == ["ALL"]) and
		((of("--network") == ["none"]) == ($p | has("network"; "none"))) and
		(($f | index([["--read-only"]])) == null or
		 ([of("--volume")[], (of("--tmpfs")[] | rtrimstr(":exec"))] as $all |
		  all($p | places[]; below($all))))'
}

# systemd warns of what it does not know, with status 0. It leaves out calls that are newer than it.
verifies()
{
	local newer

	newer=$(awk -F '\t' '!/^#/ && NF { print $1 }' "$ROOT/profiles/newer.tsv" | paste -sd '|')
	emit systemd | sed 's/^\[Service\]$/&\nExecStart=true/' >whittle.service
	grep -q '^ExecStart=' whittle.service &&
		systemd-analyze verify ./whittle.service 2>all
	cat all
	grep -Ev "Failed to parse system call, ignoring: ($newer)\$" all >err
	[ ! -s err ]
}

# The words of a unit as systemd has them: \, " and % undone.
unit_agrees()
{
	emit systemd | sed -n 's/^ReadWritePaths="-\(.*\)"$/\1/p' | sed 's/\\\(.\)/\1/g; s/%%/%/g' |
		jq -Rne --slurpfile policy policy.json "$covered"'
		[inputs] as $all | $policy[0] as $p | ($p | has("read-only"; "true") | not) or
		all($p | places[]; below($all))'
	[ "$(emit systemd | sed -n 's/^CapabilityBoundingSet=//p' | tr -s ' \n' '\n')" = \
		"$(jq -r '.capabilities[].name' policy.json)" ]
}

# Docker's form allows what the plain one does.
docker_agrees()
{
	[ "$(emit docker | jq -c '[.syscalls[] | .action + " " + .names[]] | sort')" = \
		"$(emit oci | jq -c '[.syscalls[] | .action + " " + .names[]] | sort')" ] &&
		emit docker | jq -e '(has("architectures") | not) and all(.syscalls[]; .comment != "") and
			all(.archMap[]; .architecture | startswith("SCMP_ARCH_"))'
}

for case in "$ROOT"/tests/golden/*/evidence.json; do
	case=${case%/evidence.json}
	name=$(basename "$case")
	emit policy >policy.json || t_fail "$name: there is a policy"
	if [ -n "$python" ]; then
		t_ok "$name: Compose agrees with the policy" compose_agrees
		t_ok "$name: Kubernetes agrees with the policy" kubernetes_agrees
	else
		t_skip "$name: YAML agrees with the policy" "no PyYAML"
	fi
	t_ok "$name: flags are words" splits
	t_ok "$name: flags agree with the policy" flags_agree
	t_ok "$name: the unit agrees with the policy" unit_agrees
	t_ok "$name: Docker's form agrees with the plain one" docker_agrees
	if t_have systemd-analyze; then
		t_ok "$name: systemd takes the unit" verifies
	else
		t_skip "$name: systemd takes the unit" "no systemd-analyze"
	fi
done

# What systemd adds to a list, as the unit says it, against the systemd at hand.
case=$ROOT/tests/golden/minimal
if ! t_have systemd-analyze; then
	t_skip "what systemd adds" "no systemd-analyze"
elif ! systemd-analyze --version | grep -q '^systemd 252 '; then
	t_skip "what systemd adds" "the list is that of systemd 252"
else
	systemd-analyze syscall-filter @default | sed -n 's/^ *\([a-z0-9_]*\)$/\1/p' | sort >theirs
	emit systemd | sed -n 's/^#   //p; s/^SystemCallFilter=//p' | tr ' ' '\n' | sort -u >ours
	t_ok "the list has calls" test "$(wc -l <theirs)" -gt 50
	t_is "all that systemd adds is said" "$(comm -23 theirs ours)" ""
	emit systemd | sed -n 's/^#   //p' | tr ' ' '\n' | sort >said
	t_is "and nothing else" "$(comm -13 theirs said)" ""
fi
t_end
