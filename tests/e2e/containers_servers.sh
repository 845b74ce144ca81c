#!/usr/bin/env bash
# Servers recorded on the host, then started by each container engine under what emit says.
. "$(dirname "$0")/../lib-container.bash"
. "$(dirname "$0")/../lib-roundtrip.bash"
roundtrip_init

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
		http {
			access_log $W/access.log;
			sendfile on;
			gzip on;
			gzip_types text/plain;
			server {
				listen 80;
				root $W/www;
			}
		}
	END
	echo '<p>hello</p>' >www/index.html
	seq 1 20000 >www/numbers.txt
}
client()
{
	local url=http://127.0.0.1

	curl -s --max-time 20 "$url/"
	curl -s --max-time 20 --compressed "$url/numbers.txt" | md5sum
	curl -s --max-time 20 -o /dev/null -w '%{http_code}\n' "$url/absent"
	curl -s --max-time 20 -o /dev/null -w '%{http_code}\n' -d "$(seq 1 5000)" "$url/"
}
roundtrip
denials

workload redis
command=(redis-server "$W/redis.conf")
port=6390
account=nobody
setup()
{
	cat >redis.conf <<-END
		port 6390
		bind 127.0.0.1
		dir $W
		appendonly yes
		save ""
	END
}
client()
{
	local cli=(redis-cli -p 6390) i

	redis-benchmark -p 6390 -q -n 500 -c 20 -t set,get,lpush,lrange_100 | wc -l
	"${cli[@]}" set greeting hello
	"${cli[@]}" eval 'return redis.call("get", KEYS[1]) .. " world"' 1 greeting
	"${cli[@]}" bgsave
	for ((i = 0; i < 200; i++)); do
		[ "$("${cli[@]}" info persistence | tr -d '\r' | grep -c rdb_bgsave_in_progress:0)" = 0 ] || break
		sleep 0.05
	done
	"${cli[@]}" info persistence | tr -d '\r' | grep rdb_last_bgsave_status
}
runs=2
roundtrip
t_end
