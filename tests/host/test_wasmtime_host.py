"""A few corpus files through another engine: each gets the verdict that cases.json has for it."""

import hashlib
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


@unittest.skipUnless(importlib.util.find_spec("wasmtime"), "wasmtime is not installed: see tests/host/requirements.txt")
class AnotherEngine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sys.path.insert(0, str(HERE))
        import wasmtime_host
        cls.host = wasmtime_host
        if not wasmtime_host.MODULE.exists():
            raise unittest.SkipTest("js/guest.wasm is not built: run `cargo xtask build`")
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        subprocess.run([sys.executable, HERE.parent / "corpus" / "generate.py", cls.folder.name], check=True,
                       stdout=subprocess.DEVNULL)
        cls.corpus = pathlib.Path(cls.folder.name)
        cls.cases = {case["name"]: case for case in json.loads((cls.corpus / "cases.json").read_text())}

    def test_v1_and_both_sinks_of_v2_give_the_verdicts_written_by_hand(self):
        plain = [case for case in self.cases.values() if not case["limits"] and case["sink"] == "verify"
                 and case["name"] != "empty"]
        for case in plain[::8]:
            path = self.corpus / case["file"]
            for abi, answer in (("v1", self.host.admit_v1(path)), ("verify", self.host.admit_v2(path, "verify")),
                                ("resident", self.host.admit_v2(path, "resident"))):
                with self.subTest(case["name"], abi=abi):
                    self.assertEqual(answer["verdict"], case["expect"]["verdict"])
                    self.assertEqual(answer["code"], case["expect"]["code"])
                    if answer["verdict"] == "admitted":
                        self.assertEqual(answer["sha256"], hashlib.sha256(path.read_bytes()).hexdigest())

    def test_an_empty_file_is_rejected(self):
        path = self.corpus / self.cases["empty"]["file"]
        self.assertEqual(self.host.admit_v2(path, "verify"), {"verdict": "rejected", "code": "truncated"})


if __name__ == "__main__":
    unittest.main()
