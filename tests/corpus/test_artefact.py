"""The corpus as others get it: what it says of its files is true, and its runner tells readers apart."""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import artefact  # noqa: E402
import oracle  # noqa: E402
import run  # noqa: E402

READERS = {
    "that knows": """
        import hashlib
        digest = hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()
        expected = json.load(open(FOLDER + "/expected.json"))
        verdict = next(case["verdict"] for case in expected if case["sha256"] == digest)
        print(json.dumps({verdict: "as it is written"}))""",
    "that accepts all": """
        print('{"accepts": {}}')""",
    "that crashes": """
        import os
        os.abort()""",
    "that loops": """
        while True: pass""",
    "that takes memory": """
        b"x" * (1 << 31)""",
    "that noticed": """
        print('{"memory": true}')""",
}
FEW = 9


class Artefact(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.expected = artefact.write(cls.folder, "0.0.0")

    def reader(self, name):
        path = self.folder / "reader.py"
        lines = [line.strip() for line in READERS[name].splitlines()]
        path.write_text("\n".join(["import json, sys", f"FOLDER = {str(self.folder)!r}", *lines]))
        return [sys.executable, str(path)]

    def test_every_file_is_as_it_is_listed_and_gets_that_verdict_of_the_oracle(self):
        self.assertGreater(len(self.expected), 300)
        self.assertEqual(self.expected, json.loads((self.folder / "expected.json").read_text(encoding="utf-8")))
        listed = {case["file"] for case in self.expected}
        self.assertEqual(listed, {f"files/{path.name}" for path in (self.folder / "files").iterdir()})
        for case in self.expected:
            with self.subTest(case["file"]):
                contents = (self.folder / case["file"]).read_bytes()
                self.assertEqual((len(contents), hashlib.sha256(contents).hexdigest()), (case["bytes"], case["sha256"]))
                verdict = oracle.judge(contents)
                self.assertEqual(case["verdict"], {"admitted": "accepts", "rejected": "rejects"}[verdict["verdict"]])
                for part in ("code", "offset", "path"):
                    self.assertEqual(case.get(part), verdict.get(part))

    def test_the_runner_counts_what_a_reader_gets_wrong(self):
        # A few files of each verdict: each run is a process.
        few = [case for case in self.expected if case["verdict"] == "accepts"][:FEW]
        few += [case for case in self.expected if case["verdict"] == "rejects"][:FEW]
        whole = (self.folder / "expected.json").read_text(encoding="utf-8")
        (self.folder / "expected.json").write_text(json.dumps(few), encoding="utf-8")
        try:
            for name, code, right in (("that knows", 0, 2 * FEW), ("that accepts all", 1, FEW)):
                ended = subprocess.run([sys.executable, self.folder / "run.py", *self.reader(name)],
                                       capture_output=True, text=True)
                *wrong, counted = ended.stdout.splitlines()
                self.assertEqual((ended.returncode, counted), (code, f"{right} of {2 * FEW} verdicts as expected"))
                self.assertEqual(len(wrong), 2 * FEW - right)
                self.assertTrue(all(": accepts, expected rejects: " in line for line in wrong), wrong)
        finally:
            (self.folder / "expected.json").write_text(whole, encoding="utf-8")

    def test_a_reader_that_prints_something_else_is_told_so(self):
        file = self.folder / self.expected[0]["file"]
        for printed in ("print('accepts')", "print('[]')", "print('{}')", "pass"):
            READERS["that prints something else"] = printed
            with self.subTest(printed), self.assertRaisesRegex(SystemExit, "has to print"):
                run.outcome(self.reader("that prints something else"), file)

    def test_crashes_endless_loops_and_greed_are_outcomes(self):
        file = self.folder / self.expected[0]["file"]
        for name, ended in (("that crashes", "crashes with signal 6"), ("that loops", "does not end"),
                            ("that takes memory", "allocates too much"), ("that noticed", "allocates too much")):
            with self.subTest(name):
                self.assertEqual(run.outcome(self.reader(name), file, seconds=1), {"ended": ended})


if __name__ == "__main__":
    unittest.main()
