"""
Reads what apparmor_parser compiled: the automata of a binary policy, in the form that the kernel
loads (aa_unpack() in security/apparmor/policy_unpack.c, unpack_table() and aa_dfa_match_len() in
security/apparmor/match.c).
"""
import array
import struct
import sys

EXEC, WRITE, READ, APPEND, LINK, LOCK, MMAP = 1, 2, 4, 8, 16, 32, 64  # AA_MAY_*, old file format
MOUNT, UMOUNT, PIVOT_ROOT = 2, 4, 1  # of the class of mounts (include/mount.h)
CLASS_MOUNT = 7  # AA_CLASS_MOUNT
DIFFERENTIAL = 0x80000000  # MATCH_FLAG_DIFF_ENCODE

TABLE_ACCEPT, TABLE_BASE, TABLE_CHECK, TABLE_DEFAULT, TABLE_CLASSES, TABLE_NEXT = 1, 2, 3, 4, 5, 8


class Infinite(Exception):
    """The language of an automaton has no end; args[0] begins some of its words."""


class Automaton:
    def __init__(self, blob):
        at = blob.index(b"\x1b\x5e\x78\x3d", 0, 12)  # YYTH_MAGIC, behind its padding
        header, size = struct.unpack_from(">II", blob, at + 4)
        tables, end = {}, at + size
        at += header
        while at < end:
            kind, width, _, count = struct.unpack_from(">HHII", blob, at)
            cells = array.array({1: "B", 2: "H", 4: "I"}[width])
            cells.frombytes(blob[at + 12 : at + 12 + count * width])
            if sys.byteorder == "little":
                cells.byteswap()
            tables[kind] = cells
            at += (12 + count * width + 7) & ~7
        self.accept, self.base, self.default = (
            tables[k] for k in (TABLE_ACCEPT, TABLE_BASE, TABLE_DEFAULT))
        self.next, self.check = tables[TABLE_NEXT], tables[TABLE_CHECK]
        self.classes = tables.get(TABLE_CLASSES, range(256))
        self.start = 1

    # As the kernel does it, byte by byte.

    def step(self, state, byte):
        column = self.classes[byte]
        while True:
            base = self.base[state]
            position = (base & 0xFFFFFF) + column
            if self.check[position] == state:
                return self.next[position]
            state = self.default[state]
            if not base & DIFFERENTIAL:
                return state

    def match(self, state, text):
        for byte in text:
            state = self.step(state, byte)
        return state

    # As a graph: what leaves a state, read from the tables in the other direction.

    def build_edges(self):
        members = {}
        for byte in range(256):
            members.setdefault(self.classes[byte], []).append(byte)
        self.edges = [[] for _ in self.base]
        for position, state in enumerate(self.check):
            column = position - (self.base[state] & 0xFFFFFF)
            if state and column in members:
                for byte in members[column]:
                    self.edges[state].append((byte, self.next[position]))

    def leaving(self, state):
        """{byte: state} of what leads from a state, but for state 0, where nothing matches."""
        if self.base[state] & DIFFERENTIAL:
            found = self.leaving(self.default[state])
        elif self.default[state]:
            found = dict.fromkeys(range(256), self.default[state])
        else:
            found = {}
        found.update(self.edges[state])
        return {byte: to for byte, to in found.items() if to}

    def words(self, state, most, ends_at_nul=False):
        """
        Yields (word, state after it) of all that is accepted from a state on; or of all up to where
        a NUL may follow, and whatever follows that. Infinite if there are more than `most`, or if
        a state leads to itself.
        """
        if not hasattr(self, "edges"):
            self.build_edges()
        count, above, stack = 0, {state}, [(state, b"", None)]
        while stack:
            state, word, leaving = stack.pop()
            if leaving is None:
                edges = self.leaving(state)
                nul = edges.pop(0, None) if ends_at_nul else None
                if nul or self.accept[state]:
                    count += 1
                    if count > most:
                        raise Infinite(word)
                    yield word, state
                leaving = iter(edges.items())
                above.add(state)
            byte, to = next(leaving, (None, None))
            if byte is None:
                above.discard(state)
                continue
            stack.append((state, word, leaving))
            longer = word + bytes((byte,))
            if to in above:
                raise Infinite(longer)
            stack.append((to, longer, None))


def items(data):
    """Yields (structure, name, value) of a policy in the kernel's serial form."""
    at, name, inside = 0, "", []
    while at < len(data):
        kind = data[at]
        at += 1
        if kind == 4:  # AA_NAME
            length = struct.unpack_from("<H", data, at)[0]
            name = data[at + 2 : at + 1 + length].decode()
            at += 2 + length
            continue
        if kind <= 3:  # AA_U8 … AA_U64
            width = 1 << kind
            yield inside[-1:], name, int.from_bytes(data[at : at + width], "little")
            at += width
        elif kind == 5:  # AA_STRING
            length = struct.unpack_from("<H", data, at)[0]
            yield inside[-1:], name, data[at + 2 : at + 1 + length]
            at += 2 + length
        elif kind == 6:  # AA_BLOB
            length = struct.unpack_from("<I", data, at)[0]
            yield inside[-1:], name, data[at + 4 : at + 4 + length]
            at += 4 + length
        elif kind in (7, 9, 11):  # AA_STRUCT, AA_LIST, AA_ARRAY
            inside.append(name)
            at += 2 if kind == 11 else 0
        elif kind in (8, 10, 12):  # their ends
            inside.pop()
        else:
            raise ValueError(f"no such item: {kind} at {at}")
        name = ""


class Profile:
    """One profile: its name, and its automata, None where it has none."""

    def __init__(self):
        self.name = self.attach = self.rules = self.files = None
        self.flagged = False  # its flags stand between the automaton of its attachment and the others

    def take(self, inside, name, value):
        if inside == ["profile"] and isinstance(value, bytes) and self.name is None:
            self.name = value
        self.flagged |= inside == ["flags"]
        if name != "aadfa":
            return
        if inside == ["policydb"]:
            self.rules = Automaton(value)
        elif self.flagged:
            self.files = Automaton(value)
        else:
            self.attach = Automaton(value)


def profiles(data):
    """The profiles of what `apparmor_parser --stdout` wrote: each begins with a version."""
    found = []
    for inside, name, value in items(data):
        if not inside and name == "version":
            found.append(Profile())
        else:
            found[-1].take(inside, name, value)
    return found
