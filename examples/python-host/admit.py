"""Admits a GGUF file through ABI v2 (docs/abi-v2.md), with wasmtime.

    cargo xtask build                                        # js/guest.wasm
    pip install -r examples/python-host/requirements.txt
    python3 examples/python-host/admit.py FILE [SHA256]
"""

import json
import pathlib
import sys

import wasmtime

MODULE = pathlib.Path(__file__).resolve().parents[2] / "js" / "guest.wasm"
VERIFY, SHA256, HEADER_READY = 1, 1, 2


class Guest:
    def __init__(self):
        self.store = wasmtime.Store()
        module = wasmtime.Module.from_file(self.store.engine, str(MODULE))
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def call(self, name, *arguments):
        answer = self.exports[name](self.store, *arguments)
        if answer < 0:
            raise ValueError(json.loads(self.read(self.exports["last_error"](self.store))))
        return answer

    def read(self, slice):
        return self.exports["memory"].read(self.store, slice & 0xFFFFFFFF, (slice & 0xFFFFFFFF) + (slice >> 32))

    def admit(self, file, length, sha256=None, on_header=lambda report: None):
        """The report of an admitted file. `on_header` may raise before its data is read."""
        handle, at, chunk = self.call("begin", length or -1, VERIFY), 0, b""
        try:
            if sha256:
                words = [int.from_bytes(bytes.fromhex(sha256)[i:i + 8], "big", signed=True) for i in (0, 8, 16, 24)]
                self.call("expect_digest", handle, SHA256, *words)
            while True:
                window = self.call("window", handle)
                chunk = chunk or file.read(window >> 32)
                if not chunk:
                    break
                # Data that are equal to the window's first 16 bytes would look unwritten: push fewer than 16 of them.
                first = self.read(window & 0xFFFFFFFF | min(window >> 32, 16) << 32)
                size = min(15 if chunk[:16] == first else len(chunk), window >> 32)
                self.exports["memory"].write(self.store, chunk[:size], window & 0xFFFFFFFF)
                if self.call("push_chunk", handle, at, size) == HEADER_READY:
                    on_header(json.loads(self.read(self.call("report", handle))))
                at, chunk = at + size, chunk[size:]
            self.call("finish", handle)
            return json.loads(self.read(self.call("report", handle)))
        finally:
            self.call("release", handle)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: admit.py FILE [SHA256]")
    path = pathlib.Path(sys.argv[1])
    try:
        report = Guest().admit(path.open("rb"), path.stat().st_size, *sys.argv[2:3])
    except ValueError as refused:
        code, path, offset, message = (refused.args[0][name] for name in ("code", "path", "offset", "message"))
        field = f" in {path}" if path and path != code else ""
        sys.exit(f"{code}{field}{'' if offset is None else f' at byte {offset}'}: {message}")
    print(report["length"], "bytes,", len(report["tensors"]), "tensors, sha256", report["digests"]["sha256"])
