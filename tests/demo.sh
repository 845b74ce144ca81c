#!/usr/bin/env bash
# What `make demo` records: a shell pipeline and a name look-up, of programs that every Debian has.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/demo
rm -rf "$out"

command='tar -C include -cf - whittle | gzip >build/demo.tar.gz && getent ahosts localhost'
echo
echo "\$ whittle record -o $out -- sh -c '$command'"
build/whittle record -o "$out" -- sh -c "$command"
for file in "$out"/*; do
	[ "$file" != "$out/evidence.json" ] || continue
	[ "$file" != "$out/policy.json" ] || continue
	echo
	echo "--- $file ($(wc -l <"$file") lines)"
	head -n 30 "$file"
done
echo
echo "--- $out/evidence.json ($(wc -l <"$out/evidence.json") lines) is what they were derived from."
