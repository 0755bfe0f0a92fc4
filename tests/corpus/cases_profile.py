"""Rule 32 and the rules of docs/profiles.md: headers that break one of `llama` just so, and their nearest neighbours.

A case states by hand what is found: "RULE LEVEL PATH", with " @ MARK" where the offset is not that of the path.
"""

from dataclasses import dataclass

from builder import Gguf

TOKENS = ["<unk>", "<s>", "</s>", "<0x0A>", "a"]
GOOD = {
    "general.architecture": ("string", "llama"),
    "llama.block_count": ("u32", 2),
    "llama.embedding_length": ("u32", 32),
    "llama.attention.head_count": ("u32", 8),
    "llama.attention.head_count_kv": ("u32", 4),
    "tokenizer.ggml.model": ("string", "llama"),
    "tokenizer.ggml.tokens": ("string[]", TOKENS),
    "tokenizer.ggml.scores": ("f32[]", [0.0] * 5),
    "tokenizer.ggml.token_type": ("i32[]", [2, 3, 3, 6, 1]),
    "tokenizer.ggml.bos_token_id": ("u32", 1),
}
TENSORS = [("token_embd.weight", [32, 5]), ("blk.1.ffn_up.weight", [32])]
BLOCKS, EMBEDDING, HEADS, HEADS_KV = "metadata[1].value", "metadata[2].value", "metadata[3].value", "metadata[4].value"
MODEL, WORDS, SCORES, TYPES, BOS = (f"metadata[{index}].value" for index in range(5, 10))
ADDED = "metadata[10].value"


@dataclass
class ProfileCase:
    name: str
    about: str
    contents: bytes
    findings: list  # (rule, level, path, offset), all of them

    @property
    def rules(self):
        return sorted({rule for rule, *_ in self.findings})


CASES = []


def profile_case(name, about, expected, changes=None, *, without=(), tensors=None):
    """`changes` replace entries where they stand, or come behind the others."""
    g = Gguf()
    for key, (kind, value) in {**GOOD, **(changes or {})}.items():
        if key in without:
            continue
        if kind.endswith("[]"):
            g.array(key, kind[:-2], value)
        else:
            g.entry(key, kind, value)
    for tensor, dims in TENSORS if tensors is None else tensors:
        g.tensor(tensor, dims, "I8")
    contents = g.file()
    findings = []
    for line in expected:
        fields, _, mark = line.partition(" @ ")
        rule, level, *path = fields.split(" ")
        findings.append((rule, level, path[0] if path else None, g.at[mark or path[0]] if path else None))
    CASES.append(ProfileCase(f"profile_{name}", about, contents, findings))


def tokens(*words):
    return {"tokenizer.ggml.tokens": ("string[]", list(words))}


def beside(count):
    """`scores` and `token_type` for so many tokens."""
    return {"tokenizer.ggml.scores": ("f32[]", [0.0] * count), "tokenizer.ggml.token_type": ("i32[]", [1] * count)}


profile_case("good", "a header that keeps every rule", [])

# L1
profile_case("l1_missing", "there is no architecture", ["L1 error"], without=["general.architecture"])
profile_case("l1_empty", "the architecture is empty", ["L1 error metadata[0].value"],
             {"general.architecture": ("string", "")})
profile_case("l1_number", "the architecture is a number", ["L1 error metadata[0].value"],
             {"general.architecture": ("u32", 1)})

# L2
profile_case("l2_missing", "block_count is missing", ["L2 error"], without=["llama.block_count"])
profile_case("l2_none", "no blocks", [f"L2 error {BLOCKS}"], {"llama.block_count": ("u32", 0)})
profile_case("l2_512", "as many blocks as there may be", [], {"llama.block_count": ("u32", 512)})
profile_case("l2_513", "a block too many", [f"L2 error {BLOCKS}"], {"llama.block_count": ("u32", 513)})
profile_case("l2_negative", "a negative number of blocks", [f"L2 error {BLOCKS}"], {"llama.block_count": ("i32", -1)})
profile_case("l2_signed", "an integer of any type", [], {"llama.block_count": ("i64", 2)})
profile_case("l2_float", "block_count is no integer", [f"L2 error {BLOCKS}"], {"llama.block_count": ("f32", 2.0)})
profile_case("l2_array", "block_count is an array", [f"L2 error {BLOCKS}"], {"llama.block_count": ("u32[]", [2, 2])})
profile_case("l2_tensor_at", "a tensor of the block behind the last", ["L2 error tensors[1].name"],
             tensors=[("token_embd.weight", [32, 5]), ("blk.2.ffn_up.weight", [32])])
profile_case("l2_tensor_far", "a block number that no 64 bits hold", ["L2 error tensors[1].name"],
             tensors=[("token_embd.weight", [32, 5]), ("blk.99999999999999999999.x", [1])])
profile_case("l2_tensor_no_number", "names that only look like blocks", [],
             tensors=[("token_embd.weight", [32, 5]), ("blk.9", [1]), ("blk.x.9.y", [1]), ("a.blk.9.x", [1]),
                      ("blk.9a.x", [1]), ("blk..9", [1])])
profile_case("l2_seven_tensors", "more findings than a report lists",
             [f"L2 error tensors[{index}].name" for index in range(1, 8)],
             tensors=[("token_embd.weight", [32, 5]), *((f"blk.{2 + index}.x", [1]) for index in range(7))])

# L3
profile_case("l3_scores_u32", "scores are no floats", [f"L3 error {SCORES}"],
             {"tokenizer.ggml.scores": ("u32[]", [0] * 5)})
profile_case("l3_scores_short", "a score is missing", [f"L3 error {SCORES}"],
             {"tokenizer.ggml.scores": ("f32[]", [0.0] * 4)})
profile_case("l3_scores_long", "a score too many", [f"L3 error {SCORES}"],
             {"tokenizer.ggml.scores": ("f32[]", [0.0] * 6)})
profile_case("l3_scores_both", "of another type and length: two findings", [f"L3 error {SCORES}"] * 2,
             {"tokenizer.ggml.scores": ("f64[]", [0.0] * 6)})
profile_case("l3_scores_single", "scores is no array", [f"L3 error {SCORES}"], {"tokenizer.ggml.scores": ("f32", 0.0)})
profile_case("l3_types_u32", "token types without a sign", [f"L3 warning {TYPES}"],
             {"tokenizer.ggml.token_type": ("u32[]", [2, 3, 3, 6, 1])})
profile_case("l3_types_i64", "token types too wide", [f"L3 error {TYPES}"],
             {"tokenizer.ggml.token_type": ("i64[]", [2, 3, 3, 6, 1])})
profile_case("l3_types_short", "a token type is missing", [f"L3 error {TYPES}"],
             {"tokenizer.ggml.token_type": ("i32[]", [2, 3, 3, 6])})
profile_case("l3_merges_numbers", "merges are no strings", [f"L3 error {ADDED}"],
             {"tokenizer.ggml.merges": ("u32[]", [1])})
profile_case("l3_merges", "merges of any number", [], {"tokenizer.ggml.merges": ("string[]", ["a b"])})
profile_case("l3_tokens_numbers", "tokens are no strings", [f"L3 error {WORDS}"],
             {"tokenizer.ggml.tokens": ("u32[]", [1, 2, 3, 4, 5])})
profile_case("l3_tokens_single", "tokens is no array: nothing is compared with it", [f"L3 error {WORDS}"],
             {"tokenizer.ggml.tokens": ("string", "a")})
profile_case("l3_all_missing", "a vocabulary is not asked for", [],
             without=[key for key in GOOD if key.startswith("tokenizer.")])

# L4
profile_case("l4_last", "the last token is one", [], {"tokenizer.ggml.bos_token_id": ("u32", 4)})
profile_case("l4_behind", "the token behind the last", [f"L4 error {BOS}"], {"tokenizer.ggml.bos_token_id": ("u32", 5)})
profile_case("l4_negative", "a negative token", [f"L4 error {BOS}"], {"tokenizer.ggml.bos_token_id": ("i32", -1)})
profile_case("l4_text", "a token by its text", [f"L4 error {BOS}"], {"tokenizer.ggml.bos_token_id": ("string", "<s>")})
profile_case("l4_any_key", "any special token", [f"L4 error {ADDED}"], {"tokenizer.ggml.fim_pad_token_id": ("u64", 9)})
profile_case("l4_other_key", "a key of another form", [], {"tokenizer.ggml.token_id_count": ("u32", 9)})
profile_case("l4_assumed", "eos is missing, and 2 is assumed of two tokens",
             [f"L4 error {WORDS}", "L8 warning tensors[0].dims[1]"], {**tokens("a", "b"), **beside(2)})
profile_case("l4_assumed_good", "three tokens are enough for what is assumed", ["L8 warning tensors[0].dims[1]"],
             {**tokens("a", "b", "c"), **beside(3)})
profile_case("l4_said", "what the file says is not assumed", ["L8 warning tensors[0].dims[1]"],
             {**tokens("a", "b"), **beside(2), "tokenizer.ggml.eos_token_id": ("u32", 1)})
profile_case("l4_gpt2", "gpt2 assumes 11 twice", [f"L4 error {WORDS}"],
             {"tokenizer.ggml.model": ("string", "gpt2"), "tokenizer.ggml.merges": ("string[]", ["a b"])})
profile_case("l4_bert", "bert assumes unknown, separator and mask", [f"L4 error {WORDS}"] * 3,
             {"tokenizer.ggml.model": ("string", "bert")})
profile_case("l4_bert_said", "the separator's key is spelt so", [f"L4 error {WORDS}"] * 2,
             {"tokenizer.ggml.model": ("string", "bert"), "tokenizer.ggml.seperator_token_id": ("u32", 0)})
profile_case("l4_t5", "t5 assumes unknown 2", ["L8 warning tensors[0].dims[1]", f"L4 error {WORDS}"],
             {**tokens("a", "b"), **beside(2), "tokenizer.ggml.model": ("string", "t5")})
profile_case("l4_other_model", "of another model nothing is assumed", ["L8 warning tensors[0].dims[1]"],
             {**tokens("a", "b"), **beside(2), "tokenizer.ggml.model": ("string", "rwkv")})

# L5
FOURTH = f"{WORDS} @ metadata[6].elements[3]"
for name, word, kind, is_good in (
    ("upper", "<0xFF>", 6, True), ("lower", "<0xab>", 6, True), ("not_hex", "<0xG0>", 6, False),
    ("not_hex_at_all", "<0x..>", 1, False), ("look_alike", "<0x0>", 1, True), ("by_type", "A", 6, False),
    ("by_look", "<0x1 >", 1, False), ("other_end", "<0x0A)", 6, False), ("other_end_plain", "<0x0A)", 1, True),
    ("six_bytes", "abcdef", 1, True), ("six_bytes_by_type", "abcdef", 6, False), ("seven", "<0x0A>>", 1, True),
):
    profile_case(f"l5_{name}", f"the token {word} of type {kind}", [] if is_good else [f"L5 error {FOURTH}"],
                 {**tokens("<unk>", "<s>", "</s>", word, "a"), "tokenizer.ggml.token_type": ("i32[]", [2, 3, 3, kind, 1])})
profile_case("l5_no_types", "by its look alone", [f"L5 error {FOURTH}"], tokens("<unk>", "<s>", "</s>", "<0xZZ>", "a"),
             without=["tokenizer.ggml.token_type"])
profile_case("l5_eight", "more findings than a report lists, in a long vocabulary",
             [f"L5 error {WORDS} @ metadata[6].elements[{index}]" for index in range(1, 9)]
             + ["L8 error tensors[0].dims[1]"],
             {**tokens("a", *(f"<0x{index}Z>" for index in range(8))), **beside(9)})

# L6
profile_case("l6_missing", "a byte-pair vocabulary without merges", [f"L6 error {MODEL}"],
             {"tokenizer.ggml.model": ("string", "gpt2"), "tokenizer.ggml.eos_token_id": ("u32", 0)})
profile_case("l6_empty", "merges may be empty", [],
             {"tokenizer.ggml.model": ("string", "gpt2"), "tokenizer.ggml.merges": ("string[]", []),
              "tokenizer.ggml.eos_token_id": ("u32", 0)})

# L7
profile_case("l7_no_heads", "no heads", [f"L7 error {HEADS}"], {"llama.attention.head_count": ("u32", 0)})
profile_case("l7_no_heads_kv", "no heads for keys", [f"L7 error {HEADS_KV}"],
             {"llama.attention.head_count_kv": ("u32", 0)})
for part in ("ssm.conv_kernel", "wkv.head_size", "shortconv.l_cache"):
    profile_case(f"l7_no_heads_{part.partition('.')[0]}", "some layers do without attention", [],
                 {"llama.attention.head_count_kv": ("u32", 0), f"llama.{part}": ("u32", 4)})
profile_case("l7_heads_text", "heads as text", [f"L7 error {HEADS}"], {"llama.attention.head_count": ("string", "8")})
profile_case("l7_heads_array", "heads for each block, 0 among them", [],
             {"llama.attention.head_count": ("u32[]", [8, 0]), "llama.attention.head_count_kv": ("i32[]", [4, 0])})
profile_case("l7_heads_array_short", "heads for one block of two", [f"L7 error {HEADS}"],
             {"llama.attention.head_count": ("u32[]", [8])})
profile_case("l7_heads_kv_array_long", "heads for three blocks of two", [f"L7 error {HEADS_KV}"],
             {"llama.attention.head_count_kv": ("u32[]", [4, 4, 4])})
profile_case("l7_forward_array_long", "lengths for three blocks of two", [f"L7 error {ADDED}"],
             {"llama.feed_forward_length": ("u32[]", [64] * 3)})
profile_case("l7_forward_zero", "a feed-forward length of 0", [], {"llama.feed_forward_length": ("u32", 0)})
profile_case("l7_forward_float", "a feed-forward length that is no integer", [f"L7 error {ADDED}"],
             {"llama.feed_forward_length": ("f32", 64.0)})
profile_case("l7_array_without_blocks", "without block_count no length of an array is judged", [f"L2 error {BLOCKS}"],
             {"llama.block_count": ("u32", 0), "llama.feed_forward_length": ("u32[]", [64] * 3)})
profile_case("l7_no_multiple", "8 heads of 3", [f"L7 error {HEADS_KV}"], {"llama.attention.head_count_kv": ("u32", 3)})
profile_case("l7_embedding", "33 of 8 heads", [f"L7 error {EMBEDDING}"], {"llama.embedding_length": ("u32", 33)})
profile_case("l7_embedding_key_length", "with a key length they need not fit", [],
             {"llama.embedding_length": ("u32", 33), "llama.attention.key_length": ("u32", 16)})
profile_case("l7_experts", "as many experts used as there are", [],
             {"llama.expert_count": ("u32", 2), "llama.expert_used_count": ("u32", 2)})
profile_case("l7_experts_more", "more experts used than there are", ["L7 error metadata[11].value"],
             {"llama.expert_count": ("u32", 2), "llama.expert_used_count": ("u32", 3)})
profile_case("l7_experts_missing", "an expert used of none", [f"L7 error {ADDED}"],
             {"llama.expert_used_count": ("u32", 1)})
profile_case("l7_other_architecture", "keys of another architecture are not looked at", [],
             {"gpt2.attention.head_count": ("u32", 0)})

# L8
profile_case("l8_fewer", "a row is missing", ["L8 error tensors[0].dims[1]"], tensors=[("token_embd.weight", [32, 4])])
profile_case("l8_more", "a row too many", ["L8 warning tensors[0].dims[1]"], tensors=[("token_embd.weight", [32, 6])])
profile_case("l8_one_dimension", "one row", ["L8 error tensors[0].dims"], tensors=[("token_embd.weight", [32])])
profile_case("l8_elsewhere", "no such tensor", [], tensors=[("output.weight", [32, 4])])

# L9
profile_case("l9_4096", "a token as long as it may be", [], tokens("<unk>", "<s>", "</s>", "<0x0A>", "x" * 4096))
profile_case("l9_4097", "a token of a byte more", [f"L9 warning {WORDS} @ metadata[6].elements[4]"],
             tokens("<unk>", "<s>", "</s>", "<0x0A>", "x" * 4097))

# Whom it judges
BAD = {"llama.attention.head_count": ("u32", 0)}
profile_case("judged_first_shard", "the first shard is judged", [f"L7 error {HEADS}"], {**BAD, "split.no": ("u16", 0)})
profile_case("judged_second_shard", "another shard is not", [], {**BAD, "split.no": ("u16", 1)})
profile_case("judged_model", "a model by its type", [f"L7 error {HEADS}"], {**BAD, "general.type": ("string", "model")})
profile_case("judged_adapter", "an adapter is not judged", [], {**BAD, "general.type": ("string", "adapter")})
profile_case("judged_clip", "a vision part is not judged", [],
             {**BAD, "general.architecture": ("string", "clip"), "tokenizer.ggml.bos_token_id": ("u32", 99)})
profile_case("judged_vocabulary", "without tensors only the vocabulary is judged", [f"L4 error {BOS}"],
             {**BAD, "tokenizer.ggml.bos_token_id": ("u32", 5)}, tensors=[])
