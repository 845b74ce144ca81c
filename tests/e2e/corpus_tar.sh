#!/usr/bin/env bash
# tar with gzip and xz: packs a tree with links, modes and odd names, unpacks it, compares.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init tar gzip xz

command=(sh -e "$F/work.sh")
used=(/usr/bin/tar "$(readlink -f "$(command -v gzip)")" "$W/a.tar.xz" "$W/tree/dir 1/file 1")
unused=(/etc/shadow /usr/bin/bzip2)

cat >"$F/work.sh" <<'END'
tar -c -z -f a.tar.gz tree
tar -c -f - tree | xz -T2 -c >a.tar.xz
mkdir one two
tar -x -f a.tar.gz -C one
tar -x -J -f a.tar.xz -C two
tar -t -f a.tar.gz | sort | md5sum
diff -r tree one/tree && diff -r tree two/tree && echo same
tar -d -f a.tar.gz && echo unchanged
gzip -t a.tar.gz && xz -t a.tar.xz && echo sound
gzip -dc a.tar.gz | md5sum
tar --delete -f - 'tree/dir 1' <one/tree/../../a.tar.gz >/dev/null 2>&1 || echo refused
stat -c '%a %n' one/tree/script one/tree/link
END

setup()
{
	local i

	mkdir -p tree
	for i in 1 2 3 4 5; do
		mkdir "tree/dir $i"
		seq 1 $((i * 5000)) >"tree/dir $i/file $i"
	done
	echo '#!/bin/sh' >tree/script
	chmod 751 tree/script
	ln tree/script tree/hard
	ln -s 'dir 1/file 1' tree/link
	printf 'x' >$'tree/odd\n"name"'
	find tree -exec touch -h -d @1000000000 {} +
}

corpus_main
