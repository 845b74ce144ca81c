#!/usr/bin/env bash
# nginx: a master and two workers of another user, ports 80 and 8080, files, errors, ranges, gzip.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init nginx curl
is_root || t_skip_all "a port below 1024 needs root"

command=(nginx -e "$W/error.log" -c "$W/nginx.conf")
used=(/etc/passwd "$W/nginx.conf" "$W/www/index.html" "$W/access.log")
unused=(/etc/shadow "$W/www/secret.html")

setup()
{
	mkdir -p www tmp
	cat >nginx.conf <<-END
		daemon off;
		user www-data;
		worker_processes 2;
		pid $W/nginx.pid;
		events { worker_connections 64; }
		http {
			access_log $W/access.log;
			sendfile on;
			gzip on;
			gzip_min_length 100;
			gzip_types text/plain;
			client_body_temp_path $W/tmp/body;
			proxy_temp_path $W/tmp/proxy;
			fastcgi_temp_path $W/tmp/fastcgi;
			uwsgi_temp_path $W/tmp/uwsgi;
			scgi_temp_path $W/tmp/scgi;
			types { text/html html; text/plain txt; }
			server {
				listen 80;
				root $W/www;
				location /up/ { proxy_pass http://127.0.0.1:8080/; }
			}
			server {
				listen 127.0.0.1:8080;
				root $W/www;
				location = / { return 200 "from upstream\n"; }
			}
		}
	END
	echo '<p>hello</p>' >www/index.html
	echo '<p>never asked for</p>' >www/secret.html
	seq 1 20000 >www/numbers.txt
}

client()
{
	local url=http://127.0.0.1 i

	curl -s --max-time 20 --retry 50 --retry-connrefused --retry-delay 0 --retry-max-time 20 "$url/" || return
	curl -s --max-time 20 -o /dev/null -w '%{http_code}\n' "$url/absent"
	curl -s --max-time 20 "$url/up/"
	for i in 1 2 3 4 5 6; do curl -s --max-time 20 "$url/up/numbers.txt"; done | md5sum
	curl -s --max-time 20 -r 100-120 "$url/numbers.txt"
	curl -s --max-time 20 --compressed "$url/numbers.txt" | md5sum
	curl -s --max-time 20 "$url/numbers.txt" | md5sum
	for i in 1 2 3 4 5 6 7 8; do curl -s --max-time 20 -o /dev/null "$url/numbers.txt" & done
	wait
	curl -s --max-time 20 -o /dev/null -w '%{http_code}\n' -d "$(seq 1 5000)" "$url/"
}

# The errors without dates, pids and connection numbers. A line is logged after its answer is sent.
report()
{
	wc -l <access.log
	sed 's/.*\(\[[a-z]*\]\) [0-9#]*: [*0-9]* /\1 /' error.log
}

corpus_main
