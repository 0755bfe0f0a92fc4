"""The naive reading of docs/abi-v2.md, "Sets of shards": which shards join a set.

It belongs to the oracle, and like it shares no code with the judge that it is held against.
"""

from header import scalar

MOST_SHARDS = 64


class Unfit(Exception):
    """Why a shard does not join: code, offset, path."""


def joins(headers):
    """What each says, joined in this order to the first: None, or (code, offset, path).

    A shard that does not fit leaves the set as it was. Without its lead there is no set: `state` for all others.
    """
    answers, joined = [], []
    for header in headers:
        if answers and answers[0] is not None:
            answers.append(("state", None, None))
            continue
        try:
            _join(header, joined)
        except Unfit as unfit:
            answers.append(unfit.args)
        else:
            joined.append(header)
            answers.append(None)
    return answers


def _join(header, joined):
    no, count, total = (_value(header, key) for key in ("split.no", "split.count", "split.tensors.count"))
    lead = joined[0] if joined else header
    if not joined and count > MOST_SHARDS:
        raise Unfit("limit", *_place(header, "split.count"))
    if count != _value(lead, "split.count"):
        raise Unfit("set", *_place(header, "split.count"))
    numbers = [_value(other, "split.no") for other in joined]
    if no >= count or no in numbers or (not joined and no != 0):
        raise Unfit("set", *_place(header, "split.no"))
    together = sum(len(other.tensors) for other in [*joined, header])
    is_whole = len(joined) + 1 == count
    if total != _value(lead, "split.tensors.count") or together > total or (is_whole and together != total):
        raise Unfit("set", *_place(header, "split.tensors.count"))
    names = {tensor["name"] for other in joined for tensor in other.tensors}
    for index, tensor in enumerate(header.tensors):
        if tensor["name"] in names:
            raise Unfit("set", tensor["name_field"], f"tensors[{index}].name")


def _value(header, key):
    """The number under a key of a set, in the type that the page gives it."""
    kind = "i32" if key == "split.tensors.count" else "u16"
    entry = next((entry for entry in header.entries if entry["key"] == key), None)
    if entry is None:
        raise Unfit("set", None, None)
    if entry["type"] != kind:
        raise Unfit("set", *_place(header, key))
    value = scalar(header, kind, entry["start"])
    if value < 0 or (key == "split.count" and value == 0):
        raise Unfit("set", *_place(header, key))
    return value


def _place(header, key):
    index = next(index for index, entry in enumerate(header.entries) if entry["key"] == key)
    entry = header.entries[index]
    return entry["start"] - {"string": 8, "array": 12}.get(entry["type"], 0), f"metadata[{index}].value"
