"""The corpus for others: the files, what is expected of each, a runner, the rules.

The cases that set a limit or keep the tensors are left out: their verdict is not the file's alone.
"""

import hashlib
import json
import pathlib
import shutil

import cases_profile
import cases_sets
import oracle
import rules
import run
from case import TABLE

ABOUT = """# GGUF files, good and broken

{count} small files, with what a reader of GGUF should say of each. {good} are good.

    python3 run.py PROGRAM [ARGUMENT...]

Beside them are {sets} models in several files, and {profiles} good files that are about what the reader of a text model
needs:

    python3 run.py --sets PROGRAM [ARGUMENT...]
    python3 run.py --profiles PROGRAM [ARGUMENT...]

PROGRAM is run once for each file, with the file's path as its last argument, or for each model, with the paths of all
its files. It prints one line of JSON: `{{"accepts": true}}`, or `{{"rejects": "why"}}`. `run.py` prints each verdict that
is not the expected one.

`expected.json` has for each file: `file`, `bytes`, `sha256`, `about`, `verdict`
(`accepts` or `rejects`), `rules` (the rules that the file is about, with their level), `cve`, and

* of a file that is rejected `code`, `offset` and `path`: the first fault, as rules.md names them;
* of one that is accepted `facts`: `gguf` (version, alignment, where the data lie), `metadata`, `tensors`.

`sets.json` has for each model: `name`, `files` (the first one is the lead), `about`, `verdict`, `rules`, and of one
that is rejected `shard` (which of the files does not fit, from 0), `code`, `offset` and `path`. Each file is good by
itself.

`profiles.json` has for each file: `file`, `bytes`, `sha256`, `about`, `verdict`, `rules` and `findings` (all that
profiles.md finds: `rule`, `level`, `path`, `offset`). Rejected is what has a finding of the level error.

rules.md has the rules. Their level says who a difference speaks against. **must**: the format's text, or the memory
safety of any reader. **should**: llama.cpp refuses what breaks it. **policy**: the format is silent or readers differ;
a reader that differs has chosen otherwise.

The files are written by `cargo xtask corpus` of gguf-admission {version}, MIT OR Apache-2.0.
"""


def write(directory, version):
    """Writes everything, and answers what was expected, by the name of each list."""
    (directory / "files").mkdir(parents=True, exist_ok=True)
    levels = {number: level for number, (_, level) in rules.rules().items()}
    lists = {"expected.json": list(_files(directory, levels)), "sets.json": list(_sets(directory, levels)),
             "profiles.json": list(_profiles(directory))}
    for name, expected in lists.items():
        lines = ",\n".join(json.dumps(line) for line in expected)
        (directory / name).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    shutil.copy(rules.PAGE, directory / "rules.md")
    shutil.copy(rules.PAGE.with_name("profiles.md"), directory / "profiles.md")
    shutil.copy(pathlib.Path(run.__file__), directory / "run.py")
    files, sets, profiles = lists.values()
    good = sum(line["verdict"] == "accepts" for line in files)
    about = ABOUT.format(count=len(files), good=good, sets=len(sets), profiles=len(profiles), version=version)
    (directory / "README.md").write_text(about, encoding="utf-8")
    return lists


def _files(directory, levels):
    for make in TABLE.values():
        case = make()
        if case.limits or case.sink != "verify" or case.expect["code"] == "argument":
            continue
        line = {**_written(directory, case.name, case.contents), "about": case.about,
                "rules": {str(rule): levels[rule] for rule in case.rules if rule}, "cve": case.cve}
        if case.expect["verdict"] == "admitted":
            report = oracle.judge(case.contents)
            line.update(verdict="accepts", facts={part: report[part] for part in ("gguf", "metadata", "tensors")})
        else:
            line.update(verdict="rejects", **{part: case.expect[part] for part in ("code", "offset", "path")})
        yield line


def _sets(directory, levels):
    for case in cases_sets.CASES:
        files = [_written(directory, f"{case.name}-{place}", contents)["file"]
                 for place, contents in enumerate(case.files)]
        line = {"name": case.name, "files": files, "about": case.about,
                "rules": {str(rule): levels[rule] for rule in case.rules}}
        shard = next((place for place, answer in enumerate(case.joins) if answer), None)
        if shard is None:
            line.update(verdict="accepts")
        else:
            line.update(verdict="rejects", shard=shard, **dict(zip(("code", "offset", "path"), case.joins[shard])))
        yield line


def _profiles(directory):
    for case in cases_profile.CASES:
        found = [dict(zip(("rule", "level", "path", "offset"), finding)) for finding in case.findings]
        errors = any(finding["level"] == "error" for finding in found)
        yield {**_written(directory, case.name, case.contents), "about": case.about,
               "rules": {finding["rule"]: finding["level"] for finding in found},
               "verdict": "rejects" if errors else "accepts", "findings": found}


def _written(directory, name, contents):
    file = f"files/{name}.gguf"
    (directory / file).write_bytes(contents)
    return {"file": file, "bytes": len(contents), "sha256": hashlib.sha256(contents).hexdigest()}
