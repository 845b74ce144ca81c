#!/usr/bin/env bash
# PostgreSQL recorded on the host, then started by each container engine under what emit says.
. "$(dirname "$0")/../lib-container.bash"
bin=$(echo /usr/lib/postgresql/*/bin)
bin=${bin##* }
[ -x "$bin/initdb" ] || t_skip_all "PostgreSQL's server is not installed"
. "$(dirname "$0")/../lib-roundtrip.bash"
roundtrip_init

workload postgres
account=nobody
port=5433
command=("$bin/postgres" -D "$W/data")
setup()
{
	cp -a "$F/data" .
}
client()
{
	export PGPORT=5433 PGUSER=app PGDATABASE=postgres

	PGHOST=127.0.0.1 psql -At -c 'CREATE TABLE t AS SELECT generate_series(1, 5000) AS i' -c 'CREATE INDEX ON t (i)' \
		-c 'SELECT count(*), sum(i) FROM t' -c 'VACUUM ANALYZE t' -c CHECKPOINT
}
install -d -o nobody "$F/data"
(cd / && as_account "$bin/initdb" -D "$F/data" -A trust -U app --no-sync -E UTF8 --locale=C) >"$S/initdb" 2>&1 ||
	t_fail "initdb" "$S/initdb"
cat >>"$F/data/postgresql.conf" <<-CONF
	listen_addresses = '127.0.0.1'
	port = 5433
	unix_socket_directories = '$W'
	shared_buffers = 8MB
CONF
runs=2
roundtrip

t_end
