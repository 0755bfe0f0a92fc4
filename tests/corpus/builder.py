"""Builds GGUF files that are right by default and can lie in every field.

    g = Gguf()
    g.entry("general.architecture", "string", "llama")
    g.tensor("output.weight", [64, 2], "Q8_0")
    contents = g.file()
    g.at["tensors[0].offset"]         # the first byte of that field

Each field leaves a mark: the offset of its first byte, under the path that a fault in it is
reported at. Fields that have no path of their own: `metadata[i].count` (an array's count),
`metadata[i].elements` (its first element), `metadata[i].elements[j]` (a string's length field).
`file` adds `headerEnd`, `dataStart`, `required` (the end of the last tensor), `allowed` (with
its padding) and `end`.
"""

import struct

VALUE_TYPES = {"u8": 0, "i8": 1, "u16": 2, "i16": 3, "u32": 4, "i32": 5, "f32": 6, "bool": 7,
               "string": 8, "array": 9, "u64": 10, "i64": 11, "f64": 12}
FORMATS = {"u8": "<B", "i8": "<b", "u16": "<H", "i16": "<h", "u32": "<I", "i32": "<i", "f32": "<f",
           "bool": "<B", "u64": "<Q", "i64": "<q", "f64": "<d"}

# name: (id, elements in a block, bytes of a block)
TENSOR_TYPES = {
    "F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22),
    "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34), "Q8_1": (9, 32, 36), "Q2_K": (10, 256, 84),
    "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210),
    "Q8_K": (15, 256, 292), "IQ2_XXS": (16, 256, 66), "IQ2_XS": (17, 256, 74), "IQ3_XXS": (18, 256, 98),
    "IQ1_S": (19, 256, 50), "IQ4_NL": (20, 32, 18), "IQ3_S": (21, 256, 110), "IQ2_S": (22, 256, 82),
    "IQ4_XS": (23, 256, 136), "I8": (24, 1, 1), "I16": (25, 1, 2), "I32": (26, 1, 4), "I64": (27, 1, 8),
    "F64": (28, 1, 8), "IQ1_M": (29, 256, 56), "BF16": (30, 1, 2), "TQ1_0": (34, 256, 54),
    "TQ2_0": (35, 256, 66), "MXFP4": (39, 32, 17), "NVFP4": (40, 64, 36), "Q1_0": (41, 128, 18),
    "Q2_0": (42, 64, 18),
}
REMOVED_TENSOR_TYPES = [4, 5, 31, 32, 33, 36, 37, 38]

# A tensor that claims more is a lie; its data is then left out unless the case asks for it.
LARGEST_FILLED = 1 << 18


class Gguf:
    """`tensors` and `entries` are the counts in the header; None counts what is added."""

    def __init__(self, *, magic=b"GGUF", version=3, tensors=None, entries=None, alignment=32):
        self.bytes = bytearray()
        self.at = {}
        self.alignment = alignment
        self.counts = {"tensorCount": tensors, "entryCount": entries}
        self.entries = 0
        self.data = []  # for each tensor: offset, bytes, padded bytes
        self.data_size = 0  # the running sum of the padded bytes
        self.field("magic", magic)
        self.field("version", struct.pack("<I", version))
        self.field("tensorCount", struct.pack("<Q", tensors or 0))
        self.field("entryCount", struct.pack("<Q", entries or 0))
        if alignment != 32:
            self.entry("general.alignment", "u32", alignment)

    def field(self, mark, contents):
        """Marks the place and appends: for fields that no method below can write."""
        self.at[mark] = len(self.bytes)
        self.bytes += contents

    def entry(self, key, kind, value, *, key_size=None, size=None):
        """One metadata entry. `kind` may be a number and `value` bytes; sizes may lie."""
        path = self._key(key, kind, key_size)
        if isinstance(value, bytes) and kind != "string":
            self.field(f"{path}.value", value)
        elif kind == "string":
            self.field(f"{path}.value", string(value, size))
        else:
            self.field(f"{path}.value", scalar(kind, value))
        return self

    def array(self, key, of, items, *, count=None):
        """One array entry. `of` may be a number and `items` bytes; `count` may lie."""
        path = self._key(key, "array", None)
        self.field(f"{path}.value", struct.pack("<I", VALUE_TYPES.get(of, of)))
        self.field(f"{path}.count", struct.pack("<Q", len(items) if count is None else count))
        self.at[f"{path}.elements"] = len(self.bytes)
        if isinstance(items, bytes):
            self.bytes += items
            return self
        for j, item in enumerate(items):
            self.field(f"{path}.elements[{j}]", string(item) if of == "string" else scalar(of, item))
        return self

    def tensor(self, name, dims, kind="F32", *, offset=None, dimensions=None, name_size=None):
        """One tensor record. The offset is the right one unless given; `dimensions` may lie."""
        path = f"tensors[{len(self.data)}]"
        type_id, block, block_bytes = TENSOR_TYPES.get(kind, (kind, 1, 0))
        elements = 1
        for dimension in dims:
            elements *= dimension
        size = elements // block * block_bytes
        start, padded = self.data_size, round_up(size, self.alignment)
        self.data.append((start, size, padded))
        self.data_size += padded
        self.field(f"{path}.name", string(name, name_size))
        self.field(f"{path}.dims", struct.pack("<I", len(dims) if dimensions is None else dimensions))
        self.at[f"{path}.dims[0]"] = len(self.bytes)  # also where there are no dimensions
        for k, dimension in enumerate(dims):
            self.field(f"{path}.dims[{k}]", struct.pack("<Q", dimension))
        self.field(f"{path}.type", struct.pack("<I", type_id))
        stored = start if offset is None else offset
        self.field(f"{path}.offset", struct.pack("<Q", stored % 2**64))  # what a sum that wraps would be
        return self

    def file(self, *, padding=None, data=True, last_padding=True, after=b""):
        """The whole file; call it last.

        `padding`: the bytes before the data (True for all of it, False for none, or the bytes
        themselves); by default all of it where there are tensors. `data`: whether the tensors
        follow. `last_padding`: as `padding`, for what follows the last tensor.
        """
        at, found = self.at, len(self.data)
        for mark, actual in (("tensorCount", found), ("entryCount", self.entries)):
            if self.counts[mark] is None:
                self.bytes[at[mark]:at[mark] + 8] = struct.pack("<Q", actual)
        at["headerEnd"] = len(self.bytes)
        at["dataStart"] = round_up(at["headerEnd"], self.alignment)
        last_start, last_size, last_padded = self.data[-1] if found else (0, 0, 0)
        at["required"] = at["dataStart"] + last_start + last_size
        at["allowed"] = at["dataStart"] + last_start + last_padded
        self._pad(found > 0 if padding is None else padding, at["dataStart"])
        if data and self.data_size <= LARGEST_FILLED:
            for index, (start, size, padded) in enumerate(self.data):
                at[f"data[{index}]"] = len(self.bytes)
                self.bytes += tensor_bytes(index, size)
                at[f"dataEnd[{index}]"] = len(self.bytes)
                last = index == found - 1
                self._pad(last_padding if last else True, at["dataStart"] + start + padded)
        self.bytes += after
        at["end"] = len(self.bytes)
        return bytes(self.bytes)

    def _key(self, key, kind, key_size):
        path = f"metadata[{self.entries}]"
        self.entries += 1
        self.field(f"{path}.key", string(key, key_size))
        self.field(f"{path}.type", struct.pack("<I", VALUE_TYPES.get(kind, kind)))
        return path

    def _pad(self, padding, end):
        self.bytes += bytes(max(end - len(self.bytes), 0)) if padding is True else padding or b""


def string(text, size=None):
    """A GGUF string; `size` is what its length field claims."""
    contents = text if isinstance(text, bytes) else text.encode("utf-8")
    return struct.pack("<Q", len(contents) if size is None else size) + contents


def scalar(kind, value):
    """A value, or, for a float, its bit pattern as bytes."""
    return value if isinstance(value, bytes) else struct.pack(FORMATS[kind], value)


def tensor_bytes(index, size):
    """Data of which no byte is zero and neighbours differ: a shifted read shows in the digest."""
    period = bytes((index * 7 + n) % 255 + 1 for n in range(255))
    return (period * (size // 255 + 1))[:size]


def round_up(size, alignment):
    return -(-size // alignment) * alignment if alignment else size
