"""examples/python-host as it stands: what it prints of good files and bad ones."""

import hashlib
import importlib.util
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "python-host" / "admit.py"
FIRST_WINDOW = 65_536


def good_file(size):
    """A file with one I8 tensor of `size` bytes."""
    header = (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1) + b"w"
              + struct.pack("<IQIQ", 1, size, 24, 0))
    return bytearray(header + bytes(-len(header) % 32) + b"weights." * (size // 8))


def stamped_file():
    """A good file that holds the very bytes with which its second window is lent."""
    spec = importlib.util.spec_from_file_location("admit", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    contents, guest = good_file(100_000), example.Guest()
    handle = guest.call("begin", len(contents), example.VERIFY)
    window = guest.call("window", handle)
    guest.exports["memory"].write(guest.store, bytes(contents[:FIRST_WINDOW]), window & 0xFFFFFFFF)
    guest.call("push_chunk", handle, 0, FIRST_WINDOW)
    contents[FIRST_WINDOW:FIRST_WINDOW + 16] = guest.read(guest.call("window", handle))[:16]
    return contents


@unittest.skipUnless(importlib.util.find_spec("wasmtime"), "wasmtime is not installed: see tests/host/requirements.txt")
@unittest.skipUnless((ROOT / "js" / "guest.wasm").exists(), "js/guest.wasm is not built: run `cargo xtask build`")
class PythonHost(unittest.TestCase):
    def run_on(self, contents, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.gguf"
            path.write_bytes(contents)
            ended = subprocess.run([sys.executable, EXAMPLE, path, *arguments], capture_output=True, text=True)
        return ended.returncode, ended.stdout + ended.stderr

    def test_a_good_file_is_admitted_with_its_digest(self):
        contents = good_file(3_000_000)
        sha256 = hashlib.sha256(contents).hexdigest()
        self.assertEqual(self.run_on(contents), (0, f"{len(contents)} bytes, 1 tensors, sha256 {sha256}\n"))
        self.assertEqual(self.run_on(contents, sha256)[0], 0)

    def test_a_file_that_holds_the_stamp_is_admitted(self):
        contents = stamped_file()
        code, said = self.run_on(contents)
        self.assertEqual((code, said.split()[-1]), (0, hashlib.sha256(contents).hexdigest()))

    def test_bad_files_are_refused_with_code_place_and_reason(self):
        contents = good_file(3_000_000)
        for broken, said in ((b"GGUX" + contents[4:], "magic at byte 0"),
                             (contents[:-100], "truncated in tensors[0].offset at byte"),
                             (b"", "truncated in magic at byte 0")):
            with self.subTest(said):
                code, output = self.run_on(broken)
                self.assertEqual(code, 1)
                self.assertTrue(output.startswith(said), output)

    def test_another_digest_is_refused(self):
        code, output = self.run_on(good_file(8000), "00" * 32)
        self.assertEqual(code, 1)
        self.assertTrue(output.startswith("digest in digests.sha256"), output)

    def test_the_requirements_are_those_of_the_tests(self):
        self.assertEqual((EXAMPLE.parent / "requirements.txt").read_text(),
                         (ROOT / "tests" / "host" / "requirements.txt").read_text())


if __name__ == "__main__":
    unittest.main()
