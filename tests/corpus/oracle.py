#!/usr/bin/env python3
"""The naive judge: reads a whole GGUF file and says what admission must answer.

    python3 oracle.py FILE...          one JSON line for each file
    python3 oracle.py --batch          one JSON line for each request line on stdin:
        {"path": P | "hex": H, "length": "declared" | "unknown" | N, "limits": {..},
         "sink": "verify" | "resident", "truncate": N, "values": true, "profile": true}

It has the file whole and may look anywhere, so it is written down in the order of the
rules and knows nothing of chunks, windows or states. It shares no code with the parser:
where the two differ, one of them misreads the rules.
"""

import hashlib
import json
import mmap
import struct
import sys

import llama_profile
import numbers_text
from header import LIMITS, SCALARS, Fault, Header, scalar

SAFE_INTEGER = 2**53 - 1
REPORT_STRING_BYTES = 4096
RESIDENT_TENSOR_BYTES = 2**31 - 1
RESIDENT_MEMORY_BYTES = 2**32 - 2**24


def judge(data, *, length="declared", limits=None, sink="verify"):
    """The verdict on a file: `admitted` with its report, or `rejected` with code, offset, path.

    `length` is "declared" (exactly `len(data)`), "unknown", or a number: the length that was
    declared, whatever arrived. A declared length of 0 never opens a session: `argument`.
    """
    declared = {"declared": len(data), "unknown": None}.get(length, length)
    if declared == 0:
        return _rejection("argument", None, None)
    try:
        header = Header(data, declared, _limits_in_effect(limits or {}))
        _judge_table(header, declared, sink)
        _judge_data(header, len(data), declared)
    except Fault as fault:
        return _rejection(*fault.args)
    return {
        "verdict": "admitted",
        "gguf": {
            "version": header.version,
            "alignment": header.alignment,
            "headerBytes": header.end,
            "dataOffset": header.data_start,
            "dataBytes": max(header.required_end - header.data_start, 0),
            "trailingBytes": max(len(data) - header.allowed_end, 0),
        },
        "metadata": [_entry_report(header, entry) for entry in header.entries],
        "tensors": [_tensor_report(header, tensor) for tensor in header.tensors],
        "digests": {"sha256": hashlib.sha256(data).hexdigest()},
    }


def values(data, *, limits=None):
    """Every metadata value in full, in file order; raises `Fault` on a bad header."""
    header = Header(data, None, _limits_in_effect(limits or {}))
    return [_value(header, entry) for entry in header.entries]


def _rejection(code, offset, path):
    return {"verdict": "rejected", "code": code, "offset": offset, "path": path}


def _limits_in_effect(given):
    unknown = set(given) - set(LIMITS)
    if unknown:
        raise ValueError(f"no such limit: {sorted(unknown)}")
    return {name: min(max(given.get(name, default), lowest), highest)
            for name, (default, lowest, highest) in LIMITS.items()}


def _judge_table(header, declared, sink):
    """What can be said of the whole table before a byte behind it is seen."""
    if declared is not None:
        last_allowed = header.allowed_end + header.limits["trailing_bytes"]
        if declared > last_allowed:
            raise Fault("trailing", last_allowed, "trailing")
        _judge_end(header, declared)
    else:
        for tensor in header.tensors:
            if _tensor_end(header, tensor) > SAFE_INTEGER:
                raise Fault("layout", tensor["offset_field"], tensor["path"])
    if sink == "resident" and header.tensors:
        biggest = max(tensor["bytes"] for tensor in header.tensors)
        # What a session needs beside its data is the implementation's business, so only
        # what no implementation could hold is judged here.
        if biggest > RESIDENT_TENSOR_BYTES - (header.alignment - 1) or header.data_size > RESIDENT_MEMORY_BYTES:
            raise Fault("limit", header.tensors[-1]["offset_field"], "memory")


def _judge_data(header, received, declared):
    """The bytes behind the table in file order, then the end of the file."""
    within = received if declared is None else min(received, declared)
    _judge_padding(header, header.end, min(header.data_start, within))
    for tensor in header.tensors:
        padding_end = header.data_start + tensor["offset"] + tensor["padded"]
        _judge_padding(header, _tensor_end(header, tensor), min(padding_end, within))
    last_allowed = header.allowed_end + header.limits["trailing_bytes"]
    if within > last_allowed:
        raise Fault("trailing", last_allowed, "trailing")
    if received > within:
        raise Fault("trailing", within, "trailing")
    _judge_end(header, received)
    if declared is not None and received < declared:
        raise Fault("truncated", received, "length")


def _judge_end(header, end):
    if not header.tensors:
        return
    if end < header.data_start:
        raise Fault("truncated", header.end, "padding")
    for tensor in header.tensors:
        if _tensor_end(header, tensor) > end:
            raise Fault("truncated", tensor["offset_field"], tensor["path"])


def _judge_padding(header, start, end):
    for at in range(start, end):
        if header.data[at] != 0:
            raise Fault("layout", at, "padding")


def _tensor_end(header, tensor):
    return header.data_start + tensor["offset"] + tensor["bytes"]


# The report

def _entry_report(header, entry):
    report = {"key": entry["key"], "type": entry["type"]}
    if entry["type"] == "array":
        report.update(of=entry["of"], items=entry["items"], offset=entry["start"])
        return report
    report["value"] = _value(header, entry, longest=REPORT_STRING_BYTES)
    if entry.get("size", 0) > REPORT_STRING_BYTES:
        report["bytes"] = entry["size"]
    return report


def _tensor_report(header, tensor):
    return {"name": tensor["name"], "type": tensor["type"], "dims": [_number(d) for d in tensor["dims"]],
            "offset": _number(header.data_start + tensor["offset"]), "bytes": _number(tensor["bytes"])}


def _value(header, entry, longest=None):
    if entry["type"] == "string":
        size = entry["size"] if longest is None else min(entry["size"], longest)
        return _text(header, entry["start"], size)
    if entry["type"] != "array":
        return _shown(entry["type"], scalar(header, entry["type"], entry["start"]))
    if entry["of"] == "string":
        found, at = [], entry["start"]
        for _ in range(entry["items"]):
            size = scalar(header, "u64", at)
            found.append(_text(header, at + 8, size))
            at += 8 + size
        return found
    elements = struct.unpack_from(f"<{entry['items']}{SCALARS[entry['of']]}", header.data, entry["start"])
    return [_shown(entry["of"], element) for element in elements]


def _text(header, start, size):
    return header.data[start:start + size].tobytes().decode("utf-8", errors="replace")


def _shown(kind, value):
    """A scalar as the report's JSON has it."""
    if kind in ("u64", "i64"):
        return str(value)
    if kind == "bool":
        return bool(value)
    if kind == "f32":
        return numbers_text.f32(value)
    if kind == "f64":
        return numbers_text.f64(value)
    return value


def _number(value):
    return value if value <= SAFE_INTEGER else str(value)


# The command

def _bytes_of(path):
    with open(path, "rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            return b""  # an empty file cannot be mapped


def _answer(request):
    data = bytes.fromhex(request["hex"]) if "hex" in request else _bytes_of(request["path"])
    if "truncate" in request:
        data = memoryview(data)[:request["truncate"]]
    limits = request.get("limits") or {}
    verdict = judge(data, length=request.get("length", "declared"), limits=limits,
                    sink=request.get("sink", "verify"))
    if request.get("values") and verdict["verdict"] == "admitted":
        verdict["values"] = values(data, limits=limits)
    if request.get("profile") and verdict["verdict"] == "admitted":
        found = llama_profile.findings(Header(data, len(data), _limits_in_effect(limits)))
        verdict.update(findings=found, listed=len(llama_profile.listed(found)))
    return verdict


def main(arguments):
    if arguments == ["--batch"]:
        for line in sys.stdin:
            try:
                answer = _answer(json.loads(line))
            except (OSError, ValueError, KeyError, TypeError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)
        return 0
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    for path in arguments:
        print(json.dumps({"path": path, **judge(_bytes_of(path))}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
