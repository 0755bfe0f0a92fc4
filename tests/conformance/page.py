"""What was found, as the page docs/conformance.md."""

import re

# Kinds of outcome that are no difference.
AGREE = ("same", "both refuse")
KINDS = [("same", "accepts, same facts"), ("both refuse", "refuses, as we do"), ("accepts", "accepts what we refuse"),
         ("refuses", "refuses what we admit"), ("other facts", "accepts, other facts"), ("panics", "panics"),
         ("crashes", "crashes"), ("does not end", "does not end"), ("allocates too much", "allocates too much")]


def text(files, readers, rules, bounds):
    corpus, real = [file for file in files if not file.is_real], [file for file in files if file.is_real]
    return "\n".join([*_opening(readers, corpus, real, bounds), *_counts(corpus, real, readers), *_real(real, readers),
                      *_by_rule(files, readers, rules), ""])


def _opening(readers, corpus, real, bounds):
    versions = ", ".join(f"`{reader.name}` {reader.version} ({reader.registry})" for reader in readers)
    (small_memory, small_seconds), (real_memory, real_seconds) = bounds["small"], bounds["real"]
    return [
        "# Beside other readers", "",
        "Written by `cargo xtask conformance`; not edited by hand.", "",
        f"{len(corpus)} corpus files and {len(real)} real ones (the 19 vocabularies and the real model of `cargo xtask model`),",
        f"each read by this project's module (sink `verify`, no limit set) and by {versions}.",
        "The verdicts are compared. Where both accept, these are compared too: version, counts, data offset, keys and value",
        "types, and of each tensor its name, type, dimensions, file offset and (where the reader says it) byte size. Metadata",
        "values and tensor bytes are not compared. `@huggingface/gguf` reads the header. `gguf` opens the file and maps each",
        "tensor. `candle-core` reads the header and then every tensor.", "",
        f"Every file is read in a process of its own, bounded to {small_memory} MiB of memory and {small_seconds} s of CPU time",
        f"(real files: {real_memory} MiB, {real_seconds} s). *Allocates too much* and *does not end* mean that a bound was met.",
        "Readers have different purposes: one that shows a header need not refuse what a loader must.", "",
    ]


def _counts(corpus, real, readers):
    lines = ["## Counts", "", f"| outcome | {' | '.join(f'`{reader.name}`' for reader in readers)} |",
             f"|---|{'---:|' * len(readers)}"]
    for kind, words in KINDS:
        cells = [f"{sum(file.outcomes[reader.name][0] == kind for file in corpus)} + "
                 f"{sum(file.outcomes[reader.name][0] == kind for file in real)}" for reader in readers]
        if any(cell != "0 + 0" for cell in cells):
            lines.append(f"| {words} | {' | '.join(cells)} |")
    admitted = [sum("accepts" in file.ours for file in group) for group in (corpus, real)]
    return [*lines, "", f"Corpus + real files. This project's module admits {admitted[0]} + {admitted[1]} and refuses "
            f"{len(corpus) - admitted[0]} + {len(real) - admitted[1]}.", ""]


def _real(real, readers):
    differing = [file for file in real if _differs(file)]
    lines = ["## Real files", ""]
    if not real:
        return [*lines, "None was there.", ""]
    if not differing:
        return [*lines, f"All {len(real)}: the module admits them, and every reader accepts them with the same facts.", ""]
    lines += [f"The module admits {sum('accepts' in file.ours for file in real)} of {len(real)}. Where a reader differs:", "",
              f"| file | rule | {' | '.join(f'`{reader.name}`' for reader in readers)} |", f"|---|---|{'---|' * len(readers)}"]
    for file in differing:
        rules = sorted({str(file.rule(words)) for kind, words in file.outcomes.values() if kind not in AGREE})
        lines.append(f"| `{file.name}` | {', '.join(rules)} | {_cells(file, readers)} |")
    return [*lines, ""]


def _by_rule(files, readers, rules):
    """For each rule, the corpus files over which a reader differs; files with the same outcomes are one row."""
    lines = ["## Differences by rule", "",
             "Each difference stands under the rule that its file tests. [gguf-rules.md](gguf-rules.md) has the full list.", ""]
    groups = {}
    for file in files:
        if not file.is_real and _differs(file):
            rule = file.rule("")
            ours = "admits" if "accepts" in file.ours else f"refuses: {file.ours['code']}"
            key = (ours, *(_signature(file.outcomes[reader.name]) for reader in readers))
            groups.setdefault(rule, {}).setdefault(key, []).append(file)
    for rule in sorted(groups, key=lambda rule: rule or 0):
        words, level = rules.get(rule, ("", ""))
        lines += [f"### Rule {rule} ({level})", "", f"{_sentence(words)}", "",
                  f"| files | ours | {' | '.join(f'`{reader.name}`' for reader in readers)} |",
                  f"|---|---|{'---|' * len(readers)}"]
        for (ours, *_), members in groups[rule].items():
            names = ", ".join(f"`{file.name}`" for file in members)
            lines.append(f"| {names} | {ours} | {_cells(members[0], readers)} |")
        lines.append("")
    return lines[:-1]


def _differs(file):
    return any(kind not in AGREE for kind, _ in file.outcomes.values())


def _signature(outcome):
    """An outcome without the numbers and the names of one file."""
    kind, words = outcome
    return kind, re.sub(r"`[^`]*`|'[^']*'|0x[0-9a-f]+|\d+", "#", words) if kind not in AGREE else ""


def _cells(file, readers):
    return " | ".join(_escaped(file.outcomes[reader.name][1]) for reader in readers)


def _escaped(words):
    return words.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _sentence(words):
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
