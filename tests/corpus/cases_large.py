"""Cases that need big files: made with `generate.py --large` only."""

from builder import Gguf
from case import ADMITTED, case, refused


def empty_tensors(count):
    g = Gguf()
    for n in range(count):
        g.tensor(f"t{n}", [0])
    return g


@case(4, about="a string value of 64 MiB less 100, in a header of 64 MiB", large=True,
      limits={"string_bytes": 64 << 20})
def large_string_64_mib():
    return Gguf().entry("s", "string", b"s" * ((64 << 20) - 100)).file(), ADMITTED


@case(3, 4, about="a string value of 64 MiB: the header is too long by what stands before it", large=True,
      limits={"string_bytes": 64 << 20})
def large_string_above_header_limit():
    g = Gguf().entry("s", "string", b"s" * (64 << 20))
    return g.file(), refused(g, "limit", "metadata[0].value")


@case(3, 4, about="the same with limit HEADER_BYTES raised", large=True,
      limits={"string_bytes": 64 << 20, "header_bytes": 256 << 20})
def large_string_header_limit_raised():
    return Gguf().entry("s", "string", b"s" * (64 << 20)).file(), ADMITTED


@case(9, about="4 Mi elements of u64, as many as the limit allows", large=True)
def large_array_at_limit():
    return Gguf().array("a", "u64", bytes(8 << 22), count=1 << 22).file(), ADMITTED


@case(9, about="4 Mi empty strings", large=True, attack="a vocabulary in chunks that makes a parser quadratic")
def large_array_of_empty_strings():
    return Gguf().array("a", "string", bytes(8 << 22), count=1 << 22).file(), ADMITTED


@case(9, about="a vocabulary of 262,144 entries", large=True,
      attack="a vocabulary in chunks that makes a parser quadratic")
def large_vocabulary():
    words = b"".join(len(word).to_bytes(8, "little") + word
                     for word in (b"token%d" % n for n in range(1 << 18)))
    g = Gguf().array("tokenizer.ggml.tokens", "string", words, count=1 << 18)
    return g.array("tokenizer.ggml.scores", "f32", bytes(4 << 18), count=1 << 18).file(), ADMITTED


@case(3, about="65,536 tensors, as many as the limit allows", large=True)
def large_tensor_count_at_limit():
    return empty_tensors(65_536).file(), ADMITTED


@case(13, about="65,536 tensors of which the last has the name of the first", large=True,
      attack="duplicate names that two readers resolve differently")
def large_duplicate_tensor_name():
    g = empty_tensors(65_535).tensor("t0", [0])
    return g.file(), refused(g, "header", "tensors[65535].name")


@case(12, 21, about="the greatest alignment, 1 MiB, with two tensors of four bytes", large=True)
def large_alignment_1_mib():
    g = Gguf(alignment=1 << 20).tensor("a", [1]).tensor("b", [1])
    contents = g.file()
    b = g.at["dataStart"] + (1 << 20)
    data = bytes([1, 2, 3, 4])
    # The builder leaves out data that is this big with its padding.
    return contents + data + bytes(b - len(contents) - 4) + data, ADMITTED


@case(18, about="a tensor of 100 MiB: more than one segment of a resident model", large=True)
def large_tensor_100_mib():
    g = Gguf().tensor("small", [3]).tensor("big", [100 << 20], "I8").tensor("last", [3])
    contents = g.file()
    first = bytes(range(1, 13)) + bytes(20)
    big = bytes(range(1, 251)) * ((100 << 20) // 250 + 1)
    return contents + first + big[:100 << 20] + first[:12], ADMITTED
