#!/usr/bin/env bash
# Bad input and faults: a clear message, the right status, nothing on disk lost.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1

status()
{
	local status=0

	timeout -s KILL 30 "$WHITTLE" "$@" >got 2>err || status=$?
	echo "$status"
}

t_is 'no command' "$(status record)" 127
t_is 'a command that is not there' "$(status record -- ./nothing)" 127
t_like 'it is named' "$(cat err)" 'nothing: No such file'
t_is 'a command that is not on PATH' "$(status record -- no-such-command)" 127
t_is 'a command without a name' "$(status record -- '')" 127
t_like 'nothing is called a success' "$(cat err)" ': No such file'
echo text >file
t_is 'a command that is not executable' "$(status record -- ./file)" 126
t_is 'a directory as command' "$(status record -- /etc)" 126
# On a busy machine too: what the kernel tells meanwhile of other processes comes late.
t_is 'a directory as command, often' "$(for _ in {1..8}; do (for _ in {1..40}; do status record -- /etc; done) & done | sort | uniq -c |
	xargs)" '320 126'
printf '#!/no/such/interpreter\n' >script
chmod +x script
t_is 'a script without its interpreter' "$(status record -- ./script)" 127
t_ok 'no output directory for what never ran' test ! -e whittle-out/evidence.json
printf 'exit 9' >script
t_is 'a script without #! runs by sh, as execvp(3) has it' "$(status record -q -o sh -- ./script)" 9
t_is 'an unknown option' "$(status record --no-such-option -- true)" 125
t_like 'and says who complains' "$(cat err)" "^whittle record: unrecognized option '--no-such-option'"
t_is 'a timeout that is no number' "$(status record --timeout soon -- true)" 125
t_is 'an unknown command' "$(status no-such-command)" 2
t_is '--help' "$(status record --help)" 0
t_like 'goes to standard output' "$(cat got)" 'usage: whittle record'

t_is 'a first recording' "$(status record -o out -- true)" 0
cp -r out kept
t_is 'a second one is refused' "$(status record -o out -- touch ran)" 125
t_like 'with advice' "$(cat err)" '--append'
t_ok 'before the workload ran' test ! -e ran
t_ok 'and nothing changed' diff -r out kept
t_is '--append adds' "$(status record -q -o out --append -- sh -c 'mkdir made')" 0
t_is 'both runs are kept' "$(grep -c '^{"id"' out/evidence.json)" 2
t_is '--append and --replace' "$(status record -o out --append --replace -- true)" 125

rm -rf out && cp -r kept out
t_is 'a failed run' "$(status record -o out --append -- false)" 1
t_ok 'leaves the profiles that are there' cmp out/seccomp.json kept/seccomp.json
t_ok 'its evidence is written, and says so' grep -q '"outcome": {"exited": 1}, "expected": false' out/evidence.json
t_is 'emit will not render it' "$(status emit oci out/evidence.json)" 2
t_is 'unless told to' "$(status emit oci --allow-incomplete out/evidence.json)" 0

for bad in '' '{' '{"schema": "whittle-evidence/99"}' '[]' '{"schema": "whittle-evidence/1"}' \
	'{"schema": "whittle-evidence/2"}'; do
	printf '%s' "$bad" >bad.json
	t_is "evidence that reads '$bad'" "$(status emit oci bad.json)" 2
	t_like "is named" "$(cat err)" 'bad.json'
done
head -c 400 kept/evidence.json >bad.json
t_is 'truncated evidence' "$(status emit oci bad.json)" 2
head -c 100000 /dev/urandom >bad.json
t_is 'noise as evidence' "$(status merge -o m.json kept/evidence.json bad.json)" 2
t_ok 'writes nothing' test ! -e m.json
t_is 'evidence that is not there' "$(status emit oci nothing.json)" 2
t_is 'an unknown target' "$(status emit nonsense kept/evidence.json)" 2
rm -rf out && mkdir out && cp bad.json out/evidence.json
t_is '--append to broken evidence' "$(status record -o out --append -- true)" 125
t_ok 'does not touch it' cmp bad.json out/evidence.json

"$WHITTLE" record -o noted -- mktemp 2>quiet >names
"$WHITTLE" record -v -o noted --replace -- mktemp 2>err >>names
xargs rm -f <names
t_ok 'notes of the policy are not said' not grep -q 'note:' quiet
t_like 'but with -v' "$(cat err)" 'note: .*random'

# Two that append at once: neither is lost.
rm -rf out && cp -r kept out
for _ in 1 2 3 4 5; do
	"$WHITTLE" record -q -o out --append -- sleep 0.2 &
done
wait
t_is 'appending at once' "$(grep -c '^{"id"' out/evidence.json)" 6

t_is 'a directory that cannot be made' "$(status record -o /proc/nothing/out -- touch ran)" 125
t_ok 'is found out before the workload runs' test ! -e ran
t_is 'standard error closed' "$("$WHITTLE" record -o closed -- sh -c 'exit 3' 2>&-; echo $?)" 3
t_ok 'costs no evidence' test -s closed/evidence.json

if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	small()
	{
		unshare -m --propagation private sh -ec 'mkdir -p small
			mount -t tmpfs -o size=64k none small
			cp kept/seccomp.json small/
			status=0
			"$WHITTLE" record -o small -- sh -c "head -c 1000000 /dev/zero >small/fill; true" || status=$?
			ls -A small
			cmp small/seccomp.json kept/seccomp.json
			exit $status'
	}
	small >got 2>err
	t_is 'a full disk' "$?" 125
	t_is 'leaves no part of a file and the old one' "$(xargs <got)" 'fill seccomp.json'
	t_like 'is said' "$(cat err)" 'No space left'
else
	t_skip 'a full disk' 'this needs root'
fi

# Where ptrace is not permitted: what forbids it, and the smallest fix; or the other engine. (LeakSanitizer traces too:
# a sanitized whittle would fail here for its own reason.)
forbidden()
{
	local status=0

	ASAN_OPTIONS=detect_leaks=0 timeout -s KILL 30 "$@" "$WHITTLE" record -o forbidden --engine "$ENGINE" -- touch "$T/ran" >got 2>err || status=$?
	echo "$status"
}
ENGINE=ptrace
t_is 'ptrace refused by a filter' "$(forbidden "$WORKLOADS/no_ptrace")" 125
t_like 'is explained, with the fix' "$(cat err)" 'cannot trace.*SYS_PTRACE'
t_ok 'the workload did not run untraced' test ! -e ran
if t_have strace; then
	t_is 'whittle under another tracer' "$(forbidden strace -f -o /dev/null)" 125
	t_like 'is explained' "$(cat err)" 'another tracer'
	# a wait that fails (strace(1), "Tampering")
	status=0
	ASAN_OPTIONS=detect_leaks=0 timeout -s KILL 30 strace -qq -o /dev/null -e trace=wait4 \
		-e inject=wait4:error=EIO:when=60 "$WHITTLE" record -o failed -- \
		sh -c 'while read -r x </dev/null || :; do :; done' 2>err || status=$?
	t_is 'whittle fails in the middle of a run' "$status" 125
	t_like 'and says how' "$(cat err)" 'cannot wait for the workload: Input/output error'
	t_ok 'what is known of the run is kept, but not how it would have ended' grep -q \
		'"outcome": {"unknown": true}, "expected": false.*"losses": {"engine-failed": 1}' failed/evidence.json
else
	t_skip 'whittle under another tracer, or failing in the middle of a run' 'strace is missing'
fi
ENGINE=auto
t_is 'ptrace refused, and any engine will do' "$(forbidden "$WORKLOADS/no_ptrace")" 0
t_ok 'it is the one that needs none' grep -q '"engine": "notify"' forbidden/evidence.json

# Secrets on the command line are not kept.
"$WHITTLE" record -q -o secrets -- true --password=hunter2 --token hunter2 http://me:hunter2@host/ \
	API_KEY=hunter2 -H 'Authorization: hunter2' --user=visible
t_ok 'secrets are masked' not grep -q hunter2 secrets/evidence.json
t_ok 'what is none is kept' grep -q -- --user=visible secrets/evidence.json
SECRET=hunter2 "$WHITTLE" record -q -o secrets --replace --no-argv -- sh -c 'echo hunter2 >hidden'
t_ok 'nor are arguments, variables or written data' not grep -q hunter2 secrets/evidence.json
t_end
