"""Rules 4 to 12: keys, value types, strings, arrays, bools and the alignment."""

import struct

from builder import Gguf, string
from case import ADMITTED, case, refused, rejected


def entry_refused(code, field, *entry, **lies):
    """A file of three entries of which the second is the one given."""
    g = Gguf().entry("before", "u8", 1).entry(*entry, **lies).entry("after", "u8", 1)
    return g.file(), refused(g, code, f"metadata[1].{field}")


# Strings

for _size in (2**24 + 1, 2**31, 2**32, 2**63, 2**64 - 1, 2**64 - 8):
    @case(4, name=f"string_value_length_{_size}", about=f"a string value claims {_size} bytes: above the limit",
          attack="a string length that over-allocates or wraps", cve=["CVE-2024-23496", "CVE-2025-49847"])
    def _(size=_size):
        return entry_refused("limit", "value", "s", "string", "text", size=size)


@case(4, about="a string value claims exactly the limit, 16 MiB, in a file of 100 bytes",
      attack="a string length that over-allocates")
def string_value_length_at_limit():
    return entry_refused("truncated", "value", "s", "string", "text", size=2**24)


@case(4, about="a string value ends one byte behind the file")
def string_value_one_byte_over():
    g = Gguf().entry("s", "string", "text", size=5)
    return g.file(), refused(g, "truncated", "metadata[0].value")


@case(4, about="a key claims 2^64-1 bytes", attack="a string length that wraps when 1 is added",
      cve=["CVE-2024-23496"])
def key_length_wraps():
    return entry_refused("limit", "key", "k", "u8", 1, key_size=2**64 - 1)


@case(4, about="a key claims 1,000 bytes in a file that has fewer")
def key_length_over():
    return entry_refused("truncated", "key", "k", "u8", 1, key_size=1000)


@case(4, 5, about="a key above 65,535 bytes that is also cut off: too short is said first")
def key_too_long_and_cut():
    return entry_refused("truncated", "key", "k", "u8", 1, key_size=65_536)


@case(4, about="a string element claims 2^64-1 bytes", attack="a string length that over-allocates or wraps",
      cve=["CVE-2024-21825", "CVE-2025-49847"])
def string_element_length_wraps():
    g = Gguf().array("t", "string", b"".join([string("a"), string("b", 2**64 - 1), string("c")]), count=3)
    contents = g.file()
    return contents, rejected("limit", g.at["metadata[0].elements"] + 9, "metadata[0].value")


@case(4, about="a string element claims more than the file has")
def string_element_length_over():
    g = Gguf().array("t", "string", b"".join([string("a"), string("b", 100)]), count=2)
    contents = g.file()
    return contents, rejected("truncated", g.at["metadata[0].elements"] + 9, "metadata[0].value")


@case(4, about="a string value as long as limit STRING_BYTES", limits={"string_bytes": 5})
def string_limit_met():
    return Gguf().entry("s", "string", "12345").file(), ADMITTED


@case(4, about="a string value one byte above limit STRING_BYTES", limits={"string_bytes": 5})
def string_limit_lowered():
    g = Gguf().entry("s", "string", "123456")
    return g.file(), refused(g, "limit", "metadata[0].value")


@case(4, 5, about="limit STRING_BYTES holds for keys too", limits={"string_bytes": 5})
def string_limit_for_keys():
    g = Gguf().entry("123456", "u8", 1)
    return g.file(), refused(g, "limit", "metadata[0].key")


@case(4, 9, about="limit STRING_BYTES holds for string elements too", limits={"string_bytes": 5})
def string_limit_for_elements():
    g = Gguf().array("t", "string", ["12345", "123456"])
    return g.file(), refused(g, "limit", "metadata[0].value", "metadata[0].elements[1]")


@case(4, about="limit STRING_BYTES raised: what was above it is now only too short", limits={"string_bytes": 64 << 20})
def string_limit_raised():
    return entry_refused("truncated", "value", "s", "string", "text", size=2**20 + 1)


@case(4, about="limit STRING_BYTES is 0: an empty string value passes, no key can", limits={"string_bytes": 0})
def string_limit_0():
    g = Gguf().entry("k", "string", "")
    return g.file(), refused(g, "limit", "metadata[0].key")


# Keys

for _name, (_key, _about) in {
    "empty": ("", "an empty key"),
    "with_nul": ("a\0b", "a key with a NUL: a C reader sees another key"),
    "with_newline": ("a\nb", "a key with a line feed"),
    "with_escape": ("\x1b[2J", "a key that clears a terminal"),
    "with_delete": ("a\x7f", "a key with U+007F"),
    "with_c1_control": ("a\u0085b", "a key with U+0085, a control character of two bytes"),
    "with_last_c1_control": ("a\u009f", "a key with U+009F"),
    "not_utf8": (b"a\xff", "a key that is not UTF-8"),
    "overlong": (b"\xc0\xae", "a key with an overlong dot"),
    "surrogate": (b"\xed\xa0\x80", "a key with a surrogate"),
    "cut_character": (b"a\xe2\x82", "a key that ends in the middle of a character"),
    "too_long": ("k" * 65_536, "a key of 65,536 bytes"),
}.items():
    @case(5, name=f"key_{_name}", about=_about,
          attack="text from the file printed unescaped" if _name in ("with_newline", "with_escape") else None)
    def _(key=_key):
        return entry_refused("header", "key", key, "u8", 1)


@case(6, about="the same key twice, with different values",
      attack="duplicate names that two readers resolve differently")
def duplicate_key():
    return entry_refused("header", "key", "before", "u8", 2)


@case(6, about="the same key twice, not neighbours, with different types",
      attack="duplicate names that two readers resolve differently")
def duplicate_key_far_apart():
    g = Gguf()
    for n in range(20):
        g.entry(f"key.{n}", "u8", n)
    g.entry("key.3", "string", "other").entry("last", "u8", 1)
    return g.file(), refused(g, "header", "metadata[20].key")


@case(6, about="a second general.alignment", attack="duplicate names that two readers resolve differently")
def duplicate_alignment():
    g = Gguf(alignment=64).entry("general.alignment", "u32", 32).tensor("a", [3])
    return g.file(), refused(g, "header", "metadata[1].key")


@case(6, about="a duplicate key is reported before a fault behind it")
def duplicate_key_before_later_fault():
    g = Gguf().entry("k", "u8", 1).entry("k", "u8", 1).entry("", 99, b"")
    return g.file(), refused(g, "header", "metadata[1].key")


@case(6, 20, about="a duplicate key, then the file ends: the duplicate comes first")
def duplicate_key_before_cut():
    g = Gguf(entries=3).entry("k", "u8", 1).entry("k", "u8", 1)
    return g.file(), refused(g, "header", "metadata[1].key")


# Value types

for _type in (13, 14, 255, 0x80000000, 0xFFFFFFFF):
    @case(7, name=f"value_type_{_type}", about=f"value type {_type}")
    def _(kind=_type):
        return entry_refused("header", "type", "k", kind, bytes(8))

    @case(7, name=f"element_type_{_type}", about=f"array element type {_type}", cve=["CVE-2024-21825"])
    def _(kind=_type):
        g = Gguf().array("k", kind, bytes(8), count=2)
        return g.file(), refused(g, "header", "metadata[0].value")


@case(7, about="element type 13 of an empty array")
def element_type_13_empty():
    g = Gguf().array("k", 13, b"", count=0)
    return g.file(), refused(g, "header", "metadata[0].value")


@case(7, about="the type is wrong and its value is missing: the type comes first")
def value_type_13_at_end():
    g = Gguf().entry("k", 13, b"")
    return g.file(), refused(g, "header", "metadata[0].type")


# Arrays of arrays

@case(8, about="an array of two arrays of u8")
def array_of_arrays():
    inner = struct.pack("<IQ", 0, 2) + b"\x01\x02"
    g = Gguf().array("k", 9, inner * 2, count=2)
    return g.file(), refused(g, "header", "metadata[0].value")


@case(8, about="an empty array of arrays")
def array_of_arrays_empty():
    g = Gguf().array("k", 9, b"", count=0)
    return g.file(), refused(g, "header", "metadata[0].value")


@case(8, about="10,000 nested arrays: 120 kB that overflow a recursive reader's stack",
      attack="thousands of nested arrays")
def arrays_nested_10000():
    g = Gguf().array("k", 9, struct.pack("<IQ", 9, 1) * 9999 + struct.pack("<IQ", 0, 0), count=1)
    return g.file(), refused(g, "header", "metadata[0].value")


# Array lengths

for _count in (2**22 + 1, 2**31, 2**32, 2**61, 2**62, 2**63, 2**64 - 1):
    @case(9, name=f"array_length_{_count}", about=f"{_count} elements of u64: above the limit",
          attack="an element-count product that wraps", cve=["CVE-2024-21825"])
    def _(count=_count):
        g = Gguf().array("k", "u64", [1, 2], count=count).entry("after", "u8", 1)
        return g.file(), refused(g, "limit", "metadata[0].value", "metadata[0].count")


@case(9, about="2^64-1 strings", attack="an array length that over-allocates", cve=["CVE-2024-21825"])
def array_of_strings_length_wraps():
    g = Gguf().array("k", "string", ["a"], count=2**64 - 1)
    return g.file(), refused(g, "limit", "metadata[0].value", "metadata[0].count")


@case(9, about="4 Mi strings, as many as the limit allows, in a file of 160 bytes",
      attack="a 160-byte file asking for gigabytes", cve=["CVE-2024-21825"])
def array_of_strings_length_at_limit():
    g = Gguf().array("k", "string", ["a"] * 10, count=1 << 22)
    contents = g.file()
    return contents, rejected("truncated", g.at["end"], "metadata[0].value")


@case(9, about="4 Mi elements of u64, as many as the limit allows: 32 MiB that are not there",
      attack="an array length that over-allocates")
def array_length_at_limit():
    g = Gguf().array("k", "u64", [1, 2], count=1 << 22)
    return g.file(), refused(g, "truncated", "metadata[0].value", "metadata[0].count")


@case(9, about="64 Mi elements of u64 with ARRAY_ITEMS raised: now limit HEADER_BYTES is what they break",
      limits={"array_items": 64 << 20})
def array_length_raised_limit():
    g = Gguf().array("k", "u64", [1, 2], count=64 << 20)
    return g.file(), refused(g, "limit", "metadata[0].value", "metadata[0].count")


@case(9, about="as many elements as limit ARRAY_ITEMS", limits={"array_items": 3})
def array_limit_met():
    return Gguf().array("k", "u8", [1, 2, 3]).array("s", "string", ["", "", ""]).file(), ADMITTED


@case(9, about="one element more than limit ARRAY_ITEMS", limits={"array_items": 3})
def array_limit_lowered():
    g = Gguf().array("k", "u8", [1, 2, 3, 4])
    return g.file(), refused(g, "limit", "metadata[0].value", "metadata[0].count")


@case(9, about="limit ARRAY_ITEMS is 0 and the array is empty", limits={"array_items": 0})
def array_limit_0_met():
    return Gguf().array("k", "u8", []).file(), ADMITTED


@case(9, about="the element type is tested before the length", limits={"array_items": 1})
def element_type_before_array_limit():
    g = Gguf().array("k", 13, b"", count=2)
    return g.file(), refused(g, "header", "metadata[0].value")


for _kind in ("u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "u64", "i64", "f64"):
    @case(9, name=f"array_one_over_{_kind}", about=f"an array of {_kind} ends one element behind the file")
    def _(kind=_kind):
        g = Gguf().array("k", kind, [1, 0], count=3)
        return g.file(), refused(g, "truncated", "metadata[0].value", "metadata[0].count")


@case(9, about="an array of strings counts one string more than the file has")
def array_one_over_string():
    g = Gguf().array("k", "string", ["a", "b"], count=3)
    contents = g.file()
    return contents, rejected("truncated", g.at["end"], "metadata[0].value")


# Bools

for _value in (2, 127, 255):
    @case(10, name=f"bool_{_value}", about=f"a bool is {_value}")
    def _(value=_value):
        return entry_refused("header", "value", "k", "bool", value)


@case(10, about="the last bool of an array is 2")
def bool_in_array():
    g = Gguf().array("k", "bool", [0, 1, 2, 1, 3]).entry("after", "u8", 1)
    return g.file(), refused(g, "header", "metadata[0].value", "metadata[0].elements[2]")


@case(10, 9, about="a bad bool in an array that is cut off: too short is said first")
def bool_in_array_cut():
    g = Gguf().array("k", "bool", [2, 1], count=3)
    return g.file(), refused(g, "truncated", "metadata[0].value", "metadata[0].count")


# The alignment

for _value in (0, 1, 2, 4, 7, 12, 24, 33, 2**20 + 1, 2**21, 2**31, 2**32 - 1, 2**32 - 32):
    @case(12, name=f"alignment_{_value}", about=f"general.alignment is {_value}",
          attack="alignment 0 (division) or huge" if _value in (0, 2**31, 2**32 - 1) else None)
    def _(value=_value):
        g = Gguf().entry("general.alignment", "u32", value).tensor("a", [8])
        return g.file(), refused(g, "header", "metadata[0].value")


@case(12, about="general.alignment is 0 in a file without tensors: checked all the same",
      attack="alignment 0 (division) or huge")
def alignment_0_no_tensors():
    g = Gguf().entry("general.alignment", "u32", 0)
    return g.file(), refused(g, "header", "metadata[0].value")


for _kind, _value in {"u8": 32, "u16": 32, "i32": 32, "u64": 32, "f32": 32.0, "string": "32", "bool": 1}.items():
    @case(12, name=f"alignment_as_{_kind}", about=f"general.alignment is a {_kind}")
    def _(kind=_kind, value=_value):
        g = Gguf().entry("general.alignment", kind, value).tensor("a", [8])
        return g.file(), refused(g, "header", "metadata[0].type")


@case(12, about="general.alignment is an array of u32")
def alignment_as_array():
    g = Gguf().array("general.alignment", "u32", [32]).tensor("a", [8])
    return g.file(), refused(g, "header", "metadata[0].type")


@case(12, 20, about="general.alignment has a wrong type and the file ends there")
def alignment_wrong_type_at_end():
    g = Gguf().entry("general.alignment", "u64", b"")
    return g.file(), refused(g, "header", "metadata[0].type")


@case(12, 20, about="general.alignment is cut off after three bytes")
def alignment_cut():
    g = Gguf().entry("general.alignment", "u32", b"\x20\0\0")
    return g.file(), refused(g, "truncated", "metadata[0].value")
