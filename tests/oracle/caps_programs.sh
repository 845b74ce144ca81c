#!/usr/bin/env bash
# The capabilities of real programs. Each is recorded as root; `whittle verify` then runs it with
# exactly the recorded list, and with every one of it left out, each time on a fixture made anew.
# What was recorded, what is proven and what is written here must be the same, alternatives included.
#
# One difference is known, and held as such: what a program asks for but does as well without. No
# rule can see that in a run where it was granted; `verify` is what tells.
#
# With arguments only the programs of these names are tried.
#
# All of it runs in private mount, network and process namespaces: ports, accounts, logs and mounts
# are its own, and nothing outlives the script.

namespaces=(--mount --net --pid --fork --kill-child --mount-proc --propagation private)
if [ "$(id -u)" -eq 0 ] && [ -z "${PROGRAMS_PRIVATE-}" ] && unshare "${namespaces[@]}" true 2>/dev/null; then
	PROGRAMS_PRIVATE=1 exec unshare "${namespaces[@]}" -- bash "$0" "$@"
fi
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/caps.bash"

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
account=whittle-user # without a password; may log in, and use sudo
id=4242
export PATH

# ---- the system that they see ----

# with FILE LINE: for us alone, that file of /etc has a line more.
with()
{
	cp -p "/etc/$1" "$S/etc.$1" && echo "$2" >>"$S/etc.$1" && mount --bind "$S/etc.$1" "/etc/$1"
}

private_system()
{
	local dir

	S=/mnt W=/mnt/work
	export S W
	for dir in "$S" /run /var/log; do mount -t tmpfs -o mode=755 whittle "$dir" || return; done
	mkdir "$W" "$S/keep" /run/sshd && touch /run/utmp /var/log/wtmp /var/log/lastlog &&
		ip link set lo up &&
		with passwd "$account:x:$id:$id::$W/home:/bin/sh" && with group "$account:x:$id:" &&
		with shadow "$account:*:19000:0:99999:7:::" &&
		{ [ ! -e /etc/sudoers ] || with sudoers "$account ALL=(ALL) NOPASSWD: ALL"; }
}

# A kernel that audits asks who may write messages. Most programs go on if it refuses; sshd ends a
# login that has a terminal.
audit=
if [ -e /proc/self/loginuid ]; then audit=audit_write; fi

# ---- the programs ----
# Each function sets how the program is run in $W, which is emptied before each setup:
#	needed      the list, as caps/corpus.tsv writes it; bearable is asked for besides, without need
#	programs    what must be installed          command setup check compare ready exercise
#	                                            what `whittle verify` takes
# and may leave in $missing what else is not there.

run_nginx()
{
	needed=chown,dac_override,net_bind_service,setgid,setuid
	programs=(nginx curl)
	setup='mkdir -p www tmp log && echo hello >www/index.html &&
		touch log/access.log && chown www-data log/access.log && chmod 640 log/access.log &&
		printf "%s\n" "daemon off; user www-data; pid $W/nginx.pid; events { }" \
			"http { access_log $W/log/access.log; client_body_temp_path $W/tmp/body;" \
			"proxy_temp_path $W/tmp/proxy; fastcgi_temp_path $W/tmp/fastcgi;" \
			"uwsgi_temp_path $W/tmp/uwsgi; scgi_temp_path $W/tmp/scgi;" \
			"server { listen 80; root $W/www; } }" >nginx.conf'
	ready='test -s nginx.pid'
	# A worker that cannot become www-data ends, and the master waits on.
	exercise='until [ "$(curl -s --max-time 1 http://127.0.0.1/)" = hello ]; do
			! grep "exited with fatal code" log/error.log || exit 1
		done'
	command=(nginx -e "$W/log/error.log" -c "$W/nginx.conf")
}

# As the entry point of its container image: the data's owner, then the server.
run_redis()
{
	needed=chown,setgid,setuid
	programs=(redis-server redis-cli setpriv)
	setup='printf "%s\n" "port 6390" "bind 127.0.0.1" "dir $W" "appendonly yes" >redis.conf'
	ready='redis-cli -p 6390 ping | grep PONG'
	exercise='redis-cli -p 6390 set greeting hello && redis-cli -p 6390 bgsave &&
		[ "$(redis-cli -p 6390 get greeting)" = hello ]'
	command=(sh -c 'find . ! -user www-data -exec chown www-data {} + &&
		exec setpriv --reuid www-data --regid www-data --clear-groups redis-server redis.conf')
}

# Likewise: its data is closed to all but its owner, so that root has to search it as another.
run_postgres()
{
	local bin

	needed='chown,dac_override|dac_read_search,setgid,setuid'
	programs=(psql setpriv)
	bin=$(echo /usr/lib/postgresql/*/bin)
	bin=${bin##* }
	if [ ! -x "$bin/initdb" ]; then
		missing='the server of PostgreSQL'
		return
	fi
	install -d -o nobody "$S/keep/data"
	setpriv --reuid nobody --clear-groups "$bin/initdb" -D "$S/keep/data" -A trust -U app --no-sync \
		-E UTF8 --locale=C >"$T/said" 2>&1 || return
	setup='cp -a $S/keep/data . && chown -R 0:0 data && chown nobody data &&
		printf "%s\n" "unix_socket_directories = '\''$W/data'\''" "listen_addresses = '\'\''" \
			"fsync = off" >>data/postgresql.conf'
	ready='psql -h $W/data -U app -Atc "SELECT 1" postgres'
	exercise='psql -h $W/data -U app -Atc "CREATE TABLE t AS SELECT 1" -c "SELECT count(*) FROM t" \
		postgres | grep -qx 1'
	command=(sh -c 'find data ! -user nobody -exec chown nobody {} + &&
		exec setpriv --reuid nobody --regid nogroup --clear-groups "$@"' sh "$bin/postgres" -D data)
}

# A login with a terminal.
run_sshd()
{
	needed=chown,fowner,net_bind_service,setgid,setuid,sys_chroot${audit:+,$audit}
	programs=(sshd ssh ssh-keygen)
	[ -e "$S/keep/key" ] || { ssh-keygen -q -t ed25519 -N '' -f "$S/keep/key" &&
		ssh-keygen -q -t ed25519 -N '' -f "$S/keep/host"; } || return
	client="ssh -F none -i $S/keep/key -o BatchMode=yes -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null $account@127.0.0.1"
	setup="mkdir -p home/.ssh && cp $S/keep/key.pub home/.ssh/authorized_keys &&
		chmod 700 home/.ssh && chown -R $id:$id home"
	ready='grep " 00000000:0016 00000000:0000 0A " /proc/net/tcp'
	exercise="$client -tt 'id -un; tty' | tr -d '\r' | paste -s | grep '^$account	/dev/pts/'"
	command=("$(command -v sshd)" -D -e -f /dev/null -h "$S/keep/host" -o UsePAM=yes -o PidFile=none)
}

# A command by ssh: no terminal has to be given away.
run_sshd_command()
{
	run_sshd || return
	needed=net_bind_service,setgid,setuid,sys_chroot
	bearable=$audit
	exercise="$client id -un | grep -x $account"
}

# Debian's ping is a capable file; in a new network namespace nobody may use ICMP sockets without.
run_ping_as_root()
{
	needed=net_raw
	programs=(ping)
	setup='cp "$(command -v ping)" ping'
	command=(./ping -c 1 -w 5 127.0.0.1)
	compare=status
}

run_ping_as_user()
{
	needed=net_raw,setgid,setuid
	programs=(ping setcap setpriv)
	setup='cp "$(command -v ping)" ping && setcap cap_net_raw+ep ping'
	command=(setpriv --reuid "$account" --regid "$account" --clear-groups ./ping -c 1 -w 5 127.0.0.1)
	compare=status
}

# Debian's tcpdump becomes another user once its socket is open, and gives that one the file.
run_tcpdump()
{
	needed=chown,dac_override,net_raw,setgid,setuid
	programs=(tcpdump python3)
	ready='test -s capture'
	exercise='for i in $(seq 100); do
			python3 -c "import socket; socket.socket(2, 2).sendto(b\"hi\", (\"127.0.0.1\", 9))"
			[ "$(stat -c %s capture)" -le 24 ] || exit 0
		done
		exit 1'
	command=(tcpdump -i lo -U -n --immediate-mode -w capture udp)
}

run_su()
{
	needed=setgid,setuid
	bearable=$audit
	programs=(su)
	setup="install -d -o $id -g $id home"
	command=(su "$account" -c 'id -un')
}

# A user's: the program is a set-user-id one.
run_sudo()
{
	needed=setgid,setuid
	bearable=$audit
	programs=(sudo setpriv)
	setup='rm -rf /run/sudo'
	command=(setpriv --reuid "$account" --regid "$account" --init-groups sudo -n id -un)
}

run_chown()
{
	needed='chown,dac_override|dac_read_search'
	programs=(chown)
	setup="mkdir -p tree/closed tree/open && touch tree/f tree/closed/f tree/open/f &&
		chown -R $id tree/closed && chmod 700 tree/closed"
	command=(chown -R www-data:www-data tree)
	check='[ -z "$(find tree ! -user www-data -o ! -group www-data)" ]'
}

run_tar()
{
	needed=chown,dac_override,fowner,fsetid,mknod,setfcap
	programs=(tar setcap)
	setup="mkdir -p a/d out && echo hi >a/d/f && touch a/set a/capable && mkfifo a/fifo &&
		mknod a/null c 1 3 && chown $id:$id a/d/f a/set && chown $id a/d && chmod 555 a/d &&
		chmod 6755 a/set && setcap cap_kill+ep a/capable &&
		tar --xattrs --xattrs-include='*' -cf a.tar a"
	command=(tar --xattrs '--xattrs-include=*' -xpf a.tar -C out)
	check='seen() { (cd "$1" && find . -printf "%p %M %U %G %s %T@\n" && getcap -r .) | sort; }
		[ "$(seen a)" = "$(seen out/a)" ]'
}

run_mount()
{
	needed=sys_admin
	programs=(mount umount unshare)
	setup='mkdir d e && touch e/f'
	command=(unshare --mount sh -c 'mount -t tmpfs none d && touch d/g && umount d &&
		mount --bind e d && ls d')
}

# As chrony does: from port 123, as another user, with CAP_SYS_TIME kept. The frequency that is set
# is the one that the clock has.
run_clock()
{
	needed=net_bind_service,setgid,setuid,sys_time
	programs=(python3)
	cat >"$S/keep/clock.py" <<-'PYTHON'
		import ctypes, os, socket, struct, sys
		PR_SET_KEEPCAPS, ADJ_FREQUENCY, CAPABILITY_VERSION_3 = 8, 2, 0x20080522
		KEPT = 1 << 25 | 1 << 10 # CAP_SYS_TIME, CAP_NET_BIND_SERVICE
		libc = ctypes.CDLL(None, use_errno=True)
		def call(name, *arguments):
		    if getattr(libc, name)(*arguments) < 0:
		        sys.exit(name + ": " + os.strerror(ctypes.get_errno()))
		user = int(sys.argv[1])
		server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		server.bind(("127.0.0.1", 123))
		call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
		os.setgroups([])
		os.setresgid(user, user, user)
		os.setresuid(user, user, user)
		call("capset", struct.pack("Ii", CAPABILITY_VERSION_3, 0),
		     struct.pack("6I", KEPT, KEPT, 0, 0, 0, 0))
		timex = ctypes.create_string_buffer(512)
		call("adjtimex", timex)
		struct.pack_into("I", timex, 0, ADJ_FREQUENCY)
		call("adjtimex", timex)
		print("adjusted")
	PYTHON
	command=(python3 "$S/keep/clock.py" "$id")
}

# An IP option that no rule of whittle's knows the capability of: only the kernel's own question tells.
run_option()
{
	needed=net_raw
	programs=(python3)
	command=(python3 -c 'import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([30, 4, 0, 0]))')
}

# ---- the proof ----

# unheld SETS: a capability of these that cannot be had here; fails if there is none.
unheld()
{
	local held cap

	held=,$(setpriv --dump | sed -n 's/^Capability bounding set: //p'),
	for cap in ${1//[,|]/ }; do
		if [[ $held != *,$cap,* ]]; then
			echo "$cap"
			return
		fi
	done
	return 1
}

# listed DIR: the sets of its capabilities.txt.
listed()
{
	sorted "$(granted "$1/capabilities.txt" | sed 's/cap_//g' | paste -sd,)"
}

# prove NAME: what run_NAME says.
prove()
{
	local needed='' bearable='' programs=() missing='' got=0 wanted found
	local setup=: ready='' exercise='' check='' compare=auto command=() options=() client

	if ! "run_$1"; then
		t_fail "$1: its fixture" "$T/said"
		return
	fi
	if ! t_have "${programs[@]}"; then missing=$t_missing; fi
	if [ -n "$missing" ]; then
		t_skip "$1" "$missing is not installed"
		return
	fi
	if missing=$(unheld "$needed,$bearable"); then
		t_skip "$1" "$missing cannot be had here"
		return
	fi
	setup="find . -mindepth 1 -delete && { $setup; }"
	if [ -n "$exercise" ]; then options=(--ready "$ready" --exercise "$exercise"); fi
	if ! sh -c "$setup" >"$T/said" 2>&1 || ! "$WHITTLE" record -q -o "$S/evidence" --replace \
		"${options[@]}" -- "${command[@]}" >"$T/said" 2>&1 </dev/null; then
		t_fail "$1 is recorded" "$T/said"
		return
	fi
	wanted=$(sorted "$needed${bearable:+,$bearable}")
	t_is "$1: what is recorded" "$(listed "$S/evidence")" "$wanted"

	if [ -n "$check" ]; then options+=(--check "$check"); fi
	"$WHITTLE" verify -v -o "$S/proven" --timeout 60 --setup "$setup" --compare $compare \
		"${options[@]}" "$S/evidence" -- "${command[@]}" >"$T/table" 2>"$T/said" || got=$?
	if [ "$got" -gt 1 ]; then
		t_fail "$1: what is proven" "$T/said"
		return
	fi
	found=$(proven "$S/proven/verified.json")
	t_is "$1: what is proven" "$found" "$(sorted "$needed")"
	t_is "$1: the proven list" "$(listed "$S/proven")" "$found"
	t_is "$1: with the recorded list alone" "$(jq -r .recorded_fails "$S/proven/verified.json")" null
	printf '%-14s %-8s %-68s %s\n' "$1" "$(sed -n 's/^whittle: \([0-9]*\) runs:.*/\1/p' "$T/said")" \
		"$found" "${bearable:--}" >>"$T/figures"
}

t_init
t_have jq unshare setpriv ip || t_skip_all "$t_missing is not installed"
[ "$(id -u)" -eq 0 ] || t_skip_all 'needs root: the lists are those of programs that root starts'
[ -n "${PROGRAMS_PRIVATE-}" ] || t_skip_all 'cannot make namespaces here'
private_system || exit 1
cd "$W" || exit 1
if [ $# -eq 0 ]; then
	set -- nginx redis postgres sshd sshd_command ping_as_root ping_as_user tcpdump su sudo chown tar mount clock
fi
for name; do prove "$name"; done
t_figure "$(printf '%-14s %-8s %-68s %s' program runs 'recorded and proven' 'recorded, but tolerated')"
while IFS= read -r line; do t_figure "$line"; done <"$T/figures"
t_end
