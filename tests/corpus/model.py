"""A valid file like a real model's, of about as many bytes as asked for, written as a stream.

The header has what a llama header has: some thirty entries, a vocabulary with scores and types,
and a table of 32 layers in mixed quantisations. The data is pseudo-random.
"""

import hashlib

from builder import TENSOR_TYPES, Gguf, round_up

LAYERS = 32
VOCABULARY = 32_000
BLOCK = 256  # the super-block of the K quantisations: every row is a multiple of it
PATTERN_BYTES = 1 << 20

SYLLABLES = ["ka", "lo", "mi", "ter", "an", "es", "ing", "pre", "con", "tion", "er", "ly", "un", "st", "ver", "so"]


def write(file, size):
    """Writes the model and returns its exact length: `size` or a row of the vocabulary less,
    more only where `size` cannot hold the smallest model."""
    layers, tokens = (LAYERS, VOCABULARY) if size >= 40 << 20 else (4, 1024)
    header_bytes = len(_header(layers, tokens, 0, 0).bytes) + 64 * 10 * layers
    tensors = _tensors(layers, tokens, size - header_bytes)
    inner, width = next(dims for name, dims, _ in tensors if name == "blk.0.ffn_down.weight")
    g = _header(layers, tokens, width, inner)
    for name, dims, kind in tensors:
        g.tensor(name, dims, kind)
    written = file.write(g.file(data=False))
    pattern = Pattern()
    for _, data_bytes, padded in g.data:
        written += pattern.write(file, data_bytes)
        written += file.write(bytes(padded - data_bytes))
    return written


class Pattern:
    """Pseudo-random bytes, fast: one block, each time with the number of its use in front."""

    def __init__(self):
        self.block = bytearray(hashlib.shake_256(b"gguf").digest(PATTERN_BYTES))
        self.uses = 0

    def write(self, file, size):
        for start in range(0, size, PATTERN_BYTES):
            self.uses += 1
            self.block[:8] = self.uses.to_bytes(8, "little")
            file.write(memoryview(self.block)[:min(PATTERN_BYTES, size - start)])
        return size


def _header(layers, tokens, width, inner):
    g = Gguf().entry("general.architecture", "string", "llama").entry("general.type", "string", "model")
    g.entry("general.name", "string", "Corpus Llama").entry("general.size_label", "string", "1B")
    g.entry("general.license", "string", "mit").array("general.tags", "string", ["text-generation", "test"])
    g.array("general.languages", "string", ["en", "de"]).entry("general.file_type", "u32", 15)
    g.entry("general.quantization_version", "u32", 2).entry("llama.block_count", "u32", layers)
    g.entry("llama.context_length", "u32", 131_072).entry("llama.embedding_length", "u32", width)
    g.entry("llama.feed_forward_length", "u32", inner).entry("llama.attention.head_count", "u32", 32)
    g.entry("llama.attention.head_count_kv", "u32", 8).entry("llama.attention.key_length", "u32", 128)
    g.entry("llama.attention.value_length", "u32", 128).entry("llama.rope.freq_base", "f32", 500_000.0)
    g.entry("llama.rope.dimension_count", "u32", 128).entry("llama.vocab_size", "u32", tokens)
    g.entry("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5)
    g.entry("tokenizer.ggml.model", "string", "llama").entry("tokenizer.ggml.pre", "string", "default")
    g.array("tokenizer.ggml.tokens", "string", [_token(n) for n in range(tokens)])
    g.array("tokenizer.ggml.scores", "f32", [float(-n) if n > 2 else 0.0 for n in range(tokens)])
    g.array("tokenizer.ggml.token_type", "i32", [2, 3, 3] + [6] * 256 + [1] * (tokens - 259))
    g.entry("tokenizer.ggml.bos_token_id", "u32", 1).entry("tokenizer.ggml.eos_token_id", "u32", 2)
    g.entry("tokenizer.ggml.unknown_token_id", "u32", 0).entry("tokenizer.ggml.add_bos_token", "bool", 1)
    g.entry("tokenizer.chat_template", "string", "{% for message in messages %}\n<|{{ message['role'] }}|>\n"
            "{{ message['content'] }}</s>\n{% endfor %}")
    return g


def _token(n):
    if n < 3:
        return ["<unk>", "<s>", "</s>"][n]
    if n < 259:
        return f"<0x{n - 3:02X}>"
    word, rest = "", n
    while rest:
        word += SYLLABLES[rest % 16]
        rest //= 16
    return "\u2581" + word if n % 3 else word


def _tensors(layers, tokens, size):
    """The widest layers that fit, then the longest feed-forward rows, then rows of vocabulary."""
    width = _greatest(lambda width: _bytes(_table(layers, tokens, width, width)), size)
    inner = _greatest(lambda inner: _bytes(_table(layers, tokens, width, inner)), size)
    spare = size - _bytes(_table(layers, tokens, width, inner))
    padded_tokens = tokens + max(spare // _bytes([("", [width, 1], "Q4_K")]), 0)
    table = _table(layers, tokens, width, inner)
    table[0] = ("token_embd.weight", [width, padded_tokens], "Q4_K")
    return table


def _table(layers, tokens, width, inner):
    kv = round_up(width // 4, BLOCK)
    table = [("token_embd.weight", [width, tokens], "Q4_K")]
    for n in range(layers):
        down = "Q6_K" if n % 4 == 0 else "Q4_K"
        table += [(f"blk.{n}.attn_norm.weight", [width], "F32"), (f"blk.{n}.attn_q.weight", [width, width], "Q4_K"),
                  (f"blk.{n}.attn_k.weight", [width, kv], "Q5_K"), (f"blk.{n}.attn_v.weight", [width, kv], "Q8_0"),
                  (f"blk.{n}.attn_output.weight", [width, width], "Q4_K"), (f"blk.{n}.ffn_norm.weight", [width], "F32"),
                  (f"blk.{n}.ffn_gate.weight", [width, inner], "Q4_K"),
                  (f"blk.{n}.ffn_up.weight", [width, inner], "Q4_K"),
                  (f"blk.{n}.ffn_down.weight", [inner, width], down)]
    return table + [("output_norm.weight", [width], "F32"), ("output.weight", [width, tokens], "Q6_K"),
                    ("rope_freqs.weight", [64], "F32")]


def _bytes(table):
    total = 0
    for _, dims, kind in table:
        _, block, block_bytes = TENSOR_TYPES[kind]
        elements = dims[0] * (dims[1] if len(dims) > 1 else 1)
        total += round_up(elements // block * block_bytes, 32)
    return total


def _greatest(bytes_of, size):
    """The greatest multiple of BLOCK whose tensors fit, or one BLOCK."""
    width = BLOCK
    while bytes_of(width + BLOCK) <= size:
        width += BLOCK
    return width
