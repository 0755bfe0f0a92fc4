"""Sets and profiles: what was stated by hand against the oracle, which is written from the pages."""

import itertools
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import cases_profile  # noqa: E402
import cases_sets  # noqa: E402
import llama_profile  # noqa: E402
import oracle  # noqa: E402
import shard_set  # noqa: E402
from header import LIMITS, Header  # noqa: E402


def header_of(contents):
    return Header(contents, len(contents), {name: default for name, (default, *_) in LIMITS.items()})


class Profiles(unittest.TestCase):
    def test_the_oracle_agrees_with_every_case(self):
        for case in cases_profile.CASES:
            with self.subTest(case.name):
                found = llama_profile.findings(header_of(case.contents))
                self.assertEqual(sorted(found, key=str), sorted(case.findings, key=str), case.about)

    def test_every_rule_is_broken_just_so_and_every_case_is_a_good_file(self):
        alone = {case.findings[0][0] for case in cases_profile.CASES if len(case.findings) == 1}
        self.assertEqual(alone, {f"L{number}" for number in range(1, 10)})
        for case in cases_profile.CASES:
            with self.subTest(case.name):
                self.assertEqual(oracle.judge(case.contents)["verdict"], "admitted")

    def test_a_report_lists_six_of_a_rule(self):
        found = [("L2", "error", None, at) for at in range(8)] + [("L9", "warning", None, 3)]
        self.assertEqual(llama_profile.listed(found), found[:6] + found[8:])
        self.assertEqual(llama_profile.refusal(found[8:]), None)


class Sets(unittest.TestCase):
    def test_the_oracle_agrees_with_every_case(self):
        for case in cases_sets.CASES:
            with self.subTest(case.name):
                headers = [header_of(contents) for contents in case.files]
                self.assertEqual(shard_set.joins(headers), case.joins, case.about)

    def test_every_rule_has_a_set_that_breaks_it_and_every_file_is_good_by_itself(self):
        broken = {rule for case in cases_sets.CASES if any(case.joins) for rule in case.rules}
        self.assertEqual(broken, set(range(27, 32)))
        for case in cases_sets.CASES:
            for contents in case.files:
                self.assertEqual(oracle.judge(contents)["verdict"], "admitted", case.name)

    def test_a_good_set_is_one_in_every_order_behind_its_lead(self):
        for case in cases_sets.CASES:
            if any(case.joins) or len(case.files) > 4:
                continue
            lead, *others = [header_of(contents) for contents in case.files]
            for order in itertools.permutations(others):
                self.assertEqual(shard_set.joins([lead, *order]), [None] * len(case.files), case.name)


if __name__ == "__main__":
    unittest.main()
