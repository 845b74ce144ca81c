#!/usr/bin/env bash
# Commands recorded on the host, then started by each container engine under what emit says.
. "$(dirname "$0")/../lib-container.bash"
. "$(dirname "$0")/../lib-roundtrip.bash"
roundtrip_init

workload shell
command=(sh "$W/work.sh")
setup()
{
	cat >work.sh <<-'END'
		echo hello >out
		tr a-z A-Z <out
		mkdir -p d/e && mv out d/e/ && find . -type f | sort
		t=$(mktemp) && echo temporary >"$t" && cat "$t" && rm "$t"
		(exit 3) || echo three
		sleep 0.01
		id -u
	END
}
roundtrip
denials
for target in podman docker-flags; do
	emit_flags "$target"
	t_ok "shell: no network was used: $target has none" grep -qx -e '--network none' "$P/flags"
done

# The same by a user that is not root, who may write only where it owns.
workload user
account=nobody
command=(sh "$W/work.sh")
setup()
{
	cat >work.sh <<-'END'
		echo hello >out
		cat out /etc/hostname.none 2>&1 | wc -l
		echo no >/etc/passwd || echo refused
		id -u
	END
}
roundtrip

workload static
command=("$F/static" "$W")
if "${CC:-cc}" -O1 -std=gnu11 -D_GNU_SOURCE -static -pthread -o "$F/static" \
	"$(dirname "$0")/../workloads/corpus_small.c" 2>"$S/err"; then
	roundtrip
else
	t_skip static "there is no static C library"
fi

t_end
