#!/usr/bin/env python3
"""Writes the corpus: one small file for each way to break a rule, and the good ones.

    generate.py [OUTDIR]                               the named cases (default target/corpus)
    generate.py [OUTDIR] --large                       and those that need big files
    generate.py --mutations N --seed S --out FILE      N mutated files, and what the oracle says
    generate.py --model BYTES --out FILE               a valid file like a real model's
    generate.py --artefact VERSION --out DIR           the named cases for other readers, with a runner

OUTDIR gets NAME.gguf, `cases.json` (name, file, rule, rules, about, attack, cve, sink, limits,
expect, expect_unknown) and `reports.jsonl`: for each admitted case the report and all metadata
values, as the oracle reads them. Beside them `profiles.json` (name, file, about, rules, findings as rule, level,
path, offset; listed: how many of them a report lists) and `sets.json` (name, rules, about, files, and for each order
of joining what each file is told: null, or code, offset, path). The output depends on nothing but the arguments.
"""

import argparse
import itertools
import json
import pathlib
import sys

import artefact
import cases_data  # noqa: F401 - each fills the table
import cases_good  # noqa: F401
import cases_large  # noqa: F401
import cases_metadata  # noqa: F401
import cases_profile
import cases_sets
import cases_start  # noqa: F401
import cases_tensors  # noqa: F401
import llama_profile
import model
import mutations
import oracle
import shard_set
from case import LARGE, TABLE
from header import LIMITS, Header

LARGEST_PERMUTED = 4


def write_corpus(directory, large=False):
    directory.mkdir(parents=True, exist_ok=True)
    listed, reports = [], []
    for make in [*TABLE.values(), *(LARGE.values() if large else ())]:
        case = make()
        (directory / f"{case.name}.gguf").write_bytes(case.contents)
        listed.append({
            "name": case.name, "file": f"{case.name}.gguf", "rule": case.rules[0], "rules": case.rules,
            "about": case.about, "attack": case.attack, "cve": case.cve, "sink": case.sink,
            "limits": case.limits, "expect": case.expect, "expect_unknown": case.expect_unknown,
        })
        if case.expect["verdict"] == "admitted" and case.name in TABLE:
            report = oracle.judge(case.contents, limits=case.limits, sink=case.sink)
            reports.append({"name": case.name, "report": report,
                            "values": oracle.values(case.contents, limits=case.limits)})
    _write_list(directory / "cases.json", listed)
    _write_lines(directory / "reports.jsonl", map(json.dumps, reports))
    _write_list(directory / "profiles.json", _profiles(directory))
    _write_list(directory / "sets.json", _sets(directory))
    return listed


def _profiles(directory):
    for case in cases_profile.CASES:
        (directory / f"{case.name}.gguf").write_bytes(case.contents)
        found = llama_profile.findings(_header(case.contents))
        yield {"name": case.name, "file": f"{case.name}.gguf", "about": case.about, "rules": [32, *case.rules],
               "findings": found, "listed": len(llama_profile.listed(found))}


def _sets(directory):
    """The order of the case as it was stated by hand, all others as the oracle has them."""
    for case in cases_sets.CASES:
        files = [f"{case.name}-{number}.gguf" for number in range(len(case.files))]
        for file, contents in zip(files, case.files):
            (directory / file).write_bytes(contents)
        stated = list(range(len(files)))
        orders = [{"order": stated, "joins": case.joins}]
        headers = [_header(contents) for contents in case.files]
        if len(files) <= LARGEST_PERMUTED:
            orders += [{"order": order, "joins": shard_set.joins([headers[place] for place in order])}
                       for order in map(list, itertools.permutations(stated)) if order != stated]
        yield {"name": case.name, "rules": case.rules, "about": case.about, "files": files, "orders": orders}


def _header(contents):
    return Header(contents, len(contents), {name: default for name, (default, *_) in LIMITS.items()})


def _write_list(path, items):
    _write_lines(path, ["[", ",\n".join(map(json.dumps, items)), "]"])


def _write_lines(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=pathlib.Path("target/corpus"))
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--mutations", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=int, metavar="BYTES")
    parser.add_argument("--artefact", metavar="VERSION")
    parser.add_argument("--out", type=pathlib.Path, metavar="PATH")
    chosen = parser.parse_args(arguments)
    if chosen.out is None and any(way is not None for way in (chosen.mutations, chosen.model, chosen.artefact)):
        parser.error("--mutations, --model and --artefact need --out PATH")
    if chosen.mutations is not None:
        mutations.write(chosen.seed, chosen.mutations, chosen.out)
    elif chosen.model is not None:
        with open(chosen.out, "wb") as file:
            size = model.write(file, chosen.model)
        print(f"{chosen.out}: {size} bytes")
    elif chosen.artefact is not None:
        files, sets, profiles = map(len, artefact.write(chosen.out, chosen.artefact).values())
        print(f"{chosen.out}: {files} files, {sets} sets, {profiles} files for the profile")
    else:
        listed = write_corpus(chosen.outdir, chosen.large)
        print(f"{chosen.outdir}: {len(listed)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
