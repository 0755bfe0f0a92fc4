"""The naive reading of docs/profiles.md: what the profile `llama` finds in a header.

It belongs to the oracle: it is written from that page, has the header whole, and shares no code with the judge that
it is held against.
"""

from header import scalar

MOST_BLOCKS = 512
LONGEST_TOKEN = 4096
BYTE_TOKEN = 6
LISTED_OF_A_RULE = 6

INTEGERS = ("u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64")
ASSUMED = {
    "llama": {"bos": 1, "eos": 2, "unknown": 0},
    "gpt2": {"bos": 11, "eos": 11},
    "bert": {"unknown": 100, "bos": 101, "seperator": 102, "mask": 103},
    "t5": {"eos": 1, "unknown": 2},
}


def findings(header):
    """All of them as (rule, level, path, offset), in the order of the report."""
    found = _Judge(header).found
    return sorted(found, key=lambda finding: (finding[0], -1 if finding[3] is None else finding[3]))


def listed(found):
    """Those that a report lists: the first six of each rule."""
    kept = []
    for finding in found:
        if sum(other[0] == finding[0] for other in kept) < LISTED_OF_A_RULE:
            kept.append(finding)
    return kept


def refusal(found):
    """Path and offset of the error that level 2 makes of them, or None."""
    return next(((path, offset) for _, level, path, offset in found if level == "error"), None)


class _Judge:
    def __init__(self, header):
        self.header = header
        self.found = []
        self.index = {entry["key"]: index for index, entry in enumerate(header.entries)}
        if not self.is_judged():
            return
        architecture = self.l1()
        if architecture and header.tensors:
            blocks = self.l2(architecture)
            self.l7(architecture, blocks)
        self.l3()
        self.l4()
        self.l5_and_l9()
        self.l6()
        if header.tensors:
            self.l8()

    # Values

    def at(self, key):
        """Path and offset of a value."""
        entry = self.header.entries[self.index[key]]
        before = {"string": 8, "array": 12}.get(entry["type"], 0)
        return f"metadata[{self.index[key]}].value", entry["start"] - before

    def entry(self, key):
        return self.header.entries[self.index[key]] if key in self.index else None

    def text(self, key):
        entry = self.entry(key)
        if entry is None or entry["type"] != "string":
            return None
        return self.header.data[entry["start"]:entry["start"] + entry["size"]].tobytes()

    def array(self, key):
        entry = self.entry(key)
        return entry if entry is not None and entry["type"] == "array" else None

    def integer(self, key):
        """The value, where it is an integer that is not negative."""
        entry = self.entry(key)
        if entry is None or entry["type"] not in INTEGERS:
            return None
        value = scalar(self.header, entry["type"], entry["start"])
        return value if value >= 0 else None

    def strings(self, entry):
        """Offset of the length field and bytes of each string of an array."""
        at = entry["start"]
        for _ in range(entry["items"]):
            size = scalar(self.header, "u64", at)
            yield at, self.header.data[at + 8:at + 8 + size].tobytes()
            at += 8 + size

    def add(self, rule, level, path=None, offset=None):
        self.found.append((rule, level, path, offset))

    # Rules

    def is_judged(self):
        general_type = self.text("general.type")
        return not (
            (self.integer("split.no") or 0) > 0
            or (general_type is not None and general_type != b"model")
            or self.text("general.architecture") == b"clip"
        )

    def l1(self):
        if "general.architecture" not in self.index:
            self.add("L1", "error")
            return None
        architecture = self.text("general.architecture")
        if not architecture:
            self.add("L1", "error", *self.at("general.architecture"))
            return None
        return architecture

    def l2(self, architecture):
        key = _key(architecture, "block_count")
        if key not in self.index:
            self.add("L2", "error")
            return None
        blocks = self.integer(key)
        if blocks is None or not 1 <= blocks <= MOST_BLOCKS:
            self.add("L2", "error", *self.at(key))
            return None
        for index, tensor in enumerate(self.header.tensors):
            parts = tensor["name"].split(".")
            if len(parts) > 2 and parts[0] == "blk" and parts[1].isascii() and parts[1].isdigit() \
                    and int(parts[1]) >= blocks:
                self.add("L2", "error", f"tensors[{index}].name", tensor["name_field"])
        return blocks

    def l3(self):
        tokens = self.array("tokenizer.ggml.tokens")
        for name, of in (("tokens", "string"), ("scores", "f32"), ("token_type", "i32"), ("merges", "string")):
            key = f"tokenizer.ggml.{name}"
            if key not in self.index:
                continue
            array = self.array(key)
            if array is None:
                self.add("L3", "error", *self.at(key))
                continue
            if array["of"] != of:
                is_near = name == "token_type" and array["of"] == "u32"
                self.add("L3", "warning" if is_near else "error", *self.at(key))
            if name in ("scores", "token_type") and tokens and array["items"] != tokens["items"]:
                self.add("L3", "error", *self.at(key))

    def l4(self):
        tokens = self.array("tokenizer.ggml.tokens")
        if tokens is None:
            return
        count = tokens["items"]
        for key in self.index:
            if key.startswith("tokenizer.ggml.") and key.endswith("_token_id") \
                    and len(key) >= len("tokenizer.ggml._token_id"):
                token = self.integer(key)
                if token is None or token >= count:
                    self.add("L4", "error", *self.at(key))
        model = self.text("tokenizer.ggml.model") or b""
        for name, token in ASSUMED.get(model.decode("utf-8", "replace"), {}).items():
            if f"tokenizer.ggml.{name}_token_id" not in self.index and token >= count:
                self.add("L4", "error", *self.at("tokenizer.ggml.tokens"))

    def l5_and_l9(self):
        tokens = self.array("tokenizer.ggml.tokens")
        if tokens is None or tokens["of"] != "string":
            return
        path, _ = self.at("tokenizer.ggml.tokens")
        types = self.array("tokenizer.ggml.token_type")
        has_types = types is not None and types["of"] in ("i32", "u32")
        for number, (offset, token) in enumerate(self.strings(tokens)):
            kind = scalar(self.header, "u32", types["start"] + 4 * number) \
                if has_types and number < types["items"] else None
            has_form = len(token) == 6 and token.startswith(b"<0x") and token.endswith(b">")
            has_digits = has_form and all(chr(digit) in "0123456789abcdefABCDEF" for digit in token[3:5])
            if (kind == BYTE_TOKEN or has_form) and not has_digits:
                self.add("L5", "error", path, offset)
            if len(token) > LONGEST_TOKEN:
                self.add("L9", "warning", path, offset)

    def l6(self):
        if self.text("tokenizer.ggml.model") == b"gpt2" and "tokenizer.ggml.merges" not in self.index:
            self.add("L6", "error", *self.at("tokenizer.ggml.model"))

    def l7(self, architecture, blocks):
        heads, heads_kv, forward, embedding, key_length, experts, used = (_key(architecture, name) for name in (
            "attention.head_count", "attention.head_count_kv", "feed_forward_length", "embedding_length",
            "attention.key_length", "expert_count", "expert_used_count"))
        does_without = any(key.startswith(_key(architecture, part))
                           for key in self.index for part in ("ssm.", "wkv.", "shortconv."))
        for key in (heads, heads_kv, forward):
            if key not in self.index:
                continue
            array = self.array(key)
            if array is not None:
                if blocks is not None and array["items"] != blocks:
                    self.add("L7", "error", *self.at(key))
            elif self.integer(key) is None or (self.integer(key) == 0 and key != forward and not does_without):
                self.add("L7", "error", *self.at(key))
        if self.integer(heads) and self.integer(heads_kv) and self.integer(heads) % self.integer(heads_kv):
            self.add("L7", "error", *self.at(heads_kv))
        if self.integer(heads) and self.integer(embedding) is not None and key_length not in self.index \
                and self.integer(embedding) % self.integer(heads):
            self.add("L7", "error", *self.at(embedding))
        there = self.integer(experts) if experts in self.index else 0
        if self.integer(used) is not None and there is not None and self.integer(used) > there:
            self.add("L7", "error", *self.at(used))

    def l8(self):
        tokens = self.array("tokenizer.ggml.tokens")
        names = [tensor["name"] for tensor in self.header.tensors]
        if tokens is None or "token_embd.weight" not in names:
            return
        index = names.index("token_embd.weight")
        tensor = self.header.tensors[index]
        dims = tensor["dims"]
        rows = dims[1] if len(dims) > 1 else 1
        if rows == tokens["items"]:
            return
        level = "error" if rows < tokens["items"] else "warning"
        if len(dims) > 1:
            self.add("L8", level, f"tensors[{index}].dims[1]", tensor["dims_field"] + 4 + 8)
        else:
            self.add("L8", level, f"tensors[{index}].dims", tensor["dims_field"])


def _key(architecture, name):
    return architecture.decode("utf-8", "surrogateescape") + "." + name
