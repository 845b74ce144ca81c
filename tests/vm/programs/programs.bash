# shellcheck shell=bash disable=SC2034 # whoever sources it reads what it sets
# The programs of ../programs.sh, and the place that they run in: the same here, where they are
# recorded, and in the machine, where their profiles are enforced. Sourced. Each function run_NAME sets
# how one is run, as root, in $W, which is emptied before its setup:
#	needs     what must be installed; $missing: what else is not there
#	setup     makes what it starts from           runs      how often it is recorded (1)
#	command   the workload
#	exercise  for a server: the client            ready     the server is ready once this succeeds
# The outcome is what the exercise, or else the command, prints, and its status. $K is what run_NAME
# made once, here, for both.

W=/mnt/w K=/mnt/keep
account=whittle-user # without a password; may log in
id=4242
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export W K PATH LC_ALL=C HOME=/root
unset TMPDIR

programs=(nginx redis python git gcc tar sqlite3 openssl postgres node sshd curl pipeline static ping chown
	mount perl)

# with FILE LINE: for us alone, that file of /etc has a line more.
with()
{
	cp -p "/etc/$1" "/mnt/etc.$1" && echo "$2" >>"/mnt/etc.$1" && mount --bind "/mnt/etc.$1" "/etc/$1"
}

# make_place KEEP: KEEP is what $K leads to.
make_place()
{
	mount -t tmpfs -o mode=755 tmpfs /mnt && mkdir "$W" "$K" && mount --bind "$1" "$K" &&
		mount -t tmpfs -o mode=755 tmpfs /var/log &&
		mkdir -p /run/sshd && touch /run/utmp /var/log/wtmp /var/log/lastlog &&
		with passwd "$account:x:$id:$id::$W/home:/bin/sh" && with group "$account:x:$id:" &&
		with shadow "$account:*:19000:0:99999:7:::"
}

# ---- servers ----

# A master and two workers of another user, a port below 1024, a log of another's.
run_nginx()
{
	needs=(nginx curl)
	setup='mkdir -p www tmp log && echo hello >www/index.html && seq 1 20000 >www/numbers.txt &&
		touch log/access.log && chown www-data log/access.log && chmod 640 log/access.log &&
		printf "%s\n" "daemon off; user www-data; worker_processes 2; pid $W/nginx.pid; events { }" \
			"http { access_log $W/log/access.log; client_body_temp_path $W/tmp/body;" \
			"proxy_temp_path $W/tmp/proxy; fastcgi_temp_path $W/tmp/fastcgi;" \
			"uwsgi_temp_path $W/tmp/uwsgi; scgi_temp_path $W/tmp/scgi; sendfile on;" \
			"server { listen 80; root $W/www; location /up/ { proxy_pass http://127.0.0.1:81/; } }" \
			"server { listen 127.0.0.1:81; root $W/www; } }" >nginx.conf'
	ready='curl -s --max-time 20 http://127.0.0.1/'
	exercise='for page in "" absent numbers.txt up/numbers.txt; do
			curl -s --max-time 20 -w "%{http_code}\n" http://127.0.0.1/$page | md5sum
		done
		curl -s --max-time 20 -o /dev/null -w "%{http_code}\n" -d "$(seq 1 5000)" http://127.0.0.1/up/'
	command=(nginx -e "$W/log/error.log" -c "$W/nginx.conf")
}

# As the entry point of its container image: the data's owner, then the server.
run_redis()
{
	needs=(redis-server redis-cli setpriv)
	setup='printf "%s\n" "port 6390" "bind 127.0.0.1" "unixsocket $W/redis.sock" "dir $W" \
		"appendonly yes" "save \"\"" >redis.conf'
	ready='redis-cli -p 6390 ping | grep PONG'
	exercise='cli="redis-cli -p 6390"
		idle() { ! $cli info persistence | grep -q "in_progress:1\|scheduled:1"; }
		$cli set greeting hello
		redis-cli -s redis.sock eval "return redis.call(\"get\", KEYS[1]) .. \" world\"" 1 greeting
		for what in bgsave bgrewriteaof; do $cli $what; until idle; do sleep 0.1; done; done
		$cli info persistence | tr -d "\r" | grep "status"
		test -s dump.rdb && echo saved'
	runs=2
	command=(sh -c 'find . ! -user www-data -exec chown www-data {} + &&
		exec setpriv --reuid www-data --regid www-data --clear-groups redis-server redis.conf')
}

run_python()
{
	needs=(python3 curl)
	setup='mkdir site && echo hello >site/index.html && mkdir site/list && touch site/list/a'
	ready='curl -s --max-time 20 http://127.0.0.1:82/'
	exercise='for page in "" list/ absent; do
			curl -s --max-time 20 -w "%{http_code}\n" http://127.0.0.1:82/$page
		done'
	command=(python3 -m http.server 82 --bind 127.0.0.1 --directory "$W/site")
}

# Its data is closed to all but its owner, so that root has to search it as another.
run_postgres()
{
	local bin

	needs=(psql setpriv)
	bin=$(echo /usr/lib/postgresql/*/bin)
	bin=${bin##* }
	if [ ! -x "$bin/initdb" ]; then
		missing='the server of PostgreSQL'
		return
	fi
	if [ ! -e "$K/data.tar" ]; then
		install -d -o nobody /mnt/data &&
			setpriv --reuid nobody --clear-groups "$bin/initdb" -D /mnt/data -A trust -U app --no-sync \
				-E UTF8 --locale=C >/dev/null && tar -C /mnt -cf "$K/data.tar" data || return
	fi
	setup='tar -xf $K/data.tar && chown -R 0:0 data && chown nobody data &&
		printf "%s\n" "unix_socket_directories = '\''$W/data'\''" "listen_addresses = '\'\''" \
			"fsync = off" "autovacuum = off" >>data/postgresql.conf'
	ready='psql -h $W/data -U app -Atc "SELECT 1" postgres'
	exercise='psql -h $W/data -U app -At -c "CREATE TABLE t AS SELECT generate_series(1, 20000) AS i" \
		-c "CREATE INDEX ON t (i)" -c "SELECT count(*), sum(i) FROM t" -c "VACUUM ANALYZE t" -c CHECKPOINT \
		postgres'
	runs=2
	command=(sh -c 'find data ! -user nobody -exec chown nobody {} + &&
		exec setpriv --reuid nobody --regid nogroup --clear-groups "$@"' sh "$bin/postgres" -D data)
}

run_node()
{
	needs=(node curl)
	setup='seq 1 5000 >data.txt && cat >server.js <<-"END"
		const http = require("http"), fs = require("fs"), { execFile } = require("child_process");
		const W = process.env.W;
		const routes = {
			"/file": (res) => fs.createReadStream(W + "/data.txt").pipe(res),
			"/hash": (res) => require("crypto").pbkdf2("word", "salt", 2000, 32, "sha256",
				(err, key) => res.end(key.toString("hex") + "\n")),
			"/child": (res) => execFile("/bin/echo", ["from a child"], (err, out) => res.end(String(err || out))),
			"/write": (res) => fs.promises.writeFile(W + "/new", "text")
				.then(() => fs.promises.rename(W + "/new", W + "/renamed"))
				.then(() => fs.promises.readdir(W)).then((names) => res.end(names.sort() + "\n")),
		};
		const server = http.createServer((req, res) => (routes[req.url] || ((res) => res.end("none\n")))(res));
		process.on("SIGTERM", () => process.exit(0));
		server.listen(8081, "127.0.0.1");
	END'
	ready='curl -s --max-time 20 http://127.0.0.1:8081/'
	exercise='for page in file hash child write; do curl -s --max-time 20 http://127.0.0.1:8081/$page | md5sum; done'
	runs=2
	command=(node "$W/server.js")
}

run_sshd()
{
	needs=(sshd ssh ssh-keygen)
	if [ ! -e "$K/host" ]; then
		ssh-keygen -q -t ed25519 -N '' -f "$K/key" && ssh-keygen -q -t ed25519 -N '' -f "$K/host" || return
	fi
	setup="mkdir -p home/.ssh && cp $K/key.pub home/.ssh/authorized_keys && install -m 600 $K/key $K/host . &&
		chmod 700 home/.ssh && chown -R $id:$id home"
	ready='grep " 00000000:0016 00000000:0000 0A " /proc/net/tcp'
	exercise="ssh -F none -i key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		$account@127.0.0.1 'id -un; echo hello | cat'"
	command=("$(command -v sshd)" -D -e -f /dev/null -h "$W/host" -o UsePAM=yes -o PidFile=none)
}

# ---- commands ----

run_curl()
{
	needs=(curl busybox)
	setup='mkdir www && seq 1 1000 >www/index.html &&
		{ busybox httpd -p 127.0.0.1:83 -h $W/www 2>/dev/null || :; }'
	command=(curl -s --max-time 20 -o "$W/page" -w '%{http_code} %{size_download}\n' --retry 50
		--retry-connrefused --retry-delay 0 http://localhost:83/)
}

run_git()
{
	needs=(git)
	setup='cat >work.sh <<-"END"
		export GIT_AUTHOR_DATE="2020-01-01T00:00:00Z" GIT_COMMITTER_DATE="2020-01-01T00:00:00Z"
		export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@d
		git -c init.defaultBranch=main init -q one && cd one
		for i in 1 2 3; do seq 1 $i >file$i && git add file$i && git commit -q -m "commit $i"; done
		cd .. && git clone -q --no-local one two
		git -C two log --oneline && git -C two status --short && cat two/file3
	END'
	runs=2
	command=(sh -e work.sh)
}

run_gcc()
{
	needs=(gcc make)
	setup='cat >main.c <<-"END" && echo "int sum(int n) { return n ? n + sum(n - 1) : 0; }" >sum.c &&
		#include <math.h>
		#include <stdio.h>
		int sum(int n);
		int main(int argc, char **argv) { return !argv || printf("%d %.3f\n", sum(9), sqrt(argc)) < 0; }
	END
		printf "%s\n" "all: program; ./program" "program: main.o sum.o; gcc -o program main.o sum.o -lm" >Makefile'
	command=(make -s)
}

run_tar()
{
	needs=(tar gzip setcap)
	setup="mkdir -p a/d out && seq 1 5000 >a/d/f && touch a/set a/capable 'a/odd \"[name]*' && mkfifo a/fifo &&
		mknod a/null c 1 3 && ln a/set a/hard && ln -s d/f a/link && chown $id:$id a/d/f a/set &&
		chown $id a/d && chmod 555 a/d && chmod 6755 a/set && setcap cap_kill+ep a/capable &&
		tar --xattrs --xattrs-include='*' -czf a.tgz a"
	command=(sh -c 'tar --xattrs "--xattrs-include=*" -xzpf a.tgz -C out && tar -tzf a.tgz | sort && ls -lR out/a/d |
		wc -l')
}

run_sqlite3()
{
	needs=(sqlite3)
	setup='cat >work.sql <<-"END"
		PRAGMA journal_mode = wal;
		CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
			INSERT INTO t SELECT i, "name" || i FROM n;
		CREATE INDEX t_name ON t (name);
		PRAGMA wal_checkpoint(TRUNCATE);
		PRAGMA journal_mode = delete;
		DELETE FROM t WHERE id > 2000;
		VACUUM;
		PRAGMA integrity_check;
		SELECT count(*) FROM t;
		.backup main copy
	END'
	command=(sqlite3 -bail "$W/db" ".read $W/work.sql")
}

run_openssl()
{
	needs=(openssl)
	setup='cat >work.sh <<-"END"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 2 \
			-keyout key.pem -out cert.pem 2>/dev/null || exit 1
		openssl dgst -sha256 -sign key.pem -out signature work.sh
		openssl x509 -in cert.pem -pubkey -noout >public.pem
		openssl dgst -sha256 -verify public.pem -signature signature work.sh
		openssl enc -aes-256-cbc -pbkdf2 -k word -in work.sh | openssl enc -d -aes-256-cbc -pbkdf2 -k word | md5sum
		openssl rand 16 | wc -c
	END'
	command=(sh work.sh)
}

run_pipeline()
{
	needs=(bash awk sed sort find xargs)
	setup='cat >work.sh <<-"END"
		for i in $(seq 1 5); do echo "line $i" | sed "s/line/number $i/" | tr a-z A-Z | cut -d " " -f 2-; done |
			sort -n | uniq -c | awk "{ sum += \$3 } END { print NR, sum }"
		for i in 1 2 3 4; do (seq "$i" "$((i + 50))" >"out.$i") & done
		wait
		find . -name "out.*" | sort | xargs -n 2 cat | sort -n -u | tail -n 1
		mkfifo pipe
		cat pipe >copy & echo through >pipe
		wait
		cat copy - <<<"a here-string"
		sort -S 32k -T /tmp <(seq 20000) | tail -n 1
		trap "echo trapped" USR1
		kill -USR1 $$
		rmdir -v $(mktemp -d) | grep -c /tmp/tmp
	END'
	command=(bash work.sh)
}

run_static()
{
	needs=(busybox)
	setup='cp $K/static program'
	[ -e "$K/static" ] || missing='a static C library'
	command=(./program "$W")
}

run_perl()
{
	needs=(perl)
	setup='mkdir -m 1777 shared && seq 1 100 >numbers && cat >work.pl <<-"END"
		use strict; use warnings; use File::Temp; use POSIX; use IO::Socket::UNIX; use Fcntl ":flock";
		my ($file, $name) = File::Temp::tempfile(DIR => "shared");
		print $file "hi\n"; close $file; unlink $name or die;
		open(my $in, "<", "numbers") or die; flock($in, LOCK_SH) or die; my $sum = 0; $sum += $_ while <$in>;
		my $server = IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die;
		my $pid = fork(); if (!$pid) { my $c = IO::Socket::UNIX->new(Peer => "socket"); print $c "from the child\n"; exit 0 }
		print scalar <$server>->accept->getline; waitpid($pid, 0);
		print "$sum ", join(",", map { chomp; $_ } `echo a; echo b`), "\n";
	END
		sed -i "s/scalar <\$server>->accept/\$server->accept/" work.pl'
	command=(perl work.pl)
}

# Debian's ping is a capable file; in a new network nobody may use ICMP sockets without.
run_ping()
{
	needs=(ping setcap setpriv)
	setup='cp "$(command -v ping)" ping && setcap cap_net_raw+ep ping'
	command=(sh -c "setpriv --reuid $account --regid $account --clear-groups ./ping -c 1 -w 10 127.0.0.1 |
		grep -c '1 received'")
}

run_chown()
{
	needs=(chown)
	setup="mkdir -p tree/closed tree/open && touch tree/f tree/closed/f tree/open/f &&
		chown -R $id tree/closed && chmod 700 tree/closed"
	command=(chown -Rv www-data:www-data tree)
}

run_mount()
{
	needs=(mount umount unshare)
	setup='mkdir d e && touch e/f'
	command=(unshare --mount sh -c 'mount -t tmpfs none d && touch d/g && umount d && mount --bind e d &&
		mount -o remount,bind,ro d && ls d')
}

# ---- one run of one of them ----

# load NAME: what run_NAME sets; fails, with the reason in $missing, where it cannot run.
load()
{
	local word

	needs=() missing='' setup=: ready='' exercise='' command=() runs=1
	"run_$1" || missing="its fixture cannot be made"
	for word in "${needs[@]}"; do
		command -v "$word" >/dev/null || missing="$word is not installed"
	done
	[ -z "$missing" ]
}

# start: an empty $W, and then its setup
start()
{
	cd / && find "$W" -mindepth 1 -delete && cd "$W" && bash -c "$setup"
}
