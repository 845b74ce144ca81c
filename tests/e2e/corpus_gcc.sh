#!/usr/bin/env bash
# gcc: compiles two files, makes a static and a shared library of one, links both ways, runs.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init gcc ar

command=(sh -e "$F/work.sh")
used=("$(readlink -f /usr/bin/gcc)" /usr/include/stdio.h)
unused=(/etc/shadow /usr/include/wchar.h /usr/bin/objcopy)

cat >"$F/work.sh" <<'END'
gcc -O2 -g -Wall -c main.c -o main.o
gcc -O2 -fPIC -c sum.c -o sum.o
ar rcs libsum.a sum.o
gcc -shared -o libsum.so sum.o
gcc -o static main.o libsum.a -lm
gcc -o dynamic main.o -L. -lsum -Wl,-rpath,"$PWD" -lm
./static 10
./dynamic 20
gcc -fsyntax-only broken.c 2>/dev/null || echo refused
END

setup()
{
	cat >main.c <<-'END'
		#include <math.h>
		#include <stdio.h>
		#include <stdlib.h>
		int sum(int n);
		int main(int argc, char **argv)
		{
			printf("%d %d %.3f\n", argc, sum(atoi(argv[1])), sqrt(argc));
			return 0;
		}
	END
	echo 'int sum(int n) { return n ? n + sum(n - 1) : 0; }' >sum.c
	echo 'int broken(' >broken.c
}

corpus_main
