"""Small good files, broken at random, for a property test of the parser against the oracle.

`FILE` is, for each mutated file, a u32 length (little-endian) and its bytes. `FILE.jsonl` has a
line for each in the same order: the base file, what was done, the limits, and the verdicts of
the oracle with the length declared and unknown.
"""

import json
import random
import struct

import oracle
from builder import Gguf

NASTY = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 31, 32, 33, 63, 64, 255, 256, 4096, 4097, 65_535, 65_536, 65_537,
         2**20, 2**20 + 1, 2**22, 2**22 + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**60,
         2**61, 2**62, 2**63 - 32, 2**63 - 1, 2**63, 2**64 - 32, 2**64 - 1]


def mutations(seed, n):
    """Yields n of (base, what was done, contents, limits)."""
    dice = random.Random(seed)
    files = _bases()
    for _ in range(n):
        base = dice.choice(sorted(files))
        contents, fields = files[base]
        done = []
        for _ in range(dice.choice([0, 1, 1, 1, 1, 1, 2, 3])):
            mutate = dice.choice(MUTATIONS)
            contents = mutate(dice, contents, fields)
            done.append(mutate.__name__.lstrip("_"))
        yield base, done, contents, _limits(dice, contents)


def write(seed, n, path):
    with open(path, "wb") as blob, open(f"{path}.jsonl", "w", encoding="utf-8") as lines:
        for base, done, contents, limits in mutations(seed, n):
            blob.write(struct.pack("<I", len(contents)) + contents)
            line = {"base": base, "done": done, "limits": limits}
            for length in ("declared", "unknown"):
                line[length] = oracle.judge(contents, length=length, limits=limits)
            lines.write(json.dumps(line) + "\n")


def _bases():
    """name -> (contents, fields); a field is (offset, its bytes)."""
    empty = Gguf()
    entries = Gguf().entry("general.architecture", "string", "llama").entry("n", "u32", 7)
    entries.entry("flag", "bool", 1).entry("x", "f64", 0.5).array("flags", "bool", [0, 1, 1])
    entries.array("words", "string", ["", "one", "two"]).array("ids", "u16", [1, 2, 3]).entry("big", "u64", 2**60)
    tensors = Gguf().tensor("a", [5]).tensor("b", [0]).tensor("c", [32, 2], "Q4_0").tensor("d", [3, 2], "F16")
    both = Gguf(alignment=64).entry("general.name", "string", "x").array("scores", "f32", [0.5, -1.0])
    both.tensor("one", []).tensor("two", [256, 1], "Q6_K").tensor("three", [1, 2, 1, 2], "I8")
    old = Gguf(version=2).entry("k", "i64", -1).tensor("t", [2])
    made = {"empty": (empty, {}), "entries": (entries, {"padding": True}), "tensors": (tensors, {}),
            "both": (both, {"last_padding": False}), "old": (old, {})}
    bases = {}
    for name, (g, shape) in made.items():
        contents = g.file(**shape)
        marks = sorted(set(offset for offset in g.at.values() if offset <= g.at["headerEnd"]))
        fields = [(start, end - start) for start, end in zip(marks, marks[1:])]
        bases[name] = (contents, fields)
    return bases


# Mutations. Fields are those of the base file: after an insertion they point elsewhere, which
# is as good a lie as any.

def _flip_bit(dice, contents, fields):
    changed = bytearray(contents)
    if changed:
        changed[_place(dice, contents)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _set_byte(dice, contents, fields):
    changed = bytearray(contents)
    if changed:
        changed[_place(dice, contents)] = dice.choice([0, 1, 2, 0x7F, 0x80, 0xFF, dice.randrange(256)])
    return bytes(changed)


def _lie_in_field(dice, contents, fields):
    """A nasty number at the start of a field, where counts, lengths, types and offsets stand."""
    start, size = _field(dice, fields)
    width = dice.choice([4, 8]) if size >= 8 else min(size, 4)
    return _put(contents, start, dice.choice(NASTY), width)


def _nudge_field(dice, contents, fields):
    start, size = _field(dice, fields)
    width = 8 if size >= 8 else min(size, 4)
    value = int.from_bytes(contents[start:start + width], "little")
    return _put(contents, start, value + dice.choice([-32, -8, -1, 1, 8, 32]), width)


def _field(dice, fields):
    """Seldom one of the first four: a wrong magic or version ends every further question."""
    return dice.choice(fields if dice.random() < 0.2 or len(fields) < 5 else fields[4:])


def _place(dice, contents):
    """The index of a byte, seldom of the first 24; 0 in an empty file."""
    first = 24 if dice.random() < 0.8 and len(contents) > 24 else 0
    return dice.randrange(first, max(len(contents), 1))


def _put(contents, start, value, width):
    stored = (value % (1 << 8 * width)).to_bytes(width, "little")
    return (contents[:start] + stored + contents[start + width:])[:max(len(contents), 1)]


def _truncate(dice, contents, fields):
    if dice.random() < 0.5:
        return contents[:dice.choice(fields)[0] + dice.choice([0, 1])]
    return contents[:dice.randrange(len(contents) + 1)]


def _insert(dice, contents, fields):
    at = dice.choice([len(contents), _place(dice, contents)])
    inserted = dice.choice([bytes(1), bytes(32), b"\x01", dice.randbytes(dice.randrange(1, 40))])
    return contents[:at] + inserted + contents[at:]


def _remove(dice, contents, fields):
    at = _place(dice, contents)
    return contents[:at] + contents[at + dice.choice([1, 4, 8, 32]):]


def _duplicate(dice, contents, fields):
    """Repeats what lies between two fields: duplicate keys and names, shifted tables."""
    start, end = sorted((_field(dice, fields)[0], sum(_field(dice, fields))))
    return contents[:end] + contents[start:end] + contents[end:]


def _swap(dice, contents, fields):
    (a, size), (b, other) = sorted((_field(dice, fields), _field(dice, fields)))
    if a + size > b:
        return contents
    return contents[:a] + contents[b:b + other] + contents[a + size:b] + contents[a:a + size] + contents[b + other:]


def _copy_field(dice, contents, fields):
    """One field's bytes over another's, so that names and offsets come twice."""
    (a, size), (b, replaced) = _field(dice, fields), _field(dice, fields)
    return contents[:b] + contents[a:a + size] + contents[b + replaced:]


MUTATIONS = [_flip_bit, _set_byte, _lie_in_field, _lie_in_field, _lie_in_field, _nudge_field, _nudge_field,
             _truncate, _insert, _remove, _duplicate, _swap, _copy_field]


def _limits(dice, contents):
    """Mostly none; else one or two that are near what the file needs."""
    if dice.random() < 0.75:
        return {}
    ranges = {"header_bytes": len(contents) + 10, "metadata_entries": 10, "tensors": 6, "string_bytes": 30,
              "array_items": 5, "trailing_bytes": 40, "name_bytes": 12, "dimensions": 5}
    return {name: dice.randrange(ranges[name]) for name in dice.sample(sorted(ranges), dice.choice([1, 2]))}
