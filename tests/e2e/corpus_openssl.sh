#!/usr/bin/env bash
# openssl: makes a key and a certificate, serves with s_server, asks with s_client that checks it.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init openssl

command=(sh "$F/work.sh")
used=("$(readlink -f /usr/bin/openssl)" "$W/key.pem")
unused=(/etc/shadow "$W/key.pem.old")

cat >"$F/work.sh" <<'END'
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 \
	-keyout key.pem -out cert.pem 2>/dev/null || exit 1
openssl s_server -accept 127.0.0.1:4433 -key key.pem -cert cert.pem -www >server.log 2>&1 &
server=$!
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	grep -q ACCEPT server.log && break
	sleep 0.1
done
for version in -tls1_2 -tls1_3; do
	printf 'GET / HTTP/1.0\r\n\r\n' |
		openssl s_client -connect 127.0.0.1:4433 -CAfile cert.pem -verify_return_error -quiet \
			$version 2>/dev/null | grep -a -E '^(HTTP|New|Secure Renegotiation IS)'
done
# A wait that has to sleep, whatever the timing of the next one.
sleep 0.2 &
wait $!
kill $server
wait $server
echo "server ended with $?"
openssl dgst -sha256 -sign key.pem -out signature "$0"
openssl x509 -in cert.pem -pubkey -noout >public.pem
openssl dgst -sha256 -verify public.pem -signature signature "$0"
openssl enc -aes-256-cbc -pbkdf2 -k word -in "$0" | openssl enc -d -aes-256-cbc -pbkdf2 -k word | cmp - "$0" && echo same
openssl rand 16 | wc -c
END

corpus_main
