"""
apparmor_names.py make DIR CHUNKS     files with 10,000 hostile names below DIR/files, and what the
                                      workload `names` is to do with them: DIR/NUMBER.do, DIR/kinds.do
apparmor_names.py files DIR CHUNK     judges DIR/CHUNK.bin: the files it grants are those, no others
apparmor_names.py kinds DIR           the same of DIR/kinds.bin: links, executables, sockets, mounts
apparmor_names.py text DIR CHUNK      judges what whittle wrote, as text
apparmor_names.py attached BIN PATH…  profile after profile: attached to that path, and to no other

What must be granted is known from what was done, not from what whittle says. Seed and generator are
fixed, so that the names are the same everywhere.
"""
import json
import os
import re
import sys

import apparmor_policy as policy

COUNT, SEED, STRANGER = 10000, 20260505, 65534
NAME_MAX, SUN_PATH = 255, 107
META = b"*?[]{},^\\\"#@$() \t\n'!~|&;<>=:%-+.`"
WORDS = """
@{PROC} @{pid} @{pids} @{tid} @{HOME} @{run} @{profile_name} ${x} $x @{ } @ {PROC}
\\{pid} \\{tid} \\{pids} \\{inode} \\{random} \\{x} \\x0a \\x5c{pid} \\x5c \\x \\x3b
\\052 \\o052 \\d42 \\101 \\0 \\00 \\000 \\400 \\777 \\n \\* \\\\* \\[ \\" \\, 052 \\
#include <tunables/global> include if exists -rf -- * ** *** ? ?? *.so {a,b} {,x} {a,b}{c,d} {{a},b}
[a-z] [^a] [!a] []] [a [ ] { } a{b a}b [[:alpha:]] [\\]] ^ $ . .. ... .* (a|b) a+ a|b (?:a) .[] |
" "" ' x"y x, x,y , r, rw, -> -> /etc/shadow peer=x (deleted) #123 #inode memfd:x //x profile hat
owner deny audit file capability sys_admin, \u00e9 \u202e \u2028 \u0085 \ufeff \U0001f600
""".split()
LINES = [
    b"x\n", b"\nx", b"x\n  capability sys_admin,", b'x" r,\n  capability sys_admin,\n  "/y',
    b"x r,\n}\nprofile y {\n  file,", b"x\n#include <local/y>", b"x\n# ", b"x\r\n", b"\r", b"x\\\n",
    b"x (deleted)", b" (deleted)", b" ", b"  ", b"x ", b"x  ", b" x", b"x\t", b"x\x0b\x0c", b"\x01",
    b"\xff", b"\xc3", b"\xc3\x28", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xfe\xff",
    b"\x1b[31mx", b"\x7f", b"\x80", b'x","access":"write', b"x\\", b"x\\\\", b"x\"\\", b"0", b"00",
]


class Random:
    """Numerical Recipes' generator; not Python's, which may change."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % limit

    def bytes(self, length, of):
        return bytes(of[self.below(len(of))] for _ in range(length))


ALL = bytes(b for b in range(1, 256) if b != ord("/"))


def every_byte():
    for byte in ALL:
        one = bytes((byte,))
        yield from (one, b"n" + one, one + b"n", b"n" + one + b"n", one + one)
        yield from (one + b"052", one + b"0", b"\\" + one, b"n" + one + b"377n")


def every_pair():
    for a in META:
        for b in META:
            yield bytes((a, b))
            yield b"x" + bytes((a,)) + b"a" + bytes((b,)) + b"y"


def phrases(random):
    words = [word.encode() for word in WORDS] + LINES
    for word in words:
        yield from (word, b"x" + word + b"y", word + b"y", word + word)
    while True:
        yield b" "[: random.below(2)].join(words[random.below(len(words))] for _ in range(2))


def noise(random):
    while True:
        yield random.bytes(1 + random.below(24), ALL)
        yield random.bytes(2 + random.below(10), META + b"ab")


def longest(random):
    """As long as a file may be called; escaped, four times that."""
    yield b"*" * NAME_MAX
    yield b"\xff" * NAME_MAX
    while True:
        yield random.bytes(NAME_MAX, META if random.below(2) else ALL)


def make_names():
    random, names = Random(SEED), {}

    def take(source, most):
        goal = len(names) + most
        for name in source:
            name = name.replace(b"/", b"_")[:NAME_MAX]
            if name not in (b"", b".", b".."):
                names[name] = None
            if len(names) >= goal:
                break

    take(every_byte(), COUNT)
    take(every_pair(), COUNT)
    take(longest(random), 40)
    take(phrases(random), 2000)
    take(noise(random), COUNT - len(names))
    return list(names)


# ---- what is done ----


def write_file(path, uid):
    with open(path, "wb"):
        pass
    if os.geteuid() == 0:
        os.chown(path, uid, -1)


class Plan:
    """Operations of the workload, and what is to be granted for them: {name: bits}."""

    def __init__(self):
        self.words, self.files, self.mounts = [], {}, {}

    def do(self, *words):
        self.words += [word if isinstance(word, bytes) else word.encode() for word in words]

    def grant(self, path, bits, owned=True):
        self.files[path] = self.files.get(path, 0) | bits | (0 if owned else bits << 14)


def plan_files(top, names):
    """Of each name: it is read; of some: written, listed, and of other owners."""
    plan = Plan()
    for number, name in enumerate(names):
        path, owned = top + b"/" + name, number % 3 > 0 or os.geteuid() != 0
        bits = policy.READ
        if number % 23 == 7 and len(name) < 40:
            os.mkdir(path)
            plan.do("list", path)
            plan.grant(path + b"/", bits)
            path += b"/" + names[number - 1][:40]
        write_file(path, 0 if owned else STRANGER)
        plan.do("read", path)
        if number % 7 == 3:
            plan.do("write", path)
            bits |= policy.WRITE | policy.APPEND
        plan.grant(path, bits, owned)
    return plan


def plan_deep(plan, top, names):
    """Paths of nearly PATH_MAX bytes."""
    path = top
    os.mkdir(path)
    while len(path) < 3700:
        path += b"/" + names[7 * len(path) % len(names)].ljust(200, b"*")
        os.mkdir(path)
    path += b"/\"deep\"\n"
    write_file(path, 0)
    plan.do("read", path)
    plan.grant(path, policy.READ)


def plan_links(plan, top, names):
    for old, new in zip(names, reversed(names)):
        old, new = top + b"/old" + old, top + b"/new" + new
        write_file(old, 0)
        plan.do("link", old, new)
        plan.grant(new, policy.LINK)
        plan.grant(new + b"\0" + old, policy.LINK)


def plan_kinds(top, program, names):
    """Needs root, and a working directory of top: sockets are bound by their last component."""
    plan = Plan()
    short = [name for name in names if len(name) < 80]
    sample = short[:: len(short) // 300]
    plan_links(plan, top, sample)
    for name in sample[::2]:
        path = top + b"/exec" + name
        os.link(program, path)
        plan.do("exec", path)
        plan.grant(path, policy.EXEC, False)
    for name in sample[1::2]:
        plan.do("bind", b"sock" + name)
        plan.grant(top + b"/sock" + name, policy.READ | policy.WRITE | policy.APPEND)
        plan.do("bind", b"@" + name)
    for name in sample[::3]:
        path = top + b"/chown" + name
        write_file(path, 0)
        plan.do("chown", path)
        plan.grant(path, policy.WRITE | policy.APPEND)
    for source, name in zip(sample[::3], sample[1::3]):
        path = top + b"/mount" + name
        os.mkdir(path)
        plan.do("mount", source, path)
        plan.mounts[path + b"/"] = {source}
    for source, name in zip(sample[2::3], sample[::3]):
        source, path = top + b"/source" + source, top + b"/here" + name
        os.mkdir(source)
        os.mkdir(path)
        plan.do("bind-mount", source, path)
        plan.mounts[path + b"/"] = {source + b"/"}
    return plan



def save(plan, stem):
    def printable(words):
        return {key.decode("latin-1"): value for key, value in words.items()}

    with open(stem + ".do", "wb") as file:
        file.write(b"".join(word + b"\0" for word in plan.words))
    mounts = {key: sorted(source.decode("latin-1") for source in value)
              for key, value in plan.mounts.items()}
    with open(stem + ".wanted", "w", encoding="ascii") as file:
        json.dump([printable(plan.files), printable(mounts)], file)


def wanted(stem):
    with open(stem + ".wanted", encoding="ascii") as file:
        files, mounts = json.load(file)
    return ({key.encode("latin-1"): value for key, value in files.items()},
            {key.encode("latin-1"): {name.encode("latin-1") for name in value}
             for key, value in mounts.items()})


def make(directory, chunks, program):
    names, top = make_names(), os.fsencode(directory) + b"/files"
    assert len(names) == COUNT
    os.mkdir(top)
    for number in range(int(chunks)):
        plan = plan_files(top, names[number :: int(chunks)])
        if number == 0:
            plan_deep(plan, os.path.join(os.fsencode(directory), b"deep"), names)
        save(plan, f"{directory}/{number}")
    if os.geteuid() == 0:
        save(plan_kinds(top, os.fsencode(program), names), f"{directory}/kinds")


# ---- what is granted ----


def other_names(name):
    """Names that differ from this one a little, or that it would match as a pattern."""
    for byte in b"x*/ \n\\0":
        yield name + bytes((byte,))
        yield bytes((byte,)) + name
    for at in range(0, len(name), 1 + len(name) // 12):
        before, after = name[:at], name[at + 1 :]
        yield before + after
        for byte in (name[at] ^ 1, name[at] ^ 0x20, name[at] ^ 0x80, ord("X"), ord("/"), ord("\\")):
            if byte and byte != name[at]:
                yield before + bytes((byte,)) + after
        yield before + name[at : at + 1] * 2 + after
    for pattern, texts in (
        (rb"\*+", (b"", b"X", b"XY", b"X/Y")), (rb"\?", (b"X",)), (rb"\[\^?(.).*?\]", (b"X", rb"\1")),
        (rb"\{(.*?),(.*?)\}", (rb"\1", rb"\2")), (rb"\{.*?\}", (b"1", b"")), (rb"\\(.)", (rb"\1",)),
        (rb"\\(?:x[0-9a-f]{2}|[0-7]{3})", (b"\n", b"*")), (rb"@?\{\w+\}", (b"/proc", b"12", b"x")),
        (rb"[\"' ]", (b"",)), (rb"\^", (b"",)), (rb" \(deleted\)$", (b"",)), (rb"\s+$", (b"",)),
    ):
        for text in texts:
            yield re.sub(pattern, text, name)


def permissions(automaton, path):
    return automaton.accept[automaton.match(automaton.start, path)]


ANY = 0x7F | 0x7F << 14


def differences(granted, files, below):
    """Both ways: {path: bits}. What is granted elsewhere must be there: libraries and the like."""
    for path, bits in files.items():
        if granted.get(path, 0) & ANY & ~policy.MMAP & ~(policy.MMAP << 14) != bits:
            yield f"granted {granted.get(path, 0):#x}, wanted {bits:#x}: {path!r}"
    for path, bits in granted.items():
        if path.startswith(below) and path not in files and not path.endswith(b".do"):
            yield f"granted {bits:#x}, nobody asked: {path!r}"
        elif not path.startswith(below) and not os.path.exists(path):
            yield f"granted {bits:#x}, not there: {path!r}"


def refused(automaton, files, component):
    """How many names near those granted are refused; complains of the others."""
    seen = set()
    for path in files:
        at = component(path)
        for name in other_names(path[at:]):
            other = path[:at] + name
            if other in seen or other in files or b"\0" in path:
                continue
            seen.add(other)
            bits = permissions(automaton, other)
            if bits & ANY:
                complain(f"granted {bits:#x}: {other!r}, which is like {path!r}")
    return len(seen)


complaints = []


def complain(text):
    complaints.append(text)


def read_profiles(path):
    with open(path, "rb") as file:
        return list(policy.profiles(file.read()))


def judge_words(automaton, files, below):
    try:
        granted = {word: automaton.accept[state]
                   for word, state in automaton.words(automaton.start, 2 * len(files) + 100)}
    except policy.Infinite as infinite:
        complain(f"no end of names: {infinite.args[0]!r}…")
        return
    for text in differences(granted, files, below):
        complain(text)
    print(len(granted), end=" ")


def judge_files(directory, chunk):
    """Prints how many names are granted, how many near ones were tried, how many states there are."""
    files, _ = wanted(f"{directory}/{chunk}")
    (profile,) = read_profiles(f"{directory}/{chunk}.bin")
    automaton, below = profile.files, os.fsencode(directory) + b"/"
    judge_words(automaton, files, below)
    for path, bits in files.items():
        if permissions(automaton, path) & bits != bits:
            complain(f"not granted: {path!r}")
    print(refused(automaton, files, lambda path: path.rstrip(b"/").rindex(b"/") + 1),
          len(automaton.base))


def judge_kinds(directory):
    judge_files(directory, "kinds")
    _, mounts = wanted(f"{directory}/kinds")
    (profile,) = read_profiles(f"{directory}/kinds.bin")
    rules, most = profile.rules, 2 * len(mounts) + 10
    points = dict(rules.words(rules.step(rules.start, policy.CLASS_MOUNT), most, True))
    points.pop(b"", None)  # that the class is mediated at all (PROFILE_MEDIATES)
    if set(points) != set(mounts):
        complain(f"mount points that differ: {sorted(set(points) ^ set(mounts))[:10]!r}")
    for point, state in points.items():
        sources = {word for word, _ in rules.words(rules.step(state, 0), most, True)}
        if sources != mounts.get(point):
            complain(f"sources {sources!r} at {point!r}, wanted {mounts.get(point)!r}")
        if not rules.accept[state] & policy.UMOUNT:
            complain(f"no umount: {point!r}")


def judge_attached(binary, *paths):
    profiles = read_profiles(binary)
    if len(profiles) != len(paths):
        complain(f"{len(profiles)} profiles of {len(paths)}")
    for profile, path in zip(profiles, paths):
        automaton, path = profile.attach, os.fsencode(path)
        try:
            words = [word for word, _ in automaton.words(automaton.start, 10)]
        except policy.Infinite as infinite:
            words = infinite.args
        if words != [path]:
            complain(f"attached to {words!r}, not {path!r}")


# ---- what whittle wrote ----

RULES = {
    "file": r"(owner )?NAME (mr?|r?w?(ix)?|mrix)", "link": r"(owner )?link NAME -> NAME",
    "capability": r"(deny )?capability (chown|sys_admin|dac_override|dac_read_search)",
    "unix": r"unix \(bind\) type=stream", "network": r"network unix stream",
    "signal": r"signal \((send|receive|, )+\)( set=\([a-z, ]+\))? peer=\S+",
    "mount": r"mount (fstype=tmpfs |options=\([a-z, ]+\) )+NAME -> NAME", "umount": r"umount NAME",
}
NAME = r"""([A-Za-z0-9/._-]+|"([A-Za-z0-9/._-]|\\[0-3][0-7]{2})+")"""
FRAME = r"""|abi <abi/3\.0>,|include <tunables/global>|profile \S+ flags=\([a-z_,]+\) \{|\}
|  # [a-z ]+|  # [\w, ()]+: not worth a log line|  include if exists <local/[\w.-]+>""".replace("\n", "")


def judge_profile(path):
    """No line of a profile may be more, or other, than what whittle has words for."""
    grammar = re.compile("|".join("  " + rule.replace("NAME", NAME) + "," for rule in RULES.values()))
    frame = re.compile(FRAME)
    with open(path, "rb") as file:
        lines = file.read().decode("latin-1").split("\n")
    for line in lines:
        if not grammar.fullmatch(line) and not frame.fullmatch(line):
            complain(f"a line of the profile: {line!r}")


def judge_printable(path):
    with open(path, "rb") as file:
        data = file.read()
    bad = re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data)
    if bad:
        complain(f"{path}: byte {bad[0]!r} at {bad.start()}")
    return data.decode("utf-8", "strict")


def raw(text):
    """Evidence text -> bytes."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes((int(found[1], 16),)), text.encode())


def judge_text(directory, chunk):
    stem = f"{directory}/{chunk}"
    files, _ = wanted(stem)
    judge_profile(stem + ".profile")
    rules = json.loads(judge_printable(stem + ".policy"))["apparmor"]
    named = {raw(rule["name"]) for rule in rules if rule["class"] in ("file", "link")}
    below = os.fsencode(directory) + b"/"
    for path in files:
        if path not in named and b"\0" not in path:
            complain(f"the policy does not name {path!r}")
    for path in named:
        if path.startswith(below) and path not in files and not path.endswith(b".do"):
            complain(f"the policy names {path!r}")
    json.loads(judge_printable(stem + ".oci"))
    for line in judge_printable(stem + ".caps").splitlines():
        if not re.fullmatch(r"# No capability was needed: all can be dropped\.|CAP_[A-Z_]+  # .*", line):
            complain(f"a line of capabilities: {line!r}")


def main():
    command, *words = sys.argv[1:]
    {"make": make, "files": judge_files, "kinds": judge_kinds, "attached": judge_attached,
     "text": judge_text}[command](*words)
    print(*complaints[:40], sep="\n")
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
