#!/usr/bin/env bash
# Programs recorded in a container, whose control group says what they had at most; then started
# with the limits that emit makes of that. They do their work, and more than that is refused.
. "$(dirname "$0")/../lib-container.bash"
. "$(dirname "$0")/../lib-roundtrip.bash"
roundtrip_init
c_have podman crun || t_skip_all "$c_reason"

# In place of a recording on the host.
record()
{
	local options=(-q --output "$P") engine

	rm -rf "$P"
	mkdir "$P"
	: >"$P/flags"
	container=$program-record
	mapfile -t engine < <(engine_options)
	if is_server; then options+=(--exercise "$F/client"); fi
	t_ok "$program: a view of the root to record in" host_root || return
	fixture || return
	t_ok "$program: recorded in a container" timeout -s KILL 120 "$WHITTLE" record "${options[@]}" -- \
		"${podman[@]}" --runtime crun run "${podman_run[@]}" "${engine[@]}" --rootfs "$C/host:O" \
		"${command[@]}"
	t_is "$program: measured by its control group" "$(jq -r '.runs[0].peak | .of, (.memory > 0),
		(.tasks > 0)' "$P/evidence.json" | xargs)" "cgroup true true"
	t_is "$program: the user is the container's" "$(jq -r '.runs[0].user' "$P/evidence.json")" \
		"$(id -u "$account"):$(id -g "$account")"
}

# Is the word of a limit there, with a value of that form?
limited() { grep -Eqx -- "$1 $2" "$P/flags"; }

limits()
{
	emit_flags podman
	t_ok "$program: memory is limited" limited --memory '[0-9]+M'
	t_ok "$program: processes are limited" limited --pids-limit '[0-9]+'
}

workload nginx
command=(nginx -e "$W/error.log" -c "$W/nginx.conf")
port=80
needs=(/var/lib/nginx)
setup()
{
	mkdir -p www
	cat >nginx.conf <<-END
		daemon off;
		user www-data;
		worker_processes 2;
		pid /run/nginx.pid;
		events { worker_connections 64; }
		http { server { listen 80; root $W/www; } }
	END
	seq 1 20000 >www/numbers.txt
}
client() { curl -s --max-time 20 http://127.0.0.1/numbers.txt | md5sum; }
roundtrip
limits

workload redis
command=(redis-server "$W/redis.conf")
port=6390
account=nobody
setup() { printf '%s\n' 'port 6390' 'bind 127.0.0.1' "dir $W" 'save ""' >redis.conf; }
client()
{
	seq 1 2000 | sed 's/.*/SET key& value&/' | redis-cli -p 6390 | sort | uniq -c
	redis-cli -p 6390 DBSIZE
}
roundtrip
limits
t_ok "redis: as the user that it was recorded as" limited --user 65534:65534

workload python
command=(python3 "$W/work.py")
setup()
{
	cat >work.py <<-'END'
		import os, sys, threading
		size, threads = (int(word) for word in (sys.argv[1:] or ["60", "90"]))
		block = bytearray(size << 20)
		for at in range(0, len(block), 4096): block[at] = 1
		done = threading.Event()
		many = [threading.Thread(target=done.wait, daemon=True) for n in range(threads)]
		for thread in many: thread.start()
		print(len(block) >> 20, threading.active_count())
		done.set()
	END
}
roundtrip
limits
for mode in "${usable[@]}"; do
	emit_flags "$(target_of "$mode")"
	run_once "$mode" "${command[@]}" 400 1
	t_is "python: much more memory is refused by $mode" "$(cat "$S/outcome")" "status 137"
	run_once "$mode" "${command[@]}" 10 400
	t_ok "python: many more threads are refused by $mode" grep -q "can't start new thread" "$S/err"
done

t_end
