"""The truth that the runtime is held to: Gemma 3 and Llama in numpy, over weights that gguf-py dequantised. It shares no code with it.

python3 tests/reference.py MODEL.gguf tests/tokens.json > tests/reference.json   (gguf and numpy from PyPI)

node tests/write-tiny.mjs NAME TINY.gguf && python3 tests/reference.py TINY.gguf > tests/NAME.json
"""

import json
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

PROMPTS = [("The capital of France is", 32), ("def fibonacci(n):", 6), (None, 1)]
# For a file of some hundred tokens: longer than its window, so that the rotation of far tokens counts.
TINY = [2] + [260 + (7 * index) % 40 for index in range(47)]
SHOWN = [0, 23, 47]


def main(path, tokens=None):
    reader = GGUFReader(path)
    network = Network(reader)
    weights = {t.name: dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
    exact = {name: w.astype(np.float64) for name, w in weights.items() if name != "token_embd.weight"}
    if tokens is None:
        logits = [evaluate(network, weights["token_embd.weight"], exact, TINY[: last + 1]) for last in SHOWN]
        rows = [{"last": last, "logits": [round(float(x), 5) for x in row]} for last, row in zip(SHOWN, logits)]
        print(json.dumps({"ids": TINY, "rows": rows}))
        return
    known = {entry["text"]: entry["ids"] for entry in json.load(open(tokens))}
    # Longer than the window: ids that are words, in no order that means something.
    long = [2] + [1000 + 13 * index for index in range(560)]
    cases = []
    for text, steps in PROMPTS:
        prompt = long if text is None else known[text]
        follow, most_likely = [], []
        for _ in range(steps):
            logits = evaluate(network, weights["token_embd.weight"], exact, prompt + follow)
            best = np.argsort(-logits)[:5]
            most_likely.append([[int(i), round(float(logits[i]), 5)] for i in best])
            follow.append(int(best[0]))
        cases.append({"prompt": prompt, "follow": follow, "mostLikely": most_likely})
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")


class Network:
    """The numbers that the file gives, with llama.cpp's defaults. A factor of "linear" scaling divides the positions in
    the layers that see the whole context, and in no other."""

    def __init__(self, reader):
        kind = reader.fields["general.architecture"]
        kind = bytes(kind.parts[kind.data[0]]).decode()
        self.is_gemma = kind == "gemma3"

        def number(key, default=None):
            field = reader.fields.get(f"{kind}.{key}")
            return default if field is None else field.parts[field.data[0]].tolist()[0]

        self.layers = number("block_count")
        self.head = number("attention.key_length") or number("embedding_length") // number("attention.head_count")
        self.epsilon = number("attention.layer_norm_rms_epsilon")
        self.window = number("attention.sliding_window")
        self.pattern = number("attention.sliding_window_pattern", 6) if self.is_gemma else 1
        self.base = number("rope.freq_base", 1e6 if self.is_gemma else 1e4)
        self.factor = number("rope.scaling.factor", 1)


def norm(x, weight, epsilon):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight


def rotate(x, base, factor, neighbours):
    """x: tokens, heads, numbers of a head; the first half of the numbers pairs with the second, or each with the next."""
    half = x.shape[-1] // 2
    if neighbours:
        apart = np.concatenate([x[..., 0::2], x[..., 1::2]], axis=-1)
        turned = rotate(apart, base, factor, False)
        return np.stack([turned[..., :half], turned[..., half:]], axis=-1).reshape(x.shape)
    angle = np.arange(x.shape[0])[:, None, None] / factor * base ** (-np.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)], axis=-1)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x / (1 + np.exp(-x))


def evaluate(network, embedding, weights, tokens):
    """The logits behind the last token."""
    count, size = len(tokens), network.head
    distance = np.arange(count)[:, None] - np.arange(count)[None, :]
    gemma = network.is_gemma
    x = embedding[tokens].astype(np.float64) * (np.sqrt(embedding.shape[1]) if gemma else 1)
    for layer in range(network.layers):
        part = lambda name: weights[f"blk.{layer}.{name}.weight"]
        norm_by = lambda x, name: norm(x, part(name), network.epsilon)
        norm_if = lambda x, name: norm_by(x, name) if gemma else x
        sees_all = layer % network.pattern == network.pattern - 1
        base, factor = (network.base, network.factor) if sees_all else (1e4, 1)
        h = norm_by(x, "attn_norm")
        heads = lambda name: (h @ part(name).T).reshape(count, -1, size)
        query = rotate(norm_if(heads("attn_q"), "attn_q_norm"), base, factor, not gemma)
        key = rotate(norm_if(heads("attn_k"), "attn_k_norm"), base, factor, not gemma)
        # Heads that follow each other share keys and values.
        share = lambda x: np.repeat(x, query.shape[1] // x.shape[1], axis=1)
        key, value = share(key), share(heads("attn_v"))
        score = np.einsum("thd,shd->hts", query, key) / np.sqrt(size)
        hidden = (distance < 0) if sees_all else (distance < 0) | (distance >= network.window)
        score = np.where(hidden, -np.inf, score)
        score = np.exp(score - score.max(axis=-1, keepdims=True))
        score /= score.sum(axis=-1, keepdims=True)
        seen = np.einsum("hts,shd->thd", score, value).reshape(count, -1)
        x = x + norm_if(seen @ part("attn_output").T, "post_attention_norm")
        h = norm_by(x, "ffn_norm")
        bend = gelu if gemma else silu
        forward = (bend(h @ part("ffn_gate").T) * (h @ part("ffn_up").T)) @ part("ffn_down").T
        x = x + norm_if(forward, "post_ffw_norm")
    output = weights.get("output.weight", embedding)
    return output.astype(np.float32) @ norm(x[-1], weights["output_norm.weight"], network.epsilon).astype(np.float32)


main(*sys.argv[1:])
