"""The table against every encoding class of A64: each is implemented or unsupported, and nothing is of our own making.

`data/a64-encodings.csv` lists the classes as Arm's specification decodes them (see its header).
"""

import csv
import random
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import attrs
import pytest

from aarch64.fuzz.decoders.llvm import Llvm
from aarch64.isa import table
from aarch64.isa.definition import Definition
from aarch64.isa.pattern import Pattern, parse_pattern
from aarch64.pseudocode import bit_masks_are_valid

SAMPLES = 64
DATA = Path(__file__).parents[1] / "data" / "a64-encodings.csv"


@attrs.frozen
class Row:
    """One encoding class: `name` is the instruction's, `section` that of its decode."""

    group: str
    name: str
    section: str
    pattern: Pattern

    @property
    def mnemonic(self) -> str:
        """The first mnemonic of the title this class belongs to."""
        return FIRST_MNEMONIC.get(self.name) or self.name.partition("_")[0]

    def words(self) -> list[int]:
        """Words of the class, its fields at random, the same every time."""
        rng = random.Random(self.pattern.text)
        free = ~self.pattern.mask & 0xFFFF_FFFF
        return [self.pattern.value | rng.getrandbits(32) & free for _ in range(SAMPLES)]

    def fields(self, word: int) -> dict[str, int]:
        """The fields of a word of the class, and the word itself."""
        return {"word": word} | {field.name: field.extract(word) for field in self.pattern.fields}


FIRST_MNEMONIC = {
    "b_cond": "b.cond",
    "bc_cond": "bc.cond",
    "bfmlal_advsimd_elt": "bfmlalb",
    "bfmlal_advsimd_vec": "bfmlalb",
    "blra": "blraa",
    "bra": "braa",
    "crc32": "crc32b",
    "crc32c": "crc32cb",
    "ereta": "eretaa",
    "ldra": "ldraa",
    "reta": "retaa",
    "setf": "setf8",
    "xpac": "xpacd",
}
"""Where a class has another name than the first of its instructions."""


def read_rows() -> list[Row]:
    lines = (line for line in DATA.read_text().splitlines() if not line.startswith("#"))
    rows = []
    for entry in csv.DictReader(lines):
        name, _, section = entry["name"].partition(" / ")
        rows.append(Row(entry["group"], name, section, parse_pattern(entry["pattern"].lower())))
    return rows


ROWS = read_rows()


def first_mnemonic(title: str) -> str:
    return re.split(r"[ ,]", title.lower())[0]


def classes_of(word: int, among: list[Row]) -> set[str]:
    """The mnemonics of all classes that a word has the pattern of."""
    return {row.mnemonic for row in among if row.pattern.matches(word)}


# --- what a class's own decode says is UNDEFINED


@attrs.frozen
class Reserved:
    """Field values for which the decode of the classes named so is UNDEFINED."""

    names: str
    when: Callable[[dict[str, int]], bool]
    reason: str

    def covers(self, row: Row, word: int) -> bool:
        return re.fullmatch(self.names, row.name) is not None and self.when(row.fields(word))


PSTATE_FIELDS = {(0, 3), (0, 4), (0, 5), (3, 1), (3, 2), (3, 4), (3, 6), (3, 7)}
"""op1 and op2 of UAO, PAN, SPSel, SSBS, DIT, TCO, DAIFSet and DAIFClr."""

RESERVED = [
    Reserved(r"(add|sub)s?_addsub_shift", lambda f: f["shift"] == 3, "an addition does not rotate"),
    Reserved(r"\w+_(addsub|log)_shift|bics|eon", lambda f: f["imm6"] >> 5 > f["sf"], "a shift of 32 bits or more"),
    Reserved(r"(add|sub)s?_addsub_ext", lambda f: f["imm3"] > 4, "a shift by more than 4"),
    Reserved(
        r"\w+_log_imm",
        lambda f: not bit_masks_are_valid(f["n"], f["imms"], f["sf"]),
        "no such mask (DecodeBitMasks)",
    ),
    Reserved(
        r"[su]?bfm",
        lambda f: f["n"] != f["sf"] or (f["immr"] | f["imms"]) >> 5 > f["sf"],
        "N is sf, and 32 bits have positions below 32",
    ),
    Reserved(
        r"extr", lambda f: f["n"] != f["sf"] or f["imms"] >> 5 > f["sf"], "N is sf, and a position below the width"
    ),
    Reserved(r"mov[knz]", lambda f: f["hw"] >> 1 > f["sf"], "32 bits have two halfwords"),
    Reserved(r"(aut|pac)[id][ab]", lambda f: f.get("z") == 1 and f["rn"] != 31, "a zero modifier has Rn 31"),
    Reserved(r"bl?ra", lambda f: f["z"] == 0 and f["rm"] != 31, "a zero modifier has Rm 31"),
    Reserved(r"casp", lambda f: bool((f["rs"] | f["rt"]) & 1), "a pair begins with an even register"),
    Reserved(r"(ldclr|ldset|swp)p", lambda f: 31 in (f["rt"], f["rt2"]), "the pair has no zero register"),
    Reserved(r"crc32c?", lambda f: f["sf"] != (f["sz"] == 3), "the doubleword goes with sf"),
    Reserved(r"(ldr|str)\w*_reg\w*", lambda f: f["option_name"] & 2 == 0, "an index is extended from 32 bits at least"),
    Reserved(r"rev", lambda f: f["sf"] == 0 and f["word"] >> 10 & 1 == 1, "32 bits have no 64-bit reversal"),
    Reserved(
        r"msr_imm",
        lambda f: (f["op1"], f["op2"]) not in PSTATE_FIELDS,
        "no such PSTATE field (ALLINT, PM, SVCR: not here)",
    ),
]

UNKNOWN_TO_LLVM = re.compile(r"rcw|gcs|mrrs|msrr|sysp|ldap1_|stl1_|ldapur_fpsimd|stlur_fpsimd")
"""Classes of what is newer than LLVM 14."""

REGISTERS_RESERVED_IN_LLVM = re.compile(r"cpy|set|st64b|ld64b")
"""Classes in which LLVM 14 refuses registers that are the same or 31: that is CONSTRAINED UNPREDICTABLE."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name} {row.section}")
def test_every_class_is_accounted_for(row) -> None:
    related = [other for other in ROWS if other.pattern.overlaps(row.pattern)]
    own = 0
    for word in row.words():
        decoded = table.decode(word)
        if decoded is None:
            assert row_is_unsupported(row) or any(item.covers(row, word) for item in RESERVED), f"{word:#010x}"
            continue
        mnemonic = first_mnemonic(decoded.definition.title)
        own += mnemonic == row.mnemonic
        assert mnemonic in classes_of(word, related) or decoded.definition.specialises == "HINT", f"{word:#010x}"
    assert own, "no word of this class is what the class is named for"


@cache
def row_is_unsupported(row: Row) -> bool:
    """Whether what the class is named for is in the table, but not implemented."""
    named = [
        item
        for item in table.DECODER.definitions
        if item.pattern.overlaps(row.pattern) and first_mnemonic(item.title) == row.mnemonic
    ]
    return bool(named) and all(item.unsupported for item in named)


@pytest.mark.parametrize("item", RESERVED, ids=lambda item: item.names)
def test_reserved_values_are_unallocated(item) -> None:
    """Each rule is true, and needed."""
    used = 0
    for row in ROWS:
        for word in row.words():
            if item.covers(row, word) and not row_is_unsupported(row):
                decoded = table.decode(word)
                if decoded and decoded.definition.unsupported:
                    continue
                used += 1
                assert decoded is None or first_mnemonic(decoded.definition.title) != row.mnemonic, f"{word:#010x}"
    assert used


def test_unsupported_classes_are_allocated_where_llvm_knows_them() -> None:
    rows = [row for row in ROWS if row_is_unsupported(row) and not UNKNOWN_TO_LLVM.match(row.name)]
    cases = [(row, word) for row in rows for word in row.words()]
    differences = []
    for (row, word), theirs in zip(cases, Llvm().decode([word for _, word in cases]), strict=True):
        decoded = table.decode(word)
        if theirs is None and decoded and REGISTERS_RESERVED_IN_LLVM.match(row.name):
            continue
        if (theirs is None) != (decoded is None):
            differences.append(f"{word:#010x} {row.name}: LLVM {theirs!r}, we {decoded and decoded.definition.title!r}")
    assert len(cases) > 40_000
    assert differences == []


# --- the other way round

NOT_LISTED = {
    "DC": "a class of SYS that accesses memory, and so has a definition of its own",
    "ERET": "the classes listed have a field; these are one word each",
    "DRPS": "one word",
    "SB": "one word",
    "CFINV": "one word",
    "XAFLAG": "one word",
    "AXFLAG": "one word",
    "TCOMMIT": "one word",
    "SVE encodings": "the base, FP and Advanced SIMD encodings only are listed",
    "SME encodings": "as SVE",
}


def is_listed(definition: Definition) -> bool:
    mnemonic = first_mnemonic(definition.title)
    overlapping = [row for row in ROWS if row.pattern.overlaps(definition.pattern)]
    return mnemonic in {row.mnemonic for row in overlapping} or definition.specialises == "HINT"


def test_no_definition_is_outside_the_classes() -> None:
    outside = {item.title for item in table.DECODER.definitions if not is_listed(item)}
    assert set(NOT_LISTED) == outside


def test_totals(capsys) -> None:
    unsupported = sum(row_is_unsupported(row) for row in ROWS)
    with capsys.disabled():
        sys.stdout.write(f"\n{len(ROWS)} classes: {len(ROWS) - unsupported} implemented, {unsupported} unsupported\n")
    assert len(ROWS) == 1014
