"""The table of named cases. A `cases_*.py` file fills it; `generate.py` writes it out.

A case is a function: its name (or, in a family, the name given) is the file's name, and it
returns the bytes and the verdict that they must get, stated by hand from the builder's marks.
A third value is the verdict where the length is not declared, if that differs.
"""

from dataclasses import dataclass

ADMITTED = {"verdict": "admitted", "code": None, "offset": None, "path": None}


@dataclass
class Case:
    name: str
    rules: list  # numbers of the admission rules; the first is the one that is broken or shown
    about: str
    contents: bytes
    expect: dict
    expect_unknown: dict
    limits: dict
    sink: str
    attack: str  # the kind of known attack, or None
    cve: list  # published faults of this kind in other readers


TABLE = {}  # name -> function that makes the Case
LARGE = {}  # the same, for files that are too big to be made each time


def case(*rules, about, name=None, limits=None, sink="verify", attack=None, cve=(), large=False):
    def enter(build):
        entered = name or build.__name__

        def make():
            contents, expect, *unknown = build()
            return Case(entered, list(rules), about, contents, expect, unknown[0] if unknown else expect,
                        limits or {}, sink, attack, list(cve))

        if entered in TABLE or entered in LARGE:
            raise ValueError(f"two cases are called {entered}")
        (LARGE if large else TABLE)[entered] = make
        return build
    return enter


def rejected(code, offset, path):
    return {"verdict": "rejected", "code": code, "offset": offset, "path": path}


def refused(g, code, path, mark=None):
    """Rejected at a field of the builder `g`: its path, and its mark where that is another."""
    return rejected(code, g.at[mark or path], path)
