"""Rules 21 to 24: the bytes behind the table - padding, and what trails."""

from builder import Gguf
from case import ADMITTED, case, refused, rejected


def two_tensors():
    """20 and 12 bytes of data: 12 bytes of padding between them, 20 after."""
    return Gguf().tensor("a", [5]).tensor("b", [3])


def no_tensors():
    """38 bytes of header, 26 of padding up to 64."""
    return Gguf().entry("k", "u8", 1)


def changed(contents, offset, byte):
    return contents[:offset] + bytes([byte]) + contents[offset + 1:]


# Padding must be zero

for _name, _mark, _step in (("first_before_data", "headerEnd", 0), ("last_before_data", "dataStart", -1),
                            ("first_between_tensors", "dataEnd[0]", 0), ("last_between_tensors", "data[1]", -1),
                            ("first_after_last", "required", 0), ("last_after_last", "allowed", -1)):
    @case(23 if "after" in _name else 21, name=f"padding_{_name}", about=f"a padding byte is not zero: {_name}")
    def _(mark=_mark, step=_step):
        g = two_tensors()
        contents = g.file()
        offset = g.at[mark] + step
        assert contents[offset] == 0
        return changed(contents, offset, 0x80), rejected("layout", offset, "padding")


@case(21, about="two padding bytes are not zero: the first is reported")
def padding_twice():
    g = two_tensors()
    contents = g.file()
    first, second = g.at["dataEnd[0]"] + 3, g.at["required"] + 1
    return changed(changed(contents, second, 1), first, 1), rejected("layout", first, "padding")


@case(21, about="the padding of an only empty tensor is not zero")
def padding_before_empty_tensor():
    g = Gguf().tensor("a", [0])
    contents = g.file()
    return changed(contents, g.at["dataStart"] - 1, 1), rejected("layout", g.at["dataStart"] - 1, "padding")


@case(21, about="padding that is not zero in a partial last padding")
def padding_partial_not_zero():
    g = two_tensors()
    contents = g.file(last_padding=b"\0\0\x01")
    return contents, rejected("layout", g.at["required"] + 2, "padding")


@case(21, 19, about="padding is not zero, and a tensor is cut: a declared length shows the cut first")
def padding_and_cut():
    g = two_tensors()
    contents = changed(g.file(), g.at["headerEnd"], 1)
    return contents[:g.at["required"] - 1], refused(g, "truncated", "tensors[1].offset"), \
        rejected("layout", g.at["headerEnd"], "padding")


# Padding before the data must be there

for _name, _padding in (("missing", False), ("partial", b"\0\0\0")):
    @case(22, name=f"padding_{_name}", about=f"the padding before the data is {_name}, and the file ends")
    def _(padding=_padding):
        g = two_tensors()
        return g.file(padding=padding, data=False), refused(g, "truncated", "padding", "headerEnd")

    @case(22, name=f"padding_{_name}_empty_tensor", about=f"the same where the only tensor is empty: {_name}")
    def _(padding=_padding):
        g = Gguf().tensor("a", [0])
        return g.file(padding=padding, data=False), refused(g, "truncated", "padding", "headerEnd")


@case(22, about="the padding lacks its last byte")
def padding_one_byte_short():
    g = two_tensors()
    contents = g.file()
    return contents[:g.at["dataStart"] - 1], refused(g, "truncated", "padding", "headerEnd")


@case(22, about="the data follows the header at once: its bytes stand where zeros must")
def padding_left_out():
    g = two_tensors()
    contents = g.file()
    end = g.at["headerEnd"]
    # The file is shorter than the table says, which a declared length shows first.
    return contents[:end] + contents[g.at["dataStart"]:g.at["required"]], \
        refused(g, "truncated", "tensors[1].offset"), rejected("layout", end, "padding")


@case(22, 12, about="1 MiB of padding that is not there")
def padding_of_1_mib_missing():
    g = Gguf(alignment=1 << 20).tensor("a", [1])
    return g.file(padding=b"", data=False), refused(g, "truncated", "padding", "headerEnd")


for _name, _bytes in (("without", 0), ("one_byte", 1), ("partial", 20), ("whole", 26)):
    @case(22, name=f"no_tensors_padding_{_name}", about=f"no tensors; {_bytes} of 26 bytes of padding")
    def _(count=_bytes):
        return no_tensors().file(padding=bytes(count)), ADMITTED


@case(24, 22, about="no tensors, and one byte behind the whole padding")
def no_tensors_trailing():
    g = no_tensors()
    return g.file(padding=True, after=b"\0"), refused(g, "trailing", "trailing", "dataStart")


@case(24, 22, about="no tensors, and a byte of the padding is not zero")
def no_tensors_padding_not_zero():
    g = no_tensors()
    return g.file(padding=b"\0\0\x01"), rejected("layout", 40, "padding")


@case(24, 22, about="no tensors: the header ends on the alignment, so there is no padding, and a byte follows")
def no_tensors_no_zone_trailing():
    g = Gguf().entry("12345678901", "string", "123456789")
    contents = g.file(after=b"\0")
    assert g.at["headerEnd"] == g.at["dataStart"] == 64
    return contents, refused(g, "trailing", "trailing", "dataStart")


# Padding after the last tensor may be missing

for _name, _padding in (("missing", False), ("partial", bytes(7)), ("one_byte_short", bytes(19))):
    @case(23, name=f"last_padding_{_name}", about=f"the padding after the last tensor is {_name}")
    def _(padding=_padding):
        return two_tensors().file(last_padding=padding), ADMITTED


@case(23, about="a last tensor that ends on the alignment has no padding")
def last_padding_none_needed():
    g = Gguf().tensor("a", [5]).tensor("b", [8])
    contents = g.file()
    assert g.at["required"] == g.at["allowed"] == len(contents)
    return contents, ADMITTED


# What trails

for _name, _after in (("zero_byte", b"\0"), ("byte", b"x"), ("second_file", b"GGUF" + bytes(60)),
                      ("alignment_of_zeros", bytes(32))):
    @case(24, name=f"trailing_{_name}", about=f"behind the last padding: {_name.replace('_', ' ')}")
    def _(after=_after):
        g = two_tensors()
        return g.file(after=after), refused(g, "trailing", "trailing", "allowed")


@case(24, about="a byte behind tensors that are all empty")
def trailing_after_empty_tensors():
    g = Gguf().tensor("a", [0])
    return g.file(after=b"x"), refused(g, "trailing", "trailing", "dataStart")


@case(24, about="as many bytes as limit TRAILING_BYTES; they need not be zero", limits={"trailing_bytes": 5})
def trailing_allowed():
    return two_tensors().file(after=b"tail!"), ADMITTED


@case(24, about="fewer bytes than limit TRAILING_BYTES", limits={"trailing_bytes": 1 << 20})
def trailing_fewer_than_allowed():
    return two_tensors().file(after=b"tail"), ADMITTED


@case(24, about="one byte more than limit TRAILING_BYTES", limits={"trailing_bytes": 5})
def trailing_above_limit():
    g = two_tensors()
    contents = g.file(after=b"tail!!")
    return contents, rejected("trailing", g.at["allowed"] + 5, "trailing")


@case(24, 22, about="bytes behind the padding of a file without tensors", limits={"trailing_bytes": 5})
def no_tensors_trailing_allowed():
    return no_tensors().file(padding=True, after=b"tail!"), ADMITTED


@case(24, about="allowed bytes do not reach into the padding, which is zero all the same",
      limits={"trailing_bytes": 100})
def trailing_allowed_not_in_padding():
    g = two_tensors()
    contents = g.file(last_padding=b"\0tail")
    return contents, rejected("layout", g.at["required"] + 1, "padding")


@case(24, 22, about="the same in a file without tensors", limits={"trailing_bytes": 100})
def no_tensors_trailing_allowed_not_in_padding():
    return no_tensors().file(padding=b"\0tail"), rejected("layout", 39, "padding")


@case(24, 21, about="padding is not zero and bytes trail: a declared length shows the trail first")
def trailing_and_padding():
    g = two_tensors()
    contents = changed(g.file(after=b"x"), g.at["headerEnd"], 1)
    return contents, refused(g, "trailing", "trailing", "allowed"), rejected("layout", g.at["headerEnd"], "padding")
