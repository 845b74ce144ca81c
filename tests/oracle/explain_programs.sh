#!/usr/bin/env bash
# The over-grant figure of real programs. Each is recorded twice, as its names differ from run to run;
# `whittle explain --paths` counts what the profile grants on this system; so does the automaton that
# apparmor_parser made of that profile, which is asked of every name there is. Both must be the same.
#
# What is looked at does not change meanwhile: this system's directories, a /proc of three processes,
# and where the program ran, with more names that are like those it made, or nearly so.

namespaces=(--mount --net --pid --fork --kill-child --mount-proc --propagation private)
if [ "$(id -u)" -eq 0 ] && [ -z "${EXPLAIN_PRIVATE-}" ] && unshare "${namespaces[@]}" true 2>/dev/null; then
	EXPLAIN_PRIVATE=1 exec unshare "${namespaces[@]}" -- bash "$0" "$@"
fi
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../vm/programs/programs.bash"

features=/etc/apparmor.d/abi/3.0 root=/mnt/root out=/mnt/out

make_processes()
{
	local pid

	for pid in 1 23 4567; do
		mkdir -p "$1/$pid/task/$pid" "$1/$pid/fd" "$1/$pid/attr" &&
			touch "$1/$pid"/{stat,status,maps,cmdline,oom_score_adj,loginuid,mountinfo} "$1/$pid/task/$pid/stat" ||
			return
	done
}

# make_root: the system in $root; mounts below its directories are left out.
make_root()
{
	local path

	mkdir "$root" || return
	for path in /*; do
		case $path in
		/proc | /sys | /dev | /mnt | /run | /tmp) mkdir "$root$path" ;;
		*)
			if [ -L "$path" ]; then
				cp -P "$path" "$root$path"
			elif [ -d "$path" ]; then
				mkdir "$root$path" && mount --bind "$path" "$root$path"
			fi
			;;
		esac || return
	done
	mkdir "$root$W" && mount --bind "$W" "$root$W" && make_processes "$root/proc"
}

# add_others: beside each name below $W some that a pattern made of it may match, or must not.
add_others()
{
	local path base

	find "$W" -mindepth 1 \( -type f -o -type d \) -print0 | while IFS= read -rd '' path; do
		base=${path##*/} path=${path%/*}
		touch "$path/$(tr 0-9a-zA-Z 1-90b-zaB-ZA <<<"$base")" "$path/$(tr 0-9a-f 1-9a-f0 <<<"$base")" \
			"$path/.$base" "$path/${base}1" "$path/$base x" || return
	done
}

# record_twice: $out, as the program of load() says
record_twice()
{
	local options=() run

	rm -rf "$out"
	if [ -n "$exercise" ]; then options=(--ready "$ready" --exercise "$exercise"); fi
	for run in 1 2; do
		echo "--- run $run"
		start && "$WHITTLE" record -q -o "$out" --append "${options[@]}" -- "${command[@]}" </dev/null || return
	done
}

# agrees NAME: leaves the figure in $T/explained
agrees()
{
	record_twice && add_others || return
	cd "$T" || return
	"$WHITTLE" explain --paths --root "$root" "$out" >explained && "$WHITTLE" emit apparmor "$out" >profile &&
		"$WHITTLE" emit policy -o policy.json "$out" &&
		apparmor_parser -Q -K --stdout --kernel-features="$features" profile >profile.bin || return
	PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/oracle/granted.py" profile.bin policy.json explained "$root" 10
}

t_init
t_have apparmor_parser python3 jq ip || t_skip_all "no $t_missing here"
[ -r "$features" ] || t_skip_all "no $features here"
[ "$(id -u)" -eq 0 ] || t_skip_all "needs root: the programs are those of root"
[ -n "${EXPLAIN_PRIVATE-}" ] || t_skip_all "cannot make namespaces here"
if ! { mkdir "$T/keep" && mount -t tmpfs -o mode=755 tmpfs /run && make_place "$T/keep" && ip link set lo up &&
	make_root; }; then
	t_skip_all "cannot mount here"
fi
: >"$T/figures"
for name in ${PROGRAMS:-nginx redis git python tar sqlite3 postgres gcc}; do
	if ! load "$name"; then
		t_skip "$name" "$missing"
		continue
	fi
	# Another author in each run, so that the objects have other names.
	if [ "$name" = git ]; then setup=${setup/GIT_AUTHOR_NAME=a/'GIT_AUTHOR_NAME=a$$'}; fi
	t_ok "$name: as many names as the parser's automaton accepts" agrees
	echo "$name: $(tail -n 1 "$T/explained" 2>/dev/null)" >>"$T/figures"
done
# Else nothing was counted but names without a pattern.
t_ok "some of them have patterns that reach further" awk '$NF > 1 { more++ } END { exit more < 2 }' "$T/figures"
while IFS= read -r line; do t_figure "$line"; done <"$T/figures"
t_end
