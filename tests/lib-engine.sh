# shellcheck shell=bash
# What the tests of the engines share: which engines this whittle has, and what a policy needs of
# evidence, to be compared between them. A test sources lib.sh first.

# engine_options ENGINE [KNOWN]: the options of an engine, one a line; KNOWN is the evidence that is
# known before.
engine_options()
{
	case $1 in
	exact) echo --exact ;;
	learned) ;;
	known) printf '%s\n' --known "$2" ;;
	notify) printf '%s\n' --engine notify ;;
	notify-known) printf '%s\n' --engine notify --known "$2" ;;
	esac
}

# engine_have ENGINE: does this whittle take its options? $T/engine-why says why not.
engine_have()
{
	local -a options

	rm -rf "$T/probe"
	mapfile -t options < <(engine_options "$1" "$T/probe-known/evidence.json")
	case $1 in *known)
		"$WHITTLE" record -q -o "$T/probe-known" --replace -- true || return
		;;
	esac
	timeout -s KILL 30 "$WHITTLE" record -q -o "$T/probe" --replace "${options[@]}" -- true 2>"$T/engine-why"
}

# engine_list ENGINE…: those that it has, into the array $engines; the others are skipped, each a point.
engine_list()
{
	local engine

	engines=()
	for engine; do
		if engine_have "$engine"; then
			engines+=("$engine")
		else
			t_skip "$engine: the same evidence" "$(head -n 1 "$T/engine-why")"
		fi
	done
}

# engine_facts EVIDENCE WHAT: what a policy needs, one fact a line, sorted, without counts, and without
# paths that were only looked at (stat, chdir: no target of a policy asks). Of a call it says whether
# it was always refused; of a capability its name and verdict, however that was found out. git(1) makes
# up names that look made up in most runs, not in all. Whoever listens at an address may accept there:
# a filter may let a second socket accept that took the descriptor of the first, and no policy tells
# the two apart. WHAT are words with "," between:
#	seen       observed in this run; without it, also what was carried into it from before
#	programs   with the program of each, of those programs whose attribution is complete
#	tried      no results, and nothing that follows from them: where the engine sees none
engine_facts()
{
	local cache="$1.facts-$2"

	if [ ! "$cache" -nt "$1" ]; then engine_read_facts "$@" >"$cache" || return; fi
	cat "$cache"
}

engine_read_facts()
{
	jq -r --arg what "$2" '
	def asked(word): $what | split(",") | any(. == word);
	[.programs[] | select(.attribution == "complete") | .path] as $complete |
	to_entries[] | select(.key | IN("schema", "runs", "programs", "sites") | not) | .key as $section |
	[.value[]
		| select((asked("seen") | not) or any(.counts[]; . != "carried" and . != 0))
		| select(.access | IN("stat", "chdir") | not)
		| (.program // .by // "") as $program
		| select((asked("programs") | not) or any($complete[]; . == $program))
		| del(.counts, .by) | .program = $program
		| if .operation == "accept" then .operation = "listen" else . end
		| if $section == "capabilities" then del(.object, .syscall, .source) else . end
		| map_values(gsub("/(?<of>tmp_obj_|\\.git/t)[A-Za-z0-9]{6}$"; "/\(.of)\\{random}"))
		| if asked("programs") then . else .program = "" end
		| if asked("tried") then del(.owner, .verdict, .target) else . end]
	| if $section == "syscalls" then group_by([.abi, .name, .program]) | map(
		(if asked("tried") then ""
		elif all(.[]; .result | IN("EPERM", "EACCES", "ENOSYS")) then "refused"
		else "used" end) as $result | .[0] | .result = $result)
	else . end
	| .[] | [$section] + (to_entries | sort_by(.key) | map(select(.value != "") | "\(.key)=\(.value)"))
	| join("\t")' "$1" | sort -u
}

# engine_compare ENGINE OTHER KNOWN EXACT…: does the evidence OTHER of that engine say what exact runs
# say? Of several, what only some of them have varies by itself: OTHER may have it or not. KNOWN is the
# evidence that was known before, or "": what is not observed may come only from there. Prints the
# difference.
engine_compare()
{
	local engine=$1 other=$2 known=$3 what='' bad=0 w dir word

	shift 3
	dir=$(mktemp -d "$T/compare.XXXXXX") || return
	case $engine in notify*) what=tried, ;; esac
	for w in "$what" "${what}programs,"; do
		engine_stable "$w" "$dir" "$@" || return
		engine_facts "$other" "$w" >"$dir/all" || return
		engine_facts "$other" "${w}seen" >"$dir/seen" || return
		comm -23 "$dir/stable" "$dir/all" >"$dir/missed"
		comm -13 "$dir/any" "$dir/seen" >"$dir/invented"
		case $w in tried*) engine_tried "$dir" ;; esac
		comm -13 "$dir/seen" "$dir/all" >"$dir/carried"
		case $w in *programs*) engine_attributed "$dir" "$other" "$@" ;; esac
		: >"$dir/from"
		[ -z "$known" ] || engine_facts "$known" "$w" >"$dir/from"
		# attribution of the known run may have been less
		case $w in *programs*) : >"$dir/carried" ;; esac
		comm -13 "$dir/from" "$dir/carried" >"$dir/untrue"
		for word in missed invented untrue; do
			[ -s "$dir/$word" ] || continue
			sed "s/^/$engine: $word: /" "$dir/$word"
			bad=1
		done
	done
	rm -rf "$dir"
	return "$bad"
}

# engine_stable WHAT DIR EXACT…: DIR/stable is what all of them have, DIR/any what any has.
engine_stable()
{
	local what=$1 dir=$2 file

	shift 2
	engine_facts "$1" "$what" >"$dir/stable" || return
	cp "$dir/stable" "$dir/any"
	for file in "${@:2}"; do
		engine_facts "$file" "$what" >"$dir/next" || return
		comm -12 "$dir/stable" "$dir/next" >"$dir/both"
		sort -u "$dir/any" "$dir/next" >"$dir/either"
		mv "$dir/both" "$dir/stable"
		mv "$dir/either" "$dir/any"
	done
}

# engine_tried DIR: without results, what was tried in vain is there too; and names are not known to be made
# up (mkstemp(3)), so that each stands for itself.
engine_tried()
{
	local dir=$1

	grep -E '^(syscalls|arguments)' "$dir/invented" >"$dir/kept"
	mv "$dir/kept" "$dir/invented"
	sed 's/\\{random}/??????/' "$dir/missed" | while IFS= read -r row; do
		case $row in
		*'??????'*) awk -v row="$row" '
			BEGIN { at = index(row, "??????"); head = substr(row, 1, at - 1); tail = substr(row, at + 6) }
			substr($0, 1, at - 1) == head && substr($0, at + 6) == tail { found = 1 }
			END { exit found }' "$dir/all" && printf '%s\n' "$row" ;;
		*) printf '%s\n' "$row" ;;
		esac
	done >"$dir/kept"
	mv "$dir/kept" "$dir/missed"
}

# engine_attributed DIR OTHER EXACT…: keeps in DIR/missed and DIR/invented the facts of those programs
# only whose attribution is complete in all.
engine_attributed()
{
	local dir=$1 word

	shift
	jq -rn '[inputs | [.programs[] | select(.attribution == "complete") | .path] | unique] |
		reduce .[1:][] as $next (.[0]; . - (. - $next)) | .[]' "$@" >"$dir/complete"
	for word in missed invented; do
		awk 'FNR == NR { complete[$0]; next }
			match($0, /\tprogram=[^\t]*/) && substr($0, RSTART + 9, RLENGTH - 9) in complete' \
			"$dir/complete" "$dir/$word" >"$dir/kept"
		mv "$dir/kept" "$dir/$word"
	done
}
