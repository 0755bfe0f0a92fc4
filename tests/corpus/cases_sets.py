"""Rules 27 to 31: sets of shards that belong together, and sets of which one shard does not.

A case is a list of files, joined in that order to the first, with what each is told: None where it joins, or code and
path, whose offset the builder's mark is.
"""

from dataclasses import dataclass

from builder import Gguf

NO, COUNT, TOTAL = "metadata[1].value", "metadata[2].value", "metadata[3].value"


@dataclass
class SetCase:
    name: str
    rules: list
    about: str
    files: list  # their bytes, in the order of the joins
    joins: list  # for each None, or (code, offset, path)


CASES = []


def shard(no, *, count=3, total=3, tensors=None, keys=None, without=None, behind=False):
    """A file that says so of its set. `keys` replace one of the three; `behind` puts them after another key."""
    g = Gguf()
    said = {"split.no": ("u16", no), "split.count": ("u16", count), "split.tensors.count": ("i32", total),
            **(keys or {})}
    g.entry("general.name", "string", f"shard {no}")
    if behind:
        g.entry("general.more", "string", "x" * 100)
    for key, (kind, value) in said.items():
        if key != without:
            g.array(key, kind[:-2], value) if kind.endswith("[]") else g.entry(key, kind, value)
    for name in [f"blk.{no}.weight"] if tensors is None else tensors:
        g.tensor(name, [10 + no], "I8")
    return g, g.file()


def set_case(name, rule, about, shards, told):
    """`told` are the answers that are not None, by the place of the shard: (code, path)."""
    joins = [None] * len(shards)
    for place, answer in told.items():
        code, path = answer
        joins[place] = (code, shards[place][0].at[path] if path else None, path)
    if 0 in told:
        joins[1:] = [("state", None, None)] * (len(shards) - 1)
    CASES.append(SetCase(f"set_{name}", [rule], about, [contents for _, contents in shards], joins))


def three(**changes):
    """Shards 0 to 2, the second one changed."""
    return [shard(0), shard(1, **changes), shard(2)]


def led(**changes):
    """The same with the lead changed."""
    return [shard(0, **changes), shard(1), shard(2)]


set_case("good", 27, "three shards", three(), {})
set_case("good_one", 27, "a set of one", [shard(0, count=1, total=1)], {})
set_case("good_keys_behind", 27, "the keys stand elsewhere in each", three(behind=True), {})
set_case("good_no_tensors", 30, "a shard without tensors", [shard(0, total=2, tensors=[]), shard(1, total=2),
                                                         shard(2, total=2)], {})
set_case("good_none_at_all", 30, "no tensors at all", [shard(no, count=2, total=0, tensors=[]) for no in range(2)], {})
set_case("good_uneven", 30, "shards of many and of one", [shard(0, total=5, tensors=["a", "b", "c"]),
                                                       shard(1, total=5), shard(2, total=5)], {})
set_case("good_64", 28, "as many shards as there may be", [shard(no, count=64, total=64) for no in range(64)], {})

for key, path in (("split.no", NO), ("split.count", COUNT), ("split.tensors.count", TOTAL)):
    word = key.replace(".", "_")
    set_case(f"{word}_missing", 27, f"{key} is missing", three(without=key), {1: ("set", None)})
    set_case(f"{word}_missing_of_lead", 27, f"the lead has no {key}", led(without=key), {0: ("set", None)})
    for kind in ("u32", "i16" if key != "split.tensors.count" else "u16"):
        number = 1 if key == "split.no" else 3
        set_case(f"{word}_{kind}", 27, f"{key} is a {kind}", three(keys={key: (kind, number)}), {1: ("set", path)})
    set_case(f"{word}_text", 27, f"{key} is text", three(keys={key: ("string", "1")}), {1: ("set", path)})
    set_case(f"{word}_array", 27, f"{key} is an array", three(keys={key: ("u16[]", [1])}), {1: ("set", path)})
set_case("count_zero", 27, "a set of no shards", led(keys={"split.count": ("u16", 0)}), {0: ("set", COUNT)})
set_case("count_zero_second", 27, "split.count 0 behind the lead", three(keys={"split.count": ("u16", 0)}),
         {1: ("set", COUNT)})
set_case("total_negative", 27, "fewer tensors than none", led(keys={"split.tensors.count": ("i32", -1)}),
         {0: ("set", TOTAL)})

set_case("count_65", 28, "a shard more than there may be", [shard(0, count=65, total=65)], {0: ("limit", COUNT)})
set_case("count_65_no_lead", 28, "its number is looked at afterwards", [shard(1, count=65, total=65)],
         {0: ("limit", COUNT)})
set_case("count_other", 28, "of a set of four", three(count=4), {1: ("set", COUNT)})
set_case("count_and_no", 28, "the count comes before the number", [shard(0), shard(7, count=8), shard(2)],
         {1: ("set", COUNT)})

set_case("no_lead", 29, "the first is not the lead", [shard(1), shard(0), shard(2)], {0: ("set", NO)})
set_case("no_twice", 29, "a shard twice", [shard(0), shard(1), shard(1, tensors=["other"])], {2: ("set", NO)})
set_case("no_same_file", 29, "the very same file twice", [shard(0), shard(1), shard(1), shard(2)], {2: ("set", NO)})
set_case("no_lead_twice", 29, "the lead twice", [shard(0), shard(0, tensors=["other"]), shard(1)], {1: ("set", NO)})
set_case("no_past_end", 29, "a number behind the last", [shard(0), shard(3)], {1: ("set", NO)})
set_case("no_and_total", 29, "the number comes before the total", [shard(0), shard(3, total=9)], {1: ("set", NO)})

set_case("total_other", 30, "another total", three(total=4), {1: ("set", TOTAL)})
set_case("total_fewer", 30, "a tensor is missing, known by the last", [shard(no, total=4) for no in range(3)],
         {2: ("set", TOTAL)})
set_case("total_more", 30, "a tensor too many, known at once", [shard(0, total=2), shard(1, total=2, tensors=["a", "b"])],
         {1: ("set", TOTAL)})
set_case("total_more_lead", 30, "the lead alone has too many", [shard(0, total=1, tensors=["a", "b"])],
         {0: ("set", TOTAL)})
set_case("total_and_names", 30, "the total comes before the names",
         [shard(0, total=2), shard(1, total=2, tensors=["blk.0.weight", "b"])], {1: ("set", TOTAL)})
set_case("total_zero", 30, "a tensor where none is said to be", [shard(0, total=0)], {0: ("set", TOTAL)})

set_case("name_twice", 31, "a tensor of the lead", three(tensors=["blk.0.weight"]), {1: ("set", "tensors[0].name")})
set_case("name_of_second", 31, "the second tensor has a name of the second shard",
         [shard(0, total=4), shard(1, total=4), shard(2, total=4, tensors=["x", "blk.1.weight"])],
         {2: ("set", "tensors[1].name")})
set_case("name_nearly", 31, "names that differ in case only", three(tensors=["BLK.0.weight"]), {})
set_case("name_again", 29, "another shard takes the place of one that did not fit",
         [shard(0), shard(1, tensors=["blk.0.weight"]), shard(1), shard(2)], {1: ("set", "tensors[0].name")})
