#!/usr/bin/env bash
# The tree builds for aarch64. On an aarch64 kernel under qemu it records a static program; a program that
# checks itself finds nothing changed by the injection of a filter; and a filter hides no fact. What it
# needs is fetched once into build/vm by apt, unpacked and not installed.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib-engine.sh"
t_init
cd "$ROOT" || exit 1

t_have qemu-system-aarch64 apt-get dpkg-deb depmod cpio jq || t_skip_all "no $t_missing here"
export WHITTLE_VM_CACHE=$ROOT/build/vm
export VM_PACKAGES="libc6-dev libseccomp-dev libjansson-dev libunwind-dev libelf-dev libcap-dev libyaml-dev uthash-dev
	busybox-static"
cc=$(tests/vm/arch-vm --cc arm64 2>"$T/prepare") ||
	t_skip_all "the aarch64 kernel and compiler cannot be fetched: $(tail -n 1 "$T/prepare")"
root=$(tests/vm/arch-vm --prepare arm64) || exit 1
programs=build/vm/aarch64 out=build/vm/aarch64/out
rm -rf $programs
mkdir -p $out

cross_build()
{
	# An absolute search path keeps pkg-config from this machine's own libraries.
	PKG_CONFIG_SYSROOT_DIR=$root \
		PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig \
		"${MAKE:-make}" --no-print-directory CC="$cc" SANITIZE= build/aarch64-linux-gnu-gcc/whittle
}

# cross_static FILE…: programs without shared libraries
cross_static()
{
	local file

	for file; do
		"$cc" -static -O1 -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE \
			-o "$programs/$(basename "$file" .c)" "$file" -pthread || return
	done
}

t_ok "the tree cross-builds for aarch64 without a warning" cross_build
t_ok "so do static programs" cross_static tests/vm/smoke.c \
	tests/workloads/{inject_check,engine_storm,random_program}.c
[ "$t_failures" -eq 0 ] || t_end

# ---- what is recorded in the machine, by the shell of busybox ----

storms='threads forks execs vforks thread-exec'
seeds='4 5 6' # small ones
cat >$programs/guest <<'SH'
programs=$1 storms=$2 seeds=$3
whittle=$PWD/build/aarch64-linux-gnu-gcc/whittle
busybox echo user:x:65534:65534::/:/bin/sh >>/etc/passwd

# record NAME OPTION… -- COMMAND…: $programs/out/NAME/{status,stdout,stderr}, and its evidence and profiles
record()
{
	name=$1 out=$programs/out/$1
	shift
	busybox mkdir "$out"
	busybox timeout -s KILL 120 ${as_user:-"$whittle"} record -q -o "/tmp/$name" "$@" >"$out/stdout" 2>"$out/stderr"
	echo $? >"$out/status"
	busybox cp "/tmp/$name"/* "$out"
}

# engines NAME EXPECT COMMAND…: /tmp/dir is there for it, and empty
engines()
{
	command=$1 expect=$2
	shift 2
	for engine in exact again learned known; do
		busybox rm -rf /tmp/dir
		busybox mkdir /tmp/dir
		case $engine in
		exact | again) options=--exact ;;
		learned) options= ;;
		known) options="--known /tmp/$command-exact/evidence.json" ;;
		esac
		record "$command-$engine" $options --expect "$expect" -- "$@"
	done
}

record smoke --expect 7 -- "$programs/smoke"
# The handler of a faster timer would leave no time here.
record chain -- "$programs/inject_check" chain 60 10000
record threads -- "$programs/inject_check" threads 20 20000
record stops -- "$programs/inject_check" stops 60 10000
record drops -- "$programs/inject_check" drops 20 10000
record exact --exact -- "$programs/inject_check" chain 5 20000
record known --known /tmp/chain/evidence.json -- "$programs/inject_check" chain 10 10000
busybox sleep 1 # start-stop-daemon starts nothing while there is a child of the last one
as_user="busybox start-stop-daemon -S -c user -x $whittle --"
record user -- "$programs/inject_check" chain 20 10000
as_user=
for kind in $storms; do engines "$kind" 7 "$programs/engine_storm" "$kind" 12; done
for seed in $seeds; do engines "seed-$seed" 0 "$programs/random_program" /tmp/dir "$seed"; done
SH
VM_TIMEOUT=600 tests/vm/arch-vm arm64 -- /bin/sh $programs/guest $programs "$storms" "$seeds" >"$T/stdout" 2>"$T/stderr" ||
	t_fail "the machine runs to its end" "$T/stderr"

# file NAME FILE: of a record
file() { cat "$out/$1/$2"; }
# of_run NAME FIELD
of_run() { jq -r ".runs[0].$2" "$out/$1/evidence.json"; }

# ---- a program of few calls ----

granted()
{
	jq -e --arg name "$1" 'any(.syscalls[].names[]; . == $name)' "$out/smoke/seccomp.json"
}

called()
{
	jq -e --arg name "$1" 'any(.syscalls[]; .name == $name)' "$out/smoke/evidence.json"
}

t_is "the program's status is passed on" "$(file smoke status)" 7
t_is "its output is its own" "$(file smoke stdout)" hello
t_is "the profile is for aarch64" "$(jq -c .architectures $out/smoke/seccomp.json)" '["SCMP_ARCH_AARCH64"]'
for call in execve openat write close clone exit_group; do
	t_ok "$call is granted" granted "$call"
	t_ok "$call is in the evidence" called "$call"
done
t_ok "so is a call of a child that hides from tracers" called getppid
t_ok "open, which aarch64 lacks, is not granted" not granted open
t_like "the file that it read is in the evidence" "$(file smoke evidence.json)" '/etc/passwd'

# ---- injections ----

# unchanged NAME TEXT COUNT FILTERED: processes, of which at least so many had a filter at their end
unchanged()
{
	local filtered

	t_is "$2: $3 processes find nothing changed" "$(file "$1" status)$(file "$1" stderr)" 0
	t_ok "$2: the evidence is complete" jq -e '.runs[0] | .complete and .losses == {}' "$out/$1/evidence.json"
	filtered=$(sed -n 's/.* \([0-9]*\) filtered.*/\1/p' "$out/$1/stdout")
	t_ok "$2: $4 of them had a filter" [ "${filtered:-0}" -ge "$4" ]
	t_figure "$2: $(file "$1" stdout)"
}

unchanged chain 'one thread' 60 59
unchanged threads 'four threads' 20 19
unchanged stops 'stopped and continued' 60 59
unchanged drops 'drops its privileges' 20 19
unchanged user 'not root' 20 19
unchanged known 'known' 10 10
unchanged exact 'exact' 5 0
for name in chain threads stops drops user; do
	t_like "$name: the evidence says so" "$(of_run $name filter)" learned
done
t_is 'not root: no_new_privs is in the evidence' "$(of_run user 'limitations["no-new-privs"]')" 1
t_is 'root: it is not' "$(of_run chain 'limitations["no-new-privs"]')" null

# ---- the same facts ----

# same_facts NAME: under each engine as with every call looked at
same_facts()
{
	local exact=("$out/$1-exact/evidence.json" "$out/$1-again/evidence.json")

	engine_compare learned "$out/$1-learned/evidence.json" '' "${exact[@]}" &&
		engine_compare known "$out/$1-known/evidence.json" "${exact[0]}" "${exact[@]}"
}

# outcomes NAME STATUS
outcomes()
{
	local engine bad=0

	for engine in exact again learned known; do
		[ "$(file "$1-$engine" status)" = "$2" ] && cmp "$out/$1-exact/stdout" "$out/$1-$engine/stdout" &&
			jq -e '.runs[0] | .complete and .losses == {}' "$out/$1-$engine/evidence.json" && continue
		file "$1-$engine" stderr
		bad=1
	done
	return "$bad"
}

learned=0
names=$storms
for seed in $seeds; do names+=" seed-$seed"; done
for name in $names; do
	case $name in seed-*) status=0 ;; *) status=7 ;; esac
	t_ok "$name: each engine has the same outcome" outcomes "$name" "$status"
	t_ok "$name: and the same facts" same_facts "$name"
	t_is "$name, exact: no filter" "$(of_run "$name-exact" filter)" none
	t_like "$name, known: a filter" "$(of_run "$name-known" filter)" known
	[ "$(of_run "$name-learned" filter)" != learned ] || learned=$((learned + 1))
done
t_ok 'most of these have learned a filter' [ "$learned" -ge 6 ]
t_figure "$learned of $(wc -w <<<"$names") programs learned a filter, and have the facts of exact runs"
t_end
