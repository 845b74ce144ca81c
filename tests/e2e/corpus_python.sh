#!/usr/bin/env bash
# python3 runs modules of its own test suite.
. "$(dirname "$0")/../lib-enforce.sh"
PATH=/usr/bin:$PATH # Debian's, whose test suite is packaged
corpus_init python3
python=$(readlink -f "$(command -v python3)")
"$python" -c 'import test.test_json, test.test_os' 2>/dev/null ||
	t_skip_all "python3's test suite (libpython3-testsuite) is not installed"

command=(sh "$F/work.sh" "$python")
runs=2
used=("$python")
unused=(/etc/shadow "$W/other.py")

cat >"$F/work.sh" <<'END'
"$1" -m test test_json test_re test_struct test_tempfile test_zlib test_hashlib test_fcntl test_mmap \
	test_shutil >log 2>&1
echo "modules $?"
"$1" -m test test_socket -m BasicTCPTest -m BasicUDPTest -m TestUnixDomain -m BasicSocketPairTest \
	-m SendfileUsingSendfileTest >>log 2>&1
echo "sockets $?"
"$1" -m test test_threading -m ThreadTests >>log 2>&1
echo "threads $?"
"$1" -m test test_subprocess -m test_call_string -m test_communicate -m test_preexec \
	-m test_terminate -m test_kill -m test_close_fds >>log 2>&1
echo "processes $?"
grep 'Tests result' log
tail -n 20 log >&2
END

corpus_main
