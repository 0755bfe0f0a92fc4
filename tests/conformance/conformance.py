#!/usr/bin/env python3
"""Every corpus file and every real file through this project's module and through other GGUF readers.

    conformance.py [--gguf FOLDER] [--hf FOLDER] [--candle PROGRAM] [--jobs N] [--only WORD] [--write FILE]

Each reader is named with where it is installed; one that is not named is left out. Every file is read in a process of
its own with bounds on memory and on CPU time, so that a reader's crash or endless loop is an outcome. Prints the
differences; --write makes them a page, which depends on nothing but the files and the readers.

A reader's program prints one JSON line: {"accepts": FACTS}, {"rejects": MESSAGE} or {"memory": true}. FACTS are version,
entries, metadata ([[key, type], ..] or an object), tensorCount, dataOffset and tensors (name, type, dims, offset in the
file and, where the reader says it, bytes). An array's type is `array of N TYPE`, TYPE `?` where the reader has none.

Exit code 1: a rule of ours refuses a real file, our verdict is not the corpus's, or no rule explains a difference.
"""

import argparse
import json
import pathlib
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import page

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/corpus"))

import rules  # noqa: E402
import run  # noqa: E402

CORPUS = ROOT / "target/corpus"
MODELS = ROOT / "target/models"
# Bounds for a file of the corpus (none is above 4 MB) and for a real one: MiB of memory, seconds of CPU time.
SMALL, REAL = (512, 60), (4096, 900)
# Which rule a difference over a real file is about. (Corpus files name theirs.)
REAL_RULES = [(re.compile("array length|array of"), 9), (re.compile("utf-8|UnicodeDecodeError"), 11),
              (re.compile("dtype|type "), 16), (re.compile("version"), 2)]


class File:
    """One file to read, with the rule that it is about and what the corpus expects of it."""

    def __init__(self, path, bounds, case=None):
        self.name, self.path, self.bounds, self.case = path.stem, path, bounds, case
        self.is_real = case is None
        self.ours = None
        self.outcomes = {}

    def rule(self, difference):
        if not self.is_real:
            named = [rule for rule in self.case["rules"] if rule]
            by_code = {"truncated": 19, "limit": 3}
            return named[0] if named else by_code.get(self.ours.get("code"))
        return next((rule for pattern, rule in REAL_RULES if pattern.search(difference)), None)


class Reader:
    def __init__(self, name, registry, version, program, environment=None):
        self.name, self.registry, self.version = name, registry, version
        self.program, self.environment = program, environment


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--hf", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--candle", type=pathlib.Path, metavar="PROGRAM")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", metavar="WORD", help="only files with WORD in their names")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    chosen = parser.parse_args(arguments)

    ours = Reader("gguf-admission", "", "", ["node", str(HERE / "reader_ours.mjs")])
    readers = installed(chosen)
    files = [file for file in find_files() if not chosen.only or chosen.only in file.name]
    print(f"{len(files)} files, {len(readers)} readers and our module", flush=True)
    with ThreadPoolExecutor(chosen.jobs) as pool:
        # The longest first: the real files.
        ordered = sorted(files, key=lambda file: -file.path.stat().st_size)
        for file, outcome in zip(ordered, pool.map(lambda file: outcome_of(ours, file), ordered)):
            file.ours = outcome
        for reader in readers:
            for file, outcome in zip(ordered, pool.map(lambda file: outcome_of(reader, file), ordered)):
                file.outcomes[reader.name] = compare(file.ours, outcome)
            print(f"{reader.name} {reader.version}: done", flush=True)

    faults = our_faults(files) + unexplained(files)
    bounds = {"small": SMALL, "real": REAL}
    text = page.text(files, readers, rules.rules(), bounds)
    print(text)
    if chosen.write and not faults:
        chosen.write.write_text(text, encoding="utf-8")
    for fault in faults:
        print(f"!!! {fault}", file=sys.stderr)
    return 1 if faults else 0


def installed(chosen):
    """The readers that were named, each with the version that its list of packages pins."""
    readers = []
    if chosen.gguf:
        version = re.search("^gguf==(.+)$", (HERE / "requirements.txt").read_text(), re.M)[1]
        readers.append(Reader("gguf", "PyPI", version, ["python3", str(HERE / "reader_gguf.py")],
                              {"PYTHONPATH": str(chosen.gguf.resolve())}))
    if chosen.hf:
        version = json.loads((HERE / "package.json").read_text())["dependencies"]["@huggingface/gguf"]
        program = ["node", str(HERE / "reader_hf.mjs"), str(chosen.hf.resolve())]
        readers.append(Reader("@huggingface/gguf", "npm", version, program))
    if chosen.candle:
        version = re.search('^candle-core = "=?(.+)"$', (HERE / "reader_candle/Cargo.toml").read_text(), re.M)[1]
        readers.append(Reader("candle-core", "Rust crate", version, [str(chosen.candle.resolve())]))
    return readers


def find_files():
    cases = json.loads((CORPUS / "cases.json").read_text())
    corpus = [File(CORPUS / case["file"], SMALL, case) for case in cases if (CORPUS / case["file"]).stat().st_size < 4 << 20]
    real = sorted(MODELS.glob("*.gguf")) + sorted(MODELS.glob("vocab/*.gguf"))
    return corpus + [File(path, REAL) for path in real]


def outcome_of(reader, file):
    """What the reader said of the file, or how its process ended: {"ended": WORDS}."""
    return run.outcome(reader.program, file.path, *file.bounds, reader.environment)


def compare(ours, theirs):
    """(kind, words): how a reader's outcome stands beside ours. `same` and `both refuse` are no difference."""
    if "ended" in theirs:
        kind = theirs["ended"].split(":")[0].split(" with")[0]
        return kind, theirs["ended"]
    if "accepts" not in ours:
        return ("both refuse", "refuses") if "rejects" in theirs else ("accepts", "accepts")
    if "rejects" in theirs:
        return "refuses", f"refuses: {_short(theirs['rejects'])}"
    differences = fact_differences(ours["accepts"], theirs["accepts"])
    return ("other facts", f"reads: {'; '.join(differences)}") if differences else ("same", "same")


def fact_differences(ours, theirs):
    """In a few words, where the facts of the second are not those of the first."""
    found = []
    for name, words in [("version", "version"), ("entries", "entries"), ("tensorCount", "tensors"),
                        ("dataOffset", "data offset")]:
        if str(ours[name]) != str(theirs[name]):
            found.append(f"{words} {_short(str(theirs[name]))}, not {ours[name]}")
    our_keys, their_keys = dict(ours["metadata"]), dict(theirs["metadata"])
    found += _keys("no key", [key for key in our_keys if key not in their_keys])
    found += _keys("also key", [key for key in their_keys if key not in our_keys])
    for key, kind in our_keys.items():
        other = their_keys.get(key, kind)
        if other.endswith("?"):
            kind = kind.rsplit(" ", 1)[0] + " ?"
        if other != kind:
            found.append(f"`{_short(key)}` is {other}, not {kind}")
    our_tensors = {tensor["name"]: tensor for tensor in ours["tensors"]}
    their_tensors = {tensor["name"]: tensor for tensor in theirs["tensors"]}
    found += _keys("no tensor", [name for name in our_tensors if name not in their_tensors])
    found += _keys("also tensor", [name for name in their_tensors if name not in our_tensors])
    for name, tensor in our_tensors.items():
        other = their_tensors.get(name, tensor)
        for fact in ["type", "dims", "offset", "bytes"]:
            if fact in other and _plain(other[fact]) != _plain(tensor[fact]):
                found.append(f"tensor `{_short(name)}`: {fact} {_plain(other[fact])}, not {_plain(tensor[fact])}")
    return found[:4] + ([f"{len(found) - 4} more"] if len(found) > 4 else [])


def _keys(words, keys):
    return [f"{words} {', '.join(f'`{_short(key)}`' for key in keys[:4])}{' and others' if len(keys) > 4 else ''}"] if keys else []


def _plain(value):
    if isinstance(value, list):
        return "x".join(map(str, value)) or "none"
    # candle writes Q4K for Q4_K.
    return re.sub(r"^(Q\d)K$", r"\1_K", str(value))


def _short(text):
    """A message without the file's path, fit for a table."""
    text = re.sub(r"\S*/(target|tests)/\S*", "FILE", text.splitlines()[0] if text else text)
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= 110 else f"{text[:109]}…"


def our_faults(files):
    """Where our module does not do what this project promises."""
    found = []
    for file in files:
        if file.is_real:
            if "accepts" not in file.ours:
                found.append(f"A RULE OF OURS REFUSES A REAL FILE: {file.name}: {file.ours}")
        # The corpus expects under its limits and sink; here nothing is set.
        elif not file.case["limits"] and file.case["sink"] == "verify" and file.case["expect"]["code"] != "argument":
            expected = {name: file.case["expect"][name] for name in ("code", "offset", "path")}
            said = {name: file.ours.get(name) for name in expected}
            if said != expected:
                found.append(f"{file.name}: our module says {said}, the corpus {expected}")
    return found


def unexplained(files):
    return [f"{file.name}: no rule explains: {reader} {words}" for file in files
            for reader, (kind, words) in file.outcomes.items()
            if kind not in page.AGREE and file.rule(words) is None]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
