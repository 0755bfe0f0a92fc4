#!/usr/bin/env python3
"""BLAKE3 and its chaining values, written down from the specification for clearness alone.

    blake3.py FILE...       one JSON line for each file: its length, BLAKE3 and evidence

It shares no code with the implementation it is held against. A chunk that was hashed at its place
before (the files may be cuts of one another) is not hashed again.
"""

import functools
import json
import pathlib
import struct
import sys

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
BLOCK, CHUNK, GROUP = 64, 1024, 1 << 20
MASK = 0xFFFFFFFF


def _schedule():
    """Which words of the block each of the seven rounds takes, in the order it takes them."""
    order = tuple(range(16))
    for _ in range(7):
        yield order
        order = tuple(order[at] for at in PERMUTATION)


SCHEDULE = tuple(_schedule())
# Columns, then diagonals: which words of the state each quarter of a round mixes.
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def compress(value, block, counter, size, flags):
    """The new chaining value: the first half of the state, xored with the second."""
    words = struct.unpack("<16I", block.ljust(BLOCK, b"\0"))
    v = [*value, *IV[:4], counter & MASK, counter >> 32, size, flags]
    for order in SCHEDULE:
        at = 0
        for a, b, c, d in QUARTERS:
            va, vb, vc, vd = v[a], v[b], v[c], v[d]
            va = (va + vb + words[order[at]]) & MASK
            vd ^= va
            vd = (vd >> 16) | (vd << 16) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            vb = (vb >> 12) | (vb << 20) & MASK
            va = (va + vb + words[order[at + 1]]) & MASK
            vd ^= va
            vd = (vd >> 8) | (vd << 24) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            v[a], v[b], v[c], v[d] = va, (vb >> 7) | (vb << 25) & MASK, vc, vd
            at += 2
    return tuple(v[at] ^ v[at + 8] for at in range(8))


@functools.lru_cache(maxsize=None)
def _chunk(data, counter, root):
    """The value of a chunk: up to 1,024 bytes, the `counter`-th of the input."""
    value = IV
    blocks = [data[at:at + BLOCK] for at in range(0, len(data), BLOCK)] or [b""]
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1
        flags = (CHUNK_START if index == 0 else 0) | (CHUNK_END if last else 0) | (root if last else 0)
        value = compress(value, block, counter, len(block), flags)
    return value


@functools.lru_cache(maxsize=None)
def _parent(left, right, root):
    return compress(IV, struct.pack("<16I", *left, *right), 0, BLOCK, PARENT | root)


def subtree(data, start, root=0):
    """The value of `data`, which begins at byte `start` of the input; with ROOT: of a whole input."""
    if len(data) <= CHUNK:
        return _chunk(bytes(data), start // CHUNK, root)
    # The left side is the largest power of two of chunks that leaves a byte for the right side.
    left = CHUNK
    while left * 2 < len(data):
        left *= 2
    return _parent(subtree(data[:left], start), subtree(data[left:], start + left), root)


def _hex(value):
    return struct.pack("<8I", *value).hex()


def blake3(data):
    return _hex(subtree(memoryview(data), 0, ROOT))


def evidence(data):
    """The value of each group of 2^20 bytes; that of a file of one group is its BLAKE3."""
    view = memoryview(data)
    if len(view) <= GROUP:
        return [blake3(data)]
    return [_hex(subtree(view[at:at + GROUP], at)) for at in range(0, len(view), GROUP)]


def main(paths):
    for path in paths:
        data = pathlib.Path(path).read_bytes()
        print(json.dumps({"length": len(data), "blake3": blake3(data), "evidence": evidence(data)}))


if __name__ == "__main__":
    main(sys.argv[1:])
