"""The naive reading of a header: every field judged where it stands, in file order.

It belongs to the oracle, and like it shares no code with the parser.
"""

import struct

I64_MAX = 2**63 - 1

# name: (default, lowest, highest)
LIMITS = {
    "header_bytes": (64 << 20, 0, 256 << 20),
    "metadata_entries": (4096, 0, 65_536),
    "tensors": (65_536, 0, 1_048_576),
    "string_bytes": (16 << 20, 0, 64 << 20),
    "array_items": (4 << 20, 0, 64 << 20),
    "memory": (2**32 - 2**24, 0, 2**32 - 2**24),
    "window": (1 << 20, 4096, 64 << 20),
    "trailing_bytes": (0, 0, 1 << 20),
    "name_bytes": (63, 1, 4096),
    "dimensions": (4, 0, 8),
}

VALUE_TYPES = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"]
SCALARS = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f",
           "bool": "B", "u64": "Q", "i64": "q", "f64": "d"}

# id: (name, elements in a block, bytes of a block)
TENSOR_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
    28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}


class Fault(Exception):
    """The first fault of a file: code, offset, path."""


class Header:
    """Everything before the padding, each field judged where it stands, in file order."""

    def __init__(self, data, declared, limits):
        self.data = memoryview(data)
        self.known_end = len(data) if declared is None else min(len(data), declared)
        self.limits = limits
        self.at = 0
        self.alignment = 32
        self.entries = []
        self.tensors = []

        magic = self.take(4, "magic")
        if magic != b"GGUF":
            raise Fault("magic", 0, "magic")
        self.version = self.u32("version")
        if self.version not in (2, 3):
            raise Fault("version", 4, "version")
        tensor_count = self.u64("tensorCount")
        if tensor_count > limits["tensors"]:
            raise Fault("limit", 8, "tensorCount")
        entry_count = self.u64("entryCount")
        if entry_count > limits["metadata_entries"]:
            raise Fault("limit", 16, "entryCount")

        keys = set()
        for index in range(entry_count):
            self.read_entry(f"metadata[{index}]", keys)
        names = set()
        self.data_size = 0
        for index in range(tensor_count):
            self.read_tensor(f"tensors[{index}]", names)

        self.end = self.at
        self.data_start = round_up(self.end, self.alignment)
        if self.tensors:
            last = self.tensors[-1]
            self.required_end = self.data_start + last["offset"] + last["bytes"]
            self.allowed_end = self.data_start + self.data_size
        else:
            self.required_end = self.end
            self.allowed_end = self.data_start

    # Fields

    def need(self, end, field, path):
        if end > self.limits["header_bytes"]:
            raise Fault("limit", field, path)
        if end > self.known_end:
            raise Fault("truncated", field, path)

    def take(self, size, path):
        start = self.at
        self.need(start + size, start, path)
        self.at = start + size
        return self.data[start:self.at].tobytes()

    def u32(self, path):
        return int.from_bytes(self.take(4, path), "little")

    def u64(self, path):
        return int.from_bytes(self.take(8, path), "little")

    def string(self, path):
        """Passes over a string; the offset and the size of its bytes."""
        field = self.at
        size = self.u64(path)
        if size > self.limits["string_bytes"]:
            raise Fault("limit", field, path)
        start = self.at
        self.need(start + size, field, path)
        self.at = start + size
        return start, size

    def identifier(self, longest, taken, path):
        """A key or a tensor name: a string with a bound of its own, unique in `taken`."""
        field = self.at
        start, size = self.string(path)
        name = self.data[start:start + size].tobytes()
        try:
            text = name.decode("utf-8")
        except UnicodeDecodeError:
            raise Fault("header", field, path) from None
        control = any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text)
        if not 1 <= size <= longest or control or name in taken:
            raise Fault("header", field, path)
        taken.add(name)
        return text

    # Records

    def read_entry(self, path, keys):
        key = self.identifier(65_535, keys, f"{path}.key")
        type_field = self.at
        kind = self.u32(f"{path}.type")
        if kind >= len(VALUE_TYPES) or (key == "general.alignment" and VALUE_TYPES[kind] != "u32"):
            raise Fault("header", type_field, f"{path}.type")
        entry = {"key": key, "type": VALUE_TYPES[kind]}
        path += ".value"
        value_field = self.at
        if entry["type"] == "string":
            entry["start"], entry["size"] = self.string(path)
        elif entry["type"] == "array":
            self.read_array(entry, path)
        else:
            entry["start"] = value_field
            self.take(struct.calcsize("<" + SCALARS[entry["type"]]), path)
            if entry["type"] == "bool" and self.data[value_field] > 1:
                raise Fault("header", value_field, path)
        if key == "general.alignment":
            self.alignment = scalar(self, "u32", value_field)
            if self.alignment not in [1 << power for power in range(3, 21)]:
                raise Fault("header", value_field, path)
        self.entries.append(entry)

    def read_array(self, entry, path):
        type_field = self.at
        kind = self.u32(path)
        if kind >= len(VALUE_TYPES) or VALUE_TYPES[kind] == "array":
            raise Fault("header", type_field, path)
        count_field = self.at
        count = self.u64(path)
        if count > self.limits["array_items"]:
            raise Fault("limit", count_field, path)
        entry.update(of=VALUE_TYPES[kind], items=count, start=self.at)
        if entry["of"] == "string":
            for _ in range(count):
                self.string(path)
            return
        end = self.at + count * struct.calcsize("<" + SCALARS[entry["of"]])
        self.need(end, count_field, path)
        if entry["of"] == "bool":
            for element in range(self.at, end):
                if self.data[element] > 1:
                    raise Fault("header", element, path)
        self.at = end

    def read_tensor(self, path, names):
        name_field = self.at
        name = self.identifier(self.limits["name_bytes"], names, f"{path}.name")
        dims_field = self.at
        dimensions = self.u32(f"{path}.dims")
        if dimensions > self.limits["dimensions"]:
            raise Fault("header", dims_field, f"{path}.dims")
        first_dimension_field = self.at
        dims = []
        product = 1
        for k in range(dimensions):
            field = self.at
            dimension = self.u64(f"{path}.dims[{k}]")
            dims.append(dimension)
            product *= dimension or 1
            if dimension > I64_MAX or product > I64_MAX:
                raise Fault("layout", field, f"{path}.dims[{k}]")
        type_field = self.at
        kind = self.u32(f"{path}.type")
        if kind not in TENSOR_TYPES:
            raise Fault("header", type_field, f"{path}.type")
        type_name, block, block_bytes = TENSOR_TYPES[kind]
        elements = 0 if 0 in dims else product
        size = elements // block * block_bytes
        padded = round_up(size, self.alignment)
        row = dims[0] if dims else 1
        if row % block != 0 or padded > I64_MAX:
            raise Fault("layout", first_dimension_field, f"{path}.dims[0]")
        offset_field = self.at
        offset = self.u64(f"{path}.offset")
        if offset != self.data_size or self.data_size + padded > I64_MAX:
            raise Fault("layout", offset_field, f"{path}.offset")
        self.data_size += padded
        self.tensors.append({"name": name, "type": type_name, "dims": dims, "offset": offset, "bytes": size,
                             "padded": padded, "name_field": name_field, "dims_field": dims_field,
                             "offset_field": offset_field, "path": f"{path}.offset"})


def scalar(header, kind, at):
    return struct.unpack_from("<" + SCALARS[kind], header.data, at)[0]


def round_up(size, alignment):
    return -(-size // alignment) * alignment
