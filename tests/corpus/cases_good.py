"""Files that must be admitted: every kind of value and of tensor, and what is odd but legal."""

import struct

from builder import TENSOR_TYPES, Gguf
from case import ADMITTED, case

SAMPLES = {"u8": 200, "i8": -100, "u16": 60_000, "i16": -30_000, "u32": 4_000_000_000, "i32": -2_000_000_000,
           "f32": 0.1, "bool": 1, "string": "h\u00e9llo", "u64": 2**64 - 1, "i64": -2**63, "f64": 0.1}


def good(g, **shape):
    return g.file(**shape), ADMITTED


@case(1, 2, about="version 3, no entries, no tensors: 24 bytes")
def minimal_v3():
    return good(Gguf())


@case(2, about="version 2, no entries, no tensors: 24 bytes")
def minimal_v2():
    return good(Gguf(version=2))


@case(2, about="version 2 with an entry and a tensor")
def version_2_tensor():
    g = Gguf(version=2).entry("general.architecture", "string", "llama")
    return good(g.tensor("a", [3, 2]))


@case(18, about="a small model: entries, arrays, tensors of several types")
def small_model():
    g = Gguf().entry("general.architecture", "string", "llama").entry("llama.block_count", "u32", 1)
    g.entry("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5)
    g.array("tokenizer.ggml.tokens", "string", ["<unk>", "<s>", "</s>", "\u2581a"])
    g.array("tokenizer.ggml.scores", "f32", [0.0, -0.5, -1.25, -3.4e38])
    g.array("tokenizer.ggml.token_type", "i32", [2, 3, 3, 1])
    g.tensor("token_embd.weight", [256, 4], "Q4_K").tensor("blk.0.attn_norm.weight", [256])
    g.tensor("blk.0.attn_q.weight", [256, 3], "Q6_K").tensor("output.weight", [256, 4], "Q8_0")
    return good(g)


@case(7, about="one entry of each scalar type")
def scalar_values():
    g = Gguf()
    for kind, sample in SAMPLES.items():
        g.entry(f"value.{kind}", kind, sample)
    return good(g)


@case(7, about="the least and the greatest value of each integer type")
def integer_extremes():
    g = Gguf()
    for bits in (8, 16, 32, 64):
        g.entry(f"u{bits}.least", f"u{bits}", 0).entry(f"u{bits}.greatest", f"u{bits}", 2**bits - 1)
        g.entry(f"i{bits}.least", f"i{bits}", -2**(bits - 1))
        g.entry(f"i{bits}.greatest", f"i{bits}", 2**(bits - 1) - 1)
    g.entry("u64.safe", "u64", 2**53 - 1).entry("u64.unsafe", "u64", 2**53 + 1)
    return good(g)


@case(7, about="floats whose JSON is easily wrong: not a number, infinite, minus zero, subnormal, shortest digits")
def special_floats():
    g = Gguf()
    singles = [0x7FC00000, 0xFFC00001, 0x7F800000, 0xFF800000, 0x80000000, 0x00000001, 0x007FFFFF, 0x00800000,
               0x7F7FFFFF, 0x3DCCCCCD, 0x3EAAAAAB, 0x4B800001, 0x5E800000, 0x50061C46]
    doubles = [0x7FF8000000000000, 0xFFF0000000000000, 0x8000000000000000, 1, 0x3FB999999999999A,
               0x7FEFFFFFFFFFFFFF, 0x4340000000000001]
    for bits in singles:
        g.entry(f"f32.{bits:08x}", "f32", struct.pack("<I", bits))
    for bits in doubles:
        g.entry(f"f64.{bits:016x}", "f64", struct.pack("<Q", bits))
    g.array("f32.all", "f32", [struct.pack("<I", bits) for bits in singles])
    g.array("f64.all", "f64", [struct.pack("<Q", bits) for bits in doubles])
    return good(g)


for _kind, _sample in SAMPLES.items():
    @case(9, name=f"array_of_{_kind}", about=f"an array of {_kind}")
    def _(kind=_kind, sample=_sample):
        return good(Gguf().array("value", kind, [sample, "" if kind == "string" else 1, sample]))


@case(7, 9, about="an empty array of each element type")
def empty_arrays():
    g = Gguf()
    for kind in SAMPLES:
        g.array(f"empty.{kind}", kind, [])
    return good(g)


@case(9, about="a vocabulary-like array of 3,000 strings and their scores",
      attack="a vocabulary in chunks that makes a parser quadratic")
def vocabulary():
    g = Gguf().array("tokenizer.ggml.tokens", "string", [f"token{n}" * (n % 5) for n in range(3000)])
    g.array("tokenizer.ggml.scores", "f32", [-n / 3 for n in range(3000)])
    return good(g)


@case(11, about="string values that are not UTF-8, as entries and in arrays")
def string_values_not_utf8():
    g = Gguf().entry("latin-1", "string", b"caf\xe9").entry("cut", "string", b"\xe2\x96")
    g.entry("overlong", "string", b"\xc0\xaf").entry("surrogate", "string", b"\xed\xa0\x80")
    g.entry("beyond", "string", b"\xf4\x90\x80\x80|\xf0\x90\x80|\xff")
    g.array("all", "string", [b"\xff", b"a\xf0\x9f\x98b", b"\x80\x80", b""])
    return good(g)


@case(11, 26, about="string values that must be escaped in JSON and in a terminal")
def string_values_to_escape():
    g = Gguf().entry("quotes", "string", 'a "b" \\ / c')
    g.entry("controls", "string", "".join(map(chr, range(0x20))) + "\x7f\x85\u2028\u2029")
    g.entry("terminal", "string", "\x1b[2J\x1b]0;title\x07").entry("markup", "string", "</script><!--")
    g.entry("astral", "string", "\U0001f600\ufeff\uffff")
    return good(g)


@case(11, about="the report cuts a string after 4,096 bytes: exactly that, one more, and in the middle of a character")
def long_string_values():
    g = Gguf().entry("exact", "string", "a" * 4096).entry("one_more", "string", "b" * 4097)
    g.entry("mid_character", "string", "c" * 4095 + "\u20ac" + "d" * 10)
    return good(g)


@case(26, about="keys that a reader could make up or mistake for its own")
def keys_that_readers_invent():
    g = Gguf()
    for key in ("GGUF.version", "GGUF.tensor_count", "GGUF.kv_count", "tensor_count", "version", "__proto__",
                "constructor", "toString", "hasOwnProperty", "length", "0", "metadata", "general.alignment.", " "):
        g.entry(key, "string", f"of {key}")
    return good(g)


@case(5, about="keys of other shapes: upper case, dashes, spaces, quotes, not ASCII, without a dot")
def keys_of_odd_shapes():
    g = Gguf()
    for key in ("General.Architecture", "a-b", "a b", 'a"b', "a\\b", ".", "a..b", "\u00fcber.\u6a21\u578b",
                "\U0001f600", "\u00a0", "\ufeffbom", "\u200b"):
        g.entry(key, "bool", 1)
    return good(g)


@case(5, about="the longest key: 65,535 bytes")
def key_longest():
    return good(Gguf().entry("k" * 65_535, "u8", 1))


@case(6, about="keys that differ only in case, in normal form, or by a suffix")
def keys_almost_equal():
    g = Gguf()
    for key in ("key", "Key", "key.", "caf\u00e9", "cafe\u0301"):
        g.entry(key, "u8", 1)
    return good(g)


@case(13, about="tensor names: one byte, 63 bytes, 63 bytes that are not ASCII, quotes, a name that is also a key")
def tensor_names_of_odd_shapes():
    g = Gguf().entry("a", "u8", 1)
    for name in ("a", "n" * 63, "\u20ac" * 21, 'a"b\\', "A", "__proto__", " "):
        g.tensor(name, [1])
    return good(g)


for _kind, (_, _block, _) in TENSOR_TYPES.items():
    @case(16, name=f"tensor_of_{_kind.lower()}", about=f"type {_kind}: two rows of two blocks, then one block")
    def _(kind=_kind, block=_block):
        return good(Gguf().tensor("a", [2 * block, 2], kind).tensor("b", [block], kind))


@case(14, about="tensors of 0, 1, 2, 3 and 4 dimensions")
def dimension_counts():
    g = Gguf()
    for count, dims in enumerate(([], [2], [2, 3], [2, 3, 4], [2, 3, 4, 5])):
        g.tensor(f"of_{count}", dims)
    return good(g)


@case(15, about="zero dimensions make 0 bytes, before and after tensors that have some")
def zero_dimensions():
    g = Gguf().tensor("first", [0]).tensor("data", [5]).tensor("row", [32, 0], "Q4_0")
    g.tensor("inner", [4, 0, 4]).tensor("zero_blocks", [0, 7], "Q6_K").tensor("more", [1]).tensor("last", [0, 0, 0, 0])
    return good(g)


@case(15, about="a dimension of 2^63-1 beside a zero: no bytes, and a number that JSON needs as text")
def zero_dimension_beside_huge():
    return good(Gguf().tensor("a", [2**63 - 1, 0], "F64").tensor("b", [0, 2**53 - 1, 1024]).tensor("c", [2**53, 0]))


@case(22, about="every tensor is empty and the padding before the data is there")
def only_empty_tensors():
    return good(Gguf().tensor("a", [0]).tensor("b", [0, 3]))


for _alignment in (8, 16, 32, 64, 256, 4096):
    @case(12, name=f"alignment_{_alignment}", about=f"general.alignment is {_alignment}")
    def _(alignment=_alignment):
        g = Gguf(alignment=alignment) if alignment != 32 else Gguf().entry("general.alignment", "u32", 32)
        return good(g.tensor("a", [3]).tensor("b", [9], "F16").tensor("c", [1], "I8"))


@case(12, about="the greatest alignment, 1 MiB, without tensors and without padding")
def alignment_1_mib_no_tensors():
    return good(Gguf(alignment=1 << 20))


@case(12, about="general.alignment comes after the other entries")
def alignment_last_entry():
    g = Gguf().entry("general.name", "string", "x")
    g.alignment = 64
    return good(g.entry("general.alignment", "u32", 64).tensor("a", [3]).tensor("b", [3]))


@case(0, about="the keys of a split model's first shard")
def split_shard():
    g = Gguf().entry("split.no", "u16", 0).entry("split.count", "u16", 2).entry("split.tensors.count", "i32", 3)
    return good(g.tensor("a", [4]).tensor("b", [4]))
