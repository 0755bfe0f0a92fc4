#!/usr/bin/env python3
"""Writes the corpus: one small file for each way to break a rule, and the good ones.

    generate.py [OUTDIR]                               the named cases (default target/corpus)
    generate.py [OUTDIR] --large                       and those that need big files
    generate.py --mutations N --seed S --out FILE      N mutated files, and what the oracle says
    generate.py --model BYTES --out FILE               a valid file like a real model's
    generate.py --artefact VERSION --out DIR           the named cases for other readers, with a runner

OUTDIR gets NAME.gguf, `cases.json` (name, file, rule, rules, about, attack, cve, sink, limits,
expect, expect_unknown) and `reports.jsonl`: for each admitted case the report and all metadata
values, as the oracle reads them. The output depends on nothing but the arguments.
"""

import argparse
import json
import pathlib
import sys

import artefact
import cases_data  # noqa: F401 - each fills the table
import cases_good  # noqa: F401
import cases_large  # noqa: F401
import cases_metadata  # noqa: F401
import cases_start  # noqa: F401
import cases_tensors  # noqa: F401
import model
import mutations
import oracle
from case import LARGE, TABLE


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
    _write_lines(directory / "cases.json", ["[", ",\n".join(map(json.dumps, listed)), "]"])
    _write_lines(directory / "reports.jsonl", map(json.dumps, reports))
    return listed


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
        expected = artefact.write(chosen.out, chosen.artefact)
        print(f"{chosen.out}: {len(expected)} files")
    else:
        listed = write_corpus(chosen.outdir, chosen.large)
        print(f"{chosen.outdir}: {len(listed)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
