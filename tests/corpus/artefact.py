"""The corpus for others: the files, what is expected of each, a runner, the rules.

The cases that set a limit or keep the tensors are left out: their verdict is not the file's alone.
"""

import hashlib
import json
import pathlib
import shutil

import oracle
import rules
import run
from case import TABLE

ABOUT = """# GGUF files, good and broken

{count} small files, with what a reader of GGUF should say of each. {good} are good.

    python3 run.py PROGRAM [ARGUMENT...]

PROGRAM is run once for each file, with the file's path as its last argument. It prints one line of JSON:
`{{"accepts": true}}`, or `{{"rejects": "why"}}`. `run.py` prints each verdict that is not the expected one.

`expected.json` has for each file: `file`, `bytes`, `sha256`, `about`, `verdict`
(`accepts` or `rejects`), `rules` (the rules that the file is about, with their level), `cve`, and

* of a file that is rejected `code`, `offset` and `path`: the first fault, as rules.md names them;
* of one that is accepted `facts`: `gguf` (version, alignment, where the data lie), `metadata`, `tensors`.

rules.md has the rules. Their level says who a difference speaks against. **must**: the format's text, or the memory
safety of any reader. **should**: llama.cpp refuses what breaks it. **policy**: the format is silent or readers differ;
a reader that differs has chosen otherwise.

The files are written by `cargo xtask corpus` of gguf-admission {version}, MIT OR Apache-2.0.
"""


def write(directory, version):
    """Writes everything, and answers what was expected of the files."""
    (directory / "files").mkdir(parents=True, exist_ok=True)
    levels = {number: level for number, (_, level) in rules.rules().items()}
    expected = []
    for make in TABLE.values():
        case = make()
        if case.limits or case.sink != "verify" or case.expect["code"] == "argument":
            continue
        name = f"files/{case.name}.gguf"
        (directory / name).write_bytes(case.contents)
        line = {"file": name, "bytes": len(case.contents), "sha256": hashlib.sha256(case.contents).hexdigest(),
                "about": case.about, "rules": {str(rule): levels[rule] for rule in case.rules if rule}, "cve": case.cve}
        if case.expect["verdict"] == "admitted":
            report = oracle.judge(case.contents)
            line.update(verdict="accepts", facts={part: report[part] for part in ("gguf", "metadata", "tensors")})
        else:
            line.update(verdict="rejects", **{part: case.expect[part] for part in ("code", "offset", "path")})
        expected.append(line)
    lines = ",\n".join(json.dumps(line) for line in expected)
    (directory / "expected.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    shutil.copy(rules.PAGE, directory / "rules.md")
    shutil.copy(pathlib.Path(run.__file__), directory / "run.py")
    good = sum(line["verdict"] == "accepts" for line in expected)
    about = ABOUT.format(count=len(expected), good=good, version=version)
    (directory / "README.md").write_text(about, encoding="utf-8")
    return expected
