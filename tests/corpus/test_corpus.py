"""The corpus against its oracle: two readings of the rules, written apart, must agree."""

import hashlib
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import generate  # noqa: E402
import header  # noqa: E402
import model  # noqa: E402
import mutations  # noqa: E402
import numbers_text  # noqa: E402
import oracle  # noqa: E402
from builder import TENSOR_TYPES, Gguf  # noqa: E402
from case import TABLE  # noqa: E402

CODES = {"argument", "magic", "version", "header", "limit", "layout", "truncated", "trailing"}


def verdict(answer):
    return {name: answer.get(name) for name in ("verdict", "code", "offset", "path")}


class Expectations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cases = [make() for make in TABLE.values()]

    def test_the_oracle_agrees_with_every_case(self):
        for case in self.cases:
            for length, expect in (("declared", case.expect), ("unknown", case.expect_unknown)):
                with self.subTest(case.name, length=length):
                    answer = oracle.judge(case.contents, length=length, limits=case.limits, sink=case.sink)
                    self.assertEqual(verdict(answer), expect)

    def test_every_rule_has_a_case(self):
        self.assertEqual({rule for case in self.cases for rule in case.rules} - {0}, set(range(1, 27)))

    def test_every_rule_that_refuses_is_broken_by_a_case(self):
        broken = {rule for case in self.cases if case.expect["verdict"] == "rejected" for rule in case.rules}
        self.assertEqual(set(range(1, 27)) - broken, {11, 26})  # these two only allow

    def test_every_known_attack_has_a_case(self):
        cves = {cve for case in self.cases for cve in case.cve}
        self.assertEqual(cves, {
            "CVE-2024-21802", "CVE-2024-21825", "CVE-2024-21836", "CVE-2024-23496", "CVE-2024-23605",
            "CVE-2025-53630", "CVE-2025-49847", "CVE-2025-66960", "CVE-2026-27940", "CVE-2026-33298",
            "CVE-2026-7482"})

    def test_expectations_are_of_the_contract(self):
        for case in self.cases:
            with self.subTest(case.name):
                for expect in (case.expect, case.expect_unknown):
                    if expect["verdict"] == "admitted":
                        self.assertEqual(verdict(expect), {**expect, "code": None, "offset": None, "path": None})
                        continue
                    self.assertIn(expect["code"], CODES)
                    if expect["code"] != "argument":
                        self.assertGreaterEqual(expect["offset"], 0)
                        self.assertLessEqual(expect["offset"], len(case.contents))
                        self.assertTrue(expect["path"])
                self.assertLessEqual(set(case.limits), set(oracle.LIMITS))

    def test_knowing_the_length_only_brings_truncated_and_trailing_forward(self):
        for case in self.cases:
            if case.expect != case.expect_unknown:
                with self.subTest(case.name):
                    self.assertIn(case.expect["code"], ("truncated", "trailing", "argument"))
                    self.assertIn(case.expect_unknown["code"], ("layout", "limit", "truncated"))

    def test_files_are_small(self):
        self.assertLess(max(len(case.contents) for case in self.cases), 200 * 1024)
        self.assertLess(sorted(len(case.contents) for case in self.cases)[len(self.cases) // 2], 4096)


class Reports(unittest.TestCase):
    """What the oracle says of good files, stated by hand."""

    def test_a_report(self):
        g = Gguf().entry("k", "u64", 2**64 - 1).array("a", "string", ["x"]).tensor("t", [32, 3], "Q8_0")
        contents = g.file(last_padding=False)
        self.assertEqual(oracle.judge(contents), {
            "verdict": "admitted",
            "gguf": {"version": 3, "alignment": 32, "headerBytes": 120, "dataOffset": 128, "dataBytes": 102,
                     "trailingBytes": 0},
            "metadata": [{"key": "k", "type": "u64", "value": "18446744073709551615"},
                         {"key": "a", "type": "array", "of": "string", "items": 1, "offset": 70}],
            "tensors": [{"name": "t", "type": "Q8_0", "dims": [32, 3], "offset": 128, "bytes": 102}],
            "digests": {"sha256": hashlib.sha256(contents).hexdigest()}})
        self.assertEqual(oracle.values(contents), ["18446744073709551615", ["x"]])

    def test_bytes_that_trail_are_counted(self):
        g = Gguf().tensor("t", [1])
        answer = oracle.judge(g.file(after=b"tail"), limits={"trailing_bytes": 9})
        self.assertEqual(answer["gguf"]["trailingBytes"], 4)

    def test_long_strings_are_cut_and_bad_utf8_is_replaced(self):
        g = Gguf().entry("s", "string", b"c" * 4095 + b"\xe2\x82\xac").entry("l", "string", b"caf\xe9!\xf0\x9f\x98")
        long, short = oracle.judge(g.file())["metadata"]
        self.assertEqual(long["value"], "c" * 4095 + "\ufffd")
        self.assertEqual(long["bytes"], 4098)
        self.assertEqual(short, {"key": "l", "type": "string", "value": "caf\ufffd!\ufffd"})

    def test_floats_print_as_their_shortest_digits(self):
        for bits, text in ((0x3DCCCCCD, "0.1"), (0x7F7FFFFF, "3.4028235e+38"), (1, "1e-45"), (0x80000000, "-0.0"),
                           (0x5E800000, "4.6116860e+18"), (0x4B800001, "16777218.0"), (0x7FC00000, '"NaN"'),
                           (0xFF800000, '"-Infinity"'), (0x40490FDB, "3.1415927")):
            value = numbers_text.f32(struct.unpack("<f", struct.pack("<I", bits))[0])
            self.assertEqual(json.loads(json.dumps(value)), json.loads(text))

    def test_numbers_that_json_cannot_hold_are_text(self):
        answer = oracle.judge(Gguf().tensor("a", [2**53, 0]).file())
        self.assertEqual(answer["tensors"][0]["dims"], [str(2**53), 0])

    def test_type_tables_agree(self):
        self.assertEqual(TENSOR_TYPES, {name: (number, block, size)
                                        for number, (name, block, size) in header.TENSOR_TYPES.items()})


class Batch(unittest.TestCase):
    """One process that answers request after request."""

    def ask(self, *requests):
        asked = "".join(json.dumps(request) + "\n" for request in requests)
        answer = subprocess.run([sys.executable, oracle.__file__, "--batch"], input=asked, capture_output=True,
                                text=True, check=True)
        return [json.loads(line) for line in answer.stdout.splitlines()]

    def test_it_judges_bytes_lengths_limits_sinks_and_cuts(self):
        g = Gguf().entry("k", "u8", 1)
        whole = g.file(after=bytes(27)).hex()
        answers = self.ask({"hex": whole}, {"hex": whole, "truncate": 64, "values": True},
                           {"hex": whole, "limits": {"trailing_bytes": 1}, "length": "unknown", "sink": "resident"},
                           {"hex": whole, "truncate": 37}, {"path": "/does/not/exist"}, {"hex": ""})
        self.assertEqual([answer.get("code", answer["verdict"]) if "error" not in answer else "error"
                          for answer in answers],
                         ["trailing", "admitted", "admitted", "truncated", "error", "argument"])
        self.assertEqual(answers[1]["values"], [1])


class DeclaredLengths(unittest.TestCase):
    """A host that declares one length and delivers another."""

    def setUp(self):
        self.g = Gguf().tensor("a", [3])
        self.contents = self.g.file()

    def test_a_host_that_stops_before_the_last_padding_is_truncated(self):
        end = self.g.at["required"]
        answer = oracle.judge(self.contents[:end], length=len(self.contents))
        self.assertEqual((answer["code"], answer["offset"], answer["path"]), ("truncated", end, "length"))

    def test_a_host_that_delivers_more_is_trailing(self):
        answer = oracle.judge(self.contents + b"x", length=len(self.contents))
        self.assertEqual((answer["code"], answer["offset"], answer["path"]),
                         ("trailing", len(self.contents), "trailing"))

    def test_a_host_that_stops_in_a_tensor_misses_that_tensor(self):
        answer = oracle.judge(self.contents[:self.g.at["required"] - 1], length=len(self.contents))
        self.assertEqual((answer["code"], answer["path"]), ("truncated", "tensors[0].offset"))


class Generation(unittest.TestCase):
    def test_the_corpus_is_the_same_each_time(self):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            generate.write_corpus(pathlib.Path(one))
            generate.write_corpus(pathlib.Path(other))
            self.assertEqual(*({path.name: path.read_bytes() for path in pathlib.Path(directory).iterdir()}
                               for directory in (one, other)))

    def test_mutations_are_the_same_for_a_seed_and_reach_every_verdict(self):
        first = list(mutations.mutations(7, 3000))
        self.assertEqual(first, list(mutations.mutations(7, 3000)))
        self.assertNotEqual(first, list(mutations.mutations(8, 3000)))
        found = set()
        for _, _, contents, limits in first:
            for length in ("declared", "unknown"):
                answer = oracle.judge(contents, length=length, limits=limits)
                found.add(answer.get("code", "admitted"))
        self.assertEqual(found, CODES | {"admitted"})

    def test_a_model_is_admitted_and_of_the_size_asked_for(self):
        for size in (8 << 20, 48 << 20):
            file = io.BytesIO()
            written = model.write(file, size)
            contents = file.getvalue()
            self.assertEqual(written, len(contents))
            self.assertAlmostEqual(written / size, 1, delta=0.02)
            self.assertEqual(oracle.judge(contents)["verdict"], "admitted")


if __name__ == "__main__":
    unittest.main()
