#!/usr/bin/env bash
# sqlite3: tables, an index, a big transaction, write-ahead logging, vacuum, export and import.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init sqlite3

command=(sqlite3 -bail "$W/db" ".read $W/work.sql")
used=("$W/db" "$W/db-wal" "$W/work.sql")
unused=(/etc/shadow "$W/other")

setup()
{
	cat >work.sql <<-END
		PRAGMA journal_mode = wal;
		CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, value REAL);
		BEGIN;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
			INSERT INTO t SELECT i, 'name' || i, i / 3.0 FROM n;
		COMMIT;
		CREATE INDEX t_name ON t (name);
		SELECT count(*), round(sum(value), 2) FROM t WHERE name LIKE 'name1%';
		UPDATE t SET value = -value WHERE id % 3 = 0;
		PRAGMA wal_checkpoint(TRUNCATE);
		DELETE FROM t WHERE id > 10000;
		PRAGMA journal_mode = delete;
		SAVEPOINT s;
		DELETE FROM t;
		ROLLBACK TO s;
		RELEASE s;
		VACUUM;
		PRAGMA integrity_check;
		.mode csv
		.output $W/out.csv
		SELECT * FROM t;
		.output stdout
		CREATE TABLE u (id, name, value);
		.import $W/out.csv u
		SELECT count(*) FROM u;
		ATTACH '$W/second' AS second;
		CREATE TABLE second.v AS SELECT * FROM t LIMIT 100;
		SELECT max(id) FROM second.v;
		.backup main $W/copy
	END
}

report() { md5sum out.csv; test -s copy && echo copied; }

corpus_main
