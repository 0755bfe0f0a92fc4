"""The truth that the runtime is held to: Gemma 3 in numpy, over weights that gguf-py dequantised. It shares no code with it.

python3 tests/reference.py MODEL.gguf tests/tokens.json > tests/reference.json   (gguf and numpy from PyPI)
"""

import json
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

PROMPTS = [("The capital of France is", 32), ("def fibonacci(n):", 6), (None, 1)]
EPSILON, WINDOW = 1e-6, 512


def main(path, tokens):
    reader = GGUFReader(path)
    weights = {t.name: dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
    exact = {name: w.astype(np.float64) for name, w in weights.items() if name != "token_embd.weight"}
    known = {entry["text"]: entry["ids"] for entry in json.load(open(tokens))}
    # Longer than the window: ids that are words, in no order that means something.
    long = [2] + [1000 + 13 * index for index in range(560)]
    cases = []
    for text, steps in PROMPTS:
        prompt = long if text is None else known[text]
        follow, most_likely = [], []
        for _ in range(steps):
            logits = evaluate(weights["token_embd.weight"], exact, prompt + follow)
            best = np.argsort(-logits)[:5]
            most_likely.append([[int(i), round(float(logits[i]), 5)] for i in best])
            follow.append(int(best[0]))
        cases.append({"prompt": prompt, "follow": follow, "mostLikely": most_likely})
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")


def norm(x, weight):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPSILON) * weight


def rotate(x, base):
    """x: tokens, heads, numbers of a head; the first half of the numbers pairs with the second."""
    half = x.shape[-1] // 2
    angle = np.arange(x.shape[0])[:, None, None] * base ** (-np.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)], axis=-1)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def evaluate(embedding, weights, tokens):
    """The logits behind the last token."""
    count = len(tokens)
    distance = np.arange(count)[:, None] - np.arange(count)[None, :]
    x = embedding[tokens].astype(np.float64) * np.sqrt(embedding.shape[1])
    for layer in range(18):
        part = lambda name: weights[f"blk.{layer}.{name}.weight"]
        sees_all = layer % 6 == 5
        base = 1e6 if sees_all else 1e4
        h = norm(x, part("attn_norm"))
        heads = lambda name: (h @ part(name).T).reshape(count, -1, 256)
        query = rotate(norm(heads("attn_q"), part("attn_q_norm")), base)
        key = rotate(norm(heads("attn_k"), part("attn_k_norm")), base)
        value = heads("attn_v")
        score = np.einsum("thd,sd->hts", query, key[:, 0]) / 16
        hidden = (distance < 0) if sees_all else (distance < 0) | (distance >= WINDOW)
        score = np.where(hidden, -np.inf, score)
        score = np.exp(score - score.max(axis=-1, keepdims=True))
        score /= score.sum(axis=-1, keepdims=True)
        seen = np.einsum("hts,sd->thd", score, value[:, 0]).reshape(count, -1)
        x = x + norm(seen @ part("attn_output").T, part("post_attention_norm"))
        h = norm(x, part("ffn_norm"))
        forward = (gelu(h @ part("ffn_gate").T) * (h @ part("ffn_up").T)) @ part("ffn_down").T
        x = x + norm(forward, part("post_ffw_norm"))
    return embedding @ norm(x[-1], weights["output_norm.weight"]).astype(np.float32)


main(*sys.argv[1:])
