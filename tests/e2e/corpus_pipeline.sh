#!/usr/bin/env bash
# A shell pipeline with hundreds of processes.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init awk sed sort

command=(bash "$F/work.sh")
used=(/usr/bin/sed /usr/bin/sort)
unused=(/etc/shadow /usr/bin/shuf)

cat >"$F/work.sh" <<'END'
for i in $(seq 1 100); do
	echo "line $i" | sed "s/line/number $i/" | tr a-z A-Z | cut -d ' ' -f 2-
done | sort -n | uniq -c | awk '{ sum += $3 } END { print NR, sum }'
find /usr/share/doc/bash /etc/default -type f 2>/dev/null | xargs -n 1 basename | sort | head -n 3 | wc -l
for i in 1 2 3 4 5 6 7 8; do (seq "$i" "$((i + 50))" >"out.$i") & done
wait
cat out.* | sort -n -u | tail -n 1
mkfifo pipe
cat pipe >copy & echo through >pipe
wait
cat copy
trap 'echo trapped' USR1
kill -USR1 $$
grep -q number <<<"a number" && echo found
false | true
echo "${PIPESTATUS[@]}"
END

corpus_main
