#!/usr/bin/env bash
# PostgreSQL as an ordinary user: initdb, a server, pgbench, a dump, the end. Whittle is unprivileged.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init pgbench psql

account=nobody
bin=$(echo /usr/lib/postgresql/*/bin)
bin=${bin##* }
[ -x "$bin/initdb" ] || t_skip_all "PostgreSQL's server is not installed"

command=(sh "$F/work.sh" "$bin")
used=("$bin/postgres" "$W/data/postgresql.conf")
unused=(/etc/shadow /etc/postgresql "$W/data/recovery.signal.old")

cat >"$F/work.sh" <<'END'
bin=$1
"$bin/initdb" -D data -A trust -U app --no-sync -E UTF8 --locale=C >init.log 2>&1 || { tail -n 5 init.log; exit 1; }
cat >>data/postgresql.conf <<-CONF
	listen_addresses = '127.0.0.1'
	port = 5433
	unix_socket_directories = '$W'
	shared_buffers = 8MB
	autovacuum_naptime = 1
CONF
"$bin/pg_ctl" -D data -w -t 60 -l server.log start >ctl.log 2>&1 || { tail -n 5 ctl.log server.log; exit 1; }
export PGHOST=127.0.0.1 PGPORT=5433 PGUSER=app PGDATABASE=postgres
"$bin/pgbench" -i -s 1 -q >bench.log 2>&1 || { tail -n 5 bench.log; exit 1; }
"$bin/pgbench" -c 4 -j 2 -t 50 >bench.log 2>&1 || { tail -n 5 bench.log; exit 1; }
grep 'transactions actually processed' bench.log
PGHOST=$W "$bin/psql" -At -c 'SELECT count(*) FROM pgbench_accounts' -c 'SELECT count(*) FROM pgbench_history'
"$bin/psql" -At -c 'CREATE TABLE t AS SELECT generate_series(1, 50000) AS i' -c 'CREATE INDEX ON t (i)' \
	-c 'SET max_parallel_workers_per_gather = 2' -c 'SET min_parallel_table_scan_size = 0' \
	-c 'SET parallel_setup_cost = 0' -c 'SELECT count(*), sum(i) FROM t' -c 'VACUUM ANALYZE t' -c CHECKPOINT
"$bin/pg_dump" -t t | grep -c '^[0-9]'
"$bin/pg_ctl" -D data -w -m fast stop >>ctl.log 2>&1 || { tail -n 5 ctl.log; exit 1; }
grep -c 'database system is shut down' server.log
END

corpus_main
