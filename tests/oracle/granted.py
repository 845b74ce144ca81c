"""
granted.py PROFILE.bin POLICY.json EXPLAINED ROOT: what a profile grants below ROOT, by the automaton
that apparmor_parser made of it, which is what the kernel matches. Prints both counts; fails if
`whittle explain --paths` (EXPLAINED) counted something else, or if fewer than the fifth argument
are granted.
"""
import json
import os
import re
import sys

import apparmor_policy as policy


def names_below(automaton, directory, name, state):
    """Yields each name that is accepted; nothing leads out of state 0."""
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        inside = entry.is_dir(follow_symlinks=False)
        word = os.fsencode(entry.name) + (b"/" if inside else b"")
        after = automaton.match(state, word)
        if after and automaton.accept[after] & 0x7F:
            yield name + word
        if after and inside:
            yield from names_below(automaton, entry.path, name + word, after)


def main(binary, rules, explained, root, least="0"):
    with open(binary, "rb") as file:
        (profile,) = policy.profiles(file.read())
    with open(rules, encoding="utf-8") as file:
        names = {rule["name"] for rule in json.load(file)["apparmor"] if rule["class"] in ("file", "link")}
    automaton = profile.files
    slash = automaton.match(automaton.start, b"/")
    granted = set(names_below(automaton, root, b"/", slash))
    if automaton.accept[slash] & 0x7F:
        granted.add(b"/")
    with open(explained, encoding="ascii") as file:
        text = file.read()
    gone = len(re.findall(r"^ *0  ", text, re.M))
    wanted = len(granted | {name.encode() for name in names if "\\{" not in name}) + gone
    got, used = map(int, re.search(r"^over-grant: (\d+) granted / (\d+) used", text, re.M).groups())
    print(text, f"the parser: {wanted} granted, {len(granted)} of them there; {len(names)} used")
    return (got, used) != (wanted, len(names)) or len(granted) < int(least)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
