#!/usr/bin/env python3
"""A host in another engine: admits a GGUF file through ABI v1 and ABI v2, and prints the verdicts.

    pip install -r tests/host/requirements.txt
    wasmtime_host.py FILE [MODULE]          (MODULE: by default js/guest.wasm)
"""

import functools
import json
import os
import pathlib
import sys

import wasmtime

MODULE = pathlib.Path(__file__).resolve().parents[2] / "js" / "guest.wasm"
SINKS = {"verify": 1, "resident": 2}
ADMITTED = 4


@functools.cache
def compiled(module):
    engine = wasmtime.Engine()
    return engine, wasmtime.Module.from_file(engine, str(module))


class Guest:
    def __init__(self, module):
        engine, code = compiled(module)
        self.store = wasmtime.Store(engine)
        self.exports = wasmtime.Instance(self.store, code, []).exports(self.store)
        self.memory = self.exports["memory"]

    def call(self, name, *arguments):
        return self.exports[name](self.store, *arguments)

    def text(self, ptr, length):
        return json.loads(self.memory.read(self.store, ptr & 0xFFFFFFFF, (ptr & 0xFFFFFFFF) + length))

    def slice(self, packed):
        return self.text(packed & 0xFFFFFFFF, packed >> 32)


def admit_v1(path, module=MODULE):
    """The whole file at once."""
    guest, contents = Guest(module), path.read_bytes()
    ptr = guest.call("alloc", len(contents)) & 0xFFFFFFFF
    if ptr == 0:
        return {"verdict": "refused at alloc", "code": None}
    guest.memory.write(guest.store, contents, ptr)
    status = guest.call("load_model", ptr, len(contents))
    guest.call("dealloc", ptr, len(contents))
    if status != 0:
        result = guest.text(guest.call("last_result_ptr"), guest.call("last_result_len"))
        return {"verdict": "rejected", "code": result["code"]}
    model = guest.text(guest.call("get_diagnostics_ptr"), guest.call("get_diagnostics_len"))["model"]
    return {"verdict": "admitted", "code": None, "tensors": len(model["tensors"]), "sha256": model["digests"]["sha256"]}


def admit_v2(path, sink, module=MODULE):
    """Window by window."""
    guest = Guest(module)
    handle = guest.call("begin", os.path.getsize(path) or -1, SINKS[sink])
    with open(path, "rb") as file:
        state = 1
        while state > 0:
            window = guest.call("window", handle)
            if window < 0:
                state = window
                break
            chunk = file.read(window >> 32)
            if not chunk:
                state = guest.call("finish", handle)
                break
            guest.memory.write(guest.store, chunk, window & 0xFFFFFFFF)
            state = guest.call("push_chunk", handle, file.tell() - len(chunk), len(chunk))
    if state != ADMITTED:
        return {"verdict": "rejected", "code": guest.slice(guest.call("last_error"))["code"]}
    report = guest.slice(guest.call("report", handle))
    return {"verdict": "admitted", "code": None, "tensors": len(report["tensors"]), "sha256": report["digests"]["sha256"]}


def main(arguments):
    path, module = pathlib.Path(arguments[0]), pathlib.Path(arguments[1]) if arguments[1:] else MODULE
    print("v1          ", json.dumps(admit_v1(path, module)))
    for sink in SINKS:
        print(f"v2 {sink:<9}", json.dumps(admit_v2(path, sink, module)))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1:])
