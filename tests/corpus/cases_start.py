"""Rules 1 to 3, 20, 25: the first 24 bytes, and headers that end too early."""

from builder import Gguf
from case import ADMITTED, case, refused, rejected

ARGUMENT = rejected("argument", None, None)


def started(**lies):
    """A good small file but for what is given for its first 24 bytes."""
    return Gguf(**lies).entry("general.architecture", "string", "llama").tensor("a", [4])


def start_refused(code, path, **lies):
    g = started(**lies)
    return g.file(), refused(g, code, path)


# Magic and version

for _name, _magic in {"wrong": b"GGML", "swapped": b"FUGG", "lower_case": b"gguf", "zero": bytes(4),
                      "last_byte_wrong": b"GGUf", "zip": b"PK\x03\x04"}.items():
    @case(1, name=f"magic_{_name}", about=f"the file starts with {_magic!r}")
    def _(magic=_magic):
        return start_refused("magic", "magic", magic=magic)


@case(1, about="four bytes, and they are wrong: known without a fifth")
def magic_wrong_alone():
    return b"GGML", rejected("magic", 0, "magic")


for _version in (0, 1, 4, 0x03000000, 0x02000000, 0x00030000, 0xFFFFFFFF, 259):
    @case(2, name=f"version_0x{_version:x}", about=f"version {_version}",
          attack="a string length of the old version 1 layout" if _version == 1 else None,
          cve=["CVE-2025-66960"] if _version == 1 else [])
    def _(version=_version):
        return start_refused("version", "version", version=version)


@case(1, 2, about="a wrong magic is reported before a wrong version")
def magic_before_version():
    return start_refused("magic", "magic", magic=b"GGML", version=9)


# Counts

for _count in (65_537, 2**31, 2**32, 2**63, 2**64 - 1):
    @case(3, name=f"tensor_count_{_count}", about=f"{_count} tensors: above the limit",
          attack="a count that over-allocates", cve=["CVE-2024-21836"])
    def _(count=_count):
        return start_refused("limit", "tensorCount", tensors=count)

for _count in (4097, 2**31, 2**32, 2**63, 2**64 - 1):
    @case(3, name=f"entry_count_{_count}", about=f"{_count} entries: above the limit",
          attack="a count that over-allocates", cve=["CVE-2024-23605"])
    def _(count=_count):
        return start_refused("limit", "entryCount", entries=count)


@case(3, about="both counts are too big: the first is reported")
def both_counts_above():
    return start_refused("limit", "tensorCount", tensors=2**64 - 1, entries=2**64 - 1)


@case(3, about="the greatest tensor count, and not one record: nothing is reserved from it",
      attack="a count that over-allocates", cve=["CVE-2024-21836"])
def tensor_count_without_records():
    g = Gguf(tensors=65_536)
    return g.file(padding=False), rejected("truncated", 24, "tensors[0].name")


@case(3, about="the greatest entry count, and not one entry", attack="a count that over-allocates",
      cve=["CVE-2024-23605"])
def entry_count_without_entries():
    g = Gguf(entries=4096)
    return g.file(), rejected("truncated", 24, "metadata[0].key")


@case(3, about="one tensor fewer is recorded than counted; the file ends with the last record")
def tensor_count_one_more():
    g = started(tensors=2)
    contents = g.file(padding=False, data=False)
    return contents, rejected("truncated", g.at["headerEnd"], "tensors[1].name")


@case(3, about="an entry count of 0 with entries: the first key is read as a tensor name, and so on")
def entry_count_0():
    g = Gguf(entries=0).entry("a", "u8", 1).tensor("t", [4])
    # Read as a tensor: name "a", then the entry's type field (0) as "no dimensions", then the
    # value byte 01 and the first 3 bytes of the name length 1 (01 00 00) as the type, 0x101.
    g.file()
    return bytes(g.bytes), rejected("header", g.at["metadata[0].value"], "tensors[0].type")


@case(3, about="exactly as many entries as limit METADATA_ENTRIES", limits={"metadata_entries": 2})
def entry_limit_met():
    return Gguf().entry("a", "u8", 1).entry("b", "u8", 1).file(), ADMITTED


@case(3, about="one entry more than limit METADATA_ENTRIES", limits={"metadata_entries": 1})
def entry_limit_lowered():
    g = Gguf().entry("a", "u8", 1).entry("b", "u8", 1)
    return g.file(), refused(g, "limit", "entryCount")


@case(3, about="limit METADATA_ENTRIES raised above its default: the entries are then missing",
      limits={"metadata_entries": 65_536})
def entry_limit_raised():
    return Gguf(entries=5000).file(), rejected("truncated", 24, "metadata[0].key")


@case(3, about="a limit above its upper bound is that bound", limits={"metadata_entries": 2**40})
def entry_limit_clamped():
    return Gguf(entries=65_537).file(), rejected("limit", 16, "entryCount")


@case(3, about="exactly as many tensors as limit TENSORS", limits={"tensors": 1})
def tensor_limit_met():
    return started().file(), ADMITTED


@case(3, about="limit TENSORS is 0 and the file has one", limits={"tensors": 0})
def tensor_limit_lowered():
    return start_refused("limit", "tensorCount")


@case(3, about="limit TENSORS raised above its default: the records are then missing", limits={"tensors": 1_048_576})
def tensor_limit_raised():
    return Gguf(tensors=100_000).file(padding=False), rejected("truncated", 24, "tensors[0].name")


# Limit HEADER_BYTES: at each kind of field, one byte too low for it

def every_field():
    g = Gguf().entry("k", "u32", 7).entry("s", "string", "text").array("a", "u16", [1, 2, 3])
    g.array("t", "string", ["one", "two"])
    return g.tensor("name", [4, 2], "F16")


# name: (the mark where the field starts, its bytes, the path it is reported at, the mark if another)
FIELDS = {
    "magic": ("magic", 4, "magic"),
    "version": ("version", 4, "version"),
    "tensor_count": ("tensorCount", 8, "tensorCount"),
    "entry_count": ("entryCount", 8, "entryCount"),
    "key": ("metadata[0].key", 9, "metadata[0].key"),
    "value_type": ("metadata[0].type", 4, "metadata[0].type"),
    "scalar": ("metadata[0].value", 4, "metadata[0].value"),
    "string_value": ("metadata[1].value", 12, "metadata[1].value"),
    "element_type": ("metadata[2].value", 4, "metadata[2].value"),
    "item_count": ("metadata[2].count", 8, "metadata[2].value"),
    "elements": ("metadata[2].elements", 6, "metadata[2].value", "metadata[2].count"),
    "string_element": ("metadata[3].elements[1]", 11, "metadata[3].value"),
    "tensor_name": ("tensors[0].name", 12, "tensors[0].name"),
    "dimension_count": ("tensors[0].dims", 4, "tensors[0].dims"),
    "dimension": ("tensors[0].dims[1]", 8, "tensors[0].dims[1]"),
    "tensor_type": ("tensors[0].type", 4, "tensors[0].type"),
    "tensor_offset": ("tensors[0].offset", 8, "tensors[0].offset"),
}


for _name, (_start, _size, _path, *_other) in FIELDS.items():
    _g = every_field()
    _g.file()
    _low = _g.at[_start] + _size - 1
    _reported = _g.at[_other[0] if _other else _start]

    @case(3, 4, 9, name=f"header_limit_in_{_name}", about=f"limit HEADER_BYTES ends in the last byte of: {_name}",
          limits={"header_bytes": _low})
    def _(g=_g, offset=_reported, path=_path):
        return bytes(g.bytes), rejected("limit", offset, path)

    for _where, _cut in (("before", _g.at[_start]), ("in", _low)):
        if _cut == 0:
            continue  # an empty file is a case of its own

        @case(20, name=f"cut_{_where}_{_name}", about=f"the file ends {_where} the field: {_name}")
        def _(g=_g, cut=_cut, offset=_reported, path=_path):
            return bytes(g.bytes)[:cut], rejected("truncated", offset, path)


@case(3, about="limit HEADER_BYTES is the header's end exactly; padding does not count", limits={"header_bytes": 188})
def header_limit_met():
    g = every_field()
    contents = g.file()
    assert g.at["headerEnd"] == 188
    return contents, ADMITTED


@case(20, about="a cut is tested after the limit: both apply to the same field", limits={"header_bytes": 30})
def limit_before_truncated():
    g = Gguf(entries=1)
    g.file()
    return bytes(g.bytes) + bytes(4), rejected("limit", 24, "metadata[0].key")


@case(20, about="the file ends after the length of a key, before its bytes")
def cut_after_key_length():
    g = every_field()
    return g.file()[:g.at["metadata[0].key"] + 8], refused(g, "truncated", "metadata[0].key")


@case(20, about="the file ends between two string elements")
def cut_between_string_elements():
    g = every_field()
    cut = g.at["metadata[3].elements[1]"]
    return g.file()[:cut], rejected("truncated", cut, "metadata[3].value")


@case(25, about="an empty file; as a declared length, 0 is refused by `begin`")
def empty():
    return b"", ARGUMENT, rejected("truncated", 0, "magic")


@case(25, 20, about="three bytes, already wrong: too short to be judged")
def three_wrong_bytes():
    return b"ZIP", rejected("truncated", 0, "magic")


@case(25, 20, about="one byte")
def one_byte():
    return b"G", rejected("truncated", 0, "magic")
