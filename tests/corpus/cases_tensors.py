"""Rules 13 to 19: names, dimensions, types, sizes, offsets and extents of tensors."""

from builder import LARGEST_FILLED, REMOVED_TENSOR_TYPES, Gguf
from case import ADMITTED, case, refused

I64_MAX = 2**63 - 1
SUM_WRAPS = "sums of padded sizes that wrap"
PRODUCT_WRAPS = "element-count or byte-size products that wrap"


def tensor_refused(code, field, *tensor, **lies):
    """A file of three tensors of which the second is the one given."""
    g = Gguf().tensor("before", [4]).tensor(*tensor, **lies).tensor("after", [4])
    return g.file(), refused(g, code, f"tensors[1].{field}")


# Names

for _name, (_text, _about) in {
    "empty": ("", "an empty name"),
    "64_bytes": ("n" * 64, "a name of 64 bytes: ggml's buffer holds 63 and a NUL"),
    "64_bytes_not_ascii": ("\u20ac" * 21 + "n", "64 bytes in 22 characters"),
    "1000_bytes": ("n" * 1000, "a name of 1,000 bytes"),
    "with_nul": ("a\0b", "a name with a NUL"),
    "with_newline": ("a\nb", "a name with a line feed"),
    "with_escape": ("\x1b[31m", "a name that colours a terminal"),
    "with_c1_control": ("a\u0080", "a name with U+0080"),
    "not_utf8": (b"\xfe", "a name that is not UTF-8"),
    "cut_character": (b"\xf0\x9f\x98", "a name that ends in the middle of a character"),
}.items():
    @case(13, name=f"tensor_name_{_name}", about=_about,
          attack="text from the file printed unescaped" if _name in ("with_newline", "with_escape") else None)
    def _(text=_text):
        return tensor_refused("header", "name", text, [4])


for _bytes, _limit, _fits in ((64, 64, True), (65, 64, False), (4096, 1 << 20, True), (4097, 1 << 20, False), (1, 0, True),
                              (2, 0, False)):
    @case(13, name=f"tensor_name_of_{_bytes}_bytes_with_limit_{_limit}", limits={"name_bytes": _limit},
          about=f"a name of {_bytes} bytes where limit NAME_BYTES was set to {_limit}; its bounds are 1 and 4,096")
    def _(size=_bytes, fits=_fits):
        g = Gguf().tensor("b", [4]).tensor("n" * size, [4]).tensor("a", [4])
        return g.file(), (ADMITTED if fits else refused(g, "header", "tensors[1].name"))


@case(13, about="two names of 100 bytes that differ in the last", limits={"name_bytes": 100})
def tensor_names_that_differ_behind_63_bytes():
    return Gguf().tensor("n" * 99 + "a", [4]).tensor("n" * 99 + "b", [4]).file(), ADMITTED


@case(13, about="the same name of 100 bytes twice", limits={"name_bytes": 100},
      attack="duplicate names that two readers resolve differently")
def tensor_name_of_100_bytes_twice():
    g = Gguf().tensor("n" * 100, [4]).tensor("n" * 100, [4])
    return g.file(), refused(g, "header", "tensors[1].name")


@case(13, about="two tensors of one name", attack="duplicate names that two readers resolve differently")
def duplicate_tensor_name():
    return tensor_refused("header", "name", "before", [4])


@case(13, about="two tensors of one name, far apart", attack="duplicate names that two readers resolve differently")
def duplicate_tensor_name_far_apart():
    g = Gguf()
    for n in range(20):
        g.tensor(f"t{n}", [1])
    g.tensor("t0", [2]).tensor("last", [1])
    return g.file(), refused(g, "header", "tensors[20].name")


@case(13, about="a name is tested before the fault behind it: a duplicate with a removed type")
def duplicate_tensor_name_before_later_fault():
    return tensor_refused("header", "name", "before", [4], 4)


@case(4, 13, about="a tensor name claims 2^64-1 bytes", attack="a string length that wraps when 1 is added",
      cve=["CVE-2024-23496"])
def tensor_name_length_wraps():
    return tensor_refused("limit", "name", "n", [4], name_size=2**64 - 1)


@case(4, 13, about="a tensor name claims 100,000 bytes: too long for a name, but cut off first")
def tensor_name_length_over():
    return tensor_refused("truncated", "name", "n", [4], name_size=100_000)


# Dimensions

for _count in (5, 6, 255, 2**31, 2**32 - 1):
    @case(14, name=f"dimension_count_{_count}", about=f"a tensor of {_count} dimensions",
          attack="a dimension count that overflows a fixed array", cve=["CVE-2024-21802"])
    def _(count=_count):
        return tensor_refused("header", "dims", "a", [4], dimensions=count)

for _count, _limit, _fits in ((5, 5, True), (6, 5, False), (8, 255, True), (9, 255, False), (0, 0, True), (1, 0, False)):
    @case(14, name=f"dimension_count_{_count}_with_limit_{_limit}", limits={"dimensions": _limit},
          about=f"a tensor of {_count} dimensions where limit DIMENSIONS was set to {_limit}; its bounds are 0 and 8")
    def _(count=_count, fits=_fits):
        g = Gguf().tensor("a", [2] * count)
        return g.file(), (ADMITTED if fits else refused(g, "header", "tensors[0].dims"))


@case(14, 15, about="the product passes 2^63-1 in the eighth dimension", limits={"dimensions": 8}, attack=PRODUCT_WRAPS)
def product_in_the_eighth_dimension():
    g = Gguf().tensor("a", [2**8] * 7 + [2**7])
    return g.file(), refused(g, "layout", "tensors[0].dims[7]")

for _dimension in (2**63, 2**64 - 1, 2**64 - 4):
    @case(15, name=f"dimension_{_dimension}", about=f"a dimension of {_dimension}: negative as an i64",
          attack=PRODUCT_WRAPS)
    def _(dimension=_dimension):
        return tensor_refused("layout", "dims[0]", "a", [dimension])


@case(15, about="the second dimension is negative as an i64, behind a zero", attack="zero dimensions that divide")
def dimension_negative_behind_zero():
    return tensor_refused("layout", "dims[1]", "a", [0, 2**63])


for _name, (_dims, _k, _about) in {
    "2_32_squared": ([2**32, 2**32], 1, "2^32 x 2^32: 0 in 64 bits"),
    "2_31_and_2_32": ([2**31, 2**32], 1, "2^31 x 2^32: negative as an i64"),
    "wraps_to_small": ([2**62, 1, 4, 5], 2, "2^62 x 4 wraps before the last dimension is read"),
    "in_last": ([2**21, 2**21, 2**20, 4], 3, "the product passes 2^63-1 in the last dimension"),
    "beside_zero": ([2**32, 0, 2**32], 2, "the zero is left out of the product"),
    "before_zero": ([2**40, 2**40, 0], 1, "the product overflows before the zero is read"),
}.items():
    @case(15, name=f"product_{_name}", about=_about, attack=PRODUCT_WRAPS, cve=["CVE-2026-33298"])
    def _(dims=_dims, k=_k):
        return tensor_refused("layout", f"dims[{k}]", "a", dims)


for _name, (_dims, _kind, _about) in {
    "f32_wraps_to_0": ([2**62], "F32", "2^62 F32: 2^64 bytes, 0 in 64 bits"),
    "f64_negative": ([2**60], "F64", "2^60 F64: 2^63 bytes"),
    "wraps_to_32": ([2**60 + 8, 4], "F64", "2^62+32 F64: 2^65+256 bytes, 256 in 64 bits"),
}.items():
    @case(15, name=f"byte_size_{_name}", about=_about, attack=PRODUCT_WRAPS, cve=["CVE-2026-33298"])
    def _(dims=_dims, kind=_kind):
        return tensor_refused("layout", "dims[0]", "a", dims, kind)


@case(15, about="Q8_K makes more bytes than elements: 2^63-256 elements fit, their bytes do not",
      attack=PRODUCT_WRAPS, cve=["CVE-2026-33298"])
def byte_size_of_quantised():
    return tensor_refused("layout", "dims[0]", "a", [2**63 - 256], "Q8_K")


@case(15, about="2^63-1 bytes fit, with their padding they do not", attack=SUM_WRAPS, cve=["CVE-2025-53630"])
def padded_size_wraps():
    return tensor_refused("layout", "dims[0]", "a", [I64_MAX], "I8")


@case(15, 18, about="two tensors of 2^62 bytes: the sum is 2^63", attack=SUM_WRAPS,
      cve=["CVE-2025-53630", "CVE-2026-27940"])
def padded_sum_wraps():
    g = Gguf().tensor("a", [2**62], "I8").tensor("b", [2**62], "I8")
    return g.file(), refused(g, "layout", "tensors[1].offset")


@case(15, 18, about="2^63-32 bytes fit, with one byte more and its padding they do not", attack=SUM_WRAPS,
      cve=["CVE-2025-53630", "CVE-2026-27940"])
def padded_sum_one_alignment_over():
    g = Gguf().tensor("a", [2**63 - 32], "I8").tensor("b", [1], "I8")
    return g.file(), refused(g, "layout", "tensors[1].offset")


@case(15, 18, about="four tensors whose padded sizes add up to 2^64, which is 0", attack=SUM_WRAPS,
      cve=["CVE-2025-53630", "CVE-2026-27940"])
def padded_sum_wraps_to_0():
    g = Gguf()
    for n in range(4):
        g.tensor(f"t{n}", [2**62], "I8")
    g.tensor("small", [8], offset=0)
    return g.file(), refused(g, "layout", "tensors[1].offset")


# Types

for _type in REMOVED_TENSOR_TYPES:
    @case(16, name=f"tensor_type_{_type}_removed", about=f"tensor type {_type}, removed from the format")
    def _(kind=_type):
        return tensor_refused("header", "type", "a", [256], kind)

for _type in (43, 100, 255, 256, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
    @case(16, name=f"tensor_type_{_type}", about=f"tensor type {_type}",
          attack="negative tensor types" if _type >= 2**31 else None)
    def _(kind=_type):
        return tensor_refused("header", "type", "a", [256], kind)


@case(16, 17, about="an unknown type is reported before the rows that no type could have")
def tensor_type_before_block():
    return tensor_refused("header", "type", "a", [2**62 + 1], 99)


# Blocks

for _kind, _block in {"Q4_0": 32, "Q8_0": 32, "IQ4_NL": 32, "MXFP4": 32, "NVFP4": 64, "Q2_0": 64, "Q1_0": 128,
                      "Q4_K": 256, "IQ1_S": 256, "TQ1_0": 256}.items():
    for _row in (1, _block - 1, _block + 1, _block // 2):
        @case(17, name=f"row_{_kind.lower()}_{_row}", about=f"a row of {_row} elements in blocks of {_block}")
        def _(kind=_kind, row=_row, block=_block):
            return tensor_refused("layout", "dims[0]", "a", [row, block], kind)


@case(17, about="the rows are not whole blocks, although all elements together are")
def row_not_whole_but_total_is():
    return tensor_refused("layout", "dims[0]", "a", [48, 2], "Q4_0")


@case(17, 14, about="no dimensions is one element: not a block; reported behind the dimension count")
def row_without_dimensions():
    g = Gguf().tensor("a", [], "Q4_0")
    contents = g.file()
    assert g.at["tensors[0].dims[0]"] == g.at["tensors[0].type"]
    return contents, refused(g, "layout", "tensors[0].dims[0]")


@case(17, 15, about="the rows are not whole blocks in a tensor that a zero makes empty")
def row_not_whole_of_empty_tensor():
    return tensor_refused("layout", "dims[0]", "a", [31, 0], "Q4_0")


# Offsets

for _name, (_offset, _about) in {
    "gap": (64, "a gap before the tensor"),
    "overlap": (0, "the tensor lies on the one before"),
    "unpadded": (16, "the padding of the tensor before is left out"),
    "misaligned": (33, "an offset that is not aligned"),
    "one_less": (31, "an offset one too low"),
    "2_63": (2**63, "an offset of 2^63"),
    "2_64_less_1": (2**64 - 1, "the greatest offset"),
    "alias_header": (2**64 - 224, "an offset near 2^64 that wraps back into the header"),
    "2_64_less_32": (2**64 - 32, "an aligned offset near 2^64: the end wraps to the data start"),
}.items():
    @case(18, name=f"offset_{_name}", about=_about,
          attack="offsets near 2^64 that alias the header" if _offset >= 2**63 else None,
          cve=["CVE-2025-53630"] if _offset >= 2**63 else [])
    def _(offset=_offset):
        return tensor_refused("layout", "offset", "a", [4], offset=offset)


@case(18, about="the first tensor does not start at 0")
def offset_of_first():
    g = Gguf().tensor("a", [4], offset=32).tensor("b", [4], offset=64)
    return g.file(), refused(g, "layout", "tensors[0].offset")


@case(18, about="two tensors in swapped order: each extent is good, the order is not that of the file")
def offsets_swapped():
    g = Gguf().tensor("a", [8], offset=32).tensor("b", [8], offset=0)
    return g.file(), refused(g, "layout", "tensors[0].offset")


@case(18, about="two tensors share their bytes (tied weights)")
def offsets_shared():
    g = Gguf().tensor("a", [8]).tensor("b", [8], offset=0)
    return g.file(), refused(g, "layout", "tensors[1].offset")


@case(18, 12, about="offsets padded to 32 in a file that says 64")
def offset_by_other_alignment():
    g = Gguf(alignment=64).tensor("a", [4]).tensor("b", [4], offset=32)
    return g.file(), refused(g, "layout", "tensors[1].offset")


@case(18, 15, about="an empty tensor with a wrong offset")
def offset_of_empty_tensor():
    return tensor_refused("layout", "offset", "a", [0], offset=0)


# Extents. The length of a file that is not declared shows only at its end, so there the
# fault is the same but an extent that no file can have is `layout` as soon as it is read.

def extent(*tensors):
    g = Gguf()
    for n, (dims, kind) in enumerate(tensors):
        g.tensor(f"t{n}", dims, kind)
    assert g.data_size > LARGEST_FILLED
    return g


@case(19, about="a tensor of 2 GiB in a file of 100 bytes", attack="a tensor extent past the end (heap over-read)",
      cve=["CVE-2026-7482"])
def extent_of_2_gib():
    g = extent(([2**29], "F32"))
    return g.file(), refused(g, "truncated", "tensors[0].offset")


@case(19, about="the second of three tensors is the first that does not fit",
      attack="a tensor extent past the end (heap over-read)", cve=["CVE-2026-7482"])
def extent_of_second():
    g = Gguf().tensor("a", [8]).tensor("b", [80]).tensor("c", [8])
    contents = g.file()
    return contents[:g.at["dataEnd[1]"] - 1], refused(g, "truncated", "tensors[1].offset")


@case(19, about="the last tensor lacks its last byte", attack="a tensor extent past the end (heap over-read)",
      cve=["CVE-2026-7482"])
def extent_one_byte_over():
    g = Gguf().tensor("a", [8]).tensor("b", [9])
    contents = g.file()
    return contents[:g.at["required"] - 1], refused(g, "truncated", "tensors[1].offset")


@case(19, about="the file ends in the padding between two tensors")
def cut_between_tensors():
    g = Gguf().tensor("a", [9]).tensor("b", [9])
    contents = g.file()
    return contents[:g.at["dataEnd[0]"] + 1], refused(g, "truncated", "tensors[1].offset")


@case(19, about="the file ends with the padding before the data: the first tensor is missing")
def no_data():
    g = Gguf().tensor("empty", [0]).tensor("a", [9]).tensor("b", [9])
    return g.file(data=False), refused(g, "truncated", "tensors[1].offset")


@case(19, 15, about="an empty last tensor starts behind the end of the file")
def extent_of_empty_last():
    g = Gguf().tensor("a", [1]).tensor("b", [0])
    contents = g.file()
    return contents[:g.at["dataEnd[0]"]], refused(g, "truncated", "tensors[1].offset")


for _name, (_dims, _kind) in {"2_53": ([2**53], "I8"), "2_60": ([2**58], "F32"),
                              "2_63_less_32": ([2**63 - 32], "I8")}.items():
    @case(19, 15, name=f"extent_of_{_name}", about=f"a tensor of {_dims[0]} {_kind}: it ends above 2^53-1",
          attack="a tensor extent past the end (heap over-read)", cve=["CVE-2026-7482"])
    def _(dims=_dims, kind=_kind):
        g = extent(([0], "F32"), (dims, kind))
        return g.file(), refused(g, "truncated", "tensors[1].offset"), refused(g, "layout", "tensors[1].offset")


@case(19, about="a tensor that ends at 2^53-1 exactly: the longest file that can be told")
def extent_to_2_53_less_1():
    g = Gguf().tensor("a", [2**53 - 1 - 64], "I8")
    contents = g.file()
    assert g.at["required"] == 2**53 - 1
    return contents, refused(g, "truncated", "tensors[0].offset")


@case(19, about="a tensor that ends at 2^53: one byte too far")
def extent_to_2_53():
    g = Gguf().tensor("a", [2**53 - 64], "I8")
    contents = g.file()
    assert g.at["required"] == 2**53
    return contents, refused(g, "truncated", "tensors[0].offset"), refused(g, "layout", "tensors[0].offset")


# What only a resident model cannot be

@case(0, about="resident: a tensor of 2^31-32 bytes is too big for its allocation", sink="resident")
def resident_tensor_too_big():
    g = Gguf().tensor("a", [2**31 - 31], "I8").tensor("b", [8])
    contents = g.file()
    return contents, refused(g, "truncated", "tensors[0].offset"), \
        refused(g, "limit", "memory", "tensors[1].offset")


@case(0, about="resident: a tensor of 2^31-32 bytes is the biggest that can be allocated; it is then missing",
      sink="resident")
def resident_tensor_biggest():
    g = Gguf().tensor("a", [2**31 - 32], "I8").tensor("b", [8])
    return g.file(), refused(g, "truncated", "tensors[0].offset")


@case(0, about="resident: three tensors of 2 GB, more than a wasm32 memory", sink="resident")
def resident_above_4_gib():
    g = Gguf().tensor("a", [2 * 10**9], "I8").tensor("b", [2 * 10**9], "I8").tensor("c", [2 * 10**9], "I8")
    return g.file(), refused(g, "truncated", "tensors[0].offset"), \
        refused(g, "limit", "memory", "tensors[2].offset")
