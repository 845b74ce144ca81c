#!/usr/bin/env bash
# What recording costs, side by side in one run: each load alone, and under each engine. Where the
# scheduler puts tracer and tracee makes a difference of six, so each load is measured as the
# scheduler likes and with everything on one CPU.
#
#	ROUNDS=5      each round runs every engine once, so that noise meets all alike; medians count
#	LOADS=…       some of: getppid futex dd redis nginx pgbench files python gcc git find script
#	ENGINES=…     some of: native floor whittle nnp known exact notify seccomp strace bpf perf
#	REPORT=FILE   puts the tables into this Markdown file, between the lines <!-- bench --> and
#	              <!-- /bench -->; --markdown is REPORT=docs/performance.md
#
# The status is 1 if whittle was slower than strace -f anywhere, 2 if something failed.
. "$(dirname "$0")/../lib.sh"
t_init

[ "$1" = --markdown ] && REPORT=${REPORT:-$ROOT/docs/performance.md}
rounds=${ROUNDS:-5}
cpus=$(nproc)
here=$(cd "$(dirname "$0")" && pwd -P)
cpu=$(taskset -cp $$ | sed 's/.*[^0-9]//')
python=$(command -v /usr/bin/python3 || command -v python3)
postgres=$(echo /usr/lib/postgresql/*/bin)
postgres=${postgres##* }
turns=0.4 # seconds that a load without an end of its own runs
port=5480
export PATH=$PATH:/usr/sbin:/sbin
chmod 711 "$T"

# NAME, the heading, and what is said of it below the table.
engines='
native   native     alone
floor    floor      a filter that allows everything: less than that no filter costs
whittle  whittle    whittle record, as it comes: filters are learned
nnp      no-privs   setpriv --no-new-privs whittle record: filters also for what is not root
known    known      whittle record --known, of one earlier run
exact    exact      whittle record --exact: ptrace stops at every call
notify   notify     whittle record --engine notify
seccomp  seccomp    whittle record --facets seccomp --known
strace   strace     strace -f -o /dev/null
bpf      strace-bpf strace -f --seccomp-bpf -e trace=file -o /dev/null: names only (for all calls it has no use)
perf     perf-trace perf trace -o /dev/null
'

# NAME, its kind, how often it is run at most (0: ROUNDS), what it needs, and what it is. The
# time is that of the whole process, or what the load itself says that one turn took.
loads='
getppid turn 0 cc              100 calls of getppid(2)
futex   turn 0 cc              two threads that wake each other
dd      dd   0 dd              dd bs=1: a byte read and written
redis   serv 3 redis-benchmark redis-benchmark: SET, 20 clients
nginx   serv 3 ab              nginx, ab with 4 connections that are kept
pgbench serv 3 pgbench         PostgreSQL, pgbench --select-only, 2 clients
files   time 0 cc              stat, open, fstat, close of 3000 files
python  time 0 python3         python3 -c "import json, re, subprocess"
gcc     time 0 gcc             4 compiles and a link
git     time 0 git             git status of 20000 files
find    time 0 find            find /usr/include -newer FILE
script  time 0 sh              a shell that runs 300 programs of few calls, one after the other
'

# field TABLE NAME NUMBER: a word of its row; from the last one on, the rest.
field() { awk -v name="$2" -v n="$3" '$1 == name { print $n }' <<<"$1"; }
rest() { awk -v name="$2" -v n="$3" '$1 == name { for (i = 1; i < n; i++) sub(/^[^ ]+ +/, ""); print }' <<<"$1"; }
names() { awk 'NF { print $1 }' <<<"$1"; }

# under ENGINE LOAD COMMAND…: the command by that engine, in the place of this process.
under()
{
	local engine=$1 load=$2 out=$T/out.$1.$2

	shift 2
	case $engine in
	native) exec "$@" ;;
	floor) exec "$T/load" allow "$@" ;;
	whittle) exec "$WHITTLE" record -o "$out" --replace -- "$@" ;;
	nnp) exec setpriv --no-new-privs "$WHITTLE" record -o "$out" --replace -- "$@" ;;
	learn) exec "$WHITTLE" record -o "$T/known.$load" --replace -- "$@" ;;
	known) exec "$WHITTLE" record --known "$T/known.$load/evidence.json" -o "$out" --replace -- "$@" ;;
	exact) exec "$WHITTLE" record --exact -o "$out" --replace -- "$@" ;;
	notify) exec "$WHITTLE" record --engine notify -o "$out" --replace -- "$@" ;;
	learn-seccomp) exec "$WHITTLE" record --facets seccomp -o "$T/seccomp.$load" --replace -- "$@" ;;
	seccomp) exec "$WHITTLE" record --facets seccomp --known "$T/seccomp.$load/evidence.json" -o "$out" --replace -- "$@" ;;
	strace) exec strace -f -o /dev/null "$@" ;;
	bpf) exec strace -f --seccomp-bpf -e trace=file -o /dev/null "$@" ;;
	perf) exec perf trace -o /dev/null "$@" ;;
	esac
}

run_getppid() { under "$1" getppid "$T/load" getppid "$turns"; }
run_futex() { under "$1" futex "$T/load" futex "$turns"; }
# It says what it copied when it is interrupted: "40960 bytes (41 kB, 40 KiB) copied, 0.4 s, …".
run_dd() { under "$1" dd timeout --foreground --preserve-status -s INT "$turns" dd if=/dev/zero of=/dev/null bs=1; }
run_files() { under "$1" files "$T/load" files "$T/files"; }
run_python() { under "$1" python "$python" -c 'import json, re, subprocess'; }
run_gcc() { under "$1" gcc gcc -O2 -o "$T/hello" "$T"/hello.c "$T"/part[123].c; }
run_git() { under "$1" git git -C "$T/repo" status --short; }
# shellcheck disable=SC2016 # the inner shell's
run_script() { under "$1" script sh -c 'i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i + 1)); done'; }
run_alone() { under "$1" alone true; }
run_find() { under "$1" find find /usr/include -newer "$T/stamp"; }

# A server: what runs it, what shows that it serves, what its client says, what ends it.
serve_redis() { under "$1" redis redis-server --port 0 --unixsocket "$T/redis.sock" --save '' --appendonly no; }
ready_redis() { redis-cli -s "$T/redis.sock" ping; }
client_redis() { redis-benchmark -s "$T/redis.sock" --csv -n "$1" -c 20 -t set | awk -F'"' '$2 == "SET" { print 1 / $4 }'; }
warm_redis() { client_redis 1000; }
load_redis() { client_redis 8000; }
end_redis() { redis-cli -s "$T/redis.sock" shutdown nosave; }

serve_nginx() { under "$1" nginx nginx -e "$T/nginx/error.log" -c "$T/nginx/nginx.conf"; }
ready_nginx() { client_nginx -n 1 | grep .; }
client_nginx() { ab -q -k -c 1 "$@" "http://127.0.0.1:$port/index.html" | awk '/^Requests per second/ { print 1 / $4 }'; }
warm_nginx() { client_nginx -n 500 -c 4; }
load_nginx() { client_nginx -t 1 -n 10000000 -c 4; }
end_nginx() { nginx -e "$T/nginx/error.log" -c "$T/nginx/nginx.conf" -s quit; }

# Its server refuses to be root.
as_postgres() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
serve_pgbench()
{
	local who=()

	[ "$(id -u)" != 0 ] || who=(setpriv --reuid=postgres --regid=postgres --clear-groups)
	under "$1" pgbench "${who[@]}" "$postgres/postgres" -D "$T/pg/data" -k "$T/pg" -h '' -c fsync=off
}
client_pgbench() { "$postgres/pgbench" -h "$T/pg" -U app -n -S -c 2 "$@" postgres | awk '/^tps/ { print 1 / $3 }'; }
ready_pgbench() { "$postgres/psql" -h "$T/pg" -U app -c 'SELECT 1' postgres; }
warm_pgbench() { client_pgbench -t 100; }
load_pgbench() { client_pgbench -T 1; }
end_pgbench() { as_postgres "$postgres/pg_ctl" -D "$T/pg/data" -m fast -W stop; }

# What a load needs beside its program, made once.
make_files()
{
	mkdir "$T/files"
	(cd "$T/files" && seq -f file%04g 3000 | xargs touch)
}
make_gcc()
{
	local i

	printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' >"$T/hello.c"
	for i in 1 2 3; do
		printf '#include <stdlib.h>\n#include <string.h>\nint part%d(const char *s) { return atoi(s); }\n' "$i" >"$T/part$i.c"
	done
}
make_git()
{
	mkdir -p "$T/repo"/{a,b,c,d}
	for folder in a b c d; do
		# not as new as the index, or git has to read them all
		(cd "$T/repo/$folder" && seq -f file%04g 5000 | xargs touch -d yesterday)
	done
	git -C "$T/repo" init -q && git -C "$T/repo" add . &&
		git -C "$T/repo" -c user.name=bench -c user.email=bench@localhost commit -qm files
}
make_find() { touch "$T/stamp"; }
make_nginx()
{
	mkdir -p "$T/nginx/www"
	echo '<p>hello</p>' >"$T/nginx/www/index.html"
	cat >"$T/nginx/nginx.conf" <<-CONF
		daemon off;
		$([ "$(id -u)" != 0 ] || echo 'user www-data;')
		worker_processes 1;
		pid $T/nginx/pid;
		events { worker_connections 64; }
		http {
			access_log $T/nginx/access.log;
			sendfile on;
			keepalive_requests 1000000;
			client_body_temp_path $T/nginx/body;
			proxy_temp_path $T/nginx/proxy;
			fastcgi_temp_path $T/nginx/fastcgi;
			uwsgi_temp_path $T/nginx/uwsgi;
			scgi_temp_path $T/nginx/scgi;
			server {
				listen 127.0.0.1:$port;
				root $T/nginx/www;
			}
		}
	CONF
	chmod 711 "$T/nginx"
}
make_pgbench()
{
	mkdir "$T/pg" && { [ "$(id -u)" != 0 ] || chown postgres "$T/pg"; } &&
		as_postgres "$postgres/initdb" -D "$T/pg/data" -A trust -U app --no-sync -E UTF8 --locale=C &&
		as_postgres "$postgres/pg_ctl" -D "$T/pg/data" -w -l "$T/pg/log" -o "-k $T/pg -h ''" start &&
		"$postgres/pgbench" -h "$T/pg" -U app -i -s 1 -q postgres &&
		as_postgres "$postgres/pg_ctl" -D "$T/pg/data" -w -m fast stop
}

# The measurements: seconds on standard output; what else is said goes to $T/log.
measure_turn() { "run_$1" "$2" 2>"$T/log" </dev/null | grep -E '^[0-9.]+$'; }
measure_dd()
{
	(run_dd "$2") >"$T/log" 2>&1 </dev/null
	awk '/ copied, / { bytes = $1; sub(/.* copied, /, ""); print $1 / bytes }' "$T/log" | grep .
}
measure_time()
{
	local begin=$EPOCHREALTIME

	("run_$1" "$2") >"$T/log" 2>&1 </dev/null || return 1
	awk -v begin="$begin" -v end="$EPOCHREALTIME" 'BEGIN { printf "%.6f\n", end - begin }'
}
measure_serv()
{
	local server status=0

	("serve_$1" "$2") >"$T/log" 2>&1 </dev/null &
	server=$!
	if wait_for 20 "ready_$1"; then
		"warm_$1" >"$T/client" 2>&1
		"load_$1" 2>>"$T/client" | grep . || status=1
	else
		status=1
	fi
	"end_$1" >>"$T/client" 2>&1 || kill "$server"
	wait "$server"
	return "$status"
}
measure() { "measure_$(field "$loads" "$1" 2)" "$1" "$2"; }

median() { sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

say() { echo "bench: $*" >&2; }

# Which of the engines are there: each records a program that does nothing.
choose_engines()
{
	local engine

	chosen=()
	(under learn none true) >"$T/log" 2>&1 || { tail -n 5 "$T/log" >&2; exit 2; }
	(under learn-seccomp none true) >"$T/log" 2>&1
	for engine in ${ENGINES:-$(names "$engines")}; do
		if (under "$engine" none true) >"$T/log" 2>&1; then
			chosen+=("$engine")
		else
			say "$engine is left out: $(tail -n 1 "$T/log")"
		fi
	done
}

choose_loads()
{
	local load tool

	workloads=()
	for load in ${LOADS:-$(names "$loads")}; do
		tool=$(field "$loads" "$load" 4)
		if ! command -v "$tool" >"$T/log" || { [ "$load" = nginx ] && ! command -v nginx >"$T/log"; }; then
			say "$load is left out: $tool (or its server) is not installed"
		elif declare -F "make_$load" >"$T/log" && ! "make_$load" >"$T/log" 2>&1; then
			tail -n 5 "$T/log" >&2
			say "$load is left out: it could not be made ready"
		else
			workloads+=("$load")
		fi
	done
}

# learn LOAD: the evidence for --known.
learn()
{
	case " ${chosen[*]} " in *" known "*) measure "$1" learn >"$T/seconds" || say "$1: nothing was learned" ;; esac
	case " ${chosen[*]} " in *" seccomp "*) measure "$1" learn-seccomp >"$T/seconds" || say "$1: nothing was learned" ;; esac
}

# compare PLACEMENT LOAD: a row of $T/results: placement, load, engine, median (or "-").
compare()
{
	local placement=$1 load=$2 count=$rounds most engine

	most=$(field "$loads" "$load" 3)
	[ "$most" = 0 ] || [ "$count" -le "$most" ] || count=$most
	rm -f "$T"/times.* "$T"/failed.*
	while [ $((count--)) -gt 0 ]; do
		for engine in "${chosen[@]}"; do
			[ ! -e "$T/failed.$engine" ] || continue
			sleep 0.05 # for 25 ms the kernel closes the tracepoints that perf trace had open
			measure "$load" "$engine" >>"$T/times.$engine" && continue
			say "$load under $engine failed: $(tail -n 2 "$T/log" | tr '\n' ' ')"
			: >"$T/failed.$engine"
			failed=1
		done
	done
	for engine in "${chosen[@]}"; do
		if [ -e "$T/failed.$engine" ]; then
			echo "$placement $load $engine -"
		else
			echo "$placement $load $engine $(median <"$T/times.$engine")"
		fi
	done >>"$T/results"
}

# What a run takes by itself, with a program that does nothing: in one sentence.
alone()
{
	local engine round

	for engine in whittle strace; do
		for ((round = 0; round < 3 * rounds; round++)); do
			measure_time alone "$engine"
		done | median
	done | paste -s | awk '{ printf "By itself a run takes %.1f ms (*whittle*), and %.1f ms (*strace*): that of true(1).\n", $1 * 1e3, $2 * 1e3 }'
}

# table PLACEMENT LOAD…: rows of ratios; with "|" for Markdown if $bar is set.
table()
{
	local placement=$1

	shift
	awk -v placement="$placement" -v loads="$*" -v bar="$bar" -v engines="${chosen[*]}" '
	function cell(text, width) { printf bar ? "| %s " : "%" width "s ", text }
	function span(s) { return s < 1e-3 ? sprintf("%.2f us", s * 1e6) : sprintf("%.1f ms", s * 1e3) }
	$1 == placement { value[$2, $3] = $4 }
	END {
		many = split(loads, load, " ")
		count = split(engines, engine, " ")
		for (i = 1; i <= many; i++) {
			cell(load[i], -9)
			if (!bar) cell(placement, -8)
			for (j = 1; j <= count; j++) {
				native = value[load[i], "native"]
				own = value[load[i], engine[j]]
				if (engine[j] == "native") cell(native == "-" ? "-" : span(native), 10)
				else cell(own == "-" || !native ? "-" : sprintf("%.2f", own / native), 10)
			}
			print bar
		}
	}' "$T/results"
}

heading()
{
	local engine

	printf '%-9s %-8s ' workload place
	for engine in "${chosen[@]}"; do
		printf '%10s ' "$(field "$engines" "$engine" 2)"
	done
	echo
}

markdown()
{
	local bar='|' placement engine

	echo "$cpus CPUs ($(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)), Linux $(uname -r), $(uname -m)," \
		"$("$WHITTLE" --version | head -n 1), $(strace -V | sed 's/ -- version / /;q');"
	echo "medians of $rounds rounds, of at most 3 for redis, nginx and pgbench. Each number is how many times as long as native it took."
	cat "$T/alone"
	for placement in default pinned; do
		printf '\n%s\n\n' "$([ $placement = default ] && echo '**Where the scheduler likes:**' || echo '**All on one CPU:**')"
		printf '| workload |'
		for engine in "${chosen[@]}"; do printf ' %s |' "$(field "$engines" "$engine" 2)"; done
		printf '\n|---|'
		for engine in "${chosen[@]}"; do printf -- '--:|'; done
		echo
		table "$placement" "${workloads[@]}"
	done
	echo
	for engine in "${chosen[@]}"; do echo "- *$(field "$engines" "$engine" 2)*: $(rest "$engines" "$engine" 3)"; done
	echo
	for load in "${workloads[@]}"; do echo "- *$load*: $(rest "$loads" "$load" 5)"; done
}

# Puts the tables between the marks of the report.
report()
{
	markdown >"$T/markdown"
	[ -e "$1" ] || printf '<!-- bench -->\n<!-- /bench -->\n' >"$1"
	awk -v tables="$T/markdown" '
	/^<!-- \/bench -->/ { inside = 0 }
	!inside { print }
	/^<!-- bench -->/ { inside = 1; while ((getline line <tables) > 0) print line }' "$1" >"$T/report" &&
		cat "$T/report" >"$1"
}

for tool in strace taskset cc; do
	command -v "$tool" >"$T/log" || { say "$tool is not installed"; exit 2; }
done
cc -O2 -D_GNU_SOURCE -pthread -o "$T/load" "$here/load.c" || exit 2
failed=0 bar=
choose_engines
choose_loads
alone | tee "$T/alone"
heading
for placement in default pinned; do
	# The placement is this shell's, and so everybody's: the clients of the servers share it.
	[ "$placement" = default ] || taskset -cp "$cpu" $$ >"$T/log" || exit 2
	for load in "${workloads[@]}"; do
		[ "$placement" != default ] || learn "$load"
		compare "$placement" "$load"
		table "$placement" "$load"
	done
done
[ -z "$REPORT" ] || report "$REPORT"
[ "$failed" = 0 ] || exit 2
awk '{ value[$1, $2, $3] = $4; row[$1 " " $2] }
END {
	for (name in row) {
		split(name, at, " ")
		mine = value[at[1], at[2], "whittle"]
		other = value[at[1], at[2], "strace"]
		if (mine != "" && other != "" && mine + 0 > other + 0) {
			print "bench: whittle was slower than strace -f: " name
			slower = 1
		}
	}
	exit slower
}' "$T/results" >&2
