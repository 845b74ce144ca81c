#!/usr/bin/env bash
# What emit says of the network: a program that used none, its loopback interface only, or an address
# outside. Each does its work in every engine under what emit says; where that is, or leaves to be
# decided, no network, it does so without one, and what reaches outside does not.
. "$(dirname "$0")/../lib-container.bash"
. "$(dirname "$0")/../lib-roundtrip.bash"
roundtrip_init
t_have python3 ip || t_skip_all "no $t_missing here"
outside=192.0.2.1 # of TEST-NET-1, RFC 5737: an address like others, and of this script's network only
t_ok "an address outside" ip address add "$outside/32" dev lo

# The program sends a word to whoever listens at that address: itself, or one that was there before.
write_script()
{
	cat >talk.py <<-'END'
		import socket, sys
		where = sys.argv[1]
		if where == "none":
		    one, two = socket.socketpair()
		elif where == "127.0.0.1":
		    listener = socket.create_server((where, 0))
		    one = socket.create_connection(listener.getsockname())
		    two, _ = listener.accept()
		else:
		    one = two = socket.create_connection((where, 9000), timeout=20)
		one.sendall(b"word")
		print(two.recv(4).decode())
	END
}

echo_server()
{
	exec python3 -c '
import socket, sys
listener = socket.create_server((sys.argv[1], 9000))
while True:
    peer, _ = listener.accept()
    peer.sendall(peer.recv(4))
    peer.close()' "$outside"
}

# network_of TARGET: what it says, one of the words that it understands, or nothing.
network_of()
{
	emit_flags "$1"
	sed -n 's/^--network //p' "$P/flags"
}

setting() { "$WHITTLE" emit policy -q "$P" | jq -r '.settings[] | select(.name == "network") | .label, .value' | xargs; }

# talks PROGRAM ADDRESS SETTING WORD: recorded, it has that setting; the targets say that word.
talks()
{
	local target

	workload "$1"
	setup() { write_script; }
	# shellcheck disable=SC2034 # for the library
	command=(python3 "$W/talk.py" "$2")
	fixture || return
	run_once native
	cp "$S/outcome" "$S/native"
	t_is "$1: it talks" "$(xargs <"$S/outcome")" "word status 0"
	record
	t_is "$1: the setting" "$(setting)" "$3"
	for target in podman docker-flags; do
		t_is "$1: what $target says" "$(network_of "$target")" "$4"
	done
	fixture || return
	t_ok "$1: a view of the root" host_root
	case " ${usable[*]} " in *" docker "*) t_ok "$1: an image" make_image ;; esac
	start "${usable[*]}"
}

# without_network MODE: the same, and none besides: what a person may decide.
without_network()
{
	emit_flags "$(target_of "$1")"
	grep -q '^--network' "$P/flags" || echo '--network none' >>"$P/flags"
	run_once "$1"
}

(echo_server) >"$S/server" 2>&1 </dev/null &
t_ok "somebody listens outside" wait_for 20 listens 9000

talks unused none "absent none" none

talks loopback 127.0.0.1 "needs decision none" ""
"$WHITTLE" emit podman --seccomp "$P/seccomp.json" "$P" 2>&1 >"$S/flags" | grep decision >"$S/said"
t_ok "loopback: it is said that a person must decide" grep -q network "$S/said"
for mode in "${usable[@]}"; do
	without_network "$mode"
	same "loopback by $mode without a network"
done

talks outside "$outside" "observed used" ""
for mode in "${usable[@]}"; do
	without_network "$mode"
	t_is "outside by $mode without a network" "$(cat "$S/outcome")" "status 1"
	t_ok "outside by $mode: it is told that there is none" grep -q 'Network is unreachable' "$S/err"
done
t_end
