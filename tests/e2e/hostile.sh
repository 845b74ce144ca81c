#!/usr/bin/env bash
# Names that a workload chooses must not break out of any file that whittle writes.
. "$(dirname "$0")/../lib.sh"
t_init
cd "$T" || exit 1
t_have python3 || t_skip_all 'python3 is missing'

cat >hostile.py <<'PYTHON'
import os, socket
names = [b"with space", b'quote"d', b"new\nline", b"tab\t", b"back\\slash", b"star*", b"[abc]", b"{a,b}",
         b"@{HOME}", b"\xff\xfe", b"\xc3\xa9", b"\xe2\x80\xae rtl", b"\x1b[31mred", b"# hash", b"comma,",
         b"',}\n  capability sys_admin,", b"\\{pid}", b"\\x41", b"^caret!", b"-dash", b"%s%n", b"<script>",
         b"trailing\\"]
os.mkdir("d")
os.chdir("d")
for name in names:
    os.close(os.open(name, os.O_RDWR | os.O_CREAT))
    os.rename(name, name + b"2")
    os.link(name + b"2", name)
    os.unlink(name)
    os.mkdir(name)
    os.symlink(name, name + b"3")
    open(name + b"3/inside", "w").close()
server = socket.socket(socket.AF_UNIX)
server.bind(b"\0abstract\n\"\xff")
server.listen()
PYTHON
python3 -c '
import os
os.write(1, b"#!/bin/sh\n:\n")' >'run "me"
, please'
chmod +x 'run "me"
, please'

t_status 'hostile file names' 0 "$WHITTLE" record -q -o out -- python3 hostile.py
t_status 'a hostile program name' 0 "$WHITTLE" record -q -o out --append -- './run "me"
, please'
t_status 'a hostile argument' 0 "$WHITTLE" record -q -o out --append -- true "$(printf 'a\033[2Jb\n\377')"
t_ok 'evidence and policy are strict UTF-8 JSON without control bytes' python3 -c '
import json
for name in "evidence.json", "policy.json", "seccomp.json":
    data = open("out/" + name, "rb").read()
    text = data.decode("utf-8", "strict")
    json.loads(text)
    assert not [c for c in text if ord(c) < 32 and c not in "\n\t"], name
    assert "\u202e" not in text and "\x7f" not in text, name'
t_ok 'each name is kept, reversibly' python3 -c '
import json, re, runpy
paths = {f["path"] for f in json.load(open("out/evidence.json"))["paths"]}
def raw(text):
    return re.sub(rb"\\x(..)", lambda m: bytes([int(m[1], 16)]), text.encode())
got = {raw(p).split(b"/")[-2] for p in paths if p.endswith("/")} | {raw(p).split(b"/")[-1] for p in paths}
source = open("hostile.py").read()
names = eval(source[source.index("["):source.index("]\nos.mkdir") + 1])
missing = [n for n in names if n not in got or n + b"2" not in got]
assert not missing, missing'
if t_have apparmor_parser; then
	t_ok 'the AppArmor profile parses' apparmor_parser -Q -K -T out/apparmor.profile
	t_ok 'no rule was smuggled in' not grep -qE '^ *capability sys_admin' out/apparmor.profile
	t_ok 'the profile is plain ASCII' not grep -qP '[^\x20-\x7e]' out/apparmor.profile
else
	t_skip 'the AppArmor profile parses' 'apparmor_parser is missing'
fi
t_ok 'capabilities.txt has no line of its own for a name' not grep -qvE '^(#|CAP_[A-Z_]+( |$))' out/capabilities.txt
"$WHITTLE" record -v -o out --append -- './run "me"
, please' 2>err
"$WHITTLE" record -o out --append -- "$(printf 'no\033[31m\nsuch')" 2>>err
t_ok 'messages carry no control bytes' not grep -qP '[\x00-\x08\x0b-\x1f\x7f]' err
t_ok 'and stay on their lines' not grep -qv '^whittle: ' err
t_end
