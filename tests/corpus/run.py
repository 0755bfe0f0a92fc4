#!/usr/bin/env python3
"""Measures a GGUF reader by the corpus.

    run.py [--sets | --profiles] PROGRAM [ARGUMENT...]

For every file of expected.json, PROGRAM is run with its arguments and the file's path, in a process of its own, with
512 MiB of memory and 60 s of CPU time. It prints one JSON line: {"accepts": ANYTHING} or {"rejects": MESSAGE}, or
{"memory": true} where it ran out of memory and noticed. Exit code 1 if a verdict is not the expected one.

--sets asks for the models of sets.json: PROGRAM gets the paths of all files of one, in their order. --profiles asks for
the files of profiles.json: whether PROGRAM can load a text model from them.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

MEMORY, SECONDS = 512, 60
# A process that waits for nothing is ended too.
WALL_PER_CPU_SECOND = 10
OUT_OF_MEMORY = re.compile("memory allocation of|heap out of memory|allocation failed|MemoryError|bad_alloc")


def outcome(program, paths, memory=MEMORY, seconds=SECONDS, environment=None):
    """What the program said of the file, or of several, or how its process ended: {"ended": WORDS}."""
    paths = [str(path) for path in (paths if isinstance(paths, list) else [paths])]
    files = " ".join(paths)
    limited = ["sh", "-c", f'ulimit -c 0; ulimit -d {memory << 10}; ulimit -S -t {seconds}; exec "$@"', "sh"]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **(environment or {})}
    try:
        run = subprocess.run([*limited, *program, *paths], env=environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds * WALL_PER_CPU_SECOND)
    except subprocess.TimeoutExpired:
        return {"ended": "does not end"}
    complaint = run.stderr.decode("utf-8", "replace")
    if run.returncode == 0:
        try:
            answer = json.loads(run.stdout)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not {"accepts", "rejects", "memory"} & answer.keys():
            raise SystemExit(f'{program[0]} has to print {{"accepts": ANYTHING}} or {{"rejects": MESSAGE}}, and of '
                             f"{files} it printed: {run.stdout[:200]!r}")
        return {"ended": "allocates too much"} if "memory" in answer else answer
    if run.returncode in (-24, 128 + 24):
        return {"ended": "does not end"}
    if OUT_OF_MEMORY.search(complaint):
        return {"ended": "allocates too much"}
    panic = re.search(r"panicked at .*?:\n(.*)", complaint)
    if panic:
        return {"ended": f"panics: {panic[1]}"}
    if run.returncode < 0 or run.returncode > 128:
        return {"ended": f"crashes with signal {-run.returncode if run.returncode < 0 else run.returncode - 128}"}
    raise SystemExit(f"{program[0]} did not run on {files}:\n{complaint}")


def main(program, wanted):
    folder = pathlib.Path(__file__).parent
    cases = json.loads((folder / wanted).read_text(encoding="utf-8"))
    differing = 0
    for case in cases:
        files = case["files"] if "files" in case else [case["file"]]
        said = outcome(program, [folder / file for file in files])
        verdict = next((verdict for verdict in ("accepts", "rejects") if verdict in said), None) or said["ended"]
        if verdict != case["verdict"]:
            differing += 1
            about = ", ".join(f"rule {number} ({level})" for number, level in case["rules"].items())
            name = case.get("name") or case["file"]
            print(f"{name}: {verdict}, expected {case['verdict']}: {case['about']}; {about or 'no rule'}")
    print(f"{len(cases) - differing} of {len(cases)} verdicts as expected")
    return 1 if differing else 0


if __name__ == "__main__":
    lists = {"--sets": "sets.json", "--profiles": "profiles.json"}
    start = 2 if sys.argv[1:2] and sys.argv[1] in lists else 1
    sys.exit(main(sys.argv[start:], lists.get(sys.argv[1], "expected.json")) if sys.argv[start:] else __doc__)
