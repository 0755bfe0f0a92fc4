"""The rules of docs/gguf-rules.md."""

import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "gguf-rules.md"


def rules():
    """{number: (text, level)}."""
    table = PAGE.read_text(encoding="utf-8").partition("\n## Rules\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", table, re.M)
    return {int(number): (text, level) for number, text, level, _ in rows}
