#!/usr/bin/env bash
# redis: redis-benchmark over TCP and a unix socket, an append-only file, a snapshot by a child.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init redis-server redis-benchmark redis-cli

command=(redis-server "$W/redis.conf")
used=("$W/redis.conf" "$W/dump.rdb")
unused=(/etc/shadow /etc/redis/redis.conf)

setup()
{
	cat >redis.conf <<-END
		port 6390
		bind 127.0.0.1
		unixsocket $W/redis.sock
		dir $W
		appendonly yes
		save ""
		io-threads 2
	END
}

client()
{
	local cli=(redis-cli -p 6390) i

	for ((i = 0; i < 200; i++)); do
		[ "$("${cli[@]}" ping 2>/dev/null)" != PONG ] || break
		sleep 0.05
	done
	redis-benchmark -p 6390 -q -n 1000 -c 20 -t set,get,incr,lpush,lrange_100,mset >"$W/bench" || return
	redis-benchmark -s "$W/redis.sock" -q -n 1000 -c 10 -P 8 -t set,sadd,hset >>"$W/bench" || return
	grep -c 'requests per second' "$W/bench"
	"${cli[@]}" set greeting hello
	"${cli[@]}" eval 'return redis.call("get", KEYS[1]) .. " world"' 1 greeting
	"${cli[@]}" bgsave
	for ((i = 0; i < 200; i++)); do
		[ "$("${cli[@]}" info persistence | tr -d '\r' | grep -c rdb_bgsave_in_progress:0)" = 0 ] || break
		sleep 0.05
	done
	"${cli[@]}" info persistence | tr -d '\r' | grep rdb_last_bgsave_status
	"${cli[@]}" bgrewriteaof
	"${cli[@]}" get counter:__rand_int__
	test -s "$W/dump.rdb" && echo snapshot
}

corpus_main
