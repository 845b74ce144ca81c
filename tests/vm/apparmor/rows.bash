# shellcheck shell=bash
# What record and enforce share: reading the corpus, and running a row. Sourced. Rows run in
# subshells, not in shells of their own: starting a dynamic program is slow under emulation.

set -m

# make_place HELPERS: an empty /mnt/w, the helpers in /mnt/h.
make_place()
{
	mount -t tmpfs -o mode=755 tmpfs /mnt && mkdir /mnt/w /mnt/h && cp "$1"/* /mnt/h/
}

# each_row CORPUS FUNCTION: calls it with name, flags, setup, command, rules in variables.
each_row()
{
	local lines line name flags setup command rules

	# No descriptor stays open: rows count them.
	mapfile -t lines < <(grep -v '^#' "$1" | tr '\t' '\037')
	for line in "${lines[@]}"; do
		# shellcheck disable=SC2034 # the function's
		IFS=$'\037' read -r name flags setup command rules _ <<<"$line"
		"$2"
	done
}

# run_row LAUNCHER…: the row; its output is the caller's, its status the command's. What the setup
# left running is killed.
run_row()
{
	local status=0 launch='' script pid

	[ $# -eq 0 ] || printf -v launch '%q ' "$@"
	case $command in
	*%C*) script=$setup$'\n'${command//%C/"$launch"} ;;
	*) script=$setup$'\n'"exec $launch$command" ;;
	esac
	script="H=/mnt/h/h HS=/mnt/h/hs; $script"
	/mnt/h/hs empty /mnt/w || return 125
	(
		set +m
		cd /mnt/w || exit 125
		case ,$flags, in
		*,ns,*) exec unshare --mount --propagation private bash -c "$script" ;;
		*) eval "$script" ;;
		esac
	) </dev/null &
	pid=$!
	wait "$pid" || status=$?
	kill -KILL -- "-$pid" 2>/dev/null
	return "$status"
}
