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
import generate  # noqa: E402, F401 - knows all cases
import llama_profile  # noqa: E402
import oracle  # noqa: E402
import run  # noqa: E402
import shard_set  # noqa: E402
from header import LIMITS, Header  # noqa: E402

READERS = {
    "that knows": """
        import hashlib
        digest = hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()
        lists = [json.load(open(FOLDER + "/" + name)) for name in ("expected.json", "profiles.json")]
        verdict = next(case["verdict"] for case in sum(lists, []) if case["sha256"] == digest)
        print(json.dumps({verdict: "as it is written"}))""",
    "that knows sets": """
        sets = json.load(open(FOLDER + "/sets.json"))
        given = [path[len(FOLDER) + 1:] for path in sys.argv[1:]]
        print(json.dumps({next(case["verdict"] for case in sets if case["files"] == given): len(given)}))""",
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


class Artefact(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.lists = artefact.write(cls.folder, "0.0.0")
        cls.expected, cls.sets, cls.profiles = cls.lists.values()

    def reader(self, name):
        path = self.folder / "reader.py"
        lines = [line.strip() for line in READERS[name].splitlines()]
        path.write_text("\n".join(["import json, sys", f"FOLDER = {str(self.folder)!r}", *lines]))
        return [sys.executable, str(path)]

    def header(self, file):
        contents = (self.folder / file).read_bytes()
        return Header(contents, len(contents), {name: default for name, (default, *_) in LIMITS.items()})

    def test_every_file_is_as_it_is_listed_and_gets_that_verdict_of_the_oracle(self):
        self.assertGreater(len(self.expected), 300)
        for name, expected in self.lists.items():
            self.assertEqual(expected, json.loads((self.folder / name).read_text(encoding="utf-8")))
        listed = [case["file"] for case in self.expected + self.profiles]
        listed += [file for case in self.sets for file in case["files"]]
        self.assertEqual(sorted(listed), sorted(f"files/{path.name}" for path in (self.folder / "files").iterdir()))
        for case in self.expected + self.profiles:
            with self.subTest(case["file"]):
                contents = (self.folder / case["file"]).read_bytes()
                self.assertEqual((len(contents), hashlib.sha256(contents).hexdigest()), (case["bytes"], case["sha256"]))
        for case in self.expected:
            with self.subTest(case["file"]):
                verdict = oracle.judge((self.folder / case["file"]).read_bytes())
                self.assertEqual(case["verdict"], {"admitted": "accepts", "rejected": "rejects"}[verdict["verdict"]])
                for part in ("code", "offset", "path"):
                    self.assertEqual(case.get(part), verdict.get(part))

    def test_every_set_is_told_as_the_oracle_has_it_and_what_is_accepted_is_whole(self):
        self.assertGreater(len(self.sets), 40)
        for case in self.sets:
            with self.subTest(case["name"]):
                headers = [self.header(file) for file in case["files"]]
                joins = shard_set.joins(headers)
                first = next((place for place, answer in enumerate(joins) if answer), None)
                self.assertEqual(case["verdict"], "accepts" if first is None else "rejects")
                self.assertEqual(case.get("shard"), first)
                if first is None:
                    self.assertEqual(len(case["files"]), shard_set._value(headers[0], "split.count"))
                else:
                    self.assertEqual(tuple(case[part] for part in ("code", "offset", "path")), joins[first])

    def test_every_file_for_the_profile_has_the_findings_of_the_oracle(self):
        self.assertGreater(len(self.profiles), 80)
        for case in self.profiles:
            with self.subTest(case["file"]):
                found = llama_profile.findings(self.header(case["file"]))
                stated = [tuple(finding[part] for part in ("rule", "level", "path", "offset"))
                          for finding in case["findings"]]
                self.assertEqual(sorted(found, key=str), sorted(stated, key=str))
                self.assertEqual(case["verdict"] == "rejects", llama_profile.refusal(found) is not None)

    def test_the_runner_counts_what_a_reader_gets_wrong(self):
        # A few of each verdict: each run is a process.
        for option, name, knowing, most in ((None, "expected.json", "that knows", 9),
                                            ("--sets", "sets.json", "that knows sets", 3),
                                            ("--profiles", "profiles.json", "that knows", 3)):
            expected = self.lists[name]
            few = [case for case in expected if case["verdict"] == "accepts"][:most]
            few += [case for case in expected if case["verdict"] == "rejects"][:most]
            good = sum(case["verdict"] == "accepts" for case in few)
            whole = (self.folder / name).read_text(encoding="utf-8")
            (self.folder / name).write_text(json.dumps(few), encoding="utf-8")
            try:
                for reader, code, right in ((knowing, 0, len(few)), ("that accepts all", 1, good)):
                    options = [option] if option else []
                    ended = subprocess.run([sys.executable, self.folder / "run.py", *options, *self.reader(reader)],
                                           capture_output=True, text=True)
                    *wrong, counted = ended.stdout.splitlines()
                    self.assertEqual((ended.returncode, counted), (code, f"{right} of {len(few)} verdicts as expected"))
                    self.assertEqual(len(wrong), len(few) - right)
                    self.assertTrue(all(": accepts, expected rejects: " in line for line in wrong), wrong)
            finally:
                (self.folder / name).write_text(whole, encoding="utf-8")
        for options in ([], ["--sets"]):
            ended = subprocess.run([sys.executable, self.folder / "run.py", *options], capture_output=True, text=True)
            self.assertEqual((ended.returncode, "[--sets | --profiles] PROGRAM" in ended.stderr), (1, True))

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
